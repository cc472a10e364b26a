// SPDX-License-Identifier: MIT
#include <sockboot/message_channel.hpp>

#include <bit>
#include <chrono>
#include <cstddef>
#include <future>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <sockboot/message.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using loopback::connected_pair;
using loopback::error_of;

namespace {

std::string text_of(std::size_t size) { return std::string(size, static_cast<char>('a' + size % 26)); }

/// Sockets with little room between them.
std::pair<Socket, Socket> narrow_pair() {
    auto pair = connected_pair();
    pair.first.set_send_buffer(16 << 10);
    pair.second.set_receive_buffer(64 << 10);
    return pair;
}

/// All messages up to the end of the stream.
template <class Format> std::future<std::vector<std::string>> receive_all(Socket socket, const Format& format) {
    return std::async(std::launch::async, [from = std::move(socket), format]() mutable {
        MessageChannel channel(std::move(from), format);
        std::vector<std::string> messages;
        while (auto message = channel.receive()) messages.push_back(std::move(*message));
        return messages;
    });
}

std::string numbered(std::size_t size, std::size_t number) {
    return std::to_string(number) + std::string(size, static_cast<char>('a' + number % 26));
}

enum class How { send, queue };

/// Sends to a peer that does not read until it has failed twice; then the peer reads.
template <class Format> void check_sending(std::size_t size, How how, const Format& format) {
    auto [socket, peer] = narrow_pair();
    std::future<std::vector<std::string>> received;
    MessageChannel channel(std::move(socket), format, {.send_buffer = 4096});
    channel.stream().set_timeout(10ms);
    std::vector<std::string> taken;
    for (int failures = 0; failures < 2;) {
        const std::string message = numbered(size, taken.size());
        const std::size_t queued = channel.queued();
        const auto done = how == How::send ? channel.try_send(message) : channel.try_queue(message);
        if (done) taken.push_back(message);
        if (done) continue;
        ++failures;
        CHECK(done.error().code() == Errc::deadline_exceeded);
        CHECK(channel.queued() <= queued);
    }
    received = receive_all(std::move(peer), format);
    channel.stream().set_timeout({});
    channel.flush();
    CHECK(channel.queued() == 0);
    channel.send("last");
    taken.emplace_back("last");
    channel.stream().shutdown_send();
    CHECK((received.get() == taken));
}

}  // namespace

TEST_CASE("MessageChannel: over sockets too every message comes whole, up to 16 MiB",
          "[message_channel]") {  // behaviours 35, 45
    const auto check = [](const auto& format, std::size_t limit) {
        auto [socket, peer] = connected_pair();
        MessageChannel sender(std::move(socket), format);
        MessageChannel receiver(std::move(peer), format);
        const std::vector<std::string> messages = {"", "small", text_of(limit), "behind", text_of(limit / 100), "last"};
        auto sent = std::async(std::launch::async, [&] {
            for (const std::string& message : messages) sender.send(message);
            for (const std::string& message : messages) sender.queue(message);
            sender.flush();
            sender.stream().shutdown_send();
        });
        for (int i = 0; i < 2; ++i)
            for (const std::string& message : messages) CHECK((receiver.receive() == message));
        CHECK(receiver.receive() == std::nullopt);
        sent.get();
        const auto error = error_of(sender.try_send(text_of(limit + 1)));
        CHECK(error.code() == Errc::message_too_large);
        CHECK_THAT(error.message(), StartsWith("[pair] send to 127.0.0.1:"));
    };
    const std::size_t limit = std::size_t{16} << 20;
    check(LengthPrefix{}, limit);
    check(LengthPrefix{.width = 1}, 255);
    check(LengthPrefix{.width = 2, .order = std::endian::little}, 65535);
    check(LengthPrefix{.width = 8, .counts_itself = true}, limit);
    check(LengthPrefix{.width = LengthPrefix::varint}, limit);
    check(Delimiter("\n"), limit);
    check(Delimiter("--end--"), limit);
}

