// SPDX-License-Identifier: MIT
// What a format of messages has to be able to: FrameCodec is specialised beside each format, in the format's own file.
#pragma once

#include <cstddef>
#include <cstdint>
#include "../../byte_view.hpp"

namespace sockboot::inline v0_2::detail {
/// What the bytes at the front of a stream say of the frame that begins there.
struct FrameExtent {
    enum class Status : std::uint8_t {
        unknown,    ///< more bytes are needed to tell where it ends
        known,      ///< the sizes below are set; it may not have come whole, or have a message over the limit
        malformed,  ///< no sender of this format writes such bytes, or the format cannot be used
    };
    std::uint64_t size = 0;     ///< of the message; unknown: bytes of the frame that need not be looked at again
    std::uint32_t trailer = 0;  ///< bytes behind the message
    std::uint16_t header = 0;   ///< bytes in front of it, or, with before(), of its length behind those
    Status status = Status::unknown;

    [[nodiscard]] constexpr bool is_known() const noexcept { return status == Status::known; }
    /// All of a known frame; what 64 bits cannot hold is the largest number.
    [[nodiscard]] constexpr std::uint64_t total() const noexcept {
        const std::uint64_t sum = size + header + trailer;
        return sum >= size ? sum : ~std::uint64_t{0};
    }
};
static_assert(sizeof(FrameExtent) == 16, "two registers");

/// A format made ready: one encoder and one decoder, bytes only. Each specialisation has
///
///     explicit FrameCodec(const Format&);
///     static constexpr std::size_t max_header;               // bytes that write_header() needs room for
///     Result<void> check() const;                            // whether the format can be used
///     std::uint64_t limit() const;                           // bytes of the largest message
///     void set_max_size(std::uint64_t);
///     bool accepts(ByteView message) const;                  // whether it can be sent
///     bool admits(std::uint64_t size) const;                 // whether a message of that size can be received
///     Error refusal(ByteView message) const;                 // why not
///     std::size_t write_header(std::byte* to, ByteView message) const; // of an accepted one; returns its size
///     std::size_t write_header_inline(std::byte* to, ByteView message) const; // the same, or no_header
///     bool is_simple() const;                                // whether write_header() is a few instructions
///     std::size_t before() const;                            // bytes of the message that write_header() has written
///     void join(std::byte* frame, const FrameExtent&) const; // makes one of a message with its header in between
///     std::string_view trailer() const;
///     FrameExtent locate_inline(ByteView bytes) const;                 // a frame that is found in a few instructions
///     FrameExtent locate_simple(ByteView bytes) const;                 // the same, of any simple format
///     FrameExtent locate(ByteView bytes, std::size_t scanned) const;   // scanned: of an earlier answer, or 0
///     Error failure(const FrameExtent&, ByteView bytes) const;         // why such a frame is not received
///     std::string guess(ByteView came, std::uint64_t missing, bool ended) const;   // see with_guess()
///     std::uint64_t wanted_for_header(std::size_t have) const;         // bytes until more is known; 0: nobody knows
template <class Format> class FrameCodec;

/// What write_header_inline() returns where that is not written in a few instructions, or a part of the message.
inline constexpr std::size_t no_header = ~std::size_t{0};

/// Bytes of the whole frame of a message that is accepted.
template <class Codec> std::size_t frame_size(const Codec& codec, ByteView message) noexcept {
    std::byte front[Codec::max_header + 1];
    return codec.write_header(front, message) + message.size() - codec.before() + codec.trailer().size();
}

template <class Format> class MessageReader;
}  // namespace sockboot::inline v0_2::detail
