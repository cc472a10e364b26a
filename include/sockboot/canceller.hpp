// SPDX-License-Identifier: MIT
// Canceller: ends any blocked call of this library, from another thread or from a signal handler.
#pragma once

#include "detail/atomic.hpp"
#include "detail/os.hpp"
#include "detail/shared.hpp"
#include "result.hpp"
#include "timeout.hpp"

namespace sockboot::inline v0_2 {
class Canceller;

namespace detail {
/// For those who wait: what is polled beside a socket, ready once cancel() has been called.
os::PollEntry wake_entry(const Canceller& canceller) noexcept;

/// The flag that cancel() sets; null where there is none to set. It lives as long as the Canceller has copies.
const Atomic<bool>* cancel_flag(const Canceller& canceller) noexcept;
}  // namespace detail

/// Ends blocked calls: accept, connect, send, receive, and everything built on them.
///
/// Put it into the options of a server or a connection, or into a Socket. cancel() wakes every call that is blocked on
/// one of its sockets, and every later one fails at once, with Errc::cancelled, until reset(). It closes nothing, so no
/// descriptor can be mixed up with another one's. Copies share one state, which their sockets keep alive.
/// Threads: cancel() and is_cancelled(): any, also in a signal handler. reset(): while no call is blocked on it and
///          cancel() is not being called.
/// Calls:   pipe2(2), write(2), read(2).
class Canceller {
public:
    /// A fresh one. Errors: no descriptors left (it takes two).
    Canceller() : Canceller(try_create().value()) {}
    [[nodiscard]] static Result<Canceller> try_create();
    /// One whose cancel() does nothing: what options hold unless they are given another.
    [[nodiscard]] static Canceller none() noexcept { return Canceller(detail::Shared<State>()); }
    /// Ends the calls. Safe in a signal handler; a second time does nothing.
    void cancel() noexcept {
        if (state_ && !state_->cancelled.exchange(true)) detail::os::notify(state_->write_end.get());
    }

    [[nodiscard]] bool is_cancelled() const noexcept { return state_ && state_->cancelled.load(); }
    /// Lets calls block again, until the next cancel().
    void reset() noexcept {
        if (!state_) return;
        state_->cancelled.store(false);
        detail::os::drain(state_->read_end.get());
    }
    /// Whether it can cancel at all.
    explicit operator bool() const noexcept { return static_cast<bool>(state_); }

private:
    friend detail::os::PollEntry detail::wake_entry(const Canceller& canceller) noexcept;
    friend const detail::Atomic<bool>* detail::cancel_flag(const Canceller& canceller) noexcept;

    struct State final : detail::Counted {
        State(detail::os::UniqueHandle to_read, detail::os::UniqueHandle to_write) noexcept
            : read_end(std::move(to_read)), write_end(std::move(to_write)) {}
        detail::os::UniqueHandle read_end, write_end;
        detail::Atomic<bool> cancelled{false};
    };
    static_assert(detail::Atomic<bool>::is_always_lock_free, "a signal handler must not meet a lock");

    explicit Canceller(detail::Shared<State> state) noexcept : state_(std::move(state)) {}

    detail::Shared<State> state_;
};

inline Result<Canceller> Canceller::try_create() {
    auto pipe = detail::os::make_wake_pipe();
    if (!pipe) return std::move(pipe).error();
    detail::os::UniqueHandle read_end(pipe->read_end), write_end(pipe->write_end);
    return Canceller(detail::Shared<State>(new State(std::move(read_end), std::move(write_end))));
}

namespace detail {
inline os::PollEntry wake_entry(const Canceller& canceller) noexcept {
    return os::PollEntry::readable(canceller.state_ ? canceller.state_->read_end.get() : os::no_handle);
}

inline const Atomic<bool>* cancel_flag(const Canceller& canceller) noexcept {
    return canceller.state_ ? &canceller.state_->cancelled : nullptr;
}

/// Waits until the entry is ready, the deadline has come or cancel() is called; moved: it is ready.
inline os::IoResult wait_until(const os::PollEntry& entry, const Canceller& canceller, Deadline& deadline) noexcept {
    os::PollEntry entries[] = {entry, wake_entry(canceller)};
    for (;;) {
        // Also where poll says "ready" and the next call finds nothing, again and again.
        const auto left = deadline.remaining();
        if (left.count() == 0)
            return canceller.is_cancelled() ? os::IoResult::cancelled : os::IoResult::deadline_exceeded;
        const os::IoResult ready = os::poll(entries, 2, left);
        if (ready.any()) return entries[1].ready() ? os::IoResult::cancelled : ready;
        if (!ready && !ready.is(os::IoResult::interrupted)) return ready;
    }
}
}  // namespace detail
}  // namespace sockboot::inline v0_2
