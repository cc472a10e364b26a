// SPDX-License-Identifier: MIT
// The cases of tokio-util's LengthDelimitedCodec (tests/length_delimited.rs) that write, or are about its limit, with
// what sockboot makes of the same messages. Each row and each test names the case that it answers; where the two
// differ, a comment says what it is there, and why it is something else here. Those that read are in
// framing_counterparts_test.cpp.
#include <sockboot/frame_encoder.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <sockboot/framing.hpp>
#include <sockboot/message.hpp>
#include <sockboot/message_channel.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::string_view_literals;
using loopback::error_of;

namespace {

using Texts = std::vector<std::string_view>;

/// A stream of the test's own: it takes as many bytes at a time as `room` says, 0 where it would block, and at the end
/// of that nothing any more.
struct Peer {
    std::vector<std::size_t> room{};
    std::string taken{};

    Result<std::size_t> try_send_some(ByteView bytes) {
        if (room.empty()) return std::size_t{0};
        const std::size_t size = room.front();
        room.erase(room.begin());
        if (size == 0) return Error(make_error_code(std::errc::operation_would_block), Operation::send);
        REQUIRE(bytes.size() >= size);
        taken += bytes.text().substr(0, size);
        return size;
    }
    static Result<std::size_t> try_recv_some(std::span<std::byte>) { return std::size_t{0}; }
};
static_assert(Stream<Peer>);

// The escapes are octal: three digits at most, so that no letter behind them belongs to them.
constexpr auto frame_of_9 = "\0\0\0\011abcdefghi"sv;
constexpr auto three_frames = "\0\0\0\011abcdefghi\0\0\0\003123\0\0\0\013hello world"sv;

/// Messages, flush by flush, how many bytes there is room for in each call, and all that is written.
struct Writing {
    const char* original;
    LengthPrefix format;
    std::vector<Texts> flushes;
    std::vector<std::size_t> room;
    std::string_view bytes;
};

const Writing writings[] = {
    {"tokio: write_single_frame_length_adjusted",
     {.counts_extra = 2},
     {{"abcdefghi"}},
     {4, 9},
     "\0\0\0\013abcdefghi"sv},
    {"tokio: write_nothing_yields_nothing", {}, {{}}, {}, ""},
    {"tokio: write_single_frame_one_packet", {}, {{"abcdefghi"}}, {4, 9}, frame_of_9},
    {"tokio: write_single_multi_frame_one_packet",
     {},
     {{"abcdefghi", "123", "hello world"}},
     {4, 9, 4, 3, 4, 11},
     three_frames},
    {"tokio: write_single_multi_frame_multi_packet",
     {},
     {{"abcdefghi"}, {"123"}, {"hello world"}},
     {4, 9, 4, 3, 4, 11},
     three_frames},
    {"tokio: write_single_frame_would_block", {}, {{"abcdefghi"}}, {0, 2, 0, 2, 9}, frame_of_9},
    {"tokio: write_single_frame_little_endian",
     {.order = std::endian::little},
     {{"abcdefghi"}},
     {4, 9},
     "\011\0\0\0abcdefghi"sv},
    {"tokio: write_single_frame_with_short_length_field", {.width = 1}, {{"abcdefghi"}}, {1, 9}, "\011abcdefghi"},
};

}  // namespace

TEST_CASE("counterparts: what is written is the same through a channel and an encoder, as there is room for it",
          "[framing]") {
    for (const Writing& one : writings) {
        INFO(one.original);
        MessageChannel channel(Peer{.room = one.room}, one.format);
        Peer peer{.room = one.room};
        FrameEncoder encoder(one.format);
        std::ptrdiff_t blocked = 0;
        for (const Texts& messages : one.flushes) {
            for (const std::string_view message : messages) {
                channel.queue(message);
                encoder.add(message);
            }
            for (auto flushed = channel.try_flush(); !flushed; flushed = channel.try_flush(), ++blocked) {
                REQUIRE(flushed.error().would_block());
                REQUIRE_FALSE(channel.stream().room.empty());
            }
            CHECK(channel.queued() == 0);
            while (!encoder.empty()) {
                REQUIRE_FALSE(peer.room.empty());
                if (const auto sent = peer.try_send_some(encoder.unsent())) encoder.consume(*sent);
            }
        }
        CHECK(blocked == std::count(one.room.begin(), one.room.end(), std::size_t{0}));
        CHECK(channel.stream().room.empty());
        CHECK(channel.stream().taken == one.bytes);
        CHECK(peer.room.empty());
        CHECK(peer.taken == one.bytes);
    }
}

