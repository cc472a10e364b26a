// SPDX-License-Identifier: MIT
// Waiting on POSIX systems: poll, and what can end it from elsewhere.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <new>  // std::nothrow

#include "os_posix_socket.hpp"

namespace sockboot::detail::os {

/// A handle and what it is waited for; its system's own struct, so that wait_any() copies nothing.
class Watched : public pollfd {
public:
    Watched() noexcept : Watched(no_handle, 0) {}
    /// no_handle stands for nothing: it is never ready.
    static Watched readable(Handle handle) noexcept { return Watched(handle, POLLIN); }
    static Watched writable(Handle handle) noexcept { return Watched(handle, POLLOUT); }
    /// Also true when the handle failed or hung up: the next call on it says how.
    [[nodiscard]] bool ready() const noexcept { return revents != 0; }

private:
    Watched(Handle handle, short wanted) noexcept : pollfd{handle, wanted, 0} {}
};
static_assert(sizeof(Watched) == sizeof(pollfd));

/// Waits until one of the handles is ready; looks once even when the time is up.
/// Errors: would-block where the deadline only tries once; deadline_exceeded.
inline Result<void> wait_any(Watched* watched, std::size_t count, Deadline& deadline) {
    if (deadline.tries_once()) return Error(make_error_code(std::errc::operation_would_block), Operation::wait);
    for (;;) {
        int milliseconds = -1;
        if (!deadline.is_forever()) {
            const auto left = deadline.remaining().count();
            const auto rounded_up = left / 1'000'000 + (left % 1'000'000 != 0 ? 1 : 0);  // never early
            milliseconds = rounded_up < INT_MAX ? static_cast<int>(rounded_up) : INT_MAX;
        }
        const int ready = ::poll(watched, static_cast<nfds_t>(count), milliseconds);
        if (ready > 0) return {};
        if (ready < 0 && errno != EINTR) return last_error(Operation::wait);
        if (ready == 0 && deadline.expired()) return Error(Errc::deadline_exceeded, Operation::wait);
    }
}

/// Runs `work(argument)` in a thread that nobody waits for, and in which no signal handler of the program runs.
inline Result<void> start_thread(void (*work)(void*), void* argument) {
    struct Start {
        void (*work)(void*);
        void* argument;
    };
    const auto failed = [] {
        return Error(make_error_code(std::errc::not_enough_memory), Operation::resolve)
            .with_note("no thread could be started");
    };
    auto* start = new (std::nothrow) Start{work, argument};
    if (start == nullptr) return failed();
    sigset_t all, before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread{};
    const int number = ::pthread_create(
        &thread, nullptr,
        [](void* raw) -> void* {
            const Start todo = *static_cast<Start*>(raw);
            delete static_cast<Start*>(raw);
            todo.work(todo.argument);
            return nullptr;
        },
        start);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (number != 0) {
        delete start;
        return failed();
    }
    ::pthread_detach(thread);
    return {};
}

/// The two ends of a pipe: what is once written to `bell` keeps `ear` readable for good.
struct Alarm {
    Handle ear, bell;
};

inline Result<Alarm> make_alarm() {
    Handle ends[2];
#ifdef SOCK_CLOEXEC
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return last_error(Operation::open);
#else
    if (::pipe(ends) < 0) return last_error(Operation::open);
    for (const Handle end : ends) static_cast<void>(set_non_blocking(born(end), true));  // cannot fail on them
#endif
    return Alarm{ends[0], ends[1]};
}

/// Rings: safe in a signal handler; a full pipe rings already.
inline void ring(Handle bell) noexcept {
    const int saved = errno;
    static_cast<void>(::write(bell, "!", 1));
    errno = saved;
}

/// Takes back all that was rung.
inline void silence(Handle ear) noexcept {
    char bytes[16];
    while (::read(ear, bytes, sizeof bytes) > 0) {
    }
}

}  // namespace sockboot::detail::os
