// SPDX-License-Identifier: MIT
// Looking up host names on POSIX systems, and the thread in which that is done.
#pragma once

#include <netdb.h>
#include <pthread.h>
#include <csignal>
#include <cstring>
#include <new>  // std::nothrow
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
    const IoResult called = io_result(ask() == EAI_SYSTEM ? -1 : 0);
    if (!called) return error_of(called, Operation::resolve);
    if (answer != 0) return lookup_error(answer);
    for (const addrinfo* entry = answered.first; entry != nullptr; entry = entry->ai_next) {
        SockAddr raw;
        raw.size = entry->ai_addrlen;
        std::memcpy(&raw.storage, entry->ai_addr, raw.size);
        on_address(list, from_sockaddr(raw));
    }
    return {};
}

/// Runs `run(argument)` in a detached thread, in which no signal handler of the program runs.
inline Result<void> start_thread(void (*run)(void*), void* argument) {
    struct Start {
        void (*run)(void*);
        void* argument;
    };
    auto* start = new (std::nothrow) Start{run, argument};
    sigset_t all, before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread{};
    const auto thread_main = [](void* raw) -> void* {
        const Start taken = *static_cast<Start*>(raw);
        delete static_cast<Start*>(raw);
        taken.run(taken.argument);
        return nullptr;
    };
    const int number = start ? ::pthread_create(&thread, nullptr, thread_main, start) : ENOMEM;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (number == 0) return ::pthread_detach(thread), Result<void>();
    delete start;
    return Error(make_error_code(std::errc::not_enough_memory), Operation::resolve)
        .with_note("no thread could be started");
}
}  // namespace sockboot::inline v0_2::detail::os
