// SPDX-License-Identifier: MIT
#include <sockboot/detail/connect/race.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "catch.hpp"

using namespace sockboot;
using detail::Race;
using detail::without_repeats;
using std::chrono::milliseconds;

namespace {

const auto refused = make_error_code(std::errc::connection_refused);
const auto unreachable = make_error_code(std::errc::network_unreachable);

Error error(std::error_code code) { return {code, Operation::connect}; }

Race::time_point at(int ms) { return Race::time_point(std::chrono::hours(1)) + milliseconds(ms); }

std::vector<Endpoint> addresses(std::size_t count) {
    std::vector<Endpoint> list;
    for (std::size_t i = 0; i < count; ++i) list.push_back(Endpoint::parse("192.0.2." + std::to_string(i + 1) + ":80"));
    return list;
}

enum class Does { start, start_nothing, fail, wait, wait_for_ever, have_in_flight, make_room, keep_all };

/// One line of a race: at this millisecond, this happens, with this address (or so many milliseconds, or so many).
struct Step {
    int at;
    Does does;
    int value = 0;
};

struct Script {
    const char* title;
    std::size_t addresses;
    int delay;
    std::size_t max_in_flight;
    std::vector<Step> steps;
    std::optional<int> end{};  ///< of the whole; none: it has no deadline
};

void play(Race& race, const Step& step, Race::time_point end) {
    const auto now = at(step.at);
    const auto index = static_cast<std::size_t>(step.value);
    switch (step.does) {
        case Does::start: REQUIRE(race.start_due(now) == index); break;
        case Does::start_nothing: REQUIRE(race.start_due(now) == std::nullopt); break;
        case Does::fail: race.record_failure(index, error(refused), now); break;
        case Does::wait: REQUIRE(race.wait_before_next(now, end) == milliseconds(step.value)); break;
        case Does::wait_for_ever: REQUIRE(race.wait_before_next(now, end) == Race::nanoseconds::max()); break;
        case Does::have_in_flight: REQUIRE(race.in_flight() == index); break;
        case Does::make_room:
            REQUIRE(race.room_due(now, end) == index);
            race.record_failure(index, error(make_error_code(Errc::deadline_exceeded)), now);
            break;
        case Does::keep_all: REQUIRE(race.room_due(now, end) == std::nullopt); break;
    }
}

void play(const Script& script) {
    INFO(script.title);
    Race race(addresses(script.addresses), milliseconds(script.delay), script.max_in_flight);
    for (const Step& step : script.steps) {
        INFO("at " << step.at << " ms, value " << step.value);
        play(race, step, script.end ? at(*script.end) : (Race::time_point::max)());
    }
}

}  // namespace

TEST_CASE("Race: the next address starts when the delay is over, and no sooner", "[race]") {  // behaviour 11
    play({"a silent first address",
          2,
          250,
          6,
          {{0, Does::wait, 0},
           {0, Does::start, 0},
           {0, Does::start_nothing},
           {0, Does::wait, 250},
           {249, Does::wait, 1},
           {249, Does::start_nothing},
           {250, Does::wait, 0},
           {250, Does::start, 1},
           {250, Does::wait_for_ever},
           {9999, Does::start_nothing}}});
}

TEST_CASE("Race: a failure starts the next address at once", "[race]") {  // behaviour 12
    play({"the first one is refused after 5 ms",
          3,
          250,
          6,
          {{0, Does::start, 0},
           {5, Does::fail, 0},
           {5, Does::wait, 0},
           {5, Does::start, 1},
           {5, Does::start_nothing},
           {254, Does::start_nothing},
           {255, Does::start, 2}}});
    play({"the second one is refused while the first goes on",
          3,
          250,
          6,
          {{0, Does::start, 0},
           {250, Does::start, 1},
           {260, Does::fail, 1},
           {260, Does::start, 2},
           {260, Does::have_in_flight, 2}}});
}

TEST_CASE("Race: a new attempt never ends an earlier one", "[race]") {  // behaviour 13
    play({"a slow first address that may still win",
          2,
          250,
          6,
          {{0, Does::start, 0},
           {250, Does::start, 1},
           {250, Does::have_in_flight, 2},
           {300, Does::fail, 1},
           {400, Does::have_in_flight, 1}}});
}

TEST_CASE("Race: attempts that fail in the same instant start the next one once, not once each",
          "[race]") {  // behaviour 14
    play({"two failures, two addresses left",
          4,
          250,
          6,
          {{0, Does::start, 0},
           {250, Does::start, 1},
           {260, Does::fail, 0},
           {260, Does::fail, 1},
           {260, Does::start, 2},
           {260, Does::start_nothing},
           {260, Does::wait, 250},
           {510, Does::start, 3}}});
}

