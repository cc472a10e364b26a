// SPDX-License-Identifier: MIT
// FrameDecoder and append_frame: bytes of any cut to messages, and back. No I/O and no clock: for programs with an
// event loop of their own; MessageChannel, recv_message and send_message do the same over a stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>  // std::move

#include "byte_view.hpp"
#include "delimiter.hpp"
#include "detail/buffer.hpp"
#include "length_prefix.hpp"
#include "result.hpp"

namespace sockboot {

/// Takes bytes in whatever pieces they arrive, gives them back message by message.
///
/// The memory it holds follows the bytes that came, never the lengths that they claim.
/// Threads: one at a time.
class FrameDecoder {
public:
    /// A format that cannot be used is reported by next().
    explicit FrameDecoder(const LengthPrefix& format = {})
        : format_(format), limit_(format.limit()), plain_(detail::is_plain(format)) {}
    explicit FrameDecoder(const Delimiter& delimiter)
        : format_{.max_size = delimiter.max_size()},
          delimiter_(delimiter.bytes()),
          limit_(delimiter.max_size()),
          delimited_(true) {}

    /// Moving takes the bytes along; what is left behind is at a boundary.
    FrameDecoder(FrameDecoder&& other) noexcept = default;
    FrameDecoder& operator=(FrameDecoder&& other) noexcept = default;
    ~FrameDecoder() = default;

    /// Adds bytes, of any cut.
    void feed(ByteView bytes);

    /// The same without a copy, for bytes that come from a system call: room for `size` of them, to be filled from its
    /// front, and then commit() with how many came. Where a message is being collected there may be less room than was
    /// asked for: no more than as much again as has come, or 64 KiB.
    template <class Byte = std::byte>  // so that making a std::span costs compile time only where it is called
    [[nodiscard]] std::span<Byte> prepare(std::size_t size) {
        const std::size_t room = make_room(size);
        return {buffer_.end(), room};
    }
    void commit(std::size_t size) noexcept;

    /// The next message, or nullopt until more bytes have come. The view is valid until the next feed(), prepare() or
    /// reset().
    /// Errors: message_too_large, which stays until skip(), reset() or a larger limit; malformed_length, which stays
    ///         until reset(); std::errc::invalid_argument for a format that cannot be used.
    [[nodiscard]] std::optional<std::string_view> next() { return try_next().value(); }
    [[nodiscard]] Result<std::optional<std::string_view>> try_next() {
        if (const std::string_view message = next_plain(); message.data() != nullptr)
            return std::optional<std::string_view>(message);
        return delimited_ ? next_delimited() : next_prefixed();
    }

    /// For the layers above: a message that is there, whole, in the format that nearly everybody uses; else a view of
    /// nothing, with no address, and try_next() says what there is.
    [[nodiscard]] std::string_view next_plain() noexcept;

    /// After message_too_large: throws that message away, as its bytes come, and goes on behind it.
    /// Returns false where there is nothing that can be skipped.
    bool skip();

    /// Forgets all bytes and errors, and gives the memory back.
    void reset() noexcept;

    /// Bytes that came and have not been given back: 0 at a message boundary.
    [[nodiscard]] std::size_t pending() const noexcept { return buffer_.size(); }

    /// Bytes that the message which is being collected, with its prefix, will have; 0 while that is not known.
    [[nodiscard]] std::uint64_t expected() const noexcept { return at_.prefix.prefix_size + at_.prefix.message_size; }

    /// Whether the bytes so far end at a message boundary: what the end of the stream must find.
    [[nodiscard]] bool at_boundary() const noexcept { return pending() == 0 && at_.skipping == 0 && !at_.past_limit; }

