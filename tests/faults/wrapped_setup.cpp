// SPDX-License-Identifier: MIT
// Making servers and connections while single steps of it fail.
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <string>

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
using faults::system_code;
using faults::Verdict;
using loopback::error_of;

namespace {

/// Loopback has a connection before connect returns; elsewhere the first looks find none. Verdict on such a look.
Verdict not_before(int look, const Made& made) { return {.error = made.nth < look ? ENOTCONN : 0}; }

/// Lets the first, the second, … step of `make` fail until none is left; returns how many there were.
template <class Make> int fail_each_step(const Make& make) {
    for (int position = 0;; ++position) {
        bool struck = false;
        int nth = 0;
        const int before = loopback::open_descriptors();
        const Script script([&](const Made& made) -> Verdict {
            if (made.call == Call::getpeername) return not_before(2, made);
            if (made.call == Call::close || nth++ != position) return {};
            struck = true;
            return {.error = ENOBUFS};
        });
        auto made = make();
        if (made) {
            CHECK_FALSE(struck);
            return position;
        }
        CAPTURE(position, made.error().message());
        CHECK(made.error().code() == system_code(ENOBUFS));
        CHECK(made.error().transient());
        CHECK_THAT(made.error().message(), StartsWith("[steps] ") && ContainsSubstring(": no buffer space"));
        CHECK(loopback::open_descriptors() == before);
    }
}

/// A listener whose queue is full: it answers nobody.
struct Silent {
    Socket server = create_server("127.0.0.1", 0, {}, {.backlog = 0});
    Socket waiting = connect_to("127.0.0.1", server.local_endpoint().port());
};

}  // namespace

TEST_CASE("create_server: whichever step fails is named, and no descriptor is lost", "[faults]") {
    const loopback::LogCapture quiet(LogLevel::off);
    const ServerOptions every{.reuse_port = true, .keep_alive = {.user_timeout = 30s}};
    // A socket; no delay, four of keep-alive, the user timeout, two of reuse; bind.
    CHECK(fail_each_step([&] { return try_create_server("127.0.0.1", 0, "steps", every); }) == 10);
}

TEST_CASE("connect_to: whichever step fails is named, and no descriptor is lost", "[faults]") {
    const loopback::LogCapture quiet(LogLevel::off);
    const auto server = create_server("127.0.0.1", 0);
    const std::uint16_t port = server.local_endpoint().port();
    const Timeout timeout = GENERATE(Timeout(), Timeout(60s));
    // A socket, six options, connect, poll, SO_ERROR that says nothing yet, poll.
    CHECK(fail_each_step([&] {
              return try_connect_to("127.0.0.1", port, "steps",
                                    {.timeout = timeout, .keep_alive = {.user_timeout = 30s}});
          }) == 11);
}

TEST_CASE("connect_to: that a local address has no port left passes, and is tried again", "[faults]") {
    const loopback::LogCapture quiet(LogLevel::off);
    auto server = create_server("127.0.0.1", 0);
    const std::uint16_t port = server.local_endpoint().port();
    const Endpoint any_port = Endpoint::parse("127.0.0.2:0");
    const Script script(
        [](const Made& made) { return Verdict{.error = made.call == Call::bind && made.nth < 2 ? EADDRINUSE : 0}; });
    const auto error = error_of(try_connect_to("127.0.0.1", port, "steps", {.local = any_port}));
    CHECK(error.code() == system_code(EADDRINUSE));
    CHECK(error.transient());
    CHECK_THAT(error.message(), StartsWith("[steps] connect to 127.0.0.1:" + std::to_string(port) + ": "));
    CHECK_THAT(error.message(), ContainsSubstring("options.local: 127.0.0.2 has no port left"));

    const RetryPolicy retry{.attempts = 2, .initial_delay = 1ms};
    const auto socket = connect_to("127.0.0.1", port, "steps", {.retry = retry, .local = any_port});
    CHECK(script.count(Call::bind) == 3);
    CHECK(server.accept().remote_endpoint() == socket.local_endpoint());
}

TEST_CASE("connect_to: a fixed local port that is taken, or an address that is none here, is not tried again",
          "[faults]") {
    const int number = GENERATE(EADDRINUSE, EADDRNOTAVAIL, EACCES);
    const Script script([=](const Made& made) { return Verdict{.error = made.call == Call::bind ? number : 0}; });
    const RetryPolicy retry{.attempts = 3, .initial_delay = 1ms};
    const Endpoint local = Endpoint::parse(number == EADDRINUSE ? "10.0.0.9:4000" : "10.0.0.9:0");
    const auto error = error_of(try_connect_to("127.0.0.1", 80, "steps", {.retry = retry, .local = local}));
    CHECK(error.code() == system_code(number));
    CHECK_FALSE(error.transient());
    CHECK_THAT(error.message(),
               StartsWith("[steps] bind " + local.to_string() + ": ") && ContainsSubstring("(options.local)"));
    CHECK(script.count(Call::bind) == 1);
}

