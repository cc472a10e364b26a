// SPDX-License-Identifier: MIT
// One system call on POSIX systems: how its error number is taken, and when it is made again.
#pragma once

#include <cerrno>
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

/// Makes the call again as long as a signal interrupts it.
template <class Call>
auto uninterrupted(Call call) noexcept {
    for (;;)
        if (const auto returned = call(); returned >= 0 || errno != EINTR) return returned;
}

}  // namespace sockboot::detail::os
