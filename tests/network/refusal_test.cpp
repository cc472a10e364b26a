// SPDX-License-Identifier: MIT
// Routes that lead nowhere and firewalls that say so: a reason at once, and the next address at once.
#include "world.hpp"

using namespace sockboot;
using namespace world;

namespace {

/// One address that refuses, and a name whose second address is a good one.
struct Refusal {
    const char* address;
    const char* name;
    std::errc reason;
};

/// The address alone is one attempt, which ends at once with the reason that the kernel gives.
void check_alone(const Refusal& refusal) {
    const loopback::Stopwatch stopwatch;
    const auto error = loopback::clean_failure([&] { return try_connect_to(refusal.address, 7777, "client"); });

    CHECK(stopwatch.elapsed_ms() < 200);
    CHECK(error.code() == refusal.reason);
    REQUIRE(error.attempts().size() == 1);
    CHECK(error.attempts()[0].code == error.code());
    const auto where = Endpoint::try_from_ip(refusal.address, 7777)->to_string();
    CHECK_THAT(error.message(), StartsWith("[client] connect to " + where + ": "));
}

/// Behind it the good address has its turn at once, not after the delay of the race.
void check_next_one(const Refusal& refusal, const Socket& server) {
    const std::uint16_t port = server.local_endpoint().port();
    const auto resolved = resolve(refusal.name, port);
    REQUIRE(resolved.size() == 2);
    REQUIRE(resolved[0] == *Endpoint::try_from_ip(refusal.address, port));
    const loopback::Stopwatch stopwatch;
    const auto socket = try_connect_to(refusal.name, port, "client");

    REQUIRE(socket);
    CHECK(socket->remote_endpoint() == server.local_endpoint());
    CHECK(stopwatch.elapsed_ms() < 200);
}

void check_all(std::initializer_list<Refusal> refusals) {
    for (const Refusal& refusal : refusals) {
        INFO(refusal.name);
        check_alone(refusal);
    }
    const auto server = good_server();
    for (const Refusal& refusal : refusals) {
        INFO(refusal.name);
        check_next_one(refusal, server);
    }
}

}  // namespace

TEST_CASE_METHOD(Network, "connect_to: a broken route has its reason, and the next address its turn, at once",
                 "[.network][route]") {  // behaviour 12
    check_all({
        {"2001:db8:1::1", "unreachable.test", std::errc::host_unreachable},
        {"2001:db8:1::2", "prohibited.test", std::errc::permission_denied},
        {"2001:db8:1::3", "blackhole.test", std::errc::invalid_argument},
        {"2001:db8:1::4", "no-route.test", std::errc::network_unreachable},
    });
}

TEST_CASE_METHOD(Network, "connect_to: a firewall's reject has its reason, and the next address its turn, at once",
                 "[.network][reject]") {  // behaviour 12
    check_all({
        {"2001:db8::71", "reset.test", std::errc::connection_refused},
        {"192.0.2.72", "admin-prohibited.test", std::errc::host_unreachable},
        {"192.0.2.73", "host-unreachable.test", std::errc::host_unreachable},
        {"192.0.2.74", "net-unreachable.test", std::errc::network_unreachable},
        {"192.0.2.75", "port-unreachable.test", std::errc::connection_refused},
    });
}

TEST_CASE_METHOD(Network, "connect_to_any: a primary to which there is no route costs its backup no time",
                 "[.network][no_route]") {  // behaviour 105
    const auto server = good_server();
    const std::uint16_t port = server.local_endpoint().port();
    const loopback::Stopwatch stopwatch;

    const auto socket = try_connect_to_any({{"203.0.113.1", port}, {"good.test", port}}, "client");

    REQUIRE(socket);
    CHECK(socket->remote_endpoint() == server.local_endpoint());
    CHECK(stopwatch.elapsed_ms() < 200);
}
