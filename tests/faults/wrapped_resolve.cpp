// SPDX-License-Identifier: MIT
// Name servers that do not answer, or not at once, and what a child process sees of it all.
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <string>

#include "catch.hpp"
#include "loopback.hpp"
#include "wrap.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using faults::comes_true;
using faults::Resolver;
using loopback::error_of;

namespace {

/// A resolver that says when it was asked, and answers when it is told to.
struct Hanging {
    std::promise<void> entered, release;
    std::shared_future<void> released = release.get_future().share();
    Resolver resolver{[this, until = released](int nth) {
        if (nth == 0) entered.set_value();
        until.wait();
        return 0;
    }};
};

/// How many descriptors a program sees that is started from here.
int descriptors_of_child() {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen("ls /proc/self/fd | wc -l", "r"), &::pclose);
    REQUIRE(pipe);
    int count = 0;
    REQUIRE(std::fscanf(pipe.get(), "%d", &count) == 1);
    return count;
}

}  // namespace

TEST_CASE("connect_to with retry: name servers that fail twice and then answer", "[faults]") {  // behaviour 21
    auto server = create_server("127.0.0.1", 0);
    const Resolver resolver([](int nth) { return nth < 2 ? EAI_AGAIN : 0; });
    const auto socket =
        connect_to("late.test", server.local_endpoint().port(), {}, {.retry = {.attempts = 5, .initial_delay = 1ms}});
    CHECK(resolver.asked() == 3);
    CHECK(server.accept().remote_endpoint() == socket.local_endpoint());
}

TEST_CASE("connect_to with retry: name servers that never answer are asked as often as was said", "[faults]") {
    const Resolver resolver([](int) { return EAI_AGAIN; });
    const Error error =
        error_of(try_connect_to("never.test", 80, {}, {.retry = {.attempts = 4, .initial_delay = 1ms}}));
    CHECK(error.code() == Errc::host_lookup_retry);
    CHECK(error.transient());
    CHECK(resolver.asked() == 4);
}

TEST_CASE("connect_to with retry: a host that does not exist is looked up once", "[faults]") {  // behaviour 103
    const int answer = GENERATE(EAI_NONAME, EAI_FAIL, EAI_FAMILY);
    const Resolver resolver([=](int) { return answer; });
    const Error error = error_of(try_connect_to("none.test", 80, {}, {.retry = {.attempts = 5, .initial_delay = 1ms}}));
    CHECK(error.code() == (answer == EAI_NONAME ? Errc::host_not_found : Errc::host_lookup_failed));
    CHECK_FALSE(error.transient());
    CHECK(resolver.asked() == 1);
}

TEST_CASE("connect_to: a resolver that sleeps for ten seconds is left behind, also by a program that ends before",
          "[faults]") {  // behaviour 24
    const Resolver resolver([](int) { return ::poll(nullptr, 0, 10'000); });
    const loopback::Stopwatch watch;
    const Error error = error_of(try_connect_to("slow.test", 80, {}, {.timeout = 200ms}));
    CHECK(error.code() == Errc::deadline_exceeded);
    CHECK(watch.elapsed_ms() >= 200);
    CHECK(watch.elapsed_ms() < 2000);
}

TEST_CASE("resolve: an answer that comes after the deadline is freed", "[faults]") {  // behaviour 24
    const int before = loopback::open_descriptors();
    Hanging hanging;
    CHECK(error_of(try_resolve("slow.test", 80, {.timeout = 200ms})).code() == Errc::deadline_exceeded);
    CHECK(hanging.resolver.answered() == 0);
    hanging.release.set_value();
    CHECK(comes_true([&] { return hanging.resolver.freed() == 1; }));
    CHECK(comes_true([&] { return loopback::open_descriptors() == before; }));
}

TEST_CASE("connect_to: a canceller ends it while a name server is being asked", "[faults]") {  // behaviour 96
    const int before = loopback::open_descriptors();
    Hanging hanging;
    Canceller canceller;
    auto blocked = std::async(std::launch::async, [&] {
        return try_connect_to("slow.test", 80, {}, {.timeout = 60s, .canceller = canceller});
    });
    hanging.entered.get_future().wait();
    canceller.cancel();
    CHECK(error_of(blocked.get()).code() == Errc::cancelled);
    CHECK(hanging.resolver.answered() == 0);
    hanging.release.set_value();
    CHECK(comes_true([&] { return loopback::open_descriptors() == before + 2; }));
}

TEST_CASE("a child process sees none of this library's descriptors", "[faults]") {  // behaviour 117
    const int none = descriptors_of_child();

    Hanging hanging;
    auto lookup = std::async(std::launch::async, [] { return try_resolve("slow.test", 80, {.timeout = 60s}); });
    hanging.entered.get_future().wait();
    auto server = create_server("127.0.0.1", 0, {}, {.canceller = Canceller()});
    auto client = connect_to("127.0.0.1", server.local_endpoint().port(), {}, {.canceller = Canceller()});
    const auto accepted = server.accept();
    CHECK(descriptors_of_child() == none);

    // And the child would have seen one that is not closed on exec.
    const int inherited = ::open("/dev/null", O_RDONLY);
    CHECK(descriptors_of_child() == none + 1);
    ::close(inherited);
    hanging.release.set_value();
    CHECK(lookup.get());
}
