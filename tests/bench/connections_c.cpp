// SPDX-License-Identifier: MIT
// Connections of C by hand: descriptors, and one buffer for them all.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>

#include "connections.hpp"

namespace bench {
namespace {

class Server final : public ConnectionsServer {
public:
    std::uint16_t listen() override {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
            ::listen(listener_, SOMAXCONN) != 0 ||
            ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
            fail("C: cannot listen");
        return ntohs(address.sin_port);
    }
    void accept(std::size_t count) override {
        const int on = 1;
        for (std::size_t i = 0; i < count; ++i) {
            connections_.push_back(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
            if (connections_.back() < 0) fail("C: cannot accept");
            ::setsockopt(connections_.back(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
    }
    void answer_all() override {
        constexpr auto whole = static_cast<ssize_t>(frame_size);
        for (const int one : connections_)
            if (::recv(one, frame_.data(), frame_size, MSG_WAITALL) != whole ||
                ::send(one, frame_.data(), frame_size, MSG_NOSIGNAL) != whole)
                fail("C: no message");
    }

private:
    int listener_ = -1;
    std::vector<int> connections_;
    std::array<char, frame_size> frame_{};
};

}  // namespace

std::unique_ptr<ConnectionsServer> make_connections_server() { return std::make_unique<Server>(); }

}  // namespace bench
