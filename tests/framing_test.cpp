// SPDX-License-Identifier: MIT
#include <sockboot/framing.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "catch.hpp"

using sockboot::append_frame;
using sockboot::Errc;
using sockboot::FrameDecoder;
using sockboot::LengthPrefix;
using namespace std::string_view_literals;

namespace {

std::string frame(std::string_view message) {
    std::string bytes;
    append_frame(bytes, message);
    return bytes;
}

void take_all(FrameDecoder<>& decoder, std::vector<std::string>& messages) {
    while (const auto message = decoder.next()) messages.emplace_back(*message);
}

const std::vector<std::string> three = {"first", "", "the third"};

std::string three_frames(const LengthPrefix& format = {}) {
    std::string stream;
    for (const std::string& message : three) append_frame(stream, message, format);
    return stream;
}

/// Four bytes of length, and at most 10 bytes of message.
constexpr LengthPrefix ten{.max_size = 10};

std::error_code failure(FrameDecoder<>& decoder) {
    const auto message = decoder.try_next();
    REQUIRE_FALSE(message.has_value());
    return message.error().code();
}

}  // namespace

TEST_CASE("framing: three messages in one piece are three messages", "[framing]") {  // behaviour 44
    FrameDecoder decoder;
    decoder.feed(three_frames());
    std::vector<std::string> messages;
    take_all(decoder, messages);
    CHECK(messages == three);
    CHECK(decoder.at_boundary());
}

TEST_CASE("framing: byte by byte the same messages come, in every format", "[framing]") {  // behaviour 44
    const LengthPrefix format =
        GENERATE(LengthPrefix{}, LengthPrefix{.width = 1}, LengthPrefix{.width = 3, .order = std::endian::little},
                 LengthPrefix{.width = 8, .counts_itself = true}, LengthPrefix{.width = LengthPrefix::varint});
    FrameDecoder decoder(format);
    std::vector<std::string> messages;
    for (const char byte : three_frames(format)) {
        decoder.feed(std::string_view(&byte, 1));
        take_all(decoder, messages);
    }
    CHECK(messages == three);
    CHECK(decoder.at_boundary());
}

TEST_CASE("framing: wherever a stream is cut into three, the same messages come", "[framing]") {  // behaviour 44
    const std::string stream = three_frames();
    for (std::size_t first = 0; first <= stream.size(); ++first)
        for (std::size_t second = first; second <= stream.size(); ++second) {
            FrameDecoder decoder;
            std::vector<std::string> messages;
            for (const auto& piece :
                 {stream.substr(0, first), stream.substr(first, second - first), stream.substr(second)}) {
                decoder.feed(piece);
                take_all(decoder, messages);
            }
            CAPTURE(first, second);
            REQUIRE(messages == three);
        }
}

TEST_CASE("framing: a message of no bytes is a message, not the end", "[framing]") {  // behaviour 43
    FrameDecoder decoder;
    decoder.feed(frame("") + frame("next"));
    const auto empty = decoder.next();
    REQUIRE(empty);
    CHECK(empty->empty());
    CHECK(decoder.next() == "next"sv);
    CHECK_FALSE(decoder.next());
}

TEST_CASE("framing: a stream may end between messages and nowhere else", "[framing]") {  // behaviours 39, 40, 41, 42
    const std::string stream = frame("nine byte");
    for (std::size_t fed = 0; fed <= stream.size(); ++fed) {
        FrameDecoder decoder;
        decoder.feed(std::string_view(stream).substr(0, fed));
        const bool whole = fed == stream.size();
        CAPTURE(fed);
        CHECK(decoder.next().has_value() == whole);
        CHECK(decoder.at_boundary() == (fed == 0 || whole));
        CHECK(decoder.pending() == (whole ? 0 : fed));
    }
}

