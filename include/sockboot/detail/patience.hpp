// SPDX-License-Identifier: MIT
// Patience: how long the calls of one socket wait, in which way, and what ends them before their time.
#pragma once

#include <chrono>
#include <utility>  // std::move

#include "../canceller.hpp"
#include "../timeout.hpp"
#include "os.hpp"

namespace sockboot::detail {

inline constexpr const char* negative_spin = "spin: 0 us (off) or more";

/// A timeout, a canceller, and a time to spin before a call goes to sleep.
class Patience {
public:
    Patience() noexcept = default;
    Patience(Timeout timeout, Canceller canceller, std::chrono::microseconds spin) noexcept
        : timeout_(timeout), canceller_(std::move(canceller)), spin_(spin) {
        settle();
    }

    [[nodiscard]] Timeout timeout() const noexcept { return timeout_; }
    [[nodiscard]] const Canceller& canceller() const noexcept { return canceller_; }
    [[nodiscard]] std::chrono::microseconds spin() const noexcept { return spin_; }

    void set_timeout(Timeout timeout) noexcept { timeout_ = timeout, settle(); }
    void set_canceller(Canceller canceller) noexcept { canceller_ = std::move(canceller), settle(); }
    void set_spin(std::chrono::microseconds spin) noexcept { spin_ = spin, settle(); }

    /// Whether a call may sleep inside the system, where only its own event can wake it: nothing else is to end it.
    [[nodiscard]] bool may_block() const noexcept { return may_block_; }
    [[nodiscard]] bool may_block(const Deadline& deadline) const noexcept {
        return deadline.is_forever() && !canceller_ && spin_.count() == 0;
    }

    /// Whether a call is over before it has begun: cancelled, or out of time.
    [[nodiscard]] bool is_stopped(const Deadline& deadline) const noexcept {
        return canceller_.is_cancelled() || deadline.is_over_already();
    }

    [[nodiscard]] Error stopped(Operation operation) const {
        return {canceller_.is_cancelled() ? Errc::cancelled : Errc::deadline_exceeded, operation};
    }

    /// Sleeps until the handle is ready, the deadline has come or the canceller strikes.
    Result<void> wait(const os::Watched& handle, Operation operation, Deadline& deadline) const {
        // Readiness that the next call does not find must not go on for ever.
        if (is_stopped(deadline) || deadline.expired()) return stopped(operation);
        os::Watched watched[] = {handle, canceller_.ear()};
        auto ready = os::wait_any(watched, 2, deadline);
        if (!ready) return Error(ready.error().code(), operation);
        if (watched[1].ready()) return Error(Errc::cancelled, operation);
        return ready;
    }

    /// Makes a call that found nothing to move again and again, awake, for the time to spin.
    template <class Call>
    os::Moved spinning(os::Moved moved, const Deadline& deadline, Call again) const {
        if (spin_.count() == 0 || !moved.would_block() || deadline.tries_once()) return moved;
        Deadline spin = Deadline::started(spin_);
        Deadline whole = deadline;
        while (moved.would_block() && !is_stopped(whole) && !whole.expired() && !spin.expired()) moved = again();
        return moved;
    }

private:
    void settle() noexcept { may_block_ = may_block(Deadline(timeout_)); }

    Timeout timeout_;
    Canceller canceller_ = Canceller::none();
    std::chrono::microseconds spin_{0};
    bool may_block_ = true;
};

}  // namespace sockboot::detail
