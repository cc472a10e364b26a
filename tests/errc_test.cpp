// SPDX-License-Identifier: MIT
#include <sockboot/errc.hpp>

#include <string>
#include <string_view>
#include <system_error>

#include "catch.hpp"

using sockboot::Errc;

namespace {

struct Worded {
    Errc code;
    std::string_view message;
};

constexpr Worded all[] = {
    {Errc::closed, "closed"},
    {Errc::truncated, "the stream ended too early"},
    {Errc::message_too_large, "message too large"},
    {Errc::malformed_length, "malformed length prefix"},
    {Errc::deadline_exceeded, "deadline exceeded"},
    {Errc::cancelled, "cancelled"},
    {Errc::desynchronised, "the stream stands inside a message since an earlier failure; close it"},
    {Errc::access_denied, "access denied"},
    {Errc::host_not_found, "host not found"},
    {Errc::host_lookup_failed, "host lookup failed"},
    {Errc::host_lookup_retry, "no name server answered"},
    {Errc::certificate_rejected, "certificate rejected"},
    {Errc::tls_failure, "TLS failure"},
};

std::error_code system_code(std::errc number) { return {static_cast<int>(number), std::system_category()}; }

}  // namespace

TEST_CASE("errc: every code has its words and is an error", "[errc]") {
    for (const Worded& worded : all) {
        const std::error_code code = worded.code;
        CHECK(code.message() == worded.message);
        CHECK(code);
        CHECK(code.category() == sockboot::error_category());
    }
}

TEST_CASE("errc: the category is named sockboot and is one object", "[errc]") {
    CHECK(std::string_view(sockboot::error_category().name()) == "sockboot");
    CHECK(&sockboot::error_category() == &make_error_code(Errc::closed).category());
}

TEST_CASE("errc: a number that is none of them says so", "[errc]") {
    CHECK(sockboot::error_category().message(99) == "unknown error 99");
}

TEST_CASE("errc: what the standard has a word for equals that word, and nothing else does", "[errc]") {
    struct Pair {
        Errc code;
        std::errc condition;
    };
    constexpr Pair pairs[] = {
        {Errc::message_too_large, std::errc::message_size},
        {Errc::deadline_exceeded, std::errc::timed_out},
        {Errc::cancelled, std::errc::operation_canceled},
        {Errc::access_denied, std::errc::permission_denied},
    };
    for (const Worded& worded : all)
        for (const Pair& pair : pairs) {
            CAPTURE(worded.message, static_cast<int>(pair.condition));
            CHECK((make_error_code(worded.code) == pair.condition) == (worded.code == pair.code));
        }
}

TEST_CASE("errc: our own deadline is timed_out, and still not the kernel's ETIMEDOUT", "[errc]") {  // behaviour 32
    const std::error_code ours = Errc::deadline_exceeded;
    const std::error_code kernel = system_code(std::errc::timed_out);

    CHECK(ours == std::errc::timed_out);
    CHECK(kernel == std::errc::timed_out);
    CHECK(ours != kernel);
    CHECK(kernel != Errc::deadline_exceeded);
    CHECK(ours != system_code(std::errc::operation_would_block));
    CHECK(ours != std::errc::operation_would_block);
}

TEST_CASE("errc: a cancelled call is told apart from the system's own ECANCELED", "[errc]") {
    CHECK(make_error_code(Errc::cancelled) != system_code(std::errc::operation_canceled));
    CHECK(system_code(std::errc::operation_canceled) == std::errc::operation_canceled);
}
