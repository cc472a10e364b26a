// SPDX-License-Identifier: MIT
// Race: which address is tried when, as RFC 8305 describes. No sockets and no clock: the Connector drives it with real
// ones, the tests with tables.
#pragma once

#include <optional>
#include "../../endpoint.hpp"
#include "../../error.hpp"
#include "../../timeout.hpp"

namespace sockboot::inline v0_2::detail {
/// Each endpoint where it first occurs: what a resolver gives twice is tried once.
inline std::vector<Endpoint> without_repeats(const std::vector<Endpoint>& endpoints) {
    std::vector<Endpoint> distinct;
    std::vector<std::size_t> table(2 * endpoints.size());  // open addressing: an index in `distinct` plus 1; 0: free
    for (const Endpoint& endpoint : endpoints) {
        std::size_t place = std::hash<Endpoint>()(endpoint) % table.size();
        while (table[place] != 0 && distinct[table[place] - 1] != endpoint) place = (place + 1) % table.size();
        if (table[place] != 0) continue;
        distinct.push_back(endpoint);
        table[place] = distinct.size();
    }
    return distinct;
}

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

/// The schedule of one race: which address is started next and when, and what became of those that were.
///
/// A failure starts the next one at once; so does the delay, which never ends an attempt that is in progress. Only with
/// all places taken, addresses left and an end to the whole does the oldest attempt make room, so that each of these
/// addresses gets an equal share of the time that is left.
class Race {
public:
    using time_point = Deadline::time_point;
    using nanoseconds = std::chrono::nanoseconds;
    static constexpr std::chrono::milliseconds min_delay{10};
    static constexpr std::chrono::milliseconds max_delay = std::chrono::hours(24 * 365);  ///< fits into nanoseconds

    Race(std::vector<Endpoint> endpoints, std::chrono::milliseconds delay, std::size_t max_in_flight)
        : endpoints_(std::move(endpoints)),
          delay_(delay > delay.zero() && delay < min_delay ? min_delay
                 : delay < max_delay                       ? delay
                                                           : max_delay),
          max_in_flight_(delay_ > delay_.zero() ? max_in_flight : 1),
          attempts_(endpoints_.size()) {}

    [[nodiscard]] const Endpoint& endpoint(std::size_t index) const noexcept { return endpoints_[index]; }
    /// The index of the endpoint that is to be started now, and counts as started from here on.
    std::optional<std::size_t> start_due(time_point now) {
        if (wait_before_next(now) > nanoseconds::zero()) return std::nullopt;
        if (started_ == 0) begin_ = now;
        last_start_ = now;
        at_once_ = false;
        attempts_[started_].started = now - begin_;
        return started_++;
    }
    /// How long nothing is to be started and nothing has to make room, unless something fails before; max: for ever.
    [[nodiscard]] nanoseconds wait_before_next(time_point now, time_point end = (time_point::max)()) const noexcept {
        const std::size_t left = endpoints_.size() - started_;
        if (left == 0) return (nanoseconds::max)();
        nanoseconds pause = delay_;
        if (in_flight() >= max_in_flight_) {  // the share that the latest has, until the oldest makes room
            if (end == (time_point::max)() || now >= end) return (nanoseconds::max)();
            pause = (end - last_start_) / static_cast<nanoseconds::rep>(left + 1);
        } else if (at_once_ || in_flight() == 0) {
            return nanoseconds::zero();
        }
        const nanoseconds since = now - last_start_;
        return since < pause ? pause - since : nanoseconds::zero();
    }
    /// The index of the attempt that has to make room now: record_failure() is to follow.
    [[nodiscard]] std::optional<std::size_t> room_due(time_point now, time_point end) const noexcept {
        if (in_flight() < max_in_flight_ || wait_before_next(now, end) > nanoseconds::zero()) return std::nullopt;
        std::size_t oldest = 0;
        while (attempts_[oldest].error) ++oldest;
        return oldest;
    }
    /// What was started has failed: the next one need not wait any longer.
    void record_failure(std::size_t index, Error error, time_point now) {
        end(attempts_[index], std::move(error), now);
        ++failed_;
        at_once_ = true;
    }
    /// Those in progress end here, with the reason why they were not waited for.
    void give_up(std::error_code code, time_point now) {
        for (std::size_t i = 0; i < started_; ++i)
            if (!attempts_[i].error) end(attempts_[i], Error(code, Operation::connect), now);
    }

    [[nodiscard]] std::size_t in_flight() const noexcept { return started_ - failed_; }
    [[nodiscard]] bool all_failed() const noexcept { return failed_ == endpoints_.size(); }
    /// What the first one failed with, once it has.
    [[nodiscard]] const Error& first_failure() const noexcept { return *attempts_.front().error; }
    /// Everything that was started and has ended, in the order of its start.
    [[nodiscard]] std::vector<Attempt> attempts() const {
        std::vector<Attempt> list;
        for (std::size_t i = 0; i < started_; ++i)
            if (const auto& error = attempts_[i].error)
                list.push_back({endpoints_[i].to_string(), error->code(), attempts_[i].elapsed, error->operation()});
        return list;
    }

private:
    struct Entry {
        nanoseconds started{};  ///< since the race began
        nanoseconds elapsed{};  ///< from then to its end
        std::optional<Error> error{};
    };

    void end(Entry& attempt, Error error, time_point now) {
        attempt.elapsed = now - begin_ - attempt.started;
        attempt.error = std::move(error);
    }
    std::vector<Endpoint> endpoints_;
    nanoseconds delay_;
    std::size_t max_in_flight_;
    std::vector<Entry> attempts_;  ///< one an endpoint
    std::size_t started_ = 0, failed_ = 0;
    bool at_once_ = false;
    time_point begin_{}, last_start_{};
};
}  // namespace sockboot::inline v0_2::detail
