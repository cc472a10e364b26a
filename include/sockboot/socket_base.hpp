// SPDX-License-Identifier: MIT
// SocketBase: what every socket has, whatever it is for: one owned handle, a name, its addresses, its options, and the
// way in which its calls wait.
#pragma once

#include <type_traits>
#include "byte_view.hpp"
#include "canceller.hpp"
#include "detail/os.hpp"
#include "detail/shared.hpp"
#include "detail/socket_options.hpp"
#include "detail/stream_io.hpp"
#include "detail/wait_policy.hpp"
#include "endpoint.hpp"
#include "options.hpp"
#include "result.hpp"
#include "timeout.hpp"

namespace sockboot::inline v0_2 {
/// A socket of the operating system: a descriptor on POSIX systems.
using Handle = detail::os::Handle;

namespace detail {
/// Who a socket is: what it shares with its errors.
class SocketIdentity final : public ErrorSource {
public:
    SocketIdentity(std::string_view context, const Endpoint& local, const Endpoint& remote)
        : ErrorSource(context), local_(local), remote_(remote) {}
    /// The peer, where there is one with a name; else this end.
    [[nodiscard]] std::string endpoint() const override {
        const bool named = remote_.family() != Family::none && to_address(remote_).size != 0;
        return (named ? remote_ : local_).to_string();
    }
    [[nodiscard]] const Endpoint& local() const noexcept { return local_; }
    [[nodiscard]] const Endpoint& remote() const noexcept { return remote_; }

private:
    Endpoint local_, remote_;
};
}  // namespace detail

/// One deadline over several calls, for a dialogue such as type byte, message, reply. Made by within(), of a socket or
/// of a channel; at the end of its own scope what held before holds again.
///
/// Every call in between ends when the time is up, also one that would find its bytes there, and when its own timeout
/// is up. Of nested ones the shorter holds. A time of zero or less is up at once. A socket that is moved meanwhile
/// leaves the deadline behind.
/// Threads: as an option of the socket: no other thread in a call on it when one is made or ends.
class [[nodiscard]] DeadlineScope {
public:
    DeadlineScope(const DeadlineScope&) = delete;
    DeadlineScope& operator=(const DeadlineScope&) = delete;
    ~DeadlineScope() { policy_.set_scope_end(before_); }

private:
    friend class SocketBase;

    DeadlineScope(detail::WaitPolicy& policy, Timeout timeout) noexcept : policy_(policy), before_(policy.scope_end()) {
        const auto end = Deadline::started(timeout).expiry();
        policy_.set_scope_end(end < before_ ? end : before_);
    }
    detail::WaitPolicy& policy_;  ///< of the socket, which outlives this
    const Deadline::time_point before_;
};

/// One handle of the system that closes itself, with its name, its addresses and its options.
///
/// The base of Socket, and never made alone.
/// Threads: reading what it is: any. Options, close() and moves: no other thread in a call on it.
class SocketBase {
public:
    // --- identity ---
    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(handle_); }
    explicit operator bool() const noexcept { return is_open(); }
    /// The descriptor, still owned by the Socket; -1 when closed.
    [[nodiscard]] Handle native_handle() const noexcept { return handle_.get(); }
    /// Gives the descriptor away: the caller closes it.
    [[nodiscard]] Handle release() noexcept { return handle_.release(); }
    /// The name given at creation; it stays after close(), for the errors that follow.
    [[nodiscard]] std::string_view context() const noexcept {
        return identity_ ? identity_->context() : std::string_view{};
    }
    /// The addresses of both ends, as they were when the socket was made; IPv4 peers of a dual-stack server as IPv4.
    [[nodiscard]] Endpoint local_endpoint() const noexcept { return identity_ ? identity_->local() : Endpoint{}; }
    [[nodiscard]] Endpoint remote_endpoint() const noexcept { return identity_ ? identity_->remote() : Endpoint{}; }
    [[nodiscard]] Family family() const noexcept { return local_endpoint().family(); }
    /// Closes the descriptor; a second time it does nothing. No other thread may be in a call on this socket.
    void close() noexcept { handle_.reset(); }
    /// Closes at once and resets the connection: what was not sent is lost, and the peer is told so (RST).
    void abort() noexcept {
        if (is_open()) static_cast<void>(detail::os::set_linger(handle_.get(), 0));  // best effort: close all the same
        close();
    }

