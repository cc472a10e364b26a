// SPDX-License-Identifier: MIT
#include <sockboot/timeout.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

#include "catch.hpp"

using sockboot::Deadline;
using sockboot::Timeout;
using namespace std::chrono_literals;

namespace {

using std::chrono::nanoseconds;
using Seconds = std::chrono::duration<double>;
using FloatMilliseconds = std::chrono::duration<float, std::milli>;

}  // namespace

TEST_CASE("timeout: left out it is for ever", "[timeout]") {
    CHECK(Timeout().is_forever());
    CHECK(Timeout::forever() == Timeout());
    CHECK_FALSE(Timeout().is_zero());
    STATIC_REQUIRE(Timeout().is_forever());
}

TEST_CASE("timeout: any chrono duration converts, a bare number does not", "[timeout]") {
    const Timeout from_hours = 2h;
    const Timeout from_seconds = Seconds(1.5);
    const Timeout from_float = FloatMilliseconds(0.5F);

    CHECK(from_hours.duration() == 7'200s);
    CHECK(from_seconds.duration() == 1500ms);
    CHECK(from_float.duration() == 500us);
    CHECK(Timeout(std::chrono::duration<std::uint64_t>(3)).duration() == 3s);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<int, Timeout>);
    STATIC_REQUIRE(Timeout(2s) == Timeout(2000ms));
}

TEST_CASE("timeout: a fraction is rounded up, so that no wait ends early", "[timeout]") {  // behaviour 30
    using Picoseconds = std::chrono::duration<std::int64_t, std::pico>;
    CHECK(Timeout(std::chrono::duration<double, std::milli>(0.4)).duration() == 400us);
    CHECK(Timeout(Picoseconds(1)).duration() == 1ns);
    CHECK(Timeout(Picoseconds(1001)).duration() == 2ns);
    CHECK(Timeout(Seconds(1e-12)).duration() == 1ns);
    CHECK_FALSE(Timeout(Picoseconds(1)).is_zero());
}

TEST_CASE("timeout: what is longer than nanoseconds can count is for ever", "[timeout]") {  // behaviour 30
    CHECK(Timeout(std::chrono::hours::max()).is_forever());
    CHECK(Timeout(std::chrono::seconds::max()).is_forever());
    CHECK(Timeout(nanoseconds::max()).is_forever());
    CHECK(Timeout(std::chrono::duration<std::uint64_t>::max()).is_forever());
    CHECK(Timeout(Seconds(1e300)).is_forever());
    CHECK(Timeout(Seconds(std::numeric_limits<double>::infinity())).is_forever());
    CHECK_FALSE(Timeout(nanoseconds::max() - 1ns).is_forever());
}

