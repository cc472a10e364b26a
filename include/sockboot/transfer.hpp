// SPDX-License-Identifier: MIT
// send_all and recv_exact: all the bytes or an error, over any stream, within one deadline.
#pragma once

#include <array>
#include <initializer_list>
#include <span>
#include "byte_view.hpp"
#include "detail/buffer.hpp"
#include "detail/os.hpp"
#include "detail/stream_io.hpp"
#include "result.hpp"
#include "stream.hpp"
#include "timeout.hpp"

namespace sockboot::inline v0_2 {
namespace detail {
/// How far a transfer came, in two registers: its bytes, and what its last step came to.
struct Progress {
    std::size_t done;
    IoResult last;
    [[nodiscard]] bool all(std::size_t wanted) const noexcept { return done == wanted; }
    [[nodiscard]] bool at_end() const noexcept { return last && last.bytes() == 0; }
};

/// Goes on with a transfer whose first step came to `last`, and was not all.
template <class Io> Progress send_rest(Io& io, os::Pieces left, std::size_t wanted, IoResult last) {
    Deadline deadline = io.send_deadline();
    for (std::size_t done = 0;;) {
        last = io.send_after(last, left, deadline);
        if (!last || (done += last.bytes()) == wanted) return {done, last};
        // A transfer that always finds room would never read the clock.
        if (deadline.expired()) return {done, IoResult::deadline_exceeded};
        left.advance(last.bytes());
        last = io.send_now(left);
    }
}
template <class Io> [[gnu::noinline]] Progress send_rest(Io& io, ByteView first, ByteView second, IoResult last) {
    return detail::send_rest(io, {first, &second, 1}, first.size() + second.size(), last);
}

/// Sends `first` and then `second`, not both empty, to the last byte.
template <class Io> [[gnu::always_inline]] inline Progress send_whole(Io& io, ByteView first, ByteView second) {
    const std::size_t wanted = first.size() + second.size();
    const IoResult sent = io.send_now(first, second);
    if (sent.all(wanted)) [[likely]]
        return {wanted, sent};
    return detail::send_rest(io, first, second, sent);
}

/// Sends pieces that are not all empty, to the last byte.
template <class Io> [[gnu::noinline]] Progress send_whole(Io& io, const os::Pieces& pieces) {
    const std::size_t wanted = pieces.size();
    const IoResult sent = io.send_now(pieces);
    if (sent.all(wanted)) return {wanted, sent};
    return detail::send_rest(io, pieces, wanted, sent);
}

/// Goes on with a transfer whose first step came to `last`, and was not all.
template <class Io>
[[gnu::noinline]] Progress recv_rest(Io& io, std::span<std::byte> buffer, Deadline& deadline, IoResult last) {
    for (std::size_t done = 0;;) {
        last = io.recv_after(last, buffer.subspan(done), true, deadline);
        if (!last.any() || (done += last.bytes()) == buffer.size()) return {done, last};
        if (deadline.expired()) return {done, IoResult::deadline_exceeded};
        last = io.recv_now(buffer.subspan(done), true);
    }
}

/// Fills `buffer`, which is not empty, or takes what the stream has until its end.
template <class Io>
[[gnu::always_inline]] inline Progress recv_whole(Io& io, const std::span<std::byte> buffer, Deadline& deadline) {
    const IoResult got = io.recv_now(buffer, true);
    if (got.all(buffer.size())) [[likely]]
        return {buffer.size(), got};
    return detail::recv_rest(io, buffer, deadline, got);
}

/// Adds the next bytes of the stream to those in `into`, until they are `size`, or the stream ends. Memory follows what
/// arrives, not what was announced; storage that `into` already has is used at once.
template <class Io>
[[gnu::noinline]] Progress recv_growing(Io& io, std::string& into, std::uint64_t size, Deadline& deadline) {
    Progress whole{into.size(), IoResult::moved(0)};
    const std::size_t owned = into.capacity() > max_upfront_allocation ? into.capacity() : max_upfront_allocation;
    while (whole.done < size) {
        const std::size_t room = 2 * whole.done > owned ? 2 * whole.done : owned;
        into.resize(room < size ? room : static_cast<std::size_t>(size));
        const std::span<std::byte> rest(reinterpret_cast<std::byte*>(into.data()) + whole.done,
                                        into.size() - whole.done);
        const Progress part = detail::recv_whole(io, rest, deadline);
        whole = {whole.done + part.done, part.last};
        if (!part.last.any()) break;
    }
    into.resize(whole.done);
    return whole;
}

/// Whether a MessageChannel receives on the stream, which may have read ahead.
template <class Io> [[nodiscard]] bool is_by_channel(Io& io) noexcept {
    return io.desynchronised().receiving == Receiving::by_channel;
}

/// The stream ended: `closed` before the first byte, `truncated` after it.
template <class Io> [[gnu::cold]] Error eof_error(const Io& io, std::uint64_t done, std::uint64_t wanted) {
    Error error = Error(done == 0 ? Errc::closed : Errc::truncated, Operation::receive).with_progress(done, wanted);
    return io.with_source(done == 0 ? std::move(error).with_note("the peer ended the stream") : std::move(error));
}

/// Why a transfer came no further.
template <class Io>
[[gnu::cold]] Error transfer_error(Io& io, Progress progress, Operation operation, std::uint64_t wanted) {
    if (progress.at_end()) return detail::eof_error(io, progress.done, wanted);
    return io.error_of(progress.last, operation).with_progress(progress.done, wanted);
}

/// The same for a call that has no place to remember a part in: the next one would not go on behind it.
template <class Io>
[[gnu::cold]] Error partial_error(Io& io, Progress progress, Operation operation, std::uint64_t wanted) {
    Error error = detail::transfer_error(io, progress, operation, wanted);
    return progress.done != 0 ? std::move(error).as_permanent() : error;
}
}  // namespace detail

/// Sends all of `bytes`, or says how many had been sent.
///
/// The stream's timeout is one deadline over the whole, however slowly the peer reads.
/// Errors:  deadline_exceeded or would-block with transferred(); broken pipe, connection reset.
/// Threads: one sender at a time.
/// Calls:   sendmsg(2), as often as it takes; poll(2) where there is no room and a timeout.
template <Stream S> Result<void> try_send_all(S& stream, ByteView bytes) {
    if (bytes.empty()) return {};
    detail::StreamIo<S> io(stream);
    const detail::Progress sent = detail::send_whole(io, bytes, {});
    if (sent.all(bytes.size())) [[likely]]
        return {};
    return detail::partial_error(io, sent, Operation::send, bytes.size());
}
template <Stream S> void send_all(S& stream, ByteView bytes) { sockboot::try_send_all(stream, bytes).value(); }

/// The same for bytes that lie in several places, without copying them: send_all(socket, {header, body, trailer}).
/// Calls: sendmsg(2), one for as many pieces as the system takes at a time (IOV_MAX: 1,024 on Linux).
template <Stream S> Result<void> try_send_all(S& stream, std::span<const ByteView> pieces) {
    detail::StreamIo<S> io(stream);
    const detail::os::Pieces all{{}, pieces.data(), pieces.size()};
    const std::size_t wanted = all.size();
    if (wanted == 0) return {};
    const detail::Progress sent = detail::send_whole(io, all);
    if (sent.all(wanted)) return {};
    return detail::partial_error(io, sent, Operation::send, wanted);
}
template <Stream S> Result<void> try_send_all(S& stream, std::initializer_list<ByteView> pieces) {
    return sockboot::try_send_all(stream, std::span(pieces.begin(), pieces.size()));
}
template <Stream S> void send_all(S& stream, std::span<const ByteView> pieces) {
    sockboot::try_send_all(stream, pieces).value();
}
template <Stream S> void send_all(S& stream, std::initializer_list<ByteView> pieces) {
    sockboot::try_send_all(stream, pieces).value();
}

/// Fills `buffer`, or says how many bytes had come.
///
/// The stream's timeout is one deadline over the whole: a peer that sends a byte at a time does not extend it.
/// Errors:  closed, where the stream ended before the first byte; truncated, where it ended later; deadline_exceeded or
///          would-block with transferred(); connection reset.
/// Threads: one receiver at a time.
/// Calls:   recv(2), once where the bytes are there; poll(2) where they are not and there is a timeout.
template <Stream S> Result<void> try_recv_exact(S& stream, std::span<std::byte> buffer) {
    if (buffer.empty()) return {};
    detail::StreamIo<S> io(stream);
    if (detail::is_by_channel(io)) return io.with_source(detail::receive_refused(detail::Receiving::by_channel));
    Deadline deadline = io.recv_deadline();
    const detail::Progress got = detail::recv_whole(io, buffer, deadline);
    if (got.all(buffer.size())) [[likely]]
        return {};
    return detail::partial_error(io, got, Operation::receive, buffer.size());
}

template <Stream S> void recv_exact(S& stream, std::span<std::byte> buffer) {
    sockboot::try_recv_exact(stream, buffer).value();
}

/// The next `count` bytes; memory is taken as they arrive.
template <Stream S> Result<std::string> try_recv_exact(S& stream, std::size_t count) {
    detail::StreamIo<S> io(stream);
    if (detail::is_by_channel(io)) return io.with_source(detail::receive_refused(detail::Receiving::by_channel));
    Deadline deadline = io.recv_deadline();
    std::string bytes;
    const detail::Progress got = detail::recv_growing(io, bytes, count, deadline);
    if (got.all(count)) return bytes;
    return detail::partial_error(io, got, Operation::receive, count);
}

template <Stream S> [[nodiscard]] std::string recv_exact(S& stream, std::size_t count) {
    return sockboot::try_recv_exact(stream, count).value();
}

/// How a stream that was closed gracefully came to its end.
enum class CloseOutcome : std::uint8_t {
    peer_closed,    ///< the peer has ended the stream too
    timed_out,      ///< it had not when the time was up
    limit_reached,  ///< it went on sending, more than is dropped
};

/// Closes so that the last reply arrives although the peer had sent more than was read.
///
/// A plain close() with bytes unread resets the connection, and the reset may overtake the reply. This half-closes,
/// reads and drops what still comes until the peer closes too, and then closes. A peer that stays or goes on sending is
/// left at one of the two bounds, which is no error.
/// Units:   timeout: for the whole, default 2 s; max_bytes: that are dropped, default 1 MiB.
/// Errors:  connection reset; cancelled; closed, where the stream was. The stream is closed in every case.
/// Threads: no other thread in a call on the stream.
/// Calls:   shutdown(2), recv(2), poll(2), close(2).
template <ClosableStream S>
Result<CloseOutcome> try_graceful_close(S& stream, Timeout timeout = std::chrono::seconds(2),
                                        std::uint64_t max_bytes = std::uint64_t{1} << 20) {
    using detail::IoResult;
    const struct Closing {
        S& stream;
        ~Closing() { stream.close(); }
    } closing{stream};
    if (auto half_closed = stream.try_shutdown_send(); !half_closed) return std::move(half_closed).error();
    detail::StreamIo<S> io(stream);
    Deadline deadline = Deadline::started(timeout);
    std::array<std::byte, 4096> dropped;
    for (std::uint64_t bytes = 0; bytes <= max_bytes;) {
        // Not recv_now(): that would block as the stream's own timeout allows.
        const IoResult got = io.recv_after(IoResult::interrupted, dropped, false, deadline);
        if (!got) {
            Error error = io.error_of(got, Operation::close).with_progress(bytes, 0);
            if (error.code() == Errc::deadline_exceeded || error.would_block()) return CloseOutcome::timed_out;
            return error;
        }
        if (!got.any()) return CloseOutcome::peer_closed;
        bytes += got.bytes();
        // A peer that always has more would never let it wait.
        if (deadline.expired()) return CloseOutcome::timed_out;
    }
    return CloseOutcome::limit_reached;
}

/// The same, throwing SocketError.
template <ClosableStream S>
CloseOutcome graceful_close(S& stream, Timeout timeout = std::chrono::seconds(2),
                            std::uint64_t max_bytes = std::uint64_t{1} << 20) {
    return sockboot::try_graceful_close(stream, timeout, max_bytes).value();
}
}  // namespace sockboot::inline v0_2
