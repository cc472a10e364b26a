// SPDX-License-Identifier: MIT
// connect_to: from host and port to a connected socket; connect_to_any: from several hosts to the first that answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>  // std::move
#include <vector>

#include "detail/backoff.hpp"
#include "detail/connector.hpp"
#include "log.hpp"
#include "options.hpp"
#include "resolve.hpp"
#include "socket.hpp"

namespace sockboot {

/// A host and a port to connect to.
struct HostPort {
    std::string host;
    std::uint16_t port = 0;
};

namespace detail {

inline Error wrong_connect(const char* note) { return invalid(Operation::connect, note); }

inline Result<void> check(const RetryPolicy& retry) {
    if (retry.attempts < 0) return wrong_connect("retry.attempts: 0 (until the deadline) or more");
    if (retry.initial_delay.count() < 0 || retry.max_delay.count() < 0)
        return wrong_connect("retry.initial_delay and max_delay: 0 ms or more");
    if (!(retry.multiplier >= 1)) return wrong_connect("retry.multiplier: 1 or more");
    if (!(retry.jitter >= 0 && retry.jitter <= 1)) return wrong_connect("retry.jitter: 0 to 1");
    return {};
}

/// Several hosts to try, as they were given.
struct Candidates {
    const HostPort* list;
    std::size_t count;
};

inline Result<void> check(const Candidates& candidates, const ConnectOptions& options) {
    if (candidates.count == 0) return wrong_connect("there is no host to connect to");
    for (std::size_t i = 0; i < candidates.count; ++i) {
        if (candidates.list[i].host.empty()) return wrong_connect("the host is empty");
        if (candidates.list[i].port == 0) return wrong_connect("port 0 is no port to connect to");
    }
    if (options.max_attempts_in_flight < 1 || options.max_attempts_in_flight > static_cast<int>(Connector::most_lanes))
        return wrong_connect("max_attempts_in_flight: 1 to 16");
    if (options.spin.count() < 0) return wrong_connect(negative_spin);
    if (auto possible = check(options.retry); !possible) return possible;
    return check(options.keep_alive);
}

/// "primary:5432, backup:5432"
inline std::string target_of(const Candidates& candidates) {
    std::string text;
    for (std::size_t i = 0; i < candidates.count; ++i)
        text.append(i == 0 ? "" : ", ").append(host_and_port(candidates.list[i].host, candidates.list[i].port));
    return text;
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

/// One host, once.
inline Result<Socket> connect_within(const HostPort& to, std::string_view context, const ConnectOptions& options,
                                     Deadline& deadline) {
    auto resolved = resolve_within(to.host, to.port, deadline, options.canceller);
    if (!resolved) return std::move(resolved).error();
    auto endpoints = endpoints_to_connect_to(*resolved, options.local);
    if (!endpoints) return std::move(endpoints).error();
    auto socket = Connector(std::move(*endpoints), context, options).run(deadline);
    const std::string hint = socket ? "" : connect_hint(socket.error().code());
    if (hint.empty()) return socket;
    return std::move(socket).error().with_note(hint);
}

/// What a host that failed adds to the attempts of the whole: its own, or the one that it could not be resolved.
inline void add_attempts(std::vector<Attempt>& all, const Error& error, const HostPort& to) {
    if (error.attempts().empty()) all.push_back({host_and_port(to.host, to.port), error.code(), {}});
    for (const Attempt& attempt : error.attempts()) all.push_back(attempt);
}

/// Each host in turn, once. The time that is left is shared by the hosts that are left, so that a silent one does not
/// use up all of it.
inline Result<Socket> connect_round(const Candidates& candidates, std::string_view context,
                                    const ConnectOptions& options, Deadline& deadline) {
    if (candidates.count == 1) return connect_within(*candidates.list, context, options, deadline);
    std::vector<Attempt> all;
    Result<Socket> first = Socket();
    for (std::size_t i = 0; i < candidates.count; ++i) {
        const auto left = static_cast<std::chrono::nanoseconds::rep>(candidates.count - i);
        const bool shared = !deadline.is_forever() && !deadline.tries_once();
        Deadline share = Deadline::started(shared ? Timeout(deadline.remaining() / left) : deadline.timeout());
        auto socket = connect_within(candidates.list[i], context, options, share);
        if (socket) return socket;
        add_attempts(all, socket.error(), candidates.list[i]);
        if (i == 0 || socket.error().code() == Errc::cancelled) first = std::move(socket);
        if (first.error().code() == Errc::cancelled || deadline.expired()) break;
    }
    return std::move(first).error().with_attempts(std::move(all));
}

/// Lets the time before the next round pass. Errors: deadline_exceeded; cancelled.
inline Result<void> pause(std::chrono::nanoseconds delay, Deadline& deadline, const Canceller& canceller) {
    const auto left = deadline.remaining();
    Deadline step = Deadline::started(Timeout(delay < left ? delay : left));
    os::Watched ear = canceller.ear();
    while (!step.tries_once() && !step.expired() && !ear.ready()) static_cast<void>(os::wait_any(&ear, 1, step));
    if (ear.ready() || canceller.is_cancelled()) return Error(Errc::cancelled, Operation::connect);
    if (deadline.expired()) return Error(Errc::deadline_exceeded, Operation::connect);
    return {};
}

/// What ended the trying, with what the last round before it had said.
inline Error gave_up(Error ending, const Error& last, int rounds) {
    return std::move(ending)
        .with_attempts(last.attempts())
        .with_note(joined({"attempt ", std::to_string(rounds), " failed: ", reason(last.code())}));
}

/// Rounds until one succeeds, fails for good, or the policy or the deadline ends it.
inline Result<Socket> connect_with_retry(const Candidates& candidates, std::string_view context,
                                         const ConnectOptions& options, Deadline& deadline) {
    Backoff backoff(options.retry);
    Result<Socket> last = Socket();
    for (int round = 1;; ++round) {
        auto socket = connect_round(candidates, context, options, deadline);
        if (socket) return socket;
        const std::error_code code = socket.error().code();
        if (!last && (deadline.expired() || code == Errc::cancelled))
            return gave_up(Error(code, Operation::connect), last.error(), round - 1);
        if (round == options.retry.attempts || deadline.tries_once()) return socket;
        const bool out_of_share = code == Errc::deadline_exceeded && !deadline.expired();
        if (!socket.error().transient() && !out_of_share) return socket;

        const auto delay = backoff.next();
        log(LogLevel::warning, context, [&] {
            const std::string of = options.retry.attempts != 0 ? " of " + std::to_string(options.retry.attempts) : "";
            return joined({"connect to ", target_of(candidates), ": ", reason(code), "; attempt ",
                           std::to_string(round + 1), of, " in ", std::to_string(delay.count() / 1'000'000), " ms"});
        });
        if (auto paused = pause(delay, deadline, options.canceller); !paused)
            return gave_up(std::move(paused).error(), socket.error(), round);
        last = std::move(socket);
    }
}

inline Result<Socket> connect_any(const Candidates& candidates, std::string_view context,
                                  const ConnectOptions& options) {
    const auto target = [&] { return target_of(candidates); };
    if (auto possible = check(candidates, options); !possible)
        return placed(std::move(possible).error(), context, target());
    Deadline deadline = Deadline::started(options.timeout);
    if (deadline.is_over_already())
        return placed(Error(Errc::deadline_exceeded, Operation::connect), context, target());
    auto socket = connect_with_retry(candidates, context, options, deadline);
    if (!socket) return placed(std::move(socket).error(), context, target());
    log(LogLevel::info, context, [&] { return "connected to " + socket->remote_endpoint().to_string(); });
    return socket;
}

}  // namespace detail

/// Connects to `host` and `port` by whichever of the host's addresses answers first.
///
/// Addresses are raced as RFC 8305 describes, so that a dead IPv6 route costs a quarter of a second, not a minute.
/// With options.retry, what passes by itself (a server that is not up yet, no name server) is tried again after a
/// growing delay; each further attempt is a warning in the log. The socket comes back blocking, close-on-exec, silent
/// on SIGPIPE, with TCP_NODELAY and keep-alive on.
///
/// Units:   options.timeout covers everything: name resolution, all addresses, all retries (default 10 s).
/// Errors:  host_not_found; deadline_exceeded, with the last real reason; cancelled; otherwise what the first address
///          answered, with every attempt listed.
/// Threads: any; nothing is shared. A Canceller in the options ends it from elsewhere.
/// Calls:   getaddrinfo(3) for a name, socket(2), connect(2), poll(2), getsockopt(2) SO_ERROR.
/// Source:  RFC 8305 (the race), RFC 6724 (the order), POSIX connect() on EINTR.
[[nodiscard]] inline Result<Socket> try_connect_to(std::string_view host, std::uint16_t port,
                                                   std::string_view context = {}, const ConnectOptions& options = {}) {
    const HostPort to{std::string(host), port};
    return detail::connect_any({&to, 1}, context, options);
}

/// The same, throwing SocketError.
[[nodiscard]] inline Socket connect_to(std::string_view host, std::uint16_t port, std::string_view context = {},
                                       const ConnectOptions& options = {}) {
    return try_connect_to(host, port, context, options).value();
}

/// Connects to the first of several hosts that answers: a primary and its stand-ins.
///
/// The hosts are tried in the order given, the next one at once when one fails; only when all have failed, and
/// options.retry says so, they are tried again after a delay. Each host gets an equal part of the time that is left.
///
/// Units, threads, calls: as connect_to.
/// Errors:  what the first host answered, with every attempt at every host listed.
[[nodiscard]] inline Result<Socket> try_connect_to_any(std::span<const HostPort> candidates,
                                                       std::string_view context = {},
                                                       const ConnectOptions& options = {}) {
    return detail::connect_any({candidates.data(), candidates.size()}, context, options);
}

/// The same for a list in braces: try_connect_to_any({{"primary", 5432}, {"backup", 5432}}).
[[nodiscard]] inline Result<Socket> try_connect_to_any(std::initializer_list<HostPort> candidates,
                                                       std::string_view context = {},
                                                       const ConnectOptions& options = {}) {
    return detail::connect_any({candidates.begin(), candidates.size()}, context, options);
}

/// The same, throwing SocketError.
[[nodiscard]] inline Socket connect_to_any(std::span<const HostPort> candidates, std::string_view context = {},
                                           const ConnectOptions& options = {}) {
    return detail::connect_any({candidates.data(), candidates.size()}, context, options).value();
}
[[nodiscard]] inline Socket connect_to_any(std::initializer_list<HostPort> candidates, std::string_view context = {},
                                           const ConnectOptions& options = {}) {
    return detail::connect_any({candidates.begin(), candidates.size()}, context, options).value();
}

}  // namespace sockboot
