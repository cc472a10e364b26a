// SPDX-License-Identifier: MIT
// Sockets and their options on POSIX systems.
#pragma once

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <climits>

#include "os_posix_address.hpp"

namespace sockboot::detail::os {

/// Keeps sends on a handle from raising SIGPIPE, where they cannot say so one by one (MSG_NOSIGNAL).
inline void silence_sigpipe([[maybe_unused]] Handle handle) noexcept {
#ifdef SO_NOSIGPIPE
    const int on = 1;
    ::setsockopt(handle, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
}

/// Gives a fresh handle what the calls that made it could not give it atomically on this system.
inline Handle born(Handle handle) noexcept {
    if (handle < 0) return handle;
#ifndef SOCK_CLOEXEC
    ::fcntl(handle, F_SETFD, FD_CLOEXEC);
#endif
    silence_sigpipe(handle);
    return handle;
}

inline Result<void> set_non_blocking(Handle handle, bool on) {
    int flag = on ? 1 : 0;
    return succeeded(Operation::configure, ::ioctl(handle, FIONBIO, &flag));
}

/// A stream socket, closed on exec and silent on SIGPIPE from its first instant.
inline Result<Handle> open_stream(Family family, Mode mode) {
#ifdef SOCK_CLOEXEC
    const int type = SOCK_STREAM | SOCK_CLOEXEC | (mode == Mode::non_blocking ? SOCK_NONBLOCK : 0);
    return checked(Operation::open, born(::socket(system_family(family), type, 0)));
#else
    auto handle = checked(Operation::open, born(::socket(system_family(family), SOCK_STREAM, 0)));
    if (handle && mode == Mode::non_blocking) static_cast<void>(set_non_blocking(*handle, true));  // cannot fail on it
    return handle;
#endif
}

/// Closes once. A close that a signal interrupted has closed (Linux, the BSDs), or its handle may already be
/// somebody else's: calling it again is always wrong.
inline void close(Handle handle) noexcept { ::close(handle); }

inline Result<void> bind(Handle handle, const Address& address) {
    const SystemAddress system = to_system(address);
    return succeeded(Operation::bind, ::bind(handle, &system.any, system.size));
}

/// A backlog below zero asks for as many as the system allows: the kernel cuts INT_MAX down to what its setting
/// (somaxconn) says at this moment, which no number read beforehand could follow.
inline Result<void> listen(Handle handle, int backlog) {
    return succeeded(Operation::listen, ::listen(handle, backlog < 0 ? INT_MAX : backlog));
}

/// A blocking connection from the queue, closed on exec and silent on SIGPIPE, and who it is from.
inline Result<Handle> accept(Handle handle, Address& peer) {
    SystemAddress system;
    const Handle fresh = uninterrupted([&] {
        system.size = sizeof system.storage;
#ifdef SOCK_CLOEXEC
        return ::accept4(handle, &system.any, &system.size, SOCK_CLOEXEC);
#else
        return ::accept(handle, &system.any, &system.size);
#endif
    });
#ifndef SOCK_CLOEXEC
    if (fresh >= 0) static_cast<void>(set_non_blocking(fresh, false));  // the BSDs inherit it from the listener
#endif
    auto result = checked(Operation::accept, born(fresh));
    peer = from_system(system);
    return result;
}

/// Whether the handle has a peer, which is what being connected means. Best effort: a failure says no.
inline bool has_peer(Handle handle) noexcept {
    SystemAddress peer;
    return ::getpeername(handle, &peer.any, &peer.size) == 0;
}

/// Starts connecting a non-blocking handle. A signal does not stop what it started: connect(2) is never called twice.
inline Result<Connecting> start_connect(Handle handle, const Address& address) {
    const SystemAddress system = to_system(address);
    if (::connect(handle, &system.any, system.size) == 0) return Connecting::done;
    if (errno != EINPROGRESS && errno != EINTR) return last_error(Operation::connect);
    // Loopback is mostly there by now, and need not be waited for.
    return has_peer(handle) ? Connecting::done : Connecting::underway;
}

/// How a connection attempt stands, once its handle is writable: done, or under way still where that came too early.
inline Result<Connecting> finish_connect(Handle handle) {
    if (has_peer(handle)) return Connecting::done;
    const bool gone = errno != ENOTCONN;  // there was a peer: the next call will say what became of it
    int number = 0;
    socklen_t size = sizeof number;
    if (::getsockopt(handle, SOL_SOCKET, SO_ERROR, &number, &size) < 0) return last_error(Operation::connect);
    switch (number) {
        case EISCONN: return Connecting::done;  // it was made between two looks at it
        case EINPROGRESS:
        case EALREADY:
        case EINTR: return Connecting::underway;
        case 0: break;
        default: return Error({number, std::system_category()}, Operation::connect);
    }
    // No error is no connection yet: some systems wake early.
    return gone ? Connecting::done : Connecting::underway;
}

/// The most that one call is asked to move: some systems refuse sizes over INT_MAX.
inline constexpr std::size_t largest_transfer = std::size_t{1} << 30;

constexpr std::size_t at_most(std::size_t limit, std::size_t size) noexcept { return size < limit ? size : limit; }

inline int wait_flag(Wait wait) noexcept {
    return wait == Wait::no ? MSG_DONTWAIT : wait == Wait::all ? MSG_WAITALL : 0;
}

/// Receives into a buffer that is not empty; 0 is the end of the stream. One call: a signal may interrupt it.
[[gnu::always_inline]] inline Moved receive(Handle handle, std::span<std::byte> buffer, Wait wait) noexcept {
    const std::size_t size = at_most(largest_transfer, buffer.size());
    return Moved(::recv(handle, buffer.data(), size, wait_flag(wait)));
}

/// Sends `first` and then `second`, as many of their bytes as there is room for, without SIGPIPE. One call, which a
/// signal may interrupt.
[[gnu::always_inline]] inline Moved send(Handle handle, ByteView first, ByteView second, Wait wait) noexcept {
    const std::size_t size = at_most(largest_transfer, first.size());
    const std::size_t more = size < first.size() ? 0 : at_most(largest_transfer, second.size());
    // iovec has no const; sendmsg(2) does not write through it.
    iovec pieces[2] = {{const_cast<std::byte*>(first.data()), size}, {const_cast<std::byte*>(second.data()), more}};
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = 2;
#ifdef MSG_NOSIGNAL
    const int flags = wait_flag(wait) | MSG_NOSIGNAL;
#else
    const int flags = wait_flag(wait);
#endif
    return Moved(::sendmsg(handle, &message, flags));
}

inline Result<void> shutdown(Handle handle, Direction direction) {
    const int how = direction == Direction::receive ? SHUT_RD : direction == Direction::send ? SHUT_WR : SHUT_RDWR;
    return succeeded(Operation::shutdown, ::shutdown(handle, how));
}

inline Result<Address> local_address(Handle handle) {
    SystemAddress system;
    if (::getsockname(handle, &system.any, &system.size) < 0) return last_error(Operation::configure);
    return from_system(system);
}

inline Result<Address> remote_address(Handle handle) {
    SystemAddress system;
    if (::getpeername(handle, &system.any, &system.size) < 0) return last_error(Operation::configure);
    return from_system(system);
}

// --- options ---------------------------------------------------------------------------------------------------------

struct OptionName {
    int level, name;
};

/// The constants of an option; a level of -1 where this system has none.
constexpr OptionName option_name(Option option) noexcept {
    switch (option) {
        case Option::reuse_address: return {SOL_SOCKET, SO_REUSEADDR};
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
        default: return {-1, -1};
    }
}

inline bool supports(Option option) noexcept { return option_name(option).level != -1; }

inline Result<void> set_raw_option(Handle handle, int level, int name, ByteView value) {
    return succeeded(Operation::configure,
                     ::setsockopt(handle, level, name, value.data(), static_cast<socklen_t>(value.size())));
}

/// Fills `value`, which has room for `size` bytes; returns how many of them were filled.
inline Result<std::size_t> get_raw_option(Handle handle, int level, int name, void* value, std::size_t size) {
    auto filled = static_cast<socklen_t>(size);
    if (::getsockopt(handle, level, name, value, &filled) < 0) return last_error(Operation::configure);
    return static_cast<std::size_t>(filled);
}

inline Result<void> set_option(Handle handle, Option option, int value) {
    const OptionName name = option_name(option);
    return set_raw_option(handle, name.level, name.name, ByteView::of(value));
}

/// Seconds that close() may wait for unsent data; 0: close() resets the connection; below 0: the system's default.
inline Result<void> set_linger(Handle handle, int seconds) {
    const linger value{.l_onoff = seconds >= 0 ? 1 : 0, .l_linger = seconds > 0 ? seconds : 0};
    return set_raw_option(handle, SOL_SOCKET, SO_LINGER, ByteView::of(value));
}

}  // namespace sockboot::detail::os
