// SPDX-License-Identifier: MIT
// LengthPrefix: how the length of a message is written in front of it, and how it is read back from hostile bytes.
#pragma once

#include <array>
#include <bit>  // std::endian
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <limits>
#include <string>
#include <string_view>
#include <utility>  // std::move

#include "byte_view.hpp"
#include "result.hpp"

namespace sockboot {

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
    [[nodiscard]] constexpr std::uint64_t limit() const noexcept;

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

inline constexpr std::size_t longest_prefix = 10;

/// Memory that is taken for what was announced before the bytes for it have come; beyond it, storage doubles as they
/// arrive.
inline constexpr std::size_t trusted_size = std::size_t{64} << 10;

constexpr std::uint64_t largest_count(unsigned width) noexcept {
    return width >= 8 ? (std::numeric_limits<std::uint64_t>::max)() >> 1 : (std::uint64_t{1} << (8 * width)) - 1;
}

/// A prefix ready to be sent.
struct EncodedPrefix {
    std::array<std::byte, longest_prefix> bytes;
    std::size_t size = 0;
    [[nodiscard]] ByteView view() const noexcept { return {bytes.data(), size}; }
};

/// A prefix as received: how many bytes it takes (0: it has not come whole), and how many bytes of message follow it.
struct DecodedPrefix {
    std::size_t prefix_size = 0;
    std::uint64_t message_size = 0;
};

constexpr std::uint32_t turned(std::uint32_t value) noexcept {
    return value >> 24 | (value >> 8 & 0xFF00) | (value << 8 & 0xFF0000) | value << 24;
}

// Four bytes are what nearly everybody uses: one load or store, and one instruction to turn them around.
inline std::uint64_t load(const std::byte* bytes, unsigned width, std::endian order) noexcept {
    if (width == sizeof(std::uint32_t)) [[likely]] {
        std::uint32_t value = 0;
        std::memcpy(&value, bytes, sizeof value);
        return order == std::endian::native ? value : turned(value);
    }
    std::uint64_t value = 0;
    for (unsigned i = 0; i < width; ++i)
        value = value << 8 | std::to_integer<std::uint64_t>(bytes[order == std::endian::big ? i : width - 1 - i]);
    return value;
}

inline void store(std::uint64_t value, std::byte* bytes, unsigned width, std::endian order) noexcept {
    if (width == sizeof(std::uint32_t)) [[likely]] {
        const auto plain = static_cast<std::uint32_t>(value);
        const std::uint32_t ordered = order == std::endian::native ? plain : turned(plain);
        std::memcpy(bytes, &ordered, sizeof ordered);
        return;
    }
    for (unsigned i = 0; i < width; ++i, value >>= 8)
        bytes[order == std::endian::big ? width - 1 - i : i] = static_cast<std::byte>(value & 0xFF);
}

inline Error bad_format(std::string why) {
    return invalid(Operation::parse, std::move(why)).about({}, "a length prefix");
}

/// Whether bytes where a length should be are somebody's text.
inline bool reads_like_text(std::string_view bytes) noexcept {
    for (const char c : bytes)
        if ((c < ' ' || c > '~') && c != '\r' && c != '\n' && c != '\t') return false;
    return bytes.size() > 1;
}

/// Whether the peer wrote the length in the other byte order, and which length it is then; 0: neither.
inline std::uint64_t turned_around(std::string_view bytes, const LengthPrefix& format) noexcept {
    if (format.width == LengthPrefix::varint || format.width < 2) return 0;
    const std::endian other = format.order == std::endian::big ? std::endian::little : std::endian::big;
    const std::uint64_t size = load(reinterpret_cast<const std::byte*>(bytes.data()), format.width, other);
    const std::uint64_t itself = format.counts_itself ? format.width : 0;
    return size > itself && size - itself <= format.limit() ? size - itself : 0;
}

/// What a length that cannot be one looks like: TLS, text, or this format in the other byte order.
inline std::string guess(std::string_view prefix, const LengthPrefix& format) {
    if (prefix.starts_with("\x16\x03")) return "; it reads like a TLS hello: does the peer expect TLS?";
    if (reads_like_text(prefix)) {
        std::string shown;
        for (const char c : prefix) shown += c < ' ' ? '.' : c;
        return joined(
            {"; it reads like the text \"", shown, "\": is the peer speaking HTTP or another text protocol?"});
    }
    if (const std::uint64_t size = turned_around(prefix, format); size != 0)
        return joined({"; in the other byte order it would be ", std::to_string(size), ": does the peer write ",
                       format.order == std::endian::big ? "little" : "big", "-endian?"});
    return {};
}

inline Error too_large_to_receive(std::uint64_t claimed, std::string_view prefix, const LengthPrefix& format) {
    return Error(Errc::message_too_large, Operation::receive)
        .with_note(joined({"the peer announces ", std::to_string(claimed), " bytes, the limit is ",
                           std::to_string(format.limit()), guess(prefix, format)}));
}

inline Error malformed(std::string why) {
    return Error(Errc::malformed_length, Operation::receive).with_note(std::move(why));
}

/// The format that nearly everybody uses, 4 bytes and big-endian, as a type of its own: what the compiler knows of it
/// costs nothing at run time.
struct PlainPrefix {
    static constexpr unsigned width = 4;
    static constexpr std::endian order = std::endian::big;
    static constexpr bool counts_itself = false;
    std::uint64_t max_size;  ///< what limit() says: no more than the width can count

