// SPDX-License-Identifier: MIT
// Numbers as bytes in either order.
#pragma once

#include <bit>  // std::endian
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy

namespace sockboot::inline v0_2::detail {
/// Four bytes, big-endian: one load or store, and one instruction to swap them.
constexpr std::uint32_t byteswapped(std::uint32_t value) noexcept {
    return value >> 24 | (value >> 8 & 0xFF00) | (value << 8 & 0xFF0000) | value << 24;
}
constexpr std::uint32_t big_32(std::uint32_t value) noexcept {
    return std::endian::native == std::endian::big ? value : byteswapped(value);
}
inline std::uint32_t load_big_32(const std::byte* from) noexcept {
    std::uint32_t value = 0;
    std::memcpy(&value, from, sizeof value);
    return big_32(value);
}
inline void store_big_32(std::uint32_t value, std::byte* to) noexcept {
    const std::uint32_t ordered = big_32(value);
    std::memcpy(to, &ordered, sizeof ordered);
}

/// Few bytes, mostly one, to a place that may overlap theirs.
[[gnu::always_inline]] inline void move_few(std::byte* to, const std::byte* from, std::size_t count) noexcept {
    if (count == 1)
        *to = *from;
    else if (count != 0)
        std::memmove(to, from, count);
}

/// Any number of bytes in any order.
inline std::uint64_t load(const std::byte* from, unsigned width, std::endian order) noexcept {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < width; ++i)
        value = value << 8 | std::to_integer<std::uint64_t>(from[order == std::endian::big ? i : width - 1 - i]);
    return value;
}
inline void store(std::uint64_t value, std::byte* to, unsigned width, std::endian order) noexcept {
    for (unsigned i = 0; i < width; ++i, value >>= 8)
        to[order == std::endian::big ? width - 1 - i : i] = static_cast<std::byte>(value & 0xFF);
}
}  // namespace sockboot::inline v0_2::detail
