// SPDX-License-Identifier: MIT
// Backoff: how long to wait before each further attempt. No clock: whoever uses it waits.
#pragma once

#include <cstdint>
#include "../../options.hpp"
#include "../../timeout.hpp"

namespace sockboot::inline v0_2::detail {
/// Delays that grow by a factor up to a limit, each spread at random, so that clients which failed together do not
/// come back together.
class Backoff {
public:
    explicit Backoff(const RetryPolicy& policy) noexcept
        : policy_(policy), delay_(as_double(policy.initial_delay)), state_(policy.seed) {}
    /// The delay before the next attempt.
    std::chrono::nanoseconds next() noexcept {
        const double max = as_double(policy_.max_delay);
        const double plain = delay_ < max ? delay_ : max;
        delay_ = plain > 0 ? plain * policy_.multiplier : 0;  // never beyond max_delay × multiplier, however often
        const double delay = plain * (1 + policy_.jitter * (2 * random() - 1));
        return delay < 0x1p62 ? std::chrono::nanoseconds(static_cast<std::int64_t>(delay))
                              : Timeout::forever().duration();
    }

private:
    /// Nanoseconds; a Timeout saturates where std::chrono would overflow.
    static double as_double(Timeout span) noexcept { return static_cast<double>(span.duration().count()); }
    /// Evenly from 0 to 1. Source: the SplitMix64 generator of Steele, Lea and Flood (2014).
    double random() noexcept {
        // Without a seed of the caller's: the place of this object and the time, which no two programs share.
        if (state_ == 0)
            state_ = static_cast<std::uint64_t>(Deadline::clock::now().time_since_epoch().count()) ^
                     reinterpret_cast<std::uintptr_t>(this) << 16;
        std::uint64_t bits = state_ += 0x9E3779B97F4A7C15;
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
        return static_cast<double>((bits ^ (bits >> 31)) >> 11) * 0x1p-53;
    }
    RetryPolicy policy_;
    double delay_;
    std::uint64_t state_;
};
}  // namespace sockboot::inline v0_2::detail
