// SPDX-License-Identifier: MIT
// WaitPolicy: how long the calls of one socket wait, in which way, and what ends them before their time.
#pragma once

#include <cstdint>
#include <limits>
#include "../canceller.hpp"
#include "../timeout.hpp"
#include "atomic.hpp"
#include "os.hpp"

namespace sockboot::inline v0_2::detail {
template <class S> class StreamIo;

inline constexpr const char* negative_spin = "spin: 0 us (off) or more";

/// A timeout for each direction, one deadline over a scope, a canceller, and a time to busy-poll before a call blocks.
///
/// What the first try of a call has to know is worked out when one of them is set: whether it is to be made at all (one
/// load from a flag), and what it may block for.
class WaitPolicy {
public:
    using nanoseconds = std::chrono::nanoseconds;
    using microseconds = std::chrono::microseconds;
    using time_point = Deadline::time_point;

    WaitPolicy() noexcept = default;
    WaitPolicy(Timeout timeout, Canceller canceller, microseconds spin) noexcept
        : settings_{timeout, timeout, std::move(canceller)} {
        set_spin(spin);
    }
    // The deadline of a scope belongs to one socket: it is not copied, and stays where it is when that is moved.
    WaitPolicy(const WaitPolicy& other) noexcept : spin_us_(other.spin_us_), settings_(other.settings_) { update(); }
    /// The flags may lie in the canceller's state, which moves with it.
    WaitPolicy(WaitPolicy&& other) noexcept : spin_us_(other.spin_us_), settings_(std::move(other.settings_)) {
        update();
        other.update();
    }
    WaitPolicy& operator=(WaitPolicy other) noexcept {
        spin_us_ = other.spin_us_, settings_ = std::move(other.settings_);
        update();
        return *this;
    }

    [[nodiscard]] Timeout receive_timeout() const noexcept { return settings_.receive_timeout; }
    [[nodiscard]] Timeout send_timeout() const noexcept { return settings_.send_timeout; }
    [[nodiscard]] microseconds spin() const noexcept { return microseconds(spin_us_); }
    /// When the time of the scope is up; time_point::max(): there is none.
    [[nodiscard]] time_point scope_end() const noexcept { return scope_end_; }

    // Each touches only what its own direction reads, so that a reader and a writer have theirs.
    void set_receive_timeout(Timeout timeout) noexcept { settings_.receive_timeout = timeout, update_receiving(); }
    void set_send_timeout(Timeout timeout) noexcept { settings_.send_timeout = timeout, update_sending(); }
    void set_canceller(Canceller canceller) noexcept { settings_.canceller = std::move(canceller), update(); }
    void set_scope_end(time_point end) noexcept { scope_end_ = end, update(); }
    /// More than 71 minutes are as good as those.
    void set_spin(microseconds spin) noexcept {
        constexpr std::uint32_t max = (std::numeric_limits<std::uint32_t>::max)();
        spin_us_ = spin.count() < max ? static_cast<std::uint32_t>(spin.count()) : max;
        update();
    }

    // --- for the first try of a call, within the socket's own timeouts ---
    const Atomic<bool>* receive_stop_flag = &never_;  ///< set: it is not to be made; stop_error() says why
    const Atomic<bool>* send_stop_flag = &never_;
    os::BlockUntil receive_some = os::BlockUntil::some;  ///< what a transfer may block for: the first byte,
    os::BlockUntil receive_all = os::BlockUntil::all;    ///< or all of them; nothing, where something else can end it
    os::BlockUntil send_some = os::BlockUntil::some;
    bool is_in_scope_or_spins = false;  ///< whether busy_poll() has anything to do where that comes to nothing

