// SPDX-License-Identifier: MIT
// formats: the frames of well-known protocols as LengthPrefix constants. A message is the frame without its length.
#pragma once

#include "length_prefix.hpp"

namespace sockboot::inline v0_2::formats {
/// A type byte, and an int32 that counts itself: the message begins with the type.
/// Source: PostgreSQL documentation, "Message Formats".
inline constexpr LengthPrefix postgresql{.counts_itself = true, .before = 1};
/// What a client sends first, before it is asked for a password: the same without a type byte.
inline constexpr LengthPrefix postgresql_startup{.max_size = 10'000, .counts_itself = true};
/// A byte of type and flags, and a varint: the message begins with that byte.
/// Source: MQTT 3.1.1 and 5.0, section 2 (a varint of at most 4 bytes).
inline constexpr LengthPrefix mqtt{.width = LengthPrefix::varint, .max_size = 268'435'456, .before = 1};
/// A length of 3 bytes that leaves out the 6 bytes of type, flags and stream behind it, with which the message begins.
/// Source: RFC 9113 section 4.1; its default SETTINGS_MAX_FRAME_SIZE.
inline constexpr LengthPrefix http2{.width = 3, .max_size = 16'384 + 6, .counts_extra = -6};
/// A marker of 16 bytes, a length of 2 bytes that counts all, a type: the message is marker, type and the rest.
/// Source: RFC 4271 section 4.1 (4,096 bytes at most).
inline constexpr LengthPrefix bgp{
    .width = 2, .max_size = 4'096 - 2, .counts_itself = true, .before = 16, .counts_extra = 16};
/// A length of 2 bytes. Source: RFC 1035 section 4.2.2.
inline constexpr LengthPrefix dns_over_tcp{.width = 2};
}  // namespace sockboot::inline v0_2::formats
