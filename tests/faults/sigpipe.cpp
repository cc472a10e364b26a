// SPDX-License-Identifier: MIT
// Sending to a peer that is gone, by every way there is: an error, never SIGPIPE.
#include <chrono>
#include <csignal>
#include <string>

#include <sockboot/message.hpp>
#include <sockboot/transfer.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;

namespace {

struct Way {
    const char* name;
    Error (*send)(Socket&);
};

const std::string large(std::size_t{1} << 20, 'x');

const Way ways[] = {
    {"send_some", [](Socket& socket) { return loopback::error_of(socket.try_send_some("x")); }},
    {"send_all", [](Socket& socket) { return loopback::error_of(try_send_all(socket, large)); }},
    {"send_message", [](Socket& socket) { return loopback::error_of(try_send_message(socket, "x")); }},
    {"send_message, large", [](Socket& socket) { return loopback::error_of(try_send_message(socket, large)); }},
};

/// What the process does at SIGPIPE.
struct sigaction at_sigpipe() {
    struct sigaction now{};
    REQUIRE(::sigaction(SIGPIPE, nullptr, &now) == 0);
    return now;
}

}  // namespace

TEST_CASE("every way to send to a peer that is gone is an error, and no signal", "[faults]") {  // behaviours 59, 118
    struct sigaction deadly{};
    deadly.sa_handler = SIG_DFL;
    REQUIRE(::sigaction(SIGPIPE, &deadly, nullptr) == 0);
    sigset_t only_sigpipe;
    ::sigemptyset(&only_sigpipe);
    ::sigaddset(&only_sigpipe, SIGPIPE);
    REQUIRE(::pthread_sigmask(SIG_UNBLOCK, &only_sigpipe, nullptr) == 0);

    const Timeout timeout = GENERATE(Timeout(), Timeout(60s), Timeout(0s));
    for (const Way& way : ways) {
        CAPTURE(way.name, timeout.is_forever(), timeout.is_zero());
        auto [socket, peer] = loopback::connected_pair();
        peer.abort();
        std::byte nothing[1];
        CHECK(loopback::error_of(socket.try_recv_some(nothing)).code() == std::errc::connection_reset);
        socket.set_timeout(timeout);
        for (int again = 0; again < 3; ++again) {
            const Error error = way.send(socket);
            CHECK(error.code() == std::errc::broken_pipe);
            CHECK_FALSE(error.transient());
        }
    }
    CHECK(at_sigpipe().sa_handler == SIG_DFL);
    sigset_t blocked;
    REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &blocked) == 0);
    CHECK(::sigismember(&blocked, SIGPIPE) == 0);
}

TEST_CASE("a reset that is not known yet is told by the send that meets it", "[faults]") {  // behaviour 59
    auto [socket, peer] = loopback::connected_pair();
    peer.abort();
    const Error first = loopback::error_of(try_send_all(socket, large));
    CHECK((first.code() == std::errc::connection_reset || first.code() == std::errc::broken_pipe));
    CHECK(loopback::error_of(try_send_message(socket, "x")).code() == std::errc::broken_pipe);
}
