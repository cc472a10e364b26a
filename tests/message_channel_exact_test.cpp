// SPDX-License-Identifier: MIT
// Counted bytes and framed bytes mixed on one channel, and a format that changes in mid-stream.
#include <sockboot/message_channel.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <sockboot/message.hpp>
#include <sockboot/netstring.hpp>
#include <sockboot/transfer.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using namespace std::string_view_literals;
using loopback::connected_pair;
using loopback::error_of;
using loopback::pattern;

TEST_CASE("receive_exact: after a line so many bytes as it says, whatever lies in them", "[channel]") {
    auto [socket, peer] = connected_pair();
    MessageChannel channel(std::move(socket), Delimiter("\r\n"));
    send_all(peer, "$6\r\na\r\nb\r\n\r\n+OK\r\n$0\r\n\r\n$3\r\nabc");
    CHECK(channel.receive() == "$6");
    CHECK(channel.receive_exact(6) == "a\r\nb\r\n");
    CHECK(channel.receive_exact(2) == "\r\n");
    CHECK(channel.receive() == "+OK");
    CHECK(channel.receive() == "$0");
    CHECK(channel.receive_exact(0).empty());
    CHECK(channel.receive() == "");
    CHECK(channel.receive_view() == "$3");
    std::array<std::byte, 3> buffer{};
    channel.receive_exact(buffer);
    CHECK(ByteView(buffer).text() == "abc");
    CHECK(channel.pending() == 0);
}

TEST_CASE("receive_exact: of any size, as a view and into a buffer, between messages", "[channel]") {
    const std::size_t size = GENERATE(0U, 1U, 4095U, 4096U, 16'383U, 16'384U, 65'536U, 65'537U, 3'000'000U);
    auto [socket, peer] = connected_pair();
    MessageChannel channel(std::move(socket), Delimiter("\n"));
    const std::string bytes = pattern(size);
    std::thread sending([&to = peer, &bytes] {
        for (int i = 0; i < 2; ++i) send_all(to, {"line\n", bytes, "next\n"});
    });
    CHECK(channel.receive() == "line");
    const std::string_view view = channel.receive_exact(size);
    CHECK((view == bytes));
    CHECK(channel.receive() == "next");
    CHECK(channel.receive() == "line");
    std::string buffer(size, '?');
    channel.receive_exact(std::as_writable_bytes(std::span(buffer)));
    CHECK((buffer == bytes));
    CHECK(channel.receive() == "next");
    sending.join();
}

TEST_CASE("receive_exact: a call that ran out of time is called again, and loses nothing", "[channel]") {
    auto [socket, peer] = connected_pair();
    MessageChannel channel(std::move(socket));
    channel.stream().set_timeout(20ms);
    send_all(peer, "abc");
    const auto late = error_of(channel.try_receive_exact(5));
    CHECK(late.code() == Errc::deadline_exceeded);
    CHECK(late.transferred() == 3);
    CHECK(late.wanted() == 5);
    CHECK(channel.unread() == "abc");
    send_all(peer, "de");
    CHECK(channel.receive_exact(5) == "abcde");

    send_all(peer, "fg");
    std::array<std::byte, 4> buffer{};
    const auto part = error_of(channel.try_receive_exact(buffer));
    CHECK(part.transferred() == 2);
    CHECK_FALSE(part.transient());
    CHECK(ByteView(buffer).text().substr(0, 2) == "fg");
    channel.stream().set_timeout(0s);
    CHECK(error_of(channel.try_receive_exact(1)).would_block());
}

TEST_CASE("receive_exact: one deadline over all of it, however slowly the peer sends", "[channel]") {
    auto [socket, peer] = connected_pair();
    MessageChannel channel(std::move(socket));
    channel.stream().set_timeout(200ms);
    std::thread dripping([&to = peer] {
        to.set_timeout(20ms);
        std::array<std::byte, 1> byte{};
        for (;;) {  // its own time-outs are its clock
            const auto got = to.try_recv_some(byte);
            if (got || got.error().code() != Errc::deadline_exceeded || !to.try_send_some(".")) return;
        }
    });
    CHECK(error_of(channel.try_receive_exact(1'000'000)).code() == Errc::deadline_exceeded);
    channel.stream().close();
    dripping.join();
}

TEST_CASE("receive_exact: the end before the first byte is closed, a later one is truncated", "[channel]") {
    auto [socket, peer] = connected_pair();
    MessageChannel channel(std::move(socket), Delimiter("\n"));
    send_all(peer, "a line\nab");
    peer.close();
    CHECK(channel.receive() == "a line");
    const auto error = error_of(channel.try_receive_exact(3));
    CHECK(error.code() == Errc::truncated);
    CHECK_THAT(error.message(), ContainsSubstring("2 of 3 bytes had come"));
    CHECK(channel.receive_exact(2) == "ab");
    CHECK(error_of(channel.try_receive_exact(1)).code() == Errc::closed);
    std::array<std::byte, 1> byte{};
    CHECK(error_of(channel.try_receive_exact(byte)).code() == Errc::closed);
}

