// SPDX-License-Identifier: MIT
// connect_to: from host and port to a connected socket; connect_to_any: from several hosts to the first that answers.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include "canceller.hpp"
#include "detail/connect/backoff.hpp"
#include "detail/connect/connector.hpp"
#include "detail/os.hpp"
#include "detail/socket_options.hpp"
#include "detail/text.hpp"
#include "detail/wait_policy.hpp"
#include "endpoint.hpp"
#include "log.hpp"
#include "options.hpp"
#include "resolve.hpp"
#include "result.hpp"
#include "socket.hpp"
#include "timeout.hpp"

namespace sockboot::inline v0_2 {
/// A host and a port to connect to.
struct HostPort {
    std::string host;
    Port port = 0;
};

namespace detail {
/// An option that cannot be followed; `note` names it and says what could.
inline Error invalid_option(const char* note) { return invalid_argument(Operation::connect, note); }

inline Result<void> check(const ConnectOptions& options) {
    const RetryPolicy& retry = options.retry;
    if (options.max_attempts_in_flight < 1 || options.max_attempts_in_flight > Connector::max_in_flight)
        return invalid_option("max_attempts_in_flight: 1 to 16");
    if (options.spin.count() < 0) return invalid_option(negative_spin);
    if (retry.attempts < 0) return invalid_option("retry.attempts: 0 (until the deadline) or more");
    if (retry.initial_delay.count() < 0 || retry.max_delay.count() < 0)
        return invalid_option("retry.initial_delay and max_delay: 0 ms or more");
    if (!(retry.multiplier >= 1)) return invalid_option("retry.multiplier: 1 or more");
    if (!(retry.jitter >= 0 && retry.jitter <= 1)) return invalid_option("retry.jitter: 0 to 1");
    return check(options.keep_alive);
}

/// Where to connect to, each endpoint once: an unspecified address, as a wildcard server reports it, means this
/// machine; endpoints that options.local cannot reach are left out.
inline Result<std::vector<Endpoint>> reachable(const std::vector<Endpoint>& resolved, const Endpoint& local) {
    std::vector<Endpoint> usable;
    for (const Endpoint& endpoint : resolved) {
        if (!endpoint.is_unspecified()) {
            usable.push_back(endpoint);
            continue;
        }
        // A server on [::] takes IPv4 too, which may be all that works here; one on 0.0.0.0 is never behind ::1.
        if (endpoint.family() == Family::ipv6) usable.push_back(*Endpoint::try_from_ip("::1", endpoint.port()));
        usable.push_back(*Endpoint::try_from_ip("127.0.0.1", endpoint.port()));
    }
    if (const Family own = local.unmapped().family(); own != Family::none) {
        std::vector<Endpoint> of_family;
        for (const Endpoint& endpoint : usable)
            if (endpoint.family() == own) of_family.push_back(endpoint);
        usable.swap(of_family);
    }
    if (usable.size() == 1) return usable;
    if (!usable.empty()) return interleaved(without_repeats(usable));
    return Error(make_error_code(std::errc::address_family_not_supported), Operation::connect)
        .with_note("the host has no address of the family of options.local, " + local.to_string());
}

/// What a person can look at, for the failures that people meet.
inline Error with_hint(Error error) {
    if (error.code() == std::errc::connection_refused)
        return std::move(error).with_note("is the server running, and on that port?");
    if (error.code() == std::errc::timed_out)
        return std::move(error).with_note("is the host up, or does a firewall drop the packets?");
    return error;
}

/// One connect_to or connect_to_any.
/// Threads: one.
class ConnectJob {
public:
    ConnectJob(const HostPort* hosts, std::size_t count, std::string_view context, const ConnectOptions& options)
        : hosts_(hosts), count_(count), context_(context), options_(options), deadline_(options.timeout) {}
    /// Rounds over all hosts until one is connected, the failure is permanent, or the policy or the deadline ends it.
    Result<Socket> connect_hosts() {
        if (auto possible = check_all(); !possible) return failed(std::move(possible).error());
        if (deadline_.is_negative()) return failed(Error(Errc::deadline_exceeded, Operation::connect));
        auto socket = count_ == 1 ? connect_host(*hosts_, deadline_) : try_each_host();
        if (!socket) socket = retry(std::move(socket).error());
        if (socket)
            log(LogLevel::info, context_, [&] { return "connected to " + socket->remote_endpoint().to_string(); });
        return socket;
    }

private:
    /// The rounds after the first one, which has failed.
    Result<Socket> retry(Error error) {
        Backoff backoff(options_.retry);
        for (int round = 1; is_tried_again(error, round); ++round) {
            const auto delay = backoff.next();
            log_retry(error.code(), round + 1, delay);
            if (const IoResult slept = sleep_between(delay); !slept)
                return failed(retries_ended(slept.code(), error, round));
            auto socket = count_ == 1 ? connect_host(*hosts_, deadline_) : try_each_host();
            if (socket) return socket;
            const std::error_code code = socket.error().code();
            if (deadline_.expired() || code == Errc::cancelled) return failed(retries_ended(code, error, round));
            error = std::move(socket).error();
        }
        return failed(std::move(error));
    }
    /// One host, once.
    Result<Socket> connect_host(const HostPort& to, Deadline& deadline) const {
        auto resolved = resolve_until(to.host, to.port, deadline, options_.canceller);
        if (!resolved) return std::move(resolved).error();
        auto endpoints = reachable(*resolved, options_.local);
        if (!endpoints) return std::move(endpoints).error();
        auto socket = Connector(std::move(*endpoints), context_, options_).run(deadline);
        if (!socket) return with_hint(std::move(socket).error());
        return socket;
    }
    /// The part of the time that the next of so many hosts has, so that a silent one does not use up all of it. Less
    /// than two seconds is too little for one lost packet: they are given while there is more than that.
    /// Source: partialDeadline() of Go's net package.
    [[nodiscard]] Timeout share_of(std::size_t hosts_left) {
        if (deadline_.is_forever() || deadline_.is_poll()) return deadline_.timeout();
        constexpr std::chrono::nanoseconds floor = std::chrono::seconds(2);
        const auto left = deadline_.remaining();
        const auto equal = left / static_cast<std::chrono::nanoseconds::rep>(hosts_left);
        return equal < floor && left > floor ? floor : equal;
    }
    /// Each host in turn, once.
    Result<Socket> try_each_host() {
        std::vector<Attempt> all;
        std::optional<Error> first;
        for (std::size_t i = 0; i < count_; ++i) {
            Deadline share = Deadline::started(share_of(count_ - i));
            auto socket = connect_host(hosts_[i], share);
            if (socket) return socket;
            Error error = std::move(socket).error();
            // A host that could not even be resolved is an attempt too.
            if (error.attempts().empty())
                all.push_back({host_and_port(hosts_[i].host, hosts_[i].port), error.code(), {}, error.operation()});
            for (const Attempt& attempt : error.attempts()) all.push_back(attempt);
            const bool cancelled = error.code() == Errc::cancelled;
            if (!first || cancelled) first = std::move(error);
            if (cancelled || deadline_.expired()) break;
        }
        return std::move(*first).with_attempts(std::move(all));
    }

