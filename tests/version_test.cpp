// SPDX-License-Identifier: MIT
#include <sockboot/version.hpp>

#include <string_view>

#include "catch.hpp"

#if SOCKBOOT_VERSION_MAJOR == 0 && SOCKBOOT_VERSION_MINOR < 1
#error "the preprocessor cannot compare the version"
#endif

#define AS_TEXT_OF(token) #token
#define AS_TEXT(macro) AS_TEXT_OF(macro)

TEST_CASE("version: three numbers in digits alone, as CMake reads them", "[version]") {
    constexpr std::string_view numbers[] = {AS_TEXT(SOCKBOOT_VERSION_MAJOR), AS_TEXT(SOCKBOOT_VERSION_MINOR),
                                            AS_TEXT(SOCKBOOT_VERSION_PATCH)};
    for (const std::string_view number : numbers) {
        CAPTURE(number);
        CHECK_FALSE(number.empty());
        CHECK(number.find_first_not_of("0123456789") == std::string_view::npos);
    }
}
