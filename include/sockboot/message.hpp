// SPDX-License-Identifier: MIT
// send_message and recv_message: whole messages over any stream, each with its length in front.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>  // std::move

#include "byte_view.hpp"
#include "length_prefix.hpp"
#include "result.hpp"
#include "transfer.hpp"

namespace sockboot {

namespace detail {

template <class S>
constexpr bool remembers_desynchronisation = requires(S& stream) {
    stream.desynchronised().sending = true;
    stream.desynchronised().receiving = true;
};

/// Writes down where a receive leaves the stream, also when an exception (std::bad_alloc) ends it.
template <class S>
struct ReceiveMark {
    S& stream;
    bool inside = false;
    ~ReceiveMark() {
        if constexpr (remembers_desynchronisation<S>)
            if (inside) stream.desynchronised().receiving = true;
    }
};

/// What a stream that stands inside a message answers to the next message call.
template <class S>
Error refused(const S& stream, Operation operation) {
    return about(stream, Error(Errc::desynchronised, operation));
}

/// The next prefix; one of no size where the stream ends in front of it. `inside`: whether the stream now stands in
/// a message.
template <class S>
Result<DecodedPrefix> recv_prefix(S& stream, const LengthPrefix& format, Deadline& deadline, bool& inside) {
    std::array<std::byte, longest_prefix> bytes;
    const bool varint = format.width == LengthPrefix::varint;
    for (std::size_t have = 0;;) {
        // Only the bytes of a varint tell how many there are.
        const std::size_t wanted = varint ? have + 1 : format.width;
        auto got = recv_whole(stream, {bytes.data() + have, wanted - have}, deadline, have, wanted);
        if (!got) [[unlikely]] {
            inside = got.error().transferred() != 0;
            return std::move(got).error();
        }
        have += *got;
        if (have == 0) return DecodedPrefix{};
        inside = true;
        if (have < wanted) [[unlikely]]
            return ended(stream, Errc::truncated, have, wanted);
        auto prefix = decode_prefix({reinterpret_cast<const char*>(bytes.data()), have}, format);
        if (!prefix) [[unlikely]]
            return about(stream, std::move(prefix).error());
        if (prefix->prefix_size != 0) [[likely]]
            return prefix;
    }
}

/// The next message into `into`; false where the stream ends in front of it.
template <class S>
Result<bool> recv_whole_message(S& stream, std::string& into, const LengthPrefix& format, bool& inside) {
    Deadline deadline = deadline_of(stream);
    auto prefix = recv_prefix(stream, format, deadline, inside);
    if (!prefix || prefix->prefix_size == 0) [[unlikely]] {
        into.clear();
        if (!prefix) return std::move(prefix).error();
        return false;
    }
    const std::uint64_t size = prefix->message_size;
    if (size == 0) into.clear();
    auto got = recv_growing(stream, into, size, deadline);
    if (!got) [[unlikely]]
        return std::move(got).error();
    // Its length had come: an end of the stream here is never a clean one.
    if (into.size() < size) [[unlikely]]
        return ended(stream, Errc::truncated, into.size(), size);
    inside = false;
    return true;
}

}  // namespace detail

/// Sends `message` with its length in front, in one system call where the kernel has room for it.
///
/// Errors:  message_too_large: nothing was sent, the stream is as good as before. deadline_exceeded, would-block or a
///          broken connection: where a part had been sent, the peer would take the next message for the rest of this
///          one, so every later send_message on this stream is refused with desynchronised.
/// Threads: one sender at a time.
/// Calls:   sendmsg(2); no allocation, no copy of the message.
template <Stream S>
Result<void> try_send_message(S& stream, ByteView message, const LengthPrefix& format = {}) {
    if constexpr (detail::remembers_desynchronisation<S>)
        if (stream.desynchronised().sending) [[unlikely]]
            return detail::refused(stream, Operation::send);
    auto prefix = detail::encode_prefix(message.size(), format);
    if (!prefix) [[unlikely]]
        return detail::about(stream, std::move(prefix).error());
    Deadline deadline = detail::deadline_of(stream);
    auto sent = detail::send_whole(stream, prefix->view(), message, deadline);
    if constexpr (detail::remembers_desynchronisation<S>)
        if (!sent && sent.error().transferred() != 0) stream.desynchronised().sending = true;
    return sent;
}

template <Stream S>
void send_message(S& stream, ByteView message, const LengthPrefix& format = {}) {
    try_send_message(stream, message, format).value();
}

/// Receives the next message into `into`, whose storage is used again; false: the peer closed between two messages.
///
/// The length is checked before memory is taken, and memory then grows with the bytes that come, not with the claim.
/// Errors:  truncated: the peer closed inside a message, also right behind its length. message_too_large and
///          malformed_length, with a guess at what the peer is speaking. deadline_exceeded or would-block.
///          After each of them, but a time-out between messages, the stream stands inside a message, and later calls
///          are refused with desynchronised. `into` then holds what had come of the message.
/// Threads: one receiver at a time.
/// Calls:   recv(2), twice where the message is there; poll(2) where it is not and there is a timeout.
template <Stream S>
Result<bool> try_recv_message(S& stream, std::string& into, const LengthPrefix& format = {}) {
    if constexpr (detail::remembers_desynchronisation<S>)
        if (stream.desynchronised().receiving) [[unlikely]]
            return detail::refused(stream, Operation::receive);
    if (auto usable = format.check(); !usable) [[unlikely]]
        return detail::about(stream, std::move(usable).error());
    detail::ReceiveMark<S> mark{stream};
    return detail::recv_whole_message(stream, into, format, mark.inside);
}

template <Stream S>
bool recv_message(S& stream, std::string& into, const LengthPrefix& format = {}) {
    return try_recv_message(stream, into, format).value();
}

/// The next message; nullopt: the peer closed between two messages.
template <Stream S>
Result<std::optional<std::string>> try_recv_message(S& stream, const LengthPrefix& format = {}) {
    std::string message;
    auto got = try_recv_message(stream, message, format);
    if (!got) [[unlikely]]
        return std::move(got).error();
    if (!*got) return std::optional<std::string>();
    return std::optional<std::string>(std::move(message));
}

template <Stream S>
[[nodiscard]] std::optional<std::string> recv_message(S& stream, const LengthPrefix& format = {}) {
    return try_recv_message(stream, format).value();
}

}  // namespace sockboot
