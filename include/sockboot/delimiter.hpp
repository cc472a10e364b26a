// SPDX-License-Identifier: MIT
// Delimiter: messages that end at certain bytes, such as lines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>  // std::move

#include "byte_view.hpp"
#include "result.hpp"

namespace sockboot {

/// The bytes behind each message: "\n", "\r\n" or any others. They are no part of the message, and no message may
/// contain them.
class Delimiter {
public:
    /// max_size: the largest message, in bytes and without its delimiter, that is sent or received. Not 0.
    explicit Delimiter(std::string_view bytes, std::uint64_t max_size = std::uint64_t{16} << 20)
        : bytes_(bytes), max_size_(max_size) {}

    [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::uint64_t max_size() const noexcept { return max_size_; }

    /// Whether it can be used. Errors: std::errc::invalid_argument with what is wrong.
    [[nodiscard]] Result<void> check() const;

    /// Whether `message` can be sent. Errors: message_too_large; std::errc::invalid_argument where the receiver would
    /// find the delimiter before its end.
    [[nodiscard]] Result<void> check(ByteView message) const;

private:
    std::string bytes_;
    std::uint64_t max_size_;
};

namespace detail {

/// Where `delimiter` begins in `message` followed by `delimiter`: message.size(), unless it comes earlier.
inline std::size_t first_end(std::string_view message, std::string_view delimiter) noexcept {
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

inline Result<void> Delimiter::check() const {
    if (bytes_.empty()) return detail::invalid(Operation::parse, "it is empty").about({}, "a delimiter");
    if (max_size_ != 0) return {};
    return detail::invalid(Operation::parse, "max_size is 0: no message could ever pass").about({}, "a delimiter");
}

inline Result<void> Delimiter::check(ByteView message) const {
    if (auto usable = check(); !usable) return usable;
    if (message.size() > max_size_) return detail::too_large_to_send(message.size(), max_size_);
    if (const std::size_t end = detail::first_end(message.text(), bytes_); end != message.size())
        return detail::invalid(Operation::send, detail::joined({"the message holds its own delimiter at byte ",
                                                                std::to_string(end), "; nothing was sent"}));
    return {};
}

}  // namespace sockboot
