// SPDX-License-Identifier: MIT
#include <sockboot/connect_to.hpp>

#include <fcntl.h>
#include <netinet/tcp.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using loopback::Stopwatch;

namespace {

/// The error of a connect_to that must fail and must not keep a descriptor.
Error failure(std::string_view host, Port port, std::string_view context = {}, const ConnectOptions& options = {}) {
    return loopback::clean_failure([&] { return try_connect_to(host, port, context, options); });
}

/// A port on which nobody listens.
std::uint16_t closed_port() { return create_server("127.0.0.1", 0).local_endpoint().port(); }

/// An address that does not answer: a listener whose queue of one is full drops what comes.
class SilentServer {
public:
    [[nodiscard]] std::uint16_t port() const { return server_.local_endpoint().port(); }

private:
    Socket server_ = create_server("127.0.0.1", 0, "silent", {.backlog = 0});
    Socket only_one_fits_ = connect_to("127.0.0.1", port());
};

/// Beside a SilentServer on 127.0.0.1: a server of the same port that answers on ::1.
struct HalfSilent {
    SilentServer silent;
    Socket answering = create_server("::1", silent.port(), "answering");
    [[nodiscard]] std::uint16_t port() const { return silent.port(); }
};

}  // namespace

TEST_CASE("connect_to: the socket is blocking, close-on-exec, undelayed and kept alive", "[connect_to]") {
    const auto server = create_server("127.0.0.1", 0);
    const auto socket = connect_to("127.0.0.1", server.local_endpoint().port(), "client", {.io_timeout = 3s});
    CHECK(socket.context() == "client");
    CHECK(socket.timeout() == Timeout(3s));
    CHECK(socket.remote_endpoint() == server.local_endpoint());
    CHECK(socket.local_endpoint().host() == "127.0.0.1");
    CHECK(socket.local_endpoint().port() != 0);
    CHECK(socket.get_option<int>(IPPROTO_TCP, TCP_NODELAY) == 1);
    CHECK(socket.get_option<int>(SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(socket.get_option<int>(IPPROTO_TCP, TCP_KEEPIDLE) == 15);
    CHECK(socket.get_option<int>(IPPROTO_TCP, TCP_KEEPINTVL) == 15);
    CHECK(socket.get_option<int>(IPPROTO_TCP, TCP_KEEPCNT) == 9);
    CHECK((::fcntl(socket.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(socket.native_handle(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("connect_to: TCP_NODELAY and keep-alive can be left off", "[connect_to]") {
    const auto server = create_server("127.0.0.1", 0);
    const ConnectOptions options{.no_delay = false, .keep_alive = {.idle = 0s}};
    const auto socket = connect_to("127.0.0.1", server.local_endpoint().port(), {}, options);
    CHECK(socket.get_option<int>(IPPROTO_TCP, TCP_NODELAY) == 0);
    CHECK(socket.get_option<int>(SOL_SOCKET, SO_KEEPALIVE) == 0);
    CHECK(socket.timeout().is_forever());
}

TEST_CASE("connect_to: what cannot be connected to is refused before a socket is made", "[connect_to]") {
    struct Case {
        const char* host;
        Port port;
        ConnectOptions options;
        std::error_code code;
        const char* text;
    };
    const auto wrong = make_error_code(std::errc::invalid_argument);
    const auto other_family = make_error_code(std::errc::address_family_not_supported);
    const Case cases[] = {
        {"", 80, {}, wrong, "[db] connect to :80: invalid argument (the host is empty)"},
        {"127.0.0.1", 0, {}, wrong, "[db] connect to 127.0.0.1:0: invalid argument (0 is no port: 1 to 65535)"},
        {"127.0.0.1", 70000, {}, wrong, "[db] connect to 127.0.0.1:70000: invalid argument (70000 is no port: 1 to 65"},
        {"::1", -1, {}, wrong, "[db] connect to [::1]:-1: invalid argument (-1 is no port: 1 to 65535)"},
        {"localhost", (std::numeric_limits<std::uint64_t>::max)(), {}, wrong, "18446744073709551615 is no port"},
        {"127.0.0.1", 1, {.max_attempts_in_flight = 0}, wrong, "max_attempts_in_flight: 1 to 16"},
        {"127.0.0.1", 1, {.max_attempts_in_flight = 17}, wrong, "max_attempts_in_flight: 1 to 16"},
        {"127.0.0.1", 1, {.keep_alive = KeepAlive{.idle = -1s}}, wrong, "keep_alive.idle"},
        {"999.1.1.1", 80, {}, Errc::host_not_found, "[db] resolve \"999.1.1.1\": host not found (not an IPv4 address"},
        {"fe80::1%nosuch0", 80, {}, Errc::host_not_found, "(no interface is called \"nosuch0\")"},
        {"nosuch.invalid", 80, {}, Errc::host_not_found, "[db] resolve \"nosuch.invalid\": host not found"},
        {"127.0.0.1",
         1,
         {.local = Endpoint::parse("[::1]:0")},
         other_family,
         "[db] connect to 127.0.0.1:1: address family not supported by protocol (the host has no address of the family "
         "of options.local"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.host, one.text);
        const auto error = failure(one.host, one.port, "db", one.options);
        CHECK(error.code() == one.code);
        CHECK_FALSE(error.transient());
        CHECK(error.attempts().empty());  // behaviour 19
        CHECK_THAT(error.message(), ContainsSubstring(one.text));
    }
}

TEST_CASE("connect_to: a closed port is refused, with its address and a hint", "[connect_to]") {  // behaviour 62
    const auto port = closed_port();
    const auto error = failure("127.0.0.1", port, "orders");
    const std::string where = "127.0.0.1:" + std::to_string(port);
    CHECK(error.code() == std::errc::connection_refused);
    CHECK(error.transient());
    CHECK(error.operation() == Operation::connect);
    CHECK(error.endpoint() == where);
    REQUIRE(error.attempts().size() == 1);
    CHECK(error.attempts()[0].endpoint == where);
    CHECK_THAT(error.message(), StartsWith("[orders] connect to " + where + ": connection refused"));
    CHECK_THAT(error.message(), ContainsSubstring("is the server running, and on that port?"));
    REQUIRE_THROWS_AS(connect_to("127.0.0.1", port), SocketError);
}

TEST_CASE("connect_to: where every address fails, all are listed in order", "[connect_to]") {  // behaviour 17
    SKIP_UNLESS(loopback::has_ipv6(), "this machine has no IPv6");
    const auto port = closed_port();
    const loopback::LogCapture log;
    const auto error = failure("localhost", port, "orders");
    CHECK(error.endpoint() == "localhost:" + std::to_string(port));
    REQUIRE(error.attempts().size() == 2);
    CHECK(error.attempts()[0].endpoint == "127.0.0.1:" + std::to_string(port));
    CHECK(error.attempts()[1].endpoint == "[::1]:" + std::to_string(port));
    std::vector<std::string> told;
    for (const Attempt& attempt : error.attempts()) {
        told.push_back("[orders] connect to " + attempt.endpoint + ": connection refused");
        CHECK(attempt.code == std::errc::connection_refused);
        CHECK_THAT(error.message(), ContainsSubstring(attempt.endpoint + " connection refused after "));
    }
    CHECK(log.lines() == told);
}

TEST_CASE("connect_to: a connection is told in one line", "[connect_to]") {
    const auto server = create_server("127.0.0.1", 0);
    const loopback::LogCapture log(LogLevel::info);
    const auto socket = connect_to("127.0.0.1", server.local_endpoint().port(), "echo");
    CHECK(log.lines() == std::vector<std::string>{"[echo] connected to " + server.local_endpoint().to_string()});
}

TEST_CASE("connect_to: a refused address costs no time, the next one is tried at once",
          "[connect_to]") {  // behaviour 12
    SKIP_UNLESS(loopback::has_ipv6(), "this machine has no IPv6");
    const auto server = create_server("::1", 0);
    const Stopwatch watch;
    const auto socket = connect_to("localhost", server.local_endpoint().port(), {}, {.attempt_delay = 5s});
    CHECK(watch.elapsed_ms() < 1500);
    CHECK(socket.remote_endpoint() == server.local_endpoint());
}

TEST_CASE("connect_to: a silent address costs the attempt delay, and is closed when the other wins",
          "[connect_to]") {  // behaviour 11
    SKIP_UNLESS(loopback::has_ipv6(), "this machine has no IPv6");
    const HalfSilent servers;
    const int before = loopback::open_descriptors();
    for (const auto delay : {250ms, 10ms}) {
        const Stopwatch watch;
        const auto socket = connect_to("localhost", servers.port(), {}, {.attempt_delay = delay});
        CHECK(watch.elapsed_ms() >= static_cast<double>(delay.count()));
        CHECK(watch.elapsed_ms() < 900);
        CHECK(socket.family() == Family::ipv6);
        CHECK(loopback::open_descriptors() == before + 1);
    }
}

TEST_CASE("connect_to: one winner and no leak, a hundred times", "[connect_to]") {  // behaviour 14
    SKIP_UNLESS(loopback::has_ipv6(), "this machine has no IPv6");
    const HalfSilent servers;
    const int before = loopback::open_descriptors();
    for (int i = 0; i < 100; ++i) {
        static_cast<void>(connect_to("localhost", servers.port(), {}, {.attempt_delay = 1ms}));
        REQUIRE(loopback::open_descriptors() == before);
    }
}

TEST_CASE("connect_to: silence ends at the deadline, with what was tried", "[connect_to]") {  // behaviour 23
    const SilentServer server;
    const Stopwatch watch;
    const auto error = failure("127.0.0.1", server.port(), "slow", {.timeout = 200ms});
    CHECK(watch.elapsed_ms() >= 200);
    CHECK(watch.elapsed_ms() < 1500);
    CHECK(error.code() == Errc::deadline_exceeded);
    CHECK(error.code() == std::errc::timed_out);
    REQUIRE(error.attempts().size() == 1);
    CHECK(error.attempts()[0].code == Errc::deadline_exceeded);
    CHECK(error.attempts()[0].elapsed >= 200ms);
    CHECK(error.operation() == Operation::connect);
    CHECK(error.attempts()[0].operation == Operation::connect);
    CHECK_THAT(error.message(), ContainsSubstring("does a firewall drop the packets?"));
}

TEST_CASE("connect_to: no delay, or one in flight, gives a silent address its share of the time and then the next",
          "[connect_to]") {  // behaviour 20
    SKIP_UNLESS(loopback::has_ipv6(), "this machine has no IPv6");
    const HalfSilent servers;
    const auto options = GENERATE(ConnectOptions{.timeout = 600ms, .attempt_delay = 0ms},
                                  ConnectOptions{.timeout = 600ms, .max_attempts_in_flight = 1});
    const Stopwatch watch;
    const auto socket = connect_to("localhost", servers.port(), {}, options);
    CHECK(watch.elapsed_ms() >= 300);
    CHECK(socket.remote_endpoint() == servers.answering.local_endpoint());
}

TEST_CASE("connect_to: Timeout zero tries once, and says would-block", "[connect_to]") {  // behaviour 27
    const SilentServer server;
    const auto error = failure("127.0.0.1", server.port(), {}, {.timeout = 0s});
    CHECK(error.would_block());
    CHECK(error.code() != std::errc::timed_out);
}

TEST_CASE("connect_to: Timeout below zero does nothing but say deadline_exceeded", "[connect_to]") {  // behaviour 27
    auto server = create_server("127.0.0.1", 0);
    const auto error = failure("127.0.0.1", server.local_endpoint().port(), {}, {.timeout = -1ns});
    CHECK(error.code() == Errc::deadline_exceeded);
    CHECK(error.operation() == Operation::connect);
    CHECK(error.attempts().empty());
    CHECK_FALSE(server.try_accept(0s));
}

TEST_CASE("connect_to: the wildcard address that a server reports is this machine", "[connect_to]") {  // behaviour 10
    auto server = create_server("", 0);
    const auto host = server.local_endpoint().host();
    const auto socket = connect_to(host, server.local_endpoint().port());
    CHECK(socket.remote_endpoint().is_loopback());
    CHECK(connect_to("0.0.0.0", server.local_endpoint().port()).remote_endpoint().host() == "127.0.0.1");
}

TEST_CASE("connect_to: of what a wildcard server reports, [::] is reached by IPv6 and then by IPv4, 0.0.0.0 by IPv4",
          "[connect_to]") {
    const auto port = closed_port();
    const auto tried = [&](const char* host, const Endpoint& local) {
        const Error error = failure(host, port, {}, {.local = local});
        std::vector<std::string> endpoints;
        for (const Attempt& attempt : error.attempts()) endpoints.push_back(attempt.endpoint);
        return endpoints;
    };
    const std::string ipv4 = "127.0.0.1:" + std::to_string(port), ipv6 = "[::1]:" + std::to_string(port);
    CHECK(tried("::", {}) == std::vector{ipv6, ipv4});
    CHECK(tried("0.0.0.0", {}) == std::vector{ipv4});
    CHECK(tried("::", Endpoint::parse("127.0.0.2:0")) == std::vector{ipv4});

    auto server = create_server("0.0.0.0", 0);
    CHECK(connect_to("::", server.local_endpoint().port()).remote_endpoint().host() == "127.0.0.1");
}

TEST_CASE("connect_to: an IPv4-mapped address is the IPv4 address that it stands for, here and there", "[connect_to]") {
    auto server = create_server("127.0.0.1", 0);
    const auto port = server.local_endpoint().port();
    for (const char* host : {"127.0.0.1", "::ffff:127.0.0.1"})
        for (const char* local : {"127.0.0.2:0", "[::ffff:127.0.0.2]:0"}) {
            CAPTURE(host, local);
            const auto socket = connect_to(host, port, {}, {.local = Endpoint::parse(local)});
            CHECK(socket.remote_endpoint() == server.local_endpoint());
            CHECK(socket.local_endpoint().host() == "127.0.0.2");
            CHECK(server.accept().remote_endpoint() == socket.local_endpoint());
        }
}

TEST_CASE("connect_to: the local address is the one asked for", "[connect_to]") {
    auto server = create_server("127.0.0.1", 0);
    const ConnectOptions options{.local = Endpoint::parse("127.0.0.2:0")};
    const auto socket = connect_to("127.0.0.1", server.local_endpoint().port(), {}, options);
    CHECK(socket.local_endpoint().host() == "127.0.0.2");
    CHECK(server.accept().remote_endpoint() == socket.local_endpoint());
}

#ifdef IP_BIND_ADDRESS_NO_PORT
TEST_CASE("connect_to: a local address without a port leaves the choice of one to the connection", "[connect_to]") {
    SKIP_UNLESS(loopback::has_ipv6(), "this machine has no IPv6");
    for (const char* host : {"127.0.0.1", "::1"}) {
        const auto server = create_server(host, 0);
        const ConnectOptions options{.local = *Endpoint::try_from_ip(host, 0)};
        const auto socket = connect_to(host, server.local_endpoint().port(), {}, options);
        CHECK(socket.get_option<int>(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT) == 1);
        CHECK(socket.get_option<int>(SOL_SOCKET, SO_REUSEADDR) == 0);
        CHECK(socket.local_endpoint().port() != 0);
    }
}
#endif

TEST_CASE("connect_to: a fixed port can be had again while its last connection is in TIME_WAIT", "[connect_to]") {
    auto first = create_server("127.0.0.1", 0);
    auto second = create_server("127.0.0.1", 0);
    const ConnectOptions options{.local = create_server("127.0.0.2", 0).local_endpoint()};
    auto socket = connect_to("127.0.0.1", first.local_endpoint().port(), {}, options);
    auto accepted = first.accept();
    socket.close();
    std::byte nothing[1];
    REQUIRE(accepted.recv_some(nothing) == 0);
    accepted.close();

    socket = connect_to("127.0.0.1", second.local_endpoint().port(), {}, options);
    CHECK(socket.local_endpoint() == options.local);
    CHECK(second.accept().remote_endpoint() == options.local);
    socket.close();
    // The same pair of addresses is the kernel's to give free.
    const auto again = try_connect_to("127.0.0.1", first.local_endpoint().port(), {}, options);
    CHECK((again || again.error().transient()));
}

TEST_CASE("connect_to: a local address that cannot be had is named, and not tried again", "[connect_to]") {
    const auto server = create_server("127.0.0.1", 0);
    const auto port = server.local_endpoint().port();
    const auto elsewhere = failure("127.0.0.1", port, {}, {.local = Endpoint::parse("192.0.2.1:0")});
    CHECK(elsewhere.code() == std::errc::address_not_available);
    CHECK(elsewhere.operation() == Operation::bind);
    CHECK_THAT(elsewhere.message(), StartsWith("bind 192.0.2.1:0: ") && ContainsSubstring("options.local"));
    const auto taken = failure("127.0.0.1", port, {}, {.local = server.local_endpoint()});
    CHECK(taken.code() == std::errc::address_in_use);
    CHECK_FALSE(taken.transient());
}

TEST_CASE("connect_to: a socket that reached itself is refused: nobody listens there",
          "[connect_to]") {  // behaviour 62
    const Endpoint nobody = Endpoint::parse("127.0.0.1:" + std::to_string(closed_port()));
    const auto error = failure("127.0.0.1", nobody.port(), {}, {.local = nobody});
    CHECK(error.code() == std::errc::connection_refused);
    CHECK(error.operation() == Operation::connect);
    REQUIRE(error.attempts().size() == 1);
    CHECK(error.attempts()[0].operation == Operation::connect);
}