TEST_CASE("timeout: whole numbers stay whole, whatever the processor's long double can hold", "[timeout]") {
    constexpr nanoseconds odd{(std::int64_t{1} << 53) + 1};  // a double has no such number
    using Microseconds = std::chrono::duration<std::uint64_t, std::micro>;
    using Thirds = std::chrono::duration<std::int64_t, std::ratio<1, 3>>;
    using Days = std::chrono::duration<std::int16_t, std::ratio<86'400>>;
    STATIC_REQUIRE(Timeout(odd).duration() == odd);
    STATIC_REQUIRE(Timeout(-odd).duration() == -odd);
    STATIC_REQUIRE(Timeout(nanoseconds::max() - 1ns).duration() == nanoseconds::max() - 1ns);
    CHECK(Timeout(Microseconds(9'007'199'254'740'993)).duration() == nanoseconds(9'007'199'254'740'993'000));
    CHECK(Timeout(Microseconds(9'223'372'036'854'775)).duration() == nanoseconds(9'223'372'036'854'775'000));
    CHECK(Timeout(Microseconds(9'223'372'036'854'776)).is_forever());
    CHECK(Timeout(Thirds(1)).duration() == nanoseconds(333'333'334));
    CHECK(Timeout(Thirds(-1)).duration() == nanoseconds(-333'333'333));
    CHECK(Timeout(Thirds(3)).duration() == 1s);
    CHECK(Timeout(Days(2)).duration() == 48h);
    CHECK(Timeout(Days(-2)).duration() == -48h);
}

TEST_CASE("timeout: to the last nanosecond before for ever, also where one unit is a fraction of them", "[timeout]") {
    using OneAndAHalf = std::chrono::duration<std::int64_t, std::ratio<3, 2'000'000'000>>;  // nanoseconds
    constexpr std::int64_t beyond = 6'148'914'691'236'517'205;  // half a nanosecond more than can be counted
    CHECK(Timeout(OneAndAHalf(beyond)).is_forever());
    CHECK(Timeout(OneAndAHalf(beyond - 1)).duration() == nanoseconds::max() - 1ns);
    CHECK(Timeout(OneAndAHalf(beyond - 2)).duration() == nanoseconds::max() - 2ns);
    CHECK(Timeout(OneAndAHalf(-beyond + 1)).duration() == 1ns - nanoseconds::max());
}

TEST_CASE("timeout: floating-point numbers of any unit are converted", "[timeout]") {
    CHECK(Timeout(std::chrono::duration<double, std::ratio<60>>(1.5)).duration() == 90s);
    CHECK(Timeout(std::chrono::duration<double, std::ratio<7, 4>>(2)).duration() == 3500ms);
}

TEST_CASE("timeout: of floating-point numbers 2^63 ns are for ever, and the number below it is not", "[timeout]") {
    using FloatNanoseconds = std::chrono::duration<double, std::nano>;
    CHECK(Timeout(FloatNanoseconds(0x1p63)).is_forever());
    CHECK(Timeout(FloatNanoseconds(0x1.fffffffffffffp62)).duration() == nanoseconds(9'223'372'036'854'774'784));
    CHECK(Timeout(FloatNanoseconds(-0x1p63)).duration() == nanoseconds::min());
}

TEST_CASE("timeout: what is further below zero than nanoseconds can count stays below zero", "[timeout]") {
    CHECK(Timeout(std::chrono::hours::min()).duration() == nanoseconds::min());
    CHECK(Timeout(Seconds(-std::numeric_limits<double>::infinity())).duration() == nanoseconds::min());
    CHECK(Timeout(-1ns).duration() == -1ns);
}

TEST_CASE("timeout: not a number tries once", "[timeout]") {
    CHECK(Timeout(Seconds(std::numeric_limits<double>::quiet_NaN())).is_zero());
    CHECK(Timeout(FloatMilliseconds(std::numeric_limits<float>::quiet_NaN())).is_zero());
}

TEST_CASE("deadline: of a timeout for ever it never comes", "[timeout]") {
    Deadline deadline = Deadline::started({});
    CHECK(deadline.is_forever());
    CHECK(deadline.remaining() == nanoseconds::max());
    CHECK_FALSE(deadline.expired());
}

TEST_CASE("deadline: of zero it tries once, with no time to wait and none to be up", "[timeout]") {  // behaviour 27
    Deadline deadline = Deadline::started(0s);
    CHECK(deadline.is_poll());
    CHECK(deadline.remaining() == 0ns);
    CHECK_FALSE(deadline.expired());
}

TEST_CASE("deadline: of less than zero it was up before the call", "[timeout]") {  // behaviour 27
    for (const Timeout past : {Timeout(-1ns), Timeout(-5s), Timeout(std::chrono::hours::min())}) {
        Deadline deadline(past);
        CHECK_FALSE(deadline.is_poll());
        CHECK(deadline.remaining() == 0ns);
        CHECK(deadline.expired());
    }
}

TEST_CASE("deadline: the longest timeout of all does not overflow the clock", "[timeout]") {  // behaviour 30
    Deadline deadline = Deadline::started(nanoseconds::max() - 1ns);
    CHECK_FALSE(deadline.is_forever());
    CHECK(deadline.remaining() > std::chrono::hours(24 * 365));
    CHECK_FALSE(deadline.expired());
}

TEST_CASE("deadline: it runs from start() on and ends not a moment early", "[timeout]") {
    const auto before = Deadline::clock::now();
    Deadline deadline = Deadline::started(5ms);
    CHECK(deadline.remaining() <= 5ms);
    while (!deadline.expired()) {
    }
    CHECK(Deadline::clock::now() - before >= 5ms);
    CHECK(deadline.remaining() == 0ns);
}

TEST_CASE("deadline: started() starts the clock at once", "[timeout]") {
    Deadline deadline = Deadline::started(1h);
    const auto started = Deadline::clock::now();
    while (Deadline::clock::now() - started < 2ms) {
    }
    CHECK(deadline.remaining() <= 1h - 2ms);
}

TEST_CASE("deadline: the clock is first read when something has to be waited for", "[timeout]") {
    Deadline deadline(1h);
    const auto made = Deadline::clock::now();
    while (Deadline::clock::now() - made < 5ms) {
    }

    const auto before = Deadline::clock::now();
    const nanoseconds left = deadline.remaining();
    const auto after = Deadline::clock::now();

    CHECK(left >= 1h - (after - before));
}

TEST_CASE("deadline: looking at it does not lengthen it", "[timeout]") {
    Deadline deadline = Deadline::started(5ms);
    const auto started = Deadline::clock::now();
    while (Deadline::clock::now() - started < 5ms) static_cast<void>(deadline.remaining());
    CHECK(deadline.expired());
}

TEST_CASE("deadline: it remembers the timeout that it was made from", "[timeout]") {
    CHECK(Deadline(3s).timeout() == Timeout(3s));
    CHECK(Deadline(Timeout()).timeout().is_forever());
}

TEST_CASE("deadline: its expiry is a point in time that stays, and orders deadlines", "[timeout]") {
    Deadline first(1h), second(2h);
    const auto before = Deadline::clock::now();
    const Deadline::time_point expiry = first.expiry();
    const auto after = Deadline::clock::now();

    CHECK(expiry >= before + 1h);
    CHECK(expiry <= after + 1h);
    CHECK(second.expiry() > expiry);
    CHECK(first.expiry() == expiry);
}

TEST_CASE("deadline: the expiry of what never comes is the last point there is, of what is over a past one",
          "[timeout]") {
    constexpr auto last = (Deadline::time_point::max)();
    CHECK(Deadline(Timeout()).expiry() == last);
    CHECK(Deadline(nanoseconds::max() - 1ns).expiry() == last);  // from now on: beyond what the clock can count
    const auto negative = Deadline(-1h).expiry(), zero = Deadline(0s).expiry();
    const auto now = Deadline::clock::now();
    CHECK(negative <= now);
    CHECK(zero <= now);
}
