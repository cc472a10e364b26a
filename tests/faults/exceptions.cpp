// SPDX-License-Identifier: MIT
// What an exception leaves behind: memory that runs out at every allocation in turn, a stream of the user's own that
// throws at every one of its calls in turn.
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <sockboot/sockboot.hpp>

#include "../catch.hpp"
#include "../loopback.hpp"
#include "no_memory.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using loopback::error_of;

namespace {

/// A stream of the user's own that moves at most `step` bytes a call, and none beyond its room. Its n-th call throws.
struct Wire {
    std::errc when_full = std::errc::operation_would_block;
    std::size_t room = std::size_t{1} << 20, step = room;
    int until_throw = -1;
    std::string incoming{}, sent{};

    Result<std::size_t> try_send_some(ByteView bytes) {
        may_throw();
        const std::size_t size = std::min({room, step, bytes.size()});
        if (size == 0) return Error(make_error_code(when_full), Operation::send);
        if (sent.capacity() == 0) std::abort();  // it must not be the one that takes memory
        sent += bytes.text().substr(0, size);
        room -= size;
        return size;
    }
    Result<std::size_t> try_recv_some(std::span<std::byte> buffer) {
        may_throw();
        const std::size_t size = std::min({step, buffer.size(), incoming.size()});
        std::memcpy(buffer.data(), incoming.data(), size);
        incoming.erase(0, size);
        return size;
    }
    void may_throw() {
        if (until_throw >= 0 && until_throw-- == 0) throw std::runtime_error("the stream's own");
    }
};

/// One that has a form for two pieces and a deadline too.
struct DeadlineWire : Wire {
    using Wire::try_recv_some;
    using Wire::try_send_some;
    Result<std::size_t> try_send_some(ByteView first, ByteView second, Deadline&) {
        return try_send_some(first.empty() ? second : first);
    }
};

/// One that says by 0 bytes that it has no room, and names itself in the errors, which takes memory.
struct NamedWire : Wire {
    using Wire::try_recv_some;
    Result<std::size_t> try_send_some(ByteView bytes) {
        if (room == 0) return std::size_t{0};
        return Wire::try_send_some(bytes);
    }
    static Error with_source(Error error) { return std::move(error).with_context("a name of some length", "wire"); }
};

template <class W> W wire(std::size_t room, std::size_t step) {
    W made;
    made.room = room;
    made.step = step;
    made.sent.reserve(std::size_t{1} << 20);
    return made;
}

template <class Test> void in_every_format(const Test& test) {
    test(LengthPrefix{});
    test(LengthPrefix{.width = LengthPrefix::varint});
    test(formats::postgresql);
    test(Delimiter("\r\n"));
}

template <class Format> std::string frames(std::initializer_list<std::string_view> messages, const Format& format) {
    std::string bytes;
    for (const std::string_view message : messages) append_frame(bytes, message, format);
    return bytes;
}

/// After an exception behind which `message` was to be sent: it was not taken, or all is refused.
template <class W, class Format>
void check_stream(MessageChannel<W, Format>& channel, std::string_view message, const Format& format) {
    channel.stream().room = std::size_t{1} << 20;
    channel.stream().step = channel.stream().room;
    if (auto next = channel.try_send("next")) {
        CHECK((channel.stream().sent == frames({"first", "next"}, format)));
        return;
    }
    for (const auto& refused : {channel.try_send("x"), channel.try_queue("x"), channel.try_flush()}) {
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code() == Errc::desynchronised);
    }
    CHECK(frames({"first", message}, format).starts_with(channel.stream().sent));
}

enum class How { send, queue };

template <class W, class Format>
Result<void> hand_in(MessageChannel<W, Format>& channel, How how, std::string_view message) {
    return how == How::send ? channel.try_send(message) : channel.try_queue(message);
}

}  // namespace

