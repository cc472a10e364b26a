// SPDX-License-Identifier: MIT
// A storm of timer signals without SA_RESTART over everything that waits.
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <future>
#include <string>
#include <system_error>

#include <sockboot/message.hpp>
#include <sockboot/transfer.hpp>

#include "catch.hpp"
#include "loopback.hpp"

// glibc gives the thread of a timer no name of its own before 2.39.
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

using namespace sockboot;
using namespace std::chrono_literals;
using loopback::error_of;

namespace {

/// While it lives, a signal strikes this thread every 200 us, and system calls are not restarted.
class Storm {
public:
    Storm() {
        struct sigaction action{};
        action.sa_handler = [](int) {};
        ::sigaction(SIGUSR1, &action, nullptr);
        sigevent event{};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = SIGUSR1;
        event.sigev_notify_thread_id = ::gettid();
        const itimerspec every{.it_interval = {.tv_sec = 0, .tv_nsec = 200'000},
                               .it_value = {.tv_sec = 0, .tv_nsec = 1}};
        if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0 || ::timer_settime(timer_, 0, &every, nullptr) != 0)
            throw std::system_error(errno, std::system_category(), "no timer");
    }
    ~Storm() { ::timer_delete(timer_); }
    Storm(const Storm&) = delete;
    Storm& operator=(const Storm&) = delete;

private:
    timer_t timer_{};
};

/// Runs `work` in a thread of its own, in a storm.
template <class Work> auto stormy(Work work) {
    return std::async(std::launch::async, [work]() mutable {
        const Storm storm;
        return work();
    });
}

/// The message of that number: of many sizes, each with contents of its own.
std::string message_of(int number) {
    const std::size_t size = number % 1000 == 0 ? 100'000 : static_cast<std::size_t>(number) * 7919U % 700;
    return std::to_string(number) + std::string(size, static_cast<char>('a' + number % 26));
}

constexpr int count = 100'000;

void send_messages(Socket& socket) {
    for (int i = 0; i < count; ++i) send_message(socket, message_of(i));
}

/// How many messages came as they had been sent, up to the first that did not.
int receive_messages(Socket& socket) {
    std::string message;
    for (int i = 0; i < count; ++i)
        if (!recv_message(socket, message) || message != message_of(i)) return i;
    return count;
}

/// A wait for something that does not come.
struct Wait {
    const char* name;
    Error (*run)(Timeout);
};

template <class Call> Error on_a_silent_stream(Timeout timeout, const Call& call) {
    auto [socket, peer] = loopback::connected_pair();
    socket.set_timeout(timeout);
    return error_of(call(socket));
}

Error connect_in_vain(Timeout timeout) {
    const auto server = create_server("127.0.0.1", 0, {}, {.backlog = 0});
    const auto waiting = connect_to("127.0.0.1", server.local_endpoint().port());
    return error_of(try_connect_to("127.0.0.1", server.local_endpoint().port(), {}, {.timeout = timeout}));
}

Error retry_in_vain(Timeout timeout) {
    const auto pair = loopback::connected_pair();
    const auto port = pair.first.local_endpoint().port();  // taken, and nobody listens on it
    return error_of(
        try_connect_to("127.0.0.1", port, {}, {.timeout = timeout, .retry = {.attempts = 0, .initial_delay = 20s}}));
}

const std::string endless(std::size_t{16} << 20, 'x');

const Wait waits[] = {
    {"accept", [](Timeout timeout) { return error_of(create_server("127.0.0.1", 0).try_accept(timeout)); }},
    {"connect_to", connect_in_vain},
    {"connect_to, between two attempts", retry_in_vain},
    {"recv_exact",
     [](Timeout timeout) {
         return on_a_silent_stream(timeout, [](Socket& socket) { return try_recv_exact(socket, 1); });
     }},
    {"recv_message",
     [](Timeout timeout) {
         return on_a_silent_stream(timeout, [](Socket& socket) { return try_recv_message(socket); });
     }},
    {"send_all",
     [](Timeout timeout) {
         return on_a_silent_stream(timeout, [](Socket& socket) { return try_send_all(socket, endless); });
     }},
};

}  // namespace

TEST_CASE("a storm of signals interrupts what is not prepared for it", "[faults]") {
    const Storm storm;
    for (int i = 0; i < 100; ++i) {
        errno = 0;
        CHECK(::poll(nullptr, 0, 60'000) == -1);
        CHECK(errno == EINTR);
    }
}

TEST_CASE("100,000 messages cross in both directions in a storm of signals", "[faults]") {  // behaviour 33
    auto pair = loopback::connected_pair();  // a lambda of clang 14 captures no structured binding
    auto &here = pair.first, &there = pair.second;
    there.set_timeout(250s);  // so that both ways to wait are met: inside the call, and in poll
    for (Socket* socket : {&here, &there}) {
        socket->set_send_buffer(32 << 10);
        socket->set_receive_buffer(64 << 10);
    }
    auto sent_here = stormy([&] { send_messages(here); });
    auto sent_there = stormy([&] { send_messages(there); });
    auto received_here = stormy([&] { return receive_messages(here); });
    auto received_there = stormy([&] { return receive_messages(there); });
    CHECK(received_here.get() == count);
    CHECK(received_there.get() == count);
    sent_here.get();
    sent_there.get();
}

TEST_CASE("send_all and recv_exact move 32 MiB unharmed in a storm of signals", "[faults]") {  // behaviours 33, 35
    auto pair = loopback::connected_pair();
    auto &here = pair.first, &there = pair.second;
    const bool polled = GENERATE(false, true);
    if (polled) here.set_timeout(250s);
    if (polled) there.set_timeout(250s);
    std::string sent;
    for (int i = 0; sent.size() < std::size_t{32} << 20; ++i) sent += message_of(i);
    auto sending = stormy([&] { send_all(here, sent); });
    auto receiving = stormy([&] { return recv_exact(there, sent.size()); });
    sending.get();
    CHECK((receiving.get() == sent));
}

TEST_CASE("connections are made and accepted in a storm of signals", "[faults]") {  // behaviour 33
    const loopback::LogCapture quiet(LogLevel::off);
    auto server = create_server("127.0.0.1", 0);
    const auto port = server.local_endpoint().port();
    constexpr int rounds = 500;
    const int before = loopback::open_descriptors();
    auto accepting = stormy([&] {
        int good = 0;
        for (int i = 0; i < rounds; ++i) {
            auto accepted = server.accept(i % 2 == 0 ? Timeout() : Timeout(60s));
            good += recv_message(accepted) == message_of(i);
        }
        return good;
    });
    auto connecting = stormy([&] {
        for (int i = 0; i < rounds; ++i) {
            auto socket = connect_to("127.0.0.1", port, {}, {.timeout = 60s});
            send_message(socket, message_of(i));
        }
    });
    connecting.get();
    CHECK(accepting.get() == rounds);
    CHECK(loopback::open_descriptors() == before);
}

TEST_CASE("a storm of signals does not stretch a deadline", "[faults]") {  // behaviour 33
    const loopback::LogCapture quiet(LogLevel::off);
    for (const Wait& wait : waits) {
        const Storm storm;
        const loopback::Stopwatch watch;
        const Error error = wait.run(1s);
        const double elapsed = watch.elapsed_ms();
        CAPTURE(wait.name, error.message());
        WARN(wait.name << ": back after " << elapsed << " ms of 1000");
        CHECK(error.code() == Errc::deadline_exceeded);
        CHECK(elapsed >= 1000);
        CHECK(elapsed < 1250);
    }
}
