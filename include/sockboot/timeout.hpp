// SPDX-License-Identifier: MIT
// Timeout: how long a call may take; Deadline: the moment at which that ends, on the monotonic clock.
#pragma once

#include <chrono>
#include <type_traits>

namespace sockboot {

/// How long a whole operation may take, however many system calls it needs.
///
/// Made from any std::chrono duration. Left out: for ever. Zero: try once, and say would-block where nothing can be
/// done at once. Below zero: the time was up before the call began, so it does nothing but say deadline_exceeded.
class Timeout {
public:
    using nanoseconds = std::chrono::nanoseconds;

    constexpr Timeout() noexcept = default;

    template <class Rep, class Period>
    constexpr Timeout(std::chrono::duration<Rep, Period> span) noexcept : length_(saturated(span)) {}

    /// No limit, in a word.
    [[nodiscard]] static constexpr Timeout forever() noexcept { return {}; }

    [[nodiscard]] constexpr bool is_forever() const noexcept { return length_ == (nanoseconds::max)(); }
    [[nodiscard]] constexpr bool is_zero() const noexcept { return length_ == nanoseconds::zero(); }
    [[nodiscard]] constexpr nanoseconds duration() const noexcept { return length_; }

    friend constexpr bool operator==(const Timeout&, const Timeout&) noexcept = default;

private:
    /// Rounded up, so that no wait ends early; what nanoseconds cannot hold (292 years) is for ever.
    template <class Rep, class Period>
    static constexpr nanoseconds saturated(std::chrono::duration<Rep, Period> span) noexcept {
        using Real = std::conditional_t<std::is_floating_point_v<Rep>, Rep, long double>;
        constexpr auto unit = static_cast<Real>(1e9L * Period::num / Period::den);
        const Real exact = static_cast<Real>(span.count()) * unit;
        if (exact >= static_cast<Real>(0x1p63L)) return (nanoseconds::max)();
        if (exact <= static_cast<Real>(-0x1p63L)) return (nanoseconds::min)();
        if (!(exact <= static_cast<Real>(0x1p63L))) return nanoseconds::zero();  // not a number
        const auto whole = static_cast<nanoseconds::rep>(exact);
        return nanoseconds(static_cast<Real>(whole) < exact ? whole + 1 : whole);
    }

    nanoseconds length_ = (nanoseconds::max)();
};

/// A Timeout whose clock runs: made where an operation begins, and handed to each of its steps.
///
/// The clock is first read when something has to be waited for, so that an operation which finds its data ready
/// costs no look at the clock; started() begins at once.
/// Threads: one operation, one thread.
class Deadline {
public:
    using clock = std::chrono::steady_clock;
    using nanoseconds = std::chrono::nanoseconds;

    explicit Deadline(Timeout timeout) noexcept : timeout_(timeout) {}

    [[nodiscard]] static Deadline started(Timeout timeout) noexcept {
        Deadline deadline(timeout);
        static_cast<void>(deadline.remaining());
        return deadline;
    }

    [[nodiscard]] bool is_forever() const noexcept { return timeout_.is_forever(); }
    [[nodiscard]] bool tries_once() const noexcept { return timeout_.is_zero(); }
    [[nodiscard]] Timeout timeout() const noexcept { return timeout_; }

    /// Whether the time was up before it began: then nothing is tried at all.
    [[nodiscard]] bool is_over_already() const noexcept { return timeout_.duration().count() < 0; }

    /// The time that is left, zero when it is up; starts the clock.
    [[nodiscard]] nanoseconds remaining() noexcept {
        if (is_forever()) return timeout_.duration();
        if (tries_once() || is_over_already()) return nanoseconds::zero();
        const nanoseconds::rep now = nanoseconds(clock::now().time_since_epoch()).count();
        const nanoseconds::rep length = timeout_.duration().count();
        if (begin_ == 0) begin_ = now;
        const nanoseconds::rep elapsed = now - begin_;
        return nanoseconds(elapsed < length ? length - elapsed : 0);
    }

    /// Whether the time is up; a Deadline that tries once is never up before its try.
    [[nodiscard]] bool expired() noexcept { return !tries_once() && remaining().count() == 0; }

private:
    Timeout timeout_;
    nanoseconds::rep begin_ = 0;  ///< on the monotonic clock; 0: not started
};

}  // namespace sockboot
