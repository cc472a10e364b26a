// SPDX-License-Identifier: MIT
// Socket: one handle of the system, owned, with its name, its addresses and its timeout.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "byte_view.hpp"
#include "canceller.hpp"
#include "detail/os.hpp"
#include "detail/setup.hpp"
#include "detail/shared.hpp"
#include "endpoint.hpp"
#include "log.hpp"
#include "options.hpp"
#include "timeout.hpp"

namespace sockboot {

namespace detail {

/// What a socket knows about itself and lends to its errors.
class SocketSubject final : public Subject {
public:
    SocketSubject(std::string_view context, const Endpoint& local, const Endpoint& remote)
        : Subject(context), local_(local), remote_(remote) {}

    /// The peer, where there is one with a name; else this end.
    [[nodiscard]] std::string endpoint() const override {
        const bool named = remote_.family() != Family::none && remote_.address().size != 0;
        return (named ? remote_ : local_).to_string();
    }
    [[nodiscard]] const Endpoint& local() const noexcept { return local_; }
    [[nodiscard]] const Endpoint& remote() const noexcept { return remote_; }

private:
    Endpoint local_, remote_;
};

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
class Socket {
public:
    Socket() noexcept = default;
    Socket(Socket&& other) noexcept
        : handle_(std::move(other.handle_)),
          timeout_(other.timeout_),
          canceller_(std::move(other.canceller_)),
          subject_(std::move(other.subject_)),
          desynchronised_(other.desynchronised_) {}
    Socket& operator=(Socket&& other) noexcept = default;
    ~Socket() = default;

    /// Takes over a handle from elsewhere: inherited, from another library, or from release().
    /// Its options are left as they are, but for SIGPIPE, which it never raises. Errors: not a socket.
    [[nodiscard]] static Socket adopt(detail::os::Handle handle, std::string_view context = {}) {
        return try_adopt(handle, context).value();
    }
    [[nodiscard]] static Result<Socket> try_adopt(detail::os::Handle handle, std::string_view context = {});

    // --- identity ---

    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(handle_); }
    explicit operator bool() const noexcept { return is_open(); }

    /// The descriptor, still owned by the Socket; -1 when closed.
    [[nodiscard]] detail::os::Handle native_handle() const noexcept { return handle_.get(); }

    /// Gives the descriptor away: the caller closes it.
    [[nodiscard]] detail::os::Handle release() noexcept { return handle_.release(); }

    /// The name given at creation; it stays after close(), for the errors that follow.
    [[nodiscard]] std::string_view context() const noexcept {
        return subject_ ? subject_->context() : std::string_view{};
    }

    /// The addresses of both ends, as they were when the socket was made; IPv4 peers of a dual-stack server as IPv4.
    [[nodiscard]] Endpoint local_endpoint() const noexcept { return subject_ ? subject_->local() : Endpoint{}; }
    [[nodiscard]] Endpoint remote_endpoint() const noexcept { return subject_ ? subject_->remote() : Endpoint{}; }
    [[nodiscard]] Family family() const noexcept { return local_endpoint().family(); }

    // --- time ---

    /// How long each later call may take. Default: for ever. Zero: try once.
    void set_timeout(Timeout timeout) noexcept { timeout_ = timeout; }
    [[nodiscard]] Timeout timeout() const noexcept { return timeout_; }

    /// What ends blocked calls on this socket from elsewhere; Canceller::none() by default.
    void set_canceller(Canceller canceller) noexcept { canceller_ = std::move(canceller); }

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
    [[nodiscard]] Result<Socket> try_accept() { return try_accept(timeout_); }
    [[nodiscard]] Result<Socket> try_accept(Timeout timeout);

    // --- bytes ---

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
    std::size_t recv_some(std::span<std::byte> buffer) { return try_recv_some(buffer).value(); }
    Result<std::size_t> try_recv_some(std::span<std::byte> buffer);

    /// One step of a longer transfer: `first` and then `second` in one system call, within the deadline of the whole.
    Result<std::size_t> try_send_some(ByteView first, ByteView second, Deadline& deadline);

