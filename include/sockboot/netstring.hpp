// SPDX-License-Identifier: MIT
// Netstring: messages with their length in decimal digits in front and a comma behind: "5:hello,".
#pragma once

#include <cstdint>
#include "byte_view.hpp"
#include "detail/framing/frame_codec.hpp"
#include "detail/text.hpp"
#include "result.hpp"

namespace sockboot::inline v0_2 {
/// A format for MessageChannel, FrameDecoder and append_frame. Source: D. J. Bernstein, "Netstrings" (1997).
struct Netstring {
    /// The largest message, in bytes, that is sent or received. Not 0.
    std::uint64_t max_size = std::uint64_t{16} << 20;
};

namespace detail {
/// How netstrings are written and read: no leading zeros, and the comma is checked.
template <> class FrameCodec<Netstring> {
public:
    static constexpr std::size_t max_header = 20;

    explicit FrameCodec(const Netstring& format) noexcept : max_size_(format.max_size) {}

    [[nodiscard]] Result<void> check() const {
        if (max_size_ != 0) return {};
        return invalid_argument(Operation::parse, "max_size is 0: no message could ever pass")
            .with_context({}, "a netstring");
    }
    [[nodiscard]] std::uint64_t limit() const noexcept { return max_size_; }
    void set_max_size(std::uint64_t max_size) noexcept { max_size_ = max_size; }

    [[nodiscard]] bool accepts(ByteView message) const noexcept { return max_size_ != 0 && admits(message.size()); }
    [[nodiscard]] bool admits(std::uint64_t size) const noexcept { return size <= max_size_; }
    [[nodiscard]] Error refusal(ByteView message) const {
        if (auto usable = check(); !usable) return std::move(usable).error();
        return message_too_large_to_send(message.size(), max_size_);
    }
    static std::size_t write_header(std::byte* to, ByteView message) noexcept {
        std::uint64_t size = message.size();
        std::size_t digits = 1;
        for (std::uint64_t rest = size; rest >= 10; rest /= 10) ++digits;
        for (std::size_t i = digits; i-- > 0; size /= 10) to[i] = static_cast<std::byte>('0' + size % 10);
        to[digits] = std::byte{':'};
        return digits + 1;
    }
    static std::size_t write_header_inline(std::byte* to, ByteView message) noexcept {
        return write_header(to, message);
    }
    [[nodiscard]] static constexpr bool is_simple() noexcept { return false; }
    [[nodiscard]] static constexpr std::size_t before() noexcept { return 0; }
    static constexpr void join(std::byte*, const FrameExtent&) noexcept {}
    [[nodiscard]] static constexpr std::string_view trailer() noexcept { return ","; }

    [[nodiscard]] static FrameExtent locate_inline(ByteView) noexcept { return {}; }
    [[nodiscard]] static FrameExtent locate_simple(ByteView) noexcept { return {}; }
    [[nodiscard]] FrameExtent locate(ByteView bytes, std::size_t) const noexcept {
        if (max_size_ == 0) return malformed;
        const std::string_view text = bytes.text();
        std::uint64_t size = 0;
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == ':' && i != 0) return with_comma(text, i + 1, size);
            const bool leading_zero = i == 1 && text[0] == '0';
            if (text[i] < '0' || text[i] > '9' || leading_zero || i == max_digits) return malformed;
            size = 10 * size + static_cast<std::uint64_t>(text[i] - '0');
        }
        return {};
    }
    [[nodiscard]] Error failure(const FrameExtent& extent, ByteView bytes) const {
        if (auto usable = check(); !usable) return std::move(usable).error();
        if (extent.is_known()) return message_too_large_to_receive(extent.size, max_size_);
        const std::string_view text = bytes.text();
        const std::size_t end = text.find_first_not_of("0123456789");
        const bool has_length = end != 0 && end < max_digits && text[end] == ':' && (end == 1 || text[0] != '0');
        return Error(Errc::malformed_length, Operation::receive)
            .with_note(has_length ? "no comma stands behind the message"
                                  : concat({"not the length of a netstring: \"", text.substr(0, max_header), "\""}));
    }
    /// A netstring that ends early began as one: there is nothing to guess.
    [[nodiscard]] static std::string guess(ByteView, std::uint64_t, bool) { return {}; }
    [[nodiscard]] static std::uint64_t wanted_for_header(std::size_t have) noexcept { return have + 1; }

private:
    static constexpr FrameExtent malformed{.status = FrameExtent::Status::malformed};
    static constexpr std::size_t max_digits = 19;  ///< of what 63 bits count to

    /// A frame whose length is known; once it has come whole, its comma is looked at.
    [[nodiscard]] static FrameExtent with_comma(std::string_view text, std::size_t header,
                                                std::uint64_t size) noexcept {
        const bool whole = size < text.size() - header;
        if (whole && text[header + static_cast<std::size_t>(size)] != ',') return malformed;
        return {size, 1, static_cast<std::uint16_t>(header), FrameExtent::Status::known};
    }

    std::uint64_t max_size_;
};
}  // namespace detail
}  // namespace sockboot::inline v0_2