    // --- for everything after it, within any deadline ---
    /// Ends the deadline of a call with the scope, where that comes earlier. For what follows the first try: in a scope
    /// none is made.
    void bind_to_scope(Deadline& deadline) const noexcept {
        if (scope_end_ != no_scope) [[unlikely]]
            deadline = within_scope(deadline);
    }
    /// Whether a call may block inside the system, where only its own event wakes it: nothing else is to end it.
    [[nodiscard]] bool blocks_within(const Deadline& deadline) const noexcept {
        return deadline.is_forever() && !settings_.canceller && spin_us_ == 0;
    }
    /// Why a call is to end before it tries anything; moved(0): it is not.
    [[nodiscard]] os::IoResult stop_error(const Deadline& deadline) const noexcept {
        if (settings_.canceller.is_cancelled()) return os::IoResult::cancelled;
        return deadline.is_negative() ? os::IoResult::deadline_exceeded : os::IoResult::moved(0);
    }
    /// wait_until() with this canceller; a deadline that polls waits for nothing.
    [[nodiscard]] os::IoResult wait(os::PollEntry entry, Deadline& deadline) const noexcept {
        const os::IoResult ready = wait_until(entry, settings_.canceller, deadline);
        return deadline.is_poll() && ready.is(os::IoResult::deadline_exceeded) ? os::IoResult::would_block : ready;
    }
    /// Binds the deadline to its scope, and makes a step that found nothing, or was not made yet, again for `spin`.
    template <class Step>
    [[gnu::noinline]] os::IoResult busy_poll(os::IoResult tried, Deadline& deadline, const Step& step) const {
        bind_to_scope(deadline);
        const auto is_again = [&] {
            return tried.is(os::IoResult::would_block) || tried.is(os::IoResult::interrupted);
        };
        if (!is_again() || deadline.is_poll() || spin_us_ == 0) return tried;
        Deadline busy = Deadline::started(spin());
        Deadline whole = deadline;
        while (is_again() && !whole.expired() && !busy.expired()) {
            if (const os::IoResult stop = stop_error(deadline); !stop) return stop;
            tried = step(false);
        }
        return tried;
    }

private:
    template <class S> friend class StreamIo;

    struct Settings {
        Timeout receive_timeout, send_timeout;
        Canceller canceller = Canceller::none();
    };
    static constexpr time_point no_scope = (time_point::max)();

    [[gnu::noinline, gnu::cold]] Deadline within_scope(Deadline own) const noexcept {
        const nanoseconds left = scope_end_ - Deadline::clock::now();
        if (left <= nanoseconds::zero()) return Deadline(nanoseconds(-1));
        return own.is_poll() || own.remaining() < left ? own : Deadline::started(left);
    }
    void update() noexcept {
        is_in_scope_or_spins = scope_end_ != no_scope || spin_us_ != 0;
        update_receiving(), update_sending();
    }
    void update_receiving() noexcept {
        const Deadline own(settings_.receive_timeout);
        const bool blocks = blocks_within(own);
        receive_stop_flag = flag_for(own);
        receive_some = blocks ? os::BlockUntil::some : os::BlockUntil::nothing;
        receive_all = blocks ? os::BlockUntil::all : os::BlockUntil::nothing;
    }
    void update_sending() noexcept {
        const Deadline own(settings_.send_timeout);
        send_stop_flag = flag_for(own);
        send_some = blocks_within(own) ? os::BlockUntil::some : os::BlockUntil::nothing;
    }
    /// In a scope each call begins with a look at the clock, so that one which finds its bytes there ends as well.
    [[nodiscard]] const Atomic<bool>* flag_for(const Deadline& own) const noexcept {
        if (scope_end_ != no_scope || own.is_negative()) return &always_;
        const Atomic<bool>* cancelled = cancel_flag(settings_.canceller);
        return cancelled ? cancelled : &never_;
    }

    static inline const Atomic<bool> never_{false}, always_{true};
    std::uint32_t spin_us_ = 0;
    Settings settings_;
    time_point scope_end_ = no_scope;
};
}  // namespace sockboot::inline v0_2::detail
