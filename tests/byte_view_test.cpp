// SPDX-License-Identifier: MIT
#include <sockboot/byte_view.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "catch.hpp"

using sockboot::ByteView;
using namespace std::string_view_literals;

namespace {

/// As a function of the library takes it: by implicit conversion.
std::string bytes_of(ByteView bytes) { return std::string(bytes.text()); }

struct OneByte {
    char value;
};

}  // namespace

TEST_CASE("byte view: text of every kind converts", "[byte_view]") {
    const std::string string = "text";
    const char* pointer = string.c_str();
    std::string writable = "text";
    char* writable_pointer = writable.data();

    CHECK(bytes_of("text") == "text");
    CHECK(bytes_of(string) == "text");
    CHECK(bytes_of(std::string_view(string)) == "text");
    CHECK(bytes_of(std::string("text")) == "text");
    CHECK(bytes_of(pointer) == "text");
    CHECK(bytes_of(writable_pointer) == "text");
    CHECK(bytes_of(writable) == "text");
}

TEST_CASE("byte view: a null pointer to characters is no bytes", "[byte_view]") {
    const char* const none = nullptr;
    char* const writable_none = nullptr;
    CHECK(ByteView(none).empty());
    CHECK(ByteView(writable_none).empty());
    CHECK(bytes_of(none).empty());
}

TEST_CASE("byte view: a range of one-byte elements converts whole", "[byte_view]") {
    const std::array<std::byte, 3> bytes{std::byte{'a'}, std::byte{'b'}, std::byte{'c'}};
    const std::uint8_t array[] = {'a', 'b', 'c'};
    std::vector<unsigned char> writable = {'a', 'b', 'c'};

    CHECK(bytes_of(bytes) == "abc");
    CHECK(bytes_of(array) == "abc");
    CHECK(bytes_of(writable) == "abc");
    CHECK(bytes_of(std::span(writable)) == "abc");
    CHECK(bytes_of(std::span<const std::byte>(bytes)) == "abc");
    CHECK(bytes_of(std::span<const std::byte, 3>(bytes)) == "abc");
    CHECK(bytes_of(std::vector<char>{'a', 'b', 'c'}) == "abc");
    CHECK(bytes_of(std::vector<std::int8_t>{'a', 'b', 'c'}) == "abc");
    CHECK(bytes_of(std::array<OneByte, 3>{{{'a'}, {'b'}, {'c'}}}) == "abc");
    CHECK(bytes_of(std::u8string(u8"abc")) == "abc");
}

TEST_CASE("byte view: a literal counts the NULs inside it and not the one behind it", "[byte_view]") {
    const char unterminated[] = {'a', 'b'};

    CHECK(ByteView("").empty());
    CHECK(ByteView("a\0b").size() == 3);
    CHECK(bytes_of("a\0b") == "a\0b"sv);
    CHECK(ByteView("a\0").size() == 2);
    CHECK(bytes_of(unterminated) == "ab");
}

TEST_CASE("byte view: NULs inside a string or a view count, a C string ends at its NUL", "[byte_view]") {
    const std::string string("a\0b\0", 4);
    CHECK(ByteView(string).size() == 4);
    CHECK(ByteView("a\0b\0"sv).size() == 4);
    CHECK(ByteView(string.c_str()).size() == 1);
}

TEST_CASE("byte view: a writable char array does not convert, said as a span or a view it does", "[byte_view]") {
    char buffer[8] = "ab";
    STATIC_REQUIRE_FALSE(std::is_constructible_v<ByteView, char(&)[8]>);
    CHECK(ByteView(std::span(buffer)).size() == 8);
    CHECK(ByteView(std::string_view(buffer)).size() == 2);
}

TEST_CASE("byte view: what is no range of single bytes does not convert", "[byte_view]") {
    STATIC_REQUIRE_FALSE(std::is_convertible_v<int, ByteView>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<char, ByteView>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<std::vector<int>, ByteView>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<std::wstring, ByteView>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<std::vector<std::string>, ByteView>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<std::vector<bool>, ByteView>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<std::optional<std::string>, ByteView>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<const int*, ByteView>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<const void*, ByteView>);
}

TEST_CASE("byte view: it looks at the caller's bytes and copies none", "[byte_view]") {
    std::string owner = "abc";
    const ByteView view = owner;
    owner[1] = 'X';
    CHECK(static_cast<const void*>(view.data()) == static_cast<const void*>(owner.data()));
    CHECK(view.text() == "aXc");
    CHECK(view.end() - view.begin() == 3);
}

TEST_CASE("byte view: of() gives the bytes of one object, and a pointer comes with its size", "[byte_view]") {
    const std::uint32_t number = 0x41414141;
    CHECK(ByteView::of(number).text() == "AAAA");
    CHECK(ByteView::of(number).data() == ByteView(std::as_bytes(std::span(&number, 1))).data());
    CHECK(ByteView(ByteView("abc").data(), 2).text() == "ab");
}

TEST_CASE("byte view: made of nothing it is empty", "[byte_view]") {
    constexpr ByteView none;
    STATIC_REQUIRE(none.empty());
    CHECK(none.text().empty());
    CHECK(none.begin() == none.end());
    CHECK(none.subspan(0).empty());
    CHECK(ByteView(std::string()).empty());
}

TEST_CASE("byte view: subspan() leaves out the first bytes, down to none", "[byte_view]") {
    const ByteView view = "abc";
    CHECK(view.subspan(0).text() == "abc");
    CHECK(view.subspan(1).text() == "bc");
    CHECK(view.subspan(3).empty());
}

TEST_CASE("byte view: a copy is the same view", "[byte_view]") {
    const ByteView view = "abc";
    const ByteView copy = view;  // NOLINT: the copy is what is tested
    CHECK(copy.data() == view.data());
    CHECK(copy.size() == view.size());
}