    /// Another limit, from the next message on whose length has not been read yet.
    void set_max_size(std::uint64_t max_size) noexcept {
        format_.max_size = max_size;
        limit_ = delimited_ ? max_size : format_.limit();
        plain_ = !delimited_ && detail::is_plain(format_);
    }

private:
    /// Where between two boundaries it stands. Moved away, it is at one again.
    struct Progress {
        detail::DecodedPrefix prefix;  ///< of the message that is being collected
        std::uint64_t skipping = 0;    ///< bytes still to come that skip() throws away
        std::size_t searched = 0;      ///< of the buffer, where no delimiter begins
        bool past_limit = false;       ///< skip() throws away all up to the next delimiter

        Progress() noexcept = default;
        Progress(Progress&& other) noexcept { *this = std::move(other); }
        Progress& operator=(Progress&& other) noexcept {
            const auto exchange = [](auto& mine, auto& theirs) {
                mine = theirs;
                theirs = {};
            };
            exchange(prefix, other.prefix);
            exchange(skipping, other.skipping);
            exchange(searched, other.searched);
            exchange(past_limit, other.past_limit);
            return *this;
        }
    };

    /// How far no delimiter begins: up to one, where `found`; else to where the last bytes may be the beginning of one.
    struct Search {
        bool found;
        std::size_t end;
    };
    [[nodiscard]] Search search() const noexcept;
    [[nodiscard]] std::size_t make_room(std::size_t size);
    Result<std::optional<std::string_view>> next_prefixed();
    Result<std::optional<std::string_view>> next_delimited();
    [[nodiscard]] std::uint64_t too_large_frame() const;
    std::string_view take(std::size_t before, std::size_t size, std::size_t behind) noexcept;

    LengthPrefix format_;
    std::string delimiter_;
    std::uint64_t limit_;     ///< what a message may have at most
    bool plain_ = false;      ///< next_plain() knows the format
    bool delimited_ = false;  ///< the format is delimiter_, and of format_ there is max_size alone

