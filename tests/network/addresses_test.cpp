// SPDX-License-Identifier: MIT
// Addresses beyond loopback: one that comes later, both families on one socket, one that needs a zone, and one that has
// few ports.
#include <vector>

#include "world.hpp"

using namespace sockboot;
using namespace world;

namespace {

/// Connects to the server at `host`; what it sends arrives, and the two ends agree on who they are.
void check_reached(Socket& server, const char* host) {
    INFO(host);
    auto client = connect_to(host, server.local_endpoint().port(), "client");
    auto accepted = server.accept();

    send_message(client, "hello");
    CHECK(recv_message(accepted) == "hello");
    CHECK(client.remote_endpoint() == *Endpoint::try_from_ip(host, server.local_endpoint().port()));
    CHECK(accepted.local_endpoint() == client.remote_endpoint());
    CHECK(accepted.remote_endpoint() == client.local_endpoint());
}

}  // namespace

TEST_CASE_METHOD(Network, "create_server: an address that no interface has yet says so, and works once one has it",
                 "[.network][late_address]") {
    const auto error = loopback::clean_failure([] { return try_create_server("203.0.113.9", 0, "server"); });
    CHECK(error.code() == std::errc::address_not_available);
    CHECK_THAT(error.message(), StartsWith("[server] bind 203.0.113.9:0: "));
    CHECK_THAT(error.message(), ContainsSubstring("no interface of this machine has that address"));

    run("ip address add 203.0.113.9/32 dev lo");
    auto server = create_server("203.0.113.9", 0, "server");
    check_reached(server, "203.0.113.9");
}

TEST_CASE_METHOD(Network, "create_server: all addresses means every one of both families, through one socket",
                 "[.network][dual_stack]") {
    auto server = create_server("", 0, "server");
    for (const char* host : {"192.0.2.1", "192.0.2.129", "2001:db8::1", "2001:db8::2", "127.0.0.1", "::1"})
        check_reached(server, host);
}

TEST_CASE_METHOD(Network, "connect_to: the wildcard address that a server reports is this machine, without ::1 as well",
                 "[.network][no_loopback]") {
    run("ip address del ::1/128 dev lo");
    auto server = create_server("", 0, "server");
    REQUIRE(server.local_endpoint().host() == "::");
    const auto client = connect_to("::", server.local_endpoint().port(), "client");
    CHECK(client.remote_endpoint().host() == "127.0.0.1");
}

TEST_CASE_METHOD(Network, "connect_to: a link-local address is reached through its zone, and not without it",
                 "[.network][zone]") {
    auto server = create_server("fe80::1%near", 0, "server");
    CHECK_THAT(server.local_endpoint().to_string(), StartsWith("[fe80::1%near]:"));
    check_reached(server, "fe80::1%near");

    const std::uint16_t port = server.local_endpoint().port();
    const auto error = loopback::clean_failure([&] { return try_connect_to("fe80::1", port, "client"); });
    CHECK(error.code() == std::errc::invalid_argument);
}

TEST_CASE_METHOD(Network,
                 "connect_to: a local address has all of its ports for each server, and having none left is transient",
                 "[.network][ports]") {
    auto first = create_server("192.0.2.129", 0, "first");
    auto second = create_server("192.0.2.130", 0, "second");
    run("echo 50000 50001 >/proc/sys/net/ipv4/ip_local_port_range");
    const ConnectOptions options{.local = Endpoint::parse("192.0.2.1:0")};
    const auto connect = [&](const Socket& server) {
        const Endpoint to = server.local_endpoint();
        return try_connect_to(to.host(), to.port(), "client", options);
    };
    std::vector<Socket> clients;
    for (const Socket* server : {&first, &first, &second, &second}) clients.push_back(connect(*server).value());

    const auto error = loopback::clean_failure([&] { return connect(first); });
    CHECK(error.code() == std::errc::address_not_available);
    CHECK(error.transient());
    clients.front().abort();  // leaves no TIME_WAIT
    CHECK(connect(first));
}
