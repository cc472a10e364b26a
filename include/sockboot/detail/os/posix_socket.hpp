// SPDX-License-Identifier: MIT
// Sockets on POSIX systems: from socket(2) to close(2).
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <climits>
#include <span>
#include "../../byte_view.hpp"
#include "posix_address.hpp"
#include "posix_call.hpp"
#include "posix_option.hpp"

namespace sockboot::inline v0_2::detail::os {
/// Gives a fresh handle the flags that the call which made it could not set atomically on this system.
inline void set_creation_flags(Handle handle) noexcept {
#ifndef SOCK_CLOEXEC
    static_cast<void>(::fcntl(handle, F_SETFD, FD_CLOEXEC));  // cannot fail on it
#endif
    adopted(handle);
}

inline constexpr Handle first_handle = STDERR_FILENO + 1;

/// Another number for a fresh handle that was given that of a standard stream, which the program had closed: what it
/// prints must not reach a peer.
inline IoResult move_above_standard(Handle handle) noexcept {
#ifdef F_DUPFD_CLOEXEC
    const IoResult moved = io_result(::fcntl(handle, F_DUPFD_CLOEXEC, first_handle));
#else
    const IoResult moved = io_result(::fcntl(handle, F_DUPFD, first_handle));
#endif
    ::close(handle);
    return moved;
}

/// The fresh handle that a call made, with its flags set.
inline Result<Handle> created(Operation operation, IoResult made) {
    if (made && made.bytes() < first_handle) made = move_above_standard(static_cast<Handle>(made.bytes()));
    if (!made) return error_of(made, operation);
    const auto handle = static_cast<Handle>(made.bytes());
    set_creation_flags(handle);
    return handle;
}

/// A socket, closed on exec and without SIGPIPE from its first instant.
inline Result<Handle> open(Family family, Type type, Mode mode) {
    const int base = type == Type::stream ? SOCK_STREAM : SOCK_DGRAM;
#ifdef SOCK_CLOEXEC
    const int flags = base | SOCK_CLOEXEC | (mode == Mode::non_blocking ? SOCK_NONBLOCK : 0);
    return created(Operation::open, io_result(::socket(to_af(family), flags, 0)));
#else
    auto handle = created(Operation::open, io_result(::socket(to_af(family), base, 0)));
    if (handle && mode == Mode::non_blocking) static_cast<void>(set_non_blocking(*handle, true));  // cannot fail on it
    return handle;
#endif
}

/// Closes once. A close that a signal interrupted has closed (Linux, the BSDs), or its handle may already be
/// somebody else's: calling it again is always wrong.
inline void close(Handle handle) noexcept { ::close(handle); }

inline Result<void> bind(Handle handle, const Address& address) {
    const SockAddr raw = to_sockaddr(address);
    return checked(Operation::bind, io_result(::bind(handle, &raw.any, raw.size)));
}

/// A backlog below zero asks for as many as the system allows: the kernel cuts INT_MAX down to what its setting
/// (somaxconn) says at this moment, which no number read beforehand could follow.
inline Result<void> listen(Handle handle, int backlog) {
    return checked(Operation::listen, io_result(::listen(handle, backlog < 0 ? INT_MAX : backlog)));
}

/// A blocking connection from the queue, closed on exec and without SIGPIPE, and who it is from.
inline Result<Handle> accept(Handle handle, Address& peer) {
    SockAddr raw;
    const IoResult made = uninterrupted([&] {
        raw.size = sizeof raw.storage;
#ifdef SOCK_CLOEXEC
        return ::accept4(handle, &raw.any, &raw.size, SOCK_CLOEXEC);
#else
        return ::accept(handle, &raw.any, &raw.size);
#endif
    });
    auto fresh = created(Operation::accept, made);
#ifndef SOCK_CLOEXEC
    if (fresh) static_cast<void>(set_non_blocking(*fresh, false));  // the BSDs inherit it from the listener
#endif
    if (fresh) peer = from_sockaddr(raw);
    return fresh;
}

/// What getpeername(2) says: having a peer is what being connected means.
inline IoResult peer_of(Handle handle, SockAddr& peer) noexcept {
    return io_result(::getpeername(handle, &peer.any, &peer.size));
}

/// A handle that has its connection is blocking from here on.
inline Result<ConnectState> connected(Handle handle) {
    if (auto set = set_non_blocking(handle, false); !set) return std::move(set).error();
    return ConnectState::done;
}

/// Starts connecting a non-blocking handle. A signal does not stop what it started: connect(2) is never called twice.
inline Result<ConnectState> start_connect(Handle handle, const Address& address) {
    const SockAddr raw = to_sockaddr(address);
    const IoResult started = io_result(::connect(handle, &raw.any, raw.size));
    if (started) return connected(handle);
    // Of a Unix socket: the server's queue is full, and nothing was started. TCP has other numbers for what it lacks.
    if (started.is(IoResult::would_block) && address.family == Family::unix_domain) return ConnectState::queue_full;
    if (started.number() != EINPROGRESS && !started.is(IoResult::interrupted))
        return error_of(started, Operation::connect);
    // Over loopback the connection is mostly there by now.
    SockAddr peer;
    return peer_of(handle, peer) ? connected(handle) : Result<ConnectState>(ConnectState::in_progress);
}

/// How a connection attempt stands, once its handle is writable: done, or in progress still where that came too early.
inline Result<ConnectState> finish_connect(Handle handle) {
    SockAddr peer;
    const IoResult asked = peer_of(handle, peer);
    if (asked) return connected(handle);
    int number = 0;
    socklen_t size = sizeof number;
    const IoResult got = io_result(::getsockopt(handle, SOL_SOCKET, SO_ERROR, &number, &size));
    if (!got) return error_of(got, Operation::connect);
    switch (number) {
        case EISCONN: return connected(handle);  // it was made between the two calls
        case EINPROGRESS:
        case EALREADY:
        case EINTR: return ConnectState::in_progress;
        case 0: break;
        default: return Error(to_error_code(number), Operation::connect);
    }
    // Without an error, and with no peer since it is gone again: the next call will say what became of it. Else some
    // systems wake early.
    return asked.number() != ENOTCONN ? connected(handle) : Result<ConnectState>(ConnectState::in_progress);
}

// --- bytes -----------------------------------------------------------------------------------------------------------

/// What a transfer blocks for, inside the system call: the flags themselves.
enum class BlockUntil : short { nothing = MSG_DONTWAIT, some = 0, all = MSG_WAITALL };

/// The most that one call is asked to move: some systems refuse sizes over INT_MAX.
inline constexpr std::size_t max_transfer = std::size_t{1} << 30;

constexpr std::size_t clamped(std::size_t size) noexcept { return size < max_transfer ? size : max_transfer; }

#ifdef MSG_NOSIGNAL
inline constexpr int send_flags = MSG_NOSIGNAL;
#else
inline constexpr int send_flags = 0;  // SO_NOSIGPIPE, in adopted()
#endif

/// Receives into a buffer that is not empty; 0 is the end of the stream. One call: a signal may interrupt it.
[[gnu::always_inline]] inline IoResult receive(Handle handle, std::span<std::byte> buffer, BlockUntil until) noexcept {
    return io_result(::recv(handle, buffer.data(), buffer.size() < max_transfer ? buffer.size() : max_transfer,
                            static_cast<int>(until)));
}

/// Sends as many of the bytes as there is room for, without SIGPIPE. One call, which a signal may interrupt.
[[gnu::always_inline]] inline IoResult send(Handle handle, ByteView bytes, BlockUntil until) noexcept {
    return io_result(::send(handle, bytes.data(), clamped(bytes.size()), static_cast<int>(until) | send_flags));
}

/// The same for `first` and then `second`.
[[gnu::always_inline]] inline IoResult send(Handle handle, ByteView first, ByteView second, BlockUntil until) noexcept {
    const std::size_t size = clamped(first.size());
    const std::size_t more = size < first.size() ? 0 : clamped(second.size());
    // iovec has no const; sendmsg(2) does not write through it.
    iovec pieces[2] = {{const_cast<std::byte*>(first.data()), size}, {const_cast<std::byte*>(second.data()), more}};
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = 2;
    return io_result(::sendmsg(handle, &message, static_cast<int>(until) | send_flags));
}

/// How many pieces one call takes at most.
#ifdef IOV_MAX
inline constexpr std::size_t max_pieces = IOV_MAX;
#else
inline constexpr std::size_t max_pieces = 16;  // POSIX promises so many
#endif

/// The same for any number of pieces.
[[gnu::noinline]] inline IoResult send(Handle handle, const Pieces& pieces, BlockUntil until) noexcept {
    iovec list[max_pieces];
    std::size_t count = 0, left = max_transfer;
    pieces.for_each([&](ByteView piece) {
        const std::size_t size = piece.size() < left ? piece.size() : left;
        list[count++] = {const_cast<std::byte*>(piece.data()), size};
        return (left -= size) != 0 && count < max_pieces;
    });
    msghdr message{};
    message.msg_iov = list;
    message.msg_iovlen = count;
    return io_result(::sendmsg(handle, &message, static_cast<int>(until) | send_flags));
}

/// One datagram, who it is from, and whether `buffer` was too small for it; 0 bytes is an empty one.
inline IoResult receive_from(Handle handle, std::span<std::byte> buffer, BlockUntil until,
                             DatagramHeader& header) noexcept {
    SockAddr raw;
    iovec piece{buffer.data(), clamped(buffer.size())};
    msghdr message{};
    message.msg_name = &raw.storage;
    message.msg_namelen = sizeof raw.storage;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    const IoResult got = io_result(::recvmsg(handle, &message, static_cast<int>(until)));
    raw.size = message.msg_namelen;
    if (got) header = {from_sockaddr(raw), (message.msg_flags & MSG_TRUNC) != 0};
    return got;
}

/// Sends one datagram, whole or not at all.
inline IoResult send_to(Handle handle, ByteView datagram, BlockUntil until, const Address& to) noexcept {
    const SockAddr raw = to_sockaddr(to);
    return io_result(
        ::sendto(handle, datagram.data(), datagram.size(), static_cast<int>(until) | send_flags, &raw.any, raw.size));
}

inline Result<void> shutdown(Handle handle, Direction direction) {
    const int how = direction == Direction::receive ? SHUT_RD : direction == Direction::send ? SHUT_WR : SHUT_RDWR;
    return checked(Operation::shutdown, io_result(::shutdown(handle, how)));
}

inline Result<Address> local_address(Handle handle) {
    SockAddr raw;
    const IoResult got = io_result(::getsockname(handle, &raw.any, &raw.size));
    if (!got) return error_of(got, Operation::configure);
    return from_sockaddr(raw);
}

inline Result<Address> remote_address(Handle handle) {
    SockAddr raw;
    const IoResult got = peer_of(handle, raw);
    if (!got) return error_of(got, Operation::configure);
    return from_sockaddr(raw);
}
}  // namespace sockboot::inline v0_2::detail::os
