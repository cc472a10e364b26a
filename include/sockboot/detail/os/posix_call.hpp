// SPDX-License-Identifier: MIT
// One system call on POSIX systems: how its error number is taken, and when it is made again.
//
// Systems are told apart by feature (#ifdef SOCK_CLOEXEC), never by name. Every call is made again after EINTR, but
// close(2) and connect(2), which must not be.
#pragma once

#include <sys/types.h>  // ssize_t
#include <cerrno>
#include "../../operation.hpp"
#include "../../result.hpp"
#include "types.hpp"

namespace sockboot::inline v0_2::detail::os {
using Handle = int;
inline constexpr Handle no_handle = -1;
inline constexpr int no_memory = ENOMEM;

inline std::error_code to_error_code(int number) noexcept { return {number, std::system_category()}; }

/// The result of a system call, with the error number that it left: the one place that reads errno, in the expression
/// of the call, so that nothing can come in between.
[[gnu::always_inline]] inline IoResult io_result(ssize_t returned) noexcept {
    if (returned >= 0) return IoResult::moved(static_cast<std::size_t>(returned));
    switch (const int number = errno; number) {
        case EAGAIN:
#if EWOULDBLOCK != EAGAIN
        case EWOULDBLOCK:
#endif
            return IoResult::would_block;
        case EINTR: return IoResult::interrupted;
        default: return IoResult::failed(number);
    }
}

/// For a call that leaves errno alone where another number says why it failed: 0 is then no reason.
inline void clear_errno() noexcept { errno = 0; }

/// Makes the call again as long as a signal interrupts it.
template <class Call> IoResult uninterrupted(const Call& call) noexcept {
    for (;;)
        if (const IoResult result = io_result(call()); !result.is(IoResult::interrupted)) return result;
}

inline Error error_of(IoResult result, Operation operation) { return {result.code(), operation}; }

/// Success, or the error of a call that returned -1.
inline Result<void> checked(Operation operation, IoResult result) {
    if (!result) return error_of(result, operation);
    return {};
}

/// Leaves errno as it was, for calls that a signal handler may make.
class ErrnoGuard {
public:
    ErrnoGuard() noexcept = default;
    ErrnoGuard(const ErrnoGuard&) = delete;
    ErrnoGuard& operator=(const ErrnoGuard&) = delete;
    ~ErrnoGuard() { errno = before_; }

private:
    const int before_ = errno;
};
}  // namespace sockboot::inline v0_2::detail::os
