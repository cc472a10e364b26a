// SPDX-License-Identifier: MIT
#include <sockboot/delimiter.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <sockboot/framing.hpp>

#include "catch.hpp"

using sockboot::Delimiter;
using sockboot::Errc;
using sockboot::FrameDecoder;

namespace {

/// All texts of the letters a and b with up to `longest` of them.
std::vector<std::string> texts(std::size_t longest) {
    std::vector<std::string> all{""};
    for (std::size_t i = 0; all[i].size() < longest; ++i)
        for (const char letter : {'a', 'b'}) all.push_back(all[i] + letter);
    return all;
}

}  // namespace

TEST_CASE("Delimiter: a line of up to 16 MiB, unless told otherwise", "[delimiter]") {
    CHECK(Delimiter("\n").bytes() == "\n");
    CHECK(Delimiter("\n").max_size() == std::uint64_t{16} << 20);
    CHECK(Delimiter("\r\n", 80).bytes() == "\r\n");
    CHECK(Delimiter("\r\n", 80).max_size() == 80);
}

TEST_CASE("Delimiter: a NUL in a literal counts, as in every text that is handed over", "[delimiter]") {
    CHECK(Delimiter("\0").bytes() == std::string_view("\0", 1));
    CHECK(Delimiter(std::string_view("\0", 1)).bytes() == std::string_view("\0", 1));
    CHECK(Delimiter("\r\n\0").bytes() == std::string_view("\r\n\0", 3));
    CHECK(Delimiter("\0").check("message"));
}

TEST_CASE("Delimiter: one without bytes, or a limit of 0, cannot be used, and says so", "[delimiter]") {
    struct Case {
        Delimiter delimiter;
        const char* text;
    };
    const Case cases[] = {{Delimiter(""), "it is empty: no message would ever end; a NUL is written \"\\0\""},
                          {Delimiter("\n", 0), "max_size is 0"}};
    for (const Case& one : cases) {
        for (const auto& checked : {one.delimiter.check(), one.delimiter.check("message")}) {
            REQUIRE_FALSE(checked);
            CHECK(checked.error().code() == std::errc::invalid_argument);
            CHECK_THAT(checked.error().message(), ContainsSubstring("a delimiter"));
            CHECK_THAT(checked.error().message(), ContainsSubstring(one.text));
        }
    }
    CHECK(Delimiter("x", 1).check());
    CHECK(Delimiter("x", (std::numeric_limits<std::uint64_t>::max)()).check("message"));
}

TEST_CASE("Delimiter: a message up to the limit can be sent, one byte more cannot", "[delimiter]") {  // behaviour 45
    const Delimiter delimiter("\r\n", 5);
    CHECK(delimiter.check(""));
    CHECK(delimiter.check("hello"));
    const auto larger = delimiter.check("hello!");
    REQUIRE_FALSE(larger);
    CHECK(larger.error().code() == Errc::message_too_large);
    CHECK_THAT(larger.error().message(), ContainsSubstring("6 bytes, the limit is 5; nothing was sent"));
}

TEST_CASE("Delimiter: the least limit is a message of one byte", "[delimiter]") {
    std::string bytes;
    append_frame(bytes, "x", Delimiter("\n", 1));
    append_frame(bytes, "", Delimiter("\n", 1));
    CHECK(bytes == "x\n\n");
    CHECK_FALSE(try_append_frame(bytes, "xy", Delimiter("\n", 1)));

    FrameDecoder decoder(Delimiter("\n", 1));
    decoder.feed("x\n");
    CHECK(decoder.next() == "x");
}

TEST_CASE("Delimiter: a message that holds it is refused, with the place", "[delimiter]") {
    struct Case {
        const char *delimiter, *message, *place;
    };
    const Case cases[] = {
        {"\n", "two\nlines", "at byte 3"},
        {"\n", "\n", "at byte 0"},
        {"\r\n", "a line\r\n", "at byte 6"},
        {"--end--", "before --end-- behind", "at byte 7"},
        {"aa", "a", "at byte 0"},            // "a" + "aa": its first two are one
        {"aa", "baaa", "at byte 1"},         // the earliest counts
        {"abab", "xab", "at byte 1"},        // "xab" + "abab"
        {"--end--", "x--end", "at byte 1"},  // "x--end" + "--end--"
        {"--end--", "--end--end", "at byte 0"},
    };
    for (const Case& one : cases) {
        const auto refused = Delimiter(one.delimiter).check(one.message);
        CAPTURE(one.delimiter, one.message);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code() == std::errc::invalid_argument);
        CHECK_THAT(refused.error().message(), ContainsSubstring(one.place));
        CHECK_THAT(refused.error().message(), ContainsSubstring("nothing was sent"));
    }
    for (const char* message : {"", "\r", "a\rb", "\n\r", "ends with \r"}) CHECK(Delimiter("\r\n").check(message));
    for (const char* message : {"-", "--", "--end", "x--end-"})
        CHECK(Delimiter("--end--").check(message).has_value() == (std::string_view(message).size() < 3));
}

TEST_CASE("Delimiter: exactly what a receiver would cut elsewhere is refused", "[delimiter]") {
    for (const std::string& bytes : texts(4)) {
        if (bytes.empty()) continue;
        const Delimiter delimiter(bytes);
        for (const std::string& message : texts(6)) {
            const bool found_at_its_end = (message + bytes).find(bytes) == message.size();
            if (delimiter.check(message).has_value() == found_at_its_end) continue;
            FAIL_CHECK("message \"" << message << "\", delimiter \"" << bytes << '"');
        }
    }
}
