// SPDX-License-Identifier: MIT
// A thousand cancellations at random moments, of every call that waits.
#include <algorithm>
#include <chrono>
#include <future>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <sockboot/message.hpp>
#include <sockboot/transfer.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

using Ready = std::promise<void>;

/// Makes what the call needs, says that it is ready, and waits for what does not come; returns why it ended.
struct Blocked {
    const char* name;
    std::error_code (*run)(const Canceller&, Ready&);
};

template <class T> std::error_code reason_of(const Result<T>& result) {
    return result.has_value() ? std::error_code() : result.error().code();
}

template <class Call>
std::error_code on_a_silent_stream(const Canceller& canceller, Ready& ready, Timeout timeout, const Call& call) {
    auto [socket, peer] = loopback::connected_pair();
    socket.set_canceller(canceller);
    socket.set_timeout(timeout);
    ready.set_value();
    return reason_of(call(socket));
}

std::error_code accept_in_vain(const Canceller& canceller, Ready& ready, Timeout timeout) {
    auto server = create_server("127.0.0.1", 0, {}, {.timeout = timeout, .canceller = canceller});
    ready.set_value();
    return reason_of(server.try_accept());
}

std::error_code connect_in_vain(const Canceller& canceller, Ready& ready) {
    const auto server = create_server("127.0.0.1", 0, {}, {.backlog = 0});
    const auto port = server.local_endpoint().port();
    const auto waiting = connect_to("127.0.0.1", port);
    ready.set_value();
    return reason_of(try_connect_to("127.0.0.1", port, {}, {.timeout = 60s, .canceller = canceller}));
}

std::error_code retry_in_vain(const Canceller& canceller, Ready& ready) {
    const auto pair = loopback::connected_pair();
    const auto port = pair.first.local_endpoint().port();  // taken, and nobody listens on it
    const RetryPolicy patient{.attempts = 0, .initial_delay = 30s, .max_delay = 30s};
    ready.set_value();
    return reason_of(try_connect_to("127.0.0.1", port, {}, {.timeout = 60s, .retry = patient, .canceller = canceller}));
}

const std::string endless(std::size_t{8} << 20, 'x');

const Blocked all_blocked[] = {
    {"accept", [](const Canceller& c, Ready& ready) { return accept_in_vain(c, ready, {}); }},
    {"accept with a timeout", [](const Canceller& c, Ready& ready) { return accept_in_vain(c, ready, 60s); }},
    {"connect_to", connect_in_vain},
    {"connect_to, between two attempts", retry_in_vain},
    {"recv_exact",
     [](const Canceller& c, Ready& ready) {
         return on_a_silent_stream(c, ready, {}, [](Socket& socket) { return try_recv_exact(socket, 1); });
     }},
    {"recv_message",
     [](const Canceller& c, Ready& ready) {
         return on_a_silent_stream(c, ready, 60s, [](Socket& socket) { return try_recv_message(socket); });
     }},
    {"send_all",
     [](const Canceller& c, Ready& ready) {
         return on_a_silent_stream(c, ready, {}, [](Socket& socket) { return try_send_all(socket, endless); });
     }},
    {"send_message",
     [](const Canceller& c, Ready& ready) {
         return on_a_silent_stream(c, ready, 60s, [](Socket& socket) { return try_send_message(socket, endless); });
     }},
};

/// What came of the cancellations of one kind of call.
struct Outcome {
    int cancelled = 0;
    double slowest_ms = 0;
};

Outcome cancel_at_random(const Blocked& blocked, unsigned seed, int rounds) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> microseconds(0, 3000);
    Outcome outcome;
    Canceller canceller;
    for (int i = 0; i < rounds; ++i) {
        Ready ready;
        auto ended = std::async(std::launch::async, [&] { return blocked.run(canceller, ready); });
        ready.get_future().wait();
        const auto moment = steady_clock::now() + std::chrono::microseconds(microseconds(random));
        while (steady_clock::now() < moment) std::this_thread::yield();
        const loopback::Stopwatch watch;
        canceller.cancel();
        outcome.cancelled += ended.get() == Errc::cancelled;
        outcome.slowest_ms = std::max(outcome.slowest_ms, watch.elapsed_ms());
        canceller.reset();
    }
    return outcome;
}

/// A pair of sockets that have nothing to do with it, and count what they say to each other.
class Bystander {
public:
    /// Ends the conversation; returns how many answers were right, or -1 where one was not.
    int end() {
        ending_.set_value();
        const int good = asking_.get();
        return echoing_.get() == good ? good : -1;
    }

private:
    int ask() {
        const auto ending = ending_.get_future();
        int good = 0;
        while (ending.wait_for(0s) != std::future_status::ready) {
            const std::string question = "question " + std::to_string(good);
            send_message(pair_.first, question);
            if (recv_message(pair_.first) != question) return -1;
            ++good;
        }
        pair_.first.shutdown_send();
        return good;
    }
    int echo() {
        int count = 0;
        for (; auto message = recv_message(pair_.second); ++count) send_message(pair_.second, *message);
        return count;
    }

    std::pair<Socket, Socket> pair_ = loopback::connected_pair();
    std::promise<void> ending_;
    std::future<int> asking_ = std::async(std::launch::async, [this] { return ask(); });
    std::future<int> echoing_ = std::async(std::launch::async, [this] { return echo(); });
};

}  // namespace

TEST_CASE("1,000 cancellations at random moments: each one wakes, and no other socket notices",
          "[faults]") {  // behaviours 92, 93, 94
    const loopback::LogCapture quiet(LogLevel::off);
    const int before = loopback::open_descriptors();
    constexpr int rounds = 1000 / static_cast<int>(std::size(all_blocked));
    Bystander bystander;
    std::vector<std::future<Outcome>> outcomes;
    for (unsigned seed = 0; const Blocked& blocked : all_blocked)
        outcomes.push_back(
            std::async(std::launch::async, [&, seed = ++seed] { return cancel_at_random(blocked, seed, rounds); }));
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        const Outcome outcome = outcomes[i].get();
        CAPTURE(all_blocked[i].name, outcome.slowest_ms);
        CHECK(outcome.cancelled == rounds);
        CHECK(outcome.slowest_ms < 5000);
    }
    CHECK(bystander.end() > 0);
    // Its pair is still open.
    CHECK(loopback::open_descriptors() == before + 2);
}
