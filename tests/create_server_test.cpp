// SPDX-License-Identifier: MIT
#include <sockboot/create_server.hpp>

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;

namespace {

/// The error of a create_server that must fail and must not keep a descriptor.
Error failure(std::string_view host, Port port, std::string_view context = {}, const ServerOptions& options = {}) {
    return loopback::clean_failure([&] { return try_create_server(host, port, context, options); });
}

int number_in(const char* file) {
    int number = -1;
    std::ifstream(file) >> number;
    return number;
}

/// What create_server says to a process without privileges, as text.
std::string said_to_an_ordinary_user(std::string_view host, std::uint16_t port) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const bool ordinary = ::geteuid() != 0 || ::setuid(65534) == 0;
        const auto server = try_create_server(host, port, "web");
        const std::string text = !ordinary ? "still root" : server ? "no error" : server.error().message();
        ::_exit(::write(ends[1], text.data(), text.size()) > 0 ? 0 : 1);
    }
    REQUIRE(child > 0);
    int status = -1;
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    std::array<char, 1024> text{};
    const ssize_t size = ::read(ends[0], text.data(), text.size());
    for (const int end : ends) ::close(end);
    return {text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

/// What a child that was made by fork and exec sees open.
std::string descriptors_of_a_child() {
    const std::unique_ptr<FILE, int (*)(FILE*)> listing(::popen("ls /proc/self/fd", "r"), &::pclose);
    REQUIRE(listing != nullptr);
    std::string text;
    for (int c = std::fgetc(listing.get()); c != EOF; c = std::fgetc(listing.get())) text += static_cast<char>(c);
    return text;
}

}  // namespace

