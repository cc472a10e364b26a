// SPDX-License-Identifier: MIT
// send_message and recv_message: whole messages over any stream, each with its length in front.
#pragma once

#include <optional>
#include <string>
#include <utility>  // std::move

#include "byte_view.hpp"
#include "detail/framed.hpp"
#include "length_prefix.hpp"
#include "result.hpp"
#include "transfer.hpp"

namespace sockboot {

/// Sends `message` with its length in front, in one system call where the kernel has room for it.
///
/// Errors:  message_too_large: nothing was sent, the stream is as good as before. deadline_exceeded, would-block or a
///          broken connection: where a part had been sent, the peer would take the next message for the rest of this
///          one, so every later send_message on this stream is refused with desynchronised.
/// Threads: one sender at a time.
/// Calls:   sendmsg(2); no allocation, no copy of the message.
template <Stream S>
inline Result<void> try_send_message(S& stream, ByteView message, const LengthPrefix& format = {}) {
    if (detail::is_plain(format)) return detail::try_send_framed(stream, message, detail::PlainPrefix{format.limit()});
    return detail::try_send_framed(stream, message, format);
}

template <Stream S>
[[gnu::always_inline]] inline void send_message(S& stream, ByteView message, const LengthPrefix& format = {}) {
    if (detail::is_plain(format)) return detail::send_framed(stream, message, detail::PlainPrefix{format.limit()});
    return detail::send_framed(stream, message, format);
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
inline Result<bool> try_recv_message(S& stream, std::string& into, const LengthPrefix& format = {}) {
    if (detail::is_plain(format)) return detail::try_recv_framed(stream, into, detail::PlainPrefix{format.limit()});
    return detail::try_recv_framed(stream, into, format);
}

template <Stream S>
[[gnu::always_inline]] inline bool recv_message(S& stream, std::string& into, const LengthPrefix& format = {}) {
    if (detail::is_plain(format)) return detail::recv_framed(stream, into, detail::PlainPrefix{format.limit()});
    return detail::recv_framed(stream, into, format);
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
