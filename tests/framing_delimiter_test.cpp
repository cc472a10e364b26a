// SPDX-License-Identifier: MIT
#include <sockboot/framing.hpp>

#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "catch.hpp"

using sockboot::append_frame;
using sockboot::Delimiter;
using sockboot::Errc;
using sockboot::FrameDecoder;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

void take_all(FrameDecoder<Delimiter>& decoder, std::vector<std::string>& messages) {
    while (const auto message = decoder.next()) messages.emplace_back(*message);
}

const std::vector<std::string> three = {"first", "", "the third"};

std::string three_frames(const Delimiter& delimiter) {
    std::string stream;
    for (const std::string& message : three) append_frame(stream, message, delimiter);
    return stream;
}

/// Lines of at most 10 bytes.
const Delimiter ten("\r\n", 10);

std::error_code failure(FrameDecoder<Delimiter>& decoder) {
    const auto message = decoder.try_next();
    REQUIRE_FALSE(message.has_value());
    return message.error().code();
}

}  // namespace

TEST_CASE("framing: wherever a stream of lines is cut into three, the same lines come", "[framing]") {  // behaviour 44
    const Delimiter delimiter(GENERATE("\n"sv, "\r\n"sv, "--end--"sv, "\0\0"sv));
    const std::string stream = three_frames(delimiter);
    for (std::size_t first = 0; first <= stream.size(); ++first)
        for (std::size_t second = first; second <= stream.size(); ++second) {
            FrameDecoder decoder(delimiter);
            std::vector<std::string> messages;
            for (const auto& piece :
                 {stream.substr(0, first), stream.substr(first, second - first), stream.substr(second)}) {
                decoder.feed(piece);
                take_all(decoder, messages);
            }
            CAPTURE(first, second);
            REQUIRE(messages == three);
            REQUIRE(decoder.at_boundary());
        }
}

TEST_CASE("framing: byte by byte the same lines come, and only their ends are boundaries",
          "[framing]") {  // behaviours 39, 44
    const std::string stream = three_frames(ten);
    FrameDecoder decoder(ten);
    std::vector<std::string> messages;
    std::size_t unread = 0;
    for (const char byte : stream) {
        decoder.feed(std::string_view(&byte, 1));
        const std::size_t before = messages.size();
        take_all(decoder, messages);
        unread = messages.size() > before ? 0 : unread + 1;
        CHECK(decoder.pending() == unread);
        CHECK(decoder.at_boundary() == (unread == 0));
        CHECK(decoder.expected() == 0);
    }
    CHECK(messages == three);
}

TEST_CASE("framing: the beginning of a delimiter that is none belongs to the message", "[framing]") {
    struct Case {
        std::string_view delimiter, stream;
        std::vector<std::string> messages;
    };
    const Case cases[] = {
        {"\r\n", "a\rb\r\r\n\n\r\n", {"a\rb\r", "\n"}},
        {"aab",
         "aaaab"
         "xaab"
         "aab",
         {"aa", "x", ""}},
        {"--end--", "--en--end----end--", {"--en", ""}},
        {"abab",
         "abaabab"
         "ababab",
         {"aba", ""}},  // and "ab" is left
    };
    for (const Case& one : cases) {
        CAPTURE(one.delimiter, one.stream);
        std::vector<std::string> whole, in_bytes;
        FrameDecoder decoder((Delimiter(one.delimiter)));
        decoder.feed(one.stream);
        take_all(decoder, whole);
        CHECK(whole == one.messages);
        FrameDecoder slow((Delimiter(one.delimiter)));
        for (const char byte : one.stream) {
            slow.feed(std::string_view(&byte, 1));
            take_all(slow, in_bytes);
        }
        CHECK(in_bytes == one.messages);
    }
}

TEST_CASE("framing: what reads like a length is text where messages end at a delimiter", "[framing]") {
    const std::string lines[] = {"\0\0\0\3abc"s, "\0\0\0\0"s, "\3\0\0\0abc"s, "\xFF\xFF\xFF\xFF"s, "\0\0\0\1"s};
    FrameDecoder whole(Delimiter("\n")), bytewise(Delimiter("\n"));
    for (const std::string& line : lines) {
        whole.feed(line + "\n");
        for (const char& c : line) {
            bytewise.feed(std::string_view(&c, 1));
            CHECK(bytewise.next() == std::nullopt);
        }
        bytewise.feed("\n");
        CHECK(bytewise.next() == line);
    }
    for (const std::string& line : lines) CHECK(whole.next() == line);
    CHECK(whole.next() == std::nullopt);
}

TEST_CASE("framing: a line up to the limit passes, and a longer one is refused as soon as it is one",
          "[framing]") {  // behaviour 45
    FrameDecoder decoder(ten);
    decoder.feed("ten bytes!\r\n");
    CHECK(decoder.next() == "ten bytes!"sv);

    decoder.feed("ten bytes!\r");  // may be a line of 10 bytes still
    CHECK_FALSE(decoder.next());
    decoder.feed("x");
    CHECK(failure(decoder) == Errc::message_too_large);
    decoder.feed("\r\nnext\r\n");
    CHECK(failure(decoder) == Errc::message_too_large);
    CHECK_THAT(decoder.try_next().error().message(), ContainsSubstring("the limit is 10"));
    CHECK_FALSE(decoder.at_boundary());

    FrameDecoder endless(ten);
    endless.feed("no end in");
    CHECK_FALSE(endless.next());
    endless.feed("sight");
    CHECK(failure(endless) == Errc::message_too_large);
}

