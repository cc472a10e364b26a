// SPDX-License-Identifier: MIT
// What a server must do to be measured with many connections: how long it takes to accept them, and what they keep.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "contender.hpp"

namespace bench {

/// The bytes of a frame as the clients send it and want it back: a length of 4 bytes, big-endian, and 64 bytes.
inline constexpr std::size_t frame_size = 68;

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