TEST_CASE("send and queue: where memory runs out the message was not taken, or the stream is refused from then on",
          "[exceptions]") {
    const How how = GENERATE(How::send, How::queue);
    const std::errc when_full = GENERATE(std::errc::operation_would_block, std::errc::connection_reset);
    in_every_format([how, when_full](const auto& format) {
        for (const std::size_t size : {60U, 5000U, 300'000U})
            for (const std::size_t room : {std::size_t{0}, std::size_t{3}, std::size_t{20}, std::size_t{100'000}}) {
                const std::string message(size, 'x');
                bool failed = true;
                for (long n = 0; failed; ++n) {
                    CAPTURE(size, room, n);
                    MessageChannel channel(wire<Wire>(room, 1000), format, {.send_buffer = 512});
                    channel.queue("first");
                    channel.stream().when_full = when_full;
                    failed = runs_out(n, [&] { static_cast<void>(hand_in(channel, how, message)); });
                    if (failed) check_stream(channel, message, format);
                }
            }
    });
}

TEST_CASE("send: no memory for the error of a message that has begun leaves the stream refused", "[exceptions]") {
    const std::size_t room = GENERATE(0U, 3U, 20U);
    const std::string message(60, 'x');
    bool failed = true;
    for (long n = 0; failed; ++n) {
        CAPTURE(room, n);
        MessageChannel channel(wire<NamedWire>(room, 1000), LengthPrefix{}, {.send_buffer = 512});
        channel.queue("first");
        failed = runs_out(n, [&] { static_cast<void>(channel.try_send(message)); });
        if (failed) check_stream(channel, message, LengthPrefix{});
    }
}

#ifndef SOCKBOOT_TEST_CANNOT_FAIL
TEST_CASE("send: no memory for the rest of a message that has begun is remembered by the socket", "[exceptions]") {
    auto [socket, peer] = loopback::connected_pair();
    socket.set_timeout(0s);
    MessageChannel channel(std::move(socket));
    const std::string message(std::size_t{16} << 20, 'x');
    CHECK(runs_out(1, [&] { channel.send(message); }));  // the first one is that of its buffer
    CHECK(error_of(channel.try_send("next")).code() == Errc::desynchronised);
    CHECK(error_of(channel.try_queue("next")).code() == Errc::desynchronised);
    CHECK(error_of(try_send_message(channel.stream(), "next")).code() == Errc::desynchronised);
}
#endif

TEST_CASE("send and queue: an exception of the stream's own leaves nothing sent, or the stream is refused",
          "[exceptions]") {
    const auto check = [](const auto& make, const auto& format) {
        for (const How how : {How::send, How::queue})
            for (const std::size_t size : {60U, 20'000U}) {
                const std::string message(size, 'x');
                bool thrown = true;
                for (int n = 0; thrown; ++n) {
                    CAPTURE(size, n);
                    MessageChannel channel(make(), format, {.send_buffer = 64});
                    channel.queue("first");
                    channel.stream().until_throw = n;
                    try {
                        static_cast<void>(hand_in(channel, how, message));
                        thrown = false;
                    } catch (const std::runtime_error&) {
                        check_stream(channel, message, format);
                    }
                }
            }
    };
    in_every_format([&check](const auto& format) {
        check([] { return wire<Wire>(std::size_t{1} << 20, 997); }, format);
        check([] { return wire<DeadlineWire>(std::size_t{1} << 20, 997); }, format);
        check([] { return wire<Wire>(30, 7); }, format);
    });
}

TEST_CASE("flush: after an exception of the stream's own no byte is sent twice", "[exceptions]") {
    for (int n = 0; n < 3; ++n) {
        MessageChannel channel(wire<Wire>(1000, 6));
        channel.queue("first");
        channel.queue("x");
        channel.stream().until_throw = n;
        CHECK_THROWS_AS(channel.flush(), std::runtime_error);
        check_stream(channel, "x", LengthPrefix{});
    }
}

TEST_CASE("receive: a message for whose copy there is no memory comes with the next call", "[exceptions]") {
    in_every_format([](const auto& format) {
        for (const std::size_t size : {5U, 100U, 20'000U, 300'000U}) {
            const std::string message(size, 'x');
            for (const bool into_own : {false, true}) {
                bool failed = true;
                for (long n = 0; failed; ++n) {
                    CAPTURE(size, into_own, n);
                    auto from = wire<Wire>(0, 1000);
                    from.incoming = frames({message, "next"}, format);
                    MessageChannel channel(std::move(from), format);
                    std::string into;
                    failed = runs_out(n, [&] {
                        static_cast<void>(into_own ? channel.receive(into) : channel.receive().has_value());
                    });
                    if (failed) CHECK((channel.receive() == message));
                    CHECK(channel.receive() == "next");
                    CHECK(channel.receive() == std::nullopt);
                }
            }
        }
    });
}

TEST_CASE("receive: an exception of the stream's own loses nothing of what had come", "[exceptions]") {
    in_every_format([](const auto& format) {
        const std::string large(20'000, 'x');
        bool thrown = true;
        for (int n = 0; thrown; ++n) {
            auto from = wire<Wire>(0, 997);
            from.incoming = frames({"first", large, "last"}, format);
            MessageChannel channel(std::move(from), format);
            channel.stream().until_throw = n;
            thrown = false;
            for (const std::string_view message :
                 {std::string_view("first"), std::string_view(large), std::string_view("last")}) {
                std::string got;
                try {
                    channel.receive(got);
                } catch (const std::runtime_error&) {
                    thrown = true;
                    channel.receive(got);
                }
                CHECK((got == message));
            }
        }
    });
}

TEST_CASE("append_frame and FrameDecoder: where there is no memory nothing was added", "[exceptions]") {
    in_every_format([](const auto& format) {
        const std::string message(1000, 'x');
        bool failed = true;
        for (long n = 0; failed; ++n) {
            std::string bytes = frames({"first"}, format);
            FrameDecoder decoder(format);
            decoder.feed(bytes);
            failed = runs_out(n, [&] { append_frame(bytes, message, format); });
            CHECK((bytes == (failed ? frames({"first"}, format) : frames({"first", message}, format))));

            const std::string more = frames({message}, format);
            const bool lost = runs_out(n, [&] { decoder.feed(more); });
            if (lost) decoder.feed(more);
            CHECK(decoder.next() == "first");
            CHECK((decoder.next() == message));
            failed = failed || lost;
        }
    });
}

TEST_CASE("receive: a time-out inside a message takes no memory, where its bytes are those of a message",
          "[exceptions]") {
    auto [peer, socket] = loopback::connected_pair();
    socket.set_timeout(5ms);
    std::string into(100, 'x');
    send_all(peer, std::string("\0\0\0\x64Hello", 9));
    CHECK_FALSE(runs_out(0, [&, &from = socket] { static_cast<void>(try_recv_message(from, into)); }));

    auto [other_peer, other] = loopback::connected_pair();
    other.set_timeout(5ms);
    MessageChannel channel(std::move(other));
    send_message(other_peer, "first");
    CHECK(channel.receive() == "first");
    send_all(other_peer, std::string("\0\0\0\x64Hello", 9));
    CHECK_FALSE(runs_out(0, [&] { static_cast<void>(channel.try_receive_view()); }));
}
