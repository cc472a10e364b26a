// SPDX-License-Identifier: MIT
#include <sockboot/message_channel.hpp>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <sockboot/message.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using loopback::error_of;

namespace {

/// A stream of the user's own: it hands out `incoming`, keeps what is sent by call, and moves at most `step` bytes;
/// with a seed, a random number of them.
struct Wire {
    std::string incoming{};
    std::size_t step = 1U << 30;
    unsigned seed = 0;
    std::vector<std::string> sends{};
    std::size_t received = 0, receives = 0, most_asked = 0;
    bool asked_for_all = false;

    Result<std::size_t> try_send_some(ByteView bytes) {
        Deadline unused{Timeout{}};
        return try_send_some(bytes, {}, unused);
    }
    Result<std::size_t> try_send_some(ByteView first, ByteView second, Deadline&) {
        const std::string both = std::string(first.text()).append(second.text());
        sends.push_back(both.substr(0, next_step()));
        return sends.back().size();
    }
    Result<std::size_t> try_recv_some(std::span<std::byte> buffer) {
        ++receives;
        most_asked = std::max(most_asked, buffer.size());
        const std::size_t size = std::min({next_step(), buffer.size(), incoming.size() - received});
        std::memcpy(buffer.data(), incoming.data() + received, size);
        received += size;
        return size;
    }
    Result<std::size_t> try_recv_some(std::span<std::byte> buffer, Deadline&, bool whole) {
        asked_for_all = whole;
        return try_recv_some(buffer);
    }
    std::size_t next_step() {
        if (seed == 0) return step;
        seed = seed * 1664525 + 1013904223;
        return 1 + (seed >> 8) % step;
    }
    [[nodiscard]] std::string sent() const { return std::accumulate(sends.begin(), sends.end(), std::string()); }
};

/// The least that a Stream can be.
struct PlainWire : Wire {
    Result<std::size_t> try_send_some(ByteView bytes) { return Wire::try_send_some(bytes); }
    Result<std::size_t> try_recv_some(std::span<std::byte> buffer) { return Wire::try_recv_some(buffer); }
};
static_assert(Stream<Wire> && Stream<PlainWire>);

std::size_t limit_of(const LengthPrefix& format) { return static_cast<std::size_t>(format.limit()); }
std::size_t limit_of(const Delimiter& delimiter) { return static_cast<std::size_t>(delimiter.max_size()); }

/// Makes the test with every kind of format.
template <class Test> void in_every_format(Test test) {
    const LengthPrefix formats[] = {{},
                                    {.width = 1},
                                    {.width = 2, .order = std::endian::little},
                                    {.counts_itself = true},
                                    {.width = 8},
                                    {.width = LengthPrefix::varint}};
    for (const LengthPrefix& format : formats) {
        CAPTURE(format.width, format.counts_itself);
        test(format);
    }
    for (const char* delimiter : {"\n", "\r\n", "--end--"}) {
        CAPTURE(delimiter);
        test(Delimiter(delimiter));
    }
}

std::string text_of(std::size_t size) { return std::string(size, static_cast<char>('a' + size % 26)); }

template <class Format> std::string frame(std::string_view message, const Format& format) {
    std::string bytes;
    append_frame(bytes, message, format);
    return bytes;
}

/// Sends random messages over one wire, and receives them from the other.
template <class AnyWire, class Format>
void check_random_messages(AnyWire sending, AnyWire receiving, const Format& format) {
    std::minstd_rand random(7);
    MessageChannel sender(std::move(sending), format, {.send_buffer = 3000});
    std::vector<std::string> messages, received;
    for (int i = 0; i < 100; ++i) {
        const std::size_t most = random() % 8 == 0 ? 40'000 : 100;
        std::string message(random() % std::min(most, limit_of(format) + 1), '\0');
        for (char& c : message) c = "-end\r"[random() % 5];
        const auto done = random() % 2 == 0 ? sender.try_send(message) : sender.try_queue(message);
        if (done) messages.push_back(message);
        if (!done) REQUIRE(done.error().code() == std::errc::invalid_argument);  // it holds its delimiter
    }
    sender.flush();
    receiving.incoming = sender.stream().sent();
    MessageChannel receiver(std::move(receiving), format, {.receive_buffer = 700});
    while (auto message = receiver.receive()) received.push_back(std::move(*message));
    CHECK(messages.size() > 90);
    CHECK((received == messages));
}

const std::vector<std::string> three = {"first", "", "the third"};

}  // namespace

