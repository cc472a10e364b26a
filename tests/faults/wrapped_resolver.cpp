// SPDX-License-Identifier: MIT
// The threads in which names are looked up: how many there are, who shares them, and what outlives them.
#include <netdb.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <future>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sockboot/resolve.hpp>

#include "catch.hpp"
#include "child.hpp"
#include "loopback.hpp"
#include "wrap.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using faults::Child;
using faults::comes_true;
using faults::Resolver;
using faults::Script;
using loopback::error_of;

namespace {

/// A resolver that hangs until it is let go.
class Hanging {
public:
    ~Hanging() { let_go(); }
    void let_go() {
        if (!std::exchange(is_released_, true)) release_.set_value();
    }
    [[nodiscard]] bool are_asked(int count) const {
        return comes_true([&] { return resolver.asked() == count; });
    }

private:
    std::promise<void> release_;
    bool is_released_ = false;

public:
    Resolver resolver{[until = release_.get_future().share()](int) {
        until.wait();
        return 0;
    }};
};

int threads() {
    namespace fs = std::filesystem;
    return static_cast<int>(std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator()));
}

/// Those of the program without the resolver's; a sanitizer may start one of its own with the first thread there is.
const int threads_at_start = (std::thread([] {}).join(), threads());

/// Every thread of the resolver has ended, as each does when there was nothing to do for five seconds.
bool all_have_ended() {
    const loopback::Stopwatch watch;
    while (threads() > threads_at_start && watch.elapsed_ms() < 30'000) ::poll(nullptr, 0, 10);
    return threads() == threads_at_start;
}

std::string nth(int i) { return "host" + std::to_string(i) + ".test"; }

/// As many as the resolver has threads, each of which wants a host of its own, and says whether it was found.
std::vector<std::future<bool>> eight_callers() {
    std::vector<std::future<bool>> eight;
    for (int i = 0; i < 8; ++i)
        eight.push_back(
            std::async(std::launch::async, [=] { return try_resolve(nth(i), 80, {.timeout = 60s}).has_value(); }));
    return eight;
}

const std::error_code late = Errc::deadline_exceeded;

}  // namespace

TEST_CASE("resolver: 1,000 abandoned lookups of one name are one thread and no descriptor", "[faults]") {
    const int before = loopback::open_descriptors(), threads_before = threads();
    Hanging hanging;
    int wrong = 0;
    for (int i = 0; i < 1000; ++i)
        if (error_of(try_resolve("one.test", 80, {.timeout = 100us})).code() != late) ++wrong;
    CHECK(wrong == 0);
    CHECK(threads() <= threads_before + 1);
    CHECK(loopback::open_descriptors() == before);
    CHECK(hanging.are_asked(1));
    hanging.let_go();
    CHECK(comes_true([&] { return hanging.resolver.freed() == 1; }));
}

