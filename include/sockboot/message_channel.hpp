// SPDX-License-Identifier: MIT
// MessageChannel: a stream with buffers, for many small messages: many of them for one system call, received without a
// copy, and taken up again after a time-out.
#pragma once

#include <optional>
#include <shared_mutex>  // std::chrono without the calendar: see sockboot.hpp
#include <span>
#include <type_traits>
#include "byte_view.hpp"
#include "detail/framing/message_reader.hpp"
#include "detail/framing/message_writer.hpp"
#include "detail/stream_io.hpp"
#include "length_prefix.hpp"
#include "result.hpp"
#include "socket.hpp"
#include "stream.hpp"

namespace sockboot::inline v0_2 {
/// What a MessageChannel may be told.
struct ChannelOptions {
    /// Bytes that one receive asks for, at most: it begins with 1 KiB, and grows while the peer fills them. Larger
    /// messages are received all the same, in a buffer that grows with them.
    std::size_t receive_buffer = std::size_t{256} << 10;
    /// Bytes that queue() collects before it sends them. More is not faster: the peer would go idle in the meantime.
    std::size_t send_buffer = std::size_t{96} << 10;
    /// How long a call busy-polls before it blocks; see SocketBase::set_spin. Zero (default): as the stream was told.
    std::chrono::microseconds spin{0};
};

/// What MessageChannel::release() gives back.
template <Stream S> struct ReleasedStream {
    S stream;
    std::string unread;  ///< bytes that had been received and were not given out
};

/// A stream and its messages, with a buffer for each direction. The format is a LengthPrefix (the default) or a
/// Delimiter, and is deduced: MessageChannel channel(std::move(socket), Delimiter("\n")).
///
/// The stream's timeout holds for each call as a whole. A receive that times out inside a message can be called again,
/// and goes on where it stopped; so does flush(). A send() or queue() that fails has not taken its message. What is
/// queued and not flushed is lost with the channel.
/// The buffers begin with 1 KiB, grow with what is queued and received, and are given back when they are empty and no
/// longer needed.
/// Threads: one sender and one receiver at a time, as with the stream itself.
template <Stream S = Socket, class Format = LengthPrefix> class MessageChannel {
public:
    explicit MessageChannel(S stream, const Format& format = {}, const ChannelOptions& options = {})
        : stream_(std::move(stream)), reader_(format, options.receive_buffer), writer_(format, options.send_buffer) {
        if constexpr (requires { stream_.set_spin(options.spin); })
            if (options.spin.count() != 0) stream_.set_spin(options.spin);
        hand_over(detail::Receiving::in_order, detail::Receiving::by_channel);
    }
    /// One that goes on where another channel has stopped, in a format of another type and without losing a byte:
    /// MessageChannel lines(std::move(channel).release(), Delimiter("\n")).
    explicit MessageChannel(ReleasedStream<S> released, const Format& format = {}, const ChannelOptions& options = {})
        : MessageChannel(std::move(released.stream), format, options) {
        reader_.feed(released.unread);
    }

    // --- the stream and the format ---
    /// The stream itself: to set its timeout, to shut it down, to close it. A Socket refuses to receive past its
    /// channel, which may have read ahead: receive_exact() and receive_rest() are for that. What is sent past it comes
    /// before what is queued.
    [[nodiscard]] S& stream() noexcept { return stream_; }
    [[nodiscard]] const S& stream() const noexcept { return stream_; }
    /// Takes the stream out, with the bytes that were read ahead, for another engine to go on with. What is queued is
    /// lost: flush() first. auto [stream, unread] = std::move(channel).release();
    [[nodiscard]] ReleasedStream<S> release() && {
        std::string unread = reader_.release();
        hand_over(detail::Receiving::by_channel, detail::Receiving::in_order);
        return {std::move(stream_), std::move(unread)};
    }

    /// Another format of the same type, or another limit, from the next message on, both ways. What is queued stays as
    /// it is written.
    void set_format(const Format& format) { reader_.set_format(format), writer_.set_format(format); }
    void set_max_size(std::uint64_t max_size) { reader_.set_max_size(max_size), writer_.set_max_size(max_size); }

    /// One deadline over every call on this channel until the end of the scope, where the stream has it: see
    /// SocketBase::within. A message that lies in the buffer is given out without a look at the clock.
    [[nodiscard]] auto within(Timeout timeout) noexcept
        requires requires(S& stream) { stream.within(timeout); }
    {
        return stream_.within(timeout);
    }

    // --- sending ---
    // An error means that the message was not taken: not a byte of it was sent, nothing of it is queued, and it may be
    // handed in again. Success means that it was taken. What was queued before stays queued.
    // One failure is of the stream and not of the message: a broken connection, or an exception of the stream's own,
    // inside a message. The peer has a part of it then, and every later send(), queue() and flush() is refused with
    // desynchronised.

    /// Sends what is queued, and `message` behind it, in one system call where the kernel has room for it. Where the
    /// time runs out inside the message, the rest of it is queued, queued() says so, and flush() goes on.
    ///
    /// Errors:  message_too_large, or a message that holds its delimiter. deadline_exceeded, would-block or cancelled
    ///          before the first byte of the message. broken pipe, connection reset.
    /// Calls:   send(2), sendmsg(2) for a large message; poll(2) where there is no room and a timeout.
    [[gnu::always_inline]] inline void send(ByteView message) { try_send(message).value(); }
    [[gnu::always_inline]] inline Result<void> try_send(ByteView message) {
        auto io = steps();
        return writer_.try_send(io, message);
    }
    /// Puts `message` behind those that wait to be sent. Where the buffer is full, it is sent first; a large message
    /// (16 KiB) with nothing behind it goes out at once, behind what is queued, and is not copied.
    ///
    /// Errors:  as send(): the buffer is full, and there was no room for what is in it.
    [[gnu::always_inline]] inline void queue(ByteView message) { try_queue(message).value(); }
    [[gnu::always_inline]] inline Result<void> try_queue(ByteView message) {
        auto io = steps();
        return writer_.try_queue(io, message);
    }
    /// Sends all that is queued. Errors: as send(); what could not be sent stays queued.
    [[gnu::always_inline]] inline void flush() { try_flush().value(); }
    [[gnu::always_inline]] inline Result<void> try_flush() {
        auto io = steps();
        return writer_.try_flush(io);
    }
    /// Bytes as they are, with nothing around them: what a line has announced, say. Else as send() and queue().
    void send_exact(ByteView bytes) { try_send_exact(bytes).value(); }
    Result<void> try_send_exact(ByteView bytes) {
        auto io = steps();
        return writer_.try_send_exact(io, bytes);
    }
    void queue_exact(ByteView bytes) { try_queue_exact(bytes).value(); }
    Result<void> try_queue_exact(ByteView bytes) {
        auto io = steps();
        return writer_.try_queue_exact(io, bytes);
    }
    /// Bytes that wait to be sent.
    [[nodiscard]] std::size_t queued() const noexcept { return writer_.queued(); }

    // --- receiving ---
    /// The next message, where it lies in the buffer; nullopt: the peer closed between two messages. The view is valid
    /// until the next receive.
    ///
    /// Errors:  truncated: the peer closed inside a message. message_too_large, until skip(); malformed_length.
    ///          deadline_exceeded, would-block or cancelled: what has come of the message is kept, and the next call
    ///          goes on with it.
    /// Calls:   none where a message lies in the buffer; else recv(2), and poll(2) where there is a timeout.
    [[nodiscard, gnu::always_inline]] inline std::optional<std::string_view> receive_view() {
        auto io = steps();
        return reader_.receive(io);
    }
    [[nodiscard, gnu::always_inline]] inline Result<std::optional<std::string_view>> try_receive_view() {
        auto io = steps();
        return reader_.try_receive(io);
    }
    /// The next message as a string of the caller's own. Where there is no memory for it, the next receive gives it.
    [[nodiscard]] std::optional<std::string> receive() { return try_receive().value(); }
    [[nodiscard]] Result<std::optional<std::string>> try_receive();
    /// The next message into `into`, whose storage is used again; false: the peer closed between two messages.
    bool receive(std::string& into) { return try_receive(into).value(); }
    Result<bool> try_receive(std::string& into);
    /// After message_too_large: throws that message away and goes on behind it; false where there is none to skip.
    bool skip() { return reader_.skip(); }
    /// The next `count` bytes as they are, whatever frames lie in them, as a view that is valid until the next receive.
    ///
    /// Errors:  closed, truncated: the stream ended before or among them. deadline_exceeded, would-block or cancelled:
    ///          what has come is kept, and the next call goes on with it.
    [[nodiscard]] std::string_view receive_exact(std::size_t count) { return try_receive_exact(count).value(); }
    [[nodiscard]] Result<std::string_view> try_receive_exact(std::size_t count) {
        auto io = steps();
        return reader_.try_receive_exact(io, count);
    }
    /// The same into `buffer`, without a copy of what has not come yet. After an error, transferred() bytes are in it.
    void receive_exact(std::span<std::byte> buffer) { try_receive_exact(buffer).value(); }
    Result<void> try_receive_exact(std::span<std::byte> buffer) {
        auto io = steps();
        return reader_.try_receive_exact(io, buffer);
    }
    /// All that comes until the peer closes, what has come already among it: the piece behind the last delimiter, say.
    /// Errors: message_too_large, over the format's limit; deadline_exceeded and its kin. What has come is kept.
    [[nodiscard]] std::string receive_rest() { return try_receive_rest().value(); }
    [[nodiscard]] Result<std::string> try_receive_rest() {
        auto io = steps();
        return reader_.try_receive_rest(io);
    }
    /// The bytes that have come and were not given out; the view is valid until the next receive.
    [[nodiscard]] std::string_view unread() const noexcept { return reader_.unread(); }
    /// How many they are: 0 at a message boundary.
    [[nodiscard]] std::size_t pending() const noexcept { return reader_.pending(); }

private:
    /// The steps of the stream, and where it is kept that it stands inside a message.
    [[nodiscard, gnu::always_inline]] inline auto steps() noexcept {
        if constexpr (std::is_constructible_v<detail::StreamIo<S>, S&, detail::Desynchronised&>)
            return detail::StreamIo<S>(stream_, desynchronised_);
        else
            return detail::StreamIo<S>(stream_);
    }

    /// Who may receive on the stream, where it has a place for that.
    void hand_over(detail::Receiving from, detail::Receiving to) noexcept {
        auto& receiving = steps().desynchronised().receiving;
        if (receiving == from) receiving = to;
    }

    S stream_;
    detail::Desynchronised desynchronised_;  ///< of a stream that has no place of its own for it
    detail::MessageReader<Format> reader_;
    detail::MessageWriter<Format> writer_;
};

template <Stream S, class Format = LengthPrefix>
explicit MessageChannel(S, const Format& = {}, const ChannelOptions& = {}) -> MessageChannel<S, Format>;
template <Stream S, class Format = LengthPrefix>
explicit MessageChannel(ReleasedStream<S>, const Format& = {}, const ChannelOptions& = {}) -> MessageChannel<S, Format>;

template <Stream S, class Format> Result<bool> MessageChannel<S, Format>::try_receive(std::string& into) {
    auto message = try_receive_view();
    if (!message.has_value()) return std::move(message).error();
    if (*message)
        reader_.copy(**message, into);
    else
        into.clear();
    return message->has_value();
}

template <Stream S, class Format> Result<std::optional<std::string>> MessageChannel<S, Format>::try_receive() {
    std::string message;
    auto got = try_receive(message);
    if (!got.has_value()) return std::move(got).error();
    return *got ? std::optional<std::string>(std::move(message)) : std::nullopt;
}
}  // namespace sockboot::inline v0_2
