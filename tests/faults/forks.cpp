// SPDX-License-Identifier: MIT
// What parent and child of a fork() still share, and what they must not.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <future>
#include <thread>
#include <utility>

#include <sockboot/transfer.hpp>

#include "catch.hpp"
#include "child.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using faults::Child;
using loopback::connected_pair;

namespace {

/// The answer of a call that waits for a byte from a peer that sends none.
std::error_code receive_nothing(Socket& socket) {
    std::array<std::byte, 1> byte;
    const auto received = socket.try_recv_some(byte);
    return received ? std::error_code() : received.error().code();
}

/// A pipe over which processes tell each other that something has happened.
class Event {
public:
    Event() { REQUIRE(::pipe(ends_.data()) == 0); }
    ~Event() {
        for (const int end : ends_) ::close(end);
    }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    void happen() const { static_cast<void>(!::write(ends_[1], "!", 1)); }
    [[nodiscard]] bool has_happened(int milliseconds = 30'000) const {
        pollfd entry{ends_[0], POLLIN, 0};
        return ::poll(&entry, 1, milliseconds) == 1;
    }

private:
    std::array<int, 2> ends_{};
};

}  // namespace

#if !defined(SOCKBOOT_TEST_UNDER_TSAN)
TEST_CASE("Canceller: after fork() a child's cancel() ends the child's calls and none of its parent's", "[faults]") {
    static Canceller& canceller = *new Canceller;  // a signal handler uses it
    auto pair = connected_pair();
    Socket& socket = pair.first;
    socket.set_canceller(canceller);
    const Event waits;
    auto blocked = std::async(std::launch::async, [&] { return receive_nothing(socket); });

    Child child([&] {
        std::signal(SIGUSR1, [](int) { canceller.cancel(); });
        waits.happen();
        return receive_nothing(socket) == Errc::cancelled && receive_nothing(socket) == Errc::cancelled &&
               canceller.is_cancelled();
    });
    CHECK(waits.has_happened());
    child.send(SIGUSR1);
    CHECK(child.has_passed());

    CHECK_FALSE(canceller.is_cancelled());
    CHECK(blocked.wait_for(50ms) == std::future_status::timeout);
    pair.second.send_some("x");
    CHECK_FALSE(blocked.get());
}

#endif

TEST_CASE("Canceller: after fork() a parent's cancel() ends the parent's calls and none of its child's", "[faults]") {
    Canceller canceller;
    auto pair = connected_pair();
    Socket& socket = pair.first;
    socket.set_canceller(canceller);
    const Event waits, cancelled;
    Child child([&] {
        socket.set_timeout(100ms);
        waits.happen();
        if (receive_nothing(socket) != Errc::deadline_exceeded || !cancelled.has_happened()) return false;
        if (receive_nothing(socket) != Errc::deadline_exceeded || canceller.is_cancelled()) return false;
        canceller.cancel();
        return receive_nothing(socket) == Errc::cancelled;
    });
    CHECK(waits.has_happened());
    canceller.cancel();
    CHECK(receive_nothing(socket) == Errc::cancelled);
    cancelled.happen();
    CHECK(child.has_passed());
}

TEST_CASE("Canceller: a child's reset() takes nothing from its parent", "[faults]") {
    Canceller canceller;
    canceller.cancel();
    auto pair = connected_pair();
    Socket& socket = pair.first;
    socket.set_canceller(canceller);
    Child child([&] {
        if (receive_nothing(socket) != Errc::cancelled) return false;
        canceller.reset();
        socket.set_timeout(20ms);
        if (receive_nothing(socket) != Errc::deadline_exceeded) return false;
        canceller.cancel();
        return receive_nothing(socket) == Errc::cancelled;
    });
    CHECK(child.has_passed());
    CHECK(canceller.is_cancelled());
    CHECK(receive_nothing(socket) == Errc::cancelled);
}

TEST_CASE("Canceller: a child without descriptors says so instead of waiting for what cannot come", "[faults]") {
    Canceller canceller;
    auto pair = connected_pair();
    pair.first.set_canceller(canceller);
    Child child([&] {
        while (::dup(0) >= 0) {
        }
        return receive_nothing(pair.first) == std::errc::too_many_files_open;
    });
    CHECK(child.has_passed());
}

#if !defined(SOCKBOOT_TEST_UNDER_TSAN)
TEST_CASE("Canceller: of a pre-fork server each worker's SIGTERM ends that worker alone", "[faults]") {
    static Canceller& canceller = *new Canceller;  // a signal handler may run until the very end
    auto server = create_server("127.0.0.1", 0, "prefork", {.canceller = canceller});
    const auto before = std::signal(SIGTERM, [](int) { canceller.cancel(); });
    auto parents = std::async(std::launch::async, [&] { return server.try_accept().has_value(); });
    for (int i = 0; i < 8; ++i) {
        const Event waits;
        Child worker([&] {
            waits.happen();
            const auto accepted = server.try_accept();
            return !accepted && accepted.error().code() == Errc::cancelled;
        });
        CHECK(waits.has_happened());
        worker.send(SIGTERM);
        CHECK(worker.has_passed());
    }
    CHECK_FALSE(canceller.is_cancelled());
    const auto client = connect_to("127.0.0.1", server.local_endpoint().port());
    CHECK(parents.get());
    std::signal(SIGTERM, before);
}
#endif

TEST_CASE("Canceller: reset() by the thread that saw `cancelled` may overtake the end of that cancel()", "[faults]") {
    Canceller canceller;
    auto pair = connected_pair();
    Socket& socket = pair.first;
    socket.set_canceller(canceller);
    constexpr int rounds = 6'000;
    std::atomic<int> round{0};
    std::thread canceller_thread([&] {
        for (int i = 0; i < rounds; ++i) {
            while (round.load() != i) std::this_thread::yield();
            canceller.cancel();
        }
    });
    int wrong = 0;
    for (int i = 0; i < rounds; ++i) {
        while (!canceller.is_cancelled()) std::this_thread::yield();
        canceller.reset();
        // What is left of that cancel() must not end the next wait.
        socket.set_timeout(Timeout(i % 2 == 0 ? 20us : 200us));
        if (receive_nothing(socket) != Errc::deadline_exceeded) ++wrong;
        round.store(i + 1);
    }
    canceller_thread.join();
    CHECK(wrong == 0);
}