TEST_CASE("resolver: 1,000 abandoned lookups of many names are eight threads, and what has not begun never does",
          "[faults]") {
    const int before = loopback::open_descriptors(), threads_before = threads();
    Hanging hanging;
    const Canceller canceller;
    int wrong = 0;
    for (int i = 0; i < 1000; ++i) {
        const auto with = i % 2 == 0 ? Canceller::none() : canceller;
        if (error_of(try_resolve(nth(i), 80, {.timeout = 100us, .canceller = with})).code() != late) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(threads() <= threads_before + 8);
    CHECK(loopback::open_descriptors() == before + 2);
    const int asked = hanging.resolver.asked();
    CHECK(asked <= 8);
    hanging.let_go();
    CHECK(resolve("last.test", 80).size() == 1);
    CHECK(comes_true([&] { return hanging.resolver.freed() == asked + 1; }));
    CHECK(hanging.resolver.asked() == asked + 1);
}

TEST_CASE("resolver: callers of one host share one lookup, each with its own port and deadline", "[faults]") {
    Hanging hanging;
    Canceller canceller, other;
    const auto ask = [&](std::uint16_t port, Canceller with) {
        return std::async(std::launch::async,
                          [=] { return try_resolve("shared.test", port, {.timeout = 60s, .canceller = with}); });
    };
    std::vector<std::future<Result<std::vector<Endpoint>>>> callers;
    for (std::uint16_t port = 1; port <= 20; ++port)
        callers.push_back(ask(port, port % 2 == 0 ? Canceller::none() : canceller));
    auto cancelled = ask(21, other);
    CHECK(hanging.are_asked(1));
    CHECK(error_of(try_resolve("shared.test", 80, {.timeout = 20ms})).code() == late);
    other.cancel();
    CHECK(error_of(cancelled.get()).code() == Errc::cancelled);

    hanging.let_go();
    for (std::uint16_t port = 1; port <= 20; ++port) {
        const auto endpoints = callers[port - 1U].get();
        REQUIRE(endpoints);
        REQUIRE(endpoints->size() == 1);
        CHECK(endpoints->front().port() == port);
    }
    CHECK(hanging.resolver.asked() <= 2);  // a thread that came late may have asked anew
}

TEST_CASE("resolver: over eight lookups at a time, callers wait for their turn, within their own deadline",
          "[faults]") {
    Hanging hanging;
    auto eight = eight_callers();
    REQUIRE(hanging.are_asked(8));
    const loopback::Stopwatch watch;
    CHECK(error_of(try_resolve("ninth.test", 80, {.timeout = 50ms})).code() == late);
    CHECK(watch.elapsed_ms() >= 50);
    auto patient =
        std::async(std::launch::async, [] { return try_resolve("tenth.test", 80, {.timeout = 60s}).has_value(); });
    CHECK(hanging.resolver.asked() == 8);
    // Who asks without a deadline asks in a thread of its own.
    auto own = std::async(std::launch::async, [] { return try_resolve("own.test", 80, {.timeout = {}}).has_value(); });
    CHECK(hanging.are_asked(9));
    hanging.let_go();
    for (auto& caller : eight) CHECK(caller.get());
    CHECK(patient.get());
    CHECK(own.get());
    CHECK(hanging.resolver.asked() == 10);
}

TEST_CASE("resolver: its threads wait for more work, and end when none has come for five seconds", "[faults]") {
    const Resolver resolver([](int) { return 0; });
    static_cast<void>(resolve("first.test", 80));
    const int with_one = threads();
    for (int i = 0; i < 100; ++i) static_cast<void>(resolve(nth(i), 80));
    CHECK(threads() == with_one);
    CHECK(all_have_ended());
    CHECK(resolve("again.test", 80).size() == 1);
}

TEST_CASE("resolver: that no thread can be started is said, and passes", "[faults]") {
    REQUIRE(all_have_ended());
    const Resolver resolver([](int) { return 0; });
    {
        const Script script([](const faults::Made& made) {
            return faults::Verdict{.error = made.call == faults::Call::create_thread ? EAGAIN : 0};
        });
        const Error error = error_of(try_connect_to("some.test", 80, "web"));
        CHECK(error.operation() == Operation::resolve);
        CHECK(error.transient());
        CHECK_THAT(error.message(), ContainsSubstring("no thread could be started"));
    }
    CHECK(resolve("some.test", 80).size() == 1);
}

TEST_CASE("resolver: a name server that cannot be asked for want of descriptors says nothing about the host",
          "[faults]") {
    const int number = GENERATE(EMFILE, ENFILE, ENOMEM);
    const int answer = GENERATE(EAI_NONAME, EAI_AGAIN, EAI_FAIL);
    const Resolver resolver([=](int) {
        errno = number;
        return answer;
    });
    const Timeout timeout = GENERATE(Timeout(), Timeout(10s));
    const Error error = error_of(try_resolve("some.test", 80, {.timeout = timeout}));
    CHECK(error.code() == std::error_code(number, std::system_category()));
    CHECK(error.transient());
}

TEST_CASE("resolver: fork() during a lookup takes its answer from nobody", "[faults]") {
    Hanging hanging;
    const auto with = GENERATE(Canceller::none(), Canceller());
    auto lookup = std::async(std::launch::async, [&] {
        return try_resolve("slow.test", 80, {.timeout = 60s, .canceller = with}).has_value();
    });
    REQUIRE(hanging.are_asked(1));
    int release[2];
    REQUIRE(::pipe(release) == 0);
    Child child([&] {
        ::close(release[1]);
        char byte = 0;
        return ::read(release[0], &byte, 1) == 0;  // lives on until the parent has its answer
    });
    hanging.let_go();
    CHECK(lookup.get());
    ::close(release[0]);
    ::close(release[1]);
    CHECK(child.has_passed());
}

#if !defined(SOCKBOOT_TEST_UNDER_TSAN)
TEST_CASE("resolver: a child looks up by threads of its own while all of its parent's hang", "[faults]") {
    Hanging hanging;
    auto eight = eight_callers();
    REQUIRE(hanging.are_asked(8));
    Child child([] {
        const Resolver answers([](int) { return 0; });
        for (int i = 0; i < 8; ++i)
            if (!try_resolve(nth(i), 80, {.timeout = 30s})) return false;
        return Child([] { return try_resolve("grandchild.test", 80, {.timeout = 30s}).has_value(); }).has_passed();
    });
    CHECK(child.has_passed());
    hanging.let_go();
    for (auto& caller : eight) CHECK(caller.get());
}
#endif
