// SPDX-License-Identifier: MIT
#include <sockboot/detail/framing/wrong_peer.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sockboot/message.hpp>
#include <sockboot/message_channel.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using namespace std::string_literals;
using loopback::connected_pair;
using loopback::error_of;

namespace {

/// How a peer that has sent something goes on: it closes, or says no more.
enum class Then { closes, is_silent };

template <class Receive> Error error_after(const std::string& bytes, Then then, const Receive& receive) {
    auto [peer, socket] = connected_pair();
    send_all(peer, bytes);
    if (then == Then::closes) peer.close();
    socket.set_timeout(20ms);
    auto error = receive(std::move(socket));
    CHECK(error.code() == (then == Then::closes ? Errc::truncated : Errc::deadline_exceeded));
    return error;
}

/// The sentence of recv_message, and that of a channel.
struct Sentences {
    std::string message, channel;
};

Sentences sentences_after(const std::string& bytes, Then then, const LengthPrefix& format) {
    return {
        error_after(bytes, then, [&](Socket socket) { return error_of(try_recv_message(socket, format)); }).message(),
        error_after(bytes, then, [&](Socket socket) {
            return error_of(MessageChannel(std::move(socket), format).try_receive());
        }).message()};
}

std::string line_sentence(const std::string& bytes, Then then, const Delimiter& delimiter) {
    return error_after(
               bytes, then,
               [&](Socket socket) { return error_of(MessageChannel(std::move(socket), delimiter).try_receive()); })
        .message();
}

constexpr std::uint64_t four_gib = std::uint64_t{4} << 30;
const LengthPrefix one_byte{.width = 1}, two_bytes{.width = 2}, varint{.width = LengthPrefix::varint};

}  // namespace

TEST_CASE("wrong peer: another protocol is recognised also where its first bytes pass for a length", "[wrong_peer]") {
    const Then then = GENERATE(Then::closes, Then::is_silent);
    struct Spoken {
        std::string bytes;
        LengthPrefix format;
        const char* hint;
    };
    const std::string hello = "\x16\x03\x01\x02\0\x01\0\x01\xFC\x03\x03"s + std::string(100, '\x5A');
    const std::string alert = "\x15\x03\x03\0\x02\x02\x28"s;
    const std::string get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", ssh = "SSH-2.0-OpenSSH_9.2p1\r\n";
    const Spoken table[] = {
        {get, one_byte, "what came reads like the text \"GET / HTTP/1.1\": is the peer speaking HTTP"},
        {get, two_bytes, "what came reads like the text \"GET / HTTP/1.1\": is the peer speaking HTTP"},
        {get, varint, "what came reads like the text \"GET / HTTP/1.1\""},
        {get, {.max_size = four_gib}, "what came reads like the text \"GET / HTTP/1.1\""},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", two_bytes, "what came reads like the text \"HTTP/1.1 400 Bad\""},
        {ssh, one_byte, "what came reads like the text \"SSH-2.0-OpenSSH_\""},
        {ssh, two_bytes, "what came reads like the text \"SSH-2.0-OpenSSH_\""},
        {ssh, {.width = 3, .max_size = four_gib}, "what came reads like the text \"SSH-2.0-OpenSSH_\""},
        {hello, two_bytes, "what came reads like a TLS hello: does the peer expect TLS?"},
        {hello, {.max_size = four_gib}, "what came reads like a TLS hello"},
        {alert, one_byte, "what came reads like a TLS alert: does the peer expect TLS?"},
        {alert, two_bytes, "what came reads like a TLS alert"},
        {alert, varint, "what came reads like a TLS alert"},
        {alert, {.width = 8}, "what came reads like a TLS alert"},
    };
    for (const Spoken& row : table) {
        CAPTURE(row.bytes, row.format.width);
        const auto [message, channel] = sentences_after(row.bytes, then, row.format);
        CHECK_THAT(message, ContainsSubstring(row.hint));
        CHECK_THAT(channel, ContainsSubstring(row.hint));
    }
}

TEST_CASE("wrong peer: a length that counts its own bytes leaves just so many missing", "[wrong_peer]") {
    const Then then = GENERATE(Then::closes, Then::is_silent);
    const LengthPrefix formats[] = {{}, {.width = 2, .order = std::endian::little}, {.width = 8}, {.width = 1}};
    for (const LengthPrefix& format : formats) {
        LengthPrefix of_peer = format;
        of_peer.counts_itself = true;
        for (const char* text : {"hello", ""}) {
            std::string bytes;
            append_frame(bytes, text, of_peer);
            const std::string hint = "does the peer's length count its own " + std::to_string(format.width) + " bytes?";
            const auto [message, channel] = sentences_after(bytes, then, format);
            CHECK_THAT(message, ContainsSubstring(hint));
            CHECK_THAT(channel, ContainsSubstring(hint));

            bytes = bytes.substr(0, bytes.size() - 1);
            if (bytes.size() < format.width) continue;
            CHECK_THAT(sentences_after(bytes, then, format).message, !ContainsSubstring("count its own"));
        }
    }
}

