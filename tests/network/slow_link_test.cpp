// SPDX-License-Identifier: MIT
// A network that is slow, loses packets and changes their order: nothing of that may reach a user of this library.
#include <thread>
#include <vector>

#include "slow_link.hpp"
#include "world.hpp"

using namespace sockboot;
using namespace world;

namespace {

constexpr const char* not_installed = "this takes libnetfilter-queue-dev and iptables";
constexpr const char* no_queue = "this kernel does not queue packets to a program";
constexpr std::size_t messages = 2000;

/// The message of that number from that side; sizes from nothing to a few packets.
std::string message(char side, std::size_t number) {
    std::string text = side + std::to_string(number) + ' ';
    text.resize(number % 100 == 0 ? 5000 + number : number * 37 % 600 + text.size(), side);
    return text;
}

/// What one direction of the connection came to, told by the threads at its ends.
struct Direction {
    Result<void> sent;
    std::size_t arrived = 0;  ///< unharmed and in order
    bool ended_cleanly = false;
};

void send_them(Socket& from, char side, Direction& direction) {
    for (std::size_t number = 0; number < messages && direction.sent; ++number)
        direction.sent = try_send_message(from, message(side, number));
    if (direction.sent) direction.sent = from.try_shutdown_send();
}

void recv_them(Socket& at, char side, Direction& direction) {
    auto text = try_recv_message(at);
    for (; text.has_value() && *text == message(side, direction.arrived); text = try_recv_message(at))
        ++direction.arrived;
    direction.ended_cleanly = text.has_value() && !*text;
}

}  // namespace

TEST_CASE_METHOD(Network, "connect_to: an address that is slow but good still wins after the next one was started",
                 "[.network][slow]") {  // behaviour 13
    SKIP_UNLESS_INSTALLED(SlowLink::is_installed(), not_installed);
    const auto link = SlowLink::open("192.0.2.51", {.delay = 200ms});
    SKIP_UNLESS(link, no_queue);
    const auto server = create_server("192.0.2.51", 0, "slow");
    const auto lost_before = packets_lost_in_silence();
    const loopback::Stopwatch stopwatch;

    const auto socket = try_connect_to("slow-then-silent.test", server.local_endpoint().port(), "client");

    REQUIRE(socket);
    CHECK(socket->remote_endpoint() == server.local_endpoint());
    CHECK(stopwatch.elapsed_ms() >= 400);
    CHECK(stopwatch.elapsed_ms() < 1000);
    CHECK(packets_lost_in_silence() > lost_before);
}

TEST_CASE_METHOD(Network, "messages: 2,000 cross unharmed both ways where packets are late, lost and out of order",
                 "[.network][messages]") {
    SKIP_UNLESS_INSTALLED(SlowLink::is_installed(), not_installed);
    const auto link = SlowLink::open("192.0.2.52", {.delay = 3ms, .jitter = 6ms, .loss = 0.01});
    SKIP_UNLESS(link, no_queue);
    run("ip link set lo mtu 1500");  // many packets, where loopback would make few
    auto server = create_server("192.0.2.52", 0, "server", {.timeout = 60s});
    auto left = connect_to("192.0.2.52", server.local_endpoint().port(), "client", {.io_timeout = 60s});
    auto right = server.accept();
    Direction to_left, to_right;

    std::vector<std::thread> threads;
    threads.emplace_back([&from = left, &to_right] { send_them(from, 'l', to_right); });
    threads.emplace_back([&from = right, &to_left] { send_them(from, 'r', to_left); });
    threads.emplace_back([&at = left, &to_left] { recv_them(at, 'r', to_left); });
    threads.emplace_back([&at = right, &to_right] { recv_them(at, 'l', to_right); });
    for (std::thread& thread : threads) thread.join();

    for (const Direction* direction : {&to_left, &to_right}) {
        CHECK(direction->sent);
        CHECK(direction->arrived == messages);
        CHECK(direction->ended_cleanly);
    }
    const auto counts = link->counts();
    CAPTURE(counts.passed, counts.overtaken, counts.lost);
    CHECK(counts.lost > 0);
    CHECK(counts.overtaken > 0);
}