TEST_CASE("framing: every size passes up to the limit, and none above it", "[framing]") {  // behaviour 45
    const LengthPrefix format{.max_size = 70'000};
    for (const std::size_t size : {0U, 1U, 127U, 128U, 129U, 255U, 256U, 257U, 16383U, 16384U, 16385U, 32767U, 32768U,
                                   65535U, 65536U, 69999U, 70000U}) {
        const std::string message(size, 'x');
        FrameDecoder decoder(format);
        decoder.feed(frame(message));
        CAPTURE(size);
        const auto taken = decoder.next();
        REQUIRE(taken);
        CHECK((*taken == message));
    }
    FrameDecoder decoder(format);
    decoder.feed(frame(std::string(70'001, 'x')));
    CHECK(failure(decoder) == Errc::message_too_large);
}

TEST_CASE("framing: a length over the limit is refused when it is complete", "[framing]") {  // behaviours 46, 50
    for (const std::string_view length :
         {"\x01\0\0\x01"sv, "\x7F\xFF\xFF\xFF"sv, "\x80\0\0\0"sv, "\xFF\xFF\xFF\xFF"sv, "\xFF\xFF\xFF\xFB"sv}) {
        FrameDecoder decoder;
        decoder.feed(length.substr(0, 3));
        CHECK_FALSE(decoder.next());
        decoder.feed(length.substr(3));
        CHECK(failure(decoder) == Errc::message_too_large);
    }
}

TEST_CASE("framing: the error of another protocol or byte order says so", "[framing]") {  // behaviours 48, 49
    struct Spoken {
        std::string_view bytes;
        std::string hint;
    };
    const Spoken table[] = {
        {"\x05\0\0\0hello"sv, "little-endian"},
        {"GET / HTTP/1.1\r\n\r\n"sv, "\"GET \""},
        {"\x16\x03\x01\x02\0"sv, "TLS"},
    };
    for (const Spoken& row : table) {
        FrameDecoder decoder;
        decoder.feed(row.bytes);
        const auto message = decoder.try_next();
        REQUIRE_FALSE(message.has_value());
        CHECK_THAT(message.error().message(), ContainsSubstring(row.hint));
    }
}

TEST_CASE("framing: an error stays until skip() or reset()", "[framing]") {
    FrameDecoder decoder(ten);
    decoder.feed(frame("eleven byte") + frame("next"));
    CHECK(failure(decoder) == Errc::message_too_large);
    CHECK_THROWS_AS(decoder.next(), sockboot::SocketError);
    decoder.feed(frame("and more"));
    CHECK(failure(decoder) == Errc::message_too_large);

    decoder.reset();
    CHECK(decoder.at_boundary());
    decoder.feed(frame("fresh"));
    CHECK(decoder.next() == "fresh"sv);
}

TEST_CASE("framing: skip throws away exactly the message that is too large", "[framing]") {  // behaviour 50
    const std::string stream = frame("before") + frame("this one is too large") + frame("behind");
    for (std::size_t cut = frame("before").size() + 4; cut <= stream.size(); ++cut) {
        FrameDecoder decoder(ten);
        decoder.feed(std::string_view(stream).substr(0, cut));
        CAPTURE(cut);
        CHECK(decoder.next() == "before"sv);
        CHECK(failure(decoder) == Errc::message_too_large);
        REQUIRE(decoder.skip());
        const bool behind = cut == stream.size();
        CHECK(decoder.next().has_value() == behind);
        CHECK(decoder.at_boundary() == (behind || cut == stream.size() - frame("behind").size()));
        decoder.feed(std::string_view(stream).substr(cut));
        if (!behind) CHECK(decoder.next() == "behind"sv);
        CHECK(decoder.at_boundary());
    }
}

TEST_CASE("framing: skip goes on over two messages that are too large, byte by byte", "[framing]") {  // behaviour 50
    FrameDecoder decoder(ten);
    int skipped = 0;
    std::vector<std::string> messages;
    for (const char byte : frame("the first is too large") + frame("so is the second") + frame("third")) {
        decoder.feed(std::string_view(&byte, 1));
        if (const auto message = decoder.try_next(); !message.has_value() && decoder.skip())
            ++skipped;
        else if (message.has_value() && *message)
            messages.emplace_back(**message);
    }
    CHECK(skipped == 2);
    CHECK(messages == std::vector<std::string>{"third"});
}

TEST_CASE("framing: counted bytes are taken between frames, once they have come", "[framing]") {
    FrameDecoder decoder;
    decoder.feed("\0\0\0\1xab"sv);
    CHECK(decoder.next() == "x");
    CHECK_FALSE(decoder.next_exact(3));
    decoder.feed("c\0\0\0\1y"sv);
    CHECK(decoder.next_exact(3) == "abc");
    CHECK(decoder.next_exact(0) == "");
    CHECK(decoder.next() == "y");
    CHECK(decoder.at_boundary());
}

TEST_CASE("framing: bytes that are taken out of a frame leave the next one to begin behind them", "[framing]") {
    FrameDecoder decoder;
    decoder.feed(
        "\0\0\0\x9"
        "abc"sv);
    CHECK_FALSE(decoder.next());
    CHECK(decoder.expected() == 13);
    CHECK(decoder.next_exact(7)->size() == 7);
    CHECK(decoder.expected() == 0);
    decoder.feed("\0\0\0\2hi"sv);
    CHECK(decoder.next() == "hi");
}

TEST_CASE("framing: a format changes in mid-stream, within its type and to another one, and no byte is lost",
          "[framing]") {
    FrameDecoder decoder(LengthPrefix{.width = 1});
    decoder.feed("\3one\0\3twoline\nrest"sv);
    CHECK(decoder.next() == "one");
    decoder.set_format({.width = 2});
    CHECK(decoder.next() == "two");
    FrameDecoder lines(sockboot::Delimiter("\n"), std::move(decoder));
    CHECK(lines.next() == "line");
    CHECK_FALSE(lines.next());
    CHECK(lines.unread() == "rest");
    CHECK(decoder.at_boundary());  // NOLINT(bugprone-use-after-move): it was emptied
}

TEST_CASE("framing: where nothing is too large nothing is skipped", "[framing]") {
    FrameDecoder decoder(ten);
    CHECK_FALSE(decoder.skip());
    decoder.feed(frame("good"));
    CHECK_FALSE(decoder.skip());
    CHECK(decoder.next() == "good"sv);
    decoder.feed(frame("ten bytes."));  // just as large as can be
    CHECK_FALSE(decoder.skip());
    CHECK(decoder.next() == "ten bytes."sv);
    decoder.feed("\0\0");
    CHECK_FALSE(decoder.skip());
}

TEST_CASE("framing: a malformed length has no end to skip to", "[framing]") {
    FrameDecoder decoder({.counts_itself = true});
    decoder.feed("\0\0\0\x03");
    CHECK(failure(decoder) == Errc::malformed_length);
    CHECK_FALSE(decoder.skip());
    CHECK(failure(decoder) == Errc::malformed_length);
}

TEST_CASE("framing: another limit holds for lengths that were not read yet", "[framing]") {  // behaviour 52
    const std::string in_flight = frame("a message of 24 bytes...");
    FrameDecoder decoder;
    decoder.feed(std::string_view(in_flight).substr(0, 4));
    CHECK_FALSE(decoder.next());

    decoder.set_max_size(10);
    CHECK_FALSE(decoder.skip());
    decoder.feed(std::string_view(in_flight).substr(4));
    CHECK(decoder.next() == "a message of 24 bytes..."sv);

    decoder.feed(frame("eleven byte"));
    CHECK(failure(decoder) == Errc::message_too_large);
}

TEST_CASE("framing: the views of one feed stay valid side by side until the next", "[framing]") {
    FrameDecoder decoder;
    decoder.feed(three_frames());
    const auto first = decoder.next();
    const auto second = decoder.next();
    const auto third = decoder.next();
    CHECK(first == three[0]);
    CHECK(second == three[1]);
    CHECK(third == three[2]);
}

TEST_CASE("framing: a format that cannot be used is reported by the first next()", "[framing]") {
    FrameDecoder decoder({.width = 5});
    decoder.feed("bytes");
    const auto message = decoder.try_next();
    REQUIRE_FALSE(message.has_value());
    CHECK(message.error().code() == std::errc::invalid_argument);
    CHECK_THAT(message.error().message(), ContainsSubstring("its width is 5"));
    CHECK_FALSE(decoder.skip());
}

TEST_CASE("framing: reset forgets half a message and half a skip", "[framing]") {
    FrameDecoder decoder(ten);
    decoder.feed(frame("half").substr(0, 6));
    CHECK_FALSE(decoder.next());
    decoder.reset();
    decoder.feed(frame("eleven byte").substr(0, 6));
    CHECK(failure(decoder) == Errc::message_too_large);
    REQUIRE(decoder.skip());
    CHECK_FALSE(decoder.at_boundary());
    decoder.reset();
    CHECK(decoder.at_boundary());
    decoder.feed(frame("whole"));
    CHECK(decoder.next() == "whole"sv);
}

TEST_CASE("framing: what is unread can be fed to another decoder, which goes on exactly there", "[framing]") {
    FrameDecoder decoder;
    CHECK(decoder.unread().empty());
    const std::string bytes = frame("first") + frame("second") + frame("third").substr(0, 6);
    decoder.feed(bytes);
    CHECK(decoder.unread() == bytes);
    REQUIRE(decoder.next() == "first"sv);
    CHECK(decoder.unread() == std::string_view(bytes).substr(frame("first").size()));
    REQUIRE(decoder.next() == "second"sv);
    CHECK_FALSE(decoder.next());  // it has read the length of the third
    CHECK(decoder.unread() == frame("third").substr(0, 6));
    CHECK(decoder.unread().size() == decoder.pending());

    FrameDecoder other;
    other.feed(decoder.unread());
    other.feed(frame("third").substr(6));
    CHECK(other.next() == "third"sv);
    CHECK(other.unread().empty());

    FrameDecoder lines((sockboot::Delimiter("\r\n")));
    lines.feed("one\r\ntwo\r");
    REQUIRE(lines.next() == "one"sv);
    CHECK_FALSE(lines.next());
    CHECK(lines.unread() == "two\r");
    CHECK(lines.unread().size() == lines.pending());

    FrameDecoder other_lines((sockboot::Delimiter("\r\n")));
    other_lines.feed(lines.unread());
    other_lines.feed("\nthree\r\n");
    CHECK(other_lines.next() == "two"sv);
    CHECK(other_lines.next() == "three"sv);
    CHECK(other_lines.unread().empty());
}

TEST_CASE("framing: what is announced with more bytes than memory can count can be skipped like any other",
          "[framing]") {
    FrameDecoder decoder(LengthPrefix{.width = 8});
    decoder.feed(std::string_view("\x80\0\0\0\0\0\0\5begin", 13));
    const auto refused = decoder.try_next();
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code() == Errc::message_too_large);
    CHECK(decoder.skip());
    decoder.feed(std::string(1 << 16, 'x'));
    CHECK_FALSE(decoder.next());
    CHECK(decoder.pending() == 0);
    CHECK_FALSE(decoder.at_boundary());
}