    detail::Buffer buffer_;  ///< what has not been given back
    Progress at_;            ///< how far it has come
};

[[gnu::always_inline]] inline std::string_view FrameDecoder::next_plain() noexcept {
    constexpr std::size_t width = detail::PlainPrefix::width;
    if (!plain_ || buffer_.size() < width) return {};
    const std::uint64_t size = detail::load(buffer_.data(), width, std::endian::big);
    if (size > limit_ || size > buffer_.size() - width) return {};
    return take(width, static_cast<std::size_t>(size), 0);
}

/// Gives back a message of `size` bytes, and drops what lies before and behind it.
inline std::string_view FrameDecoder::take(std::size_t before, std::size_t size, std::size_t behind) noexcept {
    const std::string_view message(reinterpret_cast<const char*>(buffer_.data()) + before, size);
    buffer_.consume(before + size + behind);
    at_.prefix = {};
    return message;
}

inline void FrameDecoder::feed(ByteView bytes) {
    buffer_.reserve(bytes.size());
    buffer_.append(bytes.data(), bytes.size());
    commit(0);
}

/// Makes room for `size` bytes, or for as many as are sound; returns how many.
inline std::size_t FrameDecoder::make_room(std::size_t size) {
    // What is announced is not trusted: storage doubles as the bytes for it come.
    if (!buffer_.empty() && expected() != 0) {
        const std::size_t sound = pending() > detail::trusted_size ? pending() : detail::trusted_size;
        const std::size_t owned = buffer_.capacity() - pending();
        const std::size_t most = sound > owned ? sound : owned;
        size = size < most ? size : most;
    }
    buffer_.reserve(size);
    return size;
}

inline void FrameDecoder::commit(std::size_t size) noexcept {
    buffer_.commit(size);
    if (at_.skipping != 0) {
        const std::size_t skipped =
            at_.skipping < buffer_.size() ? static_cast<std::size_t>(at_.skipping) : buffer_.size();
        at_.skipping -= skipped;
        buffer_.consume(skipped);
    }
}

inline Result<std::optional<std::string_view>> FrameDecoder::next_prefixed() {
    if (at_.prefix.prefix_size == 0) {
        if (auto usable = format_.check(); !usable) return std::move(usable).error();
        auto prefix = detail::decode_prefix(buffer_.view().text(), format_);
        if (!prefix) return std::move(prefix).error();
        at_.prefix = *prefix;
    }
    if (at_.prefix.prefix_size == 0 || pending() - at_.prefix.prefix_size < at_.prefix.message_size)
        return std::optional<std::string_view>();
    const auto size = static_cast<std::size_t>(at_.prefix.message_size);
    return std::optional<std::string_view>(take(at_.prefix.prefix_size, size, 0));
}

inline Result<std::optional<std::string_view>> FrameDecoder::next_delimited() {
    if (delimiter_.empty() || limit_ == 0) return Delimiter(delimiter_, limit_).check().error();
    Search next = search();
    if (at_.past_limit) {
        at_.searched = 0;
        buffer_.consume(next.end + (next.found ? delimiter_.size() : 0));
        if (!next.found) return std::optional<std::string_view>();
        at_.past_limit = false;
        next = search();
    }
    at_.searched = next.found ? at_.searched : next.end;
    if (next.end > limit_)
        return Error(Errc::message_too_large, Operation::receive)
            .with_note(detail::joined({"no delimiter in the first ", std::to_string(next.end), " bytes, the limit is ",
                                       std::to_string(limit_)}));
    if (!next.found) return std::optional<std::string_view>();
    at_.searched = 0;
    return std::optional<std::string_view>(take(0, next.end, delimiter_.size()));
}

inline FrameDecoder::Search FrameDecoder::search() const noexcept {
    const std::string_view bytes = buffer_.view().text();
    const std::size_t end = bytes.find(delimiter_, at_.searched);
    if (end != std::string_view::npos) return {true, end};
    const std::size_t overlap = delimiter_.size() - 1;
    return {false, bytes.size() > overlap ? bytes.size() - overlap : 0};
}

inline bool FrameDecoder::skip() {
    if (delimited_) {
        at_.past_limit = at_.past_limit || (!delimiter_.empty() && limit_ != 0 && search().end > limit_);
        return at_.past_limit;
    }
    at_.skipping = at_.skipping != 0 ? at_.skipping : too_large_frame();
    if (at_.skipping == 0) return false;
    commit(0);
    return true;
}

/// The bytes of the frame that begins here, if its message is too large; else 0.
inline std::uint64_t FrameDecoder::too_large_frame() const {
    if (at_.prefix.prefix_size != 0 || !format_.is_usable()) return 0;
    LengthPrefix unlimited = format_;
    unlimited.max_size = (std::numeric_limits<std::uint64_t>::max)();
    const auto prefix = detail::decode_prefix(buffer_.view().text(), unlimited);
    if (!prefix || prefix->message_size <= limit_) return 0;
    return prefix->prefix_size + prefix->message_size;
}

inline void FrameDecoder::reset() noexcept {
    buffer_ = {};
    at_.skipping = 0;
    at_.searched = 0;
    at_.past_limit = false;
    at_.prefix = {};
}

/// Appends `message` to `to`, in which it must not lie, as one frame: what send_message() would send of it.
/// Errors: message_too_large, std::errc::invalid_argument for a format that cannot be used or a message that holds its
///         delimiter; `to` is as before.
inline Result<void> try_append_frame(std::string& to, ByteView message, const LengthPrefix& format = {}) {
    if (!detail::can_be_sent(message.size(), format)) return detail::no_prefix(message.size(), format);
    to.append(detail::encode_prefix(message.size(), format).view().text()).append(message.text());
    return {};
}
inline Result<void> try_append_frame(std::string& to, ByteView message, const Delimiter& delimiter) {
    if (auto possible = delimiter.check(message); !possible) return possible;
    to.append(message.text()).append(delimiter.bytes());
    return {};
}
inline void append_frame(std::string& to, ByteView message, const LengthPrefix& format = {}) {
    try_append_frame(to, message, format).value();
}
inline void append_frame(std::string& to, ByteView message, const Delimiter& delimiter) {
    try_append_frame(to, message, delimiter).value();
}

}  // namespace sockboot