TEST_CASE("create_server: where IPv6 is off, all addresses are those of IPv4", "[faults]") {  // behaviour 89
    const Script script([](const Made& made) {
        return Verdict{.error = made.call == Call::socket && made.argument == AF_INET6 ? EAFNOSUPPORT : 0};
    });
    const char* host = GENERATE("", "*");
    auto server = create_server(host, 0);
    CHECK_THAT(server.local_endpoint().to_string(), StartsWith("0.0.0.0:"));
    const auto client = connect_to("127.0.0.1", server.local_endpoint().port());
    CHECK(server.accept().remote_endpoint() == client.local_endpoint());
}

TEST_CASE("connect_to: where IPv6 is off, what a wildcard server reports is reached by IPv4", "[faults]") {
    auto server = create_server("0.0.0.0", 0);
    const Script script([](const Made& made) {
        return Verdict{.error = made.call == Call::socket && made.argument == AF_INET6 ? EAFNOSUPPORT : 0};
    });
    const auto client = connect_to("::", server.local_endpoint().port());
    CHECK(client.remote_endpoint().host() == "127.0.0.1");
    CHECK(server.accept().remote_endpoint() == client.local_endpoint());
}

TEST_CASE("create_server: IPv6 alone, where it is off, is an error", "[faults]") {
    const Script script(
        [](const Made& made) { return Verdict{.error = made.call == Call::socket ? EAFNOSUPPORT : 0}; });
    CHECK(error_of(try_create_server("", 0, {}, {.dual_stack = false})).code() == system_code(EAFNOSUPPORT));
    CHECK(script.count(Call::socket) == 1);
    CHECK(error_of(try_create_server("", 0)).code() == system_code(EAFNOSUPPORT));
    CHECK(script.count(Call::socket) == 3);
}

TEST_CASE("connect_to: a signal in connect does not start it again", "[faults]") {  // behaviour 34
    // Lines are polled for too.
    const loopback::LogCapture quiet(LogLevel::off);
    const auto interrupted = [](const Made& made) {
        if (made.call == Call::getpeername) return not_before(1, made);
        return Verdict{.error = made.call == Call::connect || (made.call == Call::poll && made.nth == 0) ? EINTR : 0};
    };
    SECTION("where somebody answers") {
        auto server = create_server("127.0.0.1", 0);
        const Script script(interrupted);
        const auto socket = connect_to("127.0.0.1", server.local_endpoint().port());
        CHECK(script.count(Call::connect) == 1);
        CHECK(script.count(Call::poll) == 2);
        CHECK(script.count(Call::getsockopt) == 0);
        CHECK(server.accept().remote_endpoint() == socket.local_endpoint());
    }
    SECTION("where nobody does") {
        const Silent silent;
        const Script script(interrupted);
        const auto port = silent.server.local_endpoint().port();
        const auto connect = [&] { return try_connect_to("127.0.0.1", port, {}, {.timeout = 200ms}); };
        CHECK(loopback::clean_failure(connect).code() == Errc::deadline_exceeded);
        CHECK(script.count(Call::connect) == 1);
        CHECK(script.count(Call::getsockopt) == 0);
    }
}

TEST_CASE("connect_to: of two connections that stand in the same instant one wins and the other is closed",
          "[faults]") {  // behaviour 14
    const loopback::LogCapture quiet(LogLevel::off);
    const Resolver resolver([](int) { return 0; }, {"127.0.0.1", "127.0.0.2"});
    auto server = create_server("0.0.0.0", 0);
    const int before = loopback::open_descriptors();
    for (int round = 0; round < 50; ++round) {
        int connects = 0;
        bool both = false;
        const Script script([&](const Made& made) -> Verdict {
            if (made.call == Call::getpeername) return not_before(2, made);
            connects += made.call == Call::connect;
            both = both || (made.call == Call::poll && connects == 2);
            // The first look at them happens when both stand.
            return made.call == Call::poll && connects == 1 ? Verdict{.most = 0} : Verdict{};
        });
        auto socket = connect_to("two.test", server.local_endpoint().port(), {}, {.attempt_delay = 10ms});
        CHECK(both);
        auto one = server.accept();
        auto other = server.accept();
        const bool one_won = one.remote_endpoint() == socket.local_endpoint();
        Socket& winner = one_won ? one : other;
        Socket& loser = one_won ? other : one;
        CHECK(winner.remote_endpoint() == socket.local_endpoint());
        std::byte nothing[1];
        CHECK(loser.recv_some(nothing) == 0);
        CHECK(faults::comes_true([&] { return loopback::open_descriptors() == before + 3; }));
        send_all(winner, "won");
        CHECK(recv_exact(socket, 3) == "won");
    }
}
