// SPDX-License-Identifier: MIT
// SocketBase: what every socket has, whatever it is for: one owned handle, a name, its addresses and its options.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "byte_view.hpp"
#include "detail/os.hpp"
#include "detail/setup.hpp"
#include "detail/shared.hpp"
#include "endpoint.hpp"
#include "options.hpp"

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

}  // namespace detail

/// One handle of the system that closes itself, with its name, its addresses and its options.
///
/// The base of Socket, and never made alone.
/// Threads: reading what it is: any. Options, close() and moves need it alone.
class SocketBase {
public:
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
        auto got = detail::os::get_raw_option(handle_.get(), level, name, &value, sizeof value);
        if (!got) return about(std::move(got).error());
        return value;
    }

    /// For the layers above: an error of theirs with this socket's context and endpoint in it.
    [[nodiscard]] Error about(Error error) const;

protected:
    SocketBase() noexcept = default;
    SocketBase(detail::os::Owned handle, std::string_view context, const Endpoint& local, const Endpoint& remote)
        : handle_(std::move(handle)), subject_(new detail::SocketSubject(context, local, remote)) {}
    SocketBase(SocketBase&&) noexcept = default;
    SocketBase& operator=(SocketBase&&) noexcept = default;
    ~SocketBase() = default;

    Result<void> checked(Result<void> result) const {
        if (!result) return about(std::move(result).error());
        return result;
    }
    Result<void> set(detail::os::Option option, int value) {
        return checked(detail::os::set_option(handle_.get(), option, value));
    }

private:
    detail::os::Owned handle_;
    detail::Shared<const detail::SocketSubject> subject_;
};

inline Error SocketBase::about(Error error) const {
    // The system has only "bad file descriptor" to say about a handle that is not there.
    if (!is_open()) error = Error(Errc::closed, error.kind()).with_note("this Socket was closed or moved from");
    return subject_ ? std::move(error).about(subject_) : error;
}

inline Result<void> SocketBase::try_set_keep_alive(const KeepAlive& keep_alive) {
    if (auto possible = detail::check(keep_alive); !possible) return checked(std::move(possible));
    auto set = detail::set_keep_alive(handle_.get(), keep_alive);
    const bool back_to_default = keep_alive.user_timeout.count() == 0;
    if (set && back_to_default && detail::os::supports(detail::os::Option::user_timeout))
        set = detail::os::set_option(handle_.get(), detail::os::Option::user_timeout, 0);
    return checked(std::move(set));
}

inline Result<void> SocketBase::try_set_linger(std::chrono::seconds linger) {
    if (linger.count() > 32767) return about(detail::invalid(Operation::configure, "linger: 32767 s at most"));
    return checked(detail::os::set_linger(handle_.get(), linger.count() < 0 ? -1 : static_cast<int>(linger.count())));
}

inline Result<void> SocketBase::try_set_non_blocking(bool on) {
    return checked(detail::os::set_non_blocking(handle_.get(), on));
}

}  // namespace sockboot
