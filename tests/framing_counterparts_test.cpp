// SPDX-License-Identifier: MIT
// The cases that two widely used decoders of length prefixes are held to, with what sockboot makes of the same bytes:
// those of tokio-util's LengthDelimitedCodec (tests/length_delimited.rs) and of Netty's LengthFieldBasedFrameDecoder
// (the layouts of its documentation and its tests). Each row and each test names the case that it answers; where the
// two differ, a comment says what it is there, and why it is something else here. These are the cases that read; those
// that write are in framing_counterparts_write_test.cpp.
#include <sockboot/framing.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <sockboot/message.hpp>
#include <sockboot/message_channel.hpp>

#include "catch.hpp"

using namespace sockboot;
using namespace std::string_view_literals;

namespace {

using Texts = std::vector<std::string_view>;

// What a peer does, or a receive comes to, beside bytes and messages.
constexpr auto nothing_yet = "(nothing yet)"sv;
constexpr auto the_end = "(the end)"sv;
constexpr auto truncated = "(truncated)"sv;
constexpr auto too_large = "(too large)"sv;

Error would_block(Operation operation) { return Error(make_error_code(std::errc::operation_would_block), operation); }

/// A stream of the test's own: what it receives comes in the pieces of `script`, and then ends.
struct Peer {
    Texts script{};