TEST_CASE("wrong peer: an unfinished line says how much of it came, and which delimiter did not", "[wrong_peer]") {
    CHECK_THAT(line_sentence("hello", Then::closes, Delimiter("\r\n")),
               ContainsSubstring("(5 bytes came without the delimiter \"\\r\\n\" behind them)"));
    CHECK_THAT(line_sentence("hello", Then::closes, Delimiter("\0")), ContainsSubstring("the delimiter \"\\0\""));
    CHECK_THAT(line_sentence("hello", Then::closes, Delimiter("\x01")), ContainsSubstring("the delimiter \"\\x01\""));
}

TEST_CASE("wrong peer: lines that end with \\n alone are recognised where \\r\\n is waited for", "[wrong_peer]") {
    const char* const hint = "there is a \"\\n\" alone: does the peer end its lines with that?";
    const Delimiter crlf("\r\n");
    CHECK_THAT(line_sentence("EHLO me\n", Then::closes, crlf), ContainsSubstring(hint));
    CHECK_THAT(line_sentence("EHLO me\n", Then::is_silent, crlf), ContainsSubstring(hint));
    CHECK_THAT(line_sentence("\x16\x03\x01\x02\0\x01"s, Then::is_silent, crlf), ContainsSubstring("a TLS hello"));

    auto [peer, socket] = connected_pair();
    send_all(peer, "one\ntwo\nthree\n");
    MessageChannel channel(std::move(socket), Delimiter("\r\n", 10));
    const auto error = error_of(channel.try_receive());
    CHECK(error.code() == Errc::message_too_large);
    CHECK_THAT(error.message(), ContainsSubstring("no delimiter \"\\r\\n\" in the first"));
    CHECK_THAT(error.message(), ContainsSubstring(hint));
}

TEST_CASE("wrong peer: where nothing has come the sentence asks who is to speak first", "[wrong_peer]") {
    auto [peer, socket] = connected_pair();
    const char* const hint =
        "(0 of 4 bytes had come; does the peer wait for us to speak first, or in another protocol?)";
    socket.set_timeout(5ms);
    CHECK_THAT(error_of(try_recv_message(socket)).message(), ContainsSubstring(hint));
    MessageChannel channel(std::move(socket));
    CHECK_THAT(error_of(channel.try_receive()).message(), ContainsSubstring(hint));
}

TEST_CASE("wrong peer: nobody is accused by an ordinary time-out", "[wrong_peer]") {
    SECTION("between the messages of a channel") {
        auto [peer, socket] = connected_pair();
        socket.set_timeout(5ms);
        MessageChannel channel(std::move(socket));
        send_message(peer, "hello");
        CHECK(channel.receive() == "hello");
        CHECK_THAT(error_of(channel.try_receive()).message(), !ContainsSubstring("?"));
    }
    SECTION("inside a message") {
        // 18245 is "GE" in two bytes, 5635 is as a TLS hello begins, 71 is "G", 12345 is "09".
        for (const std::size_t size : {5U, 200U, 5635U, 12345U, 18245U}) {
            for (const LengthPrefix& format : {LengthPrefix{}, one_byte, two_bytes, varint}) {
                if (size > format.limit()) continue;
                for (const std::string& text : {"some text, or {\"json\": 1}"s, "\x08\x96\x01\x12\x07 binary"s, ""s}) {
                    const std::size_t body = text.size() < size ? text.size() : 0;
                    std::string frame;
                    append_frame(frame, text.substr(0, body) + std::string(size - body, 'x'), format);
                    CAPTURE(size, format.width, text);
                    const std::string came = frame.substr(0, frame.size() - size + body);
                    const auto [message, channel] = sentences_after(came, Then::is_silent, format);
                    CHECK_THAT(message, !ContainsSubstring("?"));
                    CHECK_THAT(channel, !ContainsSubstring("?"));
                }
            }
        }
    }
    SECTION("inside a line") {
        for (const char* part : {"hello", "hello\r", "GET / HTTP/1.1"})
            CHECK_THAT(line_sentence(part, Then::is_silent, Delimiter("\r\n")), !ContainsSubstring("("));
        CHECK_THAT(line_sentence("two\nlines", Then::is_silent, Delimiter("--end--")), !ContainsSubstring("?"));

        auto [peer, socket] = connected_pair();
        send_all(peer, "a line that is too long\r\n");
        MessageChannel channel(std::move(socket), Delimiter("\r\n", 10));
        CHECK_THAT(error_of(channel.try_receive()).message(), !ContainsSubstring("?"));
    }
}
