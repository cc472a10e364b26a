// SPDX-License-Identifier: MIT
// What can be asked of a server and of a connection; {} is right for most programs.
#pragma once

#include <cstdint>
#include "canceller.hpp"
#include "endpoint.hpp"
#include "timeout.hpp"

namespace sockboot::inline v0_2 {
/// When a silent connection is probed, and when it is reported as dead: idle + probes × interval after the last segment
/// from the peer, or user_timeout after data that nobody acknowledged.
struct KeepAlive {
    std::chrono::seconds idle{15};      ///< silence before the first probe; zero: no probes at all
    std::chrono::seconds interval{15};  ///< between probes; at least 1 s
    int probes = 9;                     ///< unanswered ones until the connection is dead; at least 1
    /// How long sent data may stay unacknowledged until the connection is dead (TCP_USER_TIMEOUT). Zero (default): as
    /// long as the system goes on resending, on Linux a quarter of an hour. An error where the system cannot be told.
    std::chrono::milliseconds user_timeout{0};
};

/// What create_server may be told.
struct ServerOptions {
    /// Connections that wait for accept(). -1 (default): as many as the system allows at that moment; 0: as few as it
    /// can.
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
    /// How long a call of an accepted socket busy-polls before it blocks; see SocketBase::set_spin. Default: zero.
    std::chrono::microseconds spin{0};
};

/// How often connecting is tried again, and when. The timeout of the whole holds all the same.
struct RetryPolicy {
    int attempts = 1;                              ///< in all; 1 (default): no second one; 0: until the deadline
    std::chrono::milliseconds initial_delay{100};  ///< before the second attempt; zero: none, at once
    double multiplier = 1.6;                       ///< of each delay by the one before; at least 1
    std::chrono::milliseconds max_delay{10'000};   ///< that no delay exceeds, but for its jitter
    double jitter = 0.2;                           ///< the part by which each delay is spread at random; 0 to 1
    std::uint64_t seed = 0;                        ///< of the jitter; 0: another one each time
};

/// What connect_to may be told.
struct ConnectOptions {
    /// For the whole of connecting: name resolution, every address, every attempt. Default: 10 s. Zero: try once.
    Timeout timeout = std::chrono::seconds(10);
    /// For each later I/O call of the socket. Default: for ever. Zero: try once.
    Timeout io_timeout{};
    /// Whether transient failures are tried again. Default: no.
    RetryPolicy retry{};
    /// How long one address is given before the next one is tried beside it (RFC 8305). Default: 250 ms; below 10 ms
    /// is 10 ms. Zero: one after the other, the next one when the one before has failed or has had its share of time.
    std::chrono::milliseconds attempt_delay{250};
    /// Addresses that are tried at the same time, at most. 1 to 16. Where a host has more, the oldest attempts make
    /// room, in time for each address that is left to have an equal share of the time that is left.
    int max_attempts_in_flight = 6;
    /// Where to connect from. Not set (default): the system chooses. Port 0: any. A fixed port can be had again while
    /// its last connection is in TIME_WAIT (SO_REUSEADDR); by the same server's address only when the kernel gives the
    /// pair of addresses free, and until then it is a transient failure.
    Endpoint local{};
    /// What ends the connecting, and each later call of the socket, from elsewhere. Default: nothing does.
    Canceller canceller = Canceller::none();
    /// Send small writes at once (TCP_NODELAY).
    bool no_delay = true;
    /// Probing of a silent peer; .idle zero: none.
    KeepAlive keep_alive{};
    /// How long a call of the socket busy-polls before it blocks; see SocketBase::set_spin. Default: zero.
    std::chrono::microseconds spin{0};
};
}  // namespace sockboot::inline v0_2
