// SPDX-License-Identifier: MIT
#include <sockboot/canceller.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sockboot/message.hpp>
#include <sockboot/transfer.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using loopback::connected_pair;
using loopback::error_of;

namespace {

/// Whether a call that was blocked answers `cancelled` once `strike` has been called, and how long that took.
template <class Call, class Strike> double milliseconds_to_wake(const Call& call, const Strike& strike) {
    std::promise<void> begun;
    auto answer = std::async(std::launch::async, [&] {
        begun.set_value();
        return call();
    });
    begun.get_future().wait();
    // Blocked or about to block: a canceller must end both.
    const loopback::Stopwatch watch;
    strike();
    CHECK(answer.get().code() == Errc::cancelled);
    return watch.elapsed_ms();
}

}  // namespace

TEST_CASE("Canceller: strikes once, sticks until reset, and copies are one switch", "[canceller]") {
    Canceller canceller;
    Canceller copy = canceller;
    CHECK(canceller);
    CHECK_FALSE(canceller.is_cancelled());
    copy.cancel();
    copy.cancel();
    CHECK(canceller.is_cancelled());
    canceller.reset();
    CHECK_FALSE(copy.is_cancelled());
    copy.cancel();
    CHECK(canceller.is_cancelled());
}

TEST_CASE("Canceller::none: never strikes and takes no descriptor", "[canceller]") {
    const int before = loopback::open_descriptors();
    Canceller none = Canceller::none();
    none.cancel();
    CHECK_FALSE(none);
    CHECK_FALSE(none.is_cancelled());
    none.reset();
    CHECK(loopback::open_descriptors() == before);
}

TEST_CASE("Canceller: its descriptors are freed with the last socket that knows it", "[canceller]") {
    const int before = loopback::open_descriptors();
    {
        auto server = create_server("127.0.0.1", 0, {}, {.canceller = Canceller()});
        CHECK(loopback::open_descriptors() == before + 3);
    }
    CHECK(loopback::open_descriptors() == before);
}

TEST_CASE("Canceller: wakes a blocked accept, receive, send and message", "[canceller]") {  // behaviour 92
    Canceller canceller;
    const auto strike = [&] { canceller.cancel(); };
    auto server = create_server("127.0.0.1", 0, {}, {.canceller = canceller});
    auto pair = connected_pair();
    Socket& socket = pair.first;
    socket.set_canceller(canceller);

    double slowest = 0;
    const auto wakes = [&](const auto& call) {
        slowest = std::max(slowest, milliseconds_to_wake(call, strike));
        canceller.reset();
    };
    wakes([&] { return error_of(server.try_accept()); });
    wakes([&] { return error_of(server.try_accept(60s)); });
    wakes([&] { return error_of(try_recv_exact(socket, 1)); });
    wakes([&] { return error_of(try_recv_message(socket)); });
    const std::string endless(std::size_t{64} << 20, 'x');
    wakes([&] { return error_of(try_send_all(socket, endless)); });
    socket.set_timeout(60s);
    wakes([&] { return error_of(try_recv_message(socket)); });
    CHECK(slowest < 1000);
}

TEST_CASE("Canceller: after reset() a call that has to wait waits, as if nothing had struck", "[canceller]") {
    Canceller canceller;
    auto server = create_server("127.0.0.1", 0, {}, {.canceller = canceller});
    auto [socket, peer] = connected_pair();
    socket.set_canceller(canceller);
    socket.set_timeout(20ms);
    for (int round = 0; round < 3; ++round) {
        for (int strike = 0; strike <= round; ++strike) canceller.cancel();
        canceller.reset();
        const Error nobody_came = error_of(server.try_accept(20ms));
        CHECK(nobody_came.code() == Errc::deadline_exceeded);
        CHECK(nobody_came.operation() == Operation::accept);
        CHECK(error_of(try_recv_exact(socket, 1)).code() == Errc::deadline_exceeded);
        CHECK(error_of(try_recv_message(socket)).code() == Errc::deadline_exceeded);
    }
    socket.set_timeout({});
    auto waiting = std::async(std::launch::async, [&from = socket] { return recv_exact(from, 5); });
    send_all(peer, "there");
    CHECK(waiting.get() == "there");
}