TEST_CASE("counterparts: a message over the limit is refused before a byte of it is written",
          "[framing]") {  // tokio: write_max_frame_len
    const LengthPrefix five{.max_size = 5};
    Peer peer;
    CHECK(error_of(try_send_message(peer, "abcdef", five)).code() == Errc::message_too_large);
    MessageChannel channel(Peer{}, five);
    CHECK(error_of(channel.try_send("abcdef")).code() == Errc::message_too_large);
    CHECK(error_of(channel.try_queue("abcdef")).code() == Errc::message_too_large);
    CHECK(channel.queued() == 0);
    FrameEncoder encoder(five);
    CHECK(error_of(encoder.try_add("abcdef")).code() == Errc::message_too_large);
    CHECK(encoder.empty());
}

TEST_CASE("counterparts: another limit is for the messages that were not queued yet", "[framing]") {
    SECTION("tokio: write_update_max_frame_len_at_rest") {
        MessageChannel channel(Peer{.room = {4, 6}});
        channel.send("abcdef");
        channel.set_max_size(5);
        CHECK(error_of(channel.try_send("abcdef")).code() == Errc::message_too_large);
        CHECK(channel.stream().taken == "\0\0\0\006abcdef"sv);
    }
    SECTION("tokio: write_update_max_frame_len_in_flight") {
        MessageChannel channel(Peer{.room = {4, 2, 0, 4}});
        channel.queue("abcdef");
        CHECK(error_of(channel.try_flush()).would_block());
        CHECK(channel.stream().taken == "\0\0\0\006ab"sv);
        channel.set_max_size(5);
        channel.flush();
        CHECK(error_of(channel.try_send("abcdef")).code() == Errc::message_too_large);
        CHECK(channel.stream().taken == "\0\0\0\006abcdef"sv);
        CHECK(channel.stream().room.empty());
    }
}

TEST_CASE("counterparts: a stream that takes nothing is one that would block, and no message is lost to it",
          "[framing]") {  // tokio: write_zero
    Peer peer;
    CHECK(error_of(try_send_message(peer, "abcdef")).would_block());
    // There the stream has failed. Here it may have room later: send() has not taken its message, and what was queued
    // stays so.
    MessageChannel channel(Peer{});
    CHECK(error_of(channel.try_send("abcdef")).would_block());
    CHECK(channel.queued() == 0);
    channel.queue("abcdef");
    CHECK(error_of(channel.try_flush()).would_block());
    CHECK(channel.queued() == 10);
    channel.stream().room = {10};
    channel.flush();
    CHECK(channel.stream().taken == "\0\0\0\006abcdef"sv);
}

TEST_CASE("counterparts: a string that is full grows for the frame that is appended",
          "[framing]") {  // tokio: encode_overflow
    std::string bytes(1024, 'a');
    bytes.shrink_to_fit();
    append_frame(bytes, "hello");
    CHECK(bytes == std::string(1024, 'a').append("\0\0\0\005hello"sv));
    FrameEncoder encoder;
    encoder.add_exact(std::string(1024, 'a'));
    encoder.add("hello");
    CHECK(encoder.unsent() == bytes);
}

TEST_CASE("counterparts: the limit is what was asked for, or what the length can count to", "[framing]") {
    struct Limit {
        const char* original;
        LengthPrefix format;
        std::uint64_t limit;
    };
    constexpr std::uint64_t unlimited = (std::numeric_limits<std::uint64_t>::max)();
    constexpr std::uint64_t addressable = (std::numeric_limits<std::ptrdiff_t>::max)();
    constexpr unsigned word = sizeof(std::size_t);
    const Limit limits[] = {
        {"tokio: frame_does_not_fit", {.width = 1, .max_size = 256}, 255},
        {"tokio: neg_adjusted_frame_does_not_fit", {.width = 1, .counts_extra = 1}, 254},
        {"tokio: pos_adjusted_frame_does_not_fit", {.width = 1, .counts_extra = -1}, 256},
        {"tokio: pos_adjusted_frame_does_not_fit, by a byte in front of the length", {.width = 1, .before = 1}, 256},
        // There it is all that a word counts to. Here half of it: no object is larger, and no signed length.
        {"tokio: max_allowed_frame_fits", {.width = word, .max_size = unlimited}, addressable},
        {"tokio: smaller_frame_len_not_adjusted", {.width = word, .max_size = 10}, 10},
        {"tokio: max_allowed_length_field", {.width = 8, .max_size = unlimited}, addressable},
    };
    for (const Limit& one : limits) {
        INFO(one.original);
        REQUIRE(one.format.check());
        CHECK(one.format.limit() == one.limit);
        if (one.limit > 256) continue;
        const std::string most(static_cast<std::size_t>(one.limit), 'x');
        std::string bytes;
        append_frame(bytes, most, one.format);
        CHECK(error_of(try_append_frame(bytes, most + 'x', one.format)).code() == Errc::message_too_large);
        FrameDecoder decoder(one.format);
        decoder.feed(bytes);
        CHECK(decoder.next() == most);
        CHECK(decoder.at_boundary());
    }
}