TEST_CASE("MessageChannel: the other side may use send_message and recv_message",
          "[message_channel]") {  // behaviour 51
    const LengthPrefix formats[] = {
        {}, {.width = 1}, {.width = 8, .counts_itself = true}, {.width = LengthPrefix::varint}};
    for (const LengthPrefix& format : formats) {
        auto [socket, peer] = connected_pair();
        MessageChannel channel(std::move(socket), format);
        for (const std::size_t size : {0U, 5U, 255U, 20'000U}) {
            if (size > format.limit()) continue;
            channel.send(text_of(size));
            CHECK(recv_message(peer, format) == text_of(size));
            send_message(peer, text_of(size), format);
            CHECK(channel.receive() == text_of(size));
        }
    }
}

TEST_CASE("receive_view: a view stays as it was while messages are sent", "[message_channel]") {
    auto [socket, peer] = connected_pair();
    MessageChannel channel(std::move(socket));
    send_message(peer, "question");
    const auto view = channel.receive_view();
    channel.queue(*view);
    channel.send(text_of(100'000));
    CHECK(view == "question");
    CHECK(recv_message(peer) == "question");
}

TEST_CASE("MessageChannel: moved it takes what it has received and queued with it", "[message_channel]") {
    const auto check = [](const auto& format) {
        auto [socket, peer] = connected_pair();
        MessageChannel before(std::move(socket), format);
        before.queue("queued");
        std::string incoming, queued;
        for (const char* message : {"first", "second"}) append_frame(incoming, message, format);
        append_frame(queued, "queued", format);
        send_all(peer, incoming.substr(0, incoming.size() - 2));
        CHECK(before.receive() == "first");

        MessageChannel channel(std::move(before));
        CHECK(channel.queued() == queued.size());
        send_all(peer, incoming.substr(incoming.size() - 2));
        CHECK(channel.receive() == "second");
        channel.flush();
        CHECK(recv_exact(peer, queued.size()) == queued);
    };
    check(LengthPrefix{});
    check(LengthPrefix{.width = LengthPrefix::varint});
    check(Delimiter("\r\n"));
}

TEST_CASE("send and queue: with timeouts what was taken arrives once and whole, and nothing else does",
          "[message_channel]") {  // behaviours 31, 35
    const How how = GENERATE(How::send, How::queue);
    for (const std::size_t size : {64U, 1000U, 16'384U, 200'000U}) {
        CAPTURE(size);
        check_sending(size, how, LengthPrefix{});
        check_sending(size, how, LengthPrefix{.width = LengthPrefix::varint});
        check_sending(size, how, Delimiter("--end--"));
    }
}

TEST_CASE("MessageChannel: with timeouts at random on both sides every message comes once, in order",
          "[message_channel]") {  // behaviours 35, 55
    auto [socket, peer] = narrow_pair();
    const auto check = [](Socket& to, Socket& from, const auto& format) {
        std::vector<std::string> sent, received;
        auto sending = std::async(std::launch::async, [&sent, &format, stream = std::move(to)]() mutable {
            std::minstd_rand random(11);
            MessageChannel channel(std::move(stream), format, {.send_buffer = 2000});
            for (std::size_t i = 0; i < 2000; ++i) {
                channel.stream().set_timeout(random() % 2 == 0 ? 0us : 200us);
                const std::string message = numbered(random() % (random() % 16 == 0 ? 100'000 : 500), i);
                const auto done = random() % 2 == 0 ? channel.try_send(message) : channel.try_queue(message);
                if (done) sent.push_back(message);
            }
            channel.stream().set_timeout({});
            channel.flush();
        });
        std::minstd_rand random(13);
        MessageChannel channel(std::move(from), format, {.receive_buffer = 3000});
        for (;;) {
            channel.stream().set_timeout(random() % 2 == 0 ? 0us : 200us);
            auto message = channel.try_receive();
            if (message.has_value() && !*message) break;
            if (message.has_value())
                received.push_back(std::move(**message));
            else if (!message.error().would_block())
                REQUIRE(message.error().code() == Errc::deadline_exceeded);
        }
        sending.get();
        CHECK(sent.size() > 1000);
        CHECK((received == sent));
    };
    SECTION("with a length in front") { check(socket, peer, LengthPrefix{}); }
    SECTION("with a varint in front") { check(socket, peer, LengthPrefix{.width = LengthPrefix::varint}); }
    SECTION("with a delimiter behind") { check(socket, peer, Delimiter("\r\n")); }
}

TEST_CASE("release: the stream and the bytes read ahead, with which another engine goes on", "[message_channel]") {
    auto [writer, reader] = connected_pair();
    std::string sent;
    for (const char* text : {"first", "second", "third"}) append_frame(sent, text);
    send_all(writer, std::string_view(sent).substr(0, sent.size() - 2));

    MessageChannel channel(std::move(reader));
    REQUIRE(channel.receive() == "first");
    auto [stream, unread] = std::move(channel).release();
    const std::size_t first_frame = 4 + 5;
    CHECK(unread == sent.substr(first_frame, sent.size() - 2 - first_frame));
    send_all(writer, std::string_view(sent).substr(sent.size() - 2));
    writer.shutdown_send();

    FrameDecoder decoder;
    decoder.feed(unread);
    for (std::byte bytes[64]; const std::size_t size = stream.recv_some(bytes);) decoder.feed({bytes, size});
    CHECK(decoder.next() == "second");
    CHECK(decoder.next() == "third");
    CHECK(decoder.at_boundary());
}

TEST_CASE("release: nothing read ahead leaves nothing behind, and the stream is as good as before",
          "[message_channel]") {
    auto [writer, reader] = connected_pair();
    MessageChannel channel(std::move(reader));
    send_message(writer, "whole");
    REQUIRE(channel.receive() == "whole");
    auto released = std::move(channel).release();
    CHECK(released.unread.empty());
    send_message(writer, "next");
    CHECK(recv_message(released.stream) == "next");
}
