// SPDX-License-Identifier: MIT
// MessageChannel: a stream with buffers, for many small messages: many of them for one system call, received without a
// copy, and taken up again where a timeout left off.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>  // std::move

#include "byte_view.hpp"
#include "delimiter.hpp"
#include "detail/buffer.hpp"
#include "detail/framed.hpp"
#include "framing.hpp"
#include "length_prefix.hpp"
#include "result.hpp"
#include "socket.hpp"
#include "transfer.hpp"

namespace sockboot {

/// What a MessageChannel may be told.
struct ChannelOptions {
    /// Bytes that one receive asks for. Larger messages are received all the same, in a buffer that grows with them.
    std::size_t receive_buffer = std::size_t{256} << 10;

    /// Bytes that queue() collects before it sends them. More is not faster: the peer would be given the time to fall
    /// asleep.
    std::size_t send_buffer = std::size_t{96} << 10;

    /// How long a call stays awake before it sleeps; see Socket::set_spin. Zero (default): as the stream was told.
    std::chrono::microseconds spin{0};
};

/// A stream and its messages, with a buffer for each direction.
///
/// The stream's timeout holds for each call as a whole. A receive that times out inside a message can be called again,
/// and goes on where it stopped; so does flush(). What is queued and not flushed is lost with the channel.
/// The receive buffer grows to the largest message that came, and stays so.
/// Threads: one sender and one receiver at a time, as with the stream itself.
template <Stream S = Socket>
class MessageChannel {
public:
    explicit MessageChannel(S stream, const LengthPrefix& format = {}, const ChannelOptions& options = {})
        : stream_(std::move(stream)),
          decoder_(format),
          format_(format),
          // The largest message of the format that nearly everybody uses which is copied, and one more.
          plain_end_(detail::is_plain(format) ? (format.limit() < large_size ? format.limit() + 1 : large_size) : 0) {
        expects_small_ = plain_end_ != 0;
        configure(options);
    }
    MessageChannel(S stream, const Delimiter& delimiter, const ChannelOptions& options = {})
        : stream_(std::move(stream)), decoder_(delimiter), delimiter_(delimiter), delimited_(true) {
        configure(options);
    }

    /// The stream itself: to set its timeout, to shut it down, to close it. Bytes that are sent or received past the
    /// channel are missing in it.
    [[nodiscard]] S& stream() noexcept { return stream_; }
    [[nodiscard]] const S& stream() const noexcept { return stream_; }

    // --- sending ---

    /// Sends what is queued, and `message` behind it, in one system call where the kernel has room for it.
    ///
    /// Errors:  message_too_large, or a message that holds its delimiter: nothing was sent. deadline_exceeded,
    ///          would-block or cancelled: the message was taken, what is left of it stays queued, and flush() goes on.
    ///          broken pipe, connection reset.
    /// Calls:   sendmsg(2); poll(2) where there is no room and a timeout.
    void send(ByteView message) { try_send(message).value(); }
    Result<void> try_send(ByteView message);

    /// Puts `message` behind those that wait to be sent. Where the buffer is full, it is sent first; a large message
    /// (16 KiB) with its length in front goes out at once, behind what is queued, and is not copied.
    ///
    /// Errors:  message_too_large, or a message that holds its delimiter. deadline_exceeded, would-block or cancelled:
    ///          the buffer is full and the message was not taken: call it again once flush() has made room.
    void queue(ByteView message) { try_queue(message).value(); }
    Result<void> try_queue(ByteView message);

    /// Sends all that is queued. Errors: as send(); what could not be sent stays queued.
    void flush() { try_flush().value(); }
    Result<void> try_flush();

    /// Bytes that wait to be sent.
    [[nodiscard]] std::size_t queued() const noexcept { return out_.size(); }

    // --- receiving ---

    /// The next message, where it lies in the buffer; nullopt: the peer closed between two messages. The view is valid
    /// until the next receive.
    ///
    /// Errors:  truncated: the peer closed inside a message. message_too_large, until skip(); malformed_length.
    ///          deadline_exceeded, would-block or cancelled: what has come of the message is kept, and the next call
    ///          goes on with it.
    /// Calls:   none where a message lies in the buffer; else recv(2), and poll(2) where there is a timeout.
    [[nodiscard]] std::optional<std::string_view> receive_view() {
        if (const std::string_view message = decoder_.next_plain(); message.data() != nullptr) return message;
        FirstTry first;
        if (const std::string_view message = receive_small(first); message.data() != nullptr) return message;
        return receive_any(first).value();
    }
    [[nodiscard]] Result<std::optional<std::string_view>> try_receive_view() {
        if (const std::string_view message = decoder_.next_plain(); message.data() != nullptr)
            return std::optional<std::string_view>(message);
        FirstTry first;
        if (const std::string_view message = receive_small(first); message.data() != nullptr)
            return std::optional<std::string_view>(message);
        return receive_any(first);
    }

