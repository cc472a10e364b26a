// SPDX-License-Identifier: MIT
// PresentTimeout and CloseTimeout: what ends a call that is blocked. In Go a deadline that is moved does so; here a
// deadline is not moved under a call, and a Canceller is what ends it. A socket is not closed under a call, and its
// peer is what ends that.
#include <array>
#include <chrono>
#include <string>
#include <utility>

#include <sockboot/canceller.hpp>
#include <sockboot/message.hpp>
#include <sockboot/message_channel.hpp>

#include "conformance.hpp"

using namespace conformance;
using namespace std::chrono_literals;
using namespace std::string_view_literals;
using loopback::Stopwatch;

namespace {

/// The two ways to wait: inside the call, and ahead of it.
Timeout no_timeout_or_a_long_one() { return GENERATE(Timeout::forever(), Timeout(10min)); }

bool is_broken(const std::error_code& code) {
    return code == std::errc::connection_reset || code == std::errc::broken_pipe;
}

/// What `call` answers that was blocked when `strike` came.
template <class Call, class Strike> auto struck(Call call, const Strike& strike) {
    auto ended = blocked_in(std::move(call));
    strike();
    return ended.get();
}

}  // namespace

TEMPLATE_TEST_CASE("conformance: a canceller ends a blocked receive, a blocked send and both, and no byte is lost",
                   "[conformance]", TRANSPORTS) {
    auto pair = TestType::make();
    auto &here = pair.first, &there = pair.second;
    Canceller canceller;
    here.set_canceller(canceller);
    here.set_timeout(no_timeout_or_a_long_one());
    Sender sends_here(here), sends_there(there);
    Receiver receives_here(here), receives_there(there);
    const auto receive = [&] { return code_of(receives_here.all(1'000)); };
    const auto send = [&] { return sends_here.until_it_fails().code(); };
    const auto cancel = [&] { canceller.cancel(); };

    const Stopwatch watch;
    sends_there.all(500).value();
    CHECK(struck(receive, cancel) == Errc::cancelled);
    CHECK(receive() == Errc::cancelled);  // until reset()
    CHECK(send() == Errc::cancelled);
    canceller.reset();
    CHECK(struck(send, cancel) == Errc::cancelled);
    canceller.reset();
    auto receiving = blocked_in(receive);
    CHECK(struck(send, cancel) == Errc::cancelled);
    CHECK(receiving.get() == Errc::cancelled);
    CHECK(watch.elapsed_ms() < 60'000);

    canceller.reset();
    const std::uint64_t end = sends_here.place() + Pattern::max_size;
    auto received = in_a_thread([&] { return receives_there.until(end); });
    sends_here.all(Pattern::max_size).value();
    sends_there.all(2'000).value();
    CHECK(receives_here.until(2'500));
    CHECK(received.get());
}

TEMPLATE_TEST_CASE("conformance: a canceller ends a channel's receive inside of a message, which then goes on",
                   "[conformance]", TRANSPORTS) {
    auto pair = TestType::make();
    auto& peer = pair.second;
    Canceller canceller;
    pair.first.set_canceller(canceller);
    pair.first.set_timeout(no_timeout_or_a_long_one());
    MessageChannel channel(std::move(pair.first));
    send_all(peer, "\0\0\0\x0Bhello"sv);
    CHECK(struck([&] { return code_of(channel.try_receive()); }, [&] { canceller.cancel(); }) == Errc::cancelled);
    send_all(peer, " world");
    CHECK(code_of(channel.try_receive()) == Errc::cancelled);
    canceller.reset();
    CHECK(channel.receive() == "hello world");
    channel.send("an answer");
    CHECK(recv_message(peer) == "an answer");
}

TEMPLATE_TEST_CASE("conformance: a canceller ends a blocked accept, and what comes later is accepted", "[conformance]",
                   TRANSPORTS) {
    if constexpr (requires { TestType::listen(); }) {
        auto listener = TestType::listen();
        Canceller canceller;
        listener.set_canceller(canceller);
        listener.set_timeout(no_timeout_or_a_long_one());
        const auto accept = [&] { return code_of(listener.try_accept()); };
        CHECK(struck(accept, [&] { canceller.cancel(); }) == Errc::cancelled);
        auto there = TestType::connect(listener);
        CHECK(accept() == Errc::cancelled);
        canceller.reset();
        auto here = listener.accept();
        send_message(there, "hello");
        CHECK(recv_message(here) == "hello");
    }
}

TEMPLATE_TEST_CASE("conformance: the peer's close ends a blocked receive with the end of the stream", "[conformance]",
                   TRANSPORTS) {
    auto pair = TestType::make();
    auto &here = pair.first, &there = pair.second;
    here.set_timeout(no_timeout_or_a_long_one());
    std::array<std::byte, 10> buffer{};
    const auto close = [&] { there.close(); };
    SECTION("of some bytes: there are none") {
        CHECK(struck([&] { return here.try_recv_some(buffer); }, close).value() == 0);
    }
    SECTION("of all bytes, before the first") {
        CHECK(struck([&] { return code_of(try_recv_exact(here, buffer)); }, close) == Errc::closed);
    }
    SECTION("of all bytes, after some") {
        send_all(there, "some");
        CHECK(struck([&] { return code_of(try_recv_exact(here, buffer)); }, close) == Errc::truncated);
    }
    SECTION("of a message") {
        CHECK(struck([&] { return recv_message(here); }, close) == std::nullopt);
    }
    SECTION("of a message, inside of it") {
        send_all(there, "\0\0\0\x0Bhello"sv);
        CHECK(struck([&] { return code_of(try_recv_message(here)); }, close) == Errc::truncated);
    }
    SECTION("of a channel's message") {
        MessageChannel channel(std::move(here));
        CHECK(struck([&] { return channel.receive(); }, close) == std::nullopt);
    }
    SECTION("of some bytes, where it ends its own side alone") {
        CHECK(struck([&] { return here.try_recv_some(buffer); }, [&] { there.shutdown_send(); }).value() == 0);
        send_all(here, "heard");
        CHECK(recv_exact(there, 5) == "heard");
    }
}

TEMPLATE_TEST_CASE("conformance: a peer that aborts ends a blocked receive, and is told from one that closes",
                   "[conformance]", TRANSPORTS) {
    auto pair = TestType::make();
    auto &here = pair.first, &there = pair.second;
    here.set_timeout(no_timeout_or_a_long_one());
    const auto answer = struck([&] { return try_recv_message(here); }, [&] { there.abort(); });
    if (TestType::abort_resets)
        CHECK(code_of(answer) == std::errc::connection_reset);
    else
        CHECK(answer.value() == std::nullopt);
}

TEMPLATE_TEST_CASE("conformance: a peer that closes or aborts ends a blocked send, and the receive beside it",
                   "[conformance]", TRANSPORTS) {
    auto pair = TestType::make();
    auto &here = pair.first, &there = pair.second;
    here.set_timeout(no_timeout_or_a_long_one());
    const bool aborts = GENERATE(false, true);
    auto receiving = blocked_in([&] { return Receiver(here).some(1); });
    const auto end = [&] { aborts ? there.abort() : there.close(); };
    CHECK(is_broken(struck([&] { return Sender(here).until_it_fails().code(); }, end)));
    // The system tells of a reset once: the call that comes second finds the end of the stream.
    const auto received = receiving.get();
    CHECK((received ? *received == 0 : is_broken(received.error().code())));
    CHECK(is_broken(code_of(try_send_all(here, "more"))));
}

TEMPLATE_TEST_CASE("conformance: after its own close a stream answers each call with closed", "[conformance]",
                   TRANSPORTS) {
    auto [here, there] = TestType::make();
    here.set_timeout(GENERATE(Timeout::forever(), Timeout(10min), Timeout(0s), Timeout(-1s)));
    const bool aborts = GENERATE(false, true);
    aborts ? here.abort() : here.close();
    here.close();  // a second time is no error

    std::array<std::byte, 10> buffer{};
    std::string message;
    CHECK_FALSE(here.is_open());
    CHECK(code_of(here.try_recv_some(buffer)) == Errc::closed);
    CHECK(code_of(here.try_send_some("x")) == Errc::closed);
    CHECK(code_of(here.try_shutdown_send()) == Errc::closed);
    CHECK(code_of(try_recv_exact(here, buffer)) == Errc::closed);
    CHECK(code_of(try_recv_exact(here, 10)) == Errc::closed);
    CHECK(code_of(try_send_all(here, "x")) == Errc::closed);
    CHECK(code_of(try_recv_message(here, message)) == Errc::closed);
    CHECK(code_of(try_send_message(here, "x")) == Errc::closed);
    MessageChannel channel(std::move(here));
    CHECK(code_of(channel.try_receive()) == Errc::closed);
    CHECK(code_of(channel.try_send("x")) == Errc::closed);
}
