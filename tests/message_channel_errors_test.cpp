// SPDX-License-Identifier: MIT
#include <sockboot/message_channel.hpp>

#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include <sockboot/message.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using namespace std::string_literals;
using loopback::connected_pair;
using loopback::error_of;

namespace {

const LengthPrefix varint{.width = LengthPrefix::varint};

/// What comes of receiving `bytes` and then the end of the stream.
template <class Format> Error error_after(const std::string& bytes, const Format& format) {
    auto [peer, socket] = connected_pair();
    send_all(peer, bytes);
    peer.close();
    MessageChannel channel(std::move(socket), format);
    auto error = error_of(channel.try_receive());
    CHECK(error_of(channel.try_receive_view()).code() == error.code());
    CHECK_THAT(error.message(), StartsWith("[pair] receive from 127.0.0.1:"));
    return error;
}

template <class S>
concept TakesBraces = requires(S stream) { MessageChannel<S>(std::move(stream), {}, {.send_buffer = 1024}); };

/// Fills the way to a peer that does not read, with part of a message.
void send_half_a_message(Socket& socket) {
    socket.set_timeout(20ms);
    CHECK(error_of(try_send_message(socket, std::string(std::size_t{16} << 20, 'x'))).transferred() > 0);
}

}  // namespace

TEST_CASE("MessageChannel: the end between two messages is the end, again and again",
          "[message_channel]") {  // behaviour 39
    auto [peer, socket] = connected_pair();
    MessageChannel channel(std::move(socket));
    send_message(peer, "");
    peer.close();
    CHECK(channel.receive() == "");
    std::string into = "old";
    CHECK(channel.receive() == std::nullopt);
    CHECK(channel.receive_view() == std::nullopt);
    CHECK_FALSE(channel.receive(into));
}

TEST_CASE("MessageChannel: the end inside a message is truncated, also right behind its length",
          "[message_channel]") {  // behaviours 40, 41, 42
    struct Case {
        std::string bytes;
        const char* text;
    };
    const Case cases[] = {
        {"\0"s, "1 of 4 bytes"},
        {"\0\0"s, "2 of 4 bytes"},
        {"\0\0\0"s, "3 of 4 bytes"},
        {"\0\0\0\x09"s, "4 of 13 bytes"},
        {"\0\0\0\x06uvwx"s, "8 of 10 bytes"},
    };
    for (const Case& one : cases)
        for (const std::string& before : {""s, "\0\0\0\3one"s}) {
            auto [peer, socket] = connected_pair();
            send_all(peer, before + one.bytes);
            peer.close();
            MessageChannel channel(std::move(socket));
            if (!before.empty()) CHECK(channel.receive() == "one");
            const auto error = error_of(channel.try_receive());
            CHECK(error.code() == Errc::truncated);
            CHECK_THAT(error.message(), ContainsSubstring(one.text));
            CHECK(channel.pending() == one.bytes.size());
        }
    for (const char* line : {"h", "hello", "hello\r"})
        CHECK(error_after(line, Delimiter("\r\n")).code() == Errc::truncated);
}

TEST_CASE("MessageChannel: the end inside a varint is truncated, and more was wanted than had come",
          "[message_channel]") {  // behaviour 40
    for (const char* bytes : {"\xC8", "\xC8\x80"}) {
        const auto error = error_after(bytes, varint);
        CHECK(error.code() == Errc::truncated);
        CHECK(error.transferred() == std::string(bytes).size());
        CHECK(error.wanted() > error.transferred());
    }
}

TEST_CASE("MessageChannel: a length that can be none is refused, with a guess at what the peer speaks",
          "[message_channel]") {  // behaviours 46, 48, 49
    struct Case {
        std::string bytes;
        LengthPrefix format;
        Errc code;
        const char* text;
    };
    const Case cases[] = {
        {"\x01\0\0\x01"s, {}, Errc::message_too_large, "16777217 bytes, the limit is 16777216"},
        {"\xFF\xFF\xFF\xFF"s, {}, Errc::message_too_large, "4294967295 bytes"},
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFB"s, {.width = 8}, Errc::message_too_large, "the limit is 16777216"},
        {"\x05\0\0\0hello"s, {}, Errc::message_too_large, "in the other byte order it would be 5"},
        {"GET / HTTP/1.1\r\n"s, {}, Errc::message_too_large, "the text \"GET \""},
        {"\x16\x03\x01\x02\0"s, {}, Errc::message_too_large, "TLS hello"},
        {"\0\0\0\x03"s, {.counts_itself = true}, Errc::malformed_length, "cannot count its own 4 bytes"},
        {std::string(10, '\xFF'), varint, Errc::malformed_length, "more than 10 bytes"},
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"s, varint, Errc::malformed_length, "does not fit into 64 bits"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.text);
        const auto error = error_after(one.bytes, one.format);
        CHECK(error.code() == one.code);
        CHECK_THAT(error.message(), ContainsSubstring(one.text));
    }
}

