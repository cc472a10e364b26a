// SPDX-License-Identifier: MIT
// Addresses on POSIX systems: sockaddr, its text, and the names that stand for it.
#pragma once

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "os_posix_call.hpp"

namespace sockboot::detail::os {

/// A sockaddr of any family; all zero at first, so that no padding reaches the kernel uninitialised.
struct SystemAddress {
    union {
        sockaddr_storage storage{};
        sockaddr any;
        sockaddr_in ipv4;
        sockaddr_in6 ipv6;
        sockaddr_un local;
    };
    socklen_t size = sizeof(sockaddr_storage);
};

inline constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);

/// The longest Unix path, without the NUL behind it, and the longest abstract name, with the NUL in front of it.
inline constexpr std::size_t longest_path = sizeof(sockaddr_un{}.sun_path) - 1;
inline constexpr std::size_t longest_name = sizeof(sockaddr_un{}.sun_path);

inline SystemAddress to_system(const Address& address) noexcept {
    SystemAddress system;
    switch (address.family) {
        case Family::ipv4:
            system.ipv4.sin_family = AF_INET;
            system.ipv4.sin_port = htons(address.port);
            std::memcpy(&system.ipv4.sin_addr, address.bytes.data(), 4);
            system.size = sizeof system.ipv4;
            break;
        case Family::ipv6:
            system.ipv6.sin6_family = AF_INET6;
            system.ipv6.sin6_port = htons(address.port);
            system.ipv6.sin6_scope_id = address.scope;
            std::memcpy(&system.ipv6.sin6_addr, address.bytes.data(), 16);
            system.size = sizeof system.ipv6;
            break;
        case Family::local: {
            const std::size_t size = address.size;  // Endpoint makes none that is too long
            const bool path = size != 0 && address.bytes[0] != '\0';
            system.local.sun_family = AF_UNIX;
            std::memcpy(system.local.sun_path, address.bytes.data(), size);
            system.size = static_cast<socklen_t>(path_offset + size + (path ? 1 : 0));  // a path counts its NUL
            break;
        }
        case Family::none: break;
    }
    return system;
}

inline Address from_system(const SystemAddress& system) noexcept {
    Address address;
    switch (system.any.sa_family) {
        case AF_INET:
            address.family = Family::ipv4;
            address.size = 4;
            address.port = ntohs(system.ipv4.sin_port);
            std::memcpy(address.bytes.data(), &system.ipv4.sin_addr, 4);
            break;
        case AF_INET6:
            address.family = Family::ipv6;
            address.size = 16;
            address.port = ntohs(system.ipv6.sin6_port);
            address.scope = system.ipv6.sin6_scope_id;
            std::memcpy(address.bytes.data(), &system.ipv6.sin6_addr, 16);
            break;
        case AF_UNIX: {
            std::size_t size = system.size > path_offset ? system.size - path_offset : 0;
            if (size > longest_name) size = longest_name;
            const bool path = size != 0 && system.local.sun_path[0] != '\0';
            if (path) size = ::strnlen(system.local.sun_path, size);
            // macOS and FreeBSD write an unnamed socket as a name of nothing but NULs.
            const std::string_view name(system.local.sun_path, size);
            if (name.find_first_not_of('\0') == std::string_view::npos) size = 0;
            address.family = Family::local;
            address.size = static_cast<std::uint8_t>(size);
            std::memcpy(address.bytes.data(), system.local.sun_path, size);
            break;
        }
        default: break;
    }
    return address;
}

inline int system_family(Family family) noexcept {
    return family == Family::ipv4    ? AF_INET
           : family == Family::ipv6  ? AF_INET6
           : family == Family::local ? AF_UNIX
                                     : AF_UNSPEC;
}

/// "127.0.0.1", "::1" or "fe80::1%eth0" as an address without a port; family none where the text is none of them.
inline Address parse_ip(std::string_view text) {
    const std::size_t percent = text.find('%');
    const std::string ip(text.substr(0, percent));
    const bool has_nul = text.find('\0') != std::string_view::npos;  // the system would stop there
    Address address;
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
    ::inet_ntop(system_family(address.family), address.bytes.data(), text, sizeof text);
    std::string whole = text;
    if (address.scope != 0) {
        char name[IF_NAMESIZE] = "";
        const bool named = ::if_indextoname(address.scope, name) != nullptr;
        whole.append("%").append(named ? std::string(name) : std::to_string(address.scope));
    }
    return whole;
}

inline Error lookup_error(int answer) noexcept {
    switch (answer) {
        case EAI_SYSTEM: return last_error(Operation::resolve);
        case EAI_AGAIN: return {Errc::host_lookup_retry, Operation::resolve};
        case EAI_MEMORY: return {make_error_code(std::errc::not_enough_memory), Operation::resolve};
        case EAI_NONAME:
#ifdef EAI_NODATA
        case EAI_NODATA:
#endif
#ifdef EAI_ADDRFAMILY
        case EAI_ADDRFAMILY:
#endif
            return {Errc::host_not_found, Operation::resolve};
        default: return {Errc::host_lookup_failed, Operation::resolve};
    }
}

/// Calls `found(list, address)` for each address of a host name, in the order of RFC 6724. Blocks for as long as the
/// system's resolver likes.
inline Result<void> look_up(const std::string& host, void (*found)(void*, const Address&), void* list) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    struct List {
        addrinfo* first = nullptr;
        ~List() {
            if (first) ::freeaddrinfo(first);
        }
    } answered;
    // Not AI_ADDRCONFIG: it hides loopback addresses on a machine that is offline.
    if (const int answer = ::getaddrinfo(host.c_str(), nullptr, &hints, &answered.first); answer != 0)
        return lookup_error(answer);
    for (const addrinfo* entry = answered.first; entry != nullptr; entry = entry->ai_next) {
        SystemAddress system;
        system.size = entry->ai_addrlen;
        std::memcpy(&system.storage, entry->ai_addr, system.size);
        found(list, from_system(system));
    }
    return {};
}

}  // namespace sockboot::detail::os
