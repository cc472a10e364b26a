// SPDX-License-Identifier: MIT
// One message over a stream: the short way that nearly every message takes, and the long ways.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>  // std::move

#include "../byte_view.hpp"
#include "../length_prefix.hpp"
#include "../result.hpp"
#include "../transfer.hpp"

namespace sockboot::detail {

template <class S>
constexpr bool remembers_desynchronisation = requires(S& stream) {
    stream.desynchronised().sending = true;
    stream.desynchronised().receiving = true;
};

/// Writes down whether a failure from here on leaves the receiving side inside a message: also an exception's.
template <class S>
inline void mark_receiving(S& stream, bool inside) noexcept {
    if constexpr (remembers_desynchronisation<S>) stream.desynchronised().receiving = inside;
}

template <class S>
inline bool is_desynchronised(S& stream, Operation operation) noexcept {
    if constexpr (remembers_desynchronisation<S>)
        return operation == Operation::send ? stream.desynchronised().sending : stream.desynchronised().receiving;
    else
        return false;
}

/// Why no message can be sent, or received: the stream stands inside one, or the format is none.
template <class T, class S>
[[gnu::noinline]] Result<T> refused(S& stream, Operation operation, std::uint64_t size, LengthPrefix format) {
    if (is_desynchronised(stream, operation)) return about(stream, Error(Errc::desynchronised, operation));
    return about(stream, no_prefix(size, format));
}

/// Sends a message whose prefix can be made, and writes down where a failure leaves the stream.
template <class S, class... FirstTry>
[[gnu::noinline]] Result<void> send_any(S& stream, ByteView message, LengthPrefix format, FirstTry... moved) {
    const EncodedPrefix prefix = encode_prefix(message.size(), format);
    Deadline deadline = deadline_of(stream);
    auto first_step = [&] {
        if constexpr (sizeof...(moved) != 0)
            return stream.finish_send(moved..., prefix.view(), message, deadline);
        else
            return send_step(stream, prefix.view(), message, deadline);
    };
    auto sent = send_rest(stream, prefix.view(), message, deadline, first_step());
    if constexpr (remembers_desynchronisation<S>)
        if (!sent) stream.desynchronised().sending = sent.error().transferred() != 0;
    return sent;
}

/// The message behind a prefix.
template <class S>
Result<bool> recv_behind_prefix(S& stream, std::string& into, std::uint64_t size, Deadline& deadline) {
    into.clear();
    if (auto got = recv_growing(stream, into, size, deadline); !got) return std::move(got).error();
    // Its length had come: an end of the stream here is never a clean one.
    if (into.size() < size) return ended(stream, Errc::truncated, into.size(), size);
    mark_receiving(stream, false);
    return true;
}

using PrefixBytes = std::array<std::byte, longest_prefix>;

/// The next message of a format whose prefixes have one width, once the first step into `bytes` has come to `got`.
template <class S>
Result<bool> recv_fixed(S& stream, std::string& into, const LengthPrefix& format, const PrefixBytes& bytes,
                        Result<std::size_t> got, Deadline& deadline) {
    if (!got) {
        mark_receiving(stream, got.error().transferred() != 0);
        return std::move(got).error();
    }
    if (*got == 0) return false;
    mark_receiving(stream, true);
    if (*got < format.width) return ended(stream, Errc::truncated, *got, format.width);
    auto prefix = decode_prefix({reinterpret_cast<const char*>(bytes.data()), std::size_t{format.width}}, format);
    if (!prefix) return about(stream, std::move(prefix).error());
    return recv_behind_prefix(stream, into, prefix->message_size, deadline);
}

/// The same for a varint: only its bytes tell how many there are.
template <class S>
Result<bool> recv_varint(S& stream, std::string& into, const LengthPrefix& format) {
    PrefixBytes bytes;
    Deadline deadline = deadline_of(stream);
    for (std::size_t have = 0;;) {
        auto got = recv_whole(stream, {bytes.data() + have, 1}, deadline, {have, have + 1});
        if (!got) return std::move(got).error();
        if (*got == 0 && have == 0) return false;
        mark_receiving(stream, true);
        if (*got == 0) return ended(stream, Errc::truncated, have, have + 1);
        auto prefix = decode_prefix({reinterpret_cast<const char*>(bytes.data()), ++have}, format);
        if (!prefix) return about(stream, std::move(prefix).error());
        if (prefix->prefix_size != 0) return recv_behind_prefix(stream, into, prefix->message_size, deadline);
    }
}

/// The next message of any format.
template <class S>
[[gnu::noinline]] Result<bool> recv_any(S& stream, std::string& into, LengthPrefix format) {
    into.clear();
    if (format.width == LengthPrefix::varint) return recv_varint(stream, into, format);
    PrefixBytes bytes;
    Deadline deadline = deadline_of(stream);
    auto got = recv_whole(stream, {bytes.data(), format.width}, deadline, {0, format.width});
    return recv_fixed(stream, into, format, bytes, std::move(got), deadline);
}

/// The same, where a first try for the prefix came to `moved`.
template <class S>
[[gnu::noinline]] Result<bool> recv_after_prefix(S& stream, std::string& into, LengthPrefix format, PrefixBytes& bytes,
                                                 auto moved) {
    into.clear();
    Deadline deadline = deadline_of(stream);
    auto got = stream.finish_recv(moved, {bytes.data(), format.width}, deadline, true);
    got = recv_rest(stream, {bytes.data(), format.width}, deadline, {0, format.width}, std::move(got));
    return recv_fixed(stream, into, format, bytes, std::move(got), deadline);
}

/// The same, where the prefix was good, and a first try for the message, of into.size() bytes, came to `moved`.
template <class S>
[[gnu::noinline]] Result<bool> recv_after_message(S& stream, std::string& into, auto moved) {
    mark_receiving(stream, true);
    Deadline deadline = deadline_of(stream);
    const std::size_t size = into.size();
    auto* const bytes = reinterpret_cast<std::byte*>(into.data());
    auto got = stream.finish_recv(moved, {bytes, size}, deadline, true);
    got = recv_rest(stream, {bytes, size}, deadline, {0, size}, std::move(got));
    into.resize(got ? *got : static_cast<std::size_t>(got.error().transferred()));
    if (!got) return std::move(got).error();
    if (*got < size) return ended(stream, Errc::truncated, *got, size);
    mark_receiving(stream, false);
    return true;
}

/// Makes `into` as long as the message whose prefix has been read, where that trusts it no further than is sound.
template <class S>
[[gnu::noinline]] bool resized(S& stream, std::string& into, std::uint64_t size) {
    if (size > trusted_size && size > into.capacity()) return false;
    mark_receiving(stream, true);  // for the case that there is no memory
    into.resize(static_cast<std::size_t>(size));
    mark_receiving(stream, false);
    return true;
}

// Nearly every message goes out, or comes in, whole at the first try, and of that these two are the code. Whatever
// else happens, they hand on to a function above, together with what the first try came to.

template <class S, class Format>
[[gnu::always_inline]] inline Result<void> try_send_framed(S& stream, ByteView message, Format format) {
    if (is_desynchronised(stream, Operation::send) || !can_be_sent(message.size(), format)) [[unlikely]]
        return refused<void>(stream, Operation::send, message.size(), format);
    if constexpr (MayBlock<S>)
        if (stream.may_block()) [[likely]] {
            const EncodedPrefix prefix = encode_prefix(message.size(), format);
            const std::size_t wanted = prefix.size + message.size();
            const auto moved = stream.send_once(prefix.view(), message);
            if (moved.all(wanted)) [[likely]]
                return {};
            return send_any(stream, message, format, moved);
        }
    return send_any(stream, message, format);
}

template <class S, class Format>
[[gnu::always_inline]] inline Result<bool> try_recv_framed(S& stream, std::string& into, Format format) {
    if (is_desynchronised(stream, Operation::receive) || !format.is_usable()) [[unlikely]]
        return refused<bool>(stream, Operation::receive, 0, format);
    if constexpr (MayBlock<S>)
        if (format.width != LengthPrefix::varint && stream.may_block()) [[likely]] {
            PrefixBytes bytes;
            auto moved = stream.recv_once({bytes.data(), format.width}, true);
            const DecodedPrefix prefix = moved.all(format.width) ? decode_fixed(bytes.data(), format) : DecodedPrefix{};
            const std::uint64_t size = prefix.message_size;
            if (prefix.prefix_size == 0 || (size != into.size() && !resized(stream, into, size))) [[unlikely]]
                return recv_after_prefix(stream, into, format, bytes, moved);
            if (size == 0) [[unlikely]]
                return true;
            moved = stream.recv_once({reinterpret_cast<std::byte*>(into.data()), into.size()}, true);
            if (!moved.all(into.size())) [[unlikely]]
                return recv_after_message(stream, into, moved);
            return true;
        }
    return recv_any(stream, into, format);
}

template <class S, class Format>
[[gnu::always_inline]] inline void send_framed(S& stream, ByteView message, Format format) {
    try_send_framed(stream, message, format).value();
}

template <class S, class Format>
[[gnu::always_inline]] inline bool recv_framed(S& stream, std::string& into, Format format) {
    return try_recv_framed(stream, into, format).value();
}

}  // namespace sockboot::detail