    // --- time ---
    /// How long each later call may take, in both directions. Default: for ever. Zero: try once.
    /// A call that is under way keeps the time it began with: a Canceller is what ends that.
    void set_timeout(Timeout timeout) noexcept { set_receive_timeout(timeout), set_send_timeout(timeout); }
    /// The same for what receives, accept() among it, and for what sends: they wait for different things. Threads: the
    /// one that receives may set its own while another one sends, and the other way round.
    void set_receive_timeout(Timeout timeout) noexcept { policy_.set_receive_timeout(timeout); }
    void set_send_timeout(Timeout timeout) noexcept { policy_.set_send_timeout(timeout); }
    /// What receives may take; where one was set for both directions, what sends too.
    [[nodiscard]] Timeout timeout() const noexcept { return receive_timeout(); }
    [[nodiscard]] Timeout receive_timeout() const noexcept { return policy_.receive_timeout(); }
    [[nodiscard]] Timeout send_timeout() const noexcept { return policy_.send_timeout(); }
    /// One deadline over every call on this socket until the end of the scope: auto whole = socket.within(2s);
    [[nodiscard]] DeadlineScope within(Timeout timeout) noexcept;
    /// What ends blocked calls on this socket from elsewhere; Canceller::none() by default.
    void set_canceller(Canceller canceller) noexcept { policy_.set_canceller(std::move(canceller)); }
    /// How long a call that finds nothing to send or receive busy-polls before it blocks. Default: zero. To wake an
    /// idle core takes longer than most answers: busy-polling saves that, at the price of a busy core.
    /// Errors: std::errc::invalid_argument for a time below zero.
    void set_spin(std::chrono::microseconds spin) { try_set_spin(spin).value(); }
    Result<void> try_set_spin(std::chrono::microseconds spin) {
        if (spin.count() < 0) return with_source(detail::invalid_argument(Operation::configure, detail::negative_spin));
        policy_.set_spin(spin);
        return {};
    }
    [[nodiscard]] std::chrono::microseconds spin() const noexcept { return policy_.spin(); }

    // --- options ---
    /// Whether small writes go out at once (TCP_NODELAY; on by default).
    void set_no_delay(bool on) { try_set_no_delay(on).value(); }
    Result<void> try_set_no_delay(bool on) { return set(detail::os::Option::no_delay, on ? 1 : 0); }
    /// When a silent peer is probed and given up; an idle time of zero: never.
    /// Errors: std::errc::invalid_argument for what no system can be told, before anything is changed.
    void set_keep_alive(const KeepAlive& keep_alive) { try_set_keep_alive(keep_alive).value(); }
    Result<void> try_set_keep_alive(const KeepAlive& keep_alive) {
        if (auto possible = detail::check(keep_alive); !possible) return checked(std::move(possible));
        auto set = detail::set_keep_alive(handle_.get(), keep_alive);
        const bool back_to_default = keep_alive.user_timeout.count() == 0;
        if (set && back_to_default && detail::os::supports(detail::os::Option::user_timeout))
            set = detail::os::set_option(handle_.get(), detail::os::Option::user_timeout, 0);
        return checked(std::move(set));
    }
    /// How long close() waits for unsent data. Zero: close() resets the connection; below zero: the system's default,
    /// which is to send it in the background.
    void set_linger(std::chrono::seconds linger) { try_set_linger(linger).value(); }
    Result<void> try_set_linger(std::chrono::seconds linger) {
        if (linger.count() > 32767)
            return with_source(detail::invalid_argument(Operation::configure, "linger: 32767 s at most"));
        return checked(
            detail::os::set_linger(handle_.get(), linger.count() < 0 ? -1 : static_cast<int>(linger.count())));
    }
    /// The kernel's buffers, in bytes; the system may round (Linux doubles).
    void set_send_buffer(int bytes) { try_set_send_buffer(bytes).value(); }
    Result<void> try_set_send_buffer(int bytes) { return set(detail::os::Option::send_buffer, bytes); }
    void set_receive_buffer(int bytes) { try_set_receive_buffer(bytes).value(); }
    Result<void> try_set_receive_buffer(int bytes) { return set(detail::os::Option::receive_buffer, bytes); }
    /// Puts the descriptor itself into non-blocking mode, for the event loop that it is handed to. The calls of this
    /// class do not change: whether they wait is what the timeout says.
    void set_non_blocking(bool on) { try_set_non_blocking(on).value(); }
    Result<void> try_set_non_blocking(bool on) { return checked(detail::os::set_non_blocking(handle_.get(), on)); }
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
        auto got = detail::os::get_raw_option(handle_.get(), level, name, &value, sizeof value);
        if (!got) return with_source(std::move(got).error());
        return value;
    }
    /// For a stream that is built on this socket: an error of its own, with this socket's context and endpoint.
    [[nodiscard]] Error with_source(Error error) const {
        // The system has only "bad file descriptor" to say about a handle that is not there. What is wrong with the
        // arguments comes first.
        const bool by_argument = error.code() == make_error_code(std::errc::invalid_argument) ||
                                 (error.code() == Errc::message_too_large && error.operation() == Operation::send);
        if (!is_open() && !by_argument)
            error = Error(Errc::closed, error.operation()).with_note("this Socket was closed or moved from");
        return detail::with_source(std::move(error), identity_);
    }

