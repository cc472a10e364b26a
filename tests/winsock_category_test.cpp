// SPDX-License-Identifier: MIT
#include <sockboot/detail/winsock_category.hpp>

#include <string>
#include <system_error>
#include <type_traits>

#include <sockboot/error.hpp>

#include "catch.hpp"

using sockboot::Error;
using sockboot::Operation;
using sockboot::detail::winsock_category;
using sockboot::detail::winsock_table;

namespace {

std::error_code winsock(int number) { return {number, winsock_category()}; }

}  // namespace

TEST_CASE("winsock category: each number equals the std::errc that it stands for, and no number stands twice",
          "[winsock_category]") {
    int before = 0;
    for (const auto& row : winsock_table) {
        CAPTURE(row.number);
        CHECK(row.number > before);
        before = row.number;
        CHECK(winsock(row.number) == row.condition);
        CHECK_FALSE(winsock(row.number).message().empty());
    }
    CHECK(winsock(10061) == std::errc::connection_refused);
    CHECK(winsock(10058) == std::errc::broken_pipe);
    CHECK(winsock(10061).message() == std::make_error_code(std::errc::connection_refused).message());
}

TEST_CASE("winsock category: a number that it does not know is itself alone, and has a text", "[winsock_category]") {
    CHECK(winsock(10093).default_error_condition() == std::error_condition(10093, winsock_category()));
    CHECK(winsock(10093).message() == "unknown error 10093");
    CHECK(std::string(winsock_category().name()) == "winsock");
}

TEST_CASE("winsock category: an Error keeps it, and knows what is transient and what would block",
          "[winsock_category]") {
    const Error refused = Error(winsock(10061), Operation::connect).with_progress(1, 2);
    CHECK(refused.code() == winsock(10061));
    CHECK(refused.transient());
    CHECK_FALSE(Error(winsock(10061), Operation::send).transient());
    CHECK(Error(winsock(10035), Operation::receive).would_block());
    CHECK_FALSE(Error(winsock(10013), Operation::bind).transient());
    CHECK_THAT(refused.message(), ContainsSubstring("connection refused"));
}