    /// The next message as a string of the caller's own.
    [[nodiscard]] std::optional<std::string> receive() { return try_receive().value(); }
    [[nodiscard]] Result<std::optional<std::string>> try_receive();

    /// The next message into `into`, whose storage is used again; false: the peer closed between two messages.
    bool receive(std::string& into) { return try_receive(into).value(); }
    Result<bool> try_receive(std::string& into);

    /// After message_too_large: throws that message away and goes on behind it; false where there is none to skip.
    bool skip() { return decoder_.skip(); }

    /// Bytes that have come and were not given back: 0 at a message boundary.
    [[nodiscard]] std::size_t pending() const noexcept { return decoder_.pending(); }

private:
    /// Messages from this size on are sent as they lie, and received by calls of their own: a copy costs more.
    static constexpr std::size_t large_size = std::size_t{16} << 10;
    static constexpr std::size_t least_buffer = 512;

    /// A call of the stream that was made before the long way began, and what it came to.
    struct FirstTry {
        bool made = false;
        detail::os::Moved moved;
    };

    void configure(const ChannelOptions& options);

    /// With a delimiter behind it there would be three pieces to send, and it has been searched for it anyway.
    [[nodiscard]] bool is_large(ByteView message) const noexcept { return message.size() >= large_size && !delimited_; }
    [[nodiscard]] bool append_plain(ByteView message) noexcept;
    void append_frame(ByteView message);
    void append_prefix(std::size_t size, std::size_t more);
    [[nodiscard]] Result<void> check(ByteView message);
    [[nodiscard]] Result<void> queue_any(ByteView message);
    [[nodiscard]] Result<void> send_any(ByteView message);
    enum class Unsent : bool { dropped, queued };
    [[nodiscard]] Result<void> send_large(ByteView message, Unsent unsent);
    [[nodiscard]] Result<void> flush_any(FirstTry first);

    [[nodiscard]] std::string_view receive_small(FirstTry& first);
    [[nodiscard]] Result<std::optional<std::string_view>> receive_any(FirstTry first);
    [[nodiscard]] std::size_t next_size(bool& whole) const noexcept;
    [[nodiscard]] Error inside_message(Error error) const;

    S stream_;

    FrameDecoder decoder_;
    std::size_t receive_size_ = 0;
    std::uint64_t last_frame_ = 0;  ///< bytes of the last one that had to be received
    bool expects_small_ = false;    ///< the next one is plain, and no large one

