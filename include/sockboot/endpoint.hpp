// SPDX-License-Identifier: MIT
// Endpoint: where a socket is or goes, an IPv4, IPv6 or Unix address as a value; text in, text out.
#pragma once

#include <compare>
#include <type_traits>
#include "detail/os.hpp"
#include "detail/text.hpp"
#include "result.hpp"

namespace sockboot::inline v0_2 {
/// The kind of an address: ipv4, ipv6, unix_domain, or none for an Endpoint that is not set.
using Family = detail::os::Family;

class Endpoint;

namespace detail {
template <class Type, class... Others> constexpr bool is_any_of = (std::is_same_v<Type, Others> || ...);

/// An integer that is meant as a number: characters and bool are not.
template <class Type>
concept Number =
    (std::is_integral_v<Type> || std::is_enum_v<Type>) && std::is_convertible_v<Type, long long> &&
    sizeof(Type) <= sizeof(long long) && !is_any_of<Type, bool, char, wchar_t, char8_t, char16_t, char32_t>;
}  // namespace detail

/// The port that a call is asked for: any integer, so that 70000 does not become 4464 on its way. One outside 0 to
/// 65535 is refused by the call, with its number.
/// Threads: a plain value.
class Port {
public:
    template <detail::Number Integer>
    constexpr Port(Integer number) noexcept
        : bits_(static_cast<unsigned long long>(number)), is_negative_(number < Integer{}) {}

    /// From 0 to 65535.
    [[nodiscard]] constexpr bool is_valid() const noexcept { return bits_ <= 65535; }
    /// The number, where is_valid().
    [[nodiscard]] constexpr std::uint16_t number() const noexcept { return static_cast<std::uint16_t>(bits_); }
    /// The number as it was given, whatever it is.
    [[nodiscard]] std::string to_string() const {
        return is_negative_ ? std::to_string(static_cast<long long>(bits_)) : std::to_string(bits_);
    }
    friend constexpr bool operator==(Port, Port) noexcept = default;

private:
    unsigned long long bits_;
    bool is_negative_;
};

namespace detail {
/// For those who call the system: an Endpoint as the contract's address, and back.
const os::Address& to_address(const Endpoint& endpoint) noexcept;
Endpoint to_endpoint(const os::Address& address) noexcept;

inline Error bad_address(std::string_view text, std::string_view why) {
    return invalid_argument(Operation::parse, std::string(why)).with_context({}, concat({"\"", text, "\""}));
}

/// Why `text` is no address: `otherwise`, unless it is one and only its interface is missing.
inline std::string why_no_address(std::string_view text, std::string_view otherwise) {
    if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
    const std::string_view ip = text.substr(0, text.find('%'));
    const bool has_zone = text.size() > ip.size() + 1 && text.find('\0') == std::string_view::npos;
    if (!has_zone || os::parse_ip(ip).family != os::Family::ipv6) return std::string(otherwise);
    return concat({"no interface is called \"", text.substr(ip.size() + 1), "\""});
}

inline std::string no_port(Port port, std::string_view lowest) {
    return concat({port.to_string(), " is no port: ", lowest, " to 65535"});
}

/// "0" … "65535", digits alone; -1 for anything else.
inline int parse_port(std::string_view text) noexcept {
    if (text.empty() || text.size() > 5) return -1;
    int port = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return -1;
        port = port * 10 + (c - '0');
    }
    return port <= 65535 ? port : -1;
}
}  // namespace detail

