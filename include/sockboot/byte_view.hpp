// SPDX-License-Identifier: MIT
// ByteView: read-only bytes as a parameter, whatever the caller keeps them in.
#pragma once

#include <concepts>
#include <cstddef>
#include <string_view>  // and with it std::data and std::size
#include <type_traits>

namespace sockboot::inline v0_2 {
namespace detail {
/// Contiguous storage of one-byte trivially copyable elements: string, vector<uint8_t>, span<const std::byte>, …
template <class Range>
concept ByteRange = requires(const Range& range) {
    { std::size(range) } -> std::convertible_to<std::size_t>;
    requires std::is_pointer_v<decltype(std::data(range))>;
    requires sizeof(*std::data(range)) == 1;
    requires std::is_trivially_copyable_v<std::remove_cvref_t<decltype(*std::data(range))>>;
};

template <class T>
concept Character = std::same_as<T, char> || std::same_as<T, char8_t>;

template <class T>
concept CharacterArray = std::is_array_v<T> && Character<std::remove_cv_t<std::remove_extent_t<T>>>;
}  // namespace detail

#if __has_cpp_attribute(gsl::Pointer)
class [[gsl::Pointer(std::byte)]] ByteView;  // Clang warns of one that is made from a temporary, as of a string_view
#endif

/// A view of bytes that somebody else owns; made implicitly from strings, literals and byte ranges.
///
/// It does not own: use it as a parameter, never as a member that outlives the call.
class ByteView {
public:
    constexpr ByteView() noexcept = default;
    /// So many bytes from `data` on. A template, so that the 0 of `{0, 5}` is no pointer.
    template <std::same_as<std::byte> Byte>
    constexpr ByteView(const Byte* data, std::size_t size) noexcept : data_(data), size_(size) {}
    /// The bytes of one object, as the kernel wants them.
    template <class T>
        requires std::is_trivially_copyable_v<T>
    [[nodiscard]] static ByteView of(const T& object) noexcept {
        return {reinterpret_cast<const std::byte*>(&object), sizeof object};
    }
    /// Any contiguous range of one-byte elements, whole.
    template <class Range>
        requires(!std::same_as<Range, ByteView> && !detail::CharacterArray<Range> && detail::ByteRange<Range>)
    ByteView(const Range& range) noexcept
        : data_(reinterpret_cast<const std::byte*>(std::data(range))), size_(std::size(range)) {}
    /// A literal, without the NUL that the compiler puts behind it; NULs inside it count.
    /// A const char array of binary data looks the same to the compiler, and would lose a last byte of zero: write
    /// std::span(array) for it.
    template <detail::Character Char, std::size_t N>
    ByteView(const Char (&literal)[N]) noexcept
        : data_(reinterpret_cast<const std::byte*>(literal)), size_(literal[N - 1] == Char{} ? N - 1 : N) {}
    /// A writable char array: a whole buffer or the text in it? Say std::span(a) or std::string_view(a).
    template <detail::Character Char, std::size_t N> ByteView(Char (&ambiguous)[N]) = delete;
    /// A C string, up to its NUL; a null pointer is no bytes.
    template <class Pointer>
        requires(std::same_as<Pointer, const char*> || std::same_as<Pointer, char*>)
    ByteView(const Pointer& c_string) noexcept
        : ByteView(c_string != nullptr ? std::string_view(c_string) : std::string_view()) {}

    [[nodiscard]] constexpr const std::byte* data() const noexcept { return data_; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr const std::byte* begin() const noexcept { return data_; }
    [[nodiscard]] constexpr const std::byte* end() const noexcept { return data_ + size_; }
    /// All from byte `offset` on; `offset` is at most size().
    [[nodiscard]] ByteView subspan(std::size_t offset) const noexcept { return {data_ + offset, size_ - offset}; }
    /// The same bytes as characters, for printing and comparing.
    [[nodiscard]] std::string_view text() const noexcept { return {reinterpret_cast<const char*>(data_), size_}; }

private:
    const std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};
}  // namespace sockboot::inline v0_2
