// SPDX-License-Identifier: MIT
// Flat buffers of messages, for the libraries that leave buffering to their users: of the sizes that sockboot and C have.
#pragma once

#include <arpa/inet.h>

#include "contender.hpp"

namespace bench {

/// From here on a message is sent as it lies, and received to where it belongs, with nothing behind it.
inline constexpr std::size_t large_message = std::size_t{16} << 10;

inline std::uint32_t length_of(std::string_view message) {
    if (message.size() > largest_message) fail("the message is too large");
    return htonl(static_cast<std::uint32_t>(message.size()));
}

/// Messages as they arrive: while missing(), receive into room().
class FlatInput {
public:
    /// How many bytes must still come before the next message is whole.
    [[nodiscard]] std::size_t missing() const {
        const std::size_t have = end_ - begin_;
        const std::size_t whole = have < sizeof(std::uint32_t) ? sizeof(std::uint32_t) : whole_size();
        return whole > have ? whole - have : 0;
    }
    struct Room {
        char* bytes;
        std::size_t size;
    };
    /// For what is missing, and for as much more as pays: nothing behind a large message, and little where another one
    /// like it is to be expected, so that it need not be moved.
    Room room() {
        const std::size_t wanted = missing();
        if (begin_ == end_) begin_ = end_ = 0;
        if (wanted > bytes_.size() - end_) move_to_front(wanted);
        const bool is_large = wanted >= large_message;
        const std::size_t all = bytes_.size() - end_;
        const std::size_t size = is_large ? wanted : after_large_ && all > first_look ? first_look : all;
        after_large_ = is_large;
        return {bytes_.data() + end_, size};
    }
    void came(std::size_t size) { end_ += size; }

    /// The next message, which is whole; it lies here until the next room().
    std::string_view next() {
        const std::string_view message(bytes_.data() + begin_ + sizeof(std::uint32_t),
                                       whole_size() - sizeof(std::uint32_t));
        begin_ += sizeof(std::uint32_t) + message.size();
        return message;
    }

private:
    static constexpr std::size_t first_size = std::size_t{256} << 10, first_look = 4096;

    [[nodiscard]] std::size_t whole_size() const {
        std::uint32_t length = 0;
        std::memcpy(&length, bytes_.data() + begin_, sizeof length);
        if (ntohl(length) > largest_message) fail("the message is too large");
        return sizeof length + ntohl(length);
    }
    void move_to_front(std::size_t wanted) {
        std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
        if (wanted > bytes_.size() - end_) bytes_.resize(end_ + wanted);
    }

    std::vector<char> bytes_ = std::vector<char>(first_size);
    std::size_t begin_ = 0, end_ = 0;
    bool after_large_ = false;
};

/// Messages that leave together.
class FlatOutput {
public:
    /// False: it is large, or there is no room; all that waits is to be sent, with this message behind it.
    bool put(std::string_view message) {
        const std::uint32_t length = length_of(message);
        if (message.size() >= large_message || sizeof length + message.size() > bytes_.size() - used_) return false;
        std::memcpy(bytes_.data() + used_, &length, sizeof length);
        std::memcpy(bytes_.data() + used_ + sizeof length, message.data(), message.size());
        used_ += sizeof length + message.size();
        return true;
    }
    [[nodiscard]] std::string_view bytes() const { return {bytes_.data(), used_}; }
    void clear() { used_ = 0; }

private:
    std::vector<char> bytes_ = std::vector<char>(std::size_t{96} << 10);
    std::size_t used_ = 0;
};

}  // namespace bench