    [[nodiscard]] static constexpr bool is_usable() noexcept { return true; }
    [[nodiscard]] constexpr std::uint64_t limit() const noexcept { return max_size; }
    operator LengthPrefix() const noexcept { return {.max_size = max_size}; }
};

constexpr bool is_plain(const LengthPrefix& format) noexcept {
    return format.width == 4 && format.order == std::endian::big && !format.counts_itself && format.max_size != 0;
}

/// Why there can be no prefix for a message of `size` bytes.
inline Error no_prefix(std::uint64_t size, const LengthPrefix& format) {
    if (auto usable = format.check(); !usable) return std::move(usable).error();
    return too_large_to_send(size, format.limit());
}

/// Whether a message of `size` bytes can have a prefix.
template <class Format>
constexpr bool can_be_sent(std::uint64_t size, const Format& format) noexcept {
    return format.is_usable() && size <= format.limit();
}

/// The prefix of a message of `size` bytes, which can_be_sent().
template <class Format>
inline EncodedPrefix encode_prefix(std::uint64_t size, const Format& format) noexcept {
    EncodedPrefix prefix;
    if (format.width == LengthPrefix::varint) {
        for (; size >= 0x80; size >>= 7) prefix.bytes[prefix.size++] = static_cast<std::byte>((size & 0x7F) | 0x80);
        prefix.bytes[prefix.size++] = static_cast<std::byte>(size);
    } else {
        store(format.counts_itself ? size + format.width : size, prefix.bytes.data(), format.width, format.order);
        prefix.size = format.width;
    }
    return prefix;
}

/// The bytes of a varint up to and with its last one; 0 while that has not come.
inline Result<std::size_t> varint_size(std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size() && i < longest_prefix; ++i)
        if ((static_cast<unsigned char>(bytes[i]) & 0x80) == 0) {
            if (i == 9 && bytes[i] > 1) return malformed("a varint that does not fit into 64 bits");
            if (i > 0 && bytes[i] == 0) return malformed("a varint with needless zero bytes at its end");
            return i + 1;
        }
    if (bytes.size() >= longest_prefix) return malformed("a varint of more than 10 bytes");
    return std::size_t{0};
}

/// Why `length`, as it was read from `prefix`, is none.
inline Error no_length(std::uint64_t length, std::string_view prefix, const LengthPrefix& format) {
    const std::uint64_t itself = format.counts_itself ? format.width : 0;
    if (length < itself)
        return malformed(joined(
            {"a length of ", std::to_string(length), " cannot count its own ", std::to_string(itself), " bytes"}));
    return too_large_to_receive(length - itself, prefix, format);
}

/// Reads a prefix of a width that does not depend on its bytes; a prefix of no size where the length is none.
template <class Format>
inline DecodedPrefix decode_fixed(const std::byte* bytes, const Format& format) noexcept {
    const std::uint64_t itself = format.counts_itself ? format.width : 0;
    const std::uint64_t size = load(bytes, format.width, format.order) - itself;
    // What cannot count itself has become larger than any limit.
    if (size > format.limit()) [[unlikely]]
        return {};
    return {format.width, size};
}

/// Reads the prefix at the beginning of `bytes`. `format` has been checked.
inline Result<DecodedPrefix> decode_prefix(std::string_view bytes, const LengthPrefix& format) {
    const auto* raw = reinterpret_cast<const std::byte*>(bytes.data());
    if (format.width != LengthPrefix::varint) {
        if (bytes.size() < format.width) return DecodedPrefix{};
        const DecodedPrefix prefix = decode_fixed(raw, format);
        if (prefix.prefix_size == 0) [[unlikely]]
            return no_length(load(raw, format.width, format.order), bytes.substr(0, format.width), format);
        return prefix;
    }
    auto size = varint_size(bytes);
    if (!size) return std::move(size).error();
    DecodedPrefix prefix{*size, 0};
    for (std::size_t i = *size; i-- > 0;)
        prefix.message_size = prefix.message_size << 7 | std::to_integer<std::uint64_t>(raw[i] & std::byte{0x7F});
    if (prefix.message_size > format.limit()) [[unlikely]]
        return no_length(prefix.message_size, bytes.substr(0, *size), format);
    return prefix;
}

}  // namespace detail

constexpr std::uint64_t LengthPrefix::limit() const noexcept {
    const std::uint64_t countable = detail::largest_count(width == varint ? 8 : width) - (counts_itself ? width : 0);
    const std::uint64_t smallest = countable < max_size ? countable : max_size;
    const std::uint64_t addressable = (std::numeric_limits<std::ptrdiff_t>::max)();
    return smallest < addressable ? smallest : addressable;
}

inline Result<void> LengthPrefix::check() const {
    if (is_usable()) [[likely]]
        return {};
    if (max_size == 0) return detail::bad_format("max_size is 0: no message could ever pass");
    if (counts_itself && width == varint) return detail::bad_format("a varint cannot count itself");
    if (order != std::endian::big && order != std::endian::little)
        return detail::bad_format("its order is neither big nor little");
    return detail::bad_format(
        detail::joined({"its width is ", std::to_string(width), ": it can be 1, 2, 3, 4, 8 or LengthPrefix::varint"}));
}

}  // namespace sockboot
