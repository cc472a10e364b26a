// SPDX-License-Identifier: MIT
// resolve: from a host name and a port to endpoints, with a deadline that holds although getaddrinfo(3) has none.
#pragma once

#include "canceller.hpp"
#include "detail/resolver.hpp"
#include "detail/text.hpp"
#include "endpoint.hpp"
#include "result.hpp"
#include "timeout.hpp"

namespace sockboot::inline v0_2 {
/// What resolve may be told.
struct ResolveOptions {
    /// For the whole. Default: 10 s. Zero: only what needs no name server.
    Timeout timeout = std::chrono::seconds(10);
    /// What ends it from elsewhere. Default: nothing does.
    Canceller canceller = Canceller::none();
};

namespace detail {
/// "localhost." as it is meant, without the dot that says "no search list".
inline std::string_view without_dot(std::string_view host) noexcept {
    if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
    return host;
}

/// "db:5432", and "[::1]:5432" however the address was written.
inline std::string host_and_port(std::string_view host, Port port) {
    const bool bare_ipv6 = host.find(':') != std::string_view::npos && !host.starts_with('[');
    return concat({bare_ipv6 ? "[" : "", host, bare_ipv6 ? "]:" : ":", port.to_string()});
}

/// Whether `host` is `domain` or a name under it, in upper or lower case.
inline bool is_within(std::string_view host, std::string_view domain) noexcept {
    if (host.size() < domain.size()) return false;
    const std::size_t start = host.size() - domain.size();
    if (start > 0 && host[start - 1] != '.') return false;
    for (std::size_t i = 0; i < domain.size(); ++i) {
        const char c = host[start + i];
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != domain[i]) return false;
    }
    return true;
}

/// Whether a host's last label is a number, as in "999.1.1.1" or "127.1": an IPv4 address or nothing, never a name.
/// getaddrinfo would take "127.1" and "0x7f000001" for addresses, or ask a name server for the rest.
inline bool ends_in_number(std::string_view host) noexcept {
    const std::string_view label = host.substr(host.rfind('.') + 1);
    const bool hex = label.starts_with("0x") || label.starts_with("0X");
    return !label.empty() &&
           label.find_first_not_of(hex ? "0123456789abcdefABCDEFxX" : "0123456789") == std::string_view::npos;
}

/// The error of a lookup, with the host that it was for.
inline Error for_host(Error error, std::string_view host) {
    return std::move(error).with_context({}, concat({"\"", host, "\""}));
}
inline Error not_resolved(std::error_code code, std::string_view host, std::string note) {
    return for_host(Error(code, Operation::resolve).with_note(std::move(note)), host);
}

/// What can be said about a host without asking anybody: addresses, names that RFC 6761 reserves, and nonsense.
/// An empty list: a name server has to be asked.
inline Result<std::vector<Endpoint>> resolve_locally(std::string_view host, Port port) {
    if (auto numeric = Endpoint::try_from_ip(host, port)) return std::vector<Endpoint>{numeric->unmapped()};
    const std::string_view bare = without_dot(host);
    if (bare.empty()) return not_resolved(make_error_code(std::errc::invalid_argument), host, "the host is empty");
    if (bare.find('\0') != std::string_view::npos)
        return not_resolved(make_error_code(std::errc::invalid_argument), host, "a host name holds no NUL");
    if (is_within(bare, "localhost"))
        return std::vector<Endpoint>{*Endpoint::try_from_ip("127.0.0.1", port), *Endpoint::try_from_ip("::1", port)};
    if (is_within(bare, "invalid")) return not_resolved(Errc::host_not_found, host, "names under .invalid never exist");
    if (bare.find_first_of(":[]") != std::string_view::npos)
        return not_resolved(Errc::host_not_found, host,
                            why_no_address(host, "not an IPv6 address; a port is given apart from the host"));
    if (ends_in_number(bare))
        return not_resolved(Errc::host_not_found, host, "not an IPv4 address, and no host name ends in a number");
    if (bare.size() > 253) return not_resolved(Errc::host_not_found, host, "a host name has 253 characters at most");
    return std::vector<Endpoint>();
}

/// resolve() within a deadline that covers more than it.
inline Result<std::vector<Endpoint>> resolve_until(std::string_view host, Port port, Deadline& deadline,
                                                   const Canceller& canceller) {
    auto local = resolve_locally(host, port);
    if (!local || !local->empty()) return local;
    if (canceller.is_cancelled()) return not_resolved(Errc::cancelled, host, {});
    if (deadline.is_negative()) return not_resolved(Errc::deadline_exceeded, host, {});
    if (deadline.is_poll())
        return not_resolved(make_error_code(std::errc::operation_would_block), host,
                            "a name server would have to be asked");

    // What nothing is to end needs no thread of its own.
    const bool blocks = deadline.is_forever() && !canceller;
    auto endpoints =
        blocks ? look_up(std::string(host)) : Resolver::instance().resolve_until(host, deadline, canceller);
    if (!endpoints) {
        Error error = for_host(std::move(endpoints).error(), host);
        if (error.code() != Errc::deadline_exceeded) return error;
        return std::move(error).with_note("the name servers did not answer in time");
    }
    if (endpoints->empty()) return not_resolved(Errc::host_not_found, host, "the name has no address");
    for (Endpoint& endpoint : *endpoints) endpoint = endpoint.with_port(port).unmapped();
    return endpoints;
}
}  // namespace detail

/// The endpoints of `host` and `port`, in the order in which they are to be tried.
///
/// Addresses ("127.0.0.1", "::1", "[::1]", "fe80::1%eth0") and the names of RFC 6761 (localhost, .invalid) are answered
/// here; getaddrinfo(3) is called for other names only. An IPv4-mapped address is the IPv4 address that it stands for.
/// With a timeout or a canceller, getaddrinfo(3) runs in one of at most eight threads that this library keeps for it
/// while there is work, and five seconds longer. A lookup that hangs is left behind when the time is up, and whoever
/// wants the same host meanwhile joins it.
///
/// Errors:  host_not_found; host_lookup_retry (transient); host_lookup_failed; deadline_exceeded; cancelled;
///          std::errc::invalid_argument, for a port beyond 65535 too.
/// Threads: any.
/// Calls:   getaddrinfo(3); with a canceller pipe2(2) and poll(2).
/// Source:  RFC 6724 (the order), RFC 6761 section 6 (localhost, invalid).
[[nodiscard]] inline Result<std::vector<Endpoint>> try_resolve(std::string_view host, Port port,
                                                               const ResolveOptions& options = {}) {
    if (options.canceller.is_cancelled()) return detail::not_resolved(Errc::cancelled, host, {});
    if (!port.is_valid())
        return detail::not_resolved(make_error_code(std::errc::invalid_argument), host, detail::no_port(port, "0"));
    Deadline deadline = Deadline::started(options.timeout);
    return detail::resolve_until(host, port, deadline, options.canceller);
}

/// The same, throwing SocketError.
[[nodiscard]] inline std::vector<Endpoint> resolve(std::string_view host, Port port,
                                                   const ResolveOptions& options = {}) {
    return try_resolve(host, port, options).value();
}
}  // namespace sockboot::inline v0_2