    /// The same for receiving. `whole`: better wait for the buffer to be full, where waiting is free.
    Result<std::size_t> try_recv_some(std::span<std::byte> buffer, Deadline& deadline, bool whole = false);

    // --- the end ---

    /// Says "no more from me": the peer receives what was sent and then the end of the stream; receiving goes on.
    /// Shutting down twice, or after the peer has gone, is no error.
    void shutdown_send() { try_shutdown_send().value(); }
    Result<void> try_shutdown_send() { return shut_down(detail::os::Direction::send); }

    /// Ends receiving here; the peer is not told.
    void shutdown_receive() { try_shutdown_receive().value(); }
    Result<void> try_shutdown_receive() { return shut_down(detail::os::Direction::receive); }

    /// Closes the descriptor; a second time it does nothing. No other thread may be in a call on this socket.
    void close() noexcept { handle_.reset(); }

    /// Closes at once and resets the connection: what was not sent is lost, and the peer is told so (RST).
    void abort() noexcept {
        if (is_open()) static_cast<void>(detail::os::set_linger(handle_.get(), 0));  // best effort: close all the same
        close();
    }

    // --- options ---

    /// Whether small writes go out at once (TCP_NODELAY; on by default).
    void set_no_delay(bool on) { try_set_no_delay(on).value(); }
    Result<void> try_set_no_delay(bool on) { return set(detail::os::Option::no_delay, on ? 1 : 0); }

    /// When a silent peer is probed and given up; an idle time of zero: never.
    /// Errors: std::errc::invalid_argument for what no system can be told, before anything is changed.
    void set_keep_alive(const KeepAlive& keep_alive) { try_set_keep_alive(keep_alive).value(); }
    Result<void> try_set_keep_alive(const KeepAlive& keep_alive);

    /// How long close() waits for unsent data. Zero: close() resets the connection; below zero: the system's default,
    /// which is to send it in the background.
    void set_linger(std::chrono::seconds linger) { try_set_linger(linger).value(); }
    Result<void> try_set_linger(std::chrono::seconds linger);

    /// The kernel's buffers, in bytes; the system may round (Linux doubles).
    void set_send_buffer(int bytes) { try_set_send_buffer(bytes).value(); }
    Result<void> try_set_send_buffer(int bytes) { return set(detail::os::Option::send_buffer, bytes); }
    void set_receive_buffer(int bytes) { try_set_receive_buffer(bytes).value(); }
    Result<void> try_set_receive_buffer(int bytes) { return set(detail::os::Option::receive_buffer, bytes); }

    /// Puts the descriptor itself into non-blocking mode, for the event loop that it is handed to. The calls of this
    /// class do not change: whether they wait is what the timeout says.
    void set_non_blocking(bool on) { try_set_non_blocking(on).value(); }
    Result<void> try_set_non_blocking(bool on);

    /// Any other option, by the constants of setsockopt(2): set_option(SOL_SOCKET, SO_MARK, 7).
    template <class T>
        requires std::is_trivially_copyable_v<T>
    void set_option(int level, int name, const T& value) {
        try_set_option(level, name, value).value();
    }
    template <class T>
        requires std::is_trivially_copyable_v<T>
    Result<void> try_set_option(int level, int name, const T& value) {
        return checked(detail::os::set_raw_option(handle_.get(), level, name, ByteView::of(value)));
    }

    /// get_option<int>(SOL_SOCKET, SO_RCVBUF).
    template <class T>
        requires std::is_trivially_copyable_v<T>
    [[nodiscard]] T get_option(int level, int name) const {
        return try_get_option<T>(level, name).value();
    }
    template <class T>
        requires std::is_trivially_copyable_v<T>
    [[nodiscard]] Result<T> try_get_option(int level, int name) const {
        T value{};
        auto got = detail::os::get_raw_option(handle_.get(), level, name,
                                              {reinterpret_cast<std::byte*>(&value), sizeof value});
        if (!got) return about(std::move(got).error());
        return value;
    }

