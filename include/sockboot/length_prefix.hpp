// SPDX-License-Identifier: MIT
// LengthPrefix: how the length of a message is written in front of it, and how it is read back from hostile bytes.
#pragma once

#include <bit>      // std::endian
#include <cstring>  // std::memcpy
#include <limits>
#include "byte_view.hpp"
#include "detail/framing/frame_codec.hpp"
#include "detail/framing/wrong_peer.hpp"
#include "detail/text.hpp"
#include "result.hpp"

namespace sockboot::inline v0_2 {
/// How the length of a message is written in front of it. Both sides must agree.
struct LengthPrefix {
    /// For `width`: base 128, low bits first, as Protocol Buffers write delimited messages. 1 to 10 bytes.
    static constexpr unsigned varint = 128;
    /// Bytes of the length: 1, 2, 3, 4 or 8, or varint.
    unsigned width = 4;
    /// big is the network's order; a varint has none.
    std::endian order = std::endian::big;
    /// The largest message, in bytes, that is sent or received. A width that cannot count so far lowers it. Not 0.
    std::uint64_t max_size = std::uint64_t{16} << 20;
    /// Whether the length includes the bytes of the prefix itself. Not for a varint.
    bool counts_itself = false;
    /// The limit that applies: max_size, or what the width can count to.
    [[nodiscard]] constexpr std::uint64_t limit() const noexcept {
        const std::uint64_t max_of_8_bytes = (std::numeric_limits<std::uint64_t>::max)() >> 1;
        const std::uint64_t countable = width >= 8 ? max_of_8_bytes : (std::uint64_t{1} << (8 * width)) - 1;
        const std::uint64_t free = countable - (counts_itself ? width : 0);
        const std::uint64_t addressable = (std::numeric_limits<std::ptrdiff_t>::max)();
        const std::uint64_t possible = free < addressable ? free : addressable;
        return max_size < possible ? max_size : possible;
    }
    /// Whether this format can be used.
    [[nodiscard]] constexpr bool is_usable() const noexcept {
        const bool known = (width >= 1 && width <= 4) || width == 8 || width == varint;
        return known && max_size != 0 && !(counts_itself && width == varint) &&
               (order == std::endian::big || order == std::endian::little);
    }
    /// The same, with what is wrong. Errors: std::errc::invalid_argument with the field.
    [[nodiscard]] Result<void> check() const;
};

namespace detail {
inline constexpr std::size_t max_prefix_size = 10;

/// Four bytes, big-endian: one load or store, and one instruction to swap them.
constexpr std::uint32_t byteswapped(std::uint32_t value) noexcept {
    return value >> 24 | (value >> 8 & 0xFF00) | (value << 8 & 0xFF0000) | value << 24;
}
constexpr std::uint32_t big_32(std::uint32_t value) noexcept {
    return std::endian::native == std::endian::big ? value : byteswapped(value);
}
inline std::uint32_t load_big_32(const std::byte* from) noexcept {
    std::uint32_t value = 0;
    std::memcpy(&value, from, sizeof value);
    return big_32(value);
}
inline void store_big_32(std::uint32_t value, std::byte* to) noexcept {
    const std::uint32_t ordered = big_32(value);
    std::memcpy(to, &ordered, sizeof ordered);
}

/// Any number of bytes in any order.
inline std::uint64_t load(const std::byte* from, unsigned width, std::endian order) noexcept {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < width; ++i)
        value = value << 8 | std::to_integer<std::uint64_t>(from[order == std::endian::big ? i : width - 1 - i]);
    return value;
}
inline void store(std::uint64_t value, std::byte* to, unsigned width, std::endian order) noexcept {
    for (unsigned i = 0; i < width; ++i, value >>= 8)
        to[order == std::endian::big ? width - 1 - i : i] = static_cast<std::byte>(value & 0xFF);
}

inline Error bad_format(std::string why) {
    return invalid_argument(Operation::parse, std::move(why)).with_context({}, "a length prefix");
}
inline Error malformed_length(std::string why) {
    return Error(Errc::malformed_length, Operation::receive).with_note(std::move(why));
}

/// A LengthPrefix in two registers, for functions off the fast path: passed in memory, it would keep the compiler from
/// folding a format that it knows.
struct PackedPrefix {
    std::uint64_t max_size;
    std::uint32_t width;
    std::uint16_t order;
    bool counts_itself;

