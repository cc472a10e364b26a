// SPDX-License-Identifier: MIT
#include <sockboot/result.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "catch.hpp"

using sockboot::Errc;
using sockboot::Error;
using sockboot::Operation;
using sockboot::Result;
using sockboot::SocketError;

namespace {

Error closed() { return Error(Errc::closed, Operation::receive).with_context("test", "peer"); }

using Pointer = std::unique_ptr<std::string>;

}  // namespace

TEST_CASE("result: made of a value it has that value", "[result]") {
    Result<std::string> result = std::string("text");
    REQUIRE(result);
    CHECK(result.has_value());
    CHECK(*result == "text");
    CHECK(result->size() == 4);
    CHECK(result.value() == "text");
    CHECK(std::as_const(result).value() == "text");
    CHECK(*std::as_const(result) == "text");
    CHECK(std::as_const(result)->size() == 4);
}

TEST_CASE("result: made of an error it has that error", "[result]") {
    Result<std::string> result = closed();
    REQUIRE_FALSE(result);
    CHECK_FALSE(result.has_value());
    CHECK(result.error().code() == Errc::closed);
    CHECK(std::as_const(result).error().context() == "test");
    CHECK(std::move(result).error().endpoint() == "peer");
}

TEST_CASE("result: value() of an error throws the whole error", "[result]") {
    const Result<int> number = closed();
    const Result<void> nothing = closed();
    CHECK_THROWS_AS(number.value(), SocketError);
    CHECK_THROWS_AS(nothing.value(), std::system_error);
    CHECK_THROWS_AS(Result<Pointer>(closed()).value(), SocketError);
    try {
        nothing.value();
    } catch (const SocketError& error) {
        CHECK(error.error().context() == "test");
        CHECK(std::string_view(error.what()) == closed().message());
    }
}

TEST_CASE("result: a value that is false is still a value", "[result]") {
    const Result<bool> no = false;
    const Result<std::optional<int>> none = std::optional<int>();
    const Result<Pointer> null = Pointer();
    CHECK(no.has_value());
    CHECK_FALSE(*no);
    CHECK(none.has_value());
    CHECK_FALSE(none->has_value());
    CHECK(null);
    CHECK(*null == nullptr);
}

TEST_CASE("result: where the value has a truth of its own, has_value() says whether there is one, and no conversion",
          "[result]") {
    STATIC_REQUIRE_FALSE(std::is_constructible_v<bool, Result<bool>>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<bool, Result<std::optional<std::string>>>);
    STATIC_REQUIRE(std::is_constructible_v<bool, Result<int>>);
    STATIC_REQUIRE(std::is_constructible_v<bool, Result<void>>);
}

TEST_CASE("result: a value that can only be moved is moved through", "[result]") {
    Result<Pointer> result = std::make_unique<std::string>("text");
    Result<Pointer> moved = std::move(result);
    const Pointer taken = std::move(moved).value();
    REQUIRE(taken);
    CHECK(*taken == "text");
    CHECK(*(*Result<Pointer>(std::make_unique<std::string>("other"))) == "other");
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<Result<Pointer>>);
    STATIC_REQUIRE(std::is_copy_constructible_v<Result<std::string>>);
}

TEST_CASE("result: assignment replaces a value by an error and an error by a value", "[result]") {
    Result<std::string> result = std::string("a text that is too long for the string's own storage");
    const Result<std::string> value = result;

    result = closed();
    REQUIRE_FALSE(result);
    CHECK(result.error().code() == Errc::closed);

    result = value;
    REQUIRE(result);
    CHECK(*result == *value);

    const auto& itself = result;
    result = itself;
    CHECK(*result == *value);
}

TEST_CASE("result: a copy is independent of the original", "[result]") {
    Result<std::string> first = std::string("first");
    const Result<std::string> copy = first;
    *first = "changed";
    CHECK(*copy == "first");
}

TEST_CASE("result: it destroys the value that it holds, and only then", "[result]") {
    const auto counted = std::make_shared<int>(1);
    {
        Result<std::shared_ptr<int>> result = counted;
        CHECK(counted.use_count() == 2);
        result = closed();
        CHECK(counted.use_count() == 1);
    }
    CHECK(counted.use_count() == 1);
}

TEST_CASE("result: value_or gives the value, or what stands in for it", "[result]") {
    const Result<std::string> there = std::string("there");
    const Result<std::string> missing = closed();
    CHECK(there.value_or("other") == "there");
    CHECK(missing.value_or("other") == "other");
    CHECK(Result<Pointer>(closed()).value_or(nullptr) == nullptr);
}

TEST_CASE("result: and_then goes on with the value and hands an error on", "[result]") {
    const auto half = [](int number) -> Result<std::string> {
        if (number % 2 != 0) return Error(Errc::truncated, Operation::parse);
        return std::to_string(number / 2);
    };
    CHECK(Result<int>(8).and_then(half).value() == "4");
    CHECK(Result<int>(7).and_then(half).error().code() == Errc::truncated);
    CHECK(Result<int>(closed()).and_then(half).error().code() == Errc::closed);
}

TEST_CASE("result: transform changes the value and hands an error on", "[result]") {
    const auto twice = [](int number) { return std::to_string(number * 2); };
    int seen = 0;
    const auto look = [&seen](int number) { seen = number; };

    CHECK(Result<int>(4).transform(twice).value() == "8");
    CHECK(Result<int>(closed()).transform(twice).error().code() == Errc::closed);
    CHECK(Result<int>(5).transform(look).has_value());
    CHECK(seen == 5);
    CHECK(Result<int>(closed()).transform(look).error().code() == Errc::closed);
    CHECK(seen == 5);
}

TEST_CASE("result: or_else keeps a value and has the last word on an error", "[result]") {
    const auto mend = [](const Error& error) -> Result<int> {
        if (error.code() == Errc::closed) return 0;
        return error;
    };
    CHECK(Result<int>(4).or_else(mend).value() == 4);
    CHECK(Result<int>(closed()).or_else(mend).value() == 0);
    CHECK(Result<int>(Error(Errc::truncated, Operation::receive)).or_else(mend).error().code() == Errc::truncated);
}

TEST_CASE("result: of nothing, it is success or an error", "[result]") {
    const Result<void> good;
    const Result<void> bad = closed();
    REQUIRE(good);
    REQUIRE_FALSE(bad);
    CHECK_NOTHROW(good.value());
    CHECK(bad.error().code() == Errc::closed);
}

TEST_CASE("result: of nothing, it chains as the others do", "[result]") {
    const auto four = [] { return Result<int>(4); };
    const auto mend = [](const Error&) { return Result<void>(); };
    const auto worsen = [](const Error&) { return Result<void>(Error(Errc::truncated, Operation::receive)); };

    CHECK(Result<void>().and_then(four).value() == 4);
    CHECK(Result<void>(closed()).and_then(four).error().code() == Errc::closed);
    CHECK(Result<void>(closed()).or_else(mend).has_value());
    CHECK(Result<void>(closed()).or_else(worsen).error().code() == Errc::truncated);
    CHECK(Result<void>().or_else(worsen).has_value());
}

TEST_CASE("result: it bears the names of std::expected's types", "[result]") {
    STATIC_REQUIRE(std::is_same_v<Result<int>::value_type, int>);
    STATIC_REQUIRE(std::is_same_v<Result<int>::error_type, Error>);
    STATIC_REQUIRE(std::is_same_v<Result<void>::value_type, void>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<Result<int>, bool>);
}
