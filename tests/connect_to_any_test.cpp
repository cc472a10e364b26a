// SPDX-License-Identifier: MIT
// connect_to with a retry policy, and connect_to_any: the second half of connect_to.hpp.
#include <sockboot/connect_to.hpp>

#include <chrono>
#include <cstdint>
#include <future>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using loopback::clean_failure;
using loopback::LogCapture;
using loopback::Stopwatch;

namespace {

/// A port on which nobody listens.
std::uint16_t closed_port() { return create_server("127.0.0.1", 0).local_endpoint().port(); }

std::string at(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

}  // namespace

TEST_CASE("retry: by default there is no second attempt", "[connect_to]") {
    const LogCapture log(LogLevel::info);
    CHECK(clean_failure([] { return try_connect_to("127.0.0.1", closed_port(), "db"); }).transient());
    CHECK(LogCapture::lines().size() == 1);  // of closed_port's server
}

TEST_CASE("retry: a server that starts after its client is found, and the log tells the story", "[connect_to]") {
    const auto port = closed_port();  // behaviour 106
    const LogCapture log(LogLevel::info);
    const ConnectOptions options{.retry = {.attempts = 5, .initial_delay = 200ms, .jitter = 0}};
    auto client = std::async(std::launch::async, [&] { return connect_to("127.0.0.1", port, "orders", options); });
    while (client.wait_for(300ms) != std::future_status::timeout) FAIL("connected before there was a server");
    auto server = create_server("127.0.0.1", port);
    CHECK(client.get().remote_endpoint() == server.local_endpoint());
    CHECK(LogCapture::lines() ==
          std::vector<std::string>{"[orders] connect to " + at(port) + ": connection refused; attempt 2 of 5 in 200 ms",
                                   "[orders] connect to " + at(port) + ": connection refused; attempt 3 of 5 in 320 ms",
                                   "listening on " + at(port), "[orders] connected to " + at(port)});
}

TEST_CASE("retry: what does not pass by itself is tried once", "[connect_to]") {  // behaviour 103
    const LogCapture log(LogLevel::warning);
    const ConnectOptions options{.retry = {.attempts = 0}};
    CHECK(clean_failure([&] { return try_connect_to("name.invalid", 1, "db", options); }).code() ==
          Errc::host_not_found);
    CHECK(clean_failure([&] {
              return try_connect_to("::1", 1, "db",
                                    {.retry = {.attempts = 0}, .local = Endpoint::parse("127.0.0.1:0")});
          }).code() == std::errc::address_family_not_supported);
    CHECK(LogCapture::lines().empty());
}

TEST_CASE("retry: the attempts end at their number, with what the last one said", "[connect_to]") {
    const std::chrono::milliseconds delay = GENERATE(0ms, 1ms);
    const auto port = closed_port();
    const LogCapture log(LogLevel::warning);
    const auto error = clean_failure(
        [&] { return try_connect_to("127.0.0.1", port, "db", {.retry = {.attempts = 3, .initial_delay = delay}}); });
    CHECK(error.code() == std::errc::connection_refused);
    CHECK(LogCapture::lines().size() == 2);
}

TEST_CASE("retry: a deadline in the middle of a pause ends it, with the last real reason", "[connect_to]") {
    const auto port = closed_port();  // behaviour 104
    const LogCapture log(LogLevel::warning);
    const Stopwatch watch;
    const RetryPolicy hourly{.attempts = 0, .initial_delay = 1h, .max_delay = 1h, .jitter = 0};
    const auto error =
        clean_failure([&] { return try_connect_to("127.0.0.1", port, "db", {.timeout = 200ms, .retry = hourly}); });
    CHECK(LogCapture::lines() ==
          std::vector<std::string>{"[db] connect to " + at(port) + ": connection refused; attempt 2 in 3600000 ms"});
    CHECK(watch.elapsed_ms() >= 200);
    CHECK(watch.elapsed_ms() < 2000);
    CHECK(error.code() == Errc::deadline_exceeded);
    REQUIRE(error.attempts().size() == 1);
    CHECK(error.attempts()[0].code == std::errc::connection_refused);
    CHECK_THAT(error.message(), ContainsSubstring("attempt 1 failed: connection refused"));
}

TEST_CASE("retry: a Canceller ends a pause", "[connect_to]") {
    Canceller canceller;
    const auto port = closed_port();
    const LogCapture log(LogLevel::warning);
    auto client = std::async(std::launch::async, [&] {
        return clean_failure([&] {
            return try_connect_to("127.0.0.1", port, "db",
                                  {.timeout = 60s,
                                   .retry = {.attempts = 2, .initial_delay = 1h, .max_delay = 1h},
                                   .canceller = canceller});
        });
    });
    while (LogCapture::lines().empty()) std::this_thread::yield();  // it is about to pause
    const Stopwatch watch;
    canceller.cancel();
    const auto error = client.get();
    CHECK(watch.elapsed_ms() < 5000);
    CHECK(error.code() == Errc::cancelled);
    CHECK_THAT(error.message(), ContainsSubstring("connection refused"));
}

TEST_CASE("retry: a policy that cannot be followed is refused before anything is tried", "[connect_to]") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const RetryPolicy wrong[] = {{.attempts = -1},    {.initial_delay = -1ms}, {.multiplier = 0.5}, {.multiplier = nan},
                                 {.max_delay = -1ms}, {.jitter = -0.1},        {.jitter = 1.1},     {.jitter = nan}};
    for (const RetryPolicy& retry : wrong) {
        CAPTURE(&retry - wrong);
        const auto error = clean_failure([&] { return try_connect_to("127.0.0.1", 1, {}, {.retry = retry}); });
        CHECK(error.code() == std::errc::invalid_argument);
        CHECK_THAT(error.message(), ContainsSubstring("retry."));
    }
}