    /// For the layers above: where an earlier failure left this stream inside a message.
    [[nodiscard]] detail::Desynchronised& desynchronised() noexcept { return desynchronised_; }

    /// For the layers above: an error of theirs with this socket's context and endpoint in it.
    [[nodiscard]] Error about(Error error) const;

    /// For those who make sockets: takes over a handle whose addresses are known.
    Socket(detail::os::Owned handle, std::string_view context, const Endpoint& local, const Endpoint& remote,
           Timeout timeout, Canceller canceller)
        : handle_(std::move(handle)),
          timeout_(timeout),
          canceller_(std::move(canceller)),
          subject_(new detail::SocketSubject(context, local, remote)) {}

private:
    Result<void> checked(Result<void> result) const {
        if (!result) return about(std::move(result).error());
        return result;
    }
    Result<void> set(detail::os::Option option, int value) {
        return checked(detail::os::set_option(handle_.get(), option, value));
    }
    Result<void> shut_down(detail::os::Direction direction);
    Result<void> wait_for(detail::os::Watched socket, Operation operation, Deadline& deadline) const;

    /// Whether a call may block in the system, where only the kernel could wake it.
    [[nodiscard]] bool may_block(const Deadline& deadline) const noexcept {
        return deadline.is_forever() && !canceller_;
    }

    /// Whether a call is over before it has begun: cancelled, or out of time.
    [[nodiscard]] bool is_stopped(const Deadline& deadline) const noexcept {
        return canceller_.is_cancelled() || deadline.is_over_already();
    }
    [[nodiscard]] Error stopped(Operation operation) const {
        return about(Error(canceller_.is_cancelled() ? Errc::cancelled : Errc::deadline_exceeded, operation));
    }
    Socket accepted(detail::os::Owned handle, const Endpoint& peer) const;

    /// Dead connections in a row that accept() passes over, until it takes their error for the listener's own.
    static constexpr int most_passed_over = 64;

