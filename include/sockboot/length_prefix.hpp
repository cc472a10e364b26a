// SPDX-License-Identifier: MIT
// LengthPrefix: how the length of a message is written in front of it, and how it is read back from hostile bytes.
#pragma once

#include <bit>      // std::endian
#include <cstring>  // std::memcpy
#include <limits>
#include "byte_view.hpp"
#include "detail/framing/byte_order.hpp"
#include "detail/framing/frame_codec.hpp"
#include "detail/framing/wrong_peer.hpp"
#include "detail/text.hpp"
#include "result.hpp"

namespace sockboot::inline v0_2 {
/// How the length of a message is written in front of it, or into its header. Both sides must agree.
///
/// A message is all of its frame but the length: with bytes in front of the length, they are the message's first ones,
/// on sending as on receiving. Ready-made ones, of PostgreSQL, MQTT and others, are in formats.hpp.
struct LengthPrefix {
    /// For `width`: base 128, low bits first, as Protocol Buffers write delimited messages. 1 to 10 bytes.
    static constexpr unsigned varint = 128;
    static constexpr unsigned max_before = 32;
    static constexpr int max_counts_extra = 1024;
    /// Bytes of the length: 1, 2, 3, 4 or 8, or varint.
    unsigned width = 4;
    /// big is the network's order; a varint has none.
    std::endian order = std::endian::big;
    /// The largest message, in bytes, that is sent or received. A width that cannot count so far lowers it. Not 0.
    std::uint64_t max_size = std::uint64_t{16} << 20;
    /// Whether the length includes the bytes of the prefix itself. Not for a varint.
    bool counts_itself = false;
    /// Bytes of the frame in front of the length, such as a type or a marker: 0 (default) to 32.
    unsigned before = 0;
    /// What else the length counts beyond the bytes that follow it: 1 where it counts a type byte in front of it; below
    /// zero: so many of those that follow are left out, as a header behind the length may be. -1024 to 1024. Not for a
    /// varint.
    int counts_extra = 0;

    /// What the length counts beyond the bytes that follow it, in all.
    [[nodiscard]] constexpr std::int64_t extra() const noexcept { return before - uncounted(); }
    /// What a message has more than its length says.
    [[nodiscard, gnu::always_inline]] inline constexpr std::int64_t uncounted() const noexcept {
        return std::int64_t{before} - counts_extra - (counts_itself ? std::int64_t{width} : 0);
    }
    /// The smallest message: its header, as far as that is not the length.
    [[nodiscard]] constexpr std::uint64_t min_size() const noexcept {
        return uncounted() > std::int64_t{before} ? static_cast<std::uint64_t>(uncounted()) : before;
    }
    /// The largest message: max_size, or what the width can count to.
    [[nodiscard, gnu::always_inline]] inline constexpr std::uint64_t limit() const noexcept {
        const std::uint64_t max_of_8_bytes = (std::numeric_limits<std::uint64_t>::max)() >> 1;
        const std::uint64_t countable = width >= 8 ? max_of_8_bytes : (std::uint64_t{1} << (8 * width)) - 1;
        const std::uint64_t free = countable + static_cast<std::uint64_t>(uncounted());
        const std::uint64_t addressable = (std::numeric_limits<std::ptrdiff_t>::max)();
        const std::uint64_t possible = free < addressable ? free : addressable;
        return max_size < possible ? max_size : possible;
    }
    /// Whether this format can be used.
    [[nodiscard, gnu::always_inline]] inline constexpr bool is_usable() const noexcept {
        const bool known = (width >= 1 && width <= 4) || width == 8 || width == varint;
        return known && max_size != 0 && !(width == varint && (counts_itself || counts_extra != 0)) &&
               before <= max_before && counts_extra >= -max_counts_extra && counts_extra <= max_counts_extra &&
               (order == std::endian::big || order == std::endian::little);
    }
    /// The same, with what is wrong. Errors: std::errc::invalid_argument with the field.
    [[nodiscard]] Result<void> check() const;
};

namespace detail {
inline Error bad_format(std::string why) {
    return invalid_argument(Operation::parse, std::move(why)).with_context({}, "a length prefix");
}
inline constexpr std::size_t max_varint_size = 10;
inline constexpr std::size_t max_prefix_size = LengthPrefix::max_before + max_varint_size;

inline Error malformed_length(std::string why) {
    return Error(Errc::malformed_length, Operation::receive).with_note(std::move(why));
}

/// A LengthPrefix in two registers, for functions off the fast path: passed in memory, it would keep the compiler from
/// folding a format that it knows.
struct PackedPrefix {
    enum class Order : std::uint8_t { neither, big, little };
    std::uint64_t max_size;
    std::int32_t counts_extra;
    std::uint16_t width;
    std::uint8_t before;
    Order order : 4;
    bool counts_itself : 1;

