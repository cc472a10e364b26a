// SPDX-License-Identifier: MIT
#include <sockboot/socket_base.hpp>

#include <netinet/tcp.h>

#include <chrono>
#include <system_error>
#include <type_traits>
#include <utility>

#include <sockboot/message.hpp>
#include <sockboot/message_channel.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using loopback::connected_pair;
using loopback::error_of;

TEST_CASE("socket base: it is moved, never copied, and never made alone", "[socket_base]") {
    STATIC_REQUIRE_FALSE(std::is_default_constructible_v<SocketBase>);
    STATIC_REQUIRE_FALSE(std::is_move_constructible_v<SocketBase>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<Socket>);
    STATIC_REQUIRE(std::is_nothrow_move_assignable_v<Socket>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<Socket>);
}

TEST_CASE("socket base: options are set, read back, and refused before anything is changed", "[socket_base]") {
    auto [socket, peer] = connected_pair();
    socket.set_no_delay(false);
    CHECK(socket.get_option<int>(IPPROTO_TCP, TCP_NODELAY) == 0);
    socket.set_keep_alive(KeepAlive{.idle = 30s, .interval = 5s, .probes = 3});
    CHECK(socket.get_option<int>(IPPROTO_TCP, TCP_KEEPIDLE) == 30);
    for (const KeepAlive& wrong : {KeepAlive{.idle = -1s}, KeepAlive{.interval = 40000s}, KeepAlive{.probes = 128}})
        CHECK(error_of(socket.try_set_keep_alive(wrong)).code() == std::errc::invalid_argument);
    CHECK(socket.get_option<int>(IPPROTO_TCP, TCP_KEEPIDLE) == 30);
    socket.set_keep_alive({.idle = 0s});
    CHECK(socket.get_option<int>(SOL_SOCKET, SO_KEEPALIVE) == 0);
    CHECK(error_of(socket.try_set_linger(40000s)).code() == std::errc::invalid_argument);
    socket.set_send_buffer(32768);
    CHECK(socket.get_option<int>(SOL_SOCKET, SO_SNDBUF) >= 32768);
}

TEST_CASE("socket base: a socket says who it is, and a closed one keeps its name", "[socket_base]") {
    auto [socket, peer] = connected_pair();
    CHECK(socket.context() == "pair");
    CHECK(socket.family() == Family::ipv4);
    CHECK(socket.local_endpoint() == peer.remote_endpoint());
    const int handle = socket.native_handle();
    CHECK(handle >= 0);
    socket.close();
    CHECK(socket.native_handle() == -1);
    CHECK(socket.context() == "pair");
    CHECK(socket.local_endpoint() == peer.remote_endpoint());
}

TEST_CASE("abort: the peer reads a reset, not the end", "[socket_base]") {  // behaviour 57
    auto [socket, peer] = connected_pair();
    socket.abort();
    std::byte byte;
    CHECK(error_of(peer.try_recv_some({&byte, 1})).code() == std::errc::connection_reset);
}

TEST_CASE("socket base: closed, it still says of an argument what is wrong with it", "[socket_base]") {
    auto [socket, peer] = connected_pair();
    socket.close();
    CHECK(error_of(socket.try_set_spin(std::chrono::microseconds(-1))).code() == std::errc::invalid_argument);
    CHECK(error_of(try_send_message(socket, "two bytes", {.max_size = 2})).code() == Errc::message_too_large);
    CHECK(error_of(try_send_message(socket, "x")).code() == Errc::closed);
    CHECK(error_of(socket.try_set_no_delay(true)).code() == Errc::closed);

    MessageChannel lines(std::move(socket), Delimiter("\n"));
    for (const auto& refused : {lines.try_queue("two\nlines"), lines.try_send("two\nlines")}) {
        REQUIRE_FALSE(refused);
        CHECK_THAT(refused.error().message(), ContainsSubstring("[pair] send to 127.0.0.1:"));
        CHECK_THAT(refused.error().message(), ContainsSubstring("holds its own delimiter at byte 3"));
    }
    CHECK(error_of(lines.try_send("a line")).code() == Errc::closed);
}