    [[nodiscard]] constexpr LengthPrefix unpacked() const noexcept {
        return {width, static_cast<std::endian>(order), max_size, counts_itself};
    }
    [[nodiscard]] constexpr std::uint64_t own_bytes() const noexcept { return counts_itself ? width : 0; }
};
static_assert(sizeof(PackedPrefix) == 16);

/// How a length prefix is read and written.
template <> class FrameCodec<LengthPrefix> {
public:
    static constexpr std::size_t max_header = max_prefix_size;

    [[gnu::always_inline]] inline explicit constexpr FrameCodec(const LengthPrefix& format) noexcept
        : format_{format.max_size, format.width, static_cast<std::uint16_t>(format.order), format.counts_itself},
          encoding_(encoding_of(format)),
          limit_(format.limit()),
          end_(encoding_ != Encoding::none ? limit_ + 1 : 0) {}

    [[nodiscard]] Result<void> check() const { return format_.unpacked().check(); }
    [[nodiscard]] constexpr PackedPrefix packed() const noexcept { return format_; }
    [[nodiscard]] constexpr std::uint64_t limit() const noexcept { return limit_; }
    void set_max_size(std::uint64_t max_size) noexcept {
        LengthPrefix changed = format_.unpacked();
        changed.max_size = max_size;
        *this = FrameCodec(changed);
    }

    [[nodiscard]] constexpr bool is_usable() const noexcept { return encoding_ != Encoding::none; }
    /// Bytes of a prefix; 0 for a varint, and for a format that cannot be used.
    [[nodiscard]] constexpr std::size_t fixed_width() const noexcept {
        return encoding_ == Encoding::four_big ? 4 : encoding_ == Encoding::fixed ? format_.width : 0;
    }
    [[nodiscard]] constexpr bool accepts(ByteView message) const noexcept { return message.size() < end_; }
    [[nodiscard]] Error refusal(ByteView message) const {
        if (auto usable = check(); !usable) return std::move(usable).error();
        return message_too_large_to_send(message.size(), limit_);
    }
    /// Writes the prefix of an accepted message; returns its size.
    [[gnu::always_inline]] inline std::size_t write_header(std::byte* to, std::uint64_t size) const noexcept {
        if (encoding_ == Encoding::four_big) [[likely]] {
            store_big_32(static_cast<std::uint32_t>(size), to);
            return 4;
        }
        return write_other(format_, to, size);
    }
    [[nodiscard]] static constexpr std::string_view trailer() noexcept { return {}; }
    /// A whole prefix of the default format at the front of `bytes`; unknown: none, or of another format.
    [[nodiscard, gnu::always_inline]] inline FrameExtent locate_inline(ByteView bytes) const noexcept {
        const bool whole = bytes.size() >= 4 && encoding_ == Encoding::four_big;
        return whole ? known(4, load_big_32(bytes.data())) : FrameExtent{};
    }
    /// The prefix at the front of `bytes`, as far as it has come.
    [[nodiscard, gnu::always_inline]] inline FrameExtent locate(ByteView bytes, std::size_t = 0) const noexcept {
        if (encoding_ == Encoding::four_big) [[likely]]
            return locate_inline(bytes);
        return locate_other(format_, bytes);
    }
    /// Why a frame is not received: a malformed prefix, or a message over the limit.
    [[nodiscard, gnu::cold]] Error failure(const FrameExtent& extent, ByteView bytes) const {
        const LengthPrefix format = format_.unpacked();
        if (auto usable = check(); !usable) return std::move(usable).error();
        if (extent.is_known()) {
            const char* other = format.order == std::endian::big ? "little" : "big";
            return Error(Errc::message_too_large, Operation::receive)
                .with_note(
                    concat({"the peer announces ", std::to_string(extent.size), " bytes, the limit is ",
                            std::to_string(limit_),
                            length_guess(bytes.text().substr(0, extent.header), size_if_swapped(bytes), other)}));
        }
        if (encoding_ != Encoding::varint)
            return malformed_length(
                concat({"a length of ", std::to_string(load(bytes.data(), format.width, format.order)),
                        " cannot count its own ", std::to_string(format.width),
                        " bytes: does the peer count the message alone?"}));
        std::size_t last = 0;
        while (last < max_prefix_size && (bytes.data()[last] & std::byte{0x80}) != std::byte{}) ++last;
        if (last == max_prefix_size) return malformed_length("a varint of more than 10 bytes");
        return malformed_length(bytes.data()[last] == std::byte{} ? "a varint with needless zero bytes at its end"
                                                                  : "a varint that does not fit into 64 bits");
    }
    /// What the bytes of a frame that does not come whole tell of the peer; empty: nothing.
    [[nodiscard, gnu::cold]] std::string guess(ByteView came, std::uint64_t missing, bool) const {
        if (const std::string other = protocol_guess(came.text()); !other.empty()) return "what came " + other;
        const std::size_t width = fixed_width();
        if (missing == 0 || missing != width || format_.counts_itself) return {};
        return concat({"does the peer's length count its own ", std::to_string(width), " bytes?"});
    }
    /// Bytes of a prefix of which `have` have come: of a varint nobody knows how many more.
    [[nodiscard]] std::uint64_t wanted_for_header(std::size_t have) const noexcept {
        return encoding_ == Encoding::varint ? have + 1 : format_.width;
    }

private:
    /// four_big: the default format (4 bytes, big-endian). fixed: any other width that does not depend on the length.
    enum class Encoding : std::uint8_t { none, four_big, fixed, varint };

    static constexpr Encoding encoding_of(const LengthPrefix& format) noexcept {
        if (!format.is_usable()) return Encoding::none;
        if (format.width == LengthPrefix::varint) return Encoding::varint;
        const bool four_big = format.width == 4 && format.order == std::endian::big && !format.counts_itself;
        return four_big ? Encoding::four_big : Encoding::fixed;
    }
    static constexpr FrameExtent known(std::size_t header, std::uint64_t message) noexcept {
        return {message, 0, static_cast<std::uint16_t>(header), FrameExtent::Status::known};
    }

    // Formats but the default one. Static, and with the format by value: the codec itself stays in registers.
    [[gnu::noinline]] static std::size_t write_other(PackedPrefix packed, std::byte* to, std::uint64_t size) noexcept {
        const LengthPrefix format = packed.unpacked();
        if (format.width != LengthPrefix::varint) {
            store(size + packed.own_bytes(), to, format.width, format.order);
            return format.width;
        }
        std::size_t count = 0;
        for (; size >= 0x80; size >>= 7) to[count++] = static_cast<std::byte>((size & 0x7F) | 0x80);
        to[count++] = static_cast<std::byte>(size);
        return count;
    }
    [[gnu::noinline]] static FrameExtent locate_other(PackedPrefix packed, ByteView bytes) noexcept {
        const LengthPrefix format = packed.unpacked();
        constexpr FrameExtent malformed{.status = FrameExtent::Status::malformed};
        if (!format.is_usable()) return malformed;
        if (format.width != LengthPrefix::varint) {
            if (bytes.size() < format.width) return {};
            const std::uint64_t length = load(bytes.data(), format.width, format.order);
            return length < packed.own_bytes() ? malformed : known(format.width, length - packed.own_bytes());
        }
        std::uint64_t message = 0;
        for (std::size_t i = 0; i < bytes.size() && i < max_prefix_size; ++i) {
            const auto byte = std::to_integer<std::uint64_t>(bytes.data()[i]);
            if (i == max_prefix_size - 1 && byte > 1) return malformed;  // over 64 bits
            message |= (byte & 0x7F) << (7 * i);
            if ((byte & 0x80) == 0) return i > 0 && byte == 0 ? malformed : known(i + 1, message);
        }
        return {};
    }
    /// The message's size if the peer writes lengths in the other byte order; 0: that is none either.
    [[nodiscard]] std::uint64_t size_if_swapped(ByteView prefix) const noexcept {
        if (encoding_ == Encoding::varint || format_.width < 2) return 0;
        const std::endian other = format_.unpacked().order == std::endian::big ? std::endian::little : std::endian::big;
        const std::uint64_t length = load(prefix.data(), format_.width, other);
        return length > format_.own_bytes() && length - format_.own_bytes() <= limit_ ? length - format_.own_bytes()
                                                                                      : 0;
    }

    PackedPrefix format_;
    Encoding encoding_;
    std::uint64_t limit_, end_;  ///< of accepted sizes: the last one, and the one behind it (0: none is)
};
}  // namespace detail

inline Result<void> LengthPrefix::check() const {
    if (is_usable()) [[likely]]
        return {};
    if (max_size == 0) return detail::bad_format("max_size is 0: no message could ever pass");
    if (counts_itself && width == varint) return detail::bad_format("a varint cannot count itself");
    if (order != std::endian::big && order != std::endian::little)
        return detail::bad_format("its order is neither big nor little");
    return detail::bad_format(
        detail::concat({"its width is ", std::to_string(width), ": it can be 1, 2, 3, 4, 8 or LengthPrefix::varint"}));
}
}  // namespace sockboot::inline v0_2
