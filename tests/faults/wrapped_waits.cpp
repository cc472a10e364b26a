// SPDX-License-Identifier: MIT
// How often a call that has to wait asks the system: again and again while it spins, and else once.
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <sockboot/message.hpp>
#include <sockboot/message_channel.hpp>
#include <sockboot/transfer.hpp>

#include "catch.hpp"
#include "loopback.hpp"
#include "wrap.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using faults::Call;
using faults::Made;
using faults::Resolver;
using faults::Script;
using faults::Verdict;
using loopback::error_of;

namespace {

/// Each look that finds nothing, and the wait between two of them; a clock that ticks in the middle may add one.
constexpr int few = 3;

/// Makes a call that waits for 50 ms in vain.
template <class Wait> void check_that_it_sleeps(const Wait& wait) {
    const Script script([](const Made&) { return Verdict{}; });
    const Error error = error_of(wait());
    CHECK(error.code() == Errc::deadline_exceeded);
    CHECK(script.count(Call::poll) >= 1);
    for (const Call kind : {Call::poll, Call::receive, Call::accept}) CHECK(script.count(kind) <= few);
}

}  // namespace

TEST_CASE("spin: a call that has to wait asks again and again, and does not block", "[faults]") {
    auto [socket, peer] = loopback::connected_pair();
    socket.set_timeout(GENERATE(Timeout(), Timeout(1h)));
    socket.set_spin(1h);
    const Script script([&from = peer](const Made& made) -> Verdict {
        const bool has_spun = made.call == Call::receive && made.nth == 100;
        if (has_spun || (made.call == Call::poll && made.nth == 0)) send_all(from, "there");
        return {};
    });
    std::array<std::byte, 5> buffer{};
    SECTION("some bytes") { CHECK(socket.recv_some(buffer) == 5); }
    SECTION("all bytes") { recv_exact(socket, buffer); }
    CHECK(script.count(Call::receive) >= 101);
    CHECK(script.count(Call::poll) == 0);
}

TEST_CASE("spin: its time over, the call blocks", "[faults]") {
    auto [socket, peer] = loopback::connected_pair();
    socket.set_timeout(1h);
    socket.set_spin(1ms);
    const Script script([&from = peer](const Made& made) -> Verdict {
        if (made.call == Call::poll && made.nth == 0) send_all(from, "there");
        return {};
    });
    CHECK(recv_exact(socket, 5) == "there");
    CHECK(script.count(Call::poll) == 1);
}

TEST_CASE("A call that has to wait sleeps until its deadline, and asks the system no more than it must", "[faults]") {
    const loopback::LogCapture quiet(LogLevel::off);
    const bool has_canceller = GENERATE(false, true);
    const Canceller canceller = has_canceller ? Canceller() : Canceller::none();
    auto server = create_server("127.0.0.1", 0, {}, {.timeout = 50ms, .canceller = canceller});
    auto [socket, peer] = loopback::connected_pair();
    socket.set_timeout(50ms);
    socket.set_canceller(canceller);
    for (const bool was_cancelled : {false, true}) {
        if (was_cancelled) Canceller(canceller).cancel();
        if (was_cancelled) Canceller(canceller).reset();
        CAPTURE(has_canceller, was_cancelled);
        std::array<std::byte, 1> buffer{};
        check_that_it_sleeps([&] { return server.try_accept(); });
        check_that_it_sleeps([&, &from = socket] { return from.try_recv_some(buffer); });
        check_that_it_sleeps([&, &from = socket] { return try_recv_exact(from, buffer); });
        check_that_it_sleeps([&from = socket] { return try_recv_message(from); });
    }
    MessageChannel channel(std::move(socket));
    check_that_it_sleeps([&] { return channel.try_receive(); });
}

TEST_CASE("connect_to: while an address is silent it sleeps, and so it does between two rounds", "[faults]") {
    const loopback::LogCapture quiet(LogLevel::off);
    const auto server = create_server("127.0.0.1", 0, {}, {.backlog = 0});
    const auto port = server.local_endpoint().port();
    const auto waiting = connect_to("127.0.0.1", port);
    check_that_it_sleeps([&] { return try_connect_to("127.0.0.1", port, {}, {.timeout = 50ms}); });

    const auto nobody = create_server("127.0.0.1", 0).local_endpoint().port();
    const RetryPolicy retry{.attempts = 0, .initial_delay = 1h, .max_delay = 1h};
    check_that_it_sleeps([&] { return try_connect_to("127.0.0.1", nobody, {}, {.timeout = 50ms, .retry = retry}); });
}

TEST_CASE("connect_to: an attempt that makes room for the next is listed as one that was out of time", "[faults]") {
    const loopback::LogCapture quiet(LogLevel::off);
    const auto server = create_server("0.0.0.0", 0, {}, {.backlog = 0});
    const auto port = server.local_endpoint().port();
    const auto waiting = connect_to("127.0.0.1", port);
    const Resolver resolver([](int) { return 0; }, {"127.0.0.1", "127.0.0.2"});
    std::vector<int> open;
    const Script script([&](const Made& made) -> Verdict {
        if (made.call == Call::connect) open.push_back(loopback::open_descriptors());
        return {};
    });
    const Error error = error_of(try_connect_to("two.test", port, {}, {.timeout = 200ms, .max_attempts_in_flight = 1}));
    REQUIRE(open.size() == 2);
    CHECK(open[0] == open[1]);  // its socket was closed, and waits for nothing any more
    REQUIRE(error.attempts().size() == 2);
    for (const Attempt& attempt : error.attempts()) {
        CHECK(attempt.code == Errc::deadline_exceeded);
        CHECK(attempt.operation == Operation::connect);
    }
}

