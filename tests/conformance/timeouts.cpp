// SPDX-License-Identifier: MIT
// ReadTimeout, WriteTimeout, PastTimeout and FutureTimeout: time ends a call, and nothing but the call.
#include <array>
#include <chrono>
#include <string>
#include <utility>

#include <sockboot/message.hpp>
#include <sockboot/message_channel.hpp>

#include "conformance.hpp"

using namespace conformance;
using namespace std::chrono_literals;
using loopback::error_of;
using loopback::Stopwatch;

namespace {

/// Every call that receives, and the time is up before it began.
template <class S> void check_that_receives_end(S& stream) {
    std::array<std::byte, 10> buffer{};
    std::string message;
    CHECK(code_of(stream.try_recv_some(buffer)) == Errc::deadline_exceeded);
    CHECK(code_of(try_recv_exact(stream, 10)) == Errc::deadline_exceeded);
    CHECK(error_of(try_recv_exact(stream, buffer)).transferred() == 0);
    CHECK(code_of(try_recv_message(stream, message)) == Errc::deadline_exceeded);
}

/// Every call that sends.
template <class S> void check_that_sends_end(S& stream) {
    CHECK(code_of(stream.try_send_some("x")) == Errc::deadline_exceeded);
    CHECK(code_of(try_send_all(stream, "x")) == Errc::deadline_exceeded);
    CHECK(error_of(try_send_all(stream, {"x", "y"})).transferred() == 0);
    CHECK(code_of(try_send_message(stream, "x")) == Errc::deadline_exceeded);
}

/// Asks and is answered until that fails; what it failed with.
template <class S> Error talk(S& stream) {
    for (;;) {
        if (auto sent = try_send_message(stream, "question"); !sent) return sent.error();
        if (auto answer = try_recv_message(stream); !answer.has_value()) return answer.error();
    }
}

}  // namespace