TEST_CASE("receive_rest: the piece behind the last delimiter, and all else up to the end", "[channel]") {
    auto [socket, peer] = connected_pair();
    MessageChannel channel(std::move(socket), Delimiter("\n", 1'000'000));
    const std::string rest = pattern(500'000);
    std::thread sending([&to = peer, &rest] {
        send_all(to, {"first\nsecond\nthe last, unfinished", rest});
        to.close();
    });
    CHECK(channel.receive() == "first");
    CHECK(channel.receive() == "second");
    const std::string got = channel.receive_rest();
    CHECK((got == "the last, unfinished" + rest));
    CHECK(channel.receive_rest().empty());
    CHECK_FALSE(channel.receive());
    sending.join();
}

TEST_CASE("receive_rest: what an unfinished message has left, a limit, and a time-out that loses nothing",
          "[channel]") {
    auto [socket, peer] = connected_pair();
    MessageChannel channel(std::move(socket), Delimiter("\n", 100));
    channel.stream().set_timeout(20ms);
    send_all(peer, "no line yet");
    CHECK(error_of(channel.try_receive_rest()).code() == Errc::deadline_exceeded);
    CHECK(channel.unread() == "no line yet");
    peer.shutdown_send();
    CHECK(error_of(channel.try_receive()).code() == Errc::truncated);
    CHECK(channel.receive_rest() == "no line yet");

    auto [other, talkative] = connected_pair();
    MessageChannel limited(std::move(other), Delimiter("\n", 100));
    send_all(talkative, std::string(101, 'x'));
    CHECK(error_of(limited.try_receive_rest()).code() == Errc::message_too_large);
}

TEST_CASE("send_exact and queue_exact: bytes as they are, between messages and in order", "[channel]") {
    const std::size_t size = GENERATE(0U, 1U, 4096U, 16'383U, 16'384U, 300'000U);
    auto [socket, peer] = connected_pair();
    MessageChannel channel(std::move(socket), Delimiter("\r\n"));
    const std::string bytes = pattern(size);
    std::thread sending([&] {
        channel.queue("$" + std::to_string(size));
        channel.queue_exact(bytes);
        channel.queue("");
        channel.send_exact(bytes);
        channel.send("end");
    });
    const std::string wanted = "$" + std::to_string(size) + "\r\n" + bytes + "\r\n" + bytes + "end\r\n";
    const std::string got = recv_exact(peer, wanted.size());
    CHECK((got == wanted));
    sending.join();
    CHECK(channel.queued() == 0);
}

TEST_CASE("send_exact: an error means that none of it was taken, as with send", "[channel]") {
    auto [socket, peer] = connected_pair();
    socket.set_timeout(0s);
    MessageChannel channel(std::move(socket), Delimiter("\n"));
    const std::size_t size = GENERATE(1000U, 100'000U);
    const std::string bytes = pattern(size);
    std::size_t taken = 0;
    while (channel.try_send_exact(bytes)) taken += size;
    CHECK(channel.queued() < size);
    channel.stream().set_timeout({});
    std::thread flushing([&] {
        channel.flush();
        channel.stream().shutdown_send();
    });
    CHECK(recv_exact(peer, taken).size() == taken);
    CHECK(error_of(try_recv_exact(peer, 1)).code() == Errc::closed);
    flushing.join();
}

TEST_CASE("a channel's format changes in mid-stream, within its type and to another one", "[channel]") {
    auto [socket, peer] = connected_pair();
    MessageChannel start(std::move(socket), LengthPrefix{.width = 1});
    send_all(peer, "\3one\0\3two5:three,a line\nrest"sv);
    CHECK(start.receive() == "one");
    start.set_format({.width = 2});
    CHECK(start.receive() == "two");
    start.send("wide");
    MessageChannel netstrings(std::move(start).release(), Netstring{});
    CHECK(netstrings.receive() == "three");
    MessageChannel lines(std::move(netstrings).release(), Delimiter("\n"));
    CHECK(lines.receive() == "a line");
    CHECK(lines.unread() == "rest");
    lines.send("answer");
    CHECK(recv_exact(peer, 13) == "\0\4wideanswer\n"sv);
    auto [stream, unread] = std::move(lines).release();
    CHECK(unread == "rest");
    peer.send_some("!");
    CHECK(recv_exact(stream, 1) == "!");
}

TEST_CASE("a channel's limit changes at run time, both ways", "[channel]") {
    auto [socket, peer] = connected_pair();
    MessageChannel channel(std::move(socket), LengthPrefix{.max_size = 5});
    CHECK(error_of(channel.try_send("123456")).code() == Errc::message_too_large);
    send_message(peer, "123456");
    CHECK(error_of(channel.try_receive()).code() == Errc::message_too_large);
    channel.set_max_size(6);
    CHECK(channel.receive() == "123456");
    channel.send("123456");
    CHECK(recv_message(peer) == "123456");
}

TEST_CASE("a Socket refuses to receive past its channel, which may have read ahead", "[channel]") {
    auto [socket, peer] = connected_pair();
    MessageChannel channel(std::move(socket), Delimiter("\n"));
    send_all(peer, "a line\nread ahead");
    CHECK(channel.receive() == "a line");
    std::array<std::byte, 4> buffer{};
    for (const Error& error :
         {error_of(try_recv_exact(channel.stream(), 4)), error_of(try_recv_exact(channel.stream(), buffer)),
          error_of(channel.stream().try_recv_some(buffer)), error_of(try_recv_message(channel.stream()))}) {
        CHECK(error.code() == std::errc::operation_not_permitted);
        CHECK_FALSE(error.transient());
        CHECK_THAT(error.message(), ContainsSubstring("[pair] receive from 127.0.0.1:") &&
                                        ContainsSubstring("a MessageChannel receives on this socket"));
    }
    CHECK(channel.receive_exact(10) == "read ahead");
    send_all(channel.stream(), "sent past it");
    CHECK(recv_exact(peer, 12) == "sent past it");

    MessageChannel moved = std::move(channel);
    CHECK(error_of(try_recv_exact(moved.stream(), 1)).code() == std::errc::operation_not_permitted);
    peer.close();
    CHECK(graceful_close(moved.stream()) == CloseOutcome::peer_closed);
}