TEST_CASE("create_server: port 0 lets the system choose, the socket listens, a client connects",
          "[create_server]") {  // behaviour 1
    auto server = create_server("127.0.0.1", 0, "echo");
    CHECK(server.local_endpoint().port() != 0);
    CHECK(server.local_endpoint().host() == "127.0.0.1");
    CHECK(server.family() == Family::ipv4);
    CHECK(server.remote_endpoint() == Endpoint{});
    CHECK(server.context() == "echo");
    CHECK(server.get_option<int>(SOL_SOCKET, SO_ACCEPTCONN) == 1);
    CHECK(server.get_option<int>(SOL_SOCKET, SO_TYPE) == SOCK_STREAM);
    CHECK((::fcntl(server.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
    const auto client = connect_to("127.0.0.1", server.local_endpoint().port());
    CHECK(server.accept().remote_endpoint() == client.local_endpoint());
}

TEST_CASE("create_server: it is told in one line, and a failure in none", "[create_server]") {
    const loopback::LogCapture log(LogLevel::info);
    const auto server = create_server("127.0.0.1", 0, "echo");
    CHECK(log.lines() == std::vector<std::string>{"[echo] listening on " + server.local_endpoint().to_string()});
    static_cast<void>(failure("127.0.0.1", server.local_endpoint().port(), "other"));
    CHECK(log.lines().empty());
}

TEST_CASE("create_server: SO_REUSEADDR is on and SO_REUSEPORT off, unless asked otherwise",
          "[create_server]") {  // behaviour 2
    const bool address = GENERATE(true, false);
    const bool port = GENERATE(true, false);
    const auto server = create_server("127.0.0.1", 0, {}, {.reuse_address = address, .reuse_port = port});
    CHECK(server.get_option<int>(SOL_SOCKET, SO_REUSEADDR) == (address ? 1 : 0));
    CHECK(server.get_option<int>(SOL_SOCKET, SO_REUSEPORT) == (port ? 1 : 0));
    CHECK(try_create_server("127.0.0.1", server.local_endpoint().port(), {}, {.reuse_port = true}).has_value() == port);
    CHECK(ServerOptions{}.reuse_address);
    CHECK_FALSE(ServerOptions{}.reuse_port);
}

TEST_CASE("create_server: a port in use is said with address, name and hint, and its server goes on",
          "[create_server]") {  // behaviour 3
    auto first = create_server("127.0.0.1", 0, "first");
    const std::string where = first.local_endpoint().to_string();
    const auto error = failure("127.0.0.1", first.local_endpoint().port(), "HTTP API");
    CHECK(error.code() == std::errc::address_in_use);
    CHECK(error.code().category() == std::system_category());
    CHECK_FALSE(error.transient());
    CHECK(error.endpoint() == where);
    CHECK_THAT(error.message(), StartsWith("[HTTP API] bind " + where + ": address already in use"));
    CHECK_THAT(error.message(), ContainsSubstring("is another server listening there?"));

    const auto client = connect_to("127.0.0.1", first.local_endpoint().port());
    CHECK(first.accept().remote_endpoint() == client.local_endpoint());
}

TEST_CASE("create_server: a name whose first address is in use does not turn up on another one", "[create_server]") {
    const auto first = create_server("127.0.0.1", 0);
    CHECK(failure("localhost", first.local_endpoint().port()).code() == std::errc::address_in_use);
    CHECK(create_server("localhost", 0).local_endpoint().host() == "127.0.0.1");
}

TEST_CASE("create_server: a server that closed its connections first has its port back at once",
          "[create_server]") {  // behaviour 4
    auto server = create_server("127.0.0.1", 0);
    const auto port = server.local_endpoint().port();
    auto client = connect_to("127.0.0.1", port);
    server.accept().close();
    std::array<std::byte, 1> byte{};
    CHECK(client.recv_some(byte) == 0);
    client.close();
    server.close();
    CHECK(create_server("127.0.0.1", port).local_endpoint().port() == port);
}

TEST_CASE("create_server: a backlog of any size works, a negative one is refused", "[create_server]") {  // behaviour 5
    const int backlog = GENERATE(-1, 0, 1, 2147483647);
    auto server = create_server("127.0.0.1", 0, {}, {.backlog = backlog});
    const auto client = connect_to("127.0.0.1", server.local_endpoint().port());
    CHECK(server.accept().is_open());
}

TEST_CASE("create_server: the backlog is what the system allows at most", "[create_server]") {  // behaviour 6
    const auto server = create_server("127.0.0.1", 0);
    // Of a listener, tcpi_sacked is the largest backlog.
    const auto info = server.get_option<tcp_info>(IPPROTO_TCP, TCP_INFO);
    CHECK(static_cast<int>(info.tcpi_sacked) == number_in("/proc/sys/net/core/somaxconn"));
    const auto small = create_server("127.0.0.1", 0, {}, {.backlog = 3});
    CHECK(small.get_option<tcp_info>(IPPROTO_TCP, TCP_INFO).tcpi_sacked == 3);
}

TEST_CASE("create_server: what cannot be listened on is said with the reason", "[create_server]") {  // behaviour 8
    struct Case {
        const char* host;
        ServerOptions options;
        std::error_code code;
        const char* text;
    };
    const auto wrong = make_error_code(std::errc::invalid_argument);
    const Case cases[] = {
        {"192.0.2.1", {}, {EADDRNOTAVAIL, std::system_category()}, "[web] bind 192.0.2.1:0: cannot assign"},
        {"192.0.2.1", {}, {EADDRNOTAVAIL, std::system_category()}, "no interface of this machine has that address"},
        {"999.1.1.1", {}, Errc::host_not_found, "[web] resolve \"999.1.1.1\": host not found (not an IPv4 address"},
        {"nosuch.invalid", {}, Errc::host_not_found, "[web] resolve \"nosuch.invalid\": host not found"},
        {"127.0.0.1", {.backlog = -2}, wrong, "[web] listen on 127.0.0.1:0: invalid argument (backlog"},
        {"", {.keep_alive = KeepAlive{.idle = -1s}}, wrong, "keep_alive.idle"},
        {"", {.keep_alive = KeepAlive{.interval = -1s}}, wrong, "keep_alive.interval"},
        {"", {.keep_alive = KeepAlive{.probes = 0}}, wrong, "keep_alive.probes"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.host, one.text);
        const auto error = failure(one.host, 0, "web", one.options);
        CHECK(error.code() == one.code);
        CHECK_FALSE(error.transient());
        CHECK_THAT(error.message(), ContainsSubstring(one.text));
    }
    REQUIRE_THROWS_AS(create_server("999.1.1.1", 80), SocketError);
}

TEST_CASE("create_server: an ordinary user is told who may have a port below 1024", "[create_server]") {
    SKIP_UNLESS(number_in("/proc/sys/net/ipv4/ip_unprivileged_port_start") > 1, "here anybody may have any port");
    const std::string text = said_to_an_ordinary_user("127.0.0.1", 1);
    CHECK_THAT(text, StartsWith("[web] bind 127.0.0.1:1: permission denied"));
    CHECK_THAT(text, ContainsSubstring("ports below 1024 need root or CAP_NET_BIND_SERVICE"));
}

TEST_CASE("create_server: a wildcard is one socket for both families, and shows IPv4 clients as IPv4",
          "[create_server]") {  // behaviour 87
    SKIP_UNLESS(loopback::has_ipv6(), "this machine has no IPv6");
    const std::string host = GENERATE("", "*", "::");
    auto server = create_server(host, 0);
    CHECK(server.local_endpoint().host() == "::");
    CHECK(server.get_option<int>(IPPROTO_IPV6, IPV6_V6ONLY) == 0);
    for (const char* client_host : {"127.0.0.1", "::1"}) {
        const auto client = connect_to(client_host, server.local_endpoint().port());
        const auto accepted = server.accept();
        CHECK(accepted.remote_endpoint() == client.local_endpoint());
        CHECK(accepted.remote_endpoint().host() == client_host);
        CHECK(accepted.local_endpoint() == client.remote_endpoint());
    }
}

TEST_CASE("create_server: without dual_stack IPv6 is alone, and the port stays free for IPv4",
          "[create_server]") {  // behaviour 88
    SKIP_UNLESS(loopback::has_ipv6(), "this machine has no IPv6");
    const auto server = create_server("", 0, {}, {.dual_stack = false});
    const auto port = server.local_endpoint().port();
    CHECK(server.get_option<int>(IPPROTO_IPV6, IPV6_V6ONLY) == 1);
    CHECK_FALSE(try_connect_to("127.0.0.1", port));
    CHECK(create_server("0.0.0.0", port).family() == Family::ipv4);
    CHECK(create_server("::1", 0).get_option<int>(IPPROTO_IPV6, IPV6_V6ONLY) == 1);
}

TEST_CASE("create_server: an IPv4-mapped address is the IPv4 address that it stands for", "[create_server]") {
    auto server = create_server("::ffff:127.0.0.1", 0);
    CHECK(server.local_endpoint().host() == "127.0.0.1");
    const auto client = connect_to("127.0.0.1", server.local_endpoint().port());
    CHECK(server.accept().remote_endpoint() == client.local_endpoint());
}

TEST_CASE("create_server: an IPv4 wildcard is IPv4 alone", "[create_server]") {
    const char* host = GENERATE("0.0.0.0", "::ffff:0.0.0.0");
    auto server = create_server(host, 0);
    CHECK(server.local_endpoint().host() == "0.0.0.0");
    const auto client = connect_to("127.0.0.1", server.local_endpoint().port());
    CHECK(server.accept().local_endpoint() == client.remote_endpoint());
}

TEST_CASE("create_server: accepted sockets have TCP_NODELAY and keep-alive only if the options say so",
          "[create_server]") {
    auto server = create_server("127.0.0.1", 0, {}, {.no_delay = false, .keep_alive = {.idle = 0s}});
    const auto client = connect_to("127.0.0.1", server.local_endpoint().port());
    const auto accepted = server.accept();
    CHECK(accepted.get_option<int>(IPPROTO_TCP, TCP_NODELAY) == 0);
    CHECK(accepted.get_option<int>(SOL_SOCKET, SO_KEEPALIVE) == 0);
}

TEST_CASE("create_server: accepted sockets take context, timeout and options from it, and block",
          "[create_server]") {  // behaviour 68
    auto server = create_server("127.0.0.1", 0, "orders", {.timeout = 7s});
    const auto client = connect_to("127.0.0.1", server.local_endpoint().port());
    const auto socket = server.accept();

    CHECK(socket.context() == "orders");
    CHECK(socket.timeout() == Timeout(7s));
    CHECK(socket.family() == Family::ipv4);
    CHECK(socket.local_endpoint() == server.local_endpoint());
    CHECK(socket.remote_endpoint() == client.local_endpoint());
    CHECK(socket.get_option<int>(IPPROTO_TCP, TCP_NODELAY) == 1);
    CHECK(socket.get_option<int>(SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(socket.get_option<int>(IPPROTO_TCP, TCP_KEEPIDLE) == 15);
    CHECK(socket.get_option<int>(IPPROTO_TCP, TCP_KEEPINTVL) == 15);
    CHECK(socket.get_option<int>(IPPROTO_TCP, TCP_KEEPCNT) == 9);
    CHECK((::fcntl(socket.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(socket.native_handle(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("create_server: a child process sees neither the listener nor its connections",
          "[create_server]") {  // behaviour 117
    const std::string before = descriptors_of_a_child();
    auto server = create_server("127.0.0.1", 0);
    const auto client = connect_to("127.0.0.1", server.local_endpoint().port());
    const auto accepted = server.accept(1s);
    CHECK(descriptors_of_a_child() == before);
}

TEST_CASE("create_server: a port beyond 65535 or below 0 is refused with its number", "[create_server]") {
    const auto error = failure("127.0.0.1", 70000, "web");
    CHECK(error.code() == std::errc::invalid_argument);
    CHECK(error.message() == "[web] listen on 127.0.0.1:70000: invalid argument (70000 is no port: 0 to 65535)");
    CHECK_THAT(failure("", -1).message(), ContainsSubstring("-1 is no port: 0 to 65535"));
    CHECK_THROWS_AS(create_server("127.0.0.1", 70000), SocketError);
}
