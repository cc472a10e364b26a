// SPDX-License-Identifier: MIT
// resolve: from a host name and a port to endpoints, with a deadline that holds although getaddrinfo(3) has none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>  // std::move
#include <vector>

#include "canceller.hpp"
#include "detail/atomic.hpp"
#include "detail/os.hpp"
#include "detail/shared.hpp"
#include "endpoint.hpp"
#include "timeout.hpp"

namespace sockboot {

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
inline std::string host_and_port(std::string_view host, std::uint16_t port) {
    const bool bare_ipv6 = host.find(':') != std::string_view::npos && !host.starts_with('[');
    return joined({bare_ipv6 ? "[" : "", host, bare_ipv6 ? "]:" : ":", std::to_string(port)});
}

/// Whether `host` is `domain` or a name under it, in whatever case.
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

inline Error not_resolved(std::error_code code, std::string_view host, std::string note) {
    Error error = Error(code, Operation::resolve).about({}, joined({"\"", host, "\""}));
    return note.empty() ? error : std::move(error).with_note(std::move(note));
}

/// What can be said about a host without asking anybody: addresses, names that RFC 6761 reserves, and nonsense.
/// An empty list: a name server has to be asked.
inline Result<std::vector<Endpoint>> resolve_locally(std::string_view host, std::uint16_t port) {
    const std::string_view bare = without_dot(host);
    if (bare.empty()) return not_resolved(make_error_code(std::errc::invalid_argument), host, "the host is empty");
    if (bare.find('\0') != std::string_view::npos)
        return not_resolved(make_error_code(std::errc::invalid_argument), host, "a host name holds no NUL");
    std::vector<Endpoint> endpoints;
    if (auto numeric = Endpoint::try_from_ip(host, port)) {
        endpoints.push_back(*numeric);
        return endpoints;
    }
    if (is_within(bare, "localhost")) {
        endpoints.push_back(*Endpoint::try_from_ip("127.0.0.1", port));
        endpoints.push_back(*Endpoint::try_from_ip("::1", port));
        return endpoints;
    }
    if (is_within(bare, "invalid")) return not_resolved(Errc::host_not_found, host, "names under .invalid never exist");
    if (bare.find_first_of(":[]") != std::string_view::npos)
        return not_resolved(Errc::host_not_found, host, "not an IPv6 address; a port is given apart from the host");
    if (ends_in_number(bare))
        return not_resolved(Errc::host_not_found, host, "not an IPv4 address, and no host name ends in a number");
    if (bare.size() > 253) return not_resolved(Errc::host_not_found, host, "a host name has 253 characters at most");
    return endpoints;
}

/// One call of getaddrinfo that may outlive the one who asked. Both sides own it; the last one frees it, so that a
/// resolver which hangs past the deadline costs a sleeping thread, not a leak and not a wait.
class Lookup : public Counted {
public:
    Lookup(std::string_view host, std::uint16_t port) : host_(host), port_(port) {}

    /// Asks in this thread, for as long as it takes.
    Result<std::vector<Endpoint>> ask() {
        auto asked = os::look_up(host_, &Lookup::found, this);
        if (!asked) return std::move(asked).error();
        return std::move(endpoints_);
    }

    /// Asks in a thread of its own and waits for it until the deadline.
    static Result<std::vector<Endpoint>> ask_within(const Shared<Lookup>& lookup, Deadline& deadline,
                                                    const Canceller& canceller) {
        auto alarm = os::make_alarm();
        if (!alarm) return std::move(alarm).error();
        const os::Owned ear(alarm->ear);
        lookup->bell_ = os::Owned(alarm->bell);

        auto* theirs = new Shared<Lookup>(lookup);
        if (auto started = os::start_thread(&Lookup::work, theirs); !started) {
            delete theirs;
            return std::move(started).error();
        }
        os::Watched watched[] = {os::Watched::readable(ear.get()), canceller.ear()};
        if (auto answered = os::wait_any(watched, 2, deadline); !answered) return std::move(answered).error();
        if (!lookup->done_.load()) return Error(Errc::cancelled, Operation::resolve);
        return std::move(lookup->answer_);
    }

private:
    static void found(void* self, const os::Address& address) {
        auto* lookup = static_cast<Lookup*>(self);
        if (address.family != Family::none) lookup->endpoints_.push_back(Endpoint(address).with_port(lookup->port_));
    }

