// SPDX-License-Identifier: MIT
// Socket: a listening or connected socket, its calls, and the time that they may take.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "byte_view.hpp"
#include "canceller.hpp"
#include "detail/os.hpp"
#include "detail/patience.hpp"
#include "detail/setup.hpp"
#include "endpoint.hpp"
#include "log.hpp"
#include "socket_base.hpp"
#include "timeout.hpp"

namespace sockboot {

namespace detail {

/// Which half of a stream an earlier failure left inside a message.
struct Desynchronised {
    bool sending = false, receiving = false;
};

}  // namespace detail

/// A listening or connected socket that closes itself.
///
/// Made by create_server, connect_to, accept() or adopt(). Moving leaves a closed Socket behind; a moved or
/// default-made Socket answers every call with Errc::closed; moving no bytes at all is no call, and always succeeds.
///
/// Every call that can fail has two forms: f throws SocketError, try_f returns a Result. A call that waits obeys the
/// socket's timeout as one deadline over all that it does.
/// Threads: distinct sockets: free. One socket: one thread that sends and one that receives at a time; options,
///          close() and moves need it alone.
class Socket : public SocketBase {
public:
    Socket() noexcept = default;
    Socket(Socket&& other) noexcept = default;
    Socket& operator=(Socket&& other) noexcept = default;
    ~Socket() = default;

    /// Takes over a handle from elsewhere: inherited, from another library, or from release().
    /// Its options are left as they are, but for SIGPIPE, which it never raises. Errors: not a socket.
    [[nodiscard]] static Socket adopt(detail::os::Handle handle, std::string_view context = {}) {
        return try_adopt(handle, context).value();
    }
    [[nodiscard]] static Result<Socket> try_adopt(detail::os::Handle handle, std::string_view context = {});

    // --- time ---

    /// How long each later call may take. Default: for ever. Zero: try once.
    void set_timeout(Timeout timeout) noexcept { patience_.set_timeout(timeout); }
    [[nodiscard]] Timeout timeout() const noexcept { return patience_.timeout(); }

    /// What ends blocked calls on this socket from elsewhere; Canceller::none() by default.
    void set_canceller(Canceller canceller) noexcept { patience_.set_canceller(std::move(canceller)); }

    /// How long a call that finds nothing to send or receive stays awake and tries again before it goes to sleep.
    /// Default: zero. Waking a sleeping core takes longer than most answers: spinning saves that, and costs a core.
    /// Errors: std::errc::invalid_argument for a time below zero.
    void set_spin(std::chrono::microseconds spin) { try_set_spin(spin).value(); }
    Result<void> try_set_spin(std::chrono::microseconds spin);
    [[nodiscard]] std::chrono::microseconds spin() const noexcept { return patience_.spin(); }

    // --- connections ---

    /// The next connection; it takes context and timeout from this socket.
    ///
    /// A connection that died in the queue, a firewall's veto and a signal are passed over. 64 of the first two in a
    /// row are taken for a failure of the listener, and reported.
    /// Errors: would-block (timeout zero), deadline_exceeded, cancelled; too many open files and its kin, which are
    ///         transient().
    /// Calls:  accept4(2), poll(2).
    [[nodiscard]] Socket accept() { return try_accept().value(); }
    [[nodiscard]] Socket accept(Timeout timeout) { return try_accept(timeout).value(); }
    [[nodiscard]] Result<Socket> try_accept() { return try_accept(timeout()); }
    [[nodiscard]] Result<Socket> try_accept(Timeout timeout);

    // --- bytes ---
    // A std::span that is handed on is const below: only then does the compiler copy it without asking, at length,
    // whether it is a range.

    /// Sends at least one byte of `bytes` and returns how many. send_all() is what sends them all.
    /// Errors: would-block, deadline_exceeded, cancelled; broken pipe and connection reset when the peer is gone (never
    ///         SIGPIPE).
    /// Calls:  sendmsg(2) with MSG_NOSIGNAL, poll(2).
    std::size_t send_some(ByteView bytes) { return try_send_some(bytes).value(); }
    Result<std::size_t> try_send_some(ByteView bytes);

    /// Receives what there is, at least one byte, into `buffer` and returns how many; 0: the peer has closed.
    /// Errors: would-block, deadline_exceeded, cancelled; connection reset; an empty buffer is
    ///         std::errc::invalid_argument.
    /// Calls:  recv(2), poll(2).
    std::size_t recv_some(const std::span<std::byte> buffer) { return try_recv_some(buffer).value(); }
    Result<std::size_t> try_recv_some(std::span<std::byte> buffer);

