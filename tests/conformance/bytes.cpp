// SPDX-License-Identifier: MIT
// BasicIO and PingPong: what goes in comes out, to the last byte, and then the end.
#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <utility>

#include <sockboot/message.hpp>
#include <sockboot/message_channel.hpp>

#include "conformance.hpp"

using namespace conformance;

namespace {

constexpr std::uint64_t messages = 2'000;

/// Sends back what comes, until the peer ends its side, and then ends this one.
template <class S> void echo_bytes(S& stream) {
    std::array<std::byte, 50'021> buffer{};
    while (const std::size_t size = stream.recv_some(buffer)) send_all(stream, std::span(buffer).first(size));
    stream.shutdown_send();
}
template <class S> void echo_messages(S& stream) {
    for (std::string message; recv_message(stream, message);) send_message(stream, message);
    stream.shutdown_send();
}
template <class Channel> void echo_queued(Channel& channel) {
    while (const auto message = channel.receive_view()) {
        channel.queue(*message);
        if (channel.pending() == 0) channel.flush();
    }
    channel.flush();
    channel.stream().shutdown_send();
}

/// Receives integers, and sends each back with one added, until the peer ends; whether each was two more than the last.
template <class S> bool pong(S& stream) {
    std::array<std::byte, sizeof(std::uint64_t)> bytes{};
    for (std::uint64_t expected = 0; try_recv_exact(stream, bytes); expected += 2) {
        const auto number = std::bit_cast<std::uint64_t>(bytes);
        if (number != expected) return false;
        send_all(stream, ByteView::of(number + 1));
    }
    stream.shutdown_send();
    return true;
}

}  // namespace

TEMPLATE_TEST_CASE("conformance: 8 MiB go there and come back in odd cuts, and then each side sees the other's end",
                   "[conformance]", TRANSPORTS) {
    constexpr std::uint64_t total = std::uint64_t{8} << 20;
    auto pair = TestType::make();
    auto &here = pair.first, &there = pair.second;
    auto echoing = in_a_thread([&] { echo_bytes(there); });
    auto sending = in_a_thread([&] {
        Sender sender(here);
        for (OddSizes sizes(1, 100'000); sender.place() < total;)
            sender.all(sizes.next(total - sender.place())).value();
        here.shutdown_send();
    });

    Receiver receiver(here);
    for (OddSizes sizes(2, 100'000); receiver.place() < total;)
        receiver.all(sizes.next(total - receiver.place())).value();
    sending.get();
    echoing.get();

    CHECK(receiver.intact());
    CHECK(receiver.some(1).value() == 0);
    CHECK(receiver.some(1).value() == 0);  // and stays so
    CHECK(code_of(receiver.all(1)) == Errc::closed);
}

TEMPLATE_TEST_CASE("conformance: an end that is shut down still receives", "[conformance]", TRANSPORTS) {
    auto [here, there] = TestType::make();
    send_message(here, "the last question");
    here.shutdown_send();
    CHECK(recv_message(there) == "the last question");
    CHECK(recv_message(there) == std::nullopt);
    send_message(there, "an answer all the same");
    there.shutdown_send();
    CHECK(recv_message(here) == "an answer all the same");
    CHECK(recv_message(here) == std::nullopt);
}

TEMPLATE_TEST_CASE("conformance: messages of many sizes come back whole and in order, and then the end",
                   "[conformance]", TRANSPORTS) {
    auto pair = TestType::make();
    auto &here = pair.first, &there = pair.second;
    auto echoing = in_a_thread([&] { echo_messages(there); });
    auto sending = in_a_thread([&] {
        for (std::uint64_t i = 0; i < messages; ++i) send_message(here, message_of(i));
        here.shutdown_send();
    });

    std::uint64_t good = 0;
    for (std::string message; recv_message(here, message) && message == message_of(good);) ++good;
    CHECK(good == messages);
    sending.get();
    echoing.get();
}

TEMPLATE_TEST_CASE("conformance: messages of many sizes cross two channels, queued and received in place",
                   "[conformance]", TRANSPORTS) {
    auto pair = TestType::make();
    MessageChannel here(std::move(pair.first)), there(std::move(pair.second));
    auto echoing = in_a_thread([&] { echo_queued(there); });
    auto sending = in_a_thread([&] {
        for (std::uint64_t i = 0; i < messages; ++i) here.queue(message_of(i));
        here.flush();
        here.stream().shutdown_send();
    });

    std::uint64_t good = 0;
    for (auto message = here.receive_view(); message == message_of(good); message = here.receive_view()) ++good;
    CHECK(good == messages);
    CHECK(here.receive() == std::nullopt);
    sending.get();
    echoing.get();
}

TEMPLATE_TEST_CASE("conformance: an integer goes to and fro, and both ends see it grow", "[conformance]", TRANSPORTS) {
    auto pair = TestType::make();
    auto &here = pair.first, &there = pair.second;
    auto answering = in_a_thread([&] { return pong(there); });
    std::array<std::byte, sizeof(std::uint64_t)> bytes{};
    std::uint64_t number = 0;
    for (int i = 0; i < 2'000; ++i) {
        send_all(here, ByteView::of(number));
        recv_exact(here, bytes);
        const auto answer = std::bit_cast<std::uint64_t>(bytes);
        if (answer != number + 1) break;
        number = answer + 1;
    }
    here.shutdown_send();
    CHECK(number == 4'000);
    CHECK(answering.get());
    CHECK(code_of(try_recv_exact(here, bytes)) == Errc::closed);
}
