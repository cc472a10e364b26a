// SPDX-License-Identifier: MIT
#include <sockboot/error.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "catch.hpp"

using sockboot::Attempt;
using sockboot::Errc;
using sockboot::Error;
using sockboot::Operation;
using sockboot::SocketError;
using sockboot::detail::ErrorSource;
using sockboot::detail::Shared;
using sockboot::detail::with_source;
using namespace std::chrono_literals;

// Clang's ThreadSanitizer brings an operator new that cannot be replaced: there, nothing is counted.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SOCKBOOT_TEST_CANNOT_COUNT
#endif
#endif

// Counts the allocations of the whole test program; otherwise as the operators that it replaces.
// Not inline: GCC 12 would see a free() of what operator new gave, and warn.
namespace {
std::atomic<std::size_t> allocations = 0;

[[maybe_unused]] void* counted_malloc(std::size_t size) noexcept {
    allocations.fetch_add(1, std::memory_order_relaxed);
    return std::malloc(size == 0 ? 1 : size);
}
}  // namespace

#ifndef SOCKBOOT_TEST_CANNOT_COUNT
[[gnu::noinline]] void* operator new(std::size_t size) {
    if (void* memory = counted_malloc(size)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted_malloc(size); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
#endif

namespace {

std::error_code system_code(int number) { return {number, std::system_category()}; }

/// As a socket lends one to its errors.
class Peer final : public ErrorSource {
public:
    using ErrorSource::ErrorSource;
    [[nodiscard]] std::string endpoint() const override { return "10.0.0.5:5432"; }
};

Shared<ErrorSource> peer(std::string_view context = "orders") { return Shared<ErrorSource>(new Peer(context)); }

Error refused() { return {system_code(ECONNREFUSED), Operation::connect}; }

std::vector<Attempt> two_attempts() {
    return {{"10.0.0.5:5432", system_code(ECONNREFUSED), 2ms}, {"[fd00::5]:5432", system_code(EHOSTUNREACH), 0ms}};
}

class Foreign final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "foreign"; }
    [[nodiscard]] std::string message(int value) const override { return "Foreign reason " + std::to_string(value); }
};

const Foreign foreign;

}  // namespace

TEST_CASE("error: a value of 32 bytes whose copies cannot fail", "[error]") {
    STATIC_REQUIRE(sizeof(Error) == 32);
    STATIC_REQUIRE(std::is_nothrow_copy_constructible_v<Error>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<Error>);
    STATIC_REQUIRE(std::is_nothrow_copy_assignable_v<Error>);
}

TEST_CASE("error: one that a socket makes for a call that would block or timed out allocates nothing", "[error]") {
    const Shared<ErrorSource> subject = peer();
    const std::error_code codes[] = {system_code(EAGAIN), Errc::deadline_exceeded, system_code(ETIMEDOUT)};
    const std::size_t before = allocations;
    bool kept = true;
    for (const std::error_code code : codes) {
        const Error error = with_source(Error(code, Operation::receive), subject).with_progress(3, 9);
        const Error copy = error;  // NOLINT: the copy is part of what is counted
        kept = kept && copy.code() == code && copy.context() == "orders" && copy.transferred() == 3;
    }
    const std::size_t spent = allocations - before;

    CHECK(spent == 0);
    CHECK(kept);
}

#ifndef SOCKBOOT_TEST_CANNOT_COUNT
TEST_CASE("error: an explanation does allocate, so that the count above counts", "[error]") {
    const std::size_t before = allocations;
    const Error error = refused().with_note("because");
    const std::size_t spent = allocations - before;
    CHECK(spent > 0);
    CHECK_THAT(error.message(), ContainsSubstring("because"));
}
#endif

TEST_CASE("error: the sentence says all that is known, from the context to the details", "[error]") {
    struct Sentence {
        Error error;
        std::string_view text;
    };
    const Sentence sentences[] = {
        {refused(), "connect: connection refused"},
        {refused().with_context("orders", ""), "[orders] connect: connection refused"},
        {refused().with_context("", "db:5432"), "connect to db:5432: connection refused"},
        {refused().with_context("orders", "db:5432"), "[orders] connect to db:5432: connection refused"},
        {with_source(refused(), peer()), "[orders] connect to 10.0.0.5:5432: connection refused"},
        {with_source(refused(), peer("")), "connect to 10.0.0.5:5432: connection refused"},
        {Error(system_code(EADDRINUSE), Operation::bind)
             .with_context("HTTP API", "127.0.0.1:8080")
             .with_note("is another server listening there?"),
         "[HTTP API] bind 127.0.0.1:8080: address already in use (is another server listening there?)"},
        {refused().with_context("orders", "db.internal:5432").with_attempts(two_attempts()),
         "[orders] connect to db.internal:5432: connection refused (10.0.0.5:5432 connection refused after 2 ms, "
         "[fd00::5]:5432 no route to host after 0 ms)"},
        {Error(Errc::truncated, Operation::receive).with_progress(4, 9),
         "receive: the stream ended too early (4 of 9 bytes had come)"},
        {Error(Errc::truncated, Operation::receive).with_progress(0, 9),
         "receive: the stream ended too early (0 of 9 bytes had come)"},
        {with_source(Error(Errc::deadline_exceeded, Operation::send), peer("")).with_progress(4, 9),
         "send to 10.0.0.5:5432: deadline exceeded (4 of 9 bytes had been sent)"},
        {Error(Errc::deadline_exceeded, Operation::accept).with_progress(0, 0), "accept: deadline exceeded"},
        {Error(Errc::tls_failure, Operation::connect), "connect: TLS failure"},
        {refused().with_attempts({two_attempts()[0]}).with_note("a note").with_progress(1, 2),
         "connect: connection refused (1 of 2 bytes had come; 10.0.0.5:5432 connection refused after 2 ms; a note)"},
    };
    for (const Sentence& sentence : sentences) CHECK(sentence.error.message() == sentence.text);
}

