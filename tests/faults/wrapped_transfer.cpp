// SPDX-License-Identifier: MIT
// Bytes and messages while the system interrupts, cuts short and says "not yet".
#include <cerrno>
#include <chrono>
#include <string>

#include <sockboot/message.hpp>
#include <sockboot/transfer.hpp>

#include "catch.hpp"
#include "loopback.hpp"
#include "wrap.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using faults::Call;
using faults::Made;
using faults::Script;
using faults::Verdict;

namespace {

const std::string text = "forty bytes of text, each of its own kind";

bool waits(Call call) {
    return call == Call::connect || call == Call::accept || call == Call::poll || call == Call::receive ||
           call == Call::send || call == Call::close;
}
bool says_not_yet(Call call) { return call == Call::accept || call == Call::receive || call == Call::send; }

/// What is done under faults: it says whether it went well.
struct Exchange {
    const char* name;
    bool (*run)(Timeout);
};

bool bytes_cross(Timeout timeout) {
    auto [from, to] = loopback::connected_pair();
    from.set_timeout(timeout);
    to.set_timeout(timeout);
    send_all(from, text);
    return recv_exact(to, text.size()) == text;
}

bool messages_cross(Timeout timeout) {
    auto [from, to] = loopback::connected_pair();
    from.set_timeout(timeout);
    to.set_timeout(timeout);
    send_message(from, text);
    send_message(from, "");
    from.close();
    return recv_message(to) == text && recv_message(to) == "" && !recv_message(to);
}

bool connections_are_made(Timeout timeout) {
    auto server = create_server("127.0.0.1", 0);
    auto client = connect_to("127.0.0.1", server.local_endpoint().port(), {}, {.timeout = timeout});
    auto accepted = server.accept(timeout);
    return accepted.remote_endpoint() == client.local_endpoint();
}

const Exchange exchanges[] = {
    {"send_all and recv_exact", bytes_cross},
    {"send_message and recv_message", messages_cross},
    {"connect_to and accept", connections_are_made},
};

}  // namespace

TEST_CASE("a signal at any one call is never seen", "[faults]") {  // behaviour 33
    const loopback::LogCapture quiet(LogLevel::off);
    const Timeout timeout = GENERATE(Timeout(), Timeout(60s));
    const bool not_yet = GENERATE(false, true);
    for (const Exchange& exchange : exchanges) {
        const int before = loopback::open_descriptors();
        int positions = 0;
        for (bool struck = true; struck; ++positions) {
            struck = false;
            int nth = 0;
            const Script script([&](const Made& made) -> Verdict {
                if (waits(made.call) && nth++ == positions) {
                    struck = true;
                    return {.error = EINTR};
                }
                if (not_yet && says_not_yet(made.call) && made.nth % 2 == 0) return {.error = EAGAIN};
                return {.most = 7};
            });
            CAPTURE(exchange.name, timeout.is_forever(), not_yet, positions);
            CHECK(exchange.run(timeout));
            CHECK(loopback::open_descriptors() == before);
        }
        CHECK(positions > 4);
    }
}

TEST_CASE("a signal at every call, twice in a row, is never seen", "[faults]") {  // behaviour 33
    const loopback::LogCapture quiet(LogLevel::off);
    const Timeout timeout = GENERATE(Timeout(), Timeout(60s));
    for (const Exchange& exchange : exchanges) {
        const Script script([](const Made& made) {
            return Verdict{.error = waits(made.call) && made.nth % 3 != 2 ? EINTR : 0, .most = 5};
        });
        CAPTURE(exchange.name, timeout.is_forever());
        CHECK(exchange.run(timeout));
    }
}

TEST_CASE("short sends and receives of every length never reach the user", "[faults]") {  // behaviour 35
    const loopback::LogCapture quiet(LogLevel::off);
    const Timeout timeout = GENERATE(Timeout(), Timeout(60s));
    const bool only_the_first = GENERATE(false, true);
    for (std::size_t most = 1; most <= text.size() + 4; ++most) {
        const Script script(
            [&](const Made& made) { return only_the_first && made.nth != 0 ? Verdict{} : Verdict{.most = most}; });
        CAPTURE(most, only_the_first, timeout.is_forever());
        CHECK(bytes_cross(timeout));
        CHECK(messages_cross(timeout));
    }
}

TEST_CASE("a receive that finds nothing although poll said so waits again", "[faults]") {  // behaviour 36
    auto [from, to] = loopback::connected_pair();
    to.set_timeout(60s);
    send_all(from, text);

    const Script script(
        [](const Made& made) { return Verdict{.error = made.call == Call::receive && made.nth < 3 ? EAGAIN : 0}; });
    CHECK(recv_exact(to, text.size()) == text);
    CHECK(script.count(Call::receive) == 4);
    CHECK(script.count(Call::poll) == 3);
}

TEST_CASE("readiness that is always wrong ends at the deadline all the same", "[faults]") {  // behaviour 36
    struct Case {
        const char* name;
        Error (*run)(Socket& server, Socket& socket);
    };
    const Case cases[] = {
        {"recv", [](Socket&, Socket& socket) { return loopback::error_of(try_recv_exact(socket, 1)); }},
        {"send", [](Socket&, Socket& socket) { return loopback::error_of(try_send_all(socket, text)); }},
        {"accept", [](Socket& server, Socket&) { return loopback::error_of(server.try_accept(200ms)); }},
    };
    auto server = create_server("127.0.0.1", 0);
    const auto waiting = connect_to("127.0.0.1", server.local_endpoint().port());
    const Case& one = cases[GENERATE(0, 1, 2)];
    auto [socket, peer] = loopback::connected_pair();
    socket.set_timeout(200ms);
    send_all(peer, "there");
    const loopback::Stopwatch watch;
    const Script script([&](const Made& made) {
        // After three seconds it stops lying, so that what would never end fails instead.
        const bool lies = says_not_yet(made.call) && watch.elapsed_ms() < 3000;
        return Verdict{.error = lies ? EAGAIN : 0};
    });
    CAPTURE(one.name);
    CHECK(one.run(server, socket).code() == Errc::deadline_exceeded);
    CHECK(watch.elapsed_ms() >= 200);
    CHECK(watch.elapsed_ms() < 2500);
}

TEST_CASE("Socket::close: a signal in it is no reason to close again", "[faults]") {  // behaviour 37
    const int before = loopback::open_descriptors();
    auto [socket, peer] = loopback::connected_pair();
    const Script script([](const Made& made) { return Verdict{.error = made.call == Call::close ? EINTR : 0}; });
    socket.close();
    CHECK_FALSE(socket.is_open());
    CHECK(script.count(Call::close) == 1);
    peer.close();
    CHECK(script.count(Call::close) == 2);
    CHECK(loopback::open_descriptors() == before);
}