    /// The next piece, at most so long; empty: the end.
    std::string_view next(std::size_t max = std::string_view::npos) {
        if (script.empty()) return {};
        const std::string_view piece = script.front() == nothing_yet ? nothing_yet : script.front().substr(0, max);
        script.front().remove_prefix(piece.size());
        if (script.front().empty()) script.erase(script.begin());
        return piece;
    }
    Result<std::size_t> try_recv_some(std::span<std::byte> buffer) {
        const std::string_view piece = next(buffer.size());
        if (piece == nothing_yet) return would_block(Operation::receive);
        return piece.copy(reinterpret_cast<char*>(buffer.data()), piece.size());
    }
    static Result<std::size_t> try_send_some(ByteView) { return would_block(Operation::send); }
};
static_assert(Stream<Peer>);

template <class Message> std::string outcome(const Result<std::optional<Message>>& got) {
    if (got.has_value()) return std::string(*got ? std::string_view(**got) : the_end);
    if (got.error().would_block()) return std::string(nothing_yet);
    if (got.error().code() == Errc::truncated) return std::string(truncated);
    return got.error().code() == Errc::message_too_large ? std::string(too_large) : got.error().message();
}

/// What a program with a loop of its own gets next: the message, or what the peer did before it was whole.
std::string next(FrameDecoder<>& decoder, Peer& peer) {
    for (;;) {
        const auto got = decoder.try_next();
        if (!got.has_value() || *got) return outcome(got);
        const std::string_view piece = peer.next();
        if (piece == nothing_yet) return std::string(nothing_yet);
        if (piece.empty()) return std::string(decoder.at_boundary() ? the_end : truncated);
        decoder.feed(piece);
    }
}

/// What a peer sends, and what receiving it comes to, call by call.
struct Reading {
    const char* original;
    LengthPrefix format;
    Texts script, outcomes;
};

// The escapes are octal: three digits at most, so that no letter behind them belongs to them.
constexpr auto frame_of_9 = "\0\0\0\011abcdefghi"sv;
constexpr auto three_frames = "\0\0\0\011abcdefghi\0\0\0\003123\0\0\0\013hello world"sv;
constexpr auto native_frame_of_9 = std::endian::native == std::endian::big ? frame_of_9 : "\011\0\0\0abcdefghi"sv;

const Reading readings[] = {
    {"tokio: read_empty_io_yields_nothing", {}, {}, {the_end}},
    {"tokio: read_single_frame_one_packet", {}, {frame_of_9}, {"abcdefghi", the_end}},
    {"tokio: read_single_frame_one_packet_little_endian",
     {.order = std::endian::little},
     {"\011\0\0\0abcdefghi"sv},
     {"abcdefghi", the_end}},
    {"tokio: read_single_frame_one_packet_native_endian",
     {.order = std::endian::native},
     {native_frame_of_9},
     {"abcdefghi", the_end}},
    {"tokio: read_single_multi_frame_one_packet", {}, {three_frames}, {"abcdefghi", "123", "hello world", the_end}},
    {"tokio: read_single_frame_multi_packet", {}, {"\0\0"sv, "\0\011abc"sv, "defghi"}, {"abcdefghi", the_end}},
    {"tokio: read_multi_frame_multi_packet",
     {},
     {"\0\0"sv, "\0\011abc"sv, "defghi", "\0\0\0\00312"sv, "3\0\0\0\013hello world"sv},
     {"abcdefghi", "123", "hello world", the_end}},
    {"tokio: read_single_frame_multi_packet_wait",
     {},
     {"\0\0"sv, nothing_yet, "\0\011abc"sv, nothing_yet, "defghi", nothing_yet},
     {nothing_yet, nothing_yet, "abcdefghi", nothing_yet, the_end}},
    {"tokio: read_multi_frame_multi_packet_wait",
     {},
     {"\0\0"sv, nothing_yet, "\0\011abc"sv, nothing_yet, "defghi", nothing_yet, "\0\0\0\00312"sv, nothing_yet,
      "3\0\0\0\013hello world"sv, nothing_yet},
     {nothing_yet, nothing_yet, "abcdefghi", nothing_yet, nothing_yet, "123", "hello world", nothing_yet, the_end}},
    {"tokio: read_incomplete_head", {}, {"\0\0"sv}, {truncated}},
    {"tokio: read_incomplete_head_multi",
     {},
     {nothing_yet, "\0"sv, nothing_yet},
     {nothing_yet, nothing_yet, truncated}},
    {"tokio: read_incomplete_payload",
     {},
     {"\0\0\0\011ab"sv, nothing_yet, "cd", nothing_yet},
     {nothing_yet, nothing_yet, truncated}},
    // There the end behind a whole length is a clean one. Here it is not: the peer has announced a message.
    {"tokio: in no test, the end right behind the length", {}, {"\0\0\0\011"sv}, {truncated}},
    {"tokio: read_max_frame_len", {.max_size = 5}, {frame_of_9}, {too_large}},
    {"tokio: read_one_byte_length_field", {.width = 1}, {"\011abcdefghi"}, {"abcdefghi", the_end}},
    // There the bytes in front of the length are lost. Here they are the message's first: a type or flags is of use.
    {"tokio: read_header_offset", {.width = 2, .before = 4}, {"zzzz\0\011abcdefghi"sv}, {"zzzzabcdefghi", the_end}},
    // There the message is the whole frame (num_skip 0). Here never with its length: size() is the same number.
    {"tokio: read_single_multi_frame_one_packet_skip_none_adjusted",
     {.width = 2, .before = 2},
     {"xx\0\011abcdefghiyy\0\003123zz\0\013hello world"sv},
     {"xxabcdefghi", "yy123", "zzhello world", the_end}},
    // There num_skip drops a byte behind the length, which does not count it. Here it is the message's first, as above.
    {"tokio: read_single_frame_length_adjusted",
     {.width = 3, .counts_extra = -1},
     {"\0\0\013\014Hello world"sv},
     {"\014Hello world", the_end}},
    {"tokio: read_single_multi_frame_one_packet_length_includes_head",
     {.width = 2, .counts_itself = true},
     {"\0\013abcdefghi\0\005123\0\015hello world"sv},
     {"abcdefghi", "123", "hello world", the_end}},
};

/// A frame of Netty's documentation, and the message that it is here.
struct Layout {
    const char* original;
    LengthPrefix format;
    std::string_view frame, message;
};

// There each layout says how many bytes at the front of the frame are dropped. Here the length always is, as size()
// is the same number, and nothing else: what is sent again is what came.
const Layout layouts[] = {
    {"Netty: 2 bytes at offset 0, not stripped", {.width = 2}, "\0\014HELLO, WORLD"sv, "HELLO, WORLD"},
    {"Netty: 2 bytes at offset 0, stripped", {.width = 2}, "\0\014HELLO, WORLD"sv, "HELLO, WORLD"},
    {"Netty: 2 bytes at offset 0, not stripped, of the whole message",
     {.width = 2, .counts_itself = true},
     "\0\016HELLO, WORLD"sv,
     "HELLO, WORLD"},
    {"Netty: 3 bytes at the end of a header of 5, not stripped",
     {.width = 3, .before = 2},
     "\312\376\0\0\014HELLO, WORLD"sv,
     "\312\376HELLO, WORLD"},
    {"Netty: 3 bytes at the beginning of a header of 5, not stripped",
     {.width = 3, .counts_extra = -2},
     "\0\0\014\312\376HELLO, WORLD"sv,
     "\312\376HELLO, WORLD"},
    {"Netty: 2 bytes at offset 1 in a header of 4, first field and length stripped",
     {.width = 2, .before = 1, .counts_extra = -1},
     "\312\0\014\376HELLO, WORLD"sv,
     "\312\376HELLO, WORLD"},
    {"Netty: 2 bytes at offset 1 in a header of 4, first field and length stripped, of the whole message",
     {.width = 2, .counts_itself = true, .before = 1, .counts_extra = 1},
     "\312\0\020\376HELLO, WORLD"sv,
     "\312\376HELLO, WORLD"},
};

}  // namespace

