// SPDX-License-Identifier: MIT
// Accepting while connections die in the queue and descriptors run out.
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "catch.hpp"
#include "loopback.hpp"
#include "wrap.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using faults::Call;
using faults::Made;
using faults::Script;
using faults::system_code;
using faults::Verdict;
using loopback::error_of;

namespace {

/// A server with one connection in its queue.
struct Queue {
    Socket server = create_server("127.0.0.1", 0, "queue");
    Socket client = connect_to("127.0.0.1", server.local_endpoint().port());
};

/// The first `count` calls of accept fail with `number`.
Script::Decide accept_fails(int number, int count) {
    return
        [=](const Made& made) { return Verdict{.error = made.call == Call::accept && made.nth < count ? number : 0}; };
}

}  // namespace

TEST_CASE("accept: a connection that died in the queue is passed over, the next one is served",
          "[faults]") {  // behaviour 63
    const int number = GENERATE(ECONNABORTED, EPROTO, EPERM, ENETDOWN, EHOSTUNREACH, EINTR, ENETUNREACH, EOPNOTSUPP,
                                ENOPROTOOPT, EHOSTDOWN, ENONET);
    const Timeout timeout = GENERATE(Timeout(), Timeout(60s), Timeout(0s));
    CAPTURE(number, timeout.is_forever(), timeout.is_zero());
    Queue queue;
    const Script script(accept_fails(number, 3));
    const auto accepted = queue.server.try_accept(timeout);
    REQUIRE(accepted);
    CHECK(accepted->remote_endpoint() == queue.client.local_endpoint());
    CHECK(script.count(Call::accept) == 4);
}

TEST_CASE("accept: connections that die for ever are the listener's own trouble in the end",
          "[faults]") {  // behaviour 63
    const Timeout timeout = GENERATE(Timeout(), Timeout(60s), Timeout(0s));
    CAPTURE(timeout.is_forever(), timeout.is_zero());
    Queue queue;
    const Script script(accept_fails(ECONNABORTED, 1'000'000));
    const Error error = error_of(queue.server.try_accept(timeout));
    CHECK(error.code() == system_code(ECONNABORTED));
    CHECK(error.transient());
    CHECK(script.count(Call::accept) == 64);
}

TEST_CASE("accept: a shortage is reported, as one that passes by itself", "[faults]") {  // behaviour 64
    const int number = GENERATE(EMFILE, ENFILE, ENOBUFS, ENOMEM);
    const Timeout timeout = GENERATE(Timeout(), Timeout(60s), Timeout(0s));
    CAPTURE(number, timeout.is_forever(), timeout.is_zero());
    Queue queue;
    const Script script(accept_fails(number, 1));
    const Error error = error_of(queue.server.try_accept(timeout));
    CHECK(error.code() == system_code(number));
    CHECK(error.transient());
    CHECK(script.count(Call::accept) == 1);
    CHECK_THAT(error.message(), StartsWith("[queue] accept on 127.0.0.1:"));
    CHECK(queue.server.accept(timeout).remote_endpoint() == queue.client.local_endpoint());
}

TEST_CASE("accept: a listener that is none is a permanent failure, told at once", "[faults]") {  // behaviour 66
    const int number = GENERATE(EBADF, EINVAL, ENOTSOCK, EFAULT);
    CAPTURE(number);
    Queue queue;
    const Script script(accept_fails(number, 1));
    const Error error = error_of(queue.server.try_accept());
    CHECK(error.code() == system_code(number));
    CHECK_FALSE(error.transient());
    CHECK(script.count(Call::accept) == 1);
}

TEST_CASE("accept: a connection that is gone between poll and accept does not block it", "[faults]") {  // behaviour 67
    Queue queue;
    int gone = 0;
    const Script script([&](const Made& made) -> Verdict {
        if (made.call != Call::accept) return {};
        if (made.nth == 0) return {.error = EAGAIN};  // so that it is poll which finds the connection
        // As another process on the same listener would, which was a moment quicker.
        if (made.nth == 1)
            if (const int handle = ::accept(made.argument, nullptr, nullptr); handle >= 0) gone += ::close(handle) == 0;
        return {};
    });
    const loopback::Stopwatch watch;
    CHECK(error_of(queue.server.try_accept(200ms)).code() == Errc::deadline_exceeded);
    CHECK(watch.elapsed_ms() >= 200);
    CHECK(gone == 1);
    CHECK(script.count(Call::accept) == 2);
}