TEST_CASE("Race: never more attempts are in flight than allowed", "[race]") {  // behaviour 16
    std::vector<Step> steps;
    for (int i = 0; i < 6; ++i) steps.push_back({10 * i, Does::start, i});
    steps.push_back({60, Does::start_nothing});
    steps.push_back({60, Does::wait_for_ever});
    steps.push_back({60, Does::have_in_flight, 6});
    steps.push_back({70, Does::fail, 2});
    steps.push_back({70, Does::start, 6});
    steps.push_back({900, Does::start_nothing});
    steps.push_back({900, Does::have_in_flight, 6});
    play({"twenty silent addresses", 20, 10, 6, steps});

    play({"one at a time",
          2,
          10,
          1,
          {{0, Does::start, 0}, {900, Does::start_nothing}, {901, Does::fail, 0}, {901, Does::start, 1}}});
}

TEST_CASE("Race: with all places taken, each address left gets an equal share of the time left", "[race]") {
    std::vector<Step> steps;
    for (int i = 0; i < 6; ++i) steps.push_back({10 * i, Does::start, i});
    for (int next = 6; next < 10; ++next) {  // 1,000 ms are left for the sixth to the tenth
        const int due = 50 + 200 * (next - 5);
        steps.push_back({due - 200, Does::wait, 200});
        steps.push_back({due - 1, Does::keep_all});
        steps.push_back({due - 1, Does::start_nothing});
        steps.push_back({due, Does::wait, 0});
        steps.push_back({due, Does::start_nothing});  // before there is room
        steps.push_back({due, Does::make_room, next - 6});
        steps.push_back({due, Does::keep_all});
        steps.push_back({due, Does::start, next});
    }
    steps.push_back({850, Does::wait_for_ever});
    steps.push_back({1049, Does::keep_all});
    steps.push_back({1049, Does::have_in_flight, 6});
    play({"ten silent addresses", 10, 10, 6, steps, 1050});

    const std::vector<Step> in_turn{{0, Does::start, 0},       {0, Does::wait, 250},      {249, Does::keep_all},
                                    {250, Does::make_room, 0}, {250, Does::start, 1},     {500, Does::make_room, 1},
                                    {500, Does::start, 2},     {600, Does::fail, 2},      {600, Does::start, 3},
                                    {600, Does::keep_all},     {600, Does::wait_for_ever}};
    play({"one place", 4, 10, 1, in_turn, 1000});
    play({"no delay", 4, 0, 6, in_turn, 1000});
}

TEST_CASE("Race: up to as many addresses as there are places, no attempt makes room for another", "[race]") {
    std::vector<Step> steps;
    for (int i = 0; i < 6; ++i) {
        steps.push_back({250 * i, Does::keep_all});
        steps.push_back({250 * i, Does::start, i});
    }
    for (const int later : {1250, 1300, 1999, 2000, 9000}) {
        steps.push_back({later, Does::wait_for_ever});
        steps.push_back({later, Does::keep_all});
    }
    play({"six silent addresses", 6, 250, 6, steps, 2000});
}

TEST_CASE("Race: the oldest of those in progress makes room, and what it leaves goes to all that are left", "[race]") {
    play({"the first one is refused meanwhile",
          6,
          10,
          2,
          {{0, Does::start, 0},
           {10, Does::start, 1},
           {100, Does::fail, 0},
           {100, Does::start, 2},  // 900 ms are left for this one and three more
           {324, Does::keep_all},
           {325, Does::make_room, 1},
           {325, Does::start, 3},
           {550, Does::make_room, 2}},
          1000});
}

TEST_CASE("Race: when the time is up, nobody makes room any more", "[race]") {
    play({"two addresses, one place",
          2,
          10,
          1,
          {{0, Does::start, 0}, {1000, Does::keep_all}, {1000, Does::wait_for_ever}, {1001, Does::keep_all}},
          1000});
}

TEST_CASE("Race: a delay below 10 ms is 10 ms, and none at all means one after the other", "[race]") {  // behaviour 20
    for (const int delay : {1, 9, 10})
        play({"a short delay",
              2,
              delay,
              6,
              {{0, Does::start, 0}, {0, Does::wait, 10}, {9, Does::start_nothing}, {10, Does::start, 1}}});
    for (const int delay : {0, -1, -5000})
        play({"no delay",
              2,
              delay,
              6,
              {{0, Does::start, 0},
               {0, Does::wait_for_ever},
               {60000, Does::start_nothing},
               {60001, Does::fail, 0},
               {60001, Does::wait, 0},
               {60001, Does::start, 1}}});
}

