// SPDX-License-Identifier: MIT
// Waiting on POSIX systems: poll, and the pipe that ends it from elsewhere.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <climits>
#include <shared_mutex>  // std::chrono without the calendar: see sockboot.hpp
#include "posix_call.hpp"
#include "posix_option.hpp"
#include "posix_socket.hpp"

namespace sockboot::inline v0_2::detail::os {
/// A handle and what it is polled for; the system's own struct, so that poll() copies nothing.
class PollEntry : public pollfd {
public:
    PollEntry() noexcept : PollEntry(no_handle, 0) {}
    /// no_handle stands for nothing: it is never ready.
    static PollEntry readable(Handle handle) noexcept { return PollEntry(handle, POLLIN); }
    static PollEntry writable(Handle handle) noexcept { return PollEntry(handle, POLLOUT); }
    /// Also true when the handle failed or hung up: the next call on it says how.
    [[nodiscard]] bool ready() const noexcept { return revents != 0; }

private:
    PollEntry(Handle handle, short wanted) noexcept : pollfd{handle, wanted, 0} {}
};
static_assert(sizeof(PollEntry) == sizeof(pollfd));

/// Polls for so long, once: nanoseconds::max() is for ever, zero and less is one look. Moved: how many are ready, 0
/// when the time is up. A signal interrupts it.
inline IoResult poll(PollEntry* entries, std::size_t count, std::chrono::nanoseconds time) noexcept {
    constexpr std::int64_t ns_per_ms = 1'000'000;
    int milliseconds = 0;
    if (time.count() >= INT_MAX * ns_per_ms) [[unlikely]]
        milliseconds = time == (std::chrono::nanoseconds::max)() ? -1 : INT_MAX;
    else if (time.count() > 0)
        milliseconds = static_cast<int>((time.count() + ns_per_ms - 1) / ns_per_ms);  // never early
    return io_result(::poll(entries, static_cast<nfds_t>(count), milliseconds));
}

/// The two ends of a pipe: what is once written keeps `read_end` readable until it is drained.
struct WakePipe {
    Handle read_end, write_end;
};

inline Result<WakePipe> make_wake_pipe() {
    Handle ends[2];
#ifdef SOCK_CLOEXEC
    IoResult made = io_result(::pipe2(ends, O_CLOEXEC | O_NONBLOCK));
#else
    IoResult made = io_result(::pipe(ends));
#endif
    if (!made) return error_of(made, Operation::open);
    for (Handle& end : ends) {
        if (end >= first_handle) continue;
        const IoResult moved = move_above_standard(end);
        end = moved ? static_cast<Handle>(moved.bytes()) : no_handle;
        if (!moved) made = moved;
    }
    if (!made) {
        for (const Handle end : ends) ::close(end);
        return error_of(made, Operation::open);
    }
#ifndef SOCK_CLOEXEC
    for (const Handle end : ends) {
        set_creation_flags(end);
        static_cast<void>(set_non_blocking(end, true));  // cannot fail on it
    }
#endif
    return WakePipe{ends[0], ends[1]};
}

/// Makes the other end readable: safe in a signal handler; a full pipe is readable already.
inline void notify(Handle write_end) noexcept {
    const ErrnoGuard guard;
    static_cast<void>(::write(write_end, "!", 1));
}

/// Takes back all that was written.
inline void drain(Handle read_end) noexcept {
    char bytes[16];
    while (::read(read_end, bytes, sizeof bytes) > 0) {
    }
}
}  // namespace sockboot::inline v0_2::detail::os
