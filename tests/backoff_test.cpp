// SPDX-License-Identifier: MIT
#include <sockboot/detail/connect/backoff.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <vector>

#include "catch.hpp"

using sockboot::RetryPolicy;
using sockboot::detail::Backoff;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

std::vector<nanoseconds> delays(const RetryPolicy& policy, int count) {
    Backoff backoff(policy);
    std::vector<nanoseconds> list;
    for (int i = 0; i < count; ++i) list.push_back(backoff.next());
    return list;
}

double as_double(nanoseconds span) { return static_cast<double>(span.count()); }

}  // namespace

TEST_CASE("Backoff: each delay has grown to the limit at most, but for its jitter, up to k = 10,000",
          "[backoff]") {  // behaviour 102
    const RetryPolicy policies[] = {
        {.seed = 1},
        {.initial_delay = 1ms, .multiplier = 1000, .seed = 2},
        {.initial_delay = 5s, .multiplier = 1, .max_delay = 3s, .jitter = 0.5, .seed = 3},
        {.initial_delay = 1ms, .multiplier = 1.0001, .max_delay = 1h, .jitter = 1, .seed = 4},
        {.initial_delay = 7ms, .multiplier = 2, .max_delay = 24h * 365, .jitter = 0, .seed = 5},
    };
    for (const RetryPolicy& policy : policies) {
        const auto list = delays(policy, 10'001);
        int outside = 0;
        for (std::size_t k = 0; k < list.size(); ++k) {
            const double grown = as_double(policy.initial_delay) * std::pow(policy.multiplier, static_cast<double>(k));
            const double plain = std::min(as_double(policy.max_delay), grown);
            const double slack = 1 + plain * 1e-9;  // for the rounding of 10,000 products
            const double low = plain * (1 - policy.jitter) - slack, high = plain * (1 + policy.jitter) + slack;
            outside += as_double(list[k]) < low || as_double(list[k]) > high;
        }
        CAPTURE(policy.seed);
        CHECK(outside == 0);
    }
}

TEST_CASE("Backoff: a limit as large as the type holds does not overflow", "[backoff]") {  // behaviour 102
    const double jitter = GENERATE(0.0, 0.2, 1.0);
    for (const auto initial : {100ms, (std::chrono::milliseconds::max)()}) {
        const RetryPolicy policy{.initial_delay = initial,
                                 .multiplier = 10,
                                 .max_delay = (std::chrono::milliseconds::max)(),
                                 .jitter = jitter,
                                 .seed = 6};
        const auto list = delays(policy, 10'000);
        CAPTURE(jitter, initial.count());
        CHECK(*std::min_element(list.begin(), list.end()) >= 0ns);
        // Nothing shorter than an hour once the growth has passed it.
        if (jitter < 1) CHECK(*std::min_element(list.begin() + 20, list.end()) > 1h);
    }
}

TEST_CASE("Backoff: an infinite multiplier goes to the limit, and from zero nowhere", "[backoff]") {
    RetryPolicy policy{.multiplier = HUGE_VAL, .max_delay = 1s, .jitter = 0};
    CHECK(delays(policy, 4) == std::vector<nanoseconds>{100ms, 1s, 1s, 1s});
    policy.initial_delay = 0ms;
    CHECK(delays(policy, 4) == std::vector<nanoseconds>(4, 0ns));
}

TEST_CASE("Backoff: the same seed gives the same delays, another one others", "[backoff]") {  // behaviour 102
    const RetryPolicy policy{.seed = 42};
    CHECK(delays(policy, 100) == delays(policy, 100));
    CHECK(delays(policy, 100) != delays({.seed = 43}, 100));
}

TEST_CASE("Backoff: without a seed the delays are others each time", "[backoff]") {  // behaviour 102
    Backoff one{RetryPolicy{}}, other{RetryPolicy{}};
    CHECK(one.next() != other.next());
    CHECK(delays({}, 10) != delays({}, 10));
}

TEST_CASE("Backoff: no delay at first is none ever", "[backoff]") {
    CHECK(delays({.initial_delay = 0ms}, 100) == std::vector<nanoseconds>(100, 0ns));
    CHECK(delays({.max_delay = 0ms}, 100) == std::vector<nanoseconds>(100, 0ns));
}

TEST_CASE("Backoff: without jitter the delays are exact", "[backoff]") {
    CHECK(delays({.initial_delay = 100ms, .multiplier = 2, .max_delay = 1s, .jitter = 0}, 6) ==
          std::vector<nanoseconds>{100ms, 200ms, 400ms, 800ms, 1s, 1s});
}

TEST_CASE("Backoff: the jitter uses all the room that it is given", "[backoff]") {
    const double jitter = GENERATE(0.2, 1.0);
    const auto list = delays({.initial_delay = 1s, .multiplier = 1, .jitter = jitter, .seed = 7}, 1000);
    const auto [shortest, longest] = std::minmax_element(list.begin(), list.end());
    CAPTURE(jitter);
    CHECK(as_double(*shortest) < 1e9 * (1 - 0.95 * jitter));
    CHECK(as_double(*longest) > 1e9 * (1 + 0.95 * jitter));
    double sum = 0;
    for (const nanoseconds delay : list) sum += as_double(delay);
    CHECK(std::abs(sum / 1e12 - 1) < 0.1 * jitter);
}

TEST_CASE("Backoff: the longest delays there are do not overflow", "[backoff]") {
    constexpr auto longest = (std::chrono::milliseconds::max)();
    for (const nanoseconds delay : delays({.initial_delay = 1ms, .max_delay = longest}, 200)) CHECK(delay > 0ns);
    for (const nanoseconds delay : delays({.initial_delay = longest, .max_delay = longest}, 200)) CHECK(delay > 1h);
}