    static void work(void* raw) {
        auto* mine = static_cast<Shared<Lookup>*>(raw);
        Lookup& lookup = **mine;
#if defined(__cpp_exceptions)
        try {
            lookup.answer_ = lookup.ask();
        } catch (...) {  // nobody could catch it further up: this is the thread's first function
            lookup.answer_ = Error(make_error_code(std::errc::not_enough_memory), Operation::resolve);
        }
#else
        lookup.answer_ = lookup.ask();
#endif
        lookup.done_.store(true);
        lookup.bell_.reset();  // closing rings as well, and leaves nothing open when the one who asked goes on
        delete mine;
    }

    std::string host_;
    std::uint16_t port_;
    std::vector<Endpoint> endpoints_;
    os::Owned bell_;
    Result<std::vector<Endpoint>> answer_ = std::vector<Endpoint>();
    Atomic<bool> done_{false};
};

/// resolve() within a deadline that covers more than it.
inline Result<std::vector<Endpoint>> resolve_within(std::string_view host, std::uint16_t port, Deadline& deadline,
                                                    const Canceller& canceller) {
    if (canceller.is_cancelled()) return not_resolved(Errc::cancelled, host, {});
    auto local = resolve_locally(host, port);
    if (!local || !local->empty()) return local;
    if (deadline.is_over_already()) return not_resolved(Errc::deadline_exceeded, host, {});
    if (deadline.tries_once())
        return not_resolved(make_error_code(std::errc::operation_would_block), host,
                            "a name server would have to be asked");

    const Shared<Lookup> lookup(new Lookup(host, port));
    const bool may_block = deadline.is_forever() && !canceller;
    auto endpoints = may_block ? lookup->ask() : Lookup::ask_within(lookup, deadline, canceller);
    if (!endpoints) {
        const std::error_code code = endpoints.error().code();
        return not_resolved(code, host,
                            code == Errc::deadline_exceeded ? "the name servers did not answer in time" : "");
    }
    if (endpoints->empty()) return not_resolved(Errc::host_not_found, host, "the name has no address");
    return endpoints;
}

}  // namespace detail

/// The endpoints of `host` and `port`, best first.
///
/// Addresses ("127.0.0.1", "::1", "[::1]", "fe80::1%eth0") and the names of RFC 6761 (localhost, .invalid) are answered
/// here; getaddrinfo(3) is called for other names only. With a timeout it runs in a thread of its own, which is
/// abandoned, not waited for, when the time is up: it frees what it owns when the system's resolver lets go of it.
///
/// Errors:  host_not_found; host_lookup_retry (transient); host_lookup_failed; deadline_exceeded; cancelled;
///          std::errc::invalid_argument.
/// Threads: any.
/// Calls:   getaddrinfo(3), pipe(2), poll(2).
/// Source:  RFC 6724 (the order), RFC 6761 section 6 (localhost, invalid).
[[nodiscard]] inline Result<std::vector<Endpoint>> try_resolve(std::string_view host, std::uint16_t port,
                                                               const ResolveOptions& options = {}) {
    Deadline deadline = Deadline::started(options.timeout);
    return detail::resolve_within(host, port, deadline, options.canceller);
}

/// The same, throwing SocketError.
[[nodiscard]] inline std::vector<Endpoint> resolve(std::string_view host, std::uint16_t port,
                                                   const ResolveOptions& options = {}) {
    return try_resolve(host, port, options).value();
}

}  // namespace sockboot
