// SPDX-License-Identifier: MIT
// create_server: from host and port to a socket that accepts connections.
#pragma once

#include "detail/os.hpp"
#include "detail/socket_options.hpp"
#include "detail/wait_policy.hpp"
#include "endpoint.hpp"
#include "log.hpp"
#include "options.hpp"
#include "resolve.hpp"
#include "result.hpp"
#include "socket.hpp"

namespace sockboot::inline v0_2 {
namespace detail {
/// What a person can do about it, for the failures that people meet.
inline std::string listen_hint(std::error_code code, const Endpoint& endpoint) {
    if (code == std::errc::address_in_use) return "is another server listening there?";
    if (code == std::errc::address_not_available) return "no interface of this machine has that address";
    if (code == std::errc::permission_denied && endpoint.port() != 0 && endpoint.port() < 1024)
        return "ports below 1024 need root or CAP_NET_BIND_SERVICE";
    return {};
}

/// Everything between socket(2) and listen(2), on one endpoint.
inline Result<void> listen_with(os::Handle handle, const Endpoint& endpoint, const ServerOptions& options) {
    using os::Option;
    auto done = configure_stream(handle, endpoint.family(), options.no_delay, options.keep_alive);
    if (done) done = os::claim_port(handle, options.reuse_address);
    if (done && options.reuse_port) done = os::set_option(handle, Option::reuse_port, 1);
    // Always written: its default is a sysctl on Linux and another one on each BSD.
    const bool takes_ipv4 = endpoint.is_unspecified() && options.dual_stack;
    if (done && endpoint.family() == Family::ipv6) {
        done = os::set_option(handle, Option::ipv6_only, takes_ipv4 ? 0 : 1);
        // OpenBSD has no dual-stack sockets: there, a wildcard is IPv4's.
        if (!done && takes_ipv4)
            done = Error(make_error_code(std::errc::address_family_not_supported), Operation::open);
    }
    if (done) done = os::bind(handle, to_address(endpoint));
    if (done) done = os::listen(handle, options.backlog);
    return done;
}

/// One listening socket on one endpoint.
inline Result<Socket> listen_on(const Endpoint& endpoint, std::string_view context, const ServerOptions& options) {
    const auto failure = [&](Error error) -> Error {
        std::string hint = listen_hint(error.code(), endpoint);
        error = std::move(error).with_context(context, endpoint.to_string());
        return hint.empty() ? error : std::move(error).with_note(std::move(hint));
    };
    auto opened = os::open(endpoint.family(), os::Type::stream, os::Mode::blocking);
    if (!opened) return failure(std::move(opened).error());
    os::UniqueHandle handle(*opened);
    if (auto done = listen_with(handle.get(), endpoint, options); !done) return failure(std::move(done).error());
    const Endpoint bound = local_endpoint_of(handle.get());
    return make_socket(std::move(handle), context, bound, Endpoint{},
                       {options.timeout, options.canceller, options.spin});
}

/// The endpoints that stand for a host, in the order in which they are tried; at least one.
inline Result<std::vector<Endpoint>> endpoints_to_listen_on(std::string_view host, Port port,
                                                            const ServerOptions& options) {
    std::vector<Endpoint> ordered;
    if (host.empty() || host == "*") {
        ordered.push_back(*Endpoint::try_from_ip("::", port));
        if (options.dual_stack) ordered.push_back(*Endpoint::try_from_ip("0.0.0.0", port));  // where IPv6 is off
        return ordered;
    }
    auto endpoints = try_resolve(host, port, {.timeout = options.timeout, .canceller = options.canceller});
    if (!endpoints) return endpoints;
    for (const Family family : {Family::ipv4, Family::ipv6})
        for (const Endpoint& endpoint : *endpoints)
            if (endpoint.family() == family) ordered.push_back(endpoint);
    return ordered;
}

/// Whether an address could not be bound because it is none of this machine's: the host's next one may be.
/// Any other failure is final: a port in use must not make a server turn up on another address.
inline bool is_not_local(std::error_code code) noexcept {
    return code == std::errc::address_family_not_supported || code == std::errc::address_not_available;
}

inline Result<void> check(Port port, const ServerOptions& options) {
    if (!port.is_valid()) return invalid_argument(Operation::listen, no_port(port, "0"));
    if (options.backlog < -1)
        return invalid_argument(Operation::listen, "backlog: -1 (what the system allows) or a number of connections");
    if (options.reuse_port && !os::supports(os::Option::reuse_port))
        return invalid_argument(Operation::listen, "reuse_port: this system cannot share ports");
    if (options.spin.count() < 0) return invalid_argument(Operation::listen, negative_spin);
    return check(options.keep_alive);
}
}  // namespace detail

/// Listens on `host` and `port`, and returns the socket to accept() from.
///
/// "" and "*" are all addresses of the machine: one socket for IPv6 and IPv4, or for IPv4 where IPv6 is off. A name is
/// its first address that can be bound, IPv4 first. Port 0 lets the system choose: local_endpoint() tells what.
/// `context` names the server in errors and log lines. The socket is close-on-exec; accepted sockets take over its
/// timeout, TCP_NODELAY and keep-alive.
///
/// Units:   options.timeout is for resolving a name, and then for each accept.
/// Errors:  address in use; permission denied; address not available; host_not_found; each with what can be done;
///          std::errc::invalid_argument for a port beyond 65535.
/// Threads: any; nothing is shared.
/// Calls:   socket(2), setsockopt(2), bind(2), listen(2), getsockname(2); getaddrinfo(3) for a name.
[[nodiscard]] inline Result<Socket> try_create_server(std::string_view host, Port port, std::string_view context = {},
                                                      const ServerOptions& options = {}) {
    const auto target = [&] { return detail::host_and_port(host.empty() ? "*" : host, port); };
    if (auto possible = detail::check(port, options); !possible)
        return std::move(possible).error().with_context(context, target());
    auto endpoints = detail::endpoints_to_listen_on(host, port, options);
    if (!endpoints) return std::move(endpoints).error().with_context(context, target());
    auto server = detail::listen_on(endpoints->front(), context, options);
    for (std::size_t i = 1; i < endpoints->size() && !server && detail::is_not_local(server.error().code()); ++i)
        server = detail::listen_on((*endpoints)[i], context, options);
    if (server)
        detail::log(LogLevel::info, context, [&] { return "listening on " + server->local_endpoint().to_string(); });
    return server;
}

/// The same, throwing SocketError.
[[nodiscard]] inline Socket create_server(std::string_view host, Port port, std::string_view context = {},
                                          const ServerOptions& options = {}) {
    return try_create_server(host, port, context, options).value();
}
}  // namespace sockboot::inline v0_2