TEST_CASE("connect_to_any: the first host that answers is taken, the next one tried at once", "[connect_to]") {
    auto backup = create_server("127.0.0.1", 0);  // behaviour 105
    const auto port = backup.local_endpoint().port();
    const LogCapture log(LogLevel::warning);
    const ConnectOptions options{.retry = {.attempts = 2, .initial_delay = 1h}};
    auto socket =
        connect_to_any({{"127.0.0.1", closed_port()}, {"name.invalid", 1}, {"localhost", port}}, "db", options);
    CHECK(socket.remote_endpoint() == backup.local_endpoint());
    CHECK(LogCapture::lines().empty());  // no pause

    const std::vector<HostPort> list{{"localhost", port}, {"127.0.0.1", closed_port()}};
    CHECK(connect_to_any(list).remote_endpoint() == backup.local_endpoint());
}

TEST_CASE("connect_to_any: all are tried before each pause, and the error lists every attempt", "[connect_to]") {
    const auto primary = closed_port();
    const auto backup = closed_port();
    const LogCapture log(LogLevel::warning);
    const auto error = clean_failure([&] {
        return try_connect_to_any({{"127.0.0.1", primary}, {"name.invalid", 9}, {"127.0.0.1", backup}}, "db",
                                  {.retry = {.attempts = 2, .initial_delay = 1ms}});
    });
    CHECK(LogCapture::lines().size() == 1);
    CHECK(error.code() == std::errc::connection_refused);  // the first host's
    REQUIRE(error.attempts().size() == 3);
    CHECK(error.attempts()[0].endpoint == at(primary));
    CHECK(error.attempts()[1].endpoint == "name.invalid:9");
    CHECK(error.attempts()[1].code == Errc::host_not_found);
    CHECK(error.attempts()[2].endpoint == at(backup));
    CHECK_THAT(error.message(),
               StartsWith("[db] connect to " + at(primary) + ", name.invalid:9, " + at(backup) + ": "));
}