    detail::Buffer out_;
    std::size_t send_size_ = 0;
    LengthPrefix format_;
    std::uint64_t plain_end_ = 0;  ///< append_plain() is for messages below this size
    Delimiter delimiter_{std::string_view()};
    bool delimited_ = false;  ///< the format is delimiter_, not format_
};

template <Stream S>
void MessageChannel<S>::configure(const ChannelOptions& options) {
    receive_size_ = options.receive_buffer > least_buffer ? options.receive_buffer : least_buffer;
    send_size_ = options.send_buffer > least_buffer ? options.send_buffer : least_buffer;
    if constexpr (requires { stream_.set_spin(options.spin); })
        if (options.spin.count() != 0) stream_.set_spin(options.spin);
}

// --- sending -----------------------------------------------------------------------------------------------------

/// Copies a message as nearly everybody sends them; false where it is another one, or the buffer is full.
template <Stream S>
inline bool MessageChannel<S>::append_plain(ByteView message) noexcept {
    constexpr std::size_t width = detail::PlainPrefix::width;
    const std::size_t frame = width + message.size();
    if (message.size() >= plain_end_ || frame > out_.room() || out_.size() + frame > send_size_) return false;
    std::byte* const place = out_.end();
    detail::store(message.size(), place, width, std::endian::big);
    if (!message.empty()) std::memcpy(place + width, message.data(), message.size());
    out_.commit(frame);
    return true;
}

/// Whether `message` can be sent at all.
template <Stream S>
Result<void> MessageChannel<S>::check(ByteView message) {
    if (detail::is_desynchronised(stream_, Operation::send))
        return detail::about(stream_, Error(Errc::desynchronised, Operation::send));
    if (delimited_) {
        auto possible = delimiter_.check(message);
        return possible ? std::move(possible) : detail::about(stream_, std::move(possible).error());
    }
    if (detail::can_be_sent(message.size(), format_)) return {};
    return detail::about(stream_, detail::no_prefix(message.size(), format_));
}

/// Queues what comes in front of a message of `size` bytes, and makes room for `more` bytes behind it.
template <Stream S>
void MessageChannel<S>::append_prefix(std::size_t size, std::size_t more) {
    detail::EncodedPrefix prefix;
    prefix.size = 0;
    if (!delimited_) prefix = detail::encode_prefix(size, format_);
    const std::size_t wanted = prefix.size + more + delimiter_.bytes().size();
    out_.reserve(out_.capacity() == 0 && wanted < send_size_ ? send_size_ : wanted);
    out_.append(prefix.bytes.data(), prefix.size);
}

template <Stream S>
void MessageChannel<S>::append_frame(ByteView message) {
    append_prefix(message.size(), message.size());
    out_.append(message.data(), message.size());
    if (delimited_) out_.append(delimiter_.bytes().data(), delimiter_.bytes().size());
}

template <Stream S>
inline Result<void> MessageChannel<S>::try_queue(ByteView message) {
    if (append_plain(message)) [[likely]]
        return {};
    return queue_any(message);
}

template <Stream S>
[[gnu::noinline]] Result<void> MessageChannel<S>::queue_any(ByteView message) {
    if (auto possible = check(message); !possible) return possible;
    if (is_large(message)) return send_large(message, Unsent::dropped);
    const std::size_t most = message.size() + detail::longest_prefix + delimiter_.bytes().size();
    if (out_.size() + most > send_size_)
        if (auto flushed = try_flush(); !flushed) return flushed;
    append_frame(message);
    return {};
}

/// Sends a large message as it lies, behind what is queued. Of what could not be sent in time, the rest of a message
/// that has begun is queued; a message that has not begun is queued or dropped.
template <Stream S>
Result<void> MessageChannel<S>::send_large(ByteView message, Unsent unsent) {
    const std::size_t waiting = out_.size();
    append_prefix(message.size(), 0);
    const std::size_t before = out_.size();
    Deadline deadline = detail::deadline_of(stream_);
    auto first_step = detail::send_step(stream_, out_.view(), message, deadline);
    auto sent = detail::send_rest(stream_, out_.view(), message, deadline, std::move(first_step));
    const auto done = sent ? before + message.size() : static_cast<std::size_t>(sent.error().transferred());
    out_.consume(done < before ? done : before);
    if (done <= waiting && unsent == Unsent::dropped) {
        out_.truncate(waiting - done);
        return sent;
    }
    const ByteView rest = message.after(done < before ? 0 : done - before);
    out_.reserve(rest.size());
    out_.append(rest.data(), rest.size());
    const bool taken = unsent == Unsent::dropped && detail::ended_in_time(sent);
    return taken ? Result<void>() : std::move(sent);
}

template <Stream S>
inline Result<void> MessageChannel<S>::try_send(ByteView message) {
    if (append_plain(message)) [[likely]]
        return try_flush();
    return send_any(message);
}

template <Stream S>
[[gnu::noinline]] Result<void> MessageChannel<S>::send_any(ByteView message) {
    if (auto possible = check(message); !possible) return possible;
    if (is_large(message)) return send_large(message, Unsent::queued);
    append_frame(message);
    return try_flush();
}

template <Stream S>
inline Result<void> MessageChannel<S>::try_flush() {
    if (out_.empty()) return {};
    if constexpr (detail::MayBlock<S>)
        if (stream_.may_block() && !detail::is_desynchronised(stream_, Operation::send)) [[likely]] {
            const ByteView waiting = out_.view();
            const auto moved = stream_.send_once(waiting, {});
            if (!moved.all(waiting.size())) [[unlikely]]
                return flush_any({true, moved});
            out_.clear();
            return {};
        }
    return flush_any({});
}

template <Stream S>
[[gnu::noinline]] Result<void> MessageChannel<S>::flush_any(FirstTry first) {
    if (detail::is_desynchronised(stream_, Operation::send))
        return detail::about(stream_, Error(Errc::desynchronised, Operation::send));
    Deadline deadline = detail::deadline_of(stream_);
    auto first_step = [&] {
        if constexpr (detail::MayBlock<S>)
            if (first.made) return stream_.finish_send(first.moved, out_.view(), {}, deadline);
        return detail::send_step(stream_, out_.view(), {}, deadline);
    };
    auto sent = detail::send_rest(stream_, out_.view(), {}, deadline, first_step());
    out_.consume(sent ? out_.size() : static_cast<std::size_t>(sent.error().transferred()));
    return sent;
}

// --- receiving ---------------------------------------------------------------------------------------------------

/// The next message in the format that nearly everybody uses, if one receive, at a boundary and where no large message
/// is to be expected, brings it whole. Else a view of nothing, with no address.
template <Stream S>
[[gnu::noinline]] std::string_view MessageChannel<S>::receive_small(FirstTry& first) {
    if constexpr (detail::MayBlock<S>)
        if (expects_small_ && stream_.may_block() && decoder_.pending() == 0 &&
            !detail::is_desynchronised(stream_, Operation::receive)) [[likely]] {
            const auto moved = stream_.recv_once(decoder_.prepare(receive_size_), false);
            if (!moved.any()) [[unlikely]]
                return first = {true, moved}, std::string_view();
            decoder_.commit(moved.bytes());
            return decoder_.next_plain();
        }
    return {};
}

/// How many bytes to ask for next, and whether to wait for all of them.
template <Stream S>
std::size_t MessageChannel<S>::next_size(bool& whole) const noexcept {
    const std::uint64_t expected = decoder_.expected();
    const std::uint64_t missing = expected > decoder_.pending() ? expected - decoder_.pending() : 0;
    // Of a large message exactly the rest, to where it belongs, so that nothing of the next one has to be moved.
    whole = expected >= large_size;
    if (whole) return static_cast<std::size_t>(missing);
    // Behind a large message there mostly comes another one like it.
    const bool after_large = decoder_.pending() == 0 && last_frame_ >= large_size;
    if (after_large && last_frame_ < receive_size_) return static_cast<std::size_t>(last_frame_);
    const std::size_t rest = receive_size_ - (decoder_.pending() < receive_size_ ? decoder_.pending() : 0);
    return missing < rest ? rest : static_cast<std::size_t>(missing);
}

template <Stream S>
[[gnu::noinline]] Result<std::optional<std::string_view>> MessageChannel<S>::receive_any(FirstTry first) {
    if (detail::is_desynchronised(stream_, Operation::receive))
        return detail::about(stream_, Error(Errc::desynchronised, Operation::receive));
    Deadline deadline = detail::deadline_of(stream_);
    for (bool received = false;; received = true) {
        const std::size_t before = decoder_.pending();
        auto next = decoder_.try_next();
        if (!next) return detail::about(stream_, std::move(next).error());
        if (*next) {
            last_frame_ = before - decoder_.pending();
            expects_small_ = plain_end_ != 0 && last_frame_ < large_size;
            return next;
        }
        // A peer that drips would never let it look at the clock.
        if (received && deadline.expired())
            return detail::about(stream_, inside_message(Error(Errc::deadline_exceeded, Operation::receive)));
        bool whole = false;
        const std::size_t size = next_size(whole);
        const std::span<std::byte> room = decoder_.prepare(size);
        auto step = [&]() -> Result<std::size_t> {
            if constexpr (detail::MayBlock<S>)
                if (first.made && !received) return stream_.finish_recv(first.moved, room, deadline, whole);
            return detail::recv_step(stream_, room, deadline, whole);
        };
        auto got = step();
        if (!got) return inside_message(std::move(got).error());
        if (*got == 0) {
            if (decoder_.at_boundary()) return std::optional<std::string_view>();
            return detail::about(stream_, inside_message(Error(Errc::truncated, Operation::receive)));
        }
        decoder_.commit(*got);
    }
}

/// An error with how much has come of the message that it met.
template <Stream S>
Error MessageChannel<S>::inside_message(Error error) const {
    const std::uint64_t expected = decoder_.expected();
    const std::uint64_t pending = decoder_.pending();
    const std::uint64_t prefix = delimited_ ? 0 : format_.width == LengthPrefix::varint ? pending + 1 : format_.width;
    return std::move(error).with_progress(pending, expected != 0 ? expected : pending != 0 ? prefix : 0);
}

template <Stream S>
Result<bool> MessageChannel<S>::try_receive(std::string& into) {
    auto message = try_receive_view();
    if (!message) return std::move(message).error();
    into.assign(*message ? **message : std::string_view());
    return message->has_value();
}

template <Stream S>
Result<std::optional<std::string>> MessageChannel<S>::try_receive() {
    auto message = try_receive_view();
    if (!message) return std::move(message).error();
    if (!*message) return std::optional<std::string>();
    return std::optional<std::string>(**message);
}

}  // namespace sockboot