TEST_CASE("error: a control character is written as a number, so that the sentence is one line and whole", "[error]") {
    using namespace std::string_view_literals;
    const std::string name("unix:@a\0\x1b[2J\n"sv);
    const Error error = refused().with_context("or\nders\x7f", name).with_note("why\tnot: a\\b, \xc3\xa9");
    const std::string sentence =
        R"([or\x0aders\x7f] connect to unix:@a\x00\x1b[2J\x0a: connection refused (why\x09not: a\b, )"
        "\xc3\xa9)";
    CHECK(error.message() == sentence);
    CHECK(std::string_view(SocketError(error).what()) == sentence);
    CHECK(error.context() == "or\nders\x7f");
    CHECK(error.endpoint() == name);
}

TEST_CASE("error: of many attempts, eight are named and the others counted", "[error]") {
    for (const std::size_t count : {std::size_t{8}, std::size_t{9}, std::size_t{4095}}) {
        const Attempt attempt{"10.0.0.5:5432", system_code(ECONNREFUSED), 2ms};
        const Error error = refused().with_attempts(std::vector<Attempt>(count, attempt));
        std::string named = "10.0.0.5:5432 connection refused after 2 ms";
        for (int more = 1; more < 8; ++more) named += ", 10.0.0.5:5432 connection refused after 2 ms";
        if (count > 8) named += " and " + std::to_string(count - 8) + " more";
        CHECK(error.message() == "connect: connection refused (" + named + ")");
        CHECK(error.attempts().size() == count);
    }
}

TEST_CASE("error: written to a stream, it is its sentence", "[error]") {
    const Error error = refused().with_context("orders", "db:5432");
    std::ostringstream out;
    out << error << ", " << 1;
    CHECK(out.str() == error.message() + ", 1");
}

TEST_CASE("error: each part can be asked for", "[error]") {
    const Error error = refused().with_context("orders", "db:5432").with_attempts(two_attempts()).with_progress(3, 9);
    CHECK(error.code() == system_code(ECONNREFUSED));
    CHECK(error.code() == std::errc::connection_refused);
    CHECK(error.operation() == Operation::connect);
    CHECK(error.context() == "orders");
    CHECK(error.endpoint() == "db:5432");
    CHECK(error.transferred() == 3);
    CHECK(error.wanted() == 9);
    CHECK(error.transient());
}

TEST_CASE("error: what was not said is empty", "[error]") {
    const Error error = refused();
    CHECK(error.context().empty());
    CHECK(error.endpoint().empty());
    CHECK(error.attempts().empty());
    CHECK(error.transferred() == 0);
    CHECK(error.wanted() == 0);
}

TEST_CASE("error: the attempts are in order, each with endpoint, code and time", "[error]") {  // behaviour 17
    const Error error = refused().with_attempts(two_attempts());
    REQUIRE(error.attempts().size() == 2);
    CHECK(error.attempts()[0].endpoint == "10.0.0.5:5432");
    CHECK(error.attempts()[0].elapsed == 2ms);
    CHECK(error.attempts()[1].endpoint == "[fd00::5]:5432");
    CHECK(error.attempts()[1].code == std::errc::host_unreachable);
    CHECK(error.attempts()[1].elapsed == 0ms);
}

TEST_CASE("error: one attempt, at the very endpoint that was asked for, has nothing to add", "[error]") {
    const Attempt same{"10.0.0.5:5432", system_code(ECONNREFUSED), 2ms};
    const Attempt other_reason{"10.0.0.5:5432", system_code(EHOSTUNREACH), 2ms};
    const Attempt other_endpoint{"10.0.0.6:5432", system_code(ECONNREFUSED), 2ms};
    const auto tried = [](const Attempt& attempt) { return with_source(refused(), peer()).with_attempts({attempt}); };

    CHECK(tried(same).message() == "[orders] connect to 10.0.0.5:5432: connection refused");
    CHECK(tried(same).attempts().size() == 1);
    CHECK_THAT(tried(other_reason).message(), ContainsSubstring("(10.0.0.5:5432 no route to host after 2 ms)"));
    CHECK_THAT(tried(other_endpoint).message(), ContainsSubstring("(10.0.0.6:5432 connection refused after 2 ms)"));
}

