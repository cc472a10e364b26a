// SPDX-License-Identifier: MIT
// epoll_echo: messages under an event loop of one's own, as the README shows it. Takes a port.
#include <unistd.h>

#include <cstdlib>
#include <map>

#include <sys/epoll.h>

#include <sockboot/sockboot.hpp>

struct Client {
    sockboot::Socket socket;
    sockboot::FrameDecoder<> in{};
    sockboot::FrameEncoder<> out{};  // what cannot be sent yet
};
static bool echo(Client& client) {  // false: the client is done
    if (client.out.empty()) {
        const auto got = client.socket.try_recv_some(client.in.prepare(4096));
        if (got ? *got == 0 : !got.error().would_block()) return false;
        client.in.commit(got ? *got : 0);
    }
    auto message = client.in.try_next();
    for (; message.has_value() && *message; message = client.in.try_next()) client.out.add(**message);
    if (!message.has_value()) return false;  // no frame of ours
    while (!client.out.empty()) {
        const auto sent = client.socket.try_send_some(client.out.unsent());
        if (!sent) return sent.error().would_block();
        client.out.consume(*sent);
    }
    return true;
}
static void serve(sockboot::Socket& server, int epoll) {  // a server with a timeout of zero, which its clients inherit
    std::map<int, Client> clients;
    const auto watch = [epoll](int operation, int handle, std::uint32_t events) {
        epoll_event event{.events = events, .data = {.fd = handle}};
        return ::epoll_ctl(epoll, operation, handle, &event);
    };
    watch(EPOLL_CTL_ADD, server.native_handle(), EPOLLIN);
    for (epoll_event event{}; ::epoll_wait(epoll, &event, 1, -1) == 1;) {
        if (const auto client = clients.find(event.data.fd); client == clients.end()) {
            auto accepted = server.try_accept();
            if (!accepted) continue;
            const int handle = accepted->native_handle();
            clients.emplace(handle, Client{std::move(*accepted)});
            watch(EPOLL_CTL_ADD, handle, EPOLLIN);
        } else if (echo(client->second)) {
            watch(EPOLL_CTL_MOD, client->first, client->second.out.empty() ? EPOLLIN : EPOLLOUT);
        } else {
            clients.erase(client);  // closing it takes it out of the loop
        }
    }
}

int main(int argc, char** argv) {
    auto server = sockboot::create_server("localhost", argc > 1 ? std::atoi(argv[1]) : 7777, "epoll",
                                          {.timeout = std::chrono::seconds(0)});
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    serve(server, epoll);
    ::close(epoll);
}
