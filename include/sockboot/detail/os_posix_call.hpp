// SPDX-License-Identifier: MIT
// One system call on POSIX systems: how its error number is taken, and when it is made again.
#pragma once

#include <sys/types.h>  // ssize_t

#include <cerrno>
#include <cstddef>
#include <system_error>

#include "../result.hpp"

namespace sockboot::detail::os {

using Handle = int;
inline constexpr Handle no_handle = -1;

/// The error that the system call before it left in errno.
inline Error last_error(Operation operation) noexcept { return {{errno, std::system_category()}, operation}; }

/// What a system call returned, or the reason why it failed: taken in the same expression, so that nothing can get
/// between the call and its errno.
template <class Integer>
Result<Integer> checked(Operation operation, Integer returned) noexcept {
    if (returned < 0) [[unlikely]]
        return last_error(operation);
    return returned;
}

inline Result<void> succeeded(Operation operation, int returned) noexcept {
    if (returned < 0) [[unlikely]]
        return last_error(operation);
    return {};
}

/// What one transfer came to, in one register: so many bytes, or the error number of the system.
class Moved {
public:
    /// Nothing was tried yet: the same as finding no room or no data.
    Moved() noexcept : value_(-EAGAIN) {}

    /// What send(2) or recv(2) returned; errno is read in the same expression.
    explicit Moved(ssize_t returned) noexcept : value_(returned >= 0 ? returned : -errno) {}

    explicit operator bool() const noexcept { return value_ >= 0; }
    [[nodiscard]] std::size_t bytes() const noexcept { return static_cast<std::size_t>(value_); }

    /// Whether it moved anything.
    [[nodiscard]] bool any() const noexcept { return value_ > 0; }

    /// Whether it moved all of `wanted` bytes.
    [[nodiscard]] bool all(std::size_t wanted) const noexcept { return bytes() == wanted; }

    [[nodiscard]] bool was_interrupted() const noexcept { return value_ == -EINTR; }
    [[nodiscard]] bool would_block() const noexcept {
#if EWOULDBLOCK != EAGAIN
        if (value_ == -EWOULDBLOCK) return true;
#endif
        return value_ == -EAGAIN;
    }
    [[nodiscard]] Error error(Operation operation) const noexcept {
        return {{static_cast<int>(-value_), std::system_category()}, operation};
    }

private:
    ssize_t value_;
};

/// Makes the call again as long as a signal interrupts it.
template <class Call>
auto uninterrupted(Call call) noexcept {
    for (;;)
        if (const auto returned = call(); returned >= 0 || errno != EINTR) return returned;
}

}  // namespace sockboot::detail::os
