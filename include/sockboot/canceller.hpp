// SPDX-License-Identifier: MIT
// Canceller: ends any blocked call of this library, from another thread or from a signal handler.
#pragma once

#include <utility>  // std::move

#include "detail/atomic.hpp"
#include "detail/os.hpp"
#include "detail/shared.hpp"
#include "timeout.hpp"

namespace sockboot {

/// A switch that ends blocked calls: accept, connect, send, receive, and everything built on them.
///
/// Put it into the options of a server or a connection, or into a Socket. cancel() wakes every call that is blocked on
/// one of its sockets, and every later one fails at once, with Errc::cancelled, until reset(). It closes nothing, so no
/// descriptor can be mixed up with another one's. Copies are one switch; sockets keep what they need of it alive.
/// Threads: cancel() and is_cancelled(): any, also in a signal handler. reset(): while no call is blocked on it and
///          nobody strikes.
class Canceller {
public:
    /// A fresh switch. Errors: no descriptors left (it takes two).
    Canceller() : Canceller(try_create().value()) {}
    [[nodiscard]] static Result<Canceller> try_create();

    /// One that never strikes: what options hold unless they are given another.
    [[nodiscard]] static Canceller none() noexcept { return Canceller(detail::Shared<State>()); }

    /// Strikes. Safe in a signal handler; a second time does nothing.
    void cancel() noexcept {
        if (state_ && !state_->struck.exchange(true)) detail::os::ring(state_->bell.get());
    }

    [[nodiscard]] bool is_cancelled() const noexcept { return state_ && state_->struck.load(); }

    /// Makes it ready to strike again.
    void reset() noexcept {
        if (!state_) return;
        state_->struck.store(false);
        detail::os::silence(state_->ear.get());
    }

    /// Whether it can strike at all.
    explicit operator bool() const noexcept { return static_cast<bool>(state_); }

    /// What a wait listens to beside its sockets: ready once cancel() has been called.
    [[nodiscard]] detail::os::Watched ear() const noexcept {
        return detail::os::Watched::readable(state_ ? state_->ear.get() : detail::os::no_handle);
    }

private:
    struct State final : detail::Counted {
        State(detail::os::Owned ear_end, detail::os::Owned bell_end) noexcept
            : ear(std::move(ear_end)), bell(std::move(bell_end)) {}
        detail::os::Owned ear, bell;
        detail::Atomic<bool> struck{false};
    };
    static_assert(detail::Atomic<bool>::is_always_lock_free, "a signal handler must not meet a lock");

    explicit Canceller(detail::Shared<State> state) noexcept : state_(std::move(state)) {}

    detail::Shared<State> state_;
};

inline Result<Canceller> Canceller::try_create() {
    auto alarm = detail::os::make_alarm();
    if (!alarm) return std::move(alarm).error();
    detail::os::Owned ear(alarm->ear), bell(alarm->bell);
    return Canceller(detail::Shared<State>(new State(std::move(ear), std::move(bell))));
}

}  // namespace sockboot
