// SPDX-License-Identifier: MIT
// FrameDecoder and append_frame: bytes of any cut to messages, and back. No I/O and no clock: for programs with an
// event loop of their own; MessageChannel, recv_message and send_message do the same over a stream.
#pragma once

#include <array>
#include <optional>
#include <span>
#include "byte_view.hpp"
#include "delimiter.hpp"
#include "detail/buffer.hpp"
#include "detail/framing/frame_codec.hpp"
#include "length_prefix.hpp"
#include "result.hpp"

namespace sockboot::inline v0_2 {
/// Takes bytes in whatever pieces they arrive, gives them back message by message. The format is a LengthPrefix or a
/// Delimiter, and is deduced: FrameDecoder decoder(Delimiter("\n")).
///
/// The memory it holds follows the bytes that came, never the lengths that they claim. Moving takes the bytes along;
/// what is left behind is at a boundary.
/// Threads: one at a time.
template <class Format = LengthPrefix> class FrameDecoder {
public:
    /// A format that cannot be used is reported by next().
    explicit FrameDecoder(const Format& format = {}) : codec_(format) {}
    /// Adds bytes, of any cut.
    void feed(ByteView bytes) {
        buffer_.reserve(bytes.size());
        buffer_.append(bytes.data(), bytes.size());
        commit(0);
    }
    /// The same without a copy, for bytes that come from a system call: room for `size` of them, to be filled from its
    /// front, and then commit() with how many came. Where a message is being collected there may be less room than was
    /// asked for: no more than as much again as has come, or 64 KiB.
    template <class Byte = std::byte>  // so that making a std::span costs compile time only where it is called
    [[nodiscard]] std::span<Byte> prepare(std::size_t size) {
        const std::size_t room = make_room(size);
        return {buffer_.end(), room};
    }
    void commit(std::size_t size) noexcept {
        buffer_.commit(size);
        if (at_.skipping) [[unlikely]]
            drop_skipped();
    }
    /// The next message, or nullopt until more bytes have come. The view is valid until the next feed(), prepare() or
    /// reset().
    /// Errors: message_too_large, which stays until skip(), reset() or a larger limit; malformed_length, which stays
    ///         until reset(); std::errc::invalid_argument for a format that cannot be used.
    [[nodiscard]] std::optional<std::string_view> next() { return try_next().value(); }
    [[nodiscard]] Result<std::optional<std::string_view>> try_next() {
        if (const std::string_view message = next_inline(); message.data() != nullptr) [[likely]]
            return std::optional<std::string_view>(message);
        return next_or_error();
    }
    /// The next `count` bytes as they are, whatever frames lie in them, or nullopt until they have come: for protocols
    /// that mix frames and counted bytes. The view is as that of next().
    [[nodiscard]] std::optional<std::string_view> next_exact(std::size_t count) noexcept {
        if (at_.skipping || count > pending()) return std::nullopt;
        const std::string_view bytes = unread().substr(0, count);
        buffer_.consume(count);
        at_.expected = 0;
        at_.scanned = 0;
        return bytes;
    }
    /// After message_too_large: throws that message away, as its bytes come, and goes on behind it.
    /// Returns false where there is nothing that can be skipped.
    bool skip() {
        if (at_.skipping) return true;
        const detail::FrameExtent extent = codec_.locate(buffer_.view(), at_.scanned);
        if (extent.status == detail::FrameExtent::Status::malformed || extent.size <= codec_.limit() ||
            at_.expected != 0)
            return false;
        at_.skipping = true;
        drop_skipped();
        return true;
    }
    /// Forgets all bytes and errors, and gives the memory back.
    void reset() noexcept { buffer_ = {}, at_ = {}; }
    /// The bytes that came and have not been given back; the view is valid until the next feed(), prepare() or reset().
    [[nodiscard]] std::string_view unread() const noexcept { return buffer_.view().text(); }
    /// How many they are: 0 at a message boundary.
    [[nodiscard]] std::size_t pending() const noexcept { return buffer_.size(); }
    /// Bytes that the message which is being collected, with what surrounds it, will have; 0 while that is not known.
    [[nodiscard]] std::uint64_t expected() const noexcept { return at_.expected; }
    /// Whether the bytes so far end at a message boundary: what the end of the stream must find.
    [[nodiscard]] bool at_boundary() const noexcept { return pending() == 0 && !at_.skipping; }
    /// Another limit, from the next message on whose length has not been read yet.
    void set_max_size(std::uint64_t max_size) { codec_.set_max_size(max_size); }
    /// Another format from the next message on; bytes that have come are read in it. For a format of another type:
    /// FrameDecoder next(Delimiter("\n"), std::move(decoder)), which takes them over.
    void set_format(const Format& format) {
        codec_ = detail::FrameCodec<Format>(format);
        at_.expected = 0;
        at_.scanned = 0;
    }
    template <class Other>
    FrameDecoder(const Format& format, FrameDecoder<Other>&& before)
        : codec_(format), buffer_(std::move(before.buffer_)) {
        before.reset();
    }

private:
    friend class detail::MessageReader<Format>;
    template <class Other> friend class FrameDecoder;
    /// Where between two boundaries it stands. Moved away, it is at one again.
    struct Position {
        std::uint64_t expected = 0;   ///< bytes of the frame that is being collected, once its length has been accepted
        std::size_t scanned = 0;      ///< bytes of it in which its end is not
        std::uint64_t skip_size = 0;  ///< bytes that are still to be thrown away
        bool skipping = false;        ///< skip_size of them, or where that is 0 all up to the frame's end

        Position() noexcept = default;
        Position(Position&& other) noexcept { *this = std::move(other); }
        Position& operator=(Position&& other) noexcept {
            expected = std::exchange(other.expected, 0), scanned = std::exchange(other.scanned, 0);
            skip_size = std::exchange(other.skip_size, 0), skipping = std::exchange(other.skipping, false);
            return *this;
        }
    };
    /// The next message, where it has come whole, may be received, and is found without a call; else a view of nothing,
    /// with no address.
    [[nodiscard, gnu::always_inline]] inline std::string_view next_inline() noexcept {
        const detail::FrameExtent extent = codec_.locate_inline(buffer_.view());
        return has_whole(extent) ? take(extent) : std::string_view();
    }
    /// The same, however it is found; where there is none, next_or_error() says why.
    [[nodiscard, gnu::noinline]] std::string_view next_whole() noexcept {
        const detail::FrameExtent extent = codec_.locate_simple(buffer_.view());
        return has_whole(extent) ? take_joined(extent) : next_any();
    }
    /// Off the path of the simple formats, whose functions it would make slower.
    [[nodiscard, gnu::noinline]] std::string_view next_any() noexcept {
        const detail::FrameExtent extent = codec_.locate(buffer_.view(), at_.scanned);
        return has_whole(extent) ? take_joined(extent) : std::string_view();
    }
    [[nodiscard, gnu::always_inline]] inline bool has_whole(const detail::FrameExtent& extent) const noexcept {
        return extent.is_known() && codec_.admits(extent.size) &&
               extent.size + extent.trailer <= buffer_.size() - extent.header;
    }
    [[gnu::always_inline]] inline std::string_view take(const detail::FrameExtent& extent) noexcept {
        const auto size = static_cast<std::size_t>(extent.size);
        const std::string_view message(reinterpret_cast<const char*>(buffer_.data()) + extent.header, size);
        buffer_.consume(extent.header + size + extent.trailer);
        at_.expected = 0;
        at_.scanned = 0;
        return message;
    }
    /// The same for a format that may have a part of the message in front of the length.
    [[gnu::always_inline]] inline std::string_view take_joined(const detail::FrameExtent& extent) noexcept {
        codec_.join(buffer_.data(), extent);
        return take(extent);
    }
    /// Makes the message that was taken last the next one again; no room was asked for since.
    void give_back(std::string_view message) noexcept {
        std::array<std::byte, detail::FrameCodec<Format>::max_header + 1> front;
        const std::size_t size = codec_.write_header(front.data(), message);
        buffer_.restore(size + message.size() - codec_.before() + codec_.trailer().size());
        std::memcpy(buffer_.data(), front.data(), size);
    }
    [[gnu::noinline]] Result<std::optional<std::string_view>> next_or_error() {
        if (at_.skipping) return std::optional<std::string_view>();
        const detail::FrameExtent extent = codec_.locate(buffer_.view(), at_.scanned);
        const bool accepted_before = at_.expected != 0;  // under the limit of then
        const bool is_too_large = extent.size > codec_.limit();
        if (extent.status == detail::FrameExtent::Status::malformed || (is_too_large && !accepted_before))
            return codec_.failure(extent, buffer_.view());
        at_.scanned = extent.is_known() ? 0 : static_cast<std::size_t>(extent.size);
        at_.expected = extent.is_known() ? extent.total() : 0;
        if (!extent.is_known() || at_.expected > pending()) return std::optional<std::string_view>();
        return std::optional<std::string_view>(take_joined(extent));
    }
    /// Makes room for `size` bytes, or for as many as are sound; returns how many.
    std::size_t make_room(std::size_t size) {
        // What is announced is not trusted: storage doubles as the bytes for it come.
        if (!buffer_.empty() && expected() != 0) {
            constexpr std::size_t upfront = detail::max_upfront_allocation;
            const std::size_t sound = pending() > upfront ? pending() : upfront;
            const std::size_t owned = buffer_.capacity() - pending();
            const std::size_t max = sound > owned ? sound : owned;
            size = size < max ? size : max;
        }
        buffer_.reserve(size);
        return size;
    }
    /// Of a frame that is skipped, drops what has come.
    [[gnu::noinline]] void drop_skipped() noexcept {
        if (at_.skip_size == 0) {
            const detail::FrameExtent extent = codec_.locate(buffer_.view(), 0);
            if (!extent.is_known()) return buffer_.consume(static_cast<std::size_t>(extent.size));
            at_.skip_size = extent.total();
        }
        const std::uint64_t here = at_.skip_size < pending() ? at_.skip_size : pending();
        buffer_.consume(static_cast<std::size_t>(here));
        at_.skip_size -= here;
        at_.skipping = at_.skip_size != 0;
        at_.scanned = 0;
    }

    detail::FrameCodec<Format> codec_;
    detail::Buffer buffer_;  ///< what has not been given back
    Position at_;
};

template <class Format> explicit FrameDecoder(const Format&) -> FrameDecoder<Format>;
template <class Format, class Other> FrameDecoder(const Format&, FrameDecoder<Other>&&) -> FrameDecoder<Format>;
FrameDecoder() -> FrameDecoder<>;

/// Appends `message` to `to`, in which it must not lie, as one frame: what send_message() would send of it.
/// Errors: message_too_large, std::errc::invalid_argument for a format that cannot be used or a message that holds its
///         delimiter; `to` is as before.
template <class Format = LengthPrefix>
Result<void> try_append_frame(std::string& to, ByteView message, const Format& format = {}) {
    const detail::FrameCodec<Format> codec(format);
    if (!codec.accepts(message)) return codec.refusal(message);
    std::array<std::byte, detail::FrameCodec<Format>::max_header + 1> header;
    const ByteView front(header.data(), codec.write_header(header.data(), message));
    message = message.subspan(codec.before());
    const std::size_t size = to.size() + front.size() + message.size() + codec.trailer().size();
    if (size > to.capacity()) to.reserve(size > 2 * to.capacity() ? size : 2 * to.capacity());
    to.append(front.text()).append(message.text()).append(codec.trailer());
    return {};
}
template <class Format = LengthPrefix> void append_frame(std::string& to, ByteView message, const Format& format = {}) {
    sockboot::try_append_frame(to, message, format).value();
}
}  // namespace sockboot::inline v0_2
