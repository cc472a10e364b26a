// SPDX-License-Identifier: MIT
// Addresses on POSIX systems: sockaddr, and its text.
#pragma once

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <cstring>
#include "types.hpp"

namespace sockboot::inline v0_2::detail::os {
/// A sockaddr of any family; all zero at first, so that no padding reaches the kernel uninitialised.
struct SockAddr {
    union {
        sockaddr_storage storage{};
        sockaddr any;
        sockaddr_in ipv4;
        sockaddr_in6 ipv6;
        sockaddr_un unix_domain;
    };
    socklen_t size = sizeof(sockaddr_storage);
};

inline constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);

/// Of a Unix path, without the NUL behind it, and of an abstract name, with the NUL in front of it.
inline constexpr std::size_t max_path_length = sizeof(sockaddr_un{}.sun_path) - 1;
inline constexpr std::size_t max_name_length = sizeof(sockaddr_un{}.sun_path);

inline SockAddr to_sockaddr(const Address& address) noexcept {
    SockAddr raw;
    switch (address.family) {
        case Family::ipv4:
            raw.ipv4.sin_family = AF_INET;
            raw.ipv4.sin_port = htons(address.port);
            std::memcpy(&raw.ipv4.sin_addr, address.bytes.data(), 4);
            raw.size = sizeof raw.ipv4;
            break;
        case Family::ipv6:
            raw.ipv6.sin6_family = AF_INET6;
            raw.ipv6.sin6_port = htons(address.port);
            raw.ipv6.sin6_scope_id = address.scope;
            std::memcpy(&raw.ipv6.sin6_addr, address.bytes.data(), 16);
            raw.size = sizeof raw.ipv6;
            break;
        case Family::unix_domain: {
            const std::size_t size = address.size;  // Endpoint makes none that is too long
            const bool path = size != 0 && address.bytes[0] != '\0';
            raw.unix_domain.sun_family = AF_UNIX;
            std::memcpy(raw.unix_domain.sun_path, address.bytes.data(), size);
            raw.size = static_cast<socklen_t>(path_offset + size + (path ? 1 : 0));  // a path counts its NUL
            break;
        }
        case Family::none: break;
    }
    return raw;
}

inline Address from_sockaddr(const SockAddr& raw) noexcept {
    Address address{};
    switch (raw.any.sa_family) {
        case AF_INET:
            address.family = Family::ipv4;
            address.size = 4;
            address.port = ntohs(raw.ipv4.sin_port);
            std::memcpy(address.bytes.data(), &raw.ipv4.sin_addr, 4);
            break;
        case AF_INET6:
            address.family = Family::ipv6;
            address.size = 16;
            address.port = ntohs(raw.ipv6.sin6_port);
            address.scope = raw.ipv6.sin6_scope_id;
            std::memcpy(address.bytes.data(), &raw.ipv6.sin6_addr, 16);
            break;
        case AF_UNIX: {
            std::size_t size = raw.size > path_offset ? raw.size - path_offset : 0;
            if (size > max_name_length) size = max_name_length;
            const bool path = size != 0 && raw.unix_domain.sun_path[0] != '\0';
            if (path) size = ::strnlen(raw.unix_domain.sun_path, size);
            // macOS and FreeBSD write an unnamed socket as a name of nothing but NULs.
            const std::string_view name(raw.unix_domain.sun_path, size);
            if (name.find_first_not_of('\0') == std::string_view::npos) size = 0;
            address.family = Family::unix_domain;
            address.size = static_cast<std::uint8_t>(size);
            std::memcpy(address.bytes.data(), raw.unix_domain.sun_path, size);
            break;
        }
        default: break;
    }
    return address;
}

inline int to_af(Family family) noexcept {
    return family == Family::ipv4          ? AF_INET
           : family == Family::ipv6        ? AF_INET6
           : family == Family::unix_domain ? AF_UNIX
                                           : AF_UNSPEC;
}

/// "127.0.0.1", "::1" or "fe80::1%eth0" as an address without a port; family none where the text is none of them.
inline Address parse_ip(std::string_view text) {
    const std::size_t percent = text.find('%');
    const std::string ip(text.substr(0, percent));
    const bool has_nul = text.find('\0') != std::string_view::npos;  // the system would stop there
    Address address{};
    if (has_nul) return address;
    if (percent == std::string_view::npos && ::inet_pton(AF_INET, ip.c_str(), address.bytes.data()) == 1) {
        address.family = Family::ipv4;
        address.size = 4;
    } else if (::inet_pton(AF_INET6, ip.c_str(), address.bytes.data()) == 1) {
        if (percent != std::string_view::npos) {
            const std::string zone(text.substr(percent + 1));
            const bool digits =
                !zone.empty() && zone.size() < 10 && zone.find_first_not_of("0123456789") == std::string::npos;
            address.scope = digits ? static_cast<std::uint32_t>(std::stoul(zone)) : ::if_nametoindex(zone.c_str());
            if (address.scope == 0) return {};
        }
        address.family = Family::ipv6;
        address.size = 16;
    }
    return address;
}

/// The inverse of parse_ip; IPv6 as RFC 5952 wants it written.
inline std::string ip_text(const Address& address) {
    char text[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(to_af(address.family), address.bytes.data(), text, sizeof text);
    std::string whole = text;
    if (address.scope != 0) {
        char name[IF_NAMESIZE] = "";
        const bool named = ::if_indextoname(address.scope, name) != nullptr;
        whole.append("%").append(named ? std::string(name) : std::to_string(address.scope));
    }
    return whole;
}
}  // namespace sockboot::inline v0_2::detail::os