    Result<void> check_all() const {
        if (count_ == 0) return invalid_option("there is no host to connect to");
        for (std::size_t i = 0; i < count_; ++i) {
            if (hosts_[i].host.empty()) return invalid_option("the host is empty");
            const Port port = hosts_[i].port;
            if (!port.is_valid() || port.number() == 0) return invalid_argument(Operation::connect, no_port(port, "1"));
        }
        return check(options_);
    }

    [[nodiscard]] bool is_tried_again(const Error& error, int round) {
        if (round == options_.retry.attempts || deadline_.is_poll()) return false;
        const bool host_timed_out = error.code() == Errc::deadline_exceeded && !deadline_.expired();
        return host_timed_out || error.transient();
    }
    /// Lets the time before the next round pass; moved: it has. Errors: deadline_exceeded; cancelled; those of poll(2).
    IoResult sleep_between(std::chrono::nanoseconds delay) {
        const auto left = deadline_.remaining();
        Deadline pause(delay < left ? delay : left);
        const IoResult slept = wait_until(os::PollEntry(), options_.canceller, pause);
        return slept.is(IoResult::deadline_exceeded) && !deadline_.expired() ? IoResult::moved(0) : slept;
    }
    /// What ended the retries, with what the last round before it had said.
    static Error retries_ended(std::error_code code, const Error& last, int rounds) {
        const std::string reason = lower_first(last.code().message());
        return Error(code, Operation::connect)
            .with_attempts(last.attempts())
            .with_note(concat({"attempt ", std::to_string(rounds), " failed: ", reason}));
    }