TEST_CASE("Canceller: a byte that has outlived its reset() wakes a wait, and cancels nothing", "[canceller]") {
    const Canceller canceller;
    detail::os::PollEntry entry;
    REQUIRE(detail::wake_entry(canceller, entry));
    const std::string pipe = "/proc/self/fd/" + std::to_string(entry.fd);  // Linux opens its other end
    const auto leave_a_byte = [&] {
        const detail::os::UniqueHandle write_end(::open(pipe.c_str(), O_WRONLY));
        REQUIRE(::write(write_end.get(), "!", 1) == 1);
    };
    auto server = create_server("127.0.0.1", 0, {}, {.backlog = 0, .canceller = canceller});
    leave_a_byte();
    CHECK(error_of(server.try_accept(20ms)).code() == Errc::deadline_exceeded);
    const auto port = server.local_endpoint().port();
    const auto waiting = connect_to("127.0.0.1", port);  // nobody else is let in
    leave_a_byte();
    CHECK(error_of(try_connect_to("127.0.0.1", port, {}, {.timeout = 20ms, .canceller = canceller})).code() ==
          Errc::deadline_exceeded);
}

TEST_CASE("Canceller: one strike wakes every thread, and later calls fail at once", "[canceller]") {  // behaviour 93
    Canceller canceller;
    std::vector<std::pair<Socket, Socket>> pairs;
    std::vector<std::future<Error>> blocked;
    for (int i = 0; i < 8; ++i) {
        pairs.push_back(connected_pair());
        pairs.back().first.set_canceller(canceller);
    }
    for (auto& pair : pairs)
        blocked.push_back(std::async(std::launch::async, [&] { return error_of(try_recv_message(pair.first)); }));
    canceller.cancel();
    for (auto& one : blocked) CHECK(one.get().code() == Errc::cancelled);

    for (auto& [socket, peer] : pairs) {
        peer.send_some("there");
        CHECK(error_of(try_recv_exact(socket, 5)).code() == Errc::cancelled);
        CHECK(error_of(try_send_all(socket, "x")).code() == Errc::cancelled);
        CHECK(socket.is_open());
    }
    canceller.reset();
    for (auto& [socket, peer] : pairs) CHECK(recv_exact(socket, 5) == "there");
}

TEST_CASE("Canceller: ends connecting and resolving before they begin", "[canceller]") {
    Canceller canceller;
    canceller.cancel();
    const auto server = create_server("127.0.0.1", 0);
    const auto port = server.local_endpoint().port();
    const auto connecting = [&] { return try_connect_to("127.0.0.1", port, "late", {.canceller = canceller}); };
    CHECK(loopback::clean_failure(connecting).code() == Errc::cancelled);
    CHECK(error_of(connecting()).operation() == Operation::connect);
    const auto resolving = [&] { return try_resolve("name.invalid", 80, {.canceller = canceller}); };
    CHECK(loopback::clean_failure(resolving).code() == Errc::cancelled);
    CHECK(error_of(resolving()).operation() == Operation::resolve);
}

TEST_CASE("Canceller: a signal handler may strike", "[canceller]") {  // behaviour 120
    static Canceller canceller;
    const auto before = std::signal(SIGUSR1, [](int) { canceller.cancel(); });
    auto [socket, peer] = connected_pair();
    socket.set_canceller(canceller);
    CHECK(milliseconds_to_wake([&waiting = socket] { return error_of(try_recv_message(waiting)); },
                               [] { std::raise(SIGUSR1); }) < 1000);
    std::signal(SIGUSR1, before);
}

TEST_CASE("Canceller: cancelled equals std::errc::operation_canceled", "[canceller]") {
    Canceller canceller;
    auto server = create_server("127.0.0.1", 0, "web", {.canceller = canceller});
    canceller.cancel();
    const auto error = error_of(server.try_accept());
    CHECK(error.code() == std::errc::operation_canceled);
    CHECK(error.operation() == Operation::accept);
    CHECK(error.context() == "web");
    CHECK_FALSE(error.transient());
}
