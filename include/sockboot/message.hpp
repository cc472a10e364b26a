// SPDX-License-Identifier: MIT
// send_message and recv_message: whole messages over any stream, each with its length in front.
#pragma once

#include <array>
#include <initializer_list>
#include <cstring>  // std::memcpy
#include <optional>
#include <span>
#include "byte_view.hpp"
#include "detail/framing/frame_codec.hpp"
#include "detail/framing/wrong_peer.hpp"
#include "detail/stream_io.hpp"
#include "length_prefix.hpp"
#include "result.hpp"
#include "stream.hpp"
#include "timeout.hpp"
#include "transfer.hpp"

namespace sockboot::inline v0_2 {
namespace detail {
using PrefixCodec = FrameCodec<LengthPrefix>;
using PrefixBytes = std::array<std::byte, max_prefix_size>;

// What follows is off the fast path: it takes its format in registers.

/// Why no message can be sent, or received: the stream stands inside one, or the format or the message cannot be used.
template <class S>
[[gnu::noinline, gnu::cold]] Error message_refused(S& stream, Operation operation, ByteView message,
                                                   PackedPrefix format) {
    StreamIo<S> io(stream);
    const Desynchronised& state = io.desynchronised();
    if (operation == Operation::send && state.sending) return io.with_source(Error(Errc::desynchronised, operation));
    if (operation == Operation::receive && state.receiving != Receiving::in_order)
        return io.with_source(detail::receive_refused(state.receiving));
    return io.with_source(PrefixCodec(format.unpacked()).refusal(message));
}

/// Remembers where a message that was not sent whole leaves the stream, and says why.
template <class Io> [[gnu::noinline, gnu::cold]] Error message_not_sent(Io& io, Progress sent, std::uint64_t wanted) {
    io.desynchronised().sending = sent.done != 0;
    return detail::partial_error(io, sent, Operation::send, wanted);
}

/// Sends a message that lies in several places.
template <class S>
[[gnu::noinline]] Result<void> send_pieces(S& stream, std::span<const ByteView> pieces, PackedPrefix format) {
    const PrefixCodec codec(format.unpacked());
    StreamIo<S> io(stream);
    PrefixBytes head, front;
    std::size_t known = 0;
    for (const ByteView piece : pieces)
        for (std::size_t i = 0; i < piece.size() && known < codec.before(); ++i) head[known++] = piece.data()[i];
    // As long as the message, and only as far as its header stands in front of the length.
    const ByteView message(head.data(), os::Pieces{{}, pieces.data(), pieces.size()}.size());
    if (io.desynchronised().sending || !codec.accepts(message))
        return detail::message_refused(stream, Operation::send, message, format);
    const ByteView prefix(front.data(), codec.write_header(front.data(), message));
    const os::Pieces whole{prefix, pieces.data(), pieces.size(), codec.before()};
    const Progress sent = detail::send_whole(io, whole);
    if (sent.all(whole.size())) return {};
    return detail::message_not_sent(io, sent, whole.size());
}

/// The same for a prefix that did not come whole.
template <class Io>
[[gnu::noinline, gnu::cold]] Result<bool> prefix_not_received(Io& io, std::string& into, Progress got,
                                                              PrefixBytes bytes, PackedPrefix format) {
    into.clear();
    if (got.done != 0) io.desynchronised().receiving = Receiving::desynchronised;
    if (got.done == 0 && got.at_end()) return false;
    const PrefixCodec codec(format.unpacked());
    Error error = detail::partial_error(io, got, Operation::receive, codec.wanted_for_header(got.done));
    return detail::with_guess(std::move(error), codec, {bytes.data(), got.done}, 0);
}

/// The same for a prefix that is refused.
template <class Io>
[[gnu::noinline, gnu::cold]] Error prefix_refused(Io& io, std::string& into, FrameExtent extent, PrefixBytes bytes,
                                                  std::size_t size, PackedPrefix format) {
    into.clear();
    io.desynchronised().receiving = Receiving::desynchronised;
    return io.with_source(PrefixCodec(format.unpacked()).failure(extent, {bytes.data(), size}));
}

/// The same for a message of which `got` came, behind its whole prefix: the end of the stream is not a clean one there.
template <class Io>
[[gnu::noinline, gnu::cold]] Error body_not_received(Io& io, std::string& into, Progress got, std::uint64_t wanted,
                                                     PackedPrefix format) {
    into.resize(got.done);
    io.desynchronised().receiving = Receiving::desynchronised;
    Error error = got.at_end() ? io.with_source(Error(Errc::truncated, Operation::receive))
                               : io.error_of(got.last, Operation::receive).as_permanent();
    // What came, from its first byte on.
    const PrefixCodec codec(format.unpacked());
    std::array<std::byte, max_prefix_size + 16> front;
    const ByteView message(reinterpret_cast<const std::byte*>(into.data()), static_cast<std::size_t>(wanted));
    const std::size_t prefix = codec.write_header(front.data(), message);
    const std::size_t rest = got.done - codec.before(), body = rest < 16 ? rest : 16;
    std::memcpy(front.data() + prefix, into.data() + codec.before(), body);
    return detail::with_guess(std::move(error).with_progress(got.done, wanted), codec, {front.data(), prefix + body},
                              wanted - got.done);
}

/// The front of a frame up to the end of its length, where only its bytes tell how many there are.
template <class Io>
[[gnu::noinline]] Progress recv_front(Io& io, PrefixBytes& bytes, Deadline& deadline, PackedPrefix format) {
    const PrefixCodec codec(format.unpacked());
    Progress whole{0, IoResult::interrupted};
    for (;;) {
        const auto wanted = static_cast<std::size_t>(codec.wanted_for_header(whole.done));
        const std::span<std::byte> missing = std::span(bytes).first(wanted).subspan(whole.done);
        const Progress got = detail::recv_whole(io, missing, deadline);
        whole = {whole.done + got.done, got.last};
        if (whole.done != wanted) return whole;
        if (codec.locate({bytes.data(), whole.done}).status != FrameExtent::Status::unknown) return whole;
    }
}

/// A message of another size than `into` has, or one whose first bytes have come in `front`: what storage it takes
/// follows what arrives.
template <class Io>
[[gnu::noinline]] Result<bool> recv_body(Io& io, std::string& into, ByteView front, std::uint64_t size,
                                         Deadline& deadline, PackedPrefix format) {
    io.desynchronised().receiving = Receiving::desynchronised;  // for the case that there is no memory
    into.assign(front.text());
    const Progress got = detail::recv_growing(io, into, size, deadline);
    if (!got.all(size)) return detail::body_not_received(io, into, got, size, format);
    io.desynchronised().receiving = Receiving::in_order;
    return true;
}
}  // namespace detail

/// Sends `message` with its length in front, in one system call where the kernel has room for it.
///
/// Errors:  message_too_large: nothing was sent, the stream is as good as before. deadline_exceeded, would-block or a
///          broken connection: where a part had been sent, the peer would take the next message for the rest of this
///          one, so every later send_message on this stream is refused with desynchronised.
/// Threads: one sender at a time.
/// Calls:   sendmsg(2); no allocation, no copy of the message.
template <Stream S>
[[gnu::always_inline]] inline Result<void> try_send_message(S& stream, ByteView message,
                                                            const LengthPrefix& format = {}) {
    const detail::PrefixCodec codec(format);
    detail::StreamIo<S> io(stream);
    if (io.desynchronised().sending || !codec.accepts(message)) [[unlikely]]
        return detail::message_refused(stream, Operation::send, message, detail::PrefixCodec(format).packed());
    detail::PrefixBytes bytes;
    const ByteView front(bytes.data(), codec.write_header(bytes.data(), message));
    const ByteView rest = message.subspan(codec.before());
    const detail::Progress sent = detail::send_whole(io, front, rest);
    if (sent.all(front.size() + rest.size())) [[likely]]
        return {};
    return detail::message_not_sent(io, sent, front.size() + rest.size());
}

template <Stream S>
[[gnu::always_inline]] inline void send_message(S& stream, ByteView message, const LengthPrefix& format = {}) {
    sockboot::try_send_message(stream, message, format).value();
}

/// The same for a message that lies in several places, in one system call and without copying it:
/// send_message(socket, {header, body, trailer}).
template <Stream S>
Result<void> try_send_message(S& stream, std::span<const ByteView> pieces, const LengthPrefix& format = {}) {
    return detail::send_pieces(stream, pieces, detail::PrefixCodec(format).packed());
}
template <Stream S>
Result<void> try_send_message(S& stream, std::initializer_list<ByteView> pieces, const LengthPrefix& format = {}) {
    return sockboot::try_send_message(stream, std::span(pieces.begin(), pieces.size()), format);
}
template <Stream S> void send_message(S& stream, std::span<const ByteView> pieces, const LengthPrefix& format = {}) {
    sockboot::try_send_message(stream, pieces, format).value();
}
template <Stream S>
void send_message(S& stream, std::initializer_list<ByteView> pieces, const LengthPrefix& format = {}) {
    sockboot::try_send_message(stream, pieces, format).value();
}

/// Receives the next message into `into`, whose storage is used again; false: the peer closed between two messages.
///
/// The length is checked before memory is taken, and memory then grows with the bytes that come, not with the claim.
/// Errors:  truncated: the peer closed inside a message, also right behind its length. message_too_large and
///          malformed_length, with a guess at what the peer is speaking. deadline_exceeded or would-block.
///          After each of them, but a time-out between messages, the stream stands inside a message, and later calls
///          are refused with desynchronised. `into` then holds what had come of the message.
/// Threads: one receiver at a time.
/// Calls:   recv(2), twice where the message is there; poll(2) where it is not and there is a timeout.
template <Stream S>
[[gnu::always_inline]] inline Result<bool> try_recv_message(S& stream, std::string& into,
                                                            const LengthPrefix& format = {}) {
    const detail::PrefixCodec codec(format);
    detail::StreamIo<S> io(stream);
    const std::size_t width = codec.front_size();
    if (io.desynchronised().receiving != detail::Receiving::in_order || (width == 0 && !codec.is_usable())) [[unlikely]]
        return detail::message_refused(stream, Operation::receive, {}, detail::PrefixCodec(format).packed());
    detail::PrefixBytes bytes;
    Deadline deadline = io.recv_deadline();
    const detail::Progress prefix = width != 0
                                        ? detail::recv_whole(io, std::span(bytes).first(width), deadline)
                                        : detail::recv_front(io, bytes, deadline, detail::PrefixCodec(format).packed());
    if (!prefix.last.any()) [[unlikely]]
        return detail::prefix_not_received(io, into, prefix, bytes, detail::PrefixCodec(format).packed());

    const detail::FrameExtent extent = codec.locate({bytes.data(), prefix.done});
    if (!extent.is_known() || extent.size > codec.limit()) [[unlikely]]
        return detail::prefix_refused(io, into, extent, bytes, prefix.done, detail::PrefixCodec(format).packed());

    if (extent.size != into.size() || extent.size <= codec.before()) [[unlikely]]
        return detail::recv_body(io, into, {bytes.data(), codec.before()}, extent.size, deadline,
                                 detail::PrefixCodec(format).packed());
    detail::move_few(reinterpret_cast<std::byte*>(into.data()), bytes.data(), codec.before());
    const std::span<std::byte> body(reinterpret_cast<std::byte*>(into.data()) + codec.before(),
                                    into.size() - codec.before());
    detail::Progress got = detail::recv_whole(io, body, deadline);
    if (got.all(body.size())) [[likely]]
        return true;
    got.done += codec.before();
    return detail::body_not_received(io, into, got, extent.size, detail::PrefixCodec(format).packed());
}

template <Stream S>
[[gnu::always_inline]] inline bool recv_message(S& stream, std::string& into, const LengthPrefix& format = {}) {
    return sockboot::try_recv_message(stream, into, format).value();
}

/// The next message; nullopt: the peer closed between two messages.
template <Stream S> Result<std::optional<std::string>> try_recv_message(S& stream, const LengthPrefix& format = {}) {
    std::string message;
    auto got = sockboot::try_recv_message(stream, message, format);
    if (!got.has_value()) [[unlikely]]
        return std::move(got).error();
    if (!*got) return std::optional<std::string>();
    return std::optional<std::string>(std::move(message));
}

template <Stream S> [[nodiscard]] std::optional<std::string> recv_message(S& stream, const LengthPrefix& format = {}) {
    return sockboot::try_recv_message(stream, format).value();
}
}  // namespace sockboot::inline v0_2
