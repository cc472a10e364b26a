// SPDX-License-Identifier: MIT
// Threads and processes on POSIX systems: what a thread of our own needs, and how a child is told from its parent.
#pragma once

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>  // _POSIX_CLOCK_SELECTION
#include <csignal>
#include <ctime>
#include <new>           // std::nothrow
#include <shared_mutex>  // std::chrono without the calendar: see sockboot.hpp
#include "../atomic.hpp"
#include "posix_call.hpp"

namespace sockboot::inline v0_2::detail::os {
[[gnu::visibility("default")]] inline constinit Atomic<int> forks{0};

/// A number that grows with each fork(): what was made under another one belongs to the parent, with its threads, its
/// locks and what its descriptors stand for. Safe in a signal handler.
inline int fork_generation() noexcept { return forks.load(); }

/// The same for something new; forks are counted from the first one on.
inline int new_fork_generation() noexcept {
    static const int registered = ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1); });  // best effort
    static_cast<void>(registered);
    return fork_generation();
}

/// A lock, held by one thread.
class Mutex {
public:
    Mutex() noexcept = default;
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;
    void lock() noexcept { ::pthread_mutex_lock(&native_); }
    void unlock() noexcept { ::pthread_mutex_unlock(&native_); }

private:
    friend class Condition;
    pthread_mutex_t native_ = PTHREAD_MUTEX_INITIALIZER;
};

/// What a thread waits for that lets go of a Mutex meanwhile.
class Condition {
public:
    Condition() noexcept {
#if defined(_POSIX_CLOCK_SELECTION) && _POSIX_CLOCK_SELECTION > 0
        pthread_condattr_t monotonic;
        ::pthread_condattr_init(&monotonic);
        ::pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        ::pthread_cond_init(&native_, &monotonic);
        ::pthread_condattr_destroy(&monotonic);
#endif
    }
    Condition(const Condition&) = delete;
    Condition& operator=(const Condition&) = delete;
    ~Condition() { ::pthread_cond_destroy(&native_); }

    /// Until it is notified, at most so long: nanoseconds::max() is for ever. Also wakes without a reason.
    void wait(Mutex& held, std::chrono::nanoseconds time) noexcept {
        constexpr std::int64_t ns_per_s = 1'000'000'000;
        constexpr std::int64_t year_s = 365 * 86'400;  // far enough, and no time_t overflows
        const std::int64_t seconds = time.count() / ns_per_s;
        timespec until{static_cast<time_t>(seconds < year_s ? seconds : year_s),
                       static_cast<long>(time.count() % ns_per_s)};
#if defined(_POSIX_CLOCK_SELECTION) && _POSIX_CLOCK_SELECTION > 0
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        const std::int64_t nanoseconds = std::int64_t{until.tv_nsec} + now.tv_nsec;
        until.tv_sec += now.tv_sec + static_cast<time_t>(nanoseconds / ns_per_s);
        until.tv_nsec = static_cast<long>(nanoseconds % ns_per_s);
        ::pthread_cond_timedwait(&native_, &held.native_, &until);
#else  // macOS
        ::pthread_cond_timedwait_relative_np(&native_, &held.native_, &until);
#endif
    }
    void notify_one() noexcept { ::pthread_cond_signal(&native_); }
    void notify_all() noexcept { ::pthread_cond_broadcast(&native_); }

private:
    pthread_cond_t native_ = PTHREAD_COND_INITIALIZER;
};

/// Keeps the module that holds this code in memory, so that dlclose(3) takes none from under a thread. Best effort.
inline void pin_module(void (*code)(void*)) noexcept {
    Dl_info module{};
    if (::dladdr(reinterpret_cast<void*>(code), &module) != 0 && module.dli_fname != nullptr)
        static_cast<void>(::dlopen(module.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE));
}

/// Runs `run(argument)` in a detached thread, in which no signal handler of the program runs.
inline Result<void> start_thread(void (*run)(void*), void* argument) {
    struct Start {
        void (*run)(void*);
        void* argument;
    };
    pin_module(run);
    auto* start = new (std::nothrow) Start{run, argument};
    sigset_t all, before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread{};
    const auto thread_main = [](void* raw) -> void* {
        const Start taken = *static_cast<Start*>(raw);
        delete static_cast<Start*>(raw);
        taken.run(taken.argument);
        return nullptr;
    };
    const int number = start ? ::pthread_create(&thread, nullptr, thread_main, start) : ENOMEM;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (number == 0) return ::pthread_detach(thread), Result<void>();
    delete start;
    return Error(make_error_code(std::errc::not_enough_memory), Operation::resolve)
        .with_note("no thread could be started");
}
}  // namespace sockboot::inline v0_2::detail::os
