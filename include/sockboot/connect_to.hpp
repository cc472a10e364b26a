// SPDX-License-Identifier: MIT
// connect_to: from host and port to a connected socket.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>  // std::move
#include <vector>

#include "detail/race.hpp"
#include "log.hpp"
#include "options.hpp"
#include "resolve.hpp"
#include "socket.hpp"

namespace sockboot {

namespace detail {

/// The connection attempts of one connect_to: the real sockets behind a Race. One wins, by being moved out of here;
/// the rest is closed with it.
class Connector {
public:
    static constexpr std::size_t most_lanes = 16;  ///< that max_attempts_in_flight can ask for

    Connector(std::vector<Endpoint> endpoints, std::string_view context, const ConnectOptions& options)
        : lanes_(static_cast<std::size_t>(options.max_attempts_in_flight)),
          race_(std::move(endpoints), options.attempt_delay, lanes_),
          context_(context),
          options_(options) {}

    /// The first connection that stands, or the reason why there is none; every attempt is in it.
    Result<Socket> run(Deadline& deadline) {
        for (;;) {
            for (std::size_t index; (index = race_.start_due(Deadline::clock::now())) != Race::nobody;)
                if (Socket winner = start(index)) return winner;
            if (race_.lost()) return failure(race_.first_failure());
            if (auto waited = wait(deadline); !waited) {
                race_.give_up(waited.error().code(), Deadline::clock::now());
                return failure(waited.error().code());
            }
            if (Socket winner = harvest()) return winner;
        }
    }

private:
    /// One attempt that is under way; a lane without a handle is free.
    struct Runner {
        std::size_t index = 0;
        os::Owned handle;
    };

    /// Starts an attempt; returns the socket where it is connected at once, else a closed one.
    Socket start(std::size_t index) {
        auto handle = open(race_.endpoint(index));
        if (!handle) return lose(index, handle.error().code());
        auto connecting = os::start_connect(handle->get(), race_.endpoint(index).address());
        if (!connecting) return lose(index, connecting.error().code());
        if (*connecting == os::Connecting::done) return finish(index, std::move(*handle));
        std::size_t lane = 0;
        while (runners_[lane].handle) ++lane;
        runners_[lane] = {index, std::move(*handle)};
        return {};
    }

    [[nodiscard]] Result<os::Owned> open(const Endpoint& endpoint) const {
        auto handle = open_stream(endpoint.family(), os::Mode::non_blocking, options_.no_delay, options_.keep_alive);
        if (handle && options_.local.family() != Family::none)
            if (auto bound = os::bind(handle->get(), options_.local.address()); !bound) return std::move(bound).error();
        return handle;
    }

    /// Waits until an attempt has ended or the next one is due. Errors: the deadline's; cancelled.
    Result<void> wait(Deadline& deadline) {
        for (std::size_t lane = 0; lane < lanes_; ++lane)
            watched_[lane] = os::Watched::writable(runners_[lane].handle.get());
        watched_[lanes_] = options_.canceller.ear();
        const auto next = race_.wait_before_next(Deadline::clock::now());
        const auto left = deadline.remaining();
        const auto step_length = next < left ? next : left;
        // No time left still is one look: trying once is to see what loopback has done by now.
        Deadline step(step_length.count() > 0 ? Timeout(step_length) : Timeout(std::chrono::nanoseconds(-1)));
        auto ready = os::wait_any(watched_, lanes_ + 1, step);
        if (options_.canceller.is_cancelled()) return Error(Errc::cancelled, Operation::connect);
        if (ready || ready.error().code() != Errc::deadline_exceeded) return ready;
        if (next <= left && next.count() == 0) return {};
        if (deadline.tries_once()) return Error(make_error_code(std::errc::operation_would_block), Operation::connect);
        return deadline.expired() ? std::move(ready) : Result<void>();
    }

    /// Ends the attempts that are ready; returns the socket of the first one that connected, else a closed one.
    Socket harvest() {
        for (std::size_t lane = 0; lane < lanes_; ++lane)
            if (runners_[lane].handle && watched_[lane].ready())
                if (Socket winner = finish(runners_[lane].index, std::move(runners_[lane].handle))) return winner;
        return {};
    }

    /// Readiness says that an attempt has ended; this says how.
    Socket finish(std::size_t index, os::Owned handle) {
        if (auto connected = os::finish_connect(handle.get()); !connected) return lose(index, connected.error().code());
        const Endpoint remote = race_.endpoint(index);
        const Endpoint local = local_endpoint_of(handle.get());
        // TCP connects a socket to itself when its own port happens to be the one that it calls: nobody listens there.
        if (local == remote) return lose(index, make_error_code(std::errc::connection_refused));
        if (auto set = os::set_non_blocking(handle.get(), false); !set) return lose(index, set.error().code());
        return Socket(std::move(handle), context_, local, remote.unmapped(), options_.io_timeout, options_.canceller);
    }

