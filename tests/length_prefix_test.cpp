// SPDX-License-Identifier: MIT
#include <sockboot/length_prefix.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "catch.hpp"

using sockboot::ByteView;
using sockboot::Errc;
using sockboot::Error;
using sockboot::LengthPrefix;
using sockboot::detail::FrameExtent;
using Codec = sockboot::detail::FrameCodec<LengthPrefix>;
using namespace std::string_view_literals;

namespace {

constexpr unsigned varint = LengthPrefix::varint;
constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t largest = std::numeric_limits<std::int64_t>::max();

/// A message of so many bytes, none of which is there to be looked at.
ByteView of_size(std::uint64_t size) {
    return {static_cast<const std::byte*>(nullptr), static_cast<std::size_t>(size)};
}

std::string encoded(std::uint64_t size, const LengthPrefix& format) {
    std::array<std::byte, Codec::max_header> bytes{};
    return std::string(ByteView(bytes.data(), Codec(format).write_header(bytes.data(), of_size(size))).text());
}

FrameExtent decoded(std::string_view bytes, const LengthPrefix& format) { return Codec(format).locate(bytes); }

Error refusal(std::string_view bytes, const LengthPrefix& format = {}) {
    const Codec codec(format);
    const FrameExtent extent = codec.locate(bytes);
    REQUIRE(extent.status != FrameExtent::Status::unknown);
    REQUIRE((!extent.is_known() || extent.size > codec.limit()));
    return codec.failure(extent, bytes);
}

/// Every format there is, with the highest limit.
std::vector<LengthPrefix> every_format() {
    std::vector<LengthPrefix> formats = {{.width = varint, .max_size = unlimited}};
    for (const unsigned width : {1U, 2U, 3U, 4U, 8U})
        for (const std::endian order : {std::endian::big, std::endian::little})
            for (const bool itself : {false, true})
                formats.push_back({.width = width, .order = order, .max_size = unlimited, .counts_itself = itself});
    return formats;
}

/// The sizes that the format can count to on both sides of where its bytes change.
std::vector<std::uint64_t> edges(const LengthPrefix& format) {
    std::vector<std::uint64_t> sizes = {format.limit() - 1, format.limit()};
    for (const std::uint64_t power : {1U, 128U, 254U, 256U, 16'384U, 32'768U, 65'536U, 16'777'216U})
        for (const std::uint64_t size : {power - 1, power, power + 1})
            if (size < format.limit()) sizes.push_back(size);
    return sizes;
}

std::string description(const LengthPrefix& format) {
    return "width " + std::to_string(format.width) + (format.order == std::endian::big ? " big" : " little") +
           (format.counts_itself ? " counting itself" : "");
}

}  // namespace

TEST_CASE("length prefix: by default 4 bytes, big-endian, 16 MiB at most", "[length_prefix]") {
    constexpr LengthPrefix format;
    CHECK(format.limit() == 16U << 20);
    CHECK(encoded(9, format) == "\0\0\0\x09"sv);
}

TEST_CASE("length prefix: the bytes of each width, order and way of counting", "[length_prefix]") {
    struct Written {
        LengthPrefix format;
        std::uint64_t size;
        std::string_view bytes;
    };
    constexpr auto little = std::endian::little;
    const Written table[] = {
        {{.width = 1}, 5, "\x05"sv},
        {{.width = 1, .counts_itself = true}, 5, "\x06"sv},
        {{.width = 2}, 0x0102, "\x01\x02"sv},
        {{.width = 2, .order = little}, 0x0102, "\x02\x01"sv},
        {{.width = 3}, 0x010203, "\x01\x02\x03"sv},
        {{.width = 3, .order = little, .counts_itself = true}, 0x010203, "\x06\x02\x01"sv},
        {{.width = 4}, 0x010203, "\x00\x01\x02\x03"sv},
        {{.width = 4, .order = little}, 0x010203, "\x03\x02\x01\x00"sv},
        {{.width = 4, .counts_itself = true}, 0, "\0\0\0\x04"sv},
        {{.width = 8}, 0x010203, "\0\0\0\0\0\x01\x02\x03"sv},
        {{.width = 8, .order = little}, 0x010203, "\x03\x02\x01\0\0\0\0\0"sv},
        {{.width = varint}, 0, "\0"sv},
        {{.width = varint}, 127, "\x7F"sv},
        {{.width = varint}, 128, "\x80\x01"sv},
        {{.width = varint}, 300, "\xAC\x02"sv},
        {{.width = varint, .max_size = unlimited}, largest, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"sv},
    };
    for (const Written& row : table) {
        INFO(description(row.format) << ", size " << row.size);
        CHECK(encoded(row.size, row.format) == row.bytes);
    }
}

TEST_CASE("length prefix: what one side writes the other reads, in every format", "[length_prefix]") {  // behaviour 45
    for (const LengthPrefix& format : every_format())
        for (const std::uint64_t size : edges(format)) {
            INFO(description(format) << ", size " << size);
            const std::string bytes = encoded(size, format);
            const auto read = decoded(bytes + "the message", format);
            REQUIRE(read.is_known());
            CHECK(read.size == size);
            CHECK(read.header == bytes.size());
        }
}

TEST_CASE("length prefix: a prefix that is not complete is waited for", "[length_prefix]") {
    for (const LengthPrefix& format : every_format()) {
        const std::string bytes = encoded(format.limit(), format);
        for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
            INFO(description(format) << ", " << cut << " bytes");
            CHECK(decoded(std::string_view(bytes).substr(0, cut), format).status == FrameExtent::Status::unknown);
        }
    }
}

TEST_CASE("length prefix: the limit is max_size, or what the width can count to", "[length_prefix]") {  // behaviour 51
    struct Limit {
        LengthPrefix format;
        std::uint64_t limit;
    };
    const Limit table[] = {
        {{.width = 1}, 255},
        {{.width = 1, .counts_itself = true}, 254},
        {{.width = 2}, 65'535},
        {{.width = 2, .counts_itself = true}, 65'533},
        {{.width = 3}, 16'777'215},
        {{.width = 3, .counts_itself = true}, 16'777'212},
        {{.width = 4}, 16'777'216},
        {{.width = 4, .max_size = unlimited}, 0xFFFF'FFFF},
        {{.width = 4, .max_size = unlimited, .counts_itself = true}, 0xFFFF'FFFB},
        {{.width = 8, .max_size = unlimited}, largest},
        {{.width = 8, .max_size = unlimited, .counts_itself = true}, largest - 8},
        {{.width = varint}, 16'777'216},
        {{.width = varint, .max_size = unlimited}, largest},
        {{.width = 1, .max_size = 7}, 7},
    };
    constexpr std::uint64_t addressable = std::numeric_limits<std::ptrdiff_t>::max();
    for (const Limit& row : table) {
        INFO(description(row.format) << ", max_size " << row.format.max_size);
        CHECK(row.format.limit() == std::min(row.limit, addressable));
        CHECK(row.format.check());
    }
}

TEST_CASE("length prefix: the sender is refused one byte over the limit", "[length_prefix]") {  // behaviour 45
    for (const LengthPrefix& format : every_format()) {
        INFO(description(format));
        CHECK(Codec(format).accepts(of_size(format.limit())));
        REQUIRE_FALSE(Codec(format).accepts(of_size(format.limit() + 1)));
        const sockboot::Error refused = Codec(format).refusal(of_size(format.limit() + 1));
        CHECK(refused.code() == Errc::message_too_large);
        CHECK(refused.operation() == sockboot::Operation::send);
        CHECK_THAT(refused.message(),
                   ContainsSubstring("the message has " + std::to_string(format.limit() + 1) + " bytes"));
        CHECK_THAT(refused.message(),
                   ContainsSubstring("the limit is " + std::to_string(format.limit()) + "; nothing was sent"));
    }
}

TEST_CASE("length prefix: a length over the limit is refused by the receiver", "[length_prefix]") {  // behaviour 46
    for (const std::string_view bytes :
         {"\x01\0\0\x01"sv, "\x7F\xFF\xFF\xFF"sv, "\x80\0\0\0"sv, "\xFF\xFF\xFF\xFF"sv}) {
        const Error error = refusal(bytes);
        CHECK(error.code() == Errc::message_too_large);
        CHECK(error.operation() == sockboot::Operation::receive);
        CHECK_FALSE(error.transient());
    }
    CHECK_THAT(refusal("\x01\0\0\x01"sv).message(),
               ContainsSubstring("the peer announces 16777217 bytes, the limit is 16777216"));
}

TEST_CASE("length prefix: a negative length is an error, not an empty message", "[length_prefix]") {  // behaviour 42
    for (const LengthPrefix& format : every_format()) {
        if (format.width < 4 || format.width == varint) continue;
        const LengthPrefix limited{.width = format.width, .order = format.order, .counts_itself = format.counts_itself};
        std::string minus_five(format.width, '\xFF');
        (format.order == std::endian::big ? minus_five.back() : minus_five.front()) = '\xFB';
        INFO(description(limited));
        CHECK(refusal(minus_five, limited).code() == Errc::message_too_large);
    }
}

TEST_CASE("length prefix: 8 bytes with the top bit set are always refused", "[length_prefix]") {  // behaviour 51
    const LengthPrefix format{.width = 8, .max_size = unlimited};
    CHECK(refusal("\x80\0\0\0\0\0\0\0"sv, format).code() == Errc::message_too_large);
    CHECK(refusal("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"sv, format).code() == Errc::message_too_large);
}

TEST_CASE("length prefix: a peer of the other byte order is recognised", "[length_prefix]") {  // behaviour 48
    const Error from_little = refusal("\x05\0\0\0"sv);
    CHECK_THAT(from_little.message(), ContainsSubstring("announces 83886080 bytes"));
    CHECK_THAT(from_little.message(),
               ContainsSubstring("in the other byte order it would be 5: does the peer write little-endian?"));

    const Error from_big = refusal("\0\0\0\x05"sv, {.order = std::endian::little});
    CHECK_THAT(from_big.message(), ContainsSubstring("it would be 5: does the peer write big-endian?"));

    CHECK_THAT(refusal("\x7F\xFF\xFF\xFF").message(), !ContainsSubstring("byte order"));
}

TEST_CASE("length prefix: another protocol's first bytes are recognised", "[length_prefix]") {  // behaviour 49
    struct Spoken {
        LengthPrefix format;
        std::string_view bytes;
        std::string hint;
    };
    const Spoken table[] = {
        {{}, "GET / HTTP/1.1\r\n"sv, "it reads like the text \"GET \": is the peer speaking HTTP"},
        {{}, "HTTP/1.1 400 Bad"sv, "it reads like the text \"HTTP\""},
        {{}, "\r\n\r\nquit"sv, "it reads like the text \"\\r\\n\\r\\n\""},
        {{.order = std::endian::little}, "POST /"sv, "it reads like the text \"POST\""},
        {{.width = 8}, "GET / HTTP/1.1\r\n"sv, "it reads like the text \"GET / HT\""},
        {{}, "\x16\x03\x01\x02\x00\x01"sv, "it reads like a TLS hello: does the peer expect TLS?"},
        {{.width = 3, .max_size = 1000}, "\x16\x03\x03"sv, "it reads like a TLS hello"},
        {{}, "\x15\x03\x03\x00\x02\x02\x28"sv, "it reads like a TLS alert: does the peer expect TLS?"},
        {{}, "Gr\xC3\xBC\xC3\x9F"sv, "it reads like the text \"Gr\xC3\xBC\""},
        {{}, "na\xC3\xAFve"sv, "it reads like the text \"na\xC3\xAF\""},
    };
    for (const Spoken& row : table) {
        const Error error = refusal(row.bytes, row.format);
        CHECK(error.code() == Errc::message_too_large);
        CHECK_THAT(error.message(), ContainsSubstring(row.hint));
    }
    for (const std::string_view bytes : {"\x7F\xFF\xFF\xFF"sv, "\xC3\x28\xC3\x28"sv, "ab\x01z"sv})
        CHECK_THAT(refusal(bytes).message(), !ContainsSubstring("reads like"));
}

TEST_CASE("length prefix: what no sender of the format writes is malformed", "[length_prefix]") {
    struct Malformed {
        LengthPrefix format;
        std::string_view bytes;
        std::string why;
    };
    const Malformed table[] = {
        {{.counts_itself = true}, "\0\0\0\x03"sv, "its own 4 bytes: does the peer count the message alone?"},
        {{.width = 1, .counts_itself = true}, "\0"sv, "a length of 0 cannot count its own 1 bytes"},
        {{.width = 8, .counts_itself = true}, "\0\0\0\0\0\0\0\x07"sv, "a length of 7 cannot count its own 8 bytes"},
        {{.width = varint}, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"sv, "does not fit into 64 bits"},
        {{.width = varint}, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"sv, "more than 10 bytes"},
    };
    for (const Malformed& row : table) {
        const Error error = refusal(row.bytes, row.format);
        INFO(row.why);
        CHECK(error.code() == Errc::malformed_length);
        CHECK_THAT(error.message(), ContainsSubstring(row.why));
    }
}

TEST_CASE("length prefix: a varint with needless zero bytes is taken, as Protocol Buffers take it", "[length_prefix]") {
    struct Padded {
        std::string_view bytes;
        std::uint64_t size;
    };
    for (const Padded& row :
         {Padded{"\x80\0"sv, 0}, Padded{"\x85\x80\0"sv, 5}, Padded{"\xFF\x80\x80\x80\x80\x80\x80\x80\x80\0"sv, 127}}) {
        const auto read = decoded(row.bytes, {.width = varint});
        REQUIRE(read.is_known());
        CHECK(read.size == row.size);
        CHECK(read.header == row.bytes.size());
    }
}

TEST_CASE("length prefix: a varint over the limit is refused, however many bytes it has", "[length_prefix]") {
    CHECK(refusal("\x81\x80\x80\x08"sv, {.width = varint}).code() == Errc::message_too_large);
    CHECK(refusal("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"sv, {.width = varint, .max_size = unlimited}).code() ==
          Errc::message_too_large);
}

TEST_CASE("length prefix: a format that cannot be used says which field is wrong", "[length_prefix]") {
    struct Bad {
        LengthPrefix format;
        std::string why;
    };
    const Bad table[] = {
        {{.width = 0}, "its width is 0: it can be 1, 2, 3, 4, 8 or LengthPrefix::varint"},
        {{.width = 5}, "its width is 5"},
        {{.width = 127}, "its width is 127"},
        {{.max_size = 0}, "max_size is 0: no message could ever pass"},
        {{.width = varint, .counts_itself = true}, "a varint cannot count itself"},
        {{.width = 5, .counts_itself = true}, "its width is 5"},
        {{.width = varint, .before = 33}, "its before is over 32 bytes"},
        {{.order = static_cast<std::endian>(42)}, "its order is neither big nor little"},
    };
    for (const Bad& row : table) {
        const auto checked = row.format.check();
        REQUIRE_FALSE(checked);
        CHECK(checked.error().code() == std::errc::invalid_argument);
        CHECK_THAT(checked.error().message(), StartsWith("parse a length prefix: invalid argument"));
        CHECK_THAT(checked.error().message(), ContainsSubstring(row.why));
        CHECK_FALSE(Codec(row.format).accepts({}));
        CHECK(Codec(row.format).refusal({}).code() == std::errc::invalid_argument);
    }
}