    [[nodiscard, gnu::always_inline]] inline constexpr std::int64_t extra() const noexcept {
        return counts_extra + (counts_itself ? std::int64_t{width} : 0);
    }
    [[nodiscard]] constexpr std::endian endian() const noexcept {
        constexpr std::endian orders[] = {std::endian{}, std::endian::big, std::endian::little};
        return orders[static_cast<std::size_t>(order)];
    }
    [[nodiscard]] constexpr LengthPrefix unpacked() const noexcept {
        return {width, endian(), max_size, counts_itself, before, counts_extra};
    }
};
static_assert(sizeof(PackedPrefix) == 16, "two registers");

template <> class FrameCodec<LengthPrefix> {
public:
    static constexpr std::size_t max_header = max_prefix_size;
    [[gnu::always_inline]] inline explicit constexpr FrameCodec(const LengthPrefix& format) noexcept
        : format_{format.max_size,
                  format.counts_extra,
                  static_cast<std::uint16_t>(format.width < 0xFFFF ? format.width : 0xFFFF),
                  static_cast<std::uint8_t>(format.before < 0xFF ? format.before : 0xFF),
                  format.order == std::endian::big      ? PackedPrefix::Order::big
                  : format.order == std::endian::little ? PackedPrefix::Order::little
                                                        : PackedPrefix::Order::neither,
                  format.counts_itself},
          is_usable_(format.is_usable()),
          limit_(format.limit()),
          uncounted_(static_cast<std::uint64_t>(format.uncounted())) {
        if (static_cast<std::int64_t>(uncounted_) > format_.before) min_ = uncounted_;
        if (is_usable_ && min_ <= limit_) accepted_ = limit_ - min_ + 1;
        if (is_usable_ && format.width == 4 && format.order == std::endian::big && format.before <= 1)
            simple_front_ = format.before + 4U;
    }

    [[nodiscard]] Result<void> check() const { return format_.unpacked().check(); }
    [[nodiscard]] constexpr PackedPrefix packed() const noexcept { return format_; }
    [[nodiscard]] constexpr std::uint64_t limit() const noexcept { return limit_; }
    void set_max_size(std::uint64_t max_size) noexcept {
        LengthPrefix changed = format_.unpacked();
        changed.max_size = max_size;
        *this = FrameCodec(changed);
    }

    [[nodiscard]] constexpr bool is_usable() const noexcept { return is_usable_; }
    /// Whether its length is of 4 bytes, big-endian, with one byte of the message in front of it at most.
    [[nodiscard]] constexpr bool is_simple() const noexcept { return simple_front_ != no_front; }
    /// Bytes of a frame up to the end of its length; 0 where they must be read to tell, and for a format that cannot be
    /// used.
    [[nodiscard]] constexpr std::size_t front_size() const noexcept {
        return is_usable_ && format_.width != LengthPrefix::varint ? format_.before + format_.width : 0U;
    }
    /// Bytes of a message that stand in front of its length.
    [[nodiscard]] constexpr std::size_t before() const noexcept { return format_.before; }
    [[nodiscard]] constexpr bool accepts(ByteView message) const noexcept { return admits(message.size()); }
    [[nodiscard]] constexpr bool admits(std::uint64_t size) const noexcept { return size - min_ < accepted_; }
    [[nodiscard]] Error refusal(ByteView message) const {
        if (auto usable = check(); !usable) return std::move(usable).error();
        if (message.size() > limit_) return message_too_large_to_send(message.size(), limit_);
        return invalid_argument(Operation::send, concat({"the message has ", std::to_string(message.size()),
                                                         " bytes, the header of this format alone ",
                                                         std::to_string(min_), "; nothing was sent"}));
    }
    /// Writes the front of an accepted message's frame; returns its size. What follows it is the rest of the message,
    /// from before() on.
    [[gnu::always_inline]] inline std::size_t write_header(std::byte* to, ByteView message) const noexcept {
        if (!is_simple()) return write_any(format_, to, message);
        store_big_32(static_cast<std::uint32_t>(message.size() - uncounted_), to + simple_front_ - 4);
        if (simple_front_ != 4) *to = *message.data();
        return simple_front_;
    }
    /// The same where that is a length of 4 bytes, big-endian, and nothing else; or no_header.
    [[gnu::always_inline]] inline std::size_t write_header_inline(std::byte* to, ByteView message) const noexcept {
        if (simple_front_ != 4) return no_header;
        store_big_32(static_cast<std::uint32_t>(message.size() - uncounted_), to);
        return 4;
    }
    /// Makes one of a frame that has come: moves what stands in front of its length behind that.
    [[gnu::always_inline]] inline void join(std::byte* frame, const FrameExtent& extent) const noexcept {
        move_few(frame + extent.header, frame, before());
    }
    [[nodiscard]] static constexpr std::string_view trailer() noexcept { return {}; }
    /// A whole prefix of a simple format with nothing in front of the length; unknown: there is none. A length that
    /// does not count what it must makes a size that is not admitted.
    [[nodiscard, gnu::always_inline]] inline FrameExtent locate_inline(ByteView bytes) const noexcept {
        if (bytes.size() < 4 || simple_front_ != 4) return {};
        return known(4, load_big_32(bytes.data()) + uncounted_);
    }
    /// The same of any simple format.
    [[nodiscard, gnu::always_inline]] inline FrameExtent locate_simple(ByteView bytes) const noexcept {
        if (bytes.size() < simple_front_) return {};
        return known(4, load_big_32(bytes.data() + simple_front_ - 4) + uncounted_);
    }
    /// The prefix at the front of `bytes`, as far as it has come.
    [[nodiscard, gnu::always_inline]] inline FrameExtent locate(ByteView bytes, std::size_t = 0) const noexcept {
        if (const FrameExtent found = locate_simple(bytes); found.is_known() && admits(found.size)) return found;
        return is_usable_ ? locate_any(format_, bytes) : malformed;
    }
    /// Why a frame is not received: a malformed prefix, or a message over the limit.
    [[nodiscard, gnu::cold]] Error failure(const FrameExtent& extent, ByteView bytes) const {
        if (auto usable = check(); !usable) return std::move(usable).error();
        const ByteView front = bytes.subspan(before());
        if (extent.is_known())
            return message_too_large_to_receive(
                extent.size, limit_,
                length_guess(bytes.text().substr(0, before() + extent.header), size_if_swapped(front),
                             format_.endian() == std::endian::big ? "little" : "big"));
        if (!is_varint())
            return malformed_length(short_length(load(front.data(), format_.width, format_.endian()), format_.extra(),
                                                 format_.counts_extra == 0));
        const bool ends = (front.data()[max_varint_size - 1] & std::byte{0x80}) == std::byte{};
        return malformed_length(ends ? "a varint that does not fit into 64 bits" : "a varint of more than 10 bytes");
    }
    /// What the bytes of a frame that does not come whole tell of the peer; empty: nothing.
    [[nodiscard, gnu::cold]] std::string guess(ByteView came, std::uint64_t missing, bool) const {
        if (const std::string other = protocol_guess(came.text()); !other.empty()) return "what came " + other;
        if (is_varint() || missing != format_.width || format_.extra() != 0) return {};
        return concat({"does the peer's length count its own ", std::to_string(missing), " bytes?"});
    }
    /// Bytes of a prefix of which `have` have come: of a varint nobody knows how many more.
    [[nodiscard]] std::uint64_t wanted_for_header(std::size_t have) const noexcept {
        if (!is_varint()) return before() + format_.width;
        return have > before() ? have + 1 : before() + 1;
    }

private:
    static constexpr FrameExtent known(std::size_t header, std::uint64_t message) noexcept {
        return {message, 0, static_cast<std::uint16_t>(header), FrameExtent::Status::known};
    }

    // Any format, static and with the format by value: the codec itself stays in registers.
    [[gnu::noinline]] static std::size_t write_any(PackedPrefix format, std::byte* to, ByteView message) noexcept {
        move_few(to, message.data(), format.before);
        std::byte* end = to + format.before;
        std::uint64_t length = message.size() - format.before + static_cast<std::uint64_t>(format.extra());
        if (format.width != LengthPrefix::varint) {
            store(length, end, format.width, format.endian());
            return std::size_t{format.before} + format.width;
        }
        for (; length >= 0x80; length >>= 7) *end++ = static_cast<std::byte>((length & 0x7F) | 0x80);
        *end++ = static_cast<std::byte>(length);
        return static_cast<std::size_t>(end - to);
    }
    [[gnu::noinline]] static FrameExtent locate_any(PackedPrefix format, ByteView bytes) noexcept {
        if (format.width == LengthPrefix::varint) return locate_varint(format, bytes);
        if (bytes.size() < std::size_t{format.before} + format.width) return {};
        return frame_of(format, format.width, load(bytes.data() + format.before, format.width, format.endian()));
    }
    /// One with needless zero bytes at its end is taken, as Protocol Buffers take it.
    static FrameExtent locate_varint(PackedPrefix format, ByteView bytes) noexcept {
        std::uint64_t length = 0;
        for (std::size_t i = 0; format.before + i < bytes.size() && i < max_varint_size; ++i) {
            const auto byte = std::to_integer<std::uint64_t>(bytes.data()[format.before + i]);
            if (i == max_varint_size - 1 && byte > 1) return malformed;  // over 64 bits, or one more byte
            length |= (byte & 0x7F) << (7 * i);
            if ((byte & 0x80) == 0) return frame_of(format, i + 1, length);
        }
        return {};
    }
    /// The frame of so long a length, which is `size` bytes itself.
    static FrameExtent frame_of(const PackedPrefix& format, std::size_t size, std::uint64_t length) noexcept {
        const std::int64_t extra = format.extra();
        if (extra > 0 && length < static_cast<std::uint64_t>(extra)) return malformed;
        const std::uint64_t message = length - static_cast<std::uint64_t>(extra) + format.before;
        return known(size, extra <= 0 && message < length ? ~std::uint64_t{0} : message);
    }
    [[nodiscard]] constexpr bool is_varint() const noexcept { return format_.width == LengthPrefix::varint; }
    /// The message's size if the peer writes lengths in the other byte order; 0: that is none either.
    [[nodiscard]] std::uint64_t size_if_swapped(ByteView prefix) const noexcept {
        if (is_varint() || format_.width < 2) return 0;
        const std::uint64_t length =
            load(prefix.data(), format_.width,
                 format_.endian() == std::endian::big ? std::endian::little : std::endian::big);
        const FrameExtent extent = frame_of(format_, format_.width, length);
        return extent.is_known() && extent.size <= limit_ ? extent.size : 0;
    }

    static constexpr std::size_t no_front = ~std::size_t{0};
    static constexpr FrameExtent malformed{.status = FrameExtent::Status::malformed};

    PackedPrefix format_;
    bool is_usable_;
    std::uint64_t limit_;                  ///< of accepted sizes: the largest,
    std::uint64_t min_ = format_.before;   ///< the smallest,
    std::uint64_t accepted_ = 0;           ///< how many they are
    std::uint64_t uncounted_;              ///< what a message has more than its length says, modulo 2^64
    std::size_t simple_front_ = no_front;  ///< of a simple format: bytes up to the end of its length
};
}  // namespace detail

inline Result<void> LengthPrefix::check() const {
    if (is_usable()) {
        if (min_size() <= limit()) [[likely]]
            return {};
        return detail::bad_format("max_size is below the size of its header: no message could ever pass");
    }
    if (max_size == 0) return detail::bad_format("max_size is 0: no message could ever pass");
    if (width == varint && counts_itself) return detail::bad_format("a varint cannot count itself");
    if (width == varint && counts_extra != 0)
        return detail::bad_format("a varint counts what follows it: counts_extra is 0");
    if (before > max_before) return detail::bad_format("its before is over 32 bytes");
    if (counts_extra < -max_counts_extra || counts_extra > max_counts_extra)
        return detail::bad_format("its counts_extra is not from -1024 to 1024");
    if (order != std::endian::big && order != std::endian::little)
        return detail::bad_format("its order is neither big nor little");
    return detail::bad_format(
        detail::concat({"its width is ", std::to_string(width), ": it can be 1, 2, 3, 4, 8 or LengthPrefix::varint"}));
}
}  // namespace sockboot::inline v0_2
