// SPDX-License-Identifier: MIT
// A peer that is there and then is not, without a word: who notices, when, and what the error says.
#include "world.hpp"

using namespace sockboot;
using namespace world;

namespace {

/// A client of a peer whose every packet is lost from now on.
struct Widow {
    Socket client, peer;
};

Widow widow(const char* address, const ConnectOptions& options) {
    auto server = create_server(address, 0, "server");
    auto client = connect_to(address, server.local_endpoint().port(), "client", options);
    auto peer = server.accept();
    silence(address);
    return {std::move(client), std::move(peer)};
}

}  // namespace

TEST_CASE_METHOD(Network, "KeepAlive: user_timeout ends the wait for a vanished peer, with the kernel's own reason",
                 "[.network][vanished]") {  // behaviour 32
    auto [client, peer] = widow("192.0.2.41", {.keep_alive = {.user_timeout = 1500ms}});
    const loopback::Stopwatch stopwatch;
    send_message(client, "are you there?");
    const auto reply = try_recv_message(client);

    REQUIRE_FALSE(reply.has_value());
    CHECK(stopwatch.elapsed_ms() >= 1500);
    CHECK(stopwatch.elapsed_ms() < 4000);
    CHECK(reply.error().code() == std::errc::timed_out);
    CHECK(reply.error().code() != Errc::deadline_exceeded);
    const std::string where = client.remote_endpoint().to_string();
    CHECK(reply.error().message() ==
          "[client] receive from " + where + ": connection timed out (0 of 4 bytes had come)");
}

TEST_CASE_METHOD(Network, "Socket: a timeout of its own ends the wait for a vanished peer before the kernel does",
                 "[.network][vanished]") {  // behaviour 32
    auto [client, peer] = widow("192.0.2.42", {.io_timeout = 300ms, .keep_alive = {.user_timeout = 1500ms}});
    const loopback::Stopwatch stopwatch;
    send_message(client, "are you there?");
    const auto reply = try_recv_message(client);

    REQUIRE_FALSE(reply.has_value());
    CHECK(stopwatch.elapsed_ms() >= 300);
    CHECK(stopwatch.elapsed_ms() < 1200);
    CHECK(reply.error().code() == Errc::deadline_exceeded);
    const std::string where = client.remote_endpoint().to_string();
    CHECK(reply.error().message() == "[client] receive from " + where +
                                         ": deadline exceeded (0 of 4 bytes had come; does the peer "
                                         "wait for us to speak first, or in another protocol?)");
}