    void log_retry(std::error_code code, int round, std::chrono::nanoseconds delay) const {
        log(LogLevel::warning, context_, [&] {
            const int max = options_.retry.attempts;
            return concat({"connect to ", describe(), ": ", lower_first(code.message()), "; attempt ",
                           std::to_string(round), max != 0 ? " of " + std::to_string(max) : "", " in ",
                           std::to_string(delay.count() / 1'000'000), " ms"});
        });
    }
    /// "primary:5432, backup:5432"
    [[nodiscard]] std::string describe() const {
        std::string text;
        for (std::size_t i = 0; i < count_; ++i)
            text.append(i == 0 ? "" : ", ").append(host_and_port(hosts_[i].host, hosts_[i].port));
        return text;
    }

    [[nodiscard]] Error failed(Error error) const { return std::move(error).with_context(context_, describe()); }

    const HostPort* hosts_;
    std::size_t count_;
    std::string_view context_;
    const ConnectOptions& options_;
    Deadline deadline_;  ///< its clock starts with the first wait, for a name server or a connection
};
}  // namespace detail

/// Connects to `host` and `port` by whichever of the host's addresses answers first.
///
/// Addresses are raced as RFC 8305 describes, so that a dead IPv6 route costs a quarter of a second, not a minute.
/// With options.retry, a transient failure (a server that is not up yet, no name server) is tried again after a
/// growing delay; each further attempt is a warning in the log. An unspecified address, as a server on all addresses
/// reports it, is this machine: "::" is ::1 and then 127.0.0.1, "0.0.0.0" is 127.0.0.1. The socket comes back blocking,
/// close-on-exec, silent on SIGPIPE, with TCP_NODELAY and keep-alive on.
///
/// Units:   options.timeout covers everything: name resolution, all addresses, all retries (default 10 s).
/// Errors:  host_not_found; deadline_exceeded, with the last real reason; cancelled; otherwise what the first address
///          answered, with every attempt listed. std::errc::invalid_argument: an option or a port that is none.
/// Threads: any; nothing is shared. A Canceller in the options ends it from elsewhere.
/// Calls:   getaddrinfo(3) for a name, socket(2), connect(2), poll(2), getsockopt(2) SO_ERROR.
/// Source:  RFC 8305 (the race), RFC 6724 (the order), POSIX connect() on EINTR.
[[nodiscard]] inline Result<Socket> try_connect_to(std::string_view host, Port port, std::string_view context = {},
                                                   const ConnectOptions& options = {}) {
    const HostPort to{std::string(host), port};
    return detail::ConnectJob(&to, 1, context, options).connect_hosts();
}

/// The same, throwing SocketError.
[[nodiscard]] inline Socket connect_to(std::string_view host, Port port, std::string_view context = {},
                                       const ConnectOptions& options = {}) {
    return try_connect_to(host, port, context, options).value();
}

/// Connects to the first of several hosts that answers: a primary and its backups.
///
/// The hosts are tried in the order given, the next one at once when one fails; only when all have failed, and
/// options.retry says so, they are tried again after a delay. Each host gets an equal part of the time that is left,
/// but two seconds at least while there is more than that.
///
/// Units, threads, calls: as connect_to.
/// Errors:  what the first host answered, with every attempt at every host listed.
[[nodiscard]] inline Result<Socket> try_connect_to_any(std::span<const HostPort> candidates,
                                                       std::string_view context = {},
                                                       const ConnectOptions& options = {}) {
    return detail::ConnectJob(candidates.data(), candidates.size(), context, options).connect_hosts();
}

/// The same for a list in braces: try_connect_to_any({{"primary", 5432}, {"backup", 5432}}).
[[nodiscard]] inline Result<Socket> try_connect_to_any(std::initializer_list<HostPort> candidates,
                                                       std::string_view context = {},
                                                       const ConnectOptions& options = {}) {
    return detail::ConnectJob(candidates.begin(), candidates.size(), context, options).connect_hosts();
}

/// The same, throwing SocketError.
[[nodiscard]] inline Socket connect_to_any(std::span<const HostPort> candidates, std::string_view context = {},
                                           const ConnectOptions& options = {}) {
    return try_connect_to_any(candidates, context, options).value();
}
[[nodiscard]] inline Socket connect_to_any(std::initializer_list<HostPort> candidates, std::string_view context = {},
                                           const ConnectOptions& options = {}) {
    return try_connect_to_any(candidates, context, options).value();
}
}  // namespace sockboot::inline v0_2