TEMPLATE_TEST_CASE("conformance: a receive that times out leaves sending alone, and what comes later comes whole",
                   "[conformance]", TRANSPORTS) {
    auto pair = TestType::make();
    auto &here = pair.first, &there = pair.second;
    Sender sends_here(here), sends_there(there);
    Receiver receives_here(here), receives_there(there);
    here.set_receive_timeout(20ms);
    for (int again = 0; again < 2; ++again) {
        CHECK(code_of(receives_here.some(100)) == Errc::deadline_exceeded);
        CHECK(code_of(receives_here.all(100)) == Errc::deadline_exceeded);
        CHECK(code_of(try_recv_message(here)) == Errc::deadline_exceeded);
        sends_here.all(10'000).value();
    }
    CHECK(receives_here.place() == 0);
    CHECK(receives_there.until(20'000));

    // A part that has come in time is not given up either.
    sends_there.all(1'000).value();
    CHECK(code_of(receives_here.all(3'000)) == Errc::deadline_exceeded);
    here.set_receive_timeout(Timeout::forever());
    sends_there.all(4'000).value();
    CHECK(receives_here.until(5'000));
}

TEMPLATE_TEST_CASE("conformance: a send that times out leaves receiving alone, and what went before arrives whole",
                   "[conformance]", TRANSPORTS) {
    auto pair = TestType::make();
    auto &here = pair.first, &there = pair.second;
    Sender sends_here(here), sends_there(there);
    Receiver receives_here(here), receives_there(there);
    here.set_send_timeout(20ms);
    for (int again = 1; again <= 2; ++again) {
        CHECK(sends_here.until_it_fails().code() == Errc::deadline_exceeded);
        sends_there.all(10'000).value();
        CHECK(receives_here.until(10'000U * static_cast<unsigned>(again)));
    }
    here.set_send_timeout(Timeout::forever());
    const std::uint64_t end = sends_here.place() + Pattern::max_size;
    auto received = in_a_thread([&] { return receives_there.until(end); });
    sends_here.all(Pattern::max_size).value();
    CHECK(received.get());
}

TEMPLATE_TEST_CASE("conformance: a timeout of the past ends calls at once, and moves nothing, also what is there",
                   "[conformance]", TRANSPORTS) {
    auto [here, there] = TestType::make();
    send_message(there, "it is there");
    SECTION("for both directions") {
        here.set_timeout(GENERATE(-1ns, -5s, -1h));
        check_that_receives_end(here);
        check_that_sends_end(here);
    }
    SECTION("for receiving alone") {
        here.set_receive_timeout(-1ns);
        check_that_receives_end(here);
        send_message(here, "sending goes on");
        CHECK(recv_message(there) == "sending goes on");
    }
    SECTION("for sending alone") {
        here.set_send_timeout(-1ns);
        check_that_sends_end(here);
        CHECK(recv_message(here) == "it is there");
        send_message(there, "it is there");
    }
    SECTION("for all calls in a scope") {
        const auto whole = here.within(GENERATE(Timeout(-5s), Timeout(0s)));
        check_that_receives_end(here);
        check_that_sends_end(here);
    }
    there.set_receive_timeout(0s);
    CHECK(error_of(try_recv_message(there)).would_block());
    there.set_receive_timeout(Timeout::forever());

    here.set_timeout(Timeout::forever());
    CHECK(recv_message(here) == "it is there");
    send_message(here, "the first that arrives");
    CHECK(recv_message(there) == "the first that arrives");
}

TEMPLATE_TEST_CASE("conformance: a timeout of the past keeps what a channel has queued, and what it is to receive",
                   "[conformance]", TRANSPORTS) {
    auto pair = TestType::make();
    MessageChannel here(std::move(pair.first)), there(std::move(pair.second));
    there.send("it is there");
    {
        const auto whole = here.within(-1s);
        CHECK(code_of(here.try_receive()) == Errc::deadline_exceeded);
        here.queue("first");
        CHECK(code_of(here.try_flush()) == Errc::deadline_exceeded);
        CHECK(code_of(here.try_send("second")) == Errc::deadline_exceeded);  // and so it was not taken
    }
    CHECK(here.receive() == "it is there");
    here.send("third");
    for (const char* const message : {"first", "third"}) CHECK(there.receive() == message);
}

TEMPLATE_TEST_CASE("conformance: a timeout of the far future disturbs nothing", "[conformance]", TRANSPORTS) {
    constexpr std::uint64_t total = std::uint64_t{1} << 20;
    auto pair = TestType::make();
    auto &here = pair.first, &there = pair.second;
    const Timeout far = GENERATE(Timeout(1h), Timeout(std::chrono::hours(24 * 365 * 200)),
                                 Timeout((Timeout::nanoseconds::max)() - 1ns), Timeout::forever());
    const bool as_scope = GENERATE(false, true);
    if (!as_scope) here.set_timeout(far);
    const auto whole = here.within(as_scope ? far : Timeout::forever());
    Sender sender(here);
    auto echoing = in_a_thread([&] {
        for (std::uint64_t i = 0; i < total / 1'024; ++i) send_all(there, recv_exact(there, 1'024));
    });
    auto sending = in_a_thread([&] {
        for (OddSizes sizes(4, 9'000); sender.place() < total;) sender.all(sizes.next(total - sender.place())).value();
    });
    Receiver receiver(here);
    CHECK(receiver.until(total));
    sending.get(), echoing.get();
}

TEMPLATE_TEST_CASE("conformance: one short time ends a whole dialogue, none of whose calls takes long", "[conformance]",
                   TRANSPORTS) {
    auto pair = TestType::make();
    auto &here = pair.first, &there = pair.second;
    auto answering = in_a_thread([&] {
        int questions = 0;
        for (; recv_message(there); ++questions) send_message(there, "answer");
        return questions;
    });
    const Stopwatch watch;
    here.set_timeout(1h);
    {
        const auto whole = here.within(200ms);
        CHECK(talk(here).code() == Errc::deadline_exceeded);
        CHECK(talk(here).code() == Errc::deadline_exceeded);
    }
    CHECK(watch.elapsed_ms() >= 200);
    CHECK(watch.elapsed_ms() < 60'000);
    here.shutdown_send();
    CHECK(answering.get() > 0);
}
