// SPDX-License-Identifier: MIT
// What a server must do to be measured with many connections: how long it takes to accept them, and what they keep.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "contender.hpp"

namespace bench {

/// The bytes of a frame as the clients send it and want it back: a length of 4 bytes, big-endian, and 64 bytes.
inline constexpr std::size_t frame_size = 68;

/// As many descriptors as this process may have.
inline void allow_many_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) fail("connections: getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) fail("connections: setrlimit");
}

/// A client's connection to a server of this machine.
inline int connected_to(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int handle = ::socket(AF_INET, SOCK_STREAM, 0);
    const int on = 1;
    ::setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(handle, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        fail("connections: cannot connect");
    return handle;
}

/// One server, in the form in which its library keeps least for a connection that is idle.
class ConnectionsServer {
public:
    ConnectionsServer() = default;
    ConnectionsServer(const ConnectionsServer&) = delete;
    ConnectionsServer& operator=(const ConnectionsServer&) = delete;
    virtual ~ConnectionsServer() = default;

    /// Listens on 127.0.0.1, and returns the port.
    virtual std::uint16_t listen() = 0;
    /// Accepts so many connections, which are in the queue, and keeps them.
    virtual void accept(std::size_t count) = 0;
    /// Receives the message that each of its connections has sent, sends it back, and keeps the connection.
    virtual void answer_all() = 0;
};

std::unique_ptr<ConnectionsServer> make_connections_server();

}  // namespace bench
