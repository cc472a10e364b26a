// SPDX-License-Identifier: MIT
#include <sockboot/formats.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <sockboot/frame_encoder.hpp>
#include <sockboot/framing.hpp>
#include <sockboot/message.hpp>
#include <sockboot/message_channel.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::string_literals;
using namespace std::string_view_literals;
using loopback::connected_pair;
using loopback::error_of;

namespace {

/// A message of a protocol, and the frame that its specification shows for it.
struct Example {
    const char* protocol;
    LengthPrefix format;
    std::string_view message, frame;
};

const std::string marker(16, '\xFF');
const std::string bgp_message = marker + "\x04";
const std::string bgp_frame = marker + std::string("\0\x13\x04", 3);
const std::string mqtt_message = "\x30" + std::string(321, 'p');
const std::string mqtt_frame = std::string("\x30\xC1\x02") + std::string(321, 'p');

const Example examples[] = {
    {"PostgreSQL", formats::postgresql, "Qselect 1\0"sv, "Q\0\0\0\x0Dselect 1\0"sv},
    {"PostgreSQL, a message without a body", formats::postgresql, "S"sv, "S\0\0\0\x04"sv},
    {"PostgreSQL's first message", formats::postgresql_startup, "\0\3\0\0user\0me\0\0"sv,
     "\0\0\0\x11\0\3\0\0user\0me\0\0"sv},
    {"MQTT", formats::mqtt, "\xC0"sv, "\xC0\0"sv},
    {"MQTT, two bytes of length", formats::mqtt, mqtt_message, mqtt_frame},
    {"HTTP/2", formats::http2, "\x06\0\0\0\0\0ABCDEFGH"sv, "\0\0\x08\x06\0\0\0\0\0ABCDEFGH"sv},
    {"HTTP/2, an empty SETTINGS", formats::http2, "\x04\0\0\0\0\0"sv, "\0\0\0\x04\0\0\0\0\0"sv},
    {"BGP", formats::bgp, bgp_message, bgp_frame},
    {"DNS", formats::dns_over_tcp, "query", "\0\x05query"sv},
};

std::string big_endian(std::int64_t length) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(length >> shift & 0xFF);
    return bytes;
}

}  // namespace

TEST_CASE("formats: frames as the protocols write them, one description for all that sends", "[formats]") {
    for (const Example& one : examples) {
        INFO(one.protocol);
        REQUIRE(one.format.check());
        std::string frame = "in front ";
        append_frame(frame, one.message, one.format);
        CHECK(frame.substr(9) == one.frame);

        FrameEncoder encoder(one.format);
        encoder.add(one.message);
        CHECK(encoder.unsent() == one.frame);

        auto [writer, reader] = connected_pair();
        send_message(writer, one.message, one.format);
        MessageChannel channel(std::move(writer), one.format);
        channel.send(one.message);
        channel.queue(one.message);
        channel.flush();
        for (int i = 0; i < 3; ++i) CHECK(recv_exact(reader, one.frame.size()) == one.frame);
    }
}

TEST_CASE("formats: the message comes back as it was sent, its header at its front", "[formats]") {
    for (const Example& one : examples) {
        INFO(one.protocol);
        FrameDecoder decoder(one.format);
        for (int i = 0; i < 2; ++i)
            for (const char& c : one.frame) {
                CHECK_FALSE(decoder.next());
                decoder.feed(std::string_view(&c, 1));
                if (&c == &one.frame.back()) CHECK(decoder.next() == one.message);
            }
        CHECK(decoder.at_boundary());

        auto [writer, reader] = connected_pair();
        for (int i = 0; i < 5; ++i) send_all(writer, one.frame);
        std::string into = "of another size";
        CHECK(recv_message(reader, into, one.format));
        CHECK(into == one.message);
        CHECK(recv_message(reader, into, one.format));
        CHECK(into == one.message);
        MessageChannel channel(std::move(reader), one.format);
        CHECK(channel.receive_view() == one.message);
        CHECK(channel.receive() == one.message);
        CHECK(channel.receive(into));
        CHECK(into == one.message);
    }
}

TEST_CASE("formats: a length of 4 bytes may stand anywhere in the header and count what it likes", "[formats]") {
    for (const unsigned before : {0U, 1U, 3U, 4U, 5U, 16U, 32U})
        for (const int counts_extra : {-20, -1, 0, 1, 4, 1024})
            for (const bool counts_itself : {false, true}) {
                const LengthPrefix format{
                    .counts_itself = counts_itself, .before = before, .counts_extra = counts_extra};
                INFO(before << " bytes before, " << counts_extra << " counted beside, itself: " << counts_itself);
                auto [writer, reader] = connected_pair();
                MessageChannel sender(std::move(writer), format);
                MessageChannel receiver(std::move(reader), format);
                const auto smallest = static_cast<std::size_t>(format.min_size());
                for (std::size_t size = smallest; size < smallest + 10; ++size) {
                    std::string message;
                    while (message.size() < size) message += static_cast<char>('A' + message.size());
                    const auto length = static_cast<std::int64_t>(size - before) + format.extra();
                    const std::string frame = message.substr(0, before) + big_endian(length) + message.substr(before);
                    FrameEncoder encoder(format);
                    encoder.add(message);
                    CHECK(encoder.unsent() == frame);
                    sender.send(message);
                    CHECK(receiver.receive_exact(frame.size()) == frame);
                    sender.send_exact(frame);
                    sender.send(message);
                    CHECK(receiver.receive_view() == message);
                    CHECK(receiver.receive_view() == message);
                }
                for (std::int64_t length = 0; length < format.extra(); ++length) {
                    FrameDecoder decoder(format);
                    decoder.feed(std::string(before, '?') + big_endian(length) + std::string(64, '?'));
                    CHECK(error_of(decoder.try_next()).code() == Errc::malformed_length);
                }
            }
}