TEST_CASE(
    "MessageChannel: every size up to the limit makes the round trip, in the bytes of append_frame; one byte more "
    "is refused and nothing is written",
    "[message_channel]") {  // behaviours 43, 45, 51
    in_every_format([](const auto& format) {
        const std::size_t limit = limit_of(format);
        for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4095}, std::size_t{4096},
                                       std::size_t{4097}, std::size_t{16383}, std::size_t{16384}, std::size_t{16385},
                                       std::size_t{65535}, std::size_t{65536}, std::size_t{65537}, std::size_t{131071},
                                       std::size_t{131072}, std::size_t{131073}, std::size_t{1} << 20, limit}) {
            if (size > limit) continue;
            const std::string message = text_of(size);
            CAPTURE(size);
            MessageChannel sender(Wire{}, format);
            sender.send(message);
            sender.send("next");
            const std::string sent = sender.stream().sent();
            CHECK((sent == frame(message, format) + frame("next", format)));
            CHECK(sender.queued() == 0);

            MessageChannel receiver(Wire{.incoming = sent}, format);
            CHECK((receiver.receive() == message));
            CHECK(receiver.receive() == "next");
            CHECK(receiver.receive() == std::nullopt);
        }
        MessageChannel sender(Wire{}, format);
        const std::string too_large = text_of(limit + 1);
        CHECK(error_of(sender.try_send(too_large)).code() == Errc::message_too_large);
        CHECK(error_of(sender.try_queue(too_large)).code() == Errc::message_too_large);
        CHECK(sender.queued() == 0);
        CHECK(sender.stream().sends.empty());
        sender.send("small");
        CHECK(sender.stream().sent() == frame("small", format));
    });
}

TEST_CASE("MessageChannel: a thousand queued messages go out in one call, and come in with one", "[message_channel]") {
    in_every_format([](const auto& format) {
        MessageChannel sender(Wire{}, format);
        std::size_t queued = 0;
        for (std::size_t i = 0; i < 1000; ++i) {
            sender.queue(text_of(i % 65));
            queued += frame(text_of(i % 65), format).size();
            REQUIRE(sender.queued() == queued);
        }
        CHECK(sender.stream().sends.empty());
        sender.flush();
        sender.flush();
        CHECK(sender.stream().sends.size() == 1);
        CHECK(sender.queued() == 0);

        // Its buffer begins small and grows while it is filled; from then on one call is enough.
        MessageChannel receiver(Wire{.incoming = sender.stream().sent()}, format);
        for (const std::size_t most : {std::size_t{4}, std::size_t{2}, std::size_t{1}}) {
            receiver.stream().receives = 0;
            for (std::size_t i = 0; i < 1000; ++i) REQUIRE(receiver.receive_view() == text_of(i % 65));
            CHECK(receiver.stream().receives <= most);
            if (most != 1) receiver.stream().incoming += sender.stream().sent();
        }
        CHECK(receiver.pending() == 0);
        CHECK(receiver.receive_view() == std::nullopt);
    });
}

