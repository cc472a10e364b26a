// SPDX-License-Identifier: MIT
#include <sockboot/options.hpp>

#include <chrono>
#include <optional>
#include <type_traits>

#include "catch.hpp"

using namespace sockboot;
using namespace std::chrono_literals;

TEST_CASE("ServerOptions: {} asks for the largest backlog, one dual-stack socket and no timeout", "[options]") {
    const ServerOptions options{};
    CHECK(options.backlog == -1);
    CHECK(options.reuse_address);
    CHECK_FALSE(options.reuse_port);
    CHECK(options.dual_stack);
    CHECK(options.timeout.is_forever());
    CHECK_FALSE(options.canceller);
    CHECK(options.no_delay);
    CHECK(options.keep_alive.idle == 15s);
}

TEST_CASE("ConnectOptions: {} gives connecting 10 s, I/O for ever, and an address 250 ms before the next",
          "[options]") {
    const ConnectOptions options{};
    CHECK(options.timeout == Timeout(10s));
    CHECK(options.io_timeout.is_forever());
    CHECK(options.attempt_delay == 250ms);
    CHECK(options.max_attempts_in_flight == 6);
    CHECK(options.local == Endpoint{});
    CHECK_FALSE(options.canceller);
    CHECK(options.no_delay);
    CHECK(options.keep_alive.idle == 15s);
}

TEST_CASE("KeepAlive: 15 s of silence, 15 s between probes, 9 probes", "[options]") {
    const KeepAlive keep_alive{};
    CHECK(keep_alive.idle == 15s);
    CHECK(keep_alive.interval == 15s);
    CHECK(keep_alive.probes == 9);
}

TEST_CASE("Options are aggregates whose fields can be named in the order of their declaration", "[options]") {
    static_assert(std::is_aggregate_v<ServerOptions> && std::is_aggregate_v<ConnectOptions>);
    static_assert(std::is_aggregate_v<KeepAlive>);
    const ServerOptions server{.backlog = 5,
                               .reuse_address = false,
                               .reuse_port = true,
                               .dual_stack = false,
                               .timeout = 2s,
                               .canceller = Canceller(),
                               .no_delay = false,
                               .keep_alive = KeepAlive{.idle = 1s, .interval = 2s, .probes = 3}};
    CHECK(server.timeout == Timeout(2s));
    CHECK(server.keep_alive.probes == 3);

    const ConnectOptions client{.timeout = 1s,
                                .io_timeout = 0s,
                                .attempt_delay = 100ms,
                                .max_attempts_in_flight = 2,
                                .local = Endpoint::parse("127.0.0.1:0"),
                                .canceller = Canceller(),
                                .no_delay = false,
                                .keep_alive = {.idle = 0s}};
    CHECK(client.io_timeout.is_zero());
    CHECK(client.local.family() == Family::ipv4);
    CHECK(client.keep_alive.idle == 0s);
}

TEST_CASE("Options: a field that is left out keeps its default, without a warning", "[options]") {
    const ServerOptions server{.timeout = 500ms};
    CHECK(server.backlog == ServerOptions{}.backlog);
    const ConnectOptions client{.keep_alive = {.idle = 0s}};
    CHECK(client.timeout == ConnectOptions{}.timeout);
}
