// SPDX-License-Identifier: MIT
// FrameDecoder: bytes of any cut in, messages out. No I/O and no clock: for programs with an event loop of their own;
// recv_message and send_message do the same over a socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>  // std::move

#include "byte_view.hpp"
#include "length_prefix.hpp"
#include "result.hpp"

namespace sockboot {

/// Takes bytes in whatever pieces they arrive, gives them back message by message.
///
/// The memory it holds follows the bytes that were fed, never the lengths that they claim.
/// Threads: one at a time.
class FrameDecoder {
public:
    /// A format that cannot be used is reported by next().
    explicit FrameDecoder(const LengthPrefix& format = {}) : format_(format) {}

    /// Adds bytes, of any cut.
    void feed(ByteView bytes);

    /// The next message, or nullopt until more bytes have come. The view is valid until the next feed() or reset().
    /// Errors: message_too_large, which stays until skip(), reset() or a larger limit; malformed_length, which stays
    ///         until reset(); std::errc::invalid_argument for a format that cannot be used.
    [[nodiscard]] std::optional<std::string_view> next() { return try_next().value(); }
    [[nodiscard]] Result<std::optional<std::string_view>> try_next();

    /// After message_too_large: throws that message away, as its bytes come, and goes on behind it.
    /// Returns false where there is nothing that can be skipped.
    bool skip();

    /// Forgets all bytes and errors.
    void reset() noexcept;

    /// Bytes that were fed and have not been given back: 0 at a message boundary.
    [[nodiscard]] std::size_t pending() const noexcept { return buffer_.size() - start_; }

    /// Whether the bytes so far end at a message boundary: what the end of the stream must find.
    [[nodiscard]] bool at_boundary() const noexcept { return pending() == 0 && skipping_ == 0; }

    /// Another limit, from the next message on whose length has not been read yet.
    void set_max_size(std::uint64_t max_size) noexcept { format_.max_size = max_size; }

private:
    LengthPrefix format_;
    std::string buffer_;
    std::size_t start_ = 0;         ///< the first byte of buffer_ that was not given back
    std::uint64_t skipping_ = 0;    ///< bytes still to come that skip() throws away
    detail::DecodedPrefix prefix_;  ///< of the message that is being collected
};

inline void FrameDecoder::feed(ByteView bytes) {
    if (skipping_ != 0) {
        const auto skipped = static_cast<std::size_t>(skipping_ < bytes.size() ? skipping_ : bytes.size());
        skipping_ -= skipped;
        bytes = bytes.after(skipped);
    }
    buffer_.erase(0, start_);
    start_ = 0;
    buffer_.append(bytes.text());
}

inline Result<std::optional<std::string_view>> FrameDecoder::try_next() {
    const std::string_view bytes = std::string_view(buffer_).substr(start_);
    if (prefix_.prefix_size == 0) {
        if (auto usable = format_.check(); !usable) return std::move(usable).error();
        auto prefix = detail::decode_prefix(bytes, format_);
        if (!prefix) return std::move(prefix).error();
        prefix_ = *prefix;
    }
    if (prefix_.prefix_size == 0 || bytes.size() - prefix_.prefix_size < prefix_.message_size)
        return std::optional<std::string_view>();
    const std::string_view message = bytes.substr(prefix_.prefix_size, static_cast<std::size_t>(prefix_.message_size));
    start_ += prefix_.prefix_size + message.size();
    prefix_ = {};
    return std::optional<std::string_view>(message);
}

inline bool FrameDecoder::skip() {
    if (prefix_.prefix_size != 0 || !format_.check()) return false;
    const std::string_view bytes = std::string_view(buffer_).substr(start_);
    LengthPrefix unlimited = format_;
    unlimited.max_size = (std::numeric_limits<std::uint64_t>::max)();
    const auto prefix = detail::decode_prefix(bytes, unlimited);
    if (!prefix || prefix->message_size <= format_.limit()) return false;
    const std::uint64_t whole = prefix->prefix_size + prefix->message_size;
    const auto here = static_cast<std::size_t>(whole < bytes.size() ? whole : bytes.size());
    start_ += here;
    skipping_ = whole - here;
    return true;
}

inline void FrameDecoder::reset() noexcept {
    buffer_.clear();
    start_ = 0;
    skipping_ = 0;
    prefix_ = {};
}

}  // namespace sockboot
