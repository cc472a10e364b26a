// SPDX-License-Identifier: MIT
#include <sockboot/detail/wait_policy.hpp>

#include <array>
#include <chrono>
#include <ctime>
#include <future>
#include <optional>
#include <utility>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using detail::WaitPolicy;
using detail::os::BlockUntil;
using loopback::connected_pair;
using loopback::error_of;

namespace {

/// Processor time of this thread, in milliseconds.
double processor_ms() {
    timespec spent{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return static_cast<double>(spent.tv_sec) * 1e3 + static_cast<double>(spent.tv_nsec) / 1e6;
}

std::size_t receive(Socket& socket) {
    std::array<std::byte, 16> buffer{};
    return socket.recv_some(buffer);
}

Error failure(Socket& socket) {
    std::array<std::byte, 16> buffer{};
    return error_of(socket.try_recv_some(buffer));
}

}  // namespace

TEST_CASE("wait policy: a call blocks in the system only where nothing else is to end it", "[wait_policy]") {
    CHECK(WaitPolicy().receive_all == BlockUntil::all);
    CHECK(WaitPolicy().receive_some == BlockUntil::some);
    CHECK(WaitPolicy(1s, Canceller::none(), 0us).receive_all == BlockUntil::nothing);
    CHECK(WaitPolicy(Timeout::forever(), Canceller(), 0us).receive_some == BlockUntil::nothing);
    CHECK(WaitPolicy(Timeout::forever(), Canceller::none(), 1us).receive_all == BlockUntil::nothing);

    WaitPolicy policy(1s, Canceller(), 5us);
    policy.set_receive_timeout({});
    CHECK(policy.receive_all == BlockUntil::nothing);
    policy.set_canceller(Canceller::none());
    CHECK(policy.receive_all == BlockUntil::nothing);
    policy.set_spin(0us);
    CHECK(policy.receive_all == BlockUntil::all);
    CHECK(policy.blocks_within(Deadline(Timeout::forever())));
    // A deadline of the caller's own, as graceful_close has one.
    CHECK_FALSE(policy.blocks_within(Deadline(1s)));
}

TEST_CASE("wait policy: one flag says that nothing is to be tried, and moves with its canceller", "[wait_policy]") {
    CHECK_FALSE(WaitPolicy().receive_stop_flag->load());
    CHECK_FALSE(WaitPolicy(0s, Canceller::none(), 0us).receive_stop_flag->load());
    const WaitPolicy late(-1ns, Canceller::none(), 0us);
    CHECK(late.receive_stop_flag->load());
    CHECK(late.stop_error(Deadline(late.receive_timeout())).is(detail::IoResult::deadline_exceeded));

    std::optional<Canceller> canceller(std::in_place);
    WaitPolicy before(Timeout::forever(), *canceller, 0us);
    WaitPolicy copy = before;
    const WaitPolicy policy = std::move(before);
    canceller->cancel();
    for (const WaitPolicy* one : {&std::as_const(copy), &policy}) {
        CHECK(one->receive_stop_flag->load());
        CHECK(one->stop_error(Deadline(Timeout())).is(detail::IoResult::cancelled));
    }
    CHECK_FALSE(before.receive_stop_flag->load());  // NOLINT(bugprone-use-after-move): it has none any more
    copy = WaitPolicy();
    canceller.reset();
    CHECK_FALSE(copy.receive_stop_flag->load());
    CHECK(policy.receive_stop_flag->load());
}

TEST_CASE("spin: a call that has to wait busy-polls for so long, and then blocks until its deadline", "[wait_policy]") {
    auto [socket, peer] = connected_pair();
    socket.set_spin(100ms);
    socket.set_timeout(300ms);
    const loopback::Stopwatch watch;
    const double before = processor_ms();
    CHECK(failure(socket).code() == Errc::deadline_exceeded);
    CHECK(watch.elapsed_ms() >= 300);
    CHECK(watch.elapsed_ms() < 1500);
    // Busy for 100 ms at most: how much of them the processor had to give is not ours to say.
    CHECK(processor_ms() - before < 150);
}

TEST_CASE("spin: data that comes while spinning, or after it, is received without a timeout too", "[wait_policy]") {
    auto [socket, peer] = connected_pair();
    const auto spin = GENERATE(1us, 10s);
    socket.set_spin(spin);
    auto answer = std::async(std::launch::async, [&waiting = socket] { return receive(waiting); });
    peer.send_some("waited for");
    CHECK(answer.get() == 10);
}

TEST_CASE("spin: the deadline, the canceller and a timeout of zero end it at once", "[wait_policy]") {
    auto [socket, peer] = connected_pair();
    socket.set_spin(100s);

    socket.set_timeout(20ms);
    CHECK(failure(socket).code() == Errc::deadline_exceeded);
    socket.set_timeout(0s);
    CHECK(failure(socket).would_block());

    socket.set_timeout({});
    Canceller canceller;
    socket.set_canceller(canceller);
    auto ended = std::async(std::launch::async, [&waiting = socket] { return failure(waiting); });
    canceller.cancel();
    CHECK(ended.get().code() == Errc::cancelled);
}

TEST_CASE("spin: options hand it on to the sockets that they make, a time below zero is refused", "[wait_policy]") {
    auto server = create_server("127.0.0.1", 0, "spinning", {.spin = 7us});
    auto client = connect_to("127.0.0.1", server.local_endpoint().port(), "client", {.spin = 9us});
    auto accepted = server.accept();
    CHECK(accepted.spin() == 7us);
    CHECK(client.spin() == 9us);
    CHECK(Socket(std::move(client)).spin() == 9us);
    CHECK(error_of(accepted.try_set_spin(-1us)).code() == std::errc::invalid_argument);
    CHECK(accepted.spin() == 7us);
    CHECK(error_of(try_create_server("127.0.0.1", 0, "", {.spin = -1us})).code() == std::errc::invalid_argument);
    CHECK(error_of(try_connect_to("127.0.0.1", 1, "", {.spin = -1us})).code() == std::errc::invalid_argument);
}
