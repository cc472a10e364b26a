// SPDX-License-Identifier: MIT
#include <sockboot/operation.hpp>

#include <sockboot/detail/text.hpp>

#include <string_view>

#include "catch.hpp"

using sockboot::Operation;

namespace {

struct Named {
    Operation operation;
    std::string_view word;
    std::string_view phrase;  // in front of an endpoint
};

constexpr Named all[] = {
    {Operation::parse, "parse", "parse"},
    {Operation::resolve, "resolve", "resolve"},
    {Operation::open, "open", "open a socket for"},
    {Operation::configure, "configure", "configure"},
    {Operation::bind, "bind", "bind"},
    {Operation::listen, "listen", "listen on"},
    {Operation::connect, "connect", "connect to"},
    {Operation::accept, "accept", "accept on"},
    {Operation::send, "send", "send to"},
    {Operation::receive, "receive", "receive from"},
    {Operation::shutdown, "shutdown", "shut down"},
    {Operation::wait, "wait", "wait for"},
    {Operation::close, "close", "close"},
};

}  // namespace

TEST_CASE("operation: each is one word, and reads as a sentence in front of an endpoint", "[operation]") {
    for (const Named& named : all) {
        CHECK(to_string(named.operation) == named.word);
        CHECK(sockboot::detail::verb_phrase(named.operation) == named.phrase);
    }
}

TEST_CASE("operation: a value that is none of them still has a text", "[operation]") {
    constexpr auto none = static_cast<Operation>(200);
    CHECK(to_string(none) == "unknown operation");
    CHECK(sockboot::detail::verb_phrase(none) == "unknown operation");
}

TEST_CASE("operation: the words are there at compile time", "[operation]") {
    STATIC_REQUIRE(to_string(Operation::connect) == "connect");
    STATIC_REQUIRE(sizeof(Operation) == 1);
}