/// An address and its port, or the path of a Unix socket.
///
/// Written as "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80", "unix:/run/a.sock" or "unix:@abstract".
/// A default-made Endpoint stands for none and is written "".
/// Threads: a plain value.
class Endpoint : public detail::Streamable<Endpoint> {
public:
    Endpoint() noexcept = default;
    /// Reads the forms above. A host name is not an address: resolve() is for those.
    /// Errors: std::errc::invalid_argument, with what is wrong with the text; std::errc::filename_too_long.
    [[nodiscard]] static Endpoint parse(std::string_view text) { return try_parse(text).value(); }
    [[nodiscard]] static Result<Endpoint> try_parse(std::string_view text) {
        using namespace std::string_view_literals;
        if (text.starts_with("unix:"sv)) return try_from_path(text.substr(5));
        const std::size_t colon = text.rfind(':');
        if (colon == std::string_view::npos || text.ends_with(']'))
            return detail::bad_address(text, "no port: write address:port");
        const std::string_view ip = text.substr(0, colon);
        if (ip.find(':') != std::string_view::npos && ip.front() != '[')
            return detail::bad_address(text, "an IPv6 address stands in brackets: [::1]:80");
        const int port = detail::parse_port(text.substr(colon + 1));
        if (port < 0) return detail::bad_address(text, "a port is a number from 0 to 65535");
        auto endpoint = try_from_ip(ip, port);
        if (endpoint) return endpoint;
        return detail::bad_address(text,
                                   detail::why_no_address(ip, "not an IPv4 or IPv6 address in front of the port"));
    }
    /// From an address alone ("127.0.0.1", "::1", "[::1]", "fe80::1%eth0") and a port.
    [[nodiscard]] static Result<Endpoint> try_from_ip(std::string_view ip, Port port) {
        if (!port.is_valid()) return detail::bad_address(ip, detail::no_port(port, "0"));
        std::string_view bare = ip;
        if (bare.size() > 2 && bare.front() == '[' && bare.back() == ']') bare = bare.substr(1, bare.size() - 2);
        Endpoint endpoint;
        detail::os::Address& address = endpoint.address_;
        address = detail::os::parse_ip(bare);
        if (bare.size() != ip.size() && address.family == Family::ipv4) address.family = Family::none;
        if (address.family == Family::none)
            return detail::bad_address(ip, detail::why_no_address(ip, "not an IPv4 or IPv6 address"));
        address.port = port.number();
        return endpoint;
    }
    /// From a Unix path, or "@name" for the abstract namespace.
    [[nodiscard]] static Result<Endpoint> try_from_path(std::string_view path) {
        if (path.empty() || path == "@")
            return detail::bad_address(path, "a Unix socket needs a path, or @ and a name");
        const bool abstract = path.front() == '@';
        if (!abstract && path.find('\0') != std::string_view::npos)
            return detail::bad_address(path, "a path holds no NUL");
        if (const std::size_t max = abstract ? detail::os::max_name_length : detail::os::max_path_length;
            path.size() > max)
            return Error(make_error_code(std::errc::filename_too_long), Operation::parse)
                .with_context({}, detail::concat({"\"", path, "\""}))
                .with_note(detail::concat({"a Unix socket's path has ", std::to_string(max),
                                           " bytes at most, this one ", std::to_string(path.size())}));
        detail::os::Address address{};
        address.family = Family::unix_domain;
        address.size = static_cast<std::uint8_t>(path.size());
        path.copy(address.bytes.data(), path.size());
        if (abstract) address.bytes[0] = '\0';
        return detail::to_endpoint(address);
    }

    [[nodiscard]] Family family() const noexcept { return address_.family; }
    /// The port in the host's byte order; 0 for a Unix socket.
    [[nodiscard]] std::uint16_t port() const noexcept { return address_.port; }
    /// The address alone, or the path ("@name" in the abstract namespace).
    [[nodiscard]] std::string host() const {
        if (family() == Family::none) return {};
        if (family() != Family::unix_domain) return detail::os::ip_text(address_);
        std::string path(bytes());
        if (!path.empty() && path[0] == '\0') path[0] = '@';
        return path;
    }

