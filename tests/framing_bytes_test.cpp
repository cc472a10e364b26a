// SPDX-License-Identifier: MIT
#include <sockboot/framing.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "catch.hpp"

using namespace sockboot;
using namespace std::string_view_literals;

namespace {

/// Lines of at most 10 bytes.
const Delimiter ten("\r\n", 10);

/// Fills in `stream` in pieces of at most `asked` bytes; the messages that come of it.
template <class Format>
std::vector<std::string> messages_of(std::string_view stream, std::size_t asked, FrameDecoder<Format> decoder) {
    std::vector<std::string> messages;
    for (std::size_t size = 0; !stream.empty(); stream.remove_prefix(size)) {
        const auto room = decoder.prepare(asked);
        REQUIRE_FALSE(room.empty());
        REQUIRE(room.size() <= asked);
        size = std::min(room.size(), stream.size());
        std::copy_n(reinterpret_cast<const std::byte*>(stream.data()), size, room.begin());
        decoder.commit(size);
        while (const auto message = decoder.next()) messages.emplace_back(*message);
    }
    CHECK(decoder.at_boundary());
    return messages;
}

}  // namespace

TEST_CASE("framing: bytes that were filled in after prepare() are as good as fed ones", "[framing]") {
    const std::vector<std::string> messages = {"first", "", "the third", std::string(100'000, 'x'), "last"};
    std::string prefixed, lines;
    for (const std::string& message : messages) {
        append_frame(prefixed, message);
        append_frame(lines, message, Delimiter("\r\n"));
    }
    for (const std::size_t asked : {1U, 3U, 70'000U, 1'000'000U}) {
        CAPTURE(asked);
        CHECK((messages_of(prefixed, asked, FrameDecoder()) == messages));
        CHECK((messages_of(lines, asked, FrameDecoder(Delimiter("\r\n"))) == messages));
    }
}

TEST_CASE("framing: the memory follows the bytes that came, not their claim", "[framing]") {  // behaviours 46, 47
    constexpr std::uint64_t more_than_any_memory = std::uint64_t{1} << 61;
    FrameDecoder decoder({.width = 8, .max_size = more_than_any_memory});
    CHECK(decoder.prepare(1000).size() == 1000);
    decoder.feed("\x20\0\0\0\0\0\0\0");
    CHECK_FALSE(decoder.next());
    CHECK(decoder.expected() == more_than_any_memory + 8);
    std::size_t came = 8;
    while (came < std::size_t{1} << 20) {
        const auto room = decoder.prepare(1U << 30);
        CHECK(room.size() <= std::max(came, std::size_t{64} << 10));
        std::fill(room.begin(), room.end(), std::byte{'x'});
        decoder.commit(room.size());
        came += room.size();
    }
    CHECK_FALSE(decoder.next());
    CHECK(decoder.pending() == came);
}

TEST_CASE("framing: a moved decoder goes on inside its message, and leaves an empty one", "[framing]") {
    FrameDecoder first;
    first.feed("\0\0\0\4ha");
    CHECK_FALSE(first.next());
    FrameDecoder second(std::move(first));
    second.feed("lf");
    CHECK(second.next() == "half"sv);
    CHECK(first.pending() == 0);   // NOLINT(bugprone-use-after-move)
    CHECK(first.expected() == 0);  // or it would give back a message that it does not hold
}

TEST_CASE("framing: a moved decoder goes on inside its line, and inside its skip", "[framing]") {
    FrameDecoder first(ten);
    first.feed("this is too long");
    REQUIRE(first.skip());
    FrameDecoder second(std::move(first));
    second.feed(" still\r\nha");
    CHECK_FALSE(second.next());
    FrameDecoder third(ten);
    third = std::move(second);
    third.feed("lf\r\n");
    CHECK(third.next() == "half"sv);
}

TEST_CASE("append_frame: what send_message would send of it, or an error and nothing", "[framing]") {  // behaviour 45
    std::string bytes = "before ";
    append_frame(bytes, "hello", {.width = 2, .order = std::endian::little});
    append_frame(bytes, "", {.width = 1, .counts_itself = true});
    CHECK(bytes == "before \5\0hello\1"sv);
    CHECK(try_append_frame(bytes, "eleven byte", LengthPrefix{.max_size = 10}).error().code() ==
          Errc::message_too_large);
    CHECK(try_append_frame(bytes, "x", LengthPrefix{.width = 5}).error().code() == std::errc::invalid_argument);
    CHECK(bytes == "before \5\0hello\1"sv);
}

TEST_CASE("append_frame: of a line the message and its delimiter, or an error and nothing", "[framing]") {
    std::string bytes = "before ";
    append_frame(bytes, "a line", Delimiter("\r\n"));
    append_frame(bytes, "", Delimiter("\r\n"));
    CHECK(bytes == "before a line\r\n\r\n");

    CHECK(try_append_frame(bytes, "two\r\nlines", ten).error().code() == std::errc::invalid_argument);
    CHECK(try_append_frame(bytes, "eleven byte", ten).error().code() == Errc::message_too_large);
    CHECK(try_append_frame(bytes, "x", Delimiter("")).error().code() == std::errc::invalid_argument);
    CHECK_THROWS_AS(append_frame(bytes, "two\r\nlines", ten), sockboot::SocketError);
    CHECK(bytes == "before a line\r\n\r\n");
}