    Socket lose(std::size_t index, std::error_code code) {
        race_.failed(index, code, Deadline::clock::now());
        log(LogLevel::debug, context_,
            [&] { return "connect to " + race_.endpoint(index).to_string() + ": " + reason(code); });
        return {};
    }

    [[nodiscard]] Error failure(std::error_code code) {
        return Error(code, Operation::connect).with_attempts(std::move(race_).attempts());
    }

    std::size_t lanes_;
    Race race_;
    std::string_view context_;
    const ConnectOptions& options_;
    Runner runners_[most_lanes];
    os::Watched watched_[most_lanes + 1];
};

inline Result<void> check(std::string_view host, std::uint16_t port, const ConnectOptions& options) {
    const auto wrong = [](const char* note) {
        return Error(make_error_code(std::errc::invalid_argument), Operation::connect).with_note(note);
    };
    if (host.empty()) return wrong("the host is empty");
    if (port == 0) return wrong("port 0 is no port to connect to");
    if (options.max_attempts_in_flight < 1 || options.max_attempts_in_flight > static_cast<int>(Connector::most_lanes))
        return wrong("max_attempts_in_flight: 1 to 16");
    return check(options.keep_alive);
}

/// Where to connect to: an unspecified address, as a wildcard server reports it, means this machine; endpoints that
/// options.local cannot reach are left out.
inline Result<std::vector<Endpoint>> endpoints_to_connect_to(const std::vector<Endpoint>& resolved,
                                                             const Endpoint& local) {
    std::vector<Endpoint> usable;
    for (const Endpoint& endpoint : resolved) {
        if (local.family() != Family::none && local.family() != endpoint.family()) continue;
        const char* loopback = endpoint.family() == Family::ipv4 ? "127.0.0.1" : "::1";
        usable.push_back(endpoint.is_unspecified() ? *Endpoint::try_from_ip(loopback, endpoint.port()) : endpoint);
    }
    if (!usable.empty()) return interleaved(usable);
    return Error(make_error_code(std::errc::address_family_not_supported), Operation::connect)
        .with_note("the host has no address of the family of options.local, " + local.to_string());
}

/// What a person can look at, for the failures that people meet.
inline const char* connect_hint(std::error_code code) noexcept {
    if (code == std::errc::connection_refused) return "is the server running, and on that port?";
    if (code == std::errc::timed_out) return "is the host up, or does a firewall drop the packets?";
    return "";
}

inline Result<Socket> connect_within(std::string_view host, std::uint16_t port, std::string_view context,
                                     const ConnectOptions& options, Deadline& deadline) {
    auto resolved = resolve_within(host, port, deadline, options.canceller);
    if (!resolved) return std::move(resolved).error();
    auto endpoints = endpoints_to_connect_to(*resolved, options.local);
    if (!endpoints) return std::move(endpoints).error();
    auto socket = Connector(std::move(*endpoints), context, options).run(deadline);
    if (socket) return socket;
    const char* hint = connect_hint(socket.error().code());
    return std::move(socket).error().with_note(hint);
}

}  // namespace detail

/// Connects to `host` and `port` by whichever of the host's addresses answers first.
///
/// Addresses are raced as RFC 8305 describes, so that a dead IPv6 route costs a quarter of a second, not a minute.
/// The socket comes back blocking, close-on-exec, silent on SIGPIPE, with TCP_NODELAY and keep-alive on.
///
/// Units:   options.timeout covers everything: name resolution and all addresses (default 10 s).
/// Errors:  host_not_found; deadline_exceeded; otherwise what the first address answered, with every attempt listed.
/// Threads: any; nothing is shared.
/// Calls:   getaddrinfo(3) for a name, socket(2), connect(2), poll(2), getsockopt(2) SO_ERROR.
/// Source:  RFC 8305 (the race), RFC 6724 (the order), POSIX connect() on EINTR.
[[nodiscard]] inline Result<Socket> try_connect_to(std::string_view host, std::uint16_t port,
                                                   std::string_view context = {}, const ConnectOptions& options = {}) {
    const auto target = [&] { return detail::host_and_port(host, port); };
    if (auto possible = detail::check(host, port, options); !possible)
        return detail::placed(std::move(possible).error(), context, target());
    Deadline deadline = Deadline::started(options.timeout);
    if (deadline.is_over_already())
        return detail::placed(Error(Errc::deadline_exceeded, Operation::connect), context, target());
    auto socket = detail::connect_within(host, port, context, options, deadline);
    if (!socket) return detail::placed(std::move(socket).error(), context, target());
    detail::log(LogLevel::info, context, [&] { return "connected to " + socket->remote_endpoint().to_string(); });
    return socket;
}

/// The same, throwing SocketError.
[[nodiscard]] inline Socket connect_to(std::string_view host, std::uint16_t port, std::string_view context = {},
                                       const ConnectOptions& options = {}) {
    return try_connect_to(host, port, context, options).value();
}

}  // namespace sockboot
