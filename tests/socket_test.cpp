// SPDX-License-Identifier: MIT
#include <sockboot/socket.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using loopback::connected_pair;
using loopback::error_of;

namespace {

/// One receive, as text; "" at the end of the stream.
std::string received(Socket& socket) {
    std::array<std::byte, 64> buffer{};
    const std::size_t size = socket.recv_some(buffer);
    return {reinterpret_cast<const char*>(buffer.data()), size};
}

Result<std::size_t> try_receive(Socket& socket) {
    std::array<std::byte, 64> buffer{};
    return socket.try_recv_some(buffer);
}

}  // namespace

TEST_CASE("accept: each connection is told at level debug", "[socket]") {
    auto server = create_server("127.0.0.1", 0, "echo");
    const auto client = connect_to("127.0.0.1", server.local_endpoint().port());
    const loopback::LogCapture log;
    const auto socket = server.accept();
    CHECK(log.lines() == std::vector<std::string>{"[echo] accepted " + client.local_endpoint().to_string()});
}

TEST_CASE("accept: without a client it ends at its deadline, and the next one is still served", "[socket]") {
    auto server = create_server("127.0.0.1", 0, "idle", {.timeout = 100ms});
    const bool own = GENERATE(true, false);
    const loopback::Stopwatch watch;
    const auto error = error_of(own ? server.try_accept() : server.try_accept(100ms));
    CHECK(watch.elapsed_ms() >= 100);
    CHECK(watch.elapsed_ms() < 1500);
    CHECK(error.code() == Errc::deadline_exceeded);
    CHECK(error.code() == std::errc::timed_out);
    CHECK(error.transient());
    CHECK(error.message() == "[idle] accept on " + server.local_endpoint().to_string() + ": deadline exceeded");

    const auto client = connect_to("127.0.0.1", server.local_endpoint().port());
    CHECK(server.accept(Timeout::forever()).remote_endpoint() == client.local_endpoint());
}

TEST_CASE("Timeout zero tries once: would-block where there is nothing, the data where there is",
          "[socket]") {  // behaviour 27
    auto server = create_server("127.0.0.1", 0);
    CHECK(error_of(server.try_accept(0s)).would_block());

    auto [writer, reader] = connected_pair();
    reader.set_timeout(0s);
    const auto error = error_of(try_receive(reader));
    CHECK(error.would_block());
    CHECK(error.code() != std::errc::timed_out);
    CHECK(error.transient());

    writer.send_some("x");
    reader.set_timeout(5s);
    std::array<std::byte, 1> byte{};
    writer.send_some("y");
    CHECK(reader.recv_some(byte) == 1);
    reader.set_timeout(0s);
    CHECK(received(reader) == "y");
}

TEST_CASE("Timeout below zero: deadline_exceeded, although there is data, and the data stays",
          "[socket]") {  // behaviour 27
    auto [writer, reader] = connected_pair();
    writer.send_some("x");
    std::array<std::byte, 1> byte{};
    reader.set_timeout(-1ns);
    CHECK(error_of(reader.try_recv_some(byte)).code() == Errc::deadline_exceeded);
    reader.set_timeout({});
    CHECK(received(reader) == "x");

    writer.set_timeout(-1ns);
    CHECK(error_of(writer.try_send_some("y")).code() == Errc::deadline_exceeded);
    auto server = create_server("127.0.0.1", 0);
    const auto client = connect_to("127.0.0.1", server.local_endpoint().port());
    CHECK(error_of(server.try_accept(-1h)).code() == Errc::deadline_exceeded);
}

TEST_CASE("recv_some: after a time-out sending works, and without a timeout receiving goes on in order",
          "[socket]") {  // behaviour 29
    auto [peer, socket] = connected_pair();
    socket.set_timeout(20ms);
    CHECK(error_of(try_receive(socket)).code() == Errc::deadline_exceeded);
    socket.send_some("still here");
    CHECK(received(peer) == "still here");
    socket.set_timeout({});
    peer.send_some("in order");
    CHECK(received(socket) == "in order");
}