    detail::os::Owned handle_;
    Timeout timeout_;
    Canceller canceller_ = Canceller::none();
    detail::Shared<const detail::SocketSubject> subject_;
    detail::Desynchronised desynchronised_;
};
static_assert(sizeof(Socket) <= 80);

inline Error Socket::about(Error error) const {
    // The system has only "bad file descriptor" to say about a handle that is not there.
    if (!is_open()) error = Error(Errc::closed, error.kind()).with_note("this Socket was closed or moved from");
    return subject_ ? std::move(error).about(subject_) : error;
}

inline Result<Socket> Socket::try_adopt(detail::os::Handle handle, std::string_view context) {
    auto local = detail::os::local_address(handle);
    if (!local) return std::move(local).error().about(context, "handle " + std::to_string(handle));
    const auto remote = detail::os::remote_address(handle);  // a listener has none
    detail::os::silence_sigpipe(handle);
    return Socket(detail::os::Owned(handle), context, Endpoint(*local).unmapped(),
                  remote ? Endpoint(*remote).unmapped() : Endpoint{}, Timeout{}, Canceller::none());
}

inline Result<void> Socket::wait_for(detail::os::Watched socket, Operation operation, Deadline& deadline) const {
    // Readiness that the next call does not find must not go on for ever.
    if (deadline.expired()) return about(Error(Errc::deadline_exceeded, operation));
    detail::os::Watched watched[] = {socket, canceller_.ear()};
    auto ready = detail::os::wait_any(watched, 2, deadline);
    if (!ready) return about(Error(ready.error().code(), operation));
    if (watched[1].ready()) return about(Error(Errc::cancelled, operation));
    return ready;
}

inline Result<Socket> Socket::try_accept(Timeout timeout) {
    Deadline deadline(timeout);
    // A connection that dies between poll and accept must not leave accept waiting beyond the deadline.
    if (!may_block(deadline))
        if (auto set = detail::os::set_non_blocking(handle_.get(), true); !set)
            return about(Error(set.error().code(), Operation::accept));
    for (int passed_over = 0;;) {
        if (is_stopped(deadline)) return stopped(Operation::accept);
        detail::os::Address peer;
        auto handle = detail::os::accept(handle_.get(), peer);
        if (handle) return accepted(detail::os::Owned(*handle), Endpoint(peer).unmapped());
        if (handle.error().would_block()) {
            const auto listener = detail::os::Watched::readable(handle_.get());
            if (auto ready = wait_for(listener, Operation::accept, deadline); !ready) return std::move(ready).error();
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
    Socket socket(std::move(handle), context(), local, peer, timeout_, canceller_);
    detail::log(LogLevel::debug, context(), [&] { return "accepted " + peer.to_string(); });
    return socket;
}

inline Result<std::size_t> Socket::try_send_some(ByteView bytes) {
    Deadline deadline(timeout_);
    return try_send_some(bytes, {}, deadline);
}

inline Result<std::size_t> Socket::try_send_some(ByteView first, ByteView second, Deadline& deadline) {
    const auto wait = may_block(deadline) ? detail::os::Wait::some : detail::os::Wait::no;
    for (;;) {
        if (is_stopped(deadline)) [[unlikely]]
            return stopped(Operation::send);
        auto sent = detail::os::send(handle_.get(), first, second, wait);
        if (sent) [[likely]]
            return sent;
        if (!sent.error().would_block()) return about(std::move(sent).error());
        const auto self = detail::os::Watched::writable(handle_.get());
        if (auto ready = wait_for(self, Operation::send, deadline); !ready) return std::move(ready).error();
    }
}

inline Result<std::size_t> Socket::try_recv_some(std::span<std::byte> buffer) {
    Deadline deadline(timeout_);
    return try_recv_some(buffer, deadline);
}

inline Result<std::size_t> Socket::try_recv_some(std::span<std::byte> buffer, Deadline& deadline, bool whole) {
    if (buffer.empty()) [[unlikely]]
        return about(
            Error(make_error_code(std::errc::invalid_argument), Operation::receive).with_note("the buffer is empty"));
    using detail::os::Wait;
    const Wait wait = !may_block(deadline) ? Wait::no : whole ? Wait::all : Wait::some;
    for (;;) {
        if (is_stopped(deadline)) [[unlikely]]
            return stopped(Operation::receive);
        auto got = detail::os::receive(handle_.get(), buffer, wait);
        if (got) [[likely]]
            return got;
        if (!got.error().would_block()) return about(std::move(got).error());
        const auto self = detail::os::Watched::readable(handle_.get());
        if (auto ready = wait_for(self, Operation::receive, deadline); !ready) return std::move(ready).error();
    }
}

inline Result<void> Socket::shut_down(detail::os::Direction direction) {
    auto done = detail::os::shutdown(handle_.get(), direction);
    if (done || (is_open() && done.error().code() == std::errc::not_connected)) return {};
    return about(std::move(done).error());
}

inline Result<void> Socket::try_set_keep_alive(const KeepAlive& keep_alive) {
    if (auto possible = detail::check(keep_alive); !possible) return checked(std::move(possible));
    auto set = detail::set_keep_alive(handle_.get(), keep_alive);
    const bool back_to_default = keep_alive.user_timeout.count() == 0;
    if (set && back_to_default && detail::os::supports(detail::os::Option::user_timeout))
        set = detail::os::set_option(handle_.get(), detail::os::Option::user_timeout, 0);
    return checked(std::move(set));
}

inline Result<void> Socket::try_set_linger(std::chrono::seconds linger) {
    if (linger.count() > 32767)
        return about(Error(make_error_code(std::errc::invalid_argument), Operation::configure)
                         .with_note("linger: 32767 s at most"));
    return checked(detail::os::set_linger(handle_.get(), linger.count() < 0 ? -1 : static_cast<int>(linger.count())));
}

inline Result<void> Socket::try_set_non_blocking(bool on) {
    return checked(detail::os::set_non_blocking(handle_.get(), on));
}

}  // namespace sockboot
