// SPDX-License-Identifier: MIT
#include <csignal>
#include <cstdio>

#include <sockboot/sockboot.hpp>

static sockboot::Canceller& stop = *new sockboot::Canceller;  // never destroyed: a signal may come until the very end

int main() {
    using namespace std::chrono_literals;
    std::signal(SIGINT, [](int) { stop.cancel(); });
    auto server = sockboot::create_server("localhost", 7777, "echo", {.timeout = 10s, .canceller = stop});
    while (!stop.is_cancelled()) {
        try {
            auto client = server.accept(sockboot::Timeout::forever());
            while (auto message = sockboot::recv_message(client)) sockboot::send_message(client, *message);
        } catch (const sockboot::SocketError& error) {
            std::fprintf(stderr, "%s\n", error.what());  // whatever this client did: the next one is served
        }
    }
}