protected:
    SocketBase() noexcept = default;
    SocketBase(detail::os::UniqueHandle handle, std::string_view context, const Endpoint& local, const Endpoint& remote,
               detail::WaitPolicy policy)
        : handle_(std::move(handle)),
          identity_(new detail::SocketIdentity(context, local, remote)),
          policy_(std::move(policy)) {}
    SocketBase(SocketBase&&) noexcept = default;
    SocketBase& operator=(SocketBase&&) noexcept = default;
    ~SocketBase() = default;

    /// Becomes the owner of a handle, where it has none.
    void take(Handle handle) noexcept { handle_.reset(handle); }
    [[nodiscard]] const detail::WaitPolicy& policy() const noexcept { return policy_; }
    /// Waits until the socket is ready in one direction, the deadline has come or its canceller is called.
    [[nodiscard]] detail::IoResult wait(detail::os::Direction direction, Deadline& deadline) const noexcept {
        using detail::os::PollEntry;
        const Handle handle = handle_.get();
        const bool sends = direction == detail::os::Direction::send;
        return policy_.wait(sends ? PollEntry::writable(handle) : PollEntry::readable(handle), deadline);
    }
    /// After a try of `step` that came to `tried`: waits and tries again, until it moves something or never will. The
    /// step is told whether it may block: not behind a wait, which has said that there is something for it.
    template <class Step>
    [[nodiscard]] detail::IoResult retry(detail::IoResult tried, detail::os::Direction direction, Deadline& deadline,
                                         const Step& step) const noexcept {
        using detail::IoResult;
        if (policy_.is_in_scope_or_spins) [[unlikely]]
            tried = policy_.busy_poll(tried, deadline, Step(step));  // a copy, so that the step may stay in registers
        for (bool blocks = false;; tried = step(blocks)) {
            const bool waits = tried.is(IoResult::would_block);
            if (!waits && !tried.is(IoResult::interrupted)) return tried;
            const IoResult ready = waits ? wait(direction, deadline) : policy_.stop_error(deadline);
            if (!ready) return ready;
            blocks = !waits && policy_.blocks_within(deadline);
        }
    }

    [[nodiscard]] Error error_of(detail::IoResult result, Operation operation) const {
        return with_source(Error(result.code(), operation));
    }
    Result<void> checked(Result<void> result) const {
        if (!result) return with_source(std::move(result).error());
        return result;
    }
    Result<void> set(detail::os::Option option, int value) {
        return checked(detail::os::set_option(handle_.get(), option, value));
    }

private:
    template <class S> friend class detail::StreamIo;

    detail::os::UniqueHandle handle_;
    detail::Shared<detail::SocketIdentity> identity_;
    detail::WaitPolicy policy_;
};

inline DeadlineScope SocketBase::within(Timeout timeout) noexcept { return {policy_, timeout}; }
}  // namespace sockboot::inline v0_2
