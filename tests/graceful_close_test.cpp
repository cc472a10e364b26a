// SPDX-License-Identifier: MIT
// The ends of a connection: graceful_close in transfer.hpp, abort in socket.hpp.
#include <sockboot/transfer.hpp>

#include <sys/socket.h>

#include <chrono>
#include <future>
#include <string>
#include <utility>

#include <sockboot/message.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using loopback::connected_pair;
using loopback::error_of;

TEST_CASE("graceful_close: the last reply arrives although the peer had sent more", "[transfer]") {  // behaviour 58
    for (int round = 0; round < 50; ++round) {
        auto [server, client] = connected_pair();
        auto reading = std::async(std::launch::async, [&peer = client] {
            const auto reply = recv_message(peer);
            peer.close();
            return reply;
        });
        client.send_some(std::string(10'000, 'x'));  // that the server will not read
        send_message(server, "413 too much");
        graceful_close(server);
        CHECK_FALSE(server.is_open());
        CHECK(reading.get() == "413 too much");
    }
}

TEST_CASE("graceful_close: the peer sees the end of the stream, not a reset", "[transfer]") {
    auto [server, client] = connected_pair();
    auto closing = std::async(std::launch::async, [&socket = server] { return try_graceful_close(socket, 60s); });
    CHECK(error_of(try_recv_exact(client, 1)).code() == Errc::closed);
    client.close();
    CHECK(closing.get());
}

TEST_CASE("graceful_close: a peer that stays is left at the deadline, and the socket is closed", "[transfer]") {
    auto [server, client] = connected_pair();
    const loopback::Stopwatch watch;
    CHECK(error_of(try_graceful_close(server, 50ms)).code() == Errc::deadline_exceeded);
    CHECK(watch.elapsed_ms() >= 50);
    CHECK_FALSE(server.is_open());
}

TEST_CASE("graceful_close: a peer that goes on sending is left at the limit", "[transfer]") {
    auto [server, client] = connected_pair();
    auto sending = std::async(std::launch::async, [&socket = client] {
        return error_of(try_send_all(socket, std::string(std::size_t{64} << 20, 'x')));
    });
    CHECK(error_of(try_graceful_close(server, 60s, 100'000)).code() == Errc::message_too_large);
    CHECK_FALSE(server.is_open());
    sending.wait();
}

TEST_CASE("graceful_close: closed twice, or after the peer has gone, it still closes", "[transfer]") {
    auto [server, client] = connected_pair();
    client.close();
    CHECK(try_graceful_close(server));
    CHECK(error_of(try_graceful_close(server)).code() == Errc::closed);
}

TEST_CASE("abort: resets the connection, and the peer can tell it from an end", "[socket]") {  // behaviour 57
    auto [socket, peer] = connected_pair();
    socket.abort();
    CHECK_FALSE(socket.is_open());
    CHECK(error_of(try_recv_exact(peer, 1)).code() == std::errc::connection_reset);
    socket.abort();  // a second time it does nothing
}

TEST_CASE("accept: a socket that can have no connections says so, and does not spin", "[socket]") {
    auto [socket, peer] = connected_pair();
    CHECK_FALSE(error_of(socket.try_accept(std::chrono::seconds(60))).transient());
    auto datagram = Socket::adopt(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "datagram");
    CHECK(error_of(datagram.try_accept()).code() == std::errc::operation_not_supported);
}
