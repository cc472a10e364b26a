// SPDX-License-Identifier: MIT
// DeadlineScope lives beside SocketBase: a file of its own, since it concerns every call of a socket.
#include <sockboot/socket_base.hpp>

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include <sockboot/message.hpp>
#include <sockboot/message_channel.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using namespace std::string_view_literals;
using loopback::connected_pair;
using loopback::error_of;
using loopback::Stopwatch;

namespace {

/// Sends until the kernel takes no more, so that the next send has to wait.
void fill(Socket& socket) {
    const Timeout before = socket.send_timeout();
    socket.set_send_timeout(0s);
    const std::string piece(65536, 'x');
    while (socket.try_send_some(piece)) {
    }
    socket.set_send_timeout(before);
}

std::error_code receive_code(Socket& socket) {
    std::array<std::byte, 4> buffer{};
    const auto got = socket.try_recv_some(buffer);
    return got ? std::error_code() : got.error().code();
}

}  // namespace

TEST_CASE("timeouts: a reader and a writer have their own, set_timeout sets both", "[deadline_scope]") {
    auto [socket, peer] = connected_pair();
    socket.set_timeout(7s);
    CHECK(socket.receive_timeout() == Timeout(7s));
    CHECK(socket.send_timeout() == Timeout(7s));
    socket.set_receive_timeout(0s);
    CHECK(socket.timeout() == Timeout(0s));
    CHECK(socket.send_timeout() == Timeout(7s));
    Socket moved = std::move(socket);
    CHECK(moved.receive_timeout() == Timeout(0s));
    CHECK(moved.send_timeout() == Timeout(7s));
}

TEST_CASE("timeouts: that of receiving says nothing to a send, and the other way round", "[deadline_scope]") {
    auto [socket, peer] = connected_pair();
    SECTION("only receiving has one") {
        socket.set_receive_timeout(20ms);
        CHECK(receive_code(socket) == Errc::deadline_exceeded);
        send_message(socket, "never in a hurry");
        CHECK(recv_message(peer) == "never in a hurry");
        socket.set_receive_timeout(-1s);
        CHECK(receive_code(socket) == Errc::deadline_exceeded);
        socket.send_some("still");
    }
    SECTION("only sending has one") {
        socket.set_send_timeout(20ms);
        fill(socket);
        CHECK(error_of(try_send_all(socket, "more")).code() == Errc::deadline_exceeded);
        socket.set_send_timeout(-1s);
        CHECK(error_of(try_send_all(socket, "more")).code() == Errc::deadline_exceeded);
        peer.send_some("data");
        CHECK(receive_code(socket) == std::error_code());
    }
}

TEST_CASE("timeouts: accept() is of those that receive, and hands both on", "[deadline_scope]") {
    auto server = create_server("127.0.0.1", 0);
    server.set_receive_timeout(0s);
    server.set_send_timeout(9s);
    CHECK(error_of(server.try_accept()).would_block());
    auto client = connect_to("127.0.0.1", server.local_endpoint().port());
    server.set_receive_timeout(5s);
    auto accepted = server.accept();
    CHECK(accepted.receive_timeout() == Timeout(5s));
    CHECK(accepted.send_timeout() == Timeout(9s));
}

TEST_CASE("within: one deadline holds for all calls of a dialogue together", "[deadline_scope]") {
    auto [socket, peer] = connected_pair();
    const Stopwatch watch;
    {
        const auto whole = socket.within(300ms);
        send_all(peer, "Q"sv);
        CHECK(recv_exact(socket, 1) == "Q");
        send_message(socket, "a question");
        CHECK(recv_message(peer) == "a question");
        CHECK(error_of(try_recv_message(socket)).code() == Errc::deadline_exceeded);
        // The time is up for good, not for each call anew.
        CHECK(error_of(try_recv_message(socket)).code() == Errc::deadline_exceeded);
        CHECK(error_of(socket.try_send_some("x")).code() == Errc::deadline_exceeded);
        CHECK(error_of(try_send_message(socket, "x")).code() == Errc::deadline_exceeded);
    }
    CHECK(watch.elapsed_ms() >= 300);
    CHECK(watch.elapsed_ms() < 3000);
    send_message(peer, "after the scope there is no deadline");
    CHECK(recv_message(socket) == "after the scope there is no deadline");
}

