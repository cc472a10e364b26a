// SPDX-License-Identifier: MIT
// Race: which address is tried when, as RFC 8305 wants it. No sockets and no clock: connect_to drives it with real
// ones, the tests with tables.
#pragma once

#include <chrono>
#include <cstddef>
#include <system_error>
#include <utility>  // std::move
#include <vector>

#include "../endpoint.hpp"
#include "../error.hpp"
#include "../timeout.hpp"

namespace sockboot::detail {

/// Families in turn, beginning with that of the first address, each family in its own order.
/// Source: RFC 8305 section 4, with a First Address Family Count of 1.
inline std::vector<Endpoint> interleaved(const std::vector<Endpoint>& endpoints) {
    std::vector<Endpoint> first, other, mixed;
    for (const Endpoint& endpoint : endpoints)
        (endpoint.family() == endpoints.front().family() ? first : other).push_back(endpoint);
    for (std::size_t i = 0; i < first.size() || i < other.size(); ++i) {
        if (i < first.size()) mixed.push_back(first[i]);
        if (i < other.size()) mixed.push_back(other[i]);
    }
    return mixed;
}

/// The schedule of one race: who is started next and when, and what became of those who were.
///
/// A failure starts the next one at once; so does the delay, which never ends an attempt that is under way.
class Race {
public:
    using time_point = std::chrono::steady_clock::time_point;
    using nanoseconds = std::chrono::nanoseconds;
    static constexpr std::chrono::milliseconds least_delay{10};

    static constexpr std::size_t nobody = static_cast<std::size_t>(-1);

    Race(std::vector<Endpoint> endpoints, std::chrono::milliseconds delay, std::size_t most_in_flight)
        : endpoints_(std::move(endpoints)),
          delay_(Timeout(delay > delay.zero() && delay < least_delay ? least_delay : delay).duration()),
          most_in_flight_(most_in_flight) {}

    [[nodiscard]] const Endpoint& endpoint(std::size_t index) const noexcept { return endpoints_[index]; }

    /// The index of the endpoint that is to be started now, and counts as started from here on; or nobody.
    std::size_t start_due(time_point now) {
        if (wait_before_next(now) > nanoseconds::zero()) return nobody;
        if (attempts_.empty()) begin_ = now;
        last_start_ = now;
        at_once_ = false;
        attempts_.push_back({{}, {}, now - begin_});  // when it started, until it is known how long it took
        return attempts_.size() - 1;
    }

    /// How long nothing is to be started, unless something fails before; max: nothing will be.
    [[nodiscard]] nanoseconds wait_before_next(time_point now) const noexcept {
        if (attempts_.size() == endpoints_.size() || in_flight() >= most_in_flight_) return (nanoseconds::max)();
        if (at_once_ || in_flight() == 0) return nanoseconds::zero();
        if (delay_ <= delay_.zero()) return (nanoseconds::max)();
        const nanoseconds since = now - last_start_;
        return since < delay_ ? delay_ - since : nanoseconds::zero();
    }

    /// What was started has failed: the next one need not wait any longer.
    void failed(std::size_t index, std::error_code code, time_point now) {
        end(index, code, now);
        ++failed_;
        at_once_ = true;
    }

    /// Those under way end here, with the reason why they were not waited for.
    void give_up(std::error_code code, time_point now) {
        for (std::size_t i = 0; i < attempts_.size(); ++i)
            if (!attempts_[i].code) end(i, code, now);
    }

    [[nodiscard]] std::size_t in_flight() const noexcept { return attempts_.size() - failed_; }
    [[nodiscard]] bool lost() const noexcept { return failed_ == endpoints_.size(); }

    /// Why the first one failed, once it has.
    [[nodiscard]] std::error_code first_failure() const noexcept { return attempts_.front().code; }

    /// Everything that was started, in that order. Of those that have not ended, only the place is known.
    [[nodiscard]] const std::vector<Attempt>& attempts() const& noexcept { return attempts_; }
    [[nodiscard]] std::vector<Attempt> attempts() && noexcept { return std::move(attempts_); }

private:
    void end(std::size_t index, std::error_code code, time_point now) {
        Attempt& attempt = attempts_[index];
        attempt.endpoint = endpoints_[index].to_string();
        attempt.code = code;
        attempt.elapsed = now - begin_ - attempt.elapsed;
    }

    std::vector<Endpoint> endpoints_;
    std::vector<Attempt> attempts_;
    nanoseconds delay_;
    std::size_t most_in_flight_;
    std::size_t failed_ = 0;
    bool at_once_ = false;
    time_point begin_{}, last_start_{};
};

}  // namespace sockboot::detail
