// SPDX-License-Identifier: MIT
// The options of sockets on POSIX systems.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "../../byte_view.hpp"
#include "posix_call.hpp"

namespace sockboot::inline v0_2::detail::os {
struct OptionName {
    int level, name;
};

/// The constants of an option; a level of -1 where this system has none.
constexpr OptionName option_name(Option option) noexcept {
    switch (option) {
#if defined(SO_REUSEPORT_LB)
        case Option::reuse_port: return {SOL_SOCKET, SO_REUSEPORT_LB};  // FreeBSD: the one that spreads connections
#elif defined(SO_REUSEPORT)
        case Option::reuse_port: return {SOL_SOCKET, SO_REUSEPORT};
#endif
        case Option::ipv6_only: return {IPPROTO_IPV6, IPV6_V6ONLY};
        case Option::no_delay: return {IPPROTO_TCP, TCP_NODELAY};
        case Option::send_buffer: return {SOL_SOCKET, SO_SNDBUF};
        case Option::receive_buffer: return {SOL_SOCKET, SO_RCVBUF};
        case Option::keep_alive: return {SOL_SOCKET, SO_KEEPALIVE};
#if defined(TCP_KEEPIDLE)
        case Option::keep_alive_idle: return {IPPROTO_TCP, TCP_KEEPIDLE};
#elif defined(TCP_KEEPALIVE)
        case Option::keep_alive_idle: return {IPPROTO_TCP, TCP_KEEPALIVE};  // macOS
#endif
#ifdef TCP_KEEPINTVL
        case Option::keep_alive_interval: return {IPPROTO_TCP, TCP_KEEPINTVL};
        case Option::keep_alive_probes: return {IPPROTO_TCP, TCP_KEEPCNT};
#endif
#ifdef TCP_USER_TIMEOUT
        case Option::user_timeout: return {IPPROTO_TCP, TCP_USER_TIMEOUT};
#endif
#ifdef IP_BIND_ADDRESS_NO_PORT
        case Option::bind_without_port: return {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT};  // also of IPv6 sockets
#endif
        default: return {-1, -1};
    }
}

inline bool supports(Option option) noexcept { return option_name(option).level != -1; }

inline Result<void> set_raw_option(Handle handle, int level, int name, ByteView value) {
    return checked(Operation::configure,
                   io_result(::setsockopt(handle, level, name, value.data(), static_cast<socklen_t>(value.size()))));
}

/// Fills `value`, which has room for `size` bytes; returns how many of them were filled.
inline Result<std::size_t> get_raw_option(Handle handle, int level, int name, void* value, std::size_t size) {
    auto filled = static_cast<socklen_t>(size);
    const IoResult got = io_result(::getsockopt(handle, level, name, value, &filled));
    if (!got) return error_of(got, Operation::configure);
    return static_cast<std::size_t>(filled);
}

inline Result<void> set_option(Handle handle, Option option, int value) {
    const OptionName name = option_name(option);
    return set_raw_option(handle, name.level, name.name, ByteView::of(value));
}

/// Lets a socket bind to its port although earlier connections of that port are in TIME_WAIT. Called before each bind()
/// of a listener, and of a connection from a fixed port, whatever `reuse_address` says: there are systems on which
/// something has to be set either way.
inline Result<void> claim_port(Handle handle, bool reuse_address) {
    if (!reuse_address) return {};
    return set_raw_option(handle, SOL_SOCKET, SO_REUSEADDR, ByteView::of(1));
}

/// Seconds that close() may wait for unsent data; 0: close() resets the connection; below 0: the system's default.
inline Result<void> set_linger(Handle handle, int seconds) {
    const linger value{.l_onoff = seconds >= 0 ? 1 : 0, .l_linger = seconds > 0 ? seconds : 0};
#ifdef SO_LINGER_SEC  // macOS, whose SO_LINGER counts clock ticks
    return set_raw_option(handle, SOL_SOCKET, SO_LINGER_SEC, ByteView::of(value));
#else
    return set_raw_option(handle, SOL_SOCKET, SO_LINGER, ByteView::of(value));
#endif
}

inline Result<void> set_non_blocking(Handle handle, bool on) {
    int flag = on ? 1 : 0;
    return checked(Operation::configure, io_result(::ioctl(handle, FIONBIO, &flag)));
}

/// Makes a handle from elsewhere fit: no SIGPIPE from it, where sends cannot say so one by one (MSG_NOSIGNAL).
inline void adopted([[maybe_unused]] Handle handle) noexcept {
#ifdef SO_NOSIGPIPE
    static_cast<void>(set_raw_option(handle, SOL_SOCKET, SO_NOSIGPIPE, ByteView::of(1)));  // best effort
#endif
}
}  // namespace sockboot::inline v0_2::detail::os
