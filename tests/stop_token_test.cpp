// SPDX-License-Identifier: MIT
#include <sockboot/stop_token.hpp>

#include <future>
#include <stop_token>
#include <thread>

#include <sockboot/message.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;

TEST_CASE("CancelOnStop: a stop request ends a blocked call of a jthread", "[stop_token]") {
    auto [socket, peer] = loopback::connected_pair();
    std::promise<Error> answer;
    std::jthread worker([&, &waiting = socket](std::stop_token token) {
        const Canceller canceller;
        const CancelOnStop link(std::move(token), canceller);
        waiting.set_canceller(canceller);
        answer.set_value(loopback::error_of(try_recv_message(waiting)));
    });
    worker.request_stop();
    CHECK(answer.get_future().get().code() == Errc::cancelled);
}

TEST_CASE("CancelOnStop: a stop that was requested before strikes at once", "[stop_token]") {
    std::stop_source source;
    source.request_stop();
    const Canceller canceller;
    const CancelOnStop link(source.get_token(), canceller);
    CHECK(canceller.is_cancelled());
}

TEST_CASE("CancelOnStop: once it is gone, a stop request strikes nothing", "[stop_token]") {
    std::stop_source source;
    const Canceller canceller;
    {
        const CancelOnStop link(source.get_token(), canceller);
    }
    source.request_stop();
    CHECK_FALSE(canceller.is_cancelled());
}