TEST_CASE("within: a call ends although its bytes are there, once the time is up", "[deadline_scope]") {
    auto [socket, peer] = connected_pair();
    send_message(peer, "early enough");
    send_message(peer, "too late");
    {
        const auto whole = socket.within(Timeout(10s));
        CHECK(recv_message(socket) == "early enough");
    }
    const auto up = GENERATE(Timeout(0s), Timeout(-5s));
    {
        const auto whole = socket.within(up);
        CHECK(error_of(try_recv_message(socket)).code() == Errc::deadline_exceeded);
        CHECK(receive_code(socket) == Errc::deadline_exceeded);
        CHECK(error_of(socket.try_send_some("x")).code() == Errc::deadline_exceeded);
    }
    CHECK(recv_message(socket) == "too late");
}

TEST_CASE("within: of two that are nested, and of the socket's own timeout, the shorter holds", "[deadline_scope]") {
    auto [socket, peer] = connected_pair();
    const Stopwatch watch;
    {
        const auto outer = socket.within(30s);
        {
            const auto inner = socket.within(30ms);
            CHECK(receive_code(socket) == Errc::deadline_exceeded);
            const auto innermost = socket.within(Timeout::forever());
            CHECK(receive_code(socket) == Errc::deadline_exceeded);
        }
        socket.set_timeout(30ms);
        CHECK(receive_code(socket) == Errc::deadline_exceeded);
        socket.set_timeout(0s);
        std::array<std::byte, 1> byte{};
        CHECK(error_of(socket.try_recv_some(byte)).would_block());
        socket.set_timeout(60s);
        peer.send_some("in time");
        CHECK(receive_code(socket) == std::error_code());
        const auto shorter = socket.within(30ms);
        std::array<std::byte, 16> rest{};
        CHECK(socket.recv_some(rest) == 3);
        CHECK(receive_code(socket) == Errc::deadline_exceeded);
    }
    CHECK(watch.elapsed_ms() < 15000);
}

TEST_CASE("within: accept() and connections obey it, what is accepted does not take it over", "[deadline_scope]") {
    auto server = create_server("127.0.0.1", 0);
    auto client = connect_to("127.0.0.1", server.local_endpoint().port());
    Socket accepted;
    {
        const auto whole = server.within(100ms);
        accepted = server.accept();
        CHECK(error_of(server.try_accept()).code() == Errc::deadline_exceeded);
        CHECK(error_of(server.try_accept(10s)).code() == Errc::deadline_exceeded);
    }
    client.send_some("data");
    CHECK(receive_code(accepted) == std::error_code());
}

TEST_CASE("within: a socket that is moved leaves the deadline behind", "[deadline_scope]") {
    auto [socket, peer] = connected_pair();
    const auto whole = socket.within(0s);
    Socket moved = std::move(socket);
    peer.send_some("data");
    CHECK(receive_code(moved) == std::error_code());
    CHECK(receive_code(socket) == Errc::closed);  // NOLINT(bugprone-use-after-move): that is what it is about
}

TEST_CASE("within: a canceller still ends a call in it", "[deadline_scope]") {
    auto [socket, peer] = connected_pair();
    Canceller canceller;
    socket.set_canceller(canceller);
    const auto whole = socket.within(10s);
    canceller.cancel();
    CHECK(receive_code(socket) == Errc::cancelled);
}

TEST_CASE("within: a channel's calls share one deadline, but for messages that it already has", "[deadline_scope]") {
    auto [socket, peer] = connected_pair();
    MessageChannel channel(std::move(socket)), other(std::move(peer));
    for (int i = 0; i < 3; ++i) other.queue("in the buffer");
    other.flush();
    CHECK(channel.receive() == "in the buffer");
    const auto whole = channel.within(30ms);
    while (channel.pending() != 0) CHECK(channel.receive() == "in the buffer");
    CHECK(error_of(channel.try_receive()).code() == Errc::deadline_exceeded);
    CHECK(error_of(channel.try_receive()).code() == Errc::deadline_exceeded);
    channel.queue("waits");
    CHECK(error_of(channel.try_flush()).code() == Errc::deadline_exceeded);
}