TEST_CASE("skip: after a message that is too large the next ones come", "[message_channel]") {  // behaviour 50
    auto [peer, socket] = connected_pair();
    const char* messages[] = {"before", "eleven byte", "twelve bytes", "between", nullptr, "last"};
    const auto check = [&messages](auto channel, auto send) {
        const std::string large(300'000, 'x');
        for (const char* message : messages) send(message != nullptr ? message : large);
        for (const char* message : messages) {
            if (message != nullptr && std::strlen(message) <= 10) {
                CHECK(channel.receive() == message);
                continue;
            }
            for (int again = 0; again < 2; ++again)
                CHECK(error_of(channel.try_receive()).code() == Errc::message_too_large);
            CHECK(channel.skip());
        }
        CHECK(channel.pending() == 0);
        CHECK_FALSE(channel.skip());
    };
    SECTION("with a length in front") {
        check(MessageChannel(std::move(socket), {.max_size = 10}),
              [&to = peer](const std::string& message) { send_message(to, message); });
    }
    SECTION("with a delimiter behind") {
        check(MessageChannel(std::move(socket), Delimiter("\r\n", 10)),
              [&to = peer](const std::string& message) { send_all(to, message + "\r\n"); });
    }
}

TEST_CASE("skip: the end of the stream inside what is thrown away is truncated", "[message_channel]") {
    auto [peer, socket] = connected_pair();
    MessageChannel channel(std::move(socket), Delimiter("\n", 10));
    send_all(peer, "no end of line");
    CHECK(error_of(channel.try_receive()).code() == Errc::message_too_large);
    CHECK(channel.skip());
    peer.close();
    CHECK(error_of(channel.try_receive()).code() == Errc::truncated);
}

TEST_CASE("MessageChannel: a message that holds its delimiter is refused, and nothing is written",
          "[message_channel]") {
    auto [socket, peer] = connected_pair();
    MessageChannel channel(std::move(socket), Delimiter("aa"));
    for (const std::string& message : {"baab"s, "a"s, "ba"s, std::string(20'000, 'b') + "a"}) {
        for (const auto& refused : {channel.try_send(message), channel.try_queue(message)}) {
            REQUIRE_FALSE(refused);
            CHECK(refused.error().code() == std::errc::invalid_argument);
            CHECK_THAT(refused.error().message(), StartsWith("[pair] send to 127.0.0.1:"));
            CHECK_THAT(refused.error().message(), ContainsSubstring("nothing was sent"));
        }
        CHECK(channel.queued() == 0);
    }
    channel.send("abab");
    CHECK(recv_exact(peer, 6) == "ababaa");
}

TEST_CASE("MessageChannel: a stream that a failure left inside a message is refused", "[message_channel]") {
    auto [socket, peer] = connected_pair();
    SECTION("for sending, by a channel that is new") {
        send_half_a_message(socket);
        MessageChannel channel(std::move(socket));
        for (const auto& error : {error_of(channel.try_send("message")), error_of(channel.try_queue("message")),
                                  error_of(channel.try_send(std::string(20'000, 'x')))}) {
            CHECK(error.code() == Errc::desynchronised);
            CHECK(error.operation() == Operation::send);
        }
        CHECK(channel.queued() == 0);
    }
    SECTION("for sending, by a channel that has been used") {
        MessageChannel channel(std::move(socket));
        channel.send("warm");
        channel.queue("queued");
        send_half_a_message(channel.stream());
        CHECK(error_of(channel.try_send("message")).code() == Errc::desynchronised);
        const auto error = error_of(channel.try_flush());
        CHECK(error.code() == Errc::desynchronised);
        CHECK(error.operation() == Operation::send);
    }
    SECTION("for receiving") {
        send_all(peer, "\0\0\0\5he"s);
        socket.set_timeout(20ms);
        CHECK(error_of(try_recv_message(socket)).code() == Errc::deadline_exceeded);
        socket.set_timeout({});
        MessageChannel channel(std::move(socket));
        send_all(peer, "llo");
        const auto error = error_of(channel.try_receive());
        CHECK(error.code() == Errc::desynchronised);
        CHECK(error.operation() == Operation::receive);
        channel.send("the other direction is untouched");
        CHECK(recv_message(peer) == "the other direction is untouched");
    }
}

TEST_CASE("MessageChannel: a format that cannot be used is refused, and no byte is moved", "[message_channel]") {
    const auto check = [](const auto& wrong) {
        auto [socket, peer] = connected_pair();
        send_all(peer, "untouched");
        MessageChannel channel(std::move(socket), wrong);
        CHECK(error_of(channel.try_send("x")).code() == std::errc::invalid_argument);
        CHECK(error_of(channel.try_queue("x")).code() == std::errc::invalid_argument);
        CHECK(error_of(channel.try_receive()).code() == std::errc::invalid_argument);
        CHECK_FALSE(channel.skip());
        CHECK(channel.queued() == 0);
        CHECK(channel.pending() == 0);
    };
    check(LengthPrefix{.width = 5});
    check(LengthPrefix{.max_size = 0});
    check(Delimiter(""));
    check(Delimiter("\n", 0));
}

TEST_CASE("MessageChannel: half closed it still receives", "[message_channel]") {  // behaviour 56
    auto [socket, peer] = connected_pair();
    MessageChannel client(std::move(socket), Delimiter("\n"));
    MessageChannel server(std::move(peer), Delimiter("\n"));
    client.send("the only question");
    client.stream().shutdown_send();
    CHECK(server.receive() == "the only question");
    CHECK(server.receive() == std::nullopt);
    server.send("the answer");
    CHECK(client.receive() == "the answer");
    CHECK_FALSE(client.try_send("another question"));
}

TEST_CASE("MessageChannel: a peer that is gone is an error, never a signal", "[message_channel]") {  // behaviour 59
    auto [socket, peer] = connected_pair();
    MessageChannel channel(std::move(socket));
    send_message(peer, "last words");
    CHECK(channel.receive() == "last words");
    peer.abort();
    CHECK(error_of(channel.try_receive()).code() == std::errc::connection_reset);
    for (const std::size_t size : {5U, 100'000U}) {
        CHECK(error_of(channel.try_send(std::string(size, 'x'))).code() == std::errc::broken_pipe);
        CHECK(channel.queued() == 0);
    }
    channel.queue("more");
    for (int again = 0; again < 2; ++again) {
        const auto error = error_of(channel.try_flush());
        CHECK(error.code() == std::errc::broken_pipe);
        CHECK(error.operation() == Operation::send);
    }
}

TEST_CASE("MessageChannel: a reset between two messages is an error of no bytes, and leaves no half message",
          "[message_channel]") {
    auto [socket, peer] = connected_pair();
    MessageChannel channel(std::move(socket));
    send_message(peer, "whole");
    CHECK(channel.receive() == "whole");
    peer.set_linger(std::chrono::seconds(0));
    peer.close();
    const auto error = error_of(channel.try_receive());
    CHECK(error.code() == std::errc::connection_reset);
    CHECK(error.operation() == Operation::receive);
    CHECK(error.transferred() == 0);
    CHECK(channel.pending() == 0);
    CHECK(channel.receive() == std::nullopt);  // Linux tells of a reset once, and then of the end
}

TEST_CASE("MessageChannel: closed, or moved from inside a message, it answers closed", "[message_channel]") {
    auto [socket, peer] = connected_pair();
    MessageChannel before(std::move(socket));
    send_all(peer, "\0\0\0\5he"s);
    before.stream().set_timeout(0s);
    CHECK(error_of(before.try_receive()).would_block());
    MessageChannel channel(std::move(before));
    CHECK(error_of(before.try_receive()).code() == Errc::closed);  // NOLINT(bugprone-use-after-move)
    CHECK(error_of(before.try_send("x")).code() == Errc::closed);
    channel.stream().close();
    CHECK(error_of(channel.try_receive()).code() == Errc::closed);
    CHECK(error_of(channel.try_send("x")).code() == Errc::closed);
}

TEST_CASE("MessageChannel: braces stand for the default format, where options follow", "[message_channel]") {
    CHECK(TakesBraces<Socket>);
}