TEST_CASE("MessageChannel: send takes what is queued with it, in one call, and in its order", "[message_channel]") {
    in_every_format([](const auto& format) {
        for (const std::size_t size : {std::size_t{64}, std::size_t{20'000}, std::size_t{1} << 20}) {
            if (size > limit_of(format)) continue;
            MessageChannel sender(Wire{}, format);
            sender.queue("first");
            sender.queue("second");
            sender.send(text_of(size));
            CAPTURE(size);
            CHECK(sender.queued() == 0);
            CHECK(sender.stream().sends.size() == 1);
            CHECK((sender.stream().sent() ==
                   frame("first", format) + frame("second", format) + frame(text_of(size), format)));
        }
    });
}

TEST_CASE("MessageChannel: where the buffer is full queue sends it, and never holds more", "[message_channel]") {
    in_every_format([](const auto& format) {
        MessageChannel sender(Wire{}, format, {.send_buffer = 1024});
        std::string expected;
        for (std::size_t i = 0; i < 200; ++i) {
            const std::string message = text_of(64);
            sender.queue(message);
            expected += frame(message, format);
            REQUIRE(sender.queued() <= 1024);
        }
        CHECK(sender.stream().sends.size() > 10);
        sender.flush();
        CHECK((sender.stream().sent() == expected));
    });
}

TEST_CASE("MessageChannel: a large message that is queued goes out at once, behind those that wait",
          "[message_channel]") {
    MessageChannel sender(Wire{});
    sender.queue("small");
    sender.queue(text_of(1 << 20));
    CHECK(sender.queued() == 0);
    CHECK(sender.stream().sends.size() == 1);
    CHECK((sender.stream().sent() == frame("small", LengthPrefix{}) + frame(text_of(1 << 20), LengthPrefix{})));
}

TEST_CASE("queue: a message of 16 KiB is large, and one of a byte less is not", "[message_channel]") {
    for (const std::size_t size : {16'383U, 16'384U, 16'385U}) {
        const bool is_large = size >= 16'384;
        CAPTURE(size);
        MessageChannel sender(Wire{});
        sender.queue("small");
        sender.queue(text_of(size));
        CHECK(sender.queued() == (is_large ? 0 : 9 + 4 + size));
        CHECK(sender.stream().sends.size() == (is_large ? 1 : 0));
        sender.flush();
        CHECK((sender.stream().sent() == frame("small", LengthPrefix{}) + frame(text_of(size), LengthPrefix{})));

        MessageChannel lines(Wire{}, Delimiter("\n"));  // of which none is sent as it lies
        lines.queue(text_of(size));
        CHECK(lines.queued() == size + 1);
    }
}

TEST_CASE("MessageChannel: byte by byte and all at once the same messages come", "[message_channel]") {  // behaviour 44
    in_every_format([](const auto& format) {
        std::string stream;
        for (const std::string& message : three) append_frame(stream, message, format);
        for (const std::size_t step : {1U, 1000U}) {
            MessageChannel channel(PlainWire{{.incoming = stream, .step = step}}, format);
            for (const std::string& message : three) CHECK(channel.receive() == message);
            CHECK(channel.receive() == std::nullopt);
            CHECK(channel.receive() == std::nullopt);
        }
    });
}

TEST_CASE("MessageChannel: however the system cuts what is sent and received, the same messages come",
          "[message_channel]") {  // behaviour 44
    in_every_format([](const auto& format) {
        for (const unsigned step : {70U, 1000U, 100'000U}) {
            check_random_messages(Wire{.step = step, .seed = 1}, Wire{.step = step, .seed = 2}, format);
            check_random_messages(PlainWire{{.step = step, .seed = 3}}, PlainWire{{.step = step, .seed = 4}}, format);
        }
    });
}

TEST_CASE("receive_view: the message where it lies, the same that receive would copy, until the next receive",
          "[message_channel]") {
    in_every_format([](const auto& format) {
        std::string stream;
        for (const std::string& message : three) append_frame(stream, message, format);
        MessageChannel channel(Wire{.incoming = stream + stream + stream}, format);
        std::string into(100, 'x');
        const auto* storage = into.data();
        for (const std::string& message : three) CHECK(channel.receive_view() == message);
        for (const std::string& message : three) CHECK(channel.receive() == message);
        for (const std::string& message : three) {
            CHECK(channel.receive(into));
            CHECK(into == message);
        }
        CHECK_FALSE(channel.receive(into));
        CHECK(into.empty());
        CHECK(into.data() == storage);
    });
}

TEST_CASE("MessageChannel: a stream of small messages stays in one buffer of the size that was asked for",
          "[message_channel]") {
    std::string stream;
    for (std::size_t i = 0; i < 20'000; ++i) append_frame(stream, text_of(64));
    MessageChannel channel(Wire{.incoming = stream, .step = 1000, .seed = 5}, LengthPrefix{}, {.receive_buffer = 4096});
    std::vector<const char*> places;
    while (const auto view = channel.receive_view()) places.push_back(view->data());
    CHECK(places.size() == 20'000);
    // By then it has its size.
    const auto first = std::next(places.begin(), 10'000);
    const auto [lowest, highest] = std::minmax_element(first, places.end());
    CHECK(*highest - *lowest <= 2 * 4096);
}

TEST_CASE("MessageChannel: memory follows the bytes that came, not the length that was announced",
          "[message_channel]") {  // behaviours 46, 47
    const std::string half =
        frame(std::string(std::size_t{16} << 20, 'x'), LengthPrefix{}).substr(0, std::size_t{8} << 20);
    for (const std::size_t came : {std::size_t{4}, std::size_t{7}, std::size_t{300'000}, half.size()}) {
        MessageChannel channel(Wire{.incoming = half.substr(0, came)}, LengthPrefix{}, {.receive_buffer = 128 << 10});
        CHECK(error_of(channel.try_receive()).code() == Errc::truncated);
        CHECK(channel.stream().received == came);
        CHECK(channel.stream().most_asked <= std::max(came, std::size_t{128} << 10));
    }
}

TEST_CASE("MessageChannel: of a large message exactly the rest is asked for, and no byte of the next",
          "[message_channel]") {
    std::string stream;
    for (int i = 0; i < 4; ++i) append_frame(stream, text_of(1'000'000));
    MessageChannel channel(Wire{.incoming = stream});
    for (std::size_t i = 1; i <= 4; ++i) {
        CHECK((channel.receive_view() == text_of(1'000'000)));
        CHECK(channel.stream().received == i * 1'000'004);
    }
}

TEST_CASE("MessageChannel: behind a large message one receive takes another one like it, up to the buffer's limit",
          "[message_channel]") {
    const std::string large = frame(text_of(20'000), LengthPrefix{});
    MessageChannel channel(Wire{.incoming = large + large + large});
    REQUIRE((channel.receive() == text_of(20'000)));
    const std::size_t before = channel.stream().receives;
    REQUIRE((channel.receive() == text_of(20'000)));
    CHECK(channel.stream().receives == before + 1);
    CHECK(channel.stream().received == 2 * large.size());

    MessageChannel limited(Wire{.incoming = large}, LengthPrefix{}, {.receive_buffer = 16'384});
    REQUIRE((limited.receive() == text_of(20'000)));
    limited.stream().incoming += frame("small", LengthPrefix{});
    limited.stream().most_asked = 0;
    REQUIRE(limited.receive() == "small");
    CHECK(limited.stream().most_asked <= 16'384);
}

TEST_CASE("MessageChannel: a large message is waited for as a whole, to where it belongs, and small ones are not",
          "[message_channel]") {
    MessageChannel channel(Wire{.incoming = frame("small", LengthPrefix{})});
    REQUIRE(channel.receive() == "small");
    CHECK_FALSE(channel.stream().asked_for_all);
    channel.stream().incoming += frame(text_of(16'384), LengthPrefix{});
    REQUIRE((channel.receive() == text_of(16'384)));
    CHECK(channel.stream().asked_for_all);
}

TEST_CASE("MessageChannel: its receive buffer begins with 1 KiB, grows while it is filled, and is given back",
          "[message_channel]") {
    CHECK(ChannelOptions().receive_buffer == 256 * 1024);
    CHECK(ChannelOptions().send_buffer == 96 * 1024);
    constexpr std::size_t max = 64 << 10;
    std::string small, many;
    append_frame(small, "small");
    for (int i = 0; i < 40000; ++i) many += small;

    MessageChannel channel(Wire{.incoming = small}, LengthPrefix(), {.receive_buffer = max});
    Wire& wire = channel.stream();
    REQUIRE(channel.receive_view() == "small");
    CHECK(wire.most_asked == 1024);

    for (int i = 0; i < 300; ++i) {  // not filled: it stays
        wire.incoming += small;
        REQUIRE(channel.receive_view() == "small");
    }
    CHECK(wire.most_asked == 1024);

    wire.incoming += many;
    while (wire.receives < 303) REQUIRE(channel.receive_view() == "small");
    CHECK(wire.most_asked > 1024);  // one was full
    CHECK(wire.most_asked < max);
    while (wire.received < wire.incoming.size() || channel.pending() != 0) REQUIRE(channel.receive_view() == "small");
    CHECK(wire.most_asked <= max);
    CHECK(wire.most_asked > max - small.size());  // there may be the beginning of a message in it

    // Then one message at a time: so much is not asked for any more, and at last no more than in the beginning.
    for (int i = 0; i < 2000; ++i) {
        wire.most_asked = 0;
        wire.incoming += small;
        REQUIRE(channel.receive_view() == "small");
    }
    CHECK(wire.most_asked == 1024);
}
