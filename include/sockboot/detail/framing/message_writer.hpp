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
///
/// A call that fails has not taken its message: not a byte of it was sent, nothing of it is kept. One that has sent a
/// part of it and is out of time has taken it, and keeps the rest. Any other failure inside a message, and an exception
/// out of a step of the stream, leave the stream marked as standing inside a message.
/// Threads: one at a time.
template <class Format> class MessageWriter {
public:
    MessageWriter(const Format& format, std::size_t max_size) : codec_(format), size_(max_size) {}

    [[nodiscard]] std::size_t queued() const noexcept { return out_.size(); }
    void set_format(const Format& format) { codec_ = FrameCodec<Format>(format); }
    void set_max_size(std::uint64_t max_size) { codec_.set_max_size(max_size); }

    template <class Io> [[gnu::always_inline]] inline Result<void> try_send(Io& io, ByteView message) {
        if (io.desynchronised().sending || !append_small(message)) [[unlikely]]
            return send_any(io, message);
        return send_appended(io, message);
    }
    template <class Io> [[gnu::always_inline]] inline Result<void> try_queue(Io& io, ByteView message) {
        if (io.desynchronised().sending || !append_small(message)) [[unlikely]]
            return queue_any(io, message);
        return {};
    }
    template <class Io> [[gnu::always_inline]] inline Result<void> try_flush(Io& io) {
        if (out_.empty() || io.desynchronised().sending) [[unlikely]]
            return flush_nothing(io);
        return send_queued(io, [&](IoResult sent) { return flush_rest(io, sent); });
    }

    // --- bytes as they are ---
    template <class Io> [[gnu::noinline]] Result<void> try_send_exact(Io& io, ByteView bytes) {
        if (io.desynchronised().sending) return refused(io);
        if (bytes.size() >= large_message_size) return send_behind(io, out_.size(), bytes);
        if (bytes.empty()) return try_flush(io);
        append_exact(bytes);
        return send_queued(io, [&](IoResult sent) { return send_rest_of_frame(io, sent, bytes.size()); });
    }
    template <class Io> [[gnu::noinline]] Result<void> try_queue_exact(Io& io, ByteView bytes) {
        if (io.desynchronised().sending) return refused(io);
        if (bytes.size() >= large_message_size) return send_behind(io, out_.size(), bytes);
        if (auto room = make_room(io, bytes.size(), bytes.size()); !room) return room;
        append_exact(bytes);
        return {};
    }

private:
    /// Why nothing more is sent on a stream that stands inside a message.
    template <class Io> [[nodiscard, gnu::noinline, gnu::cold]] static Result<void> refused(Io& io) {
        return io.with_source(Error(Errc::desynchronised, Operation::send));
    }
    void append_exact(ByteView bytes) {
        out_.reserve(out_.empty() && bytes.size() < size_.size() ? size_.size() : bytes.size());
        out_.append(bytes.data(), bytes.size());
        out_.limit_to(size_.max_size());
    }
    /// Before a frame of at most `max_frame` bytes is queued: sends what is, where it would be too much with that.
    template <class Io> Result<void> make_room(Io& io, std::size_t max_frame, std::size_t frame) {
        if (out_.size() + max_frame > size_.max_size())
            if (auto flushed = try_flush(io); !flushed) return std::move(flushed).error().with_progress(0, frame);
        if (!out_.empty()) size_.grow();
        return {};
    }
    /// Sends what is queued. `rest` goes on where the first step leaves something to do: it was not all, or the buffer
    /// may be larger than it need be.
    template <class Io, class Rest> [[gnu::always_inline]] inline Result<void> send_queued(Io& io, const Rest& rest) {
        MarkedByException mark(io.desynchronised().sending);
        const IoResult sent = io.send_now(out_.view());
        mark.no_exception();
        if (!sent.all(out_.size()) || out_.capacity() > AdaptiveSize::first_size) [[unlikely]]
            return rest(sent);
        out_.truncate(0);
        return {};
    }
    /// The same, where the last that is queued is this call's own message.
    template <class Io> [[gnu::always_inline]] inline Result<void> send_appended(Io& io, ByteView message) {
        return send_queued(io, [&, message](IoResult sent) { return send_rest_of(io, sent, message); });
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
        if (const std::size_t size = codec_.write_header_inline(out_.end(), message); size != no_header) [[likely]]
            out_.commit(size), append_body(message);
        else
            append_whole(message);
        return true;
    }
    /// The same of a format whose header is more than a length. A simple one stays off what others need.
    [[gnu::noinline]] void append_whole(ByteView message) noexcept {
        codec_.is_simple() ? append_joined(message) : append_any(message);
    }
    [[gnu::always_inline]] inline void append_joined(ByteView message) noexcept {
        out_.commit(codec_.write_header(out_.end(), message));
        append_body(message.subspan(codec_.before()));
    }
    [[gnu::noinline]] void append_any(ByteView message) noexcept { append_joined(message); }
    /// Queues what comes in front of a message, and makes room for `room` bytes behind it.
    void append_header(ByteView message, std::size_t room) {
        const std::size_t wanted = codec_.max_header + room;
        out_.reserve(out_.empty() && wanted < size_.size() ? size_.size() : wanted);
        out_.commit(codec_.write_header(out_.end(), message));
    }
    void append(ByteView message) {
        append_header(message, message.size() + codec_.trailer().size());
        append_body(message.subspan(codec_.before()));
        out_.limit_to(size_.max_size());
    }
    /// Whether `message` can be sent at all.
    template <class Io> [[nodiscard]] Result<void> check(Io& io, ByteView message) {
        if (io.desynchronised().sending) return refused(io);
        if (codec_.accepts(message)) return {};
        return io.with_source(codec_.refusal(message));
    }

    template <class Io> [[gnu::noinline]] Result<void> send_any(Io& io, ByteView message) {
        if (auto possible = check(io, message); !possible) return possible;
        if (is_large(message)) return send_large(io, message);
        append(message);
        return send_appended(io, message);
    }

    template <class Io> [[gnu::noinline]] Result<void> queue_any(Io& io, ByteView message) {
        if (auto possible = check(io, message); !possible) return possible;
        if (is_large(message)) return send_large(io, message);
        if (auto room = make_room(io, max_frame(message), detail::frame_size(codec_, message)); !room) return room;
        append(message);
        return {};
    }
    /// Sends a large message as it lies, behind what is queued. Of one that has begun the rest is queued.
    template <class Io> Result<void> send_large(Io& io, ByteView message) {
        const std::size_t waiting = out_.size();
        append_header(message, 0);
        return send_behind(io, waiting, message.subspan(codec_.before()));
    }
    /// Sends what is queued and `message` behind it, as it lies; the queue's first `waiting` bytes are of others.
    template <class Io> [[gnu::noinline]] Result<void> send_behind(Io& io, std::size_t waiting, ByteView message) {
        const std::size_t in_front = out_.size();
        const std::size_t all = in_front + message.size();
        MarkedByException mark(io.desynchronised().sending);
        const Progress sent = detail::send_whole(io, out_.view(), message);
        out_.consume(sent.done < in_front ? sent.done : in_front);
        if (sent.done > waiting && !sent.all(all)) {
            const ByteView rest = message.subspan(sent.done < in_front ? 0 : sent.done - in_front);
            out_.reserve(rest.size());
            out_.append(rest.data(), rest.size());
        }
        mark.no_exception();
        return sent.all(all) ? Result<void>() : unfinished(io, sent, waiting, all - waiting);
    }

    template <class Io> [[gnu::noinline, gnu::cold]] Result<void> flush_nothing(Io& io) {
        return io.desynchronised().sending ? refused(io) : Result<void>();
    }
    template <class Io> [[gnu::noinline]] Result<void> flush_rest(Io& io, IoResult tried) {
        const std::size_t size = out_.size();
        const Progress sent = send_rest(io, tried);
        if (sent.all(size)) return {};
        return detail::transfer_error(io, sent, Operation::send, size);
    }
    template <class Io> [[gnu::noinline]] Result<void> send_rest_of(Io& io, IoResult tried, ByteView message) {
        return send_rest_of_frame(io, tried, detail::frame_size(codec_, message));
    }
    template <class Io> [[gnu::noinline]] Result<void> send_rest_of_frame(Io& io, IoResult tried, std::size_t frame) {
        const std::size_t size = out_.size();
        const Progress sent = send_rest(io, tried);
        return sent.all(size) ? Result<void>() : unfinished(io, sent, size - frame, frame);
    }
    /// After a first step that leaves something to do.
    template <class Io> Progress send_rest(Io& io, IoResult tried) {
        const std::size_t size = out_.size();
        Progress sent{size, tried};
        if (!tried.all(size)) {
            MarkedByException mark(io.desynchronised().sending);
            sent = detail::send_rest(io, out_.view(), {}, tried);
            mark.no_exception();
        }
        out_.consume(sent.done);
        if (!sent.all(size)) return sent;
        out_.clear();  // back to its front: what is queued next would have to be moved there otherwise
        const bool held_large = out_.capacity() > size_.max_size() + large_message_size;
        if (held_large || size_.is_oversized(size, out_.capacity())) out_ = {};
        return sent;
    }
    /// What a call comes to whose message, `frame` bytes behind `waiting` others, was not sent whole.
    template <class Io>
    [[gnu::noinline, gnu::cold]] Result<void> unfinished(Io& io, Progress sent, std::size_t waiting,
                                                         std::size_t frame) {
        const bool has_begun = sent.done > waiting;
        if (!has_begun) out_.truncate(waiting - sent.done);
        bool& mark = io.desynchronised().sending;
        mark = has_begun;
        Error error = detail::transfer_error(io, sent, Operation::send, 0).with_progress(0, frame);
        if (!has_begun) return error;
        // The time of the call is over, and nothing is wrong with the stream: flush() goes on.
        const std::error_code code = error.code();
        mark = code != Errc::deadline_exceeded && code != Errc::cancelled && !error.would_block();
        if (!mark) return {};
        return std::move(error).with_progress(sent.done - waiting, frame).as_permanent();
    }
    FrameCodec<Format> codec_;
    Buffer out_;
    AdaptiveSize size_;
};
}  // namespace sockboot::inline v0_2::detail
