// SPDX-License-Identifier: MIT
// The ends of a connection: graceful_close in transfer.hpp, abort in socket.hpp.
#include <sockboot/transfer.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <limits>
#include <new>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <sockboot/message.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using loopback::connected_pair;
using loopback::error_of;

namespace {

constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

/// Sends until the other end has gone.
std::future<void> endless_sending(Socket& socket) {
    return std::async(std::launch::async, [&socket] {
        while (try_send_all(socket, std::string(100'000, 'x'))) {
        }
    });
}

/// A stream that always has more to read, or so many bytes and then an end of its own.
struct Endless {
    std::uint64_t left = no_limit, received = 0;
    std::error_code failure;
    bool throws = false, is_closed = false;

    static Result<std::size_t> try_send_some(ByteView bytes) { return bytes.size(); }
    Result<std::size_t> try_recv_some(std::span<std::byte> buffer) {
        if (throws) throw std::bad_alloc();
        if (left == 0 && failure) return Error(failure, Operation::receive);
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size()));
        left -= size, received += size;
        return size;
    }
    static Result<void> try_shutdown_send() { return {}; }
    void close() { is_closed = true; }
};

}  // namespace

TEST_CASE("graceful_close: the last reply arrives although the peer had sent more", "[transfer]") {  // behaviour 58
    for (int round = 0; round < 50; ++round) {
        auto [server, client] = connected_pair();
        auto reading = std::async(std::launch::async, [&peer = client] {
            const auto reply = recv_message(peer);
            peer.close();
            return reply;
        });
        client.send_some(std::string(10'000, 'x'));  // that the server will not read
        send_message(server, "413 too much");
        CHECK(graceful_close(server) == CloseOutcome::peer_closed);
        CHECK_FALSE(server.is_open());
        CHECK(reading.get() == "413 too much");
    }
}

TEST_CASE("graceful_close: the peer sees the end of the stream, not a reset", "[transfer]") {
    auto [server, client] = connected_pair();
    auto closing = std::async(std::launch::async, [&socket = server] { return graceful_close(socket, 60s); });
    CHECK(error_of(try_recv_exact(client, 1)).code() == Errc::closed);
    client.close();
    CHECK(closing.get() == CloseOutcome::peer_closed);
}

TEST_CASE("graceful_close: a peer that stays is left when the time is up, which is no error", "[transfer]") {
    auto [server, client] = connected_pair();
    const Timeout timeout = GENERATE(Timeout(50ms), Timeout(0s), Timeout(-1s));
    const loopback::Stopwatch watch;
    CHECK(graceful_close(server, timeout) == CloseOutcome::timed_out);
    CHECK(watch.elapsed_ms() * 1e6 >= static_cast<double>(timeout.duration().count()));
    CHECK_FALSE(server.is_open());
}

TEST_CASE("graceful_close: a peer that goes on sending is left at the limit, which is no error", "[transfer]") {
    auto [server, client] = connected_pair();
    auto sending = endless_sending(client);
    CHECK(graceful_close(server, 60s, 100'000) == CloseOutcome::limit_reached);
    CHECK_FALSE(server.is_open());
    sending.wait();
}

TEST_CASE("graceful_close: a peer that never stops sending does not stretch the time", "[transfer]") {
    auto [server, client] = connected_pair();
    auto sending = endless_sending(client);
    CHECK(graceful_close(server, 50ms, no_limit) == CloseOutcome::timed_out);
    CHECK_FALSE(server.is_open());
    sending.wait();
}

TEST_CASE("graceful_close: a stream that always has more to read is left on time, and at the limit", "[transfer]") {
    Endless stream;
    SECTION("on time") {
        const loopback::Stopwatch watch;
        CHECK(graceful_close(stream, 50ms, no_limit) == CloseOutcome::timed_out);
        CHECK(watch.elapsed_ms() >= 50);
    }
    SECTION("at the limit") {
        CHECK(graceful_close(stream, Timeout::forever(), 10'000) == CloseOutcome::limit_reached);
        CHECK(stream.received > 10'000);
        CHECK(stream.received <= 10'000 + 4096);
    }
    CHECK(stream.is_closed);
}

TEST_CASE("graceful_close: left alone, it waits two seconds", "[transfer]") {
    auto [server, client] = connected_pair();
    const loopback::Stopwatch watch;
    CHECK(graceful_close(server) == CloseOutcome::timed_out);
    CHECK(watch.elapsed_ms() >= 2000);
}

TEST_CASE("graceful_close: left alone, it drops a mebibyte and no more", "[transfer]") {
    const bool sends_more = GENERATE(false, true);
    Endless stream;
    stream.left = (std::size_t{1} << 20) + (sends_more ? 1 : 0);
    CHECK(graceful_close(stream) == (sends_more ? CloseOutcome::limit_reached : CloseOutcome::peer_closed));
    CHECK(stream.is_closed);
}

TEST_CASE("graceful_close: closed twice, or after the peer has gone, it still closes", "[transfer]") {
    auto [server, client] = connected_pair();
    client.close();
    CHECK(graceful_close(server) == CloseOutcome::peer_closed);
    CHECK(error_of(try_graceful_close(server)).code() == Errc::closed);
}

TEST_CASE("graceful_close: a reset and a cancelled wait are errors that speak of closing, and it still closes",
          "[transfer]") {
    auto [server, client] = connected_pair();
    const std::string where = server.remote_endpoint().to_string();
    SECTION("a reset") {
        client.abort();
        const auto error = error_of(try_graceful_close(server, 60s));
        CHECK(error.code() == std::errc::connection_reset);
        CHECK(error.operation() == Operation::close);
        CHECK_THAT(error.message(), StartsWith("[pair] close " + where + ": connection reset"));
    }
    SECTION("cancelled") {
        Canceller canceller;
        server.set_canceller(canceller);
        canceller.cancel();
        CHECK(error_of(try_graceful_close(server, 60s)).message() == "[pair] close " + where + ": cancelled");
    }
    CHECK_FALSE(server.is_open());
}

TEST_CASE("graceful_close: a stream of the user's own is left on time too, and closed when it fails", "[transfer]") {
    Endless stream;
    stream.left = 0;
    SECTION("that says when its time is up") {
        stream.failure = Errc::deadline_exceeded;
        CHECK(graceful_close(stream) == CloseOutcome::timed_out);
    }
    SECTION("that says that it would block") {
        stream.failure = make_error_code(std::errc::operation_would_block);
        CHECK(graceful_close(stream) == CloseOutcome::timed_out);
    }
    SECTION("that fails") {
        stream.failure = make_error_code(std::errc::io_error);
        CHECK(error_of(try_graceful_close(stream)).code() == std::errc::io_error);
    }
    SECTION("that throws") {
        stream.throws = true;
        CHECK_THROWS_AS(graceful_close(stream), std::bad_alloc);
    }
    CHECK(stream.is_closed);
}

TEST_CASE("abort: resets the connection, and the peer can tell it from an end", "[socket]") {  // behaviour 57
    auto [socket, peer] = connected_pair();
    socket.abort();
    CHECK_FALSE(socket.is_open());
    CHECK(error_of(try_recv_exact(peer, 1)).code() == std::errc::connection_reset);
    socket.abort();  // a second time it does nothing
}

TEST_CASE("accept: a socket that can have no connections says so, and does not spin", "[socket]") {
    auto [socket, peer] = connected_pair();
    CHECK_FALSE(error_of(socket.try_accept(std::chrono::seconds(60))).transient());
    auto datagram = Socket::adopt(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "datagram");
    CHECK(error_of(datagram.try_accept()).code() == std::errc::operation_not_supported);
}
