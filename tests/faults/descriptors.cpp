// SPDX-License-Identifier: MIT
// A process that has no descriptor left: what can be done says so, loses none, and goes on when there is one again.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <sockboot/transfer.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;

namespace {

/// While it lives, the process has no descriptor left but those that are given back.
class Exhausted {
public:
    Exhausted() {
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
        const rlimit few{.rlim_cur = 256, .rlim_max = before_.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
        fill();
    }
    ~Exhausted() {
        give_back(taken_.size());
        ::setrlimit(RLIMIT_NOFILE, &before_);
    }
    Exhausted(const Exhausted&) = delete;
    Exhausted& operator=(const Exhausted&) = delete;

    void give_back(std::size_t count) {
        for (; count > 0; --count, taken_.pop_back()) ::close(taken_.back());
    }
    /// Takes what is there; returns how many that were.
    std::size_t fill() {
        const std::size_t had = taken_.size();
        for (int handle; (handle = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) taken_.push_back(handle);
        return taken_.size() - had;
    }

private:
    rlimit before_{};
    std::vector<int> taken_;
};

/// Something that needs descriptors, and how many.
struct Need {
    const char* name;
    std::size_t descriptors;
    Result<void> (*make)(std::uint16_t port);
};

template <class T> Result<void> whether(Result<T> made) {
    if (!made) return std::move(made).error();
    return {};
}

const Need needs[] = {
    {"connect_to", 1, [](std::uint16_t port) { return whether(try_connect_to("127.0.0.1", port, "few")); }},
    {"connect_to with retry", 1,
     [](std::uint16_t port) {
         return whether(try_connect_to("127.0.0.1", port, "few", {.retry = {.attempts = 3, .initial_delay = 1ms}}));
     }},
    {"connect_to_any", 1,
     [](std::uint16_t port) { return whether(try_connect_to_any({{"127.0.0.1", port}, {"127.0.0.2", port}}, "few")); }},
    {"create_server", 1, [](std::uint16_t) { return whether(try_create_server("127.0.0.1", 0, "few")); }},
    {"create_server on all", 1, [](std::uint16_t) { return whether(try_create_server("", 0, "few")); }},
    {"Canceller", 2, [](std::uint16_t) { return whether(Canceller::try_create()); }},
};

/// What was answered while there were no descriptors. Catch2 and sanitizers need some, so it is judged afterwards.
struct Answer {
    std::string name;
    std::size_t left;  ///< descriptors that there were, and that were there again afterwards
    std::size_t left_afterwards;
    Result<void> result;
};

void check_that_all_ran_out(const std::vector<Answer>& answers, const std::string& beginning) {
    for (const Answer& answer : answers) {
        CAPTURE(answer.name, answer.left);
        CHECK(answer.left_afterwards == answer.left);
        REQUIRE_FALSE(answer.result);
        const Error& error = answer.result.error();
        CHECK(error.code() == std::errc::too_many_files_open);
        CHECK(error.transient());
        CHECK_THAT(error.message(), StartsWith(beginning) && ContainsSubstring("too many open files"));
    }
}

}  // namespace

TEST_CASE("without descriptors whatever needs one says so, and loses none", "[faults]") {
    const loopback::LogCapture quiet(LogLevel::off);
    const auto server = create_server("0.0.0.0", 0);
    const std::uint16_t port = server.local_endpoint().port();
    const int before = loopback::open_descriptors();
    std::vector<Answer> failed, made;
    {
        Exhausted exhausted;
        for (const Need& need : needs) {
            const auto with = [&](std::size_t left) {
                exhausted.give_back(left);
                auto result = need.make(port);
                return Answer{need.name, left, exhausted.fill(), std::move(result)};
            };
            for (std::size_t left = 0; left < need.descriptors; ++left) failed.push_back(with(left));
            made.push_back(with(need.descriptors));
        }
    }
    check_that_all_ran_out(failed, "");
    for (const Answer& answer : made) {
        CAPTURE(answer.name);
        CHECK(answer.result);
        CHECK(answer.left_afterwards == answer.left);
    }
    CHECK(loopback::open_descriptors() == before);
}

TEST_CASE("resolve: without descriptors it says so and not that there is no such host, and loses none", "[faults]") {
    const Canceller canceller;  // a lookup that it may end takes two
    std::vector<Answer> answers;
    bool numeric = false, local = false;
    {
        Exhausted exhausted;
        const auto with = [&](std::size_t left, const ResolveOptions& options) {
            exhausted.give_back(left);
            auto result = whether(try_resolve("some.test", 80, options));
            answers.push_back({"resolve", left, exhausted.fill(), std::move(result)});
        };
        with(0, {});
        with(0, {.timeout = {}});
        with(0, {.canceller = canceller});
        with(1, {.canceller = canceller});
        numeric = try_resolve("127.0.0.1", 80).has_value();
        local = try_resolve("localhost", 80).has_value();
    }
    check_that_all_ran_out(answers, "resolve \"some.test\": ");
    CHECK(numeric);
    CHECK(local);
}

TEST_CASE("accept: without descriptors it says so, and the connection is served when there is one",
          "[faults]") {  // behaviour 64
    const Timeout timeout = GENERATE(Timeout(), Timeout(60s), Timeout(0s));
    CAPTURE(timeout.is_forever(), timeout.is_zero());
    auto server = create_server("127.0.0.1", 0, "few");
    auto client = connect_to("127.0.0.1", server.local_endpoint().port());
    std::vector<Answer> answers;
    Result<Socket> accepted = Socket();
    {
        Exhausted exhausted;
        for (int i = 0; i < 3; ++i) {
            auto result = whether(server.try_accept(timeout));
            answers.push_back({"accept", 0, exhausted.fill(), std::move(result)});
        }
        exhausted.give_back(1);
        accepted = server.try_accept(timeout);
    }
    check_that_all_ran_out(answers, "[few] accept on 127.0.0.1:");
    REQUIRE(accepted);
    send_all(client, "served");
    CHECK(recv_exact(*accepted, 6) == "served");
}
