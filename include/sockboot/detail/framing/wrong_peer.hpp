// SPDX-License-Identifier: MIT
// What gives away a peer that speaks something else: guesses for the person who reads an error, made from the bytes
// that came, and only once something has failed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include "../../byte_view.hpp"
#include "../../error.hpp"
#include "../text.hpp"

namespace sockboot::inline v0_2::detail {
/// Bytes of the UTF-8 character at the front of `bytes`, as far as they are there; 0: none begins so.
inline std::size_t utf8_size(std::string_view bytes) noexcept {
    const auto first = static_cast<unsigned char>(bytes[0]);
    if (first < 0x80) return 1;
    if (first < 0xC2 || first > 0xF4) return 0;
    const std::size_t size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    for (std::size_t i = 1; i < size; ++i) {
        if (i == bytes.size()) return i;
        if ((static_cast<unsigned char>(bytes[i]) & 0xC0) != 0x80) return 0;
    }
    return size;
}

/// Whether bytes where a length should be are printable text, in UTF-8.
inline bool reads_like_text(std::string_view bytes) noexcept {
    for (std::size_t i = 0; i < bytes.size();) {
        const char c = bytes[i];
        const bool is_control = (c >= '\0' && c < ' ') || c == '\x7F';
        const std::size_t size = utf8_size(bytes.substr(i));
        if (size == 0 || (is_control && c != '\r' && c != '\n' && c != '\t')) return false;
        i += size;
    }
    return bytes.size() > 1;
}

/// As it would be written in a literal: a line end is \r\n.
[[gnu::cold]] inline std::string readable(std::string_view bytes) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string text;
    for (const char c : bytes) {
        const auto value = static_cast<unsigned char>(c);
        if (c == '\r' || c == '\n' || c == '\t' || c == '\0')
            text += c == '\r' ? "\\r" : c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\0";
        else if (value < ' ' || c == '\x7F')
            text += {'\\', 'x', digits[value >> 4], digits[value & 15]};
        else
            text += c;
    }
    return text;
}

/// "reads like …: does the peer …?" of a TLS record in clear, as a handshake begins or is refused with; else nothing.
[[gnu::cold]] inline std::string tls_guess(std::string_view bytes) {
    const auto has = [bytes](std::size_t at, char low, char high) {
        return at >= bytes.size() || (bytes[at] >= low && bytes[at] <= high);
    };
    const bool is_record = bytes.size() > 1 && bytes[1] == '\3' && has(2, '\0', '\4');
    if (is_record && bytes[0] == '\x16' && has(5, '\1', '\2'))
        return "reads like a TLS hello: does the peer expect TLS?";
    if (is_record && bytes[0] == '\x15' && has(3, '\0', '\0') && has(4, '\2', '\2'))
        return "reads like a TLS alert: does the peer expect TLS?";
    return {};
}

[[gnu::cold]] inline std::string text_guess(std::string_view bytes) {
    return concat(
        {"reads like the text \"", readable(bytes), "\": is the peer speaking HTTP or another text protocol?"});
}

/// The same of bytes that may be a message as well: only what hardly any message begins with.
[[gnu::cold]] inline std::string protocol_guess(std::string_view bytes) {
    constexpr std::string_view beginnings[] = {"GET ",     "HEAD ",  "POST ", "PUT ",  "DELETE ", "OPTIONS ",
                                               "CONNECT ", "PATCH ", "PRI *", "HTTP/", "SSH-"};
    for (const std::string_view beginning : beginnings)
        if (bytes.starts_with(beginning)) return text_guess(bytes.substr(0, bytes.find_first_of("\r\n")).substr(0, 16));
    return bytes.size() > 2 ? tls_guess(bytes) : std::string();
}

/// The end of a sentence about a length that is refused. `swapped` is the message's size if the length is read in the
/// other byte order, which is `other`; 0 where that is none either.
[[gnu::cold]] inline std::string length_guess(std::string_view bytes, std::uint64_t swapped, std::string_view other) {
    if (const std::string tls = tls_guess(bytes); !tls.empty()) return "; it " + tls;
    if (reads_like_text(bytes)) return "; it " + text_guess(bytes);
    if (swapped == 0) return {};
    return concat({"; in the other byte order it would be ", std::to_string(swapped), ": does the peer write ", other,
                   "-endian?"});
}

/// Of a length that is below the `counted` bytes that it counts beside what follows it; `itself`: they are its own.
[[gnu::cold]] inline std::string short_length(std::uint64_t length, std::int64_t counted, bool itself) {
    return concat({"a length of ", std::to_string(length), itself ? " cannot count its own " : " is below the ",
                   std::to_string(counted),
                   itself ? " bytes: does the peer count the message alone?" : " bytes that it always counts"});
}

/// `error` with a guess, where the stream ended or the time ran out inside a frame of which `came` is there and
/// `missing` bytes are not (0: nobody knows). Where there is nothing to guess, it costs no memory.
template <class Codec>
[[gnu::noinline, gnu::cold]] Error with_guess(Error error, const Codec& codec, ByteView came, std::uint64_t missing) {
    const bool ended = error.code() == Errc::truncated;
    if (came.empty() || (!ended && error.code() != Errc::deadline_exceeded)) return error;
    std::string guess = codec.guess(came, missing, ended);
    return guess.empty() ? error : std::move(error).with_note(std::move(guess));
}
}  // namespace sockboot::inline v0_2::detail
