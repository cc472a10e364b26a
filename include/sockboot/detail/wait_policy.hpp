// SPDX-License-Identifier: MIT
// WaitPolicy: how long the calls of one socket wait, in which way, and what ends them before their time.
#pragma once

#include "../canceller.hpp"
#include "../timeout.hpp"
#include "atomic.hpp"
#include "os.hpp"

namespace sockboot::inline v0_2::detail {
template <class S> class StreamIo;

inline constexpr const char* negative_spin = "spin: 0 us (off) or more";

/// A timeout, a canceller, and a time to busy-poll before a call blocks.
///
/// What the first try of a call has to know is worked out when one of them is set: whether it is to be made at all (one
/// load from `stop_flag`), and what it may block for.
class WaitPolicy {
public:
    WaitPolicy() noexcept = default;
    WaitPolicy(Timeout timeout, Canceller canceller, std::chrono::microseconds spin) noexcept
        : timeout_(timeout), canceller_(std::move(canceller)), spin_(spin) {
        update();
    }
    WaitPolicy(const WaitPolicy&) noexcept = default;
    WaitPolicy& operator=(const WaitPolicy&) noexcept = default;
    /// stop_flag may lie in the canceller's state, which moves with it.
    WaitPolicy(WaitPolicy&& other) noexcept : WaitPolicy(other.timeout_, std::move(other.canceller_), other.spin_) {
        other.update();
    }
    WaitPolicy& operator=(WaitPolicy&& other) noexcept {
        timeout_ = other.timeout_, canceller_ = std::move(other.canceller_), spin_ = other.spin_;
        update();
        other.update();
        return *this;
    }

    [[nodiscard]] Timeout timeout() const noexcept { return timeout_; }
    [[nodiscard]] std::chrono::microseconds spin() const noexcept { return spin_; }

    void set_timeout(Timeout timeout) noexcept { timeout_ = timeout, update(); }
    void set_canceller(Canceller canceller) noexcept { canceller_ = std::move(canceller), update(); }
    void set_spin(std::chrono::microseconds spin) noexcept { spin_ = spin, update(); }

    // --- for the first try of a call, within the socket's own timeout ---
    const Atomic<bool>* stop_flag = &never_;           ///< set: it is not to be made; stop_error() says why
    os::BlockUntil until_some = os::BlockUntil::some;  ///< what a transfer may block for: the first byte,
    os::BlockUntil until_all = os::BlockUntil::all;    ///< or all of them; nothing, where something else can end it

    // --- for everything after it, within any deadline ---
    /// Whether a call may block inside the system, where only its own event wakes it: nothing else is to end it.
    [[nodiscard]] bool blocks_within(const Deadline& deadline) const noexcept {
        return deadline.is_forever() && !canceller_ && spin_.count() == 0;
    }
    /// Why a call is to end before it tries anything; moved(0): it is not.
    [[nodiscard]] os::IoResult stop_error(const Deadline& deadline) const noexcept {
        if (canceller_.is_cancelled()) return os::IoResult::cancelled;
        return deadline.is_negative() ? os::IoResult::deadline_exceeded : os::IoResult::moved(0);
    }
    /// wait_until() with this canceller; a deadline that polls waits for nothing.
    [[nodiscard]] os::IoResult wait(const os::PollEntry& entry, Deadline& deadline) const noexcept {
        if (!deadline.is_poll()) return wait_until(entry, canceller_, deadline);
        return canceller_.is_cancelled() ? os::IoResult::cancelled : os::IoResult::would_block;
    }
    /// Busy-polls: makes a call that found nothing, or was not made yet, again and again, for the time of `spin`.
    template <class Call> os::IoResult busy_poll(os::IoResult tried, const Deadline& deadline, const Call& call) const {
        const auto is_again = [&] {
            return tried.is(os::IoResult::would_block) || tried.is(os::IoResult::interrupted);
        };
        if (!is_again() || deadline.is_poll()) return tried;
        Deadline spin = Deadline::started(spin_);
        Deadline whole = deadline;
        while (is_again() && !whole.expired() && !spin.expired()) {
            if (const os::IoResult stop = stop_error(deadline); !stop) return stop;
            tried = call();
        }
        return tried;
    }

private:
    template <class S> friend class StreamIo;

    void update() noexcept {
        const Deadline own(timeout_);
        const Atomic<bool>* cancelled = cancel_flag(canceller_);
        stop_flag = own.is_negative() ? &always_ : cancelled ? cancelled : &never_;
        until_some = blocks_within(own) ? os::BlockUntil::some : os::BlockUntil::nothing;
        until_all = blocks_within(own) ? os::BlockUntil::all : os::BlockUntil::nothing;
    }

    static inline const Atomic<bool> never_{false}, always_{true};
    Timeout timeout_;
    Canceller canceller_ = Canceller::none();
    std::chrono::microseconds spin_{0};
};
}  // namespace sockboot::inline v0_2::detail