    /// One step of a longer transfer: `first` and then `second` in one system call, within the deadline of the whole.
    Result<std::size_t> try_send_some(ByteView first, ByteView second, Deadline& deadline) {
        return finish_send(send_now(first, second, deadline), first, second, deadline);
    }

    /// The same for receiving. `whole`: better wait for the buffer to be full, where waiting is free.
    Result<std::size_t> try_recv_some(const std::span<std::byte> buffer, Deadline& deadline, bool whole = false) {
        return finish_recv(recv_now(buffer, deadline, whole), buffer, deadline, whole);
    }

    /// For the layers above, which try what nearly always succeeds before anything else. Where may_block(), send_once()
    /// and recv_once() are one system call each, and finish_send() and finish_recv() say what came of it and go on
    /// where it moved nothing.
    [[nodiscard]] bool may_block() const noexcept { return patience_.may_block(); }
    [[nodiscard]] detail::os::Moved send_once(ByteView first, ByteView second) noexcept {
        return detail::os::send(native_handle(), first, second, detail::os::Wait::some);
    }
    [[nodiscard]] detail::os::Moved recv_once(const std::span<std::byte> buffer, bool whole) noexcept {
        return detail::os::receive(native_handle(), buffer, whole ? detail::os::Wait::all : detail::os::Wait::some);
    }
    Result<std::size_t> finish_send(detail::os::Moved moved, ByteView first, ByteView second, Deadline& deadline);
    Result<std::size_t> finish_recv(detail::os::Moved moved, std::span<std::byte> buffer, Deadline& deadline,
                                    bool whole);

    // --- the end ---

    /// Says "no more from me": the peer receives what was sent and then the end of the stream; receiving goes on.
    /// Shutting down twice, or after the peer has gone, is no error.
    void shutdown_send() { try_shutdown_send().value(); }
    Result<void> try_shutdown_send() { return shut_down(detail::os::Direction::send); }

    /// Ends receiving here; the peer is not told.
    void shutdown_receive() { try_shutdown_receive().value(); }
    Result<void> try_shutdown_receive() { return shut_down(detail::os::Direction::receive); }

    /// For the layers above: where an earlier failure left this stream inside a message.
    [[nodiscard]] detail::Desynchronised& desynchronised() noexcept { return desynchronised_; }

    /// For those who make sockets: takes over a handle whose addresses are known.
    Socket(detail::os::Owned handle, std::string_view context, const Endpoint& local, const Endpoint& remote,
           detail::Patience patience)
        : SocketBase(std::move(handle), context, local, remote), patience_(std::move(patience)) {}

private:
    Result<void> shut_down(detail::os::Direction direction);

    /// One try, that waits only where nothing but the system need end it.
    detail::os::Moved send_now(ByteView first, ByteView second, const Deadline& deadline) const noexcept;
    detail::os::Moved recv_now(std::span<std::byte> buffer, const Deadline& deadline, bool whole) const noexcept;

    /// After a transfer that moved nothing: waits for the next try, or says why there will be none.
    Result<void> ready_after(detail::os::Moved moved, const detail::os::Watched& self, Operation operation,
                             Deadline& deadline) const;
    Socket accepted(detail::os::Owned handle, const Endpoint& peer) const;

    /// Dead connections in a row that accept() passes over, until it takes their error for the listener's own.
    static constexpr int most_passed_over = 64;

