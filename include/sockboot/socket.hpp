// SPDX-License-Identifier: MIT
// Socket: a listening or connected stream socket, and its calls.
#pragma once

#include <span>
#include "byte_view.hpp"
#include "detail/os.hpp"
#include "detail/socket_options.hpp"
#include "detail/stream_io.hpp"
#include "detail/transient.hpp"
#include "detail/wait_policy.hpp"
#include "endpoint.hpp"
#include "log.hpp"
#include "result.hpp"
#include "socket_base.hpp"
#include "timeout.hpp"

namespace sockboot::inline v0_2 {
class Socket;

namespace detail {
/// For those who make sockets: takes over a handle whose addresses are known.
Socket make_socket(os::UniqueHandle handle, std::string_view context, const Endpoint& local, const Endpoint& remote,
                   WaitPolicy policy);
}  // namespace detail

/// A listening or connected socket that closes itself.
///
/// Made by create_server, connect_to, accept() or adopt(). Moving leaves a closed Socket behind; a moved or
/// default-made Socket answers every call with Errc::closed; moving no bytes at all is no call, and always succeeds.
///
/// Every call that can fail has two forms: f throws SocketError, try_f returns a Result. A call that waits obeys the
/// socket's timeout as one deadline over all that it does.
/// Threads: distinct sockets: free. One socket: one thread that sends and one that receives at a time; options,
///          close() and moves: no other thread in a call on it.
class Socket : public SocketBase {
public:
    Socket() noexcept = default;
    /// Takes over a handle from elsewhere: inherited, from another library, or from release().
    /// Its options are left as they are, but for SIGPIPE, which it never raises. When it fails, by an error or by
    /// std::bad_alloc, the handle is still the caller's to close. Errors: not a socket.
    [[nodiscard]] static Socket adopt(Handle handle, std::string_view context = {}) {
        return try_adopt(handle, context).value();
    }
    [[nodiscard]] static Result<Socket> try_adopt(Handle handle, std::string_view context = {});

    // --- connections ---
    /// The next connection; it takes context, timeout and canceller from this socket.
    ///
    /// A connection that ended in the queue, EPERM (netfilter) and a signal are passed over. 64 of the first two in a
    /// row are taken for a failure of the listener, and reported. Too many open files and its kin leave the connection
    /// in the queue, so that the next call fails as fast: close something or wait before it, as 5 ms growing to 1 s.
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
    /// Calls:  send(2) with MSG_NOSIGNAL, poll(2).
    std::size_t send_some(ByteView bytes) { return try_send_some(bytes).value(); }
    Result<std::size_t> try_send_some(ByteView bytes);
    /// Receives what there is, at least one byte, into `buffer` and returns how many; 0: the peer has closed.
    /// Errors: would-block, deadline_exceeded, cancelled; connection reset; an empty buffer is
    ///         std::errc::invalid_argument.
    /// Calls:  recv(2), poll(2).
    std::size_t recv_some(const std::span<std::byte> buffer) { return try_recv_some(buffer).value(); }
    Result<std::size_t> try_recv_some(std::span<std::byte> buffer);
    /// For a stream that is built on this socket: `first` and then `second` in one system call, within a deadline of
    /// that stream's; and the same for receiving. `whole`: the buffer is to be full, if it costs no further call.
    Result<std::size_t> try_send_some(ByteView first, ByteView second, Deadline& deadline);
    Result<std::size_t> try_recv_some(std::span<std::byte> buffer, Deadline& deadline, bool whole = false);
    // What these do is called otherwise here; the compiler quotes the line, and with it what to write.
    template <class... T> void send(T&&...) = delete;   // use send_all(socket, bytes) or send_message(socket, message)
    template <class... T> void write(T&&...) = delete;  // use send_all(socket, bytes) or send_message(socket, message)
    template <class... T> void recv(T&&...) = delete;   // use recv_some(buffer), recv_exact() or recv_message(socket)
    template <class... T> void read(T&&...) = delete;   // use recv_some(buffer), recv_exact() or recv_message(socket)

    // --- the end ---
    /// Half-closes: the peer receives what was sent and then the end of the stream; receiving goes on.
    /// Shutting down twice, or after the peer has gone, is no error. Calls: shutdown(2).
    void shutdown_send() { try_shutdown_send().value(); }
    Result<void> try_shutdown_send() { return shut_down(detail::os::Direction::send); }
    /// Ends receiving here; the peer is not told.
    void shutdown_receive() { try_shutdown_receive().value(); }
    Result<void> try_shutdown_receive() { return shut_down(detail::os::Direction::receive); }

private:
    template <class S> friend class detail::StreamIo;
    friend Socket detail::make_socket(detail::os::UniqueHandle handle, std::string_view context, const Endpoint& local,
                                      const Endpoint& remote, detail::WaitPolicy policy);
    using SocketBase::SocketBase;

