// SPDX-License-Identifier: MIT
#include <sockboot/transfer.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using loopback::connected_pair;
using loopback::error_of;
using loopback::pattern;

namespace {

/// A stream of the user's own: what is sent can be received again, at most `step` bytes at a time.
struct Wire {
    std::size_t step = 4096;
    std::string bytes{};
    std::size_t taken = 0;

    Result<std::size_t> try_send_some(ByteView more) {
        const std::size_t size = std::min(step, more.size());
        bytes.append(more.text().substr(0, size));
        return size;
    }
    Result<std::size_t> try_recv_some(std::span<std::byte> buffer) {
        const std::size_t size = std::min({step, buffer.size(), bytes.size() - taken});
        std::memcpy(buffer.data(), bytes.data() + taken, size);
        taken += size;
        return size;
    }
};
static_assert(Stream<Wire> && Stream<Socket> && !Stream<std::string>);

/// Sends a byte every 50 ms, with the timeout of its own receiving as its clock, until the peer closes.
void drip(Socket& socket) {
    socket.set_timeout(50ms);
    std::array<std::byte, 1> byte{};
    for (;;) {
        const auto got = socket.try_recv_some(byte);
        if (got || got.error().code() != Errc::deadline_exceeded || !socket.try_send_some(".")) return;
    }
}

}  // namespace

TEST_CASE("send_all and recv_exact work over a stream of the user's own, in whatever steps it takes", "[transfer]") {
    const std::size_t step = GENERATE(1U, 3U, 4096U);
    const std::size_t size = GENERATE(0U, 1U, 65535U, 65536U, 65537U, 131073U, 300000U);
    Wire wire{.step = step};
    const std::string sent = pattern(size);
    send_all(wire, sent);
    REQUIRE(wire.bytes == sent);
    SECTION("a buffer") {
        std::string buffer(size, '?');
        recv_exact(wire, std::as_writable_bytes(std::span(buffer)));
        CHECK(buffer == sent);
    }
    SECTION("a count") { CHECK(recv_exact(wire, size) == sent); }
    CHECK(wire.taken == size);
}

TEST_CASE("send_all: any number of pieces go out as one, empty ones among them, however few a call takes",
          "[transfer]") {
    const std::size_t count = GENERATE(0U, 1U, 2U, 3U, 1023U, 1024U, 1025U, 5000U);
    const std::string all = pattern(count * 7);
    std::vector<ByteView> pieces;
    for (std::size_t i = 0; i < count; ++i) {
        pieces.emplace_back(all.substr(0, 0));
        pieces.emplace_back(std::string_view(all).substr(i * 7, 7));
    }
    SECTION("a socket") {
        auto [writer, reader] = connected_pair();
        send_all(writer, pieces);
        CHECK(recv_exact(reader, all.size()) == all);
    }
    SECTION("a stream of the user's own") {
        Wire wire{.step = GENERATE(1U, 5U, 4096U)};
        send_all(wire, pieces);
        CHECK(wire.bytes == all);
    }
}

