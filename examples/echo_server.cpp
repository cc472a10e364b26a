// SPDX-License-Identifier: MIT
// echo_server: sends every message back. Serves each client in a thread of its own; ends on Ctrl-C.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <list>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sockboot/sockboot.hpp>

#include "command_line.hpp"

namespace {

constexpr const char* usage =
    "usage: echo_server [host] [port] [clients]\n"
    "Sends every message back to the client that sent it. A message is 4 bytes of length, big-endian, and its bytes.\n"
    "  host  the address or name to listen on; \"\" or * for all (default: localhost)\n"
    "  port  0 lets the system choose (default: 7777)\n"
    "  clients  how many it serves at a time (default: 256); further ones are turned away\n"
    "Ends on Ctrl-C.\n";

/// Echoes until the client closes, breaks the rules, or Ctrl-C ends it.
void serve(sockboot::Socket client) {
    try {
        std::string message;
        while (sockboot::recv_message(client, message)) sockboot::send_message(client, message);
    } catch (const sockboot::SocketError& error) {
        if (error.code() != sockboot::Errc::cancelled) std::fprintf(stderr, "%s\n", error.what());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
    }
}

/// The threads of the clients; joined as they end, and all of them at the end.
class Clients {
public:
    Clients(sockboot::Canceller stop, std::size_t max) : stop_(std::move(stop)), max_(max) {}
    ~Clients() {
        stop_.cancel();
        for (Client& client : clients_)
            if (client.thread.joinable()) client.thread.join();
    }
    Clients(const Clients&) = delete;
    Clients& operator=(const Clients&) = delete;

    void add(sockboot::Socket socket) {
        reap();
        const std::string peer = socket.remote_endpoint().to_string();
        if (clients_.size() >= max_) return say_turned_away(peer, "there are too many clients");
        Client& client = clients_.emplace_back();
        try {
            client.thread = std::thread([&client, socket = std::move(socket)]() mutable {
                serve(std::move(socket));
                client.done = true;
            });
        } catch (const std::system_error& error) {  // no thread for it; its socket has gone with the lambda
            clients_.pop_back();
            say_turned_away(peer, error.what());
        }
    }

private:
    static void say_turned_away(const std::string& peer, const char* why) {
        std::fprintf(stderr, "[echo] %s is turned away: %s\n", peer.c_str(), why);
    }

    struct Client {
        std::thread thread;
        std::atomic<bool> done{false};
    };

    void reap() {
        clients_.remove_if([](Client& client) {
            if (client.done) client.thread.join();
            return client.done.load();
        });
    }

    sockboot::Canceller stop_;
    const std::size_t max_;
    std::list<Client> clients_;
};

void run(const std::vector<std::string>& arguments) {
    const std::string host = !arguments.empty() ? arguments[0] : "localhost";
    const std::uint16_t port = arguments.size() > 1 ? examples::parse_port(arguments[1]) : std::uint16_t{7777};
    const std::size_t max_clients = arguments.size() > 2 ? examples::parse_count(arguments[2]) : 256;
    const auto stop = examples::stop_on_ctrl_c();
    auto server = sockboot::create_server(host, port, "echo", {.canceller = stop});

    Clients clients(stop, max_clients);
    for (;;) {
        auto client = server.try_accept();
        if (client) {
            clients.add(std::move(*client));
        } else if (client.error().transient()) {  // no descriptors left: let some clients go first
            std::fprintf(stderr, "%s\n", client.error().message().c_str());
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        } else if (client.error().code() == sockboot::Errc::cancelled) {
            return;
        } else {
            throw sockboot::SocketError(client.error());
        }
    }
}

}  // namespace

int main(int argc, char** argv) { return examples::run(argc, argv, usage, run); }
