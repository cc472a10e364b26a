// SPDX-License-Identifier: MIT
// Looking up host names on POSIX systems.
#pragma once

#include <netdb.h>
#include <cstring>
#include "posix_address.hpp"
#include "posix_call.hpp"

namespace sockboot::inline v0_2::detail::os {
/// The error of getaddrinfo(3), which answered with an EAI_ number that is not EAI_SYSTEM.
inline Error lookup_error(int answer) {
    switch (answer) {
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

/// Whether the system lacked something that it may have later: then its answer says nothing about the host.
inline bool is_shortage(int number) noexcept {
    return number == EMFILE || number == ENFILE || number == ENOMEM || number == ENOBUFS;
}

/// Calls `on_address(list, address)` for each address of a host name, in the order of RFC 6724. Blocks for as long as
/// the system's resolver does.
inline Result<void> look_up(const std::string& host, void (*on_address)(void*, const Address&), void* list) {
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
    int answer = 0;
    const auto ask = [&] { return (answer = ::getaddrinfo(host.c_str(), nullptr, &hints, &answered.first)); };
    clear_errno();
    const IoResult called = io_result(ask() == 0 ? 0 : -1);
    // glibc says "no such name" where there was no descriptor or no memory to look for it.
    if (!called && (answer == EAI_SYSTEM || is_shortage(called.number()))) return error_of(called, Operation::resolve);
    if (answer != 0) return lookup_error(answer);
    for (const addrinfo* entry = answered.first; entry != nullptr; entry = entry->ai_next) {
        SockAddr raw;
        raw.size = entry->ai_addrlen;
        std::memcpy(&raw.storage, entry->ai_addr, raw.size);
        on_address(list, from_sockaddr(raw));
    }
    return {};
}
}  // namespace sockboot::inline v0_2::detail::os