TEST_CASE("connect_to_any: a silent host uses up only its part of the time", "[connect_to]") {
    auto silent = create_server("127.0.0.1", 0, {}, {.backlog = 0});
    auto only_one_fits = connect_to("127.0.0.1", silent.local_endpoint().port());
    auto backup = create_server("127.0.0.1", 0);
    const Stopwatch watch;
    auto socket =
        connect_to_any({{"127.0.0.1", silent.local_endpoint().port()}, {"127.0.0.1", backup.local_endpoint().port()}},
                       {}, {.timeout = 600ms});
    CHECK(socket.remote_endpoint() == backup.local_endpoint());
    CHECK(watch.elapsed_ms() >= 300);
}

TEST_CASE("connect_to_any: a host has two seconds at least while there is more, and then its equal share",
          "[connect_to]") {
    const auto silent = create_server("127.0.0.1", 0, {}, {.backlog = 0});
    const HostPort dead{"127.0.0.1", silent.local_endpoint().port()};
    const auto only_one_fits = connect_to("127.0.0.1", dead.port);
    const auto backup = create_server("127.0.0.1", 0);
    const HostPort live{"127.0.0.1", backup.local_endpoint().port()};
    const Stopwatch watch;
    // Equal shares of the whole would be 450 ms.
    const auto socket = connect_to_any({dead, dead, dead, dead, live}, {}, {.timeout = 2250ms});
    CHECK(socket.remote_endpoint() == backup.local_endpoint());
    CHECK(watch.elapsed_ms() >= 2180);  // 2 s, and three quarters of what was left
}

TEST_CASE("connect_to_any: a list that names no host is refused", "[connect_to]") {
    CHECK(clean_failure([] { return try_connect_to_any(std::vector<HostPort>{}); }).code() ==
          std::errc::invalid_argument);
    CHECK_THAT(clean_failure([] { return try_connect_to_any({{"localhost", 1}, {"", 2}}); }).message(),
               ContainsSubstring("the host is empty"));
}

TEST_CASE("connect_to_any: whether it is tried again depends on every host, not on the first", "[connect_to]") {
    const auto port = closed_port();
    const LogCapture log(LogLevel::warning);
    const auto error = clean_failure([&] {
        return try_connect_to_any({{"name.invalid", 9}, {"127.0.0.1", port}}, "db",
                                  {.retry = {.attempts = 3, .initial_delay = 1ms}});
    });
    CHECK(error.code() == Errc::host_not_found);
    CHECK(error.transient());
    CHECK(LogCapture::lines().size() == 2);
}

TEST_CASE("connect_to: a socket that reached itself is found out in IPv6 clothes too", "[connect_to]") {
    SKIP_UNLESS(loopback::has_ipv6(), "this machine has no IPv6");
    const auto self = Endpoint::parse("[::ffff:127.0.0.1]:" + std::to_string(closed_port()));
    const auto error = clean_failure([&] { return try_connect_to(self.host(), self.port(), {}, {.local = self}); });
    CHECK(error.code() == std::errc::connection_refused);
}

TEST_CASE("connect_to_any: one candidate whose port is none is refused before any host is tried", "[connect_to]") {
    auto server = create_server("127.0.0.1", 0);
    const long long port = 65536LL + server.local_endpoint().port();  // the server's, cut down to 16 bits
    const auto error = clean_failure(
        [&] { return try_connect_to_any({{"127.0.0.1", server.local_endpoint().port()}, {"127.0.0.1", port}}, "db"); });
    CHECK(error.code() == std::errc::invalid_argument);
    CHECK_THAT(error.message(), StartsWith("[db] connect to " + at(server.local_endpoint().port()) +
                                           ", 127.0.0.1:" + std::to_string(port) + ": invalid argument"));
    CHECK_THAT(error.message(), ContainsSubstring(std::to_string(port) + " is no port: 1 to 65535"));
    CHECK(server.try_accept(0s).error().would_block());
}
