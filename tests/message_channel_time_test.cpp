// SPDX-License-Identifier: MIT
#include <sockboot/message_channel.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <future>
#include <span>
#include <string>
#include <type_traits>
#include <system_error>
#include <utility>

#include <sockboot/message.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using namespace std::string_literals;
using loopback::connected_pair;
using loopback::error_of;

namespace {

const std::string large(300'000, 'x');

/// A message in two parts, and what an error between them has to say.
struct Parts {
    std::string first, second, message;
    std::uint64_t came, wanted;
};

/// Receives the first part and meets the timeout, then the second.
template <class Format> void check_resumption(const Parts& parts, const Format& format, Timeout timeout) {
    auto [peer, socket] = connected_pair();
    MessageChannel channel(std::move(socket), format);
    channel.stream().set_timeout(timeout);
    send_all(peer, parts.first);
    for (int again = 0; again < 2; ++again) {
        const auto error = error_of(channel.try_receive());
        CHECK((timeout.is_zero() ? error.would_block() : error.code() == Errc::deadline_exceeded));
        CHECK(error.context() == "pair");
        CHECK(error.operation() == Operation::receive);
        if (timeout.is_zero()) continue;
        CHECK(error.transferred() == parts.came);
        CHECK(error.wanted() == parts.wanted);
    }
    send_all(peer, parts.second);
    channel.stream().set_timeout({});
    CHECK((channel.receive() == parts.message));
    CHECK(channel.pending() == 0);
}

/// A stream that hands out zeros one by one, as fast as they are wanted, and takes bytes in the same way.
struct Dripping {
    Timeout::nanoseconds left = 1h;
    bool had_more = false;  ///< a call that sends had more time left than the one before it

    static Timeout timeout() { return 100ms; }
    static Result<std::size_t> try_send_some(ByteView) { return std::size_t{1}; }
    Result<std::size_t> try_send_some(ByteView, ByteView, Deadline& deadline) {
        had_more = had_more || deadline.remaining() > left;
        left = deadline.remaining();
        return std::size_t{1};
    }
    static Result<std::size_t> try_recv_some(std::span<std::byte> buffer) {
        buffer[0] = std::byte{1};
        return std::size_t{1};
    }
};
static_assert(Stream<Dripping>);

/// A stream that takes as many bytes as there is room for, and then none.
struct Stalled {
    std::size_t room = 0;
    std::string sent{};
    std::errc failure = std::errc::operation_would_block;

    Result<std::size_t> try_send_some(ByteView bytes) {
        const std::size_t size = std::min(room, bytes.size());
        if (size == 0) return Error(make_error_code(failure), Operation::send);
        sent += bytes.text().substr(0, size);
        room -= size;
        return size;
    }
    static Result<std::size_t> try_recv_some(std::span<std::byte>) { return std::size_t{0}; }
};
static_assert(Stream<Stalled>);

}  // namespace

TEST_CASE("receive: a timeout inside a message keeps what has come, and the next call goes on with it",
          "[message_channel]") {  // behaviours 26, 55
    const Timeout timeout = GENERATE(Timeout(20ms), Timeout(0s));
    const Parts prefixed[] = {
        {"", "\0\0\0\5hello"s, "hello", 0, 4},
        {"\0\0"s, "\0\5hello"s, "hello", 2, 4},
        {"\0\0\0\5"s, "hello", "hello", 4, 9},
        {"\0\0\0\5he"s, "llo", "hello", 6, 9},
        {"\0\x04\x93\xE0"s + large.substr(0, 9), large.substr(9), large, 13, 300'004},
    };
    for (const Parts& parts : prefixed) check_resumption(parts, LengthPrefix{}, timeout);
    const Parts counted{"\x09\0\0\0h"s, "ello", "hello", 5, 9};
    check_resumption(counted, LengthPrefix{.order = std::endian::little, .counts_itself = true}, timeout);
    const Parts varint{"\xE0\xA7\x12"s + large.substr(0, 9), large.substr(9), large, 12, 300'003};
    check_resumption(varint, LengthPrefix{.width = LengthPrefix::varint}, timeout);
    const Parts lines[] = {
        {"", "hello\r\n", "hello", 0, 0},
        {"hel", "lo\r\n", "hello", 3, 0},
        {"hello\r", "\n", "hello", 6, 0},
        {large, "\r\n", large, 300'000, 0},
    };
    for (const Parts& parts : lines) check_resumption(parts, Delimiter("\r\n"), timeout);
}

TEST_CASE("receive: a timeout of zero gives what is there, and then says that it would block", "[message_channel]") {
    auto [peer, socket] = connected_pair();
    MessageChannel channel(std::move(socket));
    channel.stream().set_timeout(0s);
    CHECK(error_of(channel.try_receive()).would_block());
    std::string stream;
    for (const char* message : {"one", "two", "three"}) append_frame(stream, message);
    send_all(peer, stream.substr(0, stream.size() - 1));
    CHECK(channel.receive() == "one");
    CHECK(channel.receive_view() == "two");
    CHECK(error_of(channel.try_receive()).would_block());
    CHECK(channel.pending() == 8);
    peer.close();
    CHECK(error_of(channel.try_receive()).code() == Errc::truncated);
}

TEST_CASE("receive: a peer that drips does not stretch the timeout, and loses nothing by it",
          "[message_channel]") {  // behaviour 26
    auto [peer, socket] = connected_pair();
    MessageChannel channel(std::move(socket));
    channel.stream().set_timeout(300ms);
    peer.set_timeout(20ms);
    auto dripped = std::async(std::launch::async, [&to = peer] {
        send_all(to, "\0\0\0\x64"s);
        // The channel's word ends it; the timeout of waiting for that is the time between two drops.
        int drops = 0;
        for (std::byte stop[1]; !to.try_recv_some(stop); ++drops) send_all(to, "x");
        return drops;
    });
    const loopback::Stopwatch watch;
    const auto error = error_of(channel.try_receive());
    CHECK(watch.elapsed_ms() >= 300);
    CHECK(watch.elapsed_ms() < 1500);
    CHECK(error.code() == Errc::deadline_exceeded);
    CHECK(error.transferred() > 4);
    CHECK(error.wanted() == 104);
    send_all(channel.stream(), "!");
    const auto drops = static_cast<std::size_t>(dripped.get());
    send_all(peer, std::string(100 - drops, 'x'));
    CHECK(channel.receive() == std::string(100, 'x'));
}

TEST_CASE("MessageChannel: a stream that always has one byte more does not stretch the timeout either",
          "[message_channel]") {
    const loopback::Stopwatch watch;
    MessageChannel receiver(Dripping{}, LengthPrefix{.max_size = std::uint64_t{1} << 30});
    MessageChannel lines(Dripping{}, Delimiter("\n", std::uint64_t{1} << 40));
    MessageChannel sender(Dripping{});
    CHECK(error_of(receiver.try_receive()).code() == Errc::deadline_exceeded);
    CHECK(error_of(lines.try_receive()).code() == Errc::deadline_exceeded);
    sender.send(std::string(std::size_t{16} << 20, 'x'));
    CHECK(sender.queued() > 0);
    CHECK(watch.elapsed_ms() >= 300);
    CHECK(watch.elapsed_ms() < 3000);
}

TEST_CASE("send: one deadline holds for the whole of it, whatever the format", "[message_channel]") {
    MessageChannel channel(Dripping{}, Delimiter("--end--"));
    static_cast<void>(channel.try_send(std::string(16'384, 'x')));
    CHECK(channel.stream().left < 100ms);
    CHECK_FALSE(channel.stream().had_more);
}

TEST_CASE("MessageChannel: cancelled inside a message it goes on once the canceller is reset", "[message_channel]") {
    auto [peer, socket] = connected_pair();
    Canceller canceller;
    MessageChannel channel(std::move(socket));
    channel.stream().set_canceller(canceller);
    send_all(peer, "\0\0\0\5he"s);
    auto ended = std::async(std::launch::async, [&] { return channel.try_receive().error().code(); });
    canceller.cancel();
    CHECK(ended.get() == Errc::cancelled);
    CHECK(error_of(channel.try_send("not taken")).code() == Errc::cancelled);
    channel.queue("queued");
    CHECK(error_of(channel.try_flush()).code() == Errc::cancelled);
    CHECK(error_of(channel.try_send("nor is this")).code() == Errc::cancelled);
    CHECK(channel.queued() == 10);
    canceller.reset();
    send_all(peer, "llo");
    CHECK(channel.receive() == "hello");
    channel.flush();
    CHECK(recv_message(peer) == "queued");
}

TEST_CASE("send: to a peer that does not read it ends on time, with the rest of what has begun queued",
          "[message_channel]") {  // behaviour 31
    auto [socket, peer] = connected_pair();
    MessageChannel channel(std::move(socket));
    channel.stream().set_timeout(200ms);
    const std::string huge(std::size_t{16} << 20, 'x');
    const loopback::Stopwatch watch;
    channel.send(huge);
    CHECK(watch.elapsed_ms() >= 200);
    CHECK(watch.elapsed_ms() < 1500);
    CHECK(channel.queued() > 0);
    CHECK(channel.queued() < huge.size());

    channel.stream().set_timeout(20ms);
    const auto error = error_of(channel.try_send("another"));
    CHECK(error.code() == Errc::deadline_exceeded);
    CHECK(error.transferred() == 0);
    CHECK(error.transient());
    CHECK_THAT(error.message(), StartsWith("[pair] send to 127.0.0.1:"));
    CHECK_THAT(error.message(), ContainsSubstring("0 of 11 bytes had been sent"));

    channel.stream().set_timeout({});
    auto received = std::async(std::launch::async, [&from = peer] { return recv_message(from); });
    channel.flush();
    CHECK((received.get() == huge));
}

TEST_CASE("send and queue: an error means that the message was not taken, and it may be handed in again",
          "[message_channel]") {
    const auto check = [](const auto& format, std::size_t size, bool by_send) {
        MessageChannel channel(Stalled{}, format, {.send_buffer = 200});
        std::string expected;
        for (char letter = 'a'; letter < 'k'; ++letter) {
            const std::string message(size, letter);
            append_frame(expected, message, format);
            for (int tries = 0;; ++tries) {
                REQUIRE(tries < 2000);
                const auto done = by_send ? channel.try_send(message) : channel.try_queue(message);
                if (done) break;
                REQUIRE(done.error().would_block());
                CHECK(done.error().transferred() == 0);
                channel.stream().room += 13;
            }
        }
        channel.stream().room = 1 << 20;
        channel.flush();
        CHECK((channel.stream().sent == expected));
    };
    for (const std::size_t size : {0U, 5U, 60U, 200U, 16'384U})
        for (const bool by_send : {false, true}) {
            CAPTURE(size, by_send);
            check(LengthPrefix{}, size, by_send);
            check(LengthPrefix{.width = LengthPrefix::varint}, size, by_send);
            check(Delimiter("\r\n"), size, by_send);
        }
}

TEST_CASE("send and queue: what breaks inside a message is an error, and all that follows is refused",
          "[message_channel]") {
    for (const std::size_t size : {60U, 20'000U})
        for (const std::size_t room : {std::size_t{9}, std::size_t{10}, size + 12}) {
            CAPTURE(size, room);
            MessageChannel channel(Stalled{.room = room, .failure = std::errc::no_buffer_space});
            channel.queue("first");
            const auto error = error_of(channel.try_send(std::string(size, 'x')));
            CHECK(error.code() == std::errc::no_buffer_space);
            CHECK(error.transferred() == room - 9);
            CHECK(error.wanted() == size + 4);
            const bool has_begun = room > 9;
            CHECK(error.transient() != has_begun);
            channel.stream().room = 1 << 20;
            for (const auto& next : {channel.try_send("next"), channel.try_queue("next"), channel.try_flush()}) {
                CHECK(next.has_value() != has_begun);
                if (!next) CHECK(next.error().code() == Errc::desynchronised);
            }
        }
}

TEST_CASE("send: over and over to a peer that does not read it holds no more than one message", "[message_channel]") {
    for (const std::size_t size : {60U, 20'000U}) {
        MessageChannel channel(Stalled{.room = 10});
        const std::string message(size, 'x');
        channel.send(message);
        const std::size_t rest = channel.queued();
        CHECK(rest == size + 4 - 10);
        for (int again = 0; again < 1000; ++again) REQUIRE_FALSE(channel.try_send(message));
        CHECK(channel.queued() == rest);
    }
}

TEST_CASE("queue: where the buffer is full and nothing can be sent, the message was not taken", "[message_channel]") {
    MessageChannel channel(Stalled{}, LengthPrefix{}, {.send_buffer = 1024});
    std::string expected;
    for (; channel.try_queue(std::string(60, 'x')); append_frame(expected, std::string(60, 'x')))
        REQUIRE(channel.queued() <= 1024);
    CHECK(channel.queued() > 1024 - 100);
    for (std::size_t room = 0; room < 200; room += 50) {
        // Room for the end of one message and the beginning of another: neither is torn.
        channel.stream().room = room;
        for (const std::size_t size : {2000U, 20'000U, 0U}) {
            const std::string message(size, 'y');
            const auto queued = channel.try_queue(message);
            if (queued) append_frame(expected, message);
            if (!queued) CHECK(queued.error().would_block());
            CHECK(channel.queued() == expected.size() - channel.stream().sent.size());
        }
    }
    channel.stream().room = 1 << 20;
    channel.send("behind");
    append_frame(expected, "behind");
    CHECK(channel.stream().sent == expected);
}

TEST_CASE("send and queue: of a large message that has begun the rest is kept, whatever part of its frame went out",
          "[message_channel]") {
    const std::string message(20'000, 'y');
    const auto check = [&message](const auto& format) {
        std::string expected;
        append_frame(expected, "first", format);
        const std::size_t first = expected.size();
        append_frame(expected, message, format);
        for (const std::size_t room : {std::size_t{0}, std::size_t{1}, first, first + 1, first + 3, first + 4,
                                       first + 5, first + 20'000, first + 20'003, first + 20'004}) {
            for (const bool by_send : {false, true}) {
                MessageChannel channel(Stalled{.room = room}, format);
                channel.queue("first");
                const auto done = by_send ? channel.try_send(message) : channel.try_queue(message);
                // Large messages with a delimiter are copied, and wait in the queue like small ones.
                const bool copied = std::is_same_v<decltype(format), const Delimiter&>;
                const bool taken = room > first || (copied && !by_send);
                CAPTURE(room, by_send);
                CHECK(done.has_value() == taken);
                channel.stream().room = 1 << 20;
                channel.flush();
                CHECK((channel.stream().sent == (taken ? expected : expected.substr(0, first))));
            }
        }
    };
    check(LengthPrefix{});
    check(Delimiter("\r\n"));
}

TEST_CASE("queue: a large message that was kept does not make the buffer larger for good", "[message_channel]") {
    MessageChannel channel(Stalled{.room = 5}, LengthPrefix{}, {.send_buffer = 1024});
    channel.send(large);
    CHECK(channel.queued() == 4 + large.size() - 5);
    channel.stream().room = 1 << 20;
    channel.flush();
    for (int i = 0; i < 100; ++i) {
        channel.queue(std::string(60, 'x'));
        REQUIRE(channel.queued() <= 1024);
    }
}

TEST_CASE("MessageChannel: its spin option is told to the stream, zero leaves the stream as it was",
          "[message_channel]") {
    auto [socket, peer] = connected_pair();
    socket.set_spin(3us);
    MessageChannel kept(std::move(socket));
    CHECK(kept.stream().spin() == 3us);
    MessageChannel spinning(std::move(kept.stream()), Delimiter("\n"), {.spin = 7us});
    CHECK(spinning.stream().spin() == 7us);
    send_all(peer, "line\n");
    CHECK(spinning.receive() == "line");
    MessageChannel without(Stalled{}, Delimiter("\n"), {.spin = 7us});  // it cannot spin
    CHECK(without.receive() == std::nullopt);
}