TEST_CASE("formats: a message longer than any buffer keeps its header", "[formats]") {
    for (const LengthPrefix& format : {formats::postgresql, formats::mqtt}) {
        auto [writer, reader] = connected_pair();
        std::string message = "D" + std::string(300'000, '\0');
        for (std::size_t i = 1; i < message.size(); ++i) message[i] = static_cast<char>(i * i >> 3);
        MessageChannel sender(std::move(writer), format);
        MessageChannel receiver(std::move(reader), format);
        for (int i = 0; i < 3; ++i) {
            sender.send("small");
            std::thread sending([&] { sender.send(message); });
            CHECK(receiver.receive() == "small");
            const auto got = receiver.receive_view();
            CHECK((got && *got == message));
            sending.join();
        }
    }
}

TEST_CASE("formats: a stream that ends in any part of the header is truncated", "[formats]") {
    for (const Example& one : examples) {
        INFO(one.protocol);
        for (std::size_t cut = 1; cut < one.frame.size(); cut += cut < 30 ? 1 : 100) {
            INFO(cut << " bytes");
            auto [writer, reader] = connected_pair();
            send_all(writer, one.frame.substr(0, cut));
            writer.close();
            auto error = error_of(try_recv_message(reader, one.format));
            CHECK(error.code() == Errc::truncated);
            CHECK(error.transferred() < error.wanted());

            auto [other_writer, other_reader] = connected_pair();
            send_all(other_writer, one.frame.substr(0, cut));
            other_writer.close();
            MessageChannel channel(std::move(other_reader), one.format);
            CHECK(error_of(channel.try_receive()).code() == Errc::truncated);
        }
    }
}

TEST_CASE("formats: of a message that ends early, what had come is kept and counted, its header at its front",
          "[formats]") {
    for (const bool same_size_before : {false, true}) {
        auto [writer, reader] = connected_pair();
        std::string into;
        if (same_size_before) {
            send_message(writer, "Qselect 1", formats::postgresql);
            REQUIRE(recv_message(reader, into, formats::postgresql));
        }
        send_all(writer, "Q\0\0\0\x0Csele"sv);
        writer.close();
        const auto error = error_of(try_recv_message(reader, into, formats::postgresql));
        CHECK(error.code() == Errc::truncated);
        CHECK(error.transferred() == 5);
        CHECK(error.wanted() == 9);
        CHECK(into == "Qsele");
    }
}

TEST_CASE("formats: a message too short for its header is refused, and a length too small is malformed", "[formats]") {
    std::string bytes;
    const auto refused = error_of(try_append_frame(bytes, "12345", formats::http2));
    CHECK(refused.code() == std::errc::invalid_argument);
    CHECK_THAT(refused.message(), ContainsSubstring("the message has 5 bytes, the header of this format alone 6"));
    CHECK(error_of(try_append_frame(bytes, "", formats::mqtt)).code() == std::errc::invalid_argument);
    CHECK(bytes.empty());
    auto [writer, reader] = connected_pair();
    CHECK(error_of(try_send_message(writer, "", formats::postgresql)).code() == std::errc::invalid_argument);
    send_message(writer, "S", formats::postgresql);
    CHECK(recv_message(reader, formats::postgresql) == "S");

    FrameDecoder decoder(formats::bgp);
    decoder.feed(marker + std::string("\0\x11\x04", 3));
    const auto error = error_of(decoder.try_next());
    CHECK(error.code() == Errc::malformed_length);
    CHECK_THAT(error.message(), ContainsSubstring("a length of 17 is below the 18 bytes that it always counts"));
    send_all(writer, "S\0\0\0\3"sv);
    CHECK_THAT(error_of(try_recv_message(reader, formats::postgresql)).message(),
               ContainsSubstring("a length of 3 cannot count its own 4 bytes"));
}

TEST_CASE("formats: a limit that is just the header allows messages of nothing else, a smaller one is refused",
          "[formats]") {
    const LengthPrefix just{.max_size = 3, .before = 3};
    CHECK(just.check());
    std::string bytes;
    append_frame(bytes, "abc", just);
    CHECK(bytes == "abc\0\0\0\0"sv);
    const LengthPrefix smaller{.max_size = 2, .before = 3};
    CHECK_THAT(error_of(smaller.check()).message(), ContainsSubstring("max_size is below the size of its header"));
    CHECK(error_of(try_append_frame(bytes, "ab", smaller)).code() == std::errc::invalid_argument);
    FrameDecoder decoder(smaller);
    decoder.feed(bytes);
    CHECK(error_of(decoder.try_next()).code() == std::errc::invalid_argument);
}

TEST_CASE("formats: the limit is of the message, header included", "[formats]") {
    std::string bytes;
    const std::string most = "\0\0\0\0\0\0"s + std::string(16'384, 'x');
    append_frame(bytes, most, formats::http2);
    CHECK(bytes.substr(0, 3) == "\0\x40\0"sv);
    CHECK(error_of(try_append_frame(bytes, most + "x", formats::http2)).code() == Errc::message_too_large);
    FrameDecoder decoder(formats::http2);
    decoder.feed(bytes);
    CHECK(decoder.next() == most);
    decoder.feed("\0\x40\1"sv);
    CHECK(error_of(decoder.try_next()).code() == Errc::message_too_large);
}
