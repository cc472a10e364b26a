// SPDX-License-Identifier: MIT
#include <sockboot/stream.hpp>

#include <span>
#include <string>
#include <system_error>

#include <sockboot/message.hpp>
#include <sockboot/transfer.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using loopback::connected_pair;
using loopback::error_of;

namespace {

/// A stream of the user's own on top of a Socket: it counts bytes, and has the deadline and the words of that socket.
struct Counting {
    Socket socket;
    std::size_t sent = 0, received = 0;

    Result<std::size_t> try_send_some(ByteView bytes) { return counted(sent, socket.try_send_some(bytes)); }
    Result<std::size_t> try_send_some(ByteView first, ByteView second, Deadline& deadline) {
        return counted(sent, socket.try_send_some(first, second, deadline));
    }
    Result<std::size_t> try_recv_some(std::span<std::byte> buffer) {
        return counted(received, socket.try_recv_some(buffer));
    }
    Result<std::size_t> try_recv_some(std::span<std::byte> buffer, Deadline& deadline, bool whole) {
        return counted(received, socket.try_recv_some(buffer, deadline, whole));
    }
    [[nodiscard]] Timeout timeout() const { return socket.timeout(); }
    [[nodiscard]] Error with_source(Error error) const { return socket.with_source(std::move(error)); }
    Result<void> try_shutdown_send() { return socket.try_shutdown_send(); }
    void close() { socket.close(); }

    static Result<std::size_t> counted(std::size_t& count, Result<std::size_t> moved) {
        count += moved ? *moved : 0;
        return moved;
    }
};

/// One whose calls fail with an error of its own.
struct Failing {
    static Error failure(Operation operation) {
        return Error(make_error_code(std::errc::io_error), operation).with_context("disk", "/dev/sda").with_note("own");
    }
    static Result<std::size_t> try_send_some(ByteView) { return failure(Operation::send); }
    static Result<std::size_t> try_recv_some(std::span<std::byte>) { return failure(Operation::receive); }
};

}  // namespace

static_assert(Stream<Socket> && Stream<Counting> && Stream<Failing> && !Stream<std::string>);
static_assert(ClosableStream<Socket> && ClosableStream<Counting> && !ClosableStream<Failing>);

TEST_CASE("stream: one that is built on a Socket passes on its deadline, its words and its one call a message",
          "[stream]") {
    auto [socket, peer] = connected_pair();
    Counting stream{std::move(socket)};
    send_message(stream, "hello");
    CHECK(stream.sent == 9);
    CHECK(recv_message(peer) == "hello");
    send_message(peer, "answer");
    CHECK(recv_message(stream) == "answer");
    CHECK(stream.received == 10);

    stream.socket.set_timeout(std::chrono::milliseconds(20));
    const auto late = error_of(try_recv_message(stream));
    CHECK(late.code() == Errc::deadline_exceeded);
    CHECK(late.context() == "pair");
    peer.close();
    const auto ended = error_of(try_recv_exact(stream, 1));
    CHECK(ended.code() == Errc::closed);
    CHECK(ended.endpoint() == stream.socket.remote_endpoint().to_string());
    CHECK(graceful_close(stream) == CloseOutcome::peer_closed);
    CHECK_FALSE(stream.socket.is_open());
}

TEST_CASE("stream: an error of the stream's own is handed on whole, with how far the transfer came", "[stream]") {
    Failing stream;
    for (const Error& error : {error_of(try_send_all(stream, "bytes")), error_of(try_send_message(stream, "x"))}) {
        CHECK(error.code() == std::errc::io_error);
        CHECK(error.operation() == Operation::send);
        CHECK_THAT(error.message(), StartsWith("[disk] send to /dev/sda: ") && ContainsSubstring("own"));
        CHECK(error.wanted() == 5);
    }
    for (const Error& error : {error_of(try_recv_exact(stream, 7)), error_of(try_recv_message(stream))})
        CHECK_THAT(error.message(), StartsWith("[disk] receive from /dev/sda: ") && ContainsSubstring("own"));
}
