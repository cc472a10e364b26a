// SPDX-License-Identifier: MIT
// The types of the contract that are the same on every system.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include "../../byte_view.hpp"
#include "../../errc.hpp"

namespace sockboot::inline v0_2::detail::os {
/// The kind of an address; `none` belongs to one that is not set.
enum class Family : std::uint8_t { none, ipv4, ipv6, unix_domain };

/// What a socket carries: a stream of bytes, or datagrams.
enum class Type : std::uint8_t { stream, datagram };

/// The mode that a socket is made in.
enum class Mode : bool { blocking, non_blocking };

enum class Direction : std::uint8_t { receive, send, both };

/// What a connection attempt has come to. queue_full: nothing was started, since the queue of the Unix server is full
/// (EAGAIN); start_connect() is to be called again later.
enum class ConnectState : std::uint8_t { in_progress, done, queue_full };

/// Options that are one number. supports(option), asked at run time, tells whether this system has it.
enum class Option : std::uint8_t {
    reuse_port,
    ipv6_only,
    no_delay,
    send_buffer,
    receive_buffer,
    keep_alive,
    keep_alive_idle,
    keep_alive_interval,
    keep_alive_probes,
    user_timeout,
    bind_without_port,
};

/// An address without the system's types; the system files turn it into a sockaddr and back. Made with {}, it
/// stands for none.
struct Address {
    Family family;
    std::uint8_t size;    ///< bytes in use: 4, 16, or the length of a Unix path (an abstract one starts with NUL)
    std::uint16_t port;   ///< in the host's byte order
    std::uint32_t scope;  ///< the interface of a link-local IPv6 address
    std::array<char, 108> bytes;
};

/// Bytes that lie in several places and are sent as one: `front`, and the `count` of `rest` without their first
/// `skipped` bytes. (No std::span: one of ByteViews costs as much to compile as all of the system's headers.)
struct Pieces {
    ByteView front;
    const ByteView* rest = nullptr;
    std::size_t count = 0, skipped = 0;

    /// Passes over the first `bytes` of them, which were sent.
    void advance(std::size_t bytes) noexcept {
        const std::size_t of_front = bytes < front.size() ? bytes : front.size();
        front = front.subspan(of_front);
        skipped += bytes - of_front;
        for (; count != 0 && skipped >= rest->size(); ++rest, --count) skipped -= rest->size();
    }

    /// Calls take(bytes) for each piece that has any, until it returns false.
    template <class Take> void for_each(const Take& take) const noexcept {
        if (!front.empty() && !take(front)) return;
        std::size_t left_out = skipped;
        for (const ByteView* each = rest; each != rest + count; ++each) {
            const ByteView piece = *each;
            const std::size_t begin = left_out < piece.size() ? left_out : piece.size();
            left_out -= begin;
            if (begin != piece.size() && !take(piece.subspan(begin))) return;
        }
    }
    [[nodiscard]] std::size_t size() const noexcept {
        std::size_t sum = 0;
        for_each([&](ByteView piece) { return sum += piece.size(), true; });
        return sum;
    }
};

/// Who sent a datagram, and whether it was larger than the buffer.
struct DatagramHeader {
    Address from{};
    bool truncated = false;
};

/// The code of a number of this system, which compares equal to the std::errc that it stands for.
inline std::error_code to_error_code(int number) noexcept;

/// What one step of I/O came to, in one register: so many bytes, or why it moved none.
class IoResult {
public:
    /// Reasons that are no number of the system.
    enum Reason : int {
        would_block = 1 << 20,  ///< there is no room, or nothing to receive
        interrupted,            ///< by a signal, or not tried yet: the step is to be made (again) at once
        deadline_exceeded,      ///< the deadline of the whole has come
        cancelled,              ///< Canceller::cancel() was called
        reported,               ///< a stream of the user's own failed; whoever called it has its Error
    };

    constexpr IoResult(Reason reason) noexcept : value_(-std::ptrdiff_t{reason}) {}
    [[nodiscard]] static constexpr IoResult moved(std::size_t bytes) noexcept { return IoResult(bytes); }
    /// `number`: the system's, above zero.
    [[nodiscard]] static constexpr IoResult failed(int number) noexcept { return static_cast<Reason>(number); }

    explicit constexpr operator bool() const noexcept { return value_ >= 0; }
    [[nodiscard]] constexpr std::size_t bytes() const noexcept { return static_cast<std::size_t>(value_); }
    [[nodiscard]] constexpr bool any() const noexcept { return value_ > 0; }
    [[nodiscard]] constexpr bool all(std::size_t wanted) const noexcept { return bytes() == wanted; }

    [[nodiscard]] constexpr bool is(Reason reason) const noexcept { return value_ == -std::ptrdiff_t{reason}; }
    /// The system's number of a failure, else 0.
    [[nodiscard]] constexpr int number() const noexcept {
        return value_ < 0 && value_ > -std::ptrdiff_t{would_block} ? static_cast<int>(-value_) : 0;
    }
    [[nodiscard]] std::error_code code() const noexcept {
        if (is(would_block)) return make_error_code(std::errc::operation_would_block);
        if (is(interrupted)) return make_error_code(std::errc::interrupted);
        if (is(deadline_exceeded)) return Errc::deadline_exceeded;
        if (is(cancelled)) return Errc::cancelled;
        return to_error_code(number());
    }

private:
    explicit constexpr IoResult(std::size_t bytes) noexcept : value_(static_cast<std::ptrdiff_t>(bytes)) {}
    std::ptrdiff_t value_;
};
}  // namespace sockboot::inline v0_2::detail::os