    detail::Patience patience_;
    detail::Desynchronised desynchronised_;
};
static_assert(sizeof(Socket) <= 80);

inline Result<Socket> Socket::try_adopt(detail::os::Handle handle, std::string_view context) {
    auto local = detail::os::local_address(handle);
    if (!local) return std::move(local).error().about(context, "handle " + std::to_string(handle));
    const auto remote = detail::os::remote_address(handle);  // a listener has none
    detail::os::silence_sigpipe(handle);
    return Socket(detail::os::Owned(handle), context, Endpoint(*local).unmapped(),
                  remote ? Endpoint(*remote).unmapped() : Endpoint{}, {});
}

inline Result<void> Socket::try_set_spin(std::chrono::microseconds spin) {
    if (spin.count() < 0) return about(detail::invalid(Operation::configure, detail::negative_spin));
    patience_.set_spin(spin);
    return {};
}

inline detail::os::Moved Socket::send_now(ByteView first, ByteView second, const Deadline& deadline) const noexcept {
    using detail::os::Wait;
    if (patience_.is_stopped(deadline)) return {};
    return detail::os::send(native_handle(), first, second, patience_.may_block(deadline) ? Wait::some : Wait::no);
}

inline detail::os::Moved Socket::recv_now(const std::span<std::byte> buffer, const Deadline& deadline,
                                          bool whole) const noexcept {
    using detail::os::Wait;
    if (patience_.is_stopped(deadline)) return {};
    const Wait patient = whole ? Wait::all : Wait::some;
    return detail::os::receive(native_handle(), buffer, patience_.may_block(deadline) ? patient : Wait::no);
}

inline Result<void> Socket::ready_after(detail::os::Moved moved, const detail::os::Watched& self, Operation operation,
                                        Deadline& deadline) const {
    if (moved.was_interrupted()) return {};
    if (!moved.would_block()) return about(moved.error(operation));
    return checked(patience_.wait(self, operation, deadline));
}

inline Result<Socket> Socket::try_accept(Timeout timeout) {
    Deadline deadline(timeout);
    // A connection that dies between poll and accept must not leave accept waiting beyond the deadline.
    if (!patience_.may_block(deadline))
        if (auto set = detail::os::set_non_blocking(native_handle(), true); !set)
            return about(Error(set.error().code(), Operation::accept));
    for (int passed_over = 0;;) {
        if (patience_.is_stopped(deadline)) return about(patience_.stopped(Operation::accept));
        detail::os::Address peer;
        auto handle = detail::os::accept(native_handle(), peer);
        if (handle) return accepted(detail::os::Owned(*handle), Endpoint(peer).unmapped());
        if (handle.error().would_block()) {
            const auto listener = detail::os::Watched::readable(native_handle());
            if (auto ready = patience_.wait(listener, Operation::accept, deadline); !ready)
                return about(std::move(ready).error());
        } else if (!detail::concerns_one_connection(handle.error().code()) || ++passed_over == most_passed_over) {
            return about(std::move(handle).error());
        } else if (deadline.expired()) {
            return about(Error(Errc::deadline_exceeded, Operation::accept));
        }
    }
}

inline Socket Socket::accepted(detail::os::Owned handle, const Endpoint& peer) const {
    // Bound to one address, a listener's connections have that address; bound to all, the system must be asked.
    const Endpoint here = local_endpoint();
    const bool known = !here.is_unspecified() && here.family() != Family::none;
    const Endpoint local = known ? here : detail::local_endpoint_of(handle.get());
    Socket socket(std::move(handle), context(), local, peer, patience_);
    detail::log(LogLevel::debug, context(), [&] { return "accepted " + peer.to_string(); });
    return socket;
}

inline Result<std::size_t> Socket::try_send_some(ByteView bytes) {
    Deadline deadline(timeout());
    return try_send_some(bytes, {}, deadline);
}

inline Result<std::size_t> Socket::finish_send(detail::os::Moved moved, ByteView first, ByteView second,
                                               Deadline& deadline) {
    const auto self = detail::os::Watched::writable(native_handle());
    const auto again = [&] { return send_now(first, second, deadline); };
    for (moved = patience_.spinning(moved, deadline, again); !moved; moved = again())
        if (auto ready = ready_after(moved, self, Operation::send, deadline); !ready) return std::move(ready).error();
    return moved.bytes();
}

inline Result<std::size_t> Socket::try_recv_some(const std::span<std::byte> buffer) {
    // The system's answer would look like the end of the stream.
    if (buffer.empty()) return about(detail::invalid(Operation::receive, "the buffer is empty"));
    Deadline deadline(timeout());
    return try_recv_some(buffer, deadline);
}

inline Result<std::size_t> Socket::finish_recv(detail::os::Moved moved, const std::span<std::byte> buffer,
                                               Deadline& deadline, bool whole) {
    const auto self = detail::os::Watched::readable(native_handle());
    const auto again = [&] { return recv_now(buffer, deadline, whole); };
    for (moved = patience_.spinning(moved, deadline, again); !moved; moved = again())
        if (auto ready = ready_after(moved, self, Operation::receive, deadline); !ready)
            return std::move(ready).error();
    return moved.bytes();
}

inline Result<void> Socket::shut_down(detail::os::Direction direction) {
    auto done = detail::os::shutdown(native_handle(), direction);
    if (done || (is_open() && done.error().code() == std::errc::not_connected)) return {};
    return about(std::move(done).error());
}

}  // namespace sockboot
