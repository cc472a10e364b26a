// SPDX-License-Identifier: MIT
// MessageWriter: the sending half of a MessageChannel, frames in a buffer and their way out.
#pragma once

#include "../../byte_view.hpp"
#include "../../result.hpp"
#include "../../timeout.hpp"
#include "../../transfer.hpp"
#include "../buffer.hpp"
#include "../stream_io.hpp"
#include "adaptive_size.hpp"
#include "frame_codec.hpp"

namespace sockboot::inline v0_2::detail {
/// Messages from this size on are sent as they lie, and received by calls of their own: a copy costs more.
inline constexpr std::size_t large_message_size = std::size_t{16} << 10;

/// Frames that wait to be sent; `io` is the stream's, in each call.
/// Threads: one at a time.
template <class Format> class MessageWriter {
public:
    MessageWriter(const Format& format, std::size_t max_size) : codec_(format), size_(max_size) {}

    [[nodiscard]] std::size_t queued() const noexcept { return out_.size(); }

    template <class Io> [[gnu::always_inline]] inline Result<void> try_send(Io& io, ByteView message) {
        if (io.desynchronised().sending || !append_small(message)) [[unlikely]]
            return send_any(io, message);
        return flush_now(io);
    }
    template <class Io> [[gnu::always_inline]] inline Result<void> try_queue(Io& io, ByteView message) {
        return append_small(message) ? Result<void>() : queue_any(io, message);
    }
    template <class Io> [[gnu::always_inline]] inline Result<void> try_flush(Io& io) {
        if (out_.empty() || io.desynchronised().sending) [[unlikely]]
            return flush_nothing(io);
        return flush_now(io);
    }

private:
    enum class Unsent : bool { dropped, queued };

    template <class Io> [[gnu::always_inline]] inline Result<void> flush_now(Io& io) {
        const IoResult sent = io.send_now(out_.view());
        if (!sent.all(out_.size()) || out_.capacity() > AdaptiveSize::first_size) [[unlikely]]
            return flush_rest(io, sent);
        out_.truncate(0);
        return {};
    }
    /// With a trailer there would be three pieces to send.
    [[nodiscard]] bool is_large(ByteView message) const noexcept {
        return message.size() >= large_message_size && codec_.trailer().empty();
    }
    [[nodiscard]] std::size_t max_frame(ByteView message) const noexcept {
        return message.size() + codec_.max_header + codec_.trailer().size();
    }
    void append_body(ByteView message) noexcept {
        out_.append(message.data(), message.size());
        out_.append(codec_.trailer().data(), codec_.trailer().size());
    }
    /// Copies a message that is accepted, not large, and fits into the buffer as it is; else does nothing.
    [[nodiscard, gnu::always_inline]] inline bool append_small(ByteView message) noexcept {
        if (message.size() >= large_message_size || max_frame(message) > out_.room() || !codec_.accepts(message))
            [[unlikely]]
            return false;
        out_.commit(codec_.write_header(out_.end(), message.size()));
        append_body(message);
        return true;
    }
    /// Queues what comes in front of a message, and makes room for `room` bytes behind it.
    void append_header(std::size_t message_size, std::size_t room) {
        const std::size_t wanted = codec_.max_header + room;
        out_.reserve(out_.empty() && wanted < size_.size() ? size_.size() : wanted);
        out_.commit(codec_.write_header(out_.end(), message_size));
    }
    void append(ByteView message) {
        append_header(message.size(), message.size() + codec_.trailer().size());
        append_body(message);
        out_.limit_to(size_.max_size());
    }
    /// Whether `message` can be sent at all.
    template <class Io> [[nodiscard]] Result<void> check(Io& io, ByteView message) {
        if (io.desynchronised().sending) return io.with_source(Error(Errc::desynchronised, Operation::send));
        if (codec_.accepts(message)) return {};
        return io.with_source(codec_.refusal(message));
    }

    template <class Io> [[gnu::noinline]] Result<void> send_any(Io& io, ByteView message) {
        if (auto possible = check(io, message); !possible) return possible;
        if (is_large(message)) return send_large(io, message, Unsent::queued);
        append(message);
        return try_flush(io);
    }

    template <class Io> [[gnu::noinline]] Result<void> queue_any(Io& io, ByteView message) {
        if (auto possible = check(io, message); !possible) return possible;
        if (is_large(message)) return send_large(io, message, Unsent::dropped);
        if (out_.size() + max_frame(message) > size_.max_size())
            if (auto flushed = try_flush(io); !flushed) return flushed;
        if (!out_.empty()) size_.grow();
        append(message);
        return {};
    }
    /// Sends a large message as it lies, behind what is queued. Of what could not be sent in time, the rest of a
    /// message that has begun is queued; a message that has not begun is queued or dropped.
    template <class Io> Result<void> send_large(Io& io, ByteView message, Unsent unsent) {
        const std::size_t waiting = out_.size();
        append_header(message.size(), 0);
        const std::size_t in_front = out_.size();
        const Progress sent = detail::send_whole(io, out_.view(), message);
        out_.consume(sent.done < in_front ? sent.done : in_front);
        if (sent.all(in_front + message.size())) return {};

        Error error = detail::transfer_error(io, sent, Operation::send, in_front + message.size());
        if (sent.done <= waiting && unsent == Unsent::dropped) {
            out_.truncate(waiting - sent.done);
            return error;
        }
        const ByteView rest = message.subspan(sent.done < in_front ? 0 : sent.done - in_front);
        out_.reserve(rest.size());
        out_.append(rest.data(), rest.size());
        // queue() has taken it where nothing is wrong with the stream but that the call was to end.
        const std::error_code code = error.code();
        const bool ended = code == Errc::deadline_exceeded || code == Errc::cancelled || error.would_block();
        return ended && unsent == Unsent::dropped ? Result<void>() : Result<void>(std::move(error));
    }

    template <class Io> [[gnu::noinline, gnu::cold]] Result<void> flush_nothing(Io& io) {
        if (out_.empty()) return {};
        return io.with_source(Error(Errc::desynchronised, Operation::send));
    }
    /// After a first step that was not all, or out of a buffer that may be larger than it need be.
    template <class Io> [[gnu::noinline]] Result<void> flush_rest(Io& io, IoResult tried) {
        const std::size_t size = out_.size();
        const bool whole = tried.all(size);
        const Progress sent = whole ? Progress{size, tried} : detail::send_rest(io, out_.view(), {}, tried);
        if (!sent.all(size)) {
            out_.consume(sent.done);
            return detail::transfer_error(io, sent, Operation::send, size);
        }
        out_.clear();  // back to its front: what is queued next would have to be moved there otherwise
        const bool held_large = out_.capacity() > size_.max_size() + large_message_size;
        if (held_large || size_.is_oversized(size, out_.capacity())) out_ = {};
        return {};
    }
    FrameCodec<Format> codec_;
    Buffer out_;
    AdaptiveSize size_;
};
}  // namespace sockboot::inline v0_2::detail
