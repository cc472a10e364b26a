// SPDX-License-Identifier: MIT
// Delimiter: messages that end at certain bytes, such as lines.
#pragma once

#include "byte_view.hpp"
#include "detail/framing/frame_codec.hpp"
#include "detail/framing/wrong_peer.hpp"
#include "detail/text.hpp"
#include "result.hpp"

namespace sockboot::inline v0_2 {
namespace detail {
/// Where `delimiter` begins in `message` followed by `delimiter`: message.size(), unless it comes earlier.
inline std::size_t delimiter_position(std::string_view message, std::string_view delimiter) noexcept {
    if (const std::size_t inside = message.find(delimiter); inside != std::string_view::npos) return inside;
    // The end of the message and the beginning of the delimiter may make one together: "a" before "aa".
    const std::size_t size = message.size();
    for (std::size_t tail = delimiter.size() - 1 < size ? delimiter.size() - 1 : size; tail > 0; --tail) {
        const bool begins = message.substr(size - tail) == delimiter.substr(0, tail);
        if (begins && delimiter.substr(tail) == delimiter.substr(0, delimiter.size() - tail)) return size - tail;
    }
    return size;
}
}  // namespace detail

/// The bytes behind each message: "\n", "\r\n", "\0" or any others. They are no part of the message, and no message may
/// contain them.
class Delimiter {
public:
    /// A NUL in a literal counts: Delimiter("\0") is one byte, Delimiter("") is none and refused.
    /// max_size: the largest message, in bytes and without its delimiter, that is sent or received. Not 0.
    explicit Delimiter(ByteView bytes, std::uint64_t max_size = std::uint64_t{16} << 20)
        : bytes_(bytes.text()), max_size_(max_size) {}

    [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::uint64_t max_size() const noexcept { return max_size_; }
    /// Whether it can be used. Errors: std::errc::invalid_argument with what is wrong.
    [[nodiscard]] Result<void> check() const {
        if (bytes_.empty())
            return detail::invalid_argument(Operation::parse,
                                            "it is empty: no message would ever end; a NUL is written \"\\0\"")
                .with_context({}, "a delimiter");
        if (max_size_ != 0) return {};
        return detail::invalid_argument(Operation::parse, "max_size is 0: no message could ever pass")
            .with_context({}, "a delimiter");
    }
    /// Whether `message` can be sent. Errors: message_too_large; std::errc::invalid_argument where the receiver would
    /// find the delimiter before its end.
    [[nodiscard]] Result<void> check(ByteView message) const {
        if (auto usable = check(); !usable) return usable;
        if (message.size() > max_size_) return detail::message_too_large_to_send(message.size(), max_size_);
        if (const std::size_t end = detail::delimiter_position(message.text(), bytes_); end != message.size())
            return detail::invalid_argument(
                Operation::send, detail::concat({"the message holds its own delimiter at byte ", std::to_string(end),
                                                 "; nothing was sent"}));
        return {};
    }

private:
    std::string bytes_;
    std::uint64_t max_size_;
};

namespace detail {
/// How messages with a delimiter behind them are written and found.
template <> class FrameCodec<Delimiter> {
public:
    static constexpr std::size_t max_header = 0;

    explicit FrameCodec(const Delimiter& delimiter) : delimiter_(delimiter) {}

    [[nodiscard]] Result<void> check() const { return delimiter_.check(); }
    [[nodiscard]] std::uint64_t limit() const noexcept { return delimiter_.max_size(); }
    void set_max_size(std::uint64_t max_size) { delimiter_ = Delimiter(delimiter_.bytes(), max_size); }

    [[nodiscard]] bool accepts(ByteView message) const noexcept {
        const std::string_view bytes = trailer();
        return !bytes.empty() && limit() != 0 && admits(message.size()) &&
               delimiter_position(message.text(), bytes) == message.size();
    }
    [[nodiscard]] bool admits(std::uint64_t size) const noexcept { return size <= limit(); }
    [[nodiscard]] Error refusal(ByteView message) const { return delimiter_.check(message).error(); }

    static std::size_t write_header(std::byte*, ByteView) noexcept { return 0; }
    static std::size_t write_header_inline(std::byte* to, ByteView message) noexcept {
        return write_header(to, message);
    }
    [[nodiscard]] static constexpr bool is_simple() noexcept { return false; }
    [[nodiscard]] static constexpr std::size_t before() noexcept { return 0; }
    static constexpr void join(std::byte*, const FrameExtent&) noexcept {}
    [[nodiscard]] std::string_view trailer() const noexcept { return delimiter_.bytes(); }
    [[nodiscard]] static FrameExtent locate_inline(ByteView) noexcept { return {}; }
    [[nodiscard]] static FrameExtent locate_simple(ByteView) noexcept { return {}; }
    /// The message up to the next delimiter; none begins in the first `scanned` bytes.
    [[nodiscard]] FrameExtent locate(ByteView bytes, std::size_t scanned) const noexcept {
        const std::size_t size = trailer().size();
        if (size == 0 || limit() == 0) return {.status = FrameExtent::Status::malformed};
        const std::size_t end = bytes.text().find(trailer(), scanned);
        if (end != std::string_view::npos)
            return {end, static_cast<std::uint32_t>(size), 0, FrameExtent::Status::known};
        // The last bytes may be the beginning of one.
        return {.size = bytes.size() >= size ? bytes.size() - size + 1 : 0};
    }
    [[nodiscard]] Error failure(const FrameExtent& extent, ByteView bytes) const {
        if (auto usable = delimiter_.check(); !usable) return std::move(usable).error();
        return Error(Errc::message_too_large, Operation::receive)
            .with_note(concat({"no delimiter ", quoted(), " in the first ", std::to_string(extent.size),
                               " bytes, the limit is ", std::to_string(limit()), other_end(bytes)}));
    }
    /// What the bytes of a message that does not come whole tell of the peer; empty: nothing.
    [[nodiscard, gnu::cold]] std::string guess(ByteView came, std::uint64_t, bool ended) const {
        const std::string other = other_end(came);
        if (!ended) return other.empty() ? other : other.substr(2);
        return concat(
            {std::to_string(came.size()), " bytes came without the delimiter ", quoted(), " behind them", other});
    }

    [[nodiscard]] static std::uint64_t wanted_for_header(std::size_t) noexcept { return 0; }

private:
    [[nodiscard]] std::string quoted() const { return concat({"\"", readable(trailer()), "\""}); }
    /// The end of a sentence, where the peer seems to write something else than messages that end so.
    [[nodiscard, gnu::cold]] std::string other_end(ByteView bytes) const {
        constexpr std::size_t looked_at = 1024;  // a call that times out is not to read a large message again
        if (const std::string tls = tls_guess(bytes.text()); !tls.empty()) return "; what came " + tls;
        const std::string_view front = bytes.text().substr(0, looked_at);
        const std::size_t line_end = trailer() == "\r\n" ? front.find('\n') : std::string_view::npos;
        const bool alone = line_end != std::string_view::npos && (line_end == 0 || front[line_end - 1] != '\r');
        return alone ? "; there is a \"\\n\" alone: does the peer end its lines with that?" : "";
    }

    Delimiter delimiter_;
};
}  // namespace detail
}  // namespace sockboot::inline v0_2