TEST_CASE("error: the builders keep what the others added, whatever their order", "[error]") {
    const std::string_view wanted =
        "[orders] connect to 10.0.0.5:5432: connection refused (10.0.0.5:5432 connection refused after 2 ms, "
        "[fd00::5]:5432 no route to host after 0 ms; a note)";
    const std::vector<Attempt> both = two_attempts();
    CHECK(with_source(refused(), peer()).with_attempts(both).with_note("a note").message() == wanted);
    CHECK(with_source(refused().with_note("a note").with_attempts(both), peer()).message() == wanted);
    CHECK(refused().with_attempts(both).with_context("orders", "10.0.0.5:5432").with_note("a note").message() ==
          wanted);
    CHECK(with_source(refused().with_note("first").with_note("a note"), peer()).with_attempts(both).message() ==
          wanted);
}

TEST_CASE("error: a subject that there is not takes nothing away", "[error]") {
    const Error error = with_source(refused().with_note("a note"), Shared<ErrorSource>());
    CHECK(error.message() == "connect: connection refused (a note)");
    CHECK(with_source(refused(), Shared<ErrorSource>()).message() == "connect: connection refused");
}

TEST_CASE("error: copies are independent", "[error]") {
    const Error first = with_source(refused(), peer());
    Error second = first;
    second = std::move(second).with_note("only here");
    CHECK(first.message() == "[orders] connect to 10.0.0.5:5432: connection refused");
    CHECK_THAT(second.message(), ContainsSubstring("(only here)"));
}

TEST_CASE("error: it outlives the socket that it is about", "[error]") {
    Shared<ErrorSource> subject = peer();
    const Error error = with_source(refused(), subject);
    subject = {};
    CHECK(error.context() == "orders");
}

TEST_CASE("error: every category is kept", "[error]") {
    const std::error_code code = GENERATE(system_code(ECONNREFUSED), std::make_error_code(std::errc::invalid_argument),
                                          make_error_code(Errc::closed), std::error_code(42, foreign));
    const Error error(code, Operation::receive);
    CHECK(error.code() == code);
    CHECK(with_source(Error(code, Operation::receive), peer()).code() == code);
    CHECK(Error(code, Operation::receive).with_context("orders", "db").with_note("note").with_attempts({}).code() ==
          code);
    CHECK(Error(error).with_progress(1, 2).code() == code);
}

TEST_CASE("error: a foreign category brings its own words", "[error]") {
    const Error error = with_source(Error({42, foreign}, Operation::receive), peer());
    CHECK(error.message() == "[orders] receive from 10.0.0.5:5432: foreign reason 42");
    CHECK_FALSE(error.transient());
}

TEST_CASE("error: moved from, it still has a code", "[error]") {
    Error left({42, foreign}, Operation::receive);
    const Error taken = std::move(left);
    CHECK(taken.code().category() == foreign);
    CHECK(left.code().value() == 42);  // NOLINT(bugprone-use-after-move): that is the question
    CHECK_FALSE(left.transient());
}

TEST_CASE("error: would-block is told apart from our deadline and from the kernel's", "[error]") {  // behaviour 32
    CHECK(Error(system_code(EAGAIN), Operation::receive).would_block());
    CHECK(Error(system_code(EWOULDBLOCK), Operation::receive).would_block());
    CHECK_FALSE(Error(Errc::deadline_exceeded, Operation::receive).would_block());
    CHECK_FALSE(Error(system_code(ETIMEDOUT), Operation::receive).would_block());
}

TEST_CASE("error: transient goes by number and operation", "[error]") {
    CHECK(Error(system_code(EPERM), Operation::accept).transient());
    CHECK_FALSE(Error(system_code(EPERM), Operation::bind).transient());
    CHECK(Error(Errc::deadline_exceeded, Operation::receive).transient());
    CHECK_FALSE(Error(Errc::deadline_exceeded, Operation::connect).transient());
}

TEST_CASE("socket error: a std::system_error whose what() is the sentence", "[error]") {
    const Error error = refused().with_context("orders", "db:5432").with_note("a note");
    try {
        throw SocketError(error);
    } catch (const std::system_error& caught) {
        CHECK(caught.code() == std::errc::connection_refused);
        CHECK(std::string_view(caught.what()) == error.message());
    }
}

TEST_CASE("socket error: it carries the whole error", "[error]") {
    const SocketError thrown(refused().with_context("orders", "db:5432").with_attempts(two_attempts()));
    CHECK(thrown.error().context() == "orders");
    CHECK(thrown.error().attempts().size() == 2);
    CHECK(std::string_view(thrown.what()) == thrown.error().message());
}

TEST_CASE("socket error: a copy cannot fail, as an exception's must not", "[error]") {
    STATIC_REQUIRE(std::is_nothrow_copy_constructible_v<SocketError>);
    STATIC_REQUIRE(std::is_nothrow_copy_assignable_v<SocketError>);
    const SocketError thrown(refused());
    const std::size_t before = allocations;
    const SocketError copy = thrown;  // NOLINT: the copy is what is counted
    const std::size_t spent = allocations - before;
    CHECK(spent == 0);
    CHECK(std::string_view(copy.what()) == "connect: connection refused");
}