TEST_CASE("without_repeats: each endpoint is kept where it first occurs, however many there are", "[race]") {
    std::vector<Endpoint> endpoints, expected;
    for (std::uint32_t i = 0; i < 20'000; ++i) {
        const Endpoint each = Endpoint::parse("127." + std::to_string(i % 200) + ".0.1:" + std::to_string(i % 5000));
        endpoints.push_back(each);
        if (i < 5000) expected.push_back(each);
    }
    CHECK(without_repeats(endpoints) == expected);
    CHECK(without_repeats(expected) == expected);
    CHECK(without_repeats({}).empty());
}

TEST_CASE("interleaved: families take turns from the first address on, each in its own order",
          "[race]") {  // behaviour 15
    struct Case {
        std::vector<std::string> given, wanted;
    };
    const Case cases[] = {
        {{"[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1", "192.0.2.1:1", "192.0.2.2:1"},
         {"[2001:db8::1]:1", "192.0.2.1:1", "[2001:db8::2]:1", "192.0.2.2:1", "[2001:db8::3]:1"}},
        {{"192.0.2.1:1", "192.0.2.2:1", "[2001:db8::1]:1"}, {"192.0.2.1:1", "[2001:db8::1]:1", "192.0.2.2:1"}},
        {{"192.0.2.1:1", "[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1"},
         {"192.0.2.1:1", "[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1"}},
        {{"192.0.2.2:1", "192.0.2.1:1"}, {"192.0.2.2:1", "192.0.2.1:1"}},
        {{}, {}},
    };
    for (const Case& one : cases) {
        std::vector<Endpoint> given;
        for (const std::string& text : one.given) given.push_back(Endpoint::parse(text));
        std::vector<std::string> mixed;
        for (const Endpoint& endpoint : detail::interleaved(given)) mixed.push_back(endpoint.to_string());
        CHECK(mixed == one.wanted);
    }
}

TEST_CASE("Race: every attempt is listed in the order of its start, with its reason and its time",
          "[race]") {  // behaviour 17
    Race race(addresses(3), milliseconds(250), 6);
    REQUIRE(race.start_due(at(0)) == 0U);
    REQUIRE(race.start_due(at(250)) == 1U);
    race.record_failure(1, error(unreachable), at(252));
    CHECK_FALSE(race.all_failed());
    REQUIRE(race.start_due(at(252)) == 2U);
    race.record_failure(0, error(refused), at(300));
    race.record_failure(2, error(refused), at(302));

    CHECK(race.all_failed());
    const auto attempts = race.attempts();
    REQUIRE(attempts.size() == 3);
    CHECK(attempts[0].endpoint == "192.0.2.1:80");
    CHECK(attempts[0].code == refused);
    CHECK(attempts[0].elapsed == milliseconds(300));
    CHECK(attempts[1].code == unreachable);
    CHECK(attempts[1].elapsed == milliseconds(2));
    CHECK(attempts[2].endpoint == "192.0.2.3:80");
    CHECK(attempts[2].elapsed == milliseconds(50));
}

TEST_CASE("Race: giving up names those under way, keeps the others' reasons and omits what never started", "[race]") {
    Race race(addresses(3), milliseconds(250), 6);
    REQUIRE(race.start_due(at(0)) == 0U);
    race.record_failure(0, error(refused), at(1));
    REQUIRE(race.start_due(at(1)) == 1U);
    race.give_up(make_error_code(Errc::deadline_exceeded), at(200));

    const auto attempts = race.attempts();
    REQUIRE(attempts.size() == 2);
    CHECK(attempts[0].code == refused);
    CHECK(attempts[1].code == Errc::deadline_exceeded);
    CHECK(attempts[1].elapsed == milliseconds(199));
    CHECK(attempts[1].operation == Operation::connect);
    CHECK_FALSE(race.all_failed());
}

TEST_CASE("Race: the longest delay there is means one after the other", "[race]") {
    Race race({Endpoint::parse("127.0.0.1:1"), Endpoint::parse("127.0.0.1:2")}, (milliseconds::max)(), 6);
    REQUIRE(race.start_due(at(0)) == 0U);
    CHECK(race.start_due(at(1'000'000)) == std::nullopt);
    race.record_failure(0, error(refused), at(1'000'001));
    CHECK(race.start_due(at(1'000'001)) == 1U);
}
