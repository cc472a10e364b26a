// SPDX-License-Identifier: MIT
#include <sockboot/frame_encoder.hpp>

#include <string>
#include <string_view>
#include <utility>

#include <sockboot/framing.hpp>
#include <sockboot/message.hpp>
#include <sockboot/netstring.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::string_view_literals;
using loopback::error_of;

TEST_CASE("frame encoder: what is added is sent in order, in whatever pieces there is room for", "[frame_encoder]") {
    const std::size_t step = GENERATE(1U, 3U, 1000U);
    FrameEncoder encoder;
    std::string wanted, sent;
    for (std::size_t size = 0; size < 300; size += 7) {
        encoder.add(std::string(size, 'x'));
        append_frame(wanted, std::string(size, 'x'));
        for (int i = 0; i < 2 && !encoder.empty(); ++i) {
            const std::string_view piece = encoder.unsent().substr(0, step);
            sent += piece;
            encoder.consume(piece.size());
        }
    }
    sent += encoder.unsent();
    CHECK(encoder.size() == encoder.unsent().size());
    encoder.consume(encoder.size());
    CHECK(encoder.empty());
    CHECK(sent == wanted);
}

TEST_CASE("frame encoder: every format, and bytes that no format surrounds", "[frame_encoder]") {
    FrameEncoder lines(Delimiter("\r\n"));
    lines.add("$3");
    lines.add_exact("\r\n!");
    lines.add("");
    CHECK(lines.unsent() == "$3\r\n\r\n!\r\n");
    FrameEncoder netstrings(Netstring{});
    netstrings.add("abc");
    CHECK(netstrings.unsent() == "3:abc,");
}

TEST_CASE("frame encoder: a message that cannot be sent is refused and leaves what waits as it was",
          "[frame_encoder]") {
    FrameEncoder encoder(LengthPrefix{.max_size = 3});
    encoder.add("abc");
    CHECK(error_of(encoder.try_add("four")).code() == Errc::message_too_large);
    CHECK(encoder.unsent() == "\0\0\0\3abc"sv);
    FrameEncoder lines(Delimiter("\n"));
    CHECK(error_of(lines.try_add("a\nb")).code() == std::errc::invalid_argument);
    CHECK(lines.empty());
    FrameEncoder unusable(LengthPrefix{.width = 7});
    CHECK(error_of(unusable.try_add("x")).code() == std::errc::invalid_argument);
}

TEST_CASE("frame encoder: the format and the limit change for what is added from then on", "[frame_encoder]") {
    FrameEncoder encoder(LengthPrefix{.width = 1});
    encoder.add("one");
    encoder.set_format({.width = 2, .max_size = 3});
    encoder.add("two");
    CHECK(error_of(encoder.try_add("three")).code() == Errc::message_too_large);
    encoder.set_max_size(5);
    encoder.add("three");
    CHECK(encoder.unsent() == "\3one\0\3two\0\5three"sv);
}

TEST_CASE("frame encoder: its bytes are what recv_message reads", "[frame_encoder]") {
    auto [writer, reader] = loopback::connected_pair();
    FrameEncoder encoder;
    encoder.add("from an event loop");
    while (!encoder.empty()) encoder.consume(writer.send_some(encoder.unsent()));
    CHECK(recv_message(reader) == "from an event loop");
}