TEST_CASE("send_all: what many pieces cost grows with their number, not with its square", "[transfer]") {
    const std::string bytes = pattern(100'000);
    std::vector<ByteView> pieces;
    for (const char& byte : bytes) pieces.push_back(std::string_view(&byte, 1));
    Wire wire{.step = 2};
    send_all(wire, pieces);  // by the square that would be 5,000,000,000 looks at a piece
    CHECK(wire.bytes == bytes);
}

TEST_CASE("send_all: pieces in braces are sent from where they lie", "[transfer]") {
    auto [writer, reader] = connected_pair();
    const std::string body = pattern(100'000);
    const std::array<std::byte, 2> trailer{std::byte{'\r'}, std::byte{'\n'}};
    auto sent =
        std::async(std::launch::async, [&to = writer, &body, &trailer] { send_all(to, {"head", body, trailer}); });
    CHECK(recv_exact(reader, 4) == "head");
    CHECK(recv_exact(reader, body.size()) == body);
    CHECK(recv_exact(reader, 2) == "\r\n");
    sent.get();
    send_all(writer, {});
    writer.close();
    CHECK(error_of(try_recv_exact(reader, 1)).code() == Errc::closed);
}

TEST_CASE("send_all: of pieces, too, an error tells how many bytes had been sent", "[transfer]") {
    auto [writer, reader] = connected_pair();
    writer.set_timeout(0s);
    const std::string piece = pattern(100'000);
    const std::vector<ByteView> pieces(500, piece);
    const auto error = error_of(try_send_all(writer, pieces));
    CHECK(error.would_block());
    CHECK(error.wanted() == 50'000'000);
    REQUIRE(error.transferred() > 0);
    REQUIRE(error.transferred() < 50'000'000);
    writer.close();
    std::string got(static_cast<std::size_t>(error.transferred()), '?');
    recv_exact(reader, std::as_writable_bytes(std::span(got)));
    for (std::size_t at = 0; at < got.size(); at += piece.size())
        REQUIRE(got.compare(at, piece.size(), piece, 0, std::min(piece.size(), got.size() - at)) == 0);
    CHECK(error_of(try_recv_exact(reader, 1)).code() == Errc::closed);
}

TEST_CASE("recv_exact: bytes of the next one stay in the stream", "[transfer]") {
    auto [writer, reader] = connected_pair();
    send_all(writer, "onetwothree");
    CHECK(recv_exact(reader, 3) == "one");
    CHECK(recv_exact(reader, 3) == "two");
    CHECK(recv_exact(reader, 0).empty());
    CHECK(recv_exact(reader, 5) == "three");
}

TEST_CASE("recv_exact: the end before the first byte is closed, a later one is truncated", "[transfer]") {
    struct Case {
        const char* sent;
        Errc code;
        std::uint64_t received;
        const char* text;
    };
    const Case cases[] = {{"", Errc::closed, 0, "0 of 5 bytes"}, {"abcd", Errc::truncated, 4, "4 of 5 bytes"}};
    for (const Case& one : cases) {
        CAPTURE(one.sent);
        Wire wire{.bytes = one.sent};
        CHECK(error_of(try_recv_exact(wire, 5)).code() == one.code);

        auto [writer, reader] = connected_pair();
        send_all(writer, one.sent);
        writer.close();
        std::array<std::byte, 5> buffer{};
        const auto error = error_of(try_recv_exact(reader, buffer));
        CHECK(error.code() == one.code);
        CHECK(error.transferred() == one.received);
        CHECK(error.wanted() == 5);
        CHECK_THAT(error.message(), StartsWith("[pair] receive from 127.0.0.1:"));
        CHECK_THAT(error.message(), ContainsSubstring(one.text));
    }
}

TEST_CASE("recv_exact: a peer that drips a byte at a time does not stretch the deadline",
          "[transfer]") {  // behaviour 26
    auto [dripping, reader] = connected_pair();
    reader.set_timeout(300ms);
    auto peer = std::async(std::launch::async, [&socket = dripping] { drip(socket); });
    const bool counted = GENERATE(true, false);
    std::array<std::byte, 100> buffer{};
    const loopback::Stopwatch watch;
    const auto error = error_of(counted ? try_recv_exact(reader, buffer.size()).transform([](auto&&) {})
                                        : try_recv_exact(reader, buffer));
    CHECK(watch.elapsed_ms() >= 300);
    CHECK(watch.elapsed_ms() < 1500);
    reader.close();
    peer.get();
    CHECK(error.code() == Errc::deadline_exceeded);
    CHECK(error.transferred() >= 1);
    CHECK(error.transferred() <= 6);
    CHECK(error.wanted() == 100);
    CHECK_THAT(error.message(), ContainsSubstring(std::to_string(error.transferred()) + " of 100 bytes had come"));
}

TEST_CASE("recv_exact: Timeout zero takes what is there and says would-block for the rest",
          "[transfer]") {  // behaviour 27
    auto [writer, reader] = connected_pair();
    send_all(writer, "abcd");
    std::array<std::byte, 1> first{};
    recv_exact(reader, first);
    reader.set_timeout(0s);
    const auto error = error_of(try_recv_exact(reader, 10));
    CHECK(error.would_block());
    CHECK(error.transferred() == 3);
    CHECK(error.wanted() == 10);
}

TEST_CASE("recv_exact: memory follows what arrives, not what was asked for", "[transfer]") {  // behaviour 47
    auto [writer, reader] = connected_pair();
    send_all(writer, "0123456789");
    writer.close();
    const auto error = error_of(try_recv_exact(reader, std::size_t{1} << 40));
    CHECK(error.code() == Errc::truncated);
    CHECK_THAT(error.message(), ContainsSubstring("10 of 1099511627776 bytes"));
}

TEST_CASE("send_all: 32 MiB through a small buffer reach a slow reader unchanged", "[transfer]") {  // behaviour 35
    auto [writer, reader] = connected_pair();
    writer.set_send_buffer(48 << 10);  // smaller than loopback's segments, each would wait for a delayed ACK
    const std::string sent = pattern(std::size_t{32} << 20);
    const auto timeout = GENERATE(Timeout::forever(), Timeout(30s));
    writer.set_timeout(timeout);
    reader.set_timeout(timeout);
    auto slowly = std::async(std::launch::async, [&socket = reader] {
        std::string all;
        while (all.size() < std::size_t{32} << 20) all += recv_exact(socket, std::size_t{1} << 19);
        return all;
    });
    send_all(writer, sent);
    CHECK(slowly.get() == sent);
}

TEST_CASE("send_all: to a peer that never reads it ends on time and says how much had been sent",
          "[transfer]") {  // behaviour 31
    auto [writer, silent] = connected_pair();
    writer.set_timeout(200ms);
    const std::string sent(std::size_t{32} << 20, 'x');
    const loopback::Stopwatch watch;
    const auto error = error_of(try_send_all(writer, sent));
    CHECK(watch.elapsed_ms() >= 200);
    CHECK(watch.elapsed_ms() < 1500);
    CHECK(error.code() == Errc::deadline_exceeded);
    CHECK(error.transferred() > 0);
    CHECK(error.transferred() < sent.size());
    CHECK_THAT(error.message(), ContainsSubstring("of 33554432 bytes had been sent"));

    const auto transferred = static_cast<std::size_t>(error.transferred());
    CHECK(recv_exact(silent, transferred) == sent.substr(0, transferred));
    silent.set_timeout(0s);
    CHECK(error_of(try_recv_exact(silent, 1)).would_block());
}

TEST_CASE("send_all: writing to a peer that is gone is an error every time, never SIGPIPE",
          "[transfer]") {  // behaviours 59, 118
    struct sigaction lethal{}, before{}, after{};
    lethal.sa_handler = SIG_DFL;
    REQUIRE(::sigaction(SIGPIPE, &lethal, &before) == 0);
    auto [writer, peer] = connected_pair();
    peer.set_linger(0s);
    peer.close();
    CHECK(error_of(try_recv_exact(writer, 1)).code() == std::errc::connection_reset);
    for (int i = 0; i < 2; ++i) {
        CHECK(error_of(try_send_all(writer, "x")).code() == std::errc::broken_pipe);
        Deadline deadline{Timeout(1s)};
        CHECK(error_of(writer.try_send_some("x", "y", deadline)).code() == std::errc::broken_pipe);
    }
    REQUIRE(::sigaction(SIGPIPE, &before, &after) == 0);
    CHECK(after.sa_handler == SIG_DFL);
}

TEST_CASE("send_some and recv_some: 3 GiB are moved in pieces that every system takes", "[transfer]") {  // behaviour 38
    constexpr std::size_t size = std::size_t{3} << 30;
    constexpr int untouched = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, untouched, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    const std::span bytes(static_cast<std::byte*>(memory), size);
    auto [writer, reader] = connected_pair();
    writer.set_timeout(0s);
    const std::size_t sent = writer.send_some(bytes);
    CHECK(sent > 0);
    CHECK(sent <= std::size_t{1} << 30);
    CHECK(reader.recv_some(bytes) > 0);
    ::munmap(memory, size);
}