    Result<void> shut_down(detail::os::Direction direction) {
        auto done = detail::os::shutdown(native_handle(), direction);
        if (done || (is_open() && done.error().code() == std::errc::not_connected)) return {};
        return with_source(std::move(done).error());
    }
    [[nodiscard]] Result<std::size_t> moved_bytes(detail::IoResult result, Operation operation) const {
        if (!result) return error_of(result, operation);
        return result.bytes();
    }
    [[nodiscard]] Socket accepted(detail::os::UniqueHandle handle, const Endpoint& peer) const;
    /// Connections in a row that accept() passes over, until it takes their error for the listener's own.
    static constexpr int max_passed_over = 64;

    detail::Desynchronised desynchronised_;
};
static_assert(sizeof(Socket) <= 88);

namespace detail {
inline Socket make_socket(os::UniqueHandle handle, std::string_view context, const Endpoint& local,
                          const Endpoint& remote, WaitPolicy policy) {
    return Socket(std::move(handle), context, local, remote, std::move(policy));
}

/// The steps of a Socket: one system call each at first, and what follows where that moved nothing.
template <> class StreamIo<Socket> {
public:
    explicit StreamIo(Socket& socket) noexcept : socket_(socket) {}
    /// One deadline over all steps of a call: the socket's timeout in that direction.
    [[nodiscard]] Deadline send_deadline() const noexcept { return Deadline(socket_.policy_.settings_.send_timeout); }
    [[nodiscard]] Deadline recv_deadline() const noexcept {
        return Deadline(socket_.policy_.settings_.receive_timeout);
    }
    /// The first try, without a clock: it blocks where nothing but its own event is to end it. `interrupted`: not
    /// tried, since the socket is cancelled or out of time.
    [[nodiscard, gnu::always_inline]] inline IoResult send_now(ByteView first, ByteView second) const noexcept {
        if (socket_.policy_.send_stop_flag->load()) [[unlikely]]
            return IoResult::interrupted;
        return os::send(socket_.handle_.get(), first, second, socket_.policy_.send_some);
    }
    [[nodiscard, gnu::always_inline]] inline IoResult send_now(ByteView bytes) const noexcept {
        if (socket_.policy_.send_stop_flag->load()) [[unlikely]]
            return IoResult::interrupted;
        return os::send(socket_.handle_.get(), bytes, socket_.policy_.send_some);
    }
    [[nodiscard]] IoResult send_now(const os::Pieces& pieces) const noexcept {
        if (socket_.policy_.send_stop_flag->load()) return IoResult::interrupted;
        return os::send(socket_.handle_.get(), pieces, socket_.policy_.send_some);
    }
    [[nodiscard, gnu::always_inline]] inline IoResult recv_now(const std::span<std::byte> buffer,
                                                               bool whole) const noexcept {
        const WaitPolicy& policy = socket_.policy_;
        if (policy.receive_stop_flag->load()) [[unlikely]]
            return IoResult::interrupted;
        return os::receive(socket_.handle_.get(), buffer, whole ? policy.receive_all : policy.receive_some);
    }
    /// After a try that came to `tried`: waits and tries again, within the deadline, until it moves something, or never
    /// will. With IoResult::interrupted it is the first try for a deadline that is not the socket's own.
    [[nodiscard]] IoResult send_after(IoResult tried, const os::Pieces& pieces, Deadline& deadline) const noexcept {
        return socket_.retry(tried, os::Direction::send, deadline, [=, this](bool blocks) {
            const auto until = blocks ? os::BlockUntil::some : os::BlockUntil::nothing;
            return os::send(socket_.handle_.get(), pieces, until);
        });
    }
    /// The same for a step of another kind, which never blocks.
    template <class Step> [[nodiscard]] IoResult send_by(Deadline& deadline, const Step& step) const noexcept {
        return socket_.retry(IoResult::interrupted, os::Direction::send, deadline, [&](bool) { return step(); });
    }
    [[nodiscard]] IoResult recv_after(IoResult tried, const std::span<std::byte> buffer, bool whole,
                                      Deadline& deadline) const noexcept {
        return socket_.retry(tried, os::Direction::receive, deadline, [=, this](bool blocks) {
            const auto blocking = whole ? os::BlockUntil::all : os::BlockUntil::some;
            return os::receive(socket_.handle_.get(), buffer, blocks ? blocking : os::BlockUntil::nothing);
        });
    }

    [[nodiscard]] Error error_of(IoResult result, Operation operation) const {
        return socket_.error_of(result, operation);
    }
    [[nodiscard]] Error with_source(Error error) const { return socket_.with_source(std::move(error)); }
    [[nodiscard]] Desynchronised& desynchronised() const noexcept { return socket_.desynchronised_; }

private:
    Socket& socket_;
};
}  // namespace detail

inline Result<Socket> Socket::try_adopt(Handle handle, std::string_view context) {
    auto local = detail::os::local_address(handle);
    if (!local) return std::move(local).error().with_context(context, "handle " + std::to_string(handle));
    const auto remote = detail::os::remote_address(handle);  // a listener has none
    Socket socket(detail::os::UniqueHandle(), context, detail::to_endpoint(*local).unmapped(),
                  remote ? detail::to_endpoint(*remote).unmapped() : Endpoint{}, detail::WaitPolicy());
    // Last, since all of the above may throw std::bad_alloc.
    detail::os::adopted(handle);
    socket.take(handle);
    return socket;
}

inline Result<Socket> Socket::try_accept(Timeout timeout) {
    using detail::IoResult;
    Deadline deadline(timeout);
    policy().bind_to_scope(deadline);
    // A connection that ends between poll and accept must not leave accept blocked beyond the deadline.
    if (!policy().blocks_within(deadline))
        if (auto set = detail::os::set_non_blocking(native_handle(), true); !set)
            return with_source(Error(set.error().code(), Operation::accept));
    for (int passed_over = 0;;) {
        if (const IoResult stop = policy().stop_error(deadline); !stop) return error_of(stop, Operation::accept);
        detail::os::Address peer{};
        auto handle = detail::os::accept(native_handle(), peer);
        if (handle) return accepted(detail::os::UniqueHandle(*handle), detail::to_endpoint(peer).unmapped());
        if (handle.error().would_block()) {
            const IoResult ready = wait(detail::os::Direction::receive, deadline);
            if (!ready) return error_of(ready, Operation::accept);
        } else if (!detail::is_per_connection(handle.error().code()) || ++passed_over == max_passed_over) {
            return with_source(std::move(handle).error());
        } else if (deadline.expired()) {
            return error_of(IoResult::deadline_exceeded, Operation::accept);
        }
    }
}

inline Socket Socket::accepted(detail::os::UniqueHandle handle, const Endpoint& peer) const {
    // Bound to one address, a listener's connections have that address; bound to all, the system must be asked.
    const Endpoint here = local_endpoint();
    const bool known = !here.is_unspecified() && here.family() != Family::none;
    const Endpoint local = known ? here : detail::local_endpoint_of(handle.get());
    Socket socket(std::move(handle), context(), local, peer, policy());
    detail::log(LogLevel::debug, context(), [&] { return "accepted " + peer.to_string(); });
    return socket;
}

inline Result<std::size_t> Socket::try_send_some(ByteView bytes) {
    const detail::StreamIo<Socket> io(*this);
    Deadline deadline = io.send_deadline();
    const detail::IoResult sent = io.send_after(io.send_now(bytes), {bytes}, deadline);
    return moved_bytes(sent, Operation::send);
}

inline Result<std::size_t> Socket::try_send_some(ByteView first, ByteView second, Deadline& deadline) {
    const detail::StreamIo<Socket> io(*this);
    const detail::IoResult sent = io.send_after(detail::IoResult::interrupted, {first, &second, 1}, deadline);
    return moved_bytes(sent, Operation::send);
}

inline Result<std::size_t> Socket::try_recv_some(const std::span<std::byte> buffer) {
    // The system's answer would look like the end of the stream.
    if (buffer.empty()) return with_source(detail::invalid_argument(Operation::receive, "the buffer is empty"));
    if (desynchronised_.receiving == detail::Receiving::by_channel)
        return with_source(detail::receive_refused(desynchronised_.receiving));
    const detail::StreamIo<Socket> io(*this);
    Deadline deadline = io.recv_deadline();
    const detail::IoResult got = io.recv_after(io.recv_now(buffer, false), buffer, false, deadline);
    return moved_bytes(got, Operation::receive);
}

inline Result<std::size_t> Socket::try_recv_some(const std::span<std::byte> buffer, Deadline& deadline, bool whole) {
    const detail::StreamIo<Socket> io(*this);
    const detail::IoResult got = io.recv_after(detail::IoResult::interrupted, buffer, whole, deadline);
    return moved_bytes(got, Operation::receive);
}
}  // namespace sockboot::inline v0_2
