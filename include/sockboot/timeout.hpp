// SPDX-License-Identifier: MIT
// Timeout: how long a call may take; Deadline: the moment at which that ends, on the monotonic clock.
#pragma once

#include <cstdint>
#include <ratio>
#include <shared_mutex>  // std::chrono without the calendar: see sockboot.hpp
#include <type_traits>

namespace sockboot::inline v0_2 {
/// How long a whole operation may take, however many system calls it needs.
///
/// Made from any std::chrono duration. Left out: for ever. Zero: try once, and say would-block where nothing can be
/// done at once. Below zero: the time was up before the call began, so it does nothing but say deadline_exceeded.
class Timeout {
public:
    using nanoseconds = std::chrono::nanoseconds;

    constexpr Timeout() noexcept = default;

    template <class Rep, class Period>
    constexpr Timeout(std::chrono::duration<Rep, Period> span) noexcept : length_(to_ns_saturating(span)) {}
    /// No limit, in a word.
    [[nodiscard]] static constexpr Timeout forever() noexcept { return {}; }

    [[nodiscard]] constexpr bool is_forever() const noexcept { return length_ == (nanoseconds::max)(); }
    [[nodiscard]] constexpr bool is_zero() const noexcept { return length_ == nanoseconds::zero(); }
    [[nodiscard]] constexpr nanoseconds duration() const noexcept { return length_; }

    friend constexpr bool operator==(const Timeout&, const Timeout&) noexcept = default;

private:
    /// Rounded up, so that no wait ends early; what nanoseconds cannot hold (292 years) is for ever.
    template <class Rep, class Period>
    static constexpr nanoseconds to_ns_saturating(std::chrono::duration<Rep, Period> span) noexcept {
        if constexpr (std::is_integral_v<Rep>) {
            // In integers, since long double has no more bits than double on ARM and with MSVC.
            using Unit = std::ratio_multiply<Period, std::giga>;  // nanoseconds in one of them
            const bool below = span.count() < Rep{0};
            const auto bits = static_cast<std::uint64_t>(span.count());
            return scaled_to_ns(below ? std::uint64_t{0} - bits : bits, Unit::num, Unit::den, below);
        } else {
            using Real = std::conditional_t<std::is_floating_point_v<Rep>, Rep, long double>;
            constexpr auto unit = static_cast<Real>(1e9L * Period::num / Period::den);
            const Real exact = static_cast<Real>(span.count()) * unit;
            if (exact >= static_cast<Real>(0x1p63L)) return (nanoseconds::max)();
            if (exact <= static_cast<Real>(-0x1p63L)) return (nanoseconds::min)();
            if (!(exact <= static_cast<Real>(0x1p63L))) return nanoseconds::zero();  // not a number
            const auto whole = static_cast<nanoseconds::rep>(exact);
            return nanoseconds(static_cast<Real>(whole) < exact ? whole + 1 : whole);
        }
    }
    /// count * num / den nanoseconds, below zero or not.
    static constexpr nanoseconds scaled_to_ns(std::uint64_t count, std::uint64_t num, std::uint64_t den,
                                              bool below) noexcept {
        const std::uint64_t max = static_cast<std::uint64_t>((nanoseconds::max)().count());
        const std::uint64_t whole = count / den, rest = count % den;
        // rest is below den: the product fits wherever num * den does, which are 86'400'000'000'000 for a day.
        const std::uint64_t part = rest * num;
        const std::uint64_t up = !below && part % den != 0 ? 1 : 0;
        if (whole > (max - part / den - up) / num) return below ? (nanoseconds::min)() : (nanoseconds::max)();
        const auto length = static_cast<nanoseconds::rep>(whole * num + part / den + up);
        return nanoseconds(below ? -length : length);
    }

    nanoseconds length_ = (nanoseconds::max)();
};

/// A Timeout whose clock runs: made where an operation begins, and handed to each of its steps.
///
/// The clock is first read when something has to be waited for, so that an operation which finds its data ready
/// never reads it; started() begins at once.
/// Threads: one operation, one thread.
class Deadline {
public:
    using clock = std::chrono::steady_clock;
    using time_point = clock::time_point;
    using nanoseconds = std::chrono::nanoseconds;

    explicit Deadline(Timeout timeout) noexcept : timeout_(timeout) {}

    [[nodiscard]] static Deadline started(Timeout timeout) noexcept {
        Deadline deadline(timeout);
        static_cast<void>(deadline.remaining());
        return deadline;
    }

    [[nodiscard]] bool is_forever() const noexcept { return timeout_.is_forever(); }
    /// Whether the operation polls: one try, and would-block where nothing can be done at once.
    [[nodiscard]] bool is_poll() const noexcept { return timeout_.is_zero(); }
    /// Whether the time was up before the operation began: then nothing is tried at all.
    [[nodiscard]] bool is_negative() const noexcept { return timeout_.duration().count() < 0; }

    [[nodiscard]] Timeout timeout() const noexcept { return timeout_; }
    /// The time that is left, zero when it is up; starts the clock.
    [[nodiscard]] nanoseconds remaining() noexcept {
        if (is_forever()) return timeout_.duration();
        if (is_poll() || is_negative()) return nanoseconds::zero();
        const nanoseconds::rep elapsed = elapsed_ns();
        const nanoseconds::rep length = timeout_.duration().count();
        return nanoseconds(elapsed < length ? length - elapsed : 0);
    }
    /// The point in time at which it ends, by which timers are ordered; time_point::max() for ever. Starts the clock.
    [[nodiscard]] time_point expiry() noexcept {
        static_cast<void>(elapsed_ns());
        const time_point begin{clock::duration(nanoseconds(begin_))};
        if (timeout_.duration() >= (time_point::max)() - begin) return (time_point::max)();
        return is_negative() ? begin : begin + timeout_.duration();
    }
    /// Whether the time is up; a Deadline that polls is never up before its try.
    [[nodiscard]] bool expired() noexcept { return !is_poll() && remaining().count() == 0; }

private:
    nanoseconds::rep elapsed_ns() noexcept {
        const nanoseconds::rep now = nanoseconds(clock::now().time_since_epoch()).count();
        if (begin_ == 0) begin_ = now;
        return now - begin_;
    }

    Timeout timeout_;
    nanoseconds::rep begin_ = 0;  ///< on the monotonic clock; 0: not started
};
}  // namespace sockboot::inline v0_2