TEST_CASE("counterparts: what is read is the same through a decoder, a channel and recv_message", "[framing]") {
    for (const Reading& one : readings) {
        INFO(one.original);
        Peer peer{one.script};
        FrameDecoder decoder(one.format);
        for (const std::string_view wanted : one.outcomes) CHECK(next(decoder, peer) == wanted);

        MessageChannel channel(Peer{one.script}, one.format);
        for (const std::string_view wanted : one.outcomes) CHECK(outcome(channel.try_receive_view()) == wanted);

        // recv_message() keeps nothing from call to call: one that is to go on where it stopped is the channel's.
        if (std::count(one.script.begin(), one.script.end(), nothing_yet) != 0) continue;
        Peer stream{one.script};
        for (const std::string_view wanted : one.outcomes)
            CHECK(outcome(try_recv_message(stream, one.format)) == wanted);
    }
}

TEST_CASE("counterparts: another limit is for the messages whose length was not read yet", "[framing]") {
    struct Change {
        const char* original;
        Texts script;
        std::string_view first;
        Texts then;
    };
    const Change changes[] = {
        {"tokio: read_update_max_frame_len_at_rest", {frame_of_9, frame_of_9}, "abcdefghi", {too_large}},
        {"tokio: read_update_max_frame_len_in_flight",
         {"\0\0\0\011abcd"sv, nothing_yet, "efghi", frame_of_9},
         nothing_yet,
         {"abcdefghi", too_large}},
    };
    for (const Change& one : changes) {
        INFO(one.original);
        Peer peer{one.script};
        FrameDecoder decoder;
        CHECK(next(decoder, peer) == one.first);
        decoder.set_max_size(5);
        for (const std::string_view wanted : one.then) CHECK(next(decoder, peer) == wanted);

        MessageChannel channel(Peer{one.script});
        CHECK(outcome(channel.try_receive()) == one.first);
        channel.set_max_size(5);
        for (const std::string_view wanted : one.then) CHECK(outcome(channel.try_receive()) == wanted);
    }
}

TEST_CASE("counterparts: a length of any place, width and way of counting is read and written", "[framing]") {
    for (const Layout& one : layouts) {
        INFO(one.original);
        REQUIRE(one.format.check());
        std::string bytes;
        append_frame(bytes, one.message, one.format);
        CHECK(bytes == one.frame);
        for (std::size_t cut = 0; cut <= one.frame.size(); ++cut) {
            Peer peer{{one.frame.substr(0, cut), one.frame.substr(cut), one.frame}};
            std::erase(peer.script, ""sv);
            MessageChannel channel(peer, one.format);
            Peer stream = peer;
            FrameDecoder decoder(one.format);
            for (const std::string_view wanted : {one.message, one.message, the_end}) {
                CHECK(next(decoder, peer) == wanted);
                CHECK(outcome(channel.try_receive()) == wanted);
                CHECK(outcome(try_recv_message(stream, one.format)) == wanted);
            }
        }
    }
}

// There the limit is of the frame with its length, and a frame over it is thrown away without being asked for. Here
// the limit is of the message, and skip() throws it away: most programs close the connection instead.
TEST_CASE("counterparts: behind a frame that was too large and skipped the next one is read", "[framing]") {
    std::string bytes;
    append_frame(bytes, std::string(32, 'x'));
    append_frame(bytes, "a");
    const std::size_t cut = GENERATE(std::size_t{36 + 5},  // Netty: testDiscardTooLongFrame1
                                     std::size_t{14});     // Netty: testDiscardTooLongFrame2
    const std::string_view all = bytes;
    Peer peer{{all.substr(0, cut), all.substr(cut)}};
    std::erase(peer.script, ""sv);
    const LengthPrefix twelve{.max_size = 16 - 4};
    MessageChannel channel(peer, twelve);
    FrameDecoder decoder(twelve);
    CHECK(next(decoder, peer) == too_large);
    REQUIRE(decoder.skip());
    CHECK(next(decoder, peer) == "a");
    CHECK(next(decoder, peer) == the_end);
    CHECK(outcome(channel.try_receive()) == too_large);
    REQUIRE(channel.skip());
    CHECK(outcome(channel.try_receive()) == "a");
    CHECK(outcome(channel.try_receive()) == the_end);
}

TEST_CASE("counterparts: a frame that is too large fails with its length, as often as one comes", "[framing]") {
    // Netty: testFailFastTooLongFrameRecovery, and testFailSlowTooLongFrameRecovery, where it fails with its last byte.
    // Here always with its length: nothing that comes later makes it good.
    const bool at_once = GENERATE(true, false);
    FrameDecoder decoder(LengthPrefix{.max_size = 5 - 4});
    for (int i = 0; i < 2; ++i) {
        decoder.feed("\0\0\0\002"sv);
        CHECK(outcome(decoder.try_next()) == too_large);
        REQUIRE(decoder.skip());
        if (at_once) {
            decoder.feed("\0\0\0\0\0\001A"sv);
        } else {
            decoder.feed("\0\0"sv);
            CHECK_FALSE(decoder.next());
            decoder.feed("\0\0\0\001A"sv);
        }
        CHECK(decoder.next() == "A"sv);
        CHECK(decoder.at_boundary());
    }
}
