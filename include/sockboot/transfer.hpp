// SPDX-License-Identifier: MIT
// send_all and recv_exact: all the bytes or an error, over any stream, within one deadline.
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>  // std::move

#include "byte_view.hpp"
#include "length_prefix.hpp"  // trusted_size
#include "result.hpp"
#include "timeout.hpp"

namespace sockboot {

/// Anything that sends and receives some bytes: Socket, TlsStream, or a type of the user's own.
///
/// try_send_some returns how many bytes it took, at least one; try_recv_some how many it filled in, 0 at the end of the
/// stream. A stream may offer more, as Socket does, and is then used so: timeout(), the forms with a Deadline,
/// desynchronised(), about().
template <class S>
concept Stream = requires(S& stream, ByteView bytes, std::span<std::byte> buffer) {
    { stream.try_send_some(bytes) } -> std::same_as<Result<std::size_t>>;
    { stream.try_recv_some(buffer) } -> std::same_as<Result<std::size_t>>;
};

namespace detail {

template <class S>
Deadline deadline_of(const S& stream) noexcept {
    if constexpr (requires {
                      { stream.timeout() } -> std::convertible_to<Timeout>;
                  })
        return Deadline(stream.timeout());
    else
        return Deadline(Timeout::forever());
}

template <class S>
Error about(const S& stream, Error error) {
    if constexpr (requires {
                      { stream.about(error) } -> std::same_as<Error>;
                  })
        return stream.about(std::move(error));
    else
        return error;
}

template <class S>
Result<std::size_t> send_step(S& stream, ByteView first, ByteView second, Deadline& deadline) {
    if constexpr (requires { stream.try_send_some(first, second, deadline); })
        return stream.try_send_some(first, second, deadline);
    else
        return stream.try_send_some(first.empty() ? second : first);
}

template <class S>
Result<std::size_t> recv_step(S& stream, std::span<std::byte> buffer, Deadline& deadline, bool whole) {
    if constexpr (requires { stream.try_recv_some(buffer, deadline, whole); })
        return stream.try_recv_some(buffer, deadline, whole);
    else
        return stream.try_recv_some(buffer);
}

/// A stream whose calls may sleep in the system, as Socket's: nearly every transfer is one call, and the code for that
/// is as short as if it were written by hand.
template <class S>
concept MayBlock = requires(S& stream, ByteView bytes, std::span<std::byte> buffer, Deadline& deadline) {
    { stream.may_block() } -> std::same_as<bool>;
    stream.finish_send(stream.send_once(bytes, bytes), bytes, bytes, deadline);
    stream.finish_recv(stream.recv_once(buffer, true), buffer, deadline, true);
};

/// Whether nothing is wrong with a stream but that its call was to end: the time was up, or somebody cancelled.
inline bool ended_in_time(const Result<void>& result) noexcept {
    if (result) return true;
    const std::error_code code = result.error().code();
    return code == Errc::deadline_exceeded || code == Errc::cancelled || result.error().would_block();
}

/// The time was up in the middle of a transfer.
template <class S>
Error late(const S& stream, Operation operation, std::uint64_t done, std::uint64_t wanted) {
    return about(stream, Error(Errc::deadline_exceeded, operation).with_progress(done, wanted));
}

/// The stream ended in the middle of a transfer, or before it.
template <class S>
Error ended(const S& stream, Errc code, std::uint64_t done, std::uint64_t wanted) {
    Error error = Error(code, Operation::receive).with_progress(done, wanted);
    return about(stream, code == Errc::closed ? std::move(error).with_note("the peer ended the stream") : error);
}

/// Sends what a first step, which came to `sent`, has left over of `first` and then `second`.
template <class S>
Result<void> send_rest(S& stream, ByteView first, ByteView second, Deadline& deadline, Result<std::size_t> sent) {
    const std::size_t wanted = first.size() + second.size();
    for (std::size_t done = 0;;) {
        if (!sent) return std::move(sent).error().with_progress(done, wanted);
        if (*sent == 0)
            return about(
                stream,
                Error(make_error_code(std::errc::operation_would_block), Operation::send).with_progress(done, wanted));
        done += *sent;
        if (done == wanted) return {};
        // A transfer that always finds room would never look at the clock.
        if (deadline.expired()) return late(stream, Operation::send, done, wanted);
        const bool in_first = done < first.size();
        sent = send_step(stream, in_first ? first.after(done) : ByteView{},
                         in_first ? second : second.after(done - first.size()), deadline);
    }
}

/// Sends `first` and then `second` to the last byte.
template <class S>
Result<void> send_whole(S& stream, ByteView first, ByteView second, Deadline& deadline) {
    if (first.empty() && second.empty()) return {};
    return send_rest(stream, first, second, deadline, send_step(stream, first, second, deadline));
}

/// Where a buffer lies in a larger whole, for the sake of an error's text.
struct Place {
    std::uint64_t before, wanted;
};

/// Fills what a first step, which came to `got`, has left over of `buffer`.
template <class S>
Result<std::size_t> recv_rest(S& stream, std::span<std::byte> buffer, Deadline& deadline, Place place,
                              Result<std::size_t> got) {
    for (std::size_t filled = 0;;) {
        if (!got) return std::move(got).error().with_progress(place.before + filled, place.wanted);
        filled += *got;
        if (*got == 0 || filled == buffer.size()) return filled;
        if (deadline.expired()) return late(stream, Operation::receive, place.before + filled, place.wanted);
        got = recv_step(stream, buffer.subspan(filled), deadline, true);
    }
}

/// Fills `buffer`, or what the stream has until its end: returns how many bytes, fewer than asked for only at the end.
template <class S>
Result<std::size_t> recv_whole(S& stream, std::span<std::byte> buffer, Deadline& deadline, Place place) {
    if (buffer.empty()) return buffer.size();
    return recv_rest(stream, buffer, deadline, place, recv_step(stream, buffer, deadline, true));
}

/// Makes `into` the next `size` bytes of the stream, of which it holds `filled` already, or what there is until the
/// stream's end. Memory follows what arrives, not what was announced; storage that `into` already has is used at once.
template <class S>
Result<void> recv_growing(S& stream, std::string& into, std::uint64_t size, Deadline& deadline) {
    for (std::size_t filled = 0; filled < size;) {
        const std::size_t room = filled != 0                      ? 2 * filled
                                 : into.capacity() > trusted_size ? into.capacity()
                                                                  : trusted_size;
        into.resize(room < size ? room : static_cast<std::size_t>(size));
        auto got = recv_whole(stream, {reinterpret_cast<std::byte*>(into.data()) + filled, into.size() - filled},
                              deadline, {filled, size});
        const std::size_t now = got ? filled + *got : static_cast<std::size_t>(got.error().transferred());
        const bool whole = now == into.size();
        into.resize(now);
        if (!got) return std::move(got).error();
        if (!whole) return {};
        filled = now;
    }
    return {};
}

}  // namespace detail

/// Sends all of `bytes`, or says how many had been sent.
///
/// The stream's timeout is one deadline over the whole, however slowly the peer reads.
/// Errors:  deadline_exceeded or would-block with transferred(); broken pipe, connection reset.
/// Threads: one sender at a time.
/// Calls:   sendmsg(2), as often as it takes; poll(2) where there is no room and a timeout.
template <Stream S>
Result<void> try_send_all(S& stream, ByteView bytes) {
    Deadline deadline = detail::deadline_of(stream);
    return detail::send_whole(stream, bytes, {}, deadline);
}

template <Stream S>
void send_all(S& stream, ByteView bytes) {
    try_send_all(stream, bytes).value();
}

/// Fills `buffer`, or says how many bytes had come.
///
/// The stream's timeout is one deadline over the whole: a peer that drips a byte at a time does not stretch it.
/// Errors:  closed, where the stream ended before the first byte; truncated, where it ended later; deadline_exceeded or
///          would-block with transferred(); connection reset.
/// Threads: one receiver at a time.
/// Calls:   recv(2), once where the bytes are there; poll(2) where they are not and there is a timeout.
template <Stream S>
Result<void> try_recv_exact(S& stream, std::span<std::byte> buffer) {
    Deadline deadline = detail::deadline_of(stream);
    auto got = detail::recv_whole(stream, buffer, deadline, {0, buffer.size()});
    if (!got) [[unlikely]]
        return std::move(got).error();
    if (*got == buffer.size()) [[likely]]
        return {};
    return detail::ended(stream, *got == 0 ? Errc::closed : Errc::truncated, *got, buffer.size());
}

template <Stream S>
void recv_exact(S& stream, std::span<std::byte> buffer) {
    try_recv_exact(stream, buffer).value();
}

/// The next `count` bytes; memory is taken as they arrive.
template <Stream S>
Result<std::string> try_recv_exact(S& stream, std::size_t count) {
    Deadline deadline = detail::deadline_of(stream);
    std::string bytes;
    if (auto got = detail::recv_growing(stream, bytes, count, deadline); !got) return std::move(got).error();
    if (bytes.size() == count) return bytes;
    return detail::ended(stream, bytes.empty() ? Errc::closed : Errc::truncated, bytes.size(), count);
}

template <Stream S>
[[nodiscard]] std::string recv_exact(S& stream, std::size_t count) {
    return try_recv_exact(stream, count).value();
}

/// Closes so that the last reply arrives although the peer had sent more than was read.
///
/// A plain close() with bytes unread resets the connection, and the reset may overtake the reply. This says "no more
/// from me", reads and drops what still comes until the peer closes too, and then closes, whatever happened.
/// Units:   timeout: for the whole, default 2 s; most_bytes: that are dropped, default 1 MiB.
/// Errors:  deadline_exceeded, message_too_large: the peer went on beyond a bound; connection reset. In each case the
///          socket is closed.
/// Threads: the socket alone.
/// Calls:   shutdown(2), recv(2), poll(2), close(2).
template <Stream S>
Result<void> try_graceful_close(S& stream, Timeout timeout = std::chrono::seconds(2),
                                std::uint64_t most_bytes = std::uint64_t{1} << 20) {
    auto ended = stream.try_shutdown_send();
    Deadline deadline = Deadline::started(timeout);
    std::array<std::byte, 4096> dropped;
    for (std::uint64_t bytes = 0; ended;) {
        auto got = detail::recv_step(stream, dropped, deadline, false);
        if (!got) {
            ended = std::move(got).error().with_progress(bytes, 0);
        } else if (*got == 0) {
            break;
        } else if ((bytes += *got) > most_bytes) {
            ended = detail::about(stream, Error(Errc::message_too_large, Operation::receive)
                                              .with_note("the peer went on sending to a socket that is being closed"));
        } else if (deadline.expired()) {
            ended = detail::late(stream, Operation::receive, bytes, 0);
        }
    }
    stream.close();
    return ended;
}

template <Stream S>
void graceful_close(S& stream, Timeout timeout = std::chrono::seconds(2),
                    std::uint64_t most_bytes = std::uint64_t{1} << 20) {
    try_graceful_close(stream, timeout, most_bytes).value();
}

}  // namespace sockboot