TEST_CASE("connect_to: from one local port addresses are tried one after the other", "[faults]") {
    const loopback::LogCapture quiet(LogLevel::off);
    const auto server = create_server("0.0.0.0", 0, {}, {.backlog = 0});
    const auto port = server.local_endpoint().port();
    const auto waiting = connect_to("127.0.0.1", port);
    const Endpoint local = create_server("127.0.0.1", 0).local_endpoint();  // free again
    const Resolver resolver([](int) { return 0; }, {"127.0.0.1", "127.0.0.2"});
    const Error error =
        error_of(try_connect_to("two.test", port, {}, {.timeout = 200ms, .attempt_delay = 10ms, .local = local}));
    CHECK(error.code() == Errc::deadline_exceeded);  // and not that the port is in use
    CHECK(error.attempts().size() == 2);
}

TEST_CASE("connect_to: a deadline in a later round keeps what the round before it had said", "[faults]") {
    const loopback::LogCapture quiet(LogLevel::off);
    const auto server = create_server("127.0.0.1", 0, {}, {.backlog = 0});
    const auto port = server.local_endpoint().port();
    const auto waiting = connect_to("127.0.0.1", port);  // nobody else is let in
    const Script script([](const Made& made) -> Verdict {
        const int failures[] = {ECONNREFUSED, EHOSTUNREACH};
        return {.error = made.call == Call::connect && made.nth < 2 ? failures[made.nth] : 0};
    });
    const Error error = error_of(try_connect_to(
        "127.0.0.1", port, "db", {.timeout = 200ms, .retry = {.attempts = 0, .initial_delay = 1ms, .jitter = 0}}));
    CHECK(script.count(Call::connect) == 3);
    CHECK(error.code() == Errc::deadline_exceeded);
    CHECK(error.operation() == Operation::connect);
    REQUIRE(error.attempts().size() == 1);
    CHECK(error.attempts()[0].code == std::errc::host_unreachable);
    CHECK_THAT(error.message(), ContainsSubstring("attempt 2 failed: no route to host"));
}

TEST_CASE("connect_to: a Canceller in a later round keeps what the round before it had said", "[faults]") {
    const loopback::LogCapture quiet(LogLevel::off);
    const auto server = create_server("127.0.0.1", 0, {}, {.backlog = 0});
    const auto port = server.local_endpoint().port();
    const auto waiting = connect_to("127.0.0.1", port);
    Canceller canceller;
    const Script script([&](const Made& made) -> Verdict {
        if (made.call == Call::connect && made.nth == 0) return {.error = ECONNREFUSED};
        if (made.call == Call::poll && made.nth >= 1) canceller.cancel();  // the first poll is the pause
        return {};
    });
    const Error error = error_of(
        try_connect_to("127.0.0.1", port, "db",
                       {.timeout = 1h, .retry = {.attempts = 0, .initial_delay = 1ms}, .canceller = canceller}));
    CHECK(script.count(Call::connect) == 2);
    CHECK(error.code() == Errc::cancelled);
    REQUIRE(error.attempts().size() == 1);
    CHECK(error.attempts()[0].code == std::errc::connection_refused);
    CHECK_THAT(error.message(), ContainsSubstring("attempt 1 failed: connection refused"));
}

TEST_CASE("connect_to: sixteen attempts are in flight where that many are asked for, and never more", "[faults]") {
    const loopback::LogCapture quiet(LogLevel::off);
    auto server = create_server("0.0.0.0", 0, {}, {.backlog = 0});
    const auto port = server.local_endpoint().port();
    const auto waiting = connect_to("127.0.0.1", port);
    std::vector<std::string> addresses;
    for (int i = 1; i <= 17; ++i) addresses.push_back("127.0.0." + std::to_string(i));
    const Resolver resolver([](int) { return 0; }, addresses);

    Canceller canceller;
    int started = 0;
    auto all_started = Deadline::clock::now();
    const Script script([&](const Made& made) -> Verdict {
        if (made.call == Call::connect && ++started == 16) all_started = Deadline::clock::now();
        if (made.call != Call::poll || started < 16) return {};
        if (Deadline::clock::now() - all_started < 30ms) return {.most = 0};  // until one more would be due
        canceller.cancel();
        return {};
    });
    const Error error = error_of(
        try_connect_to("many.test", port, {},
                       {.timeout = 1h, .attempt_delay = 10ms, .max_attempts_in_flight = 16, .canceller = canceller}));
    CHECK(error.code() == Errc::cancelled);
    CHECK(started == 16);
    REQUIRE(error.attempts().size() == 16);
    for (const Attempt& attempt : error.attempts()) {
        CHECK(attempt.code == Errc::cancelled);  // until then it was in flight
        CHECK(attempt.operation == Operation::connect);
    }
}