TEST_CASE("recv_some: the shortest wait is not cut short, the longest does not overflow", "[socket]") {  // behaviour 30
    auto [peer, socket] = connected_pair();
    socket.set_timeout(400us);
    const loopback::Stopwatch watch;
    CHECK(error_of(try_receive(socket)).code() == Errc::deadline_exceeded);
    CHECK(watch.elapsed_ms() >= 0.4);

    const auto longest = GENERATE(Timeout(std::chrono::hours::max()), Timeout(std::chrono::nanoseconds::max() - 1ns));
    socket.set_timeout(longest);
    peer.set_timeout(20ms);
    auto late = std::async(std::launch::async, [&slow = peer] {
        static_cast<void>(try_receive(slow));  // its own timeout is the clock
        slow.send_some("late");
    });
    CHECK(received(socket) == "late");
    late.get();
}

TEST_CASE("shutdown_send: the peer reads the end and can still answer", "[socket]") {  // behaviour 56
    auto [client, server] = connected_pair();
    client.send_some("question");
    client.shutdown_send();
    CHECK(received(server) == "question");
    CHECK(received(server).empty());
    server.send_some("answer");
    CHECK(received(client) == "answer");
    CHECK(error_of(client.try_send_some("more")).code() == std::errc::broken_pipe);
}

TEST_CASE("close: the peer reads the end, with a linger of zero it reads a reset", "[socket]") {  // behaviour 57
    auto [closing, reader] = connected_pair();
    SECTION("by default") {
        closing.close();
        CHECK(received(reader).empty());
    }
    SECTION("linger 0 s") {
        closing.set_linger(0s);
        closing.close();
        const auto error = error_of(try_receive(reader));
        CHECK(error.code() == std::errc::connection_reset);
        CHECK_FALSE(error.transient());
        CHECK_THAT(error.message(), StartsWith("[pair] receive from 127.0.0.1:"));
    }
}

TEST_CASE("shutdown: twice or after a reset it is no error, after close it is closed", "[socket]") {  // behaviour 60
    auto [socket, peer] = connected_pair();
    CHECK(socket.try_shutdown_send());
    CHECK(socket.try_shutdown_send());
    CHECK(socket.try_shutdown_receive());
    peer.set_linger(0s);
    peer.close();
    CHECK(socket.try_shutdown_send());
    socket.close();
    CHECK(error_of(socket.try_shutdown_send()).code() == Errc::closed);
    CHECK(error_of(socket.try_shutdown_receive()).code() == Errc::closed);
}

TEST_CASE("Socket: a moved-from socket is closed, and move-assignment closes what was held at once",
          "[socket]") {  // behaviour 9
    const int before = loopback::open_descriptors();
    {
        auto [first, first_peer] = connected_pair();
        auto [second, second_peer] = connected_pair();
        Socket moved(std::move(first));
        CHECK_FALSE(first.is_open());
        CHECK(first.native_handle() == -1);
        CHECK(moved.context() == "pair");

        moved = std::move(second);
        CHECK_FALSE(second);
        CHECK(received(first_peer).empty());
        moved.send_some("second");
        CHECK(received(second_peer) == "second");

        Socket& itself = moved;
        moved = std::move(itself);
        CHECK(moved.is_open());
        moved.send_some("again");
        CHECK(received(second_peer) == "again");
        moved.close();
        moved.close();
        CHECK_FALSE(moved);
    }
    CHECK(loopback::open_descriptors() == before);
}