TEST_CASE("framing: skip throws a long line away up to its delimiter, wherever the stream is cut",
          "[framing]") {  // behaviour 50
    const std::string stream = "before\r\nthis one is \rtoo long\r\nbehind\r\n";
    const std::string begin = stream.substr(0, 20);
    for (std::size_t cut = begin.size(); cut <= stream.size(); ++cut) {
        FrameDecoder decoder(ten);
        decoder.feed(std::string_view(stream).substr(0, cut));
        CAPTURE(cut);
        CHECK(decoder.next() == "before"sv);
        CHECK(failure(decoder) == Errc::message_too_large);
        REQUIRE(decoder.skip());
        const auto early = decoder.next();
        CHECK(early.has_value() == (cut == stream.size()));
        if (cut < stream.find("behind")) CHECK_FALSE(decoder.at_boundary());
        decoder.feed(std::string_view(stream).substr(cut));
        if (!early) CHECK(decoder.next() == "behind"sv);
        CHECK_FALSE(decoder.next());
        CHECK(decoder.at_boundary());
    }
}

TEST_CASE("framing: skip holds no more of a long line than what may begin its delimiter", "[framing]") {
    FrameDecoder decoder(ten);
    decoder.feed(std::string(1000, 'x'));
    REQUIRE(decoder.skip());
    CHECK(decoder.skip());  // still the same one
    for (int i = 0; i < 3; ++i) {
        CHECK_FALSE(decoder.next());
        CHECK(decoder.pending() <= 1);
        CHECK_FALSE(decoder.at_boundary());
        decoder.feed(std::string(1000, 'x'));
    }
    decoder.feed("\r\nthe second is too long as well\r\nthird\r\n");
    CHECK(failure(decoder) == Errc::message_too_large);
    CHECK(decoder.skip());
    CHECK(decoder.next() == "third"sv);
    CHECK_FALSE(decoder.skip());
}

TEST_CASE("framing: where no line is too long nothing is skipped", "[framing]") {
    FrameDecoder decoder(ten);
    CHECK_FALSE(decoder.skip());
    decoder.feed("good\r\nha");
    CHECK_FALSE(decoder.skip());
    CHECK(decoder.next() == "good"sv);
    CHECK_FALSE(decoder.skip());
    decoder.feed("lf\r\n");
    CHECK(decoder.next() == "half"sv);
}

TEST_CASE("framing: a larger limit lets a long line through, a smaller one none", "[framing]") {
    FrameDecoder decoder(ten);
    decoder.feed("eleven byte\r\nsmall\r\n");
    CHECK(failure(decoder) == Errc::message_too_large);
    decoder.set_max_size(11);
    CHECK(decoder.next() == "eleven byte"sv);
    decoder.set_max_size(4);
    CHECK(failure(decoder) == Errc::message_too_large);
    decoder.set_max_size(0);
    CHECK(failure(decoder) == std::errc::invalid_argument);
    CHECK_FALSE(decoder.skip());
}

TEST_CASE("framing: reset forgets half a line and half a skip", "[framing]") {
    FrameDecoder decoder(ten);
    for (const char* part : {"half a", "half of a long line"}) {
        decoder.feed(part);
        const bool good = decoder.try_next().has_value();
        CHECK(decoder.skip() != good);
        decoder.reset();
        CHECK(decoder.at_boundary());
        decoder.feed("whole\r\n");
        CHECK(decoder.next() == "whole"sv);
    }
}

TEST_CASE("framing: a delimiter that cannot be used is reported by the first next()", "[framing]") {
    for (const Delimiter& wrong : {Delimiter(""), Delimiter("\n", 0)}) {
        FrameDecoder decoder(wrong);
        CHECK(failure(decoder) == std::errc::invalid_argument);
        decoder.feed("bytes\n");
        CHECK(failure(decoder) == std::errc::invalid_argument);
        CHECK_FALSE(decoder.skip());
    }
}

TEST_CASE("framing: random lines in random pieces are what a search finds in the whole", "[framing]") {
    std::minstd_rand random(3);
    for (int round = 0; round < 300; ++round) {
        std::string delimiter, stream;
        for (std::size_t i = 0; i <= random() % 4; ++i) delimiter += static_cast<char>('a' + random() % 2);
        for (int i = 0; i < 400; ++i) stream += static_cast<char>('a' + random() % 2);
        std::vector<std::string> expected, messages;
        std::size_t begin = 0;
        for (std::size_t end = 0; (end = stream.find(delimiter, begin)) != std::string::npos;) {
            expected.push_back(stream.substr(begin, end - begin));
            begin = end + delimiter.size();
        }
        FrameDecoder decoder((Delimiter(delimiter)));
        for (std::size_t done = 0; done < stream.size();) {
            const std::string piece = stream.substr(done, 1 + random() % 20);
            decoder.feed(piece);
            take_all(decoder, messages);
            done += piece.size();
        }
        CAPTURE(delimiter, stream);
        REQUIRE(messages == expected);
        REQUIRE(decoder.pending() == stream.size() - begin);
    }
}