    /// The form that parse() reads, byte for byte, also of a name that holds control characters. `out << endpoint`
    /// writes it.
    [[nodiscard]] std::string to_string() const {
        switch (family()) {
            case Family::none: return {};
            case Family::ipv4: return detail::concat({host(), ":", std::to_string(port())});
            case Family::ipv6: return detail::concat({"[", host(), "]:", std::to_string(port())});
            case Family::unix_domain: break;
        }
        return address_.size == 0 ? "unix:(unnamed)" : "unix:" + host();
    }
    /// 0.0.0.0 or [::]: every address of this machine.
    [[nodiscard]] bool is_unspecified() const noexcept {
        return (family() == Family::ipv4 || family() == Family::ipv6) &&
               bytes().find_first_not_of('\0') == std::string_view::npos;
    }
    /// 127.0.0.0/8 or ::1.
    [[nodiscard]] bool is_loopback() const noexcept {
        if (family() == Family::ipv4) return address_.bytes[0] == 127;
        return family() == Family::ipv6 && bytes().find_first_not_of('\0') == 15 && address_.bytes[15] == 1;
    }
    /// The same address and another port. Errors: std::errc::invalid_argument where it is no port.
    [[nodiscard]] Endpoint with_port(Port port) const { return try_with_port(port).value(); }
    [[nodiscard]] Result<Endpoint> try_with_port(Port port) const {
        if (!port.is_valid()) return detail::bad_address(to_string(), detail::no_port(port, "0"));
        Endpoint other = *this;
        other.address_.port = port.number();
        return other;
    }
    /// An IPv4-mapped IPv6 address (::ffff:127.0.0.1, as dual-stack sockets see their IPv4 peers) as the IPv4 address
    /// that it stands for; any other unchanged. Source: RFC 4291 section 2.5.5.2.
    [[nodiscard]] Endpoint unmapped() const noexcept {
        using namespace std::string_view_literals;
        constexpr auto prefix = "\0\0\0\0\0\0\0\0\0\0\xff\xff"sv;
        if (family() != Family::ipv6 || !bytes().starts_with(prefix)) return *this;
        Endpoint ipv4;
        ipv4.address_.family = Family::ipv4;
        ipv4.address_.size = 4;
        ipv4.address_.port = address_.port;
        bytes().substr(12).copy(ipv4.address_.bytes.data(), 4);
        return ipv4;
    }

    friend std::strong_ordering operator<=>(const Endpoint& a, const Endpoint& b) noexcept;
    friend bool operator==(const Endpoint& a, const Endpoint& b) noexcept { return std::is_eq(a <=> b); }

private:
    friend const detail::os::Address& detail::to_address(const Endpoint& endpoint) noexcept;
    friend Endpoint detail::to_endpoint(const detail::os::Address& address) noexcept;

    // A size of any other type makes the compiler try the iterator overloads, which costs compile time.
    [[nodiscard]] std::string_view bytes() const noexcept {
        return {address_.bytes.data(), std::size_t{address_.size}};
    }

    detail::os::Address address_{};
};

namespace detail {
inline const os::Address& to_address(const Endpoint& endpoint) noexcept { return endpoint.address_; }
inline Endpoint to_endpoint(const os::Address& address) noexcept {
    Endpoint endpoint;
    endpoint.address_ = address;
    return endpoint;
}
}  // namespace detail

/// Orders by family, address, scope and port.
inline std::strong_ordering operator<=>(const Endpoint& a, const Endpoint& b) noexcept {
    if (const auto order = a.family() <=> b.family(); std::is_neq(order)) return order;
    if (const auto order = a.bytes().compare(b.bytes()) <=> 0; std::is_neq(order)) return order;
    if (const auto order = a.address_.scope <=> b.address_.scope; std::is_neq(order)) return order;
    return a.port() <=> b.port();
}
}  // namespace sockboot::inline v0_2

template <> struct std::hash<sockboot::Endpoint> {
    std::size_t operator()(const sockboot::Endpoint& endpoint) const noexcept {
        const auto& address = sockboot::detail::to_address(endpoint);
        const std::size_t bytes = std::hash<std::string_view>{}({address.bytes.data(), std::size_t{address.size}});
        return bytes ^ (std::size_t{address.port} << 8) ^ (std::size_t{address.scope} << 24) ^
               static_cast<std::size_t>(address.family);
    }
};