TEST_CASE("Socket: released descriptors stay open and can be adopted again, a listener too",
          "[socket]") {  // behaviour 9
    auto server = create_server("127.0.0.1", 0, "first");
    const Endpoint where = server.local_endpoint();
    const int listener = server.release();
    CHECK_FALSE(server.is_open());
    server = Socket::adopt(listener, "second");
    CHECK(server.native_handle() == listener);
    CHECK(server.context() == "second");
    CHECK(server.local_endpoint() == where);
    CHECK(server.remote_endpoint() == Endpoint{});

    auto client = connect_to("127.0.0.1", where.port());
    auto adopted = Socket::adopt(server.accept().release());
    CHECK(adopted.remote_endpoint() == client.local_endpoint());
    client.send_some("hello");
    CHECK(received(adopted) == "hello");
}

TEST_CASE("adopt: what is no socket is refused and left alone", "[socket]") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    const auto error = error_of(Socket::try_adopt(ends[0], "inherited"));
    CHECK(error.code() == std::errc::not_a_socket);
    CHECK_THAT(error.message(), StartsWith("[inherited] "));
    CHECK_THAT(error.message(), ContainsSubstring("handle " + std::to_string(ends[0])));
    for (const int end : ends) CHECK(::close(end) == 0);
    CHECK(error_of(Socket::try_adopt(ends[0])).code() == std::errc::bad_file_descriptor);
}

TEST_CASE("Socket: a closed one answers every call with closed, under the name it had", "[socket]") {
    struct Call {
        const char* operation;
        std::function<Error(Socket&)> error;
    };
    const Call calls[] = {
        {"accept", [](Socket& s) { return error_of(s.try_accept()); }},
        {"accept", [](Socket& s) { return error_of(s.try_accept(1s)); }},
        {"send", [](Socket& s) { return error_of(s.try_send_some("x")); }},
        {"receive", [](Socket& s) { return error_of(try_receive(s)); }},
        {"shutdown", [](Socket& s) { return error_of(s.try_shutdown_send()); }},
        {"shutdown", [](Socket& s) { return error_of(s.try_shutdown_receive()); }},
        {"configure", [](Socket& s) { return error_of(s.try_set_no_delay(true)); }},
        {"configure", [](Socket& s) { return error_of(s.try_set_keep_alive(KeepAlive{})); }},
        {"configure", [](Socket& s) { return error_of(s.try_set_linger(1s)); }},
        {"configure", [](Socket& s) { return error_of(s.try_set_send_buffer(4096)); }},
        {"configure", [](Socket& s) { return error_of(s.try_set_receive_buffer(4096)); }},
        {"configure", [](Socket& s) { return error_of(s.try_set_non_blocking(true)); }},
        {"configure", [](Socket& s) { return error_of(s.try_set_option(SOL_SOCKET, SO_KEEPALIVE, 1)); }},
        {"configure", [](Socket& s) { return error_of(s.try_get_option<int>(SOL_SOCKET, SO_KEEPALIVE)); }},
    };
    Socket never_opened;
    auto [closed, peer] = connected_pair();
    closed.close();
    for (const Call& call : calls) {
        CAPTURE(call.operation, &call - calls);
        CHECK(call.error(never_opened).code() == Errc::closed);
        const auto error = call.error(closed);
        CHECK(error.code() == Errc::closed);
        CHECK(to_string(error.operation()) == call.operation);
        CHECK(error.context() == "pair");
        CHECK(error.endpoint() == peer.local_endpoint().to_string());
    }
    CHECK_THROWS_AS(closed.send_some("x"), SocketError);
}

TEST_CASE("set_non_blocking: calls wait all the same, as the timeout says", "[socket]") {
    auto [socket, peer] = connected_pair();
    socket.set_non_blocking(true);
    auto answer = std::async(std::launch::async, [&waiting = socket] { return received(waiting); });
    peer.set_timeout(20ms);
    CHECK(error_of(try_receive(peer)).code() == Errc::deadline_exceeded);  // the clock
    peer.send_some("waited for");
    CHECK(answer.get() == "waited for");
}

TEST_CASE("recv_some: an empty buffer is refused, not taken for the end of the stream", "[socket]") {
    auto [socket, peer] = connected_pair();
    CHECK(error_of(socket.try_recv_some({})).code() == std::errc::invalid_argument);
}
