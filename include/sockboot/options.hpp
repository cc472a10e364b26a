// SPDX-License-Identifier: MIT
// What can be asked of a server and of a connection; {} is right for most programs.
#pragma once

#include <chrono>

#include "canceller.hpp"
#include "endpoint.hpp"
#include "timeout.hpp"

namespace sockboot {

/// When a silent connection is probed, and when it is given up: idle + probes × interval after the last sign of life.
struct KeepAlive {
    std::chrono::seconds idle{15};      ///< silence before the first probe; zero: no probes at all
    std::chrono::seconds interval{15};  ///< between probes; at least 1 s
    int probes = 9;                     ///< unanswered ones until the connection is dead; at least 1
};

/// What create_server may be told.
struct ServerOptions {
    /// Connections that wait for accept(). -1 (default): as many as the system allows at that moment; 0: the least that
    /// it does.
    int backlog = -1;

    /// Bind although connections of an earlier run linger in TIME_WAIT (SO_REUSEADDR). Never steals a live server's
    /// port.
    bool reuse_address = true;

    /// Let several servers share the port, and the kernel spread connections over them (SO_REUSEPORT).
    /// An error where the system has no such thing.
    bool reuse_port = false;

    /// Whether an IPv6 wildcard ("", "*", "::") also takes IPv4. false: IPv6 alone, the port stays free for IPv4.
    bool dual_stack = true;

    /// For resolving the host name, then for accept() and, inherited, for each I/O call of the accepted sockets.
    /// Default: for ever. Zero: try once.
    Timeout timeout{};

    /// What ends a blocked accept(), and each call of the accepted sockets, from elsewhere. Default: nothing does.
    Canceller canceller = Canceller::none();

    /// Send small writes at once on accepted sockets (TCP_NODELAY).
    bool no_delay = true;

    /// Probing of silent clients; .idle zero: none.
    KeepAlive keep_alive{};
};

/// What connect_to may be told.
struct ConnectOptions {
    /// For the whole of connecting: name resolution, every address, every attempt. Default: 10 s. Zero: try once.
    Timeout timeout = std::chrono::seconds(10);

    /// For each later I/O call of the socket. Default: for ever. Zero: try once.
    Timeout io_timeout{};

    /// How long one address is given before the next one is tried beside it (RFC 8305). Default: 250 ms; below 10 ms
    /// is 10 ms. Zero: one after the other, the next one only when the one before has failed.
    std::chrono::milliseconds attempt_delay{250};

    /// Addresses that are tried at the same time, at most. 1 to 16.
    int max_attempts_in_flight = 6;

    /// Where to connect from. Not set (default): the system chooses. Port 0: any.
    Endpoint local{};

    /// What ends the connecting, and each later call of the socket, from elsewhere. Default: nothing does.
    Canceller canceller = Canceller::none();

    /// Send small writes at once (TCP_NODELAY).
    bool no_delay = true;

    /// Probing of a silent peer; .idle zero: none.
    KeepAlive keep_alive{};
};

}  // namespace sockboot
