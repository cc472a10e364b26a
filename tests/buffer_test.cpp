// SPDX-License-Identifier: MIT
#include <sockboot/detail/buffer.hpp>

#include <cstddef>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "catch.hpp"

using sockboot::detail::Buffer;

namespace {

void add(Buffer& buffer, std::string_view text) {
    buffer.reserve(text.size());
    buffer.append(text.data(), text.size());
}

}  // namespace

TEST_CASE("buffer: a fresh one owns nothing, and is empty", "[buffer]") {
    const Buffer buffer;
    CHECK(buffer.empty());
    CHECK(buffer.size() == 0);
    CHECK(buffer.room() == 0);
    CHECK(buffer.capacity() == 0);
    CHECK(buffer.view().empty());
}

TEST_CASE("buffer: no bytes can be added to and reserved in one that owns nothing", "[buffer]") {
    Buffer buffer;
    buffer.reserve(0);
    buffer.append(nullptr, 0);
    buffer.clear();
    buffer.truncate(0);
    CHECK(buffer.empty());
    CHECK(buffer.capacity() == 0);
}

TEST_CASE("buffer: bytes are added at the end and taken from the front", "[buffer]") {
    Buffer buffer;
    add(buffer, "hello");
    add(buffer, ", world");
    CHECK(buffer.view().text() == "hello, world");
    buffer.consume(7);
    CHECK(buffer.view().text() == "world");
    buffer.truncate(3);
    CHECK(buffer.view().text() == "wor");
    buffer.clear();
    CHECK(buffer.empty());
    CHECK(buffer.room() == buffer.capacity());
}

TEST_CASE(
    "buffer: bytes that come and go in small pieces beside many that stay are moved in proportion to their number",
    "[buffer]") {
    Buffer buffer;
    add(buffer, std::string(1 << 16, 'x'));
    const std::string piece(16, 'y');
    std::size_t moves = 0, moved = 0;
    for (int i = 0; i < 100'000; ++i) {
        buffer.consume(piece.size());
        const std::byte* const front = buffer.data();
        add(buffer, piece);
        if (buffer.data() != front) ++moves, moved += buffer.size();
    }
    CHECK(moves > 0);
    CHECK(moved <= 2 * 100'000 * piece.size());
    CHECK(buffer.capacity() <= std::size_t{4} << 16);
}

TEST_CASE("buffer: bytes written at its end count once they are committed", "[buffer]") {
    Buffer buffer;
    buffer.reserve(10);
    REQUIRE(buffer.room() >= 10);
    std::memcpy(buffer.end(), "filled in", 9);
    CHECK(buffer.empty());
    buffer.commit(6);
    CHECK(buffer.view().text() == "filled");
}

TEST_CASE("buffer: room is first found by going back to the front, then by moving, then by doubling", "[buffer]") {
    Buffer buffer;
    buffer.reserve(8);
    const auto* storage = buffer.data();
    add(buffer, "12345678");
    buffer.consume(8);
    buffer.reserve(8);  // empty: from the front
    CHECK(buffer.data() == storage);

    add(buffer, "12345678");
    buffer.consume(6);
    buffer.reserve(6);  // what is left moves
    CHECK(buffer.data() == storage);
    CHECK(buffer.view().text() == "78");
    CHECK(buffer.capacity() == 8);

    buffer.reserve(7);  // one more than there is
    CHECK(buffer.capacity() == 16);
    CHECK(buffer.view().text() == "78");
    buffer.reserve(100);
    CHECK(buffer.capacity() == 102);
    CHECK(buffer.view().text() == "78");
}

TEST_CASE("buffer: where there is room already, nothing moves", "[buffer]") {
    Buffer buffer;
    buffer.reserve(100);
    add(buffer, "some text");
    buffer.consume(5);
    const auto* front = buffer.data();
    buffer.reserve(buffer.room());
    CHECK(buffer.data() == front);
    CHECK(buffer.view().text() == "text");
}

TEST_CASE("buffer: a moved one leaves an empty one behind, which can be used again", "[buffer]") {
    Buffer first;
    add(first, "moved text");
    first.consume(6);
    Buffer second(std::move(first));
    CHECK(second.view().text() == "text");
    CHECK(first.capacity() == 0);  // NOLINT(bugprone-use-after-move)
    CHECK(first.empty());
    add(first, "again");
    CHECK(first.view().text() == "again");

    second = std::move(first);
    CHECK(second.view().text() == "again");
    CHECK(first.empty());
    Buffer& itself = second;
    second = std::move(itself);
    CHECK(second.view().text() == "again");
    second = {};
    CHECK(second.capacity() == 0);
}

TEST_CASE("buffer: whatever is done to it, it holds what a string would hold", "[buffer]") {
    std::minstd_rand random(17);
    Buffer buffer;
    std::string expected;
    for (int i = 0; i < 20'000; ++i) {
        const std::size_t count = random() % 300;
        switch (random() % 8) {
            case 0: buffer.reserve(count); break;
            case 1:
                buffer.truncate(buffer.size() - count % (buffer.size() + 1));
                expected.resize(buffer.size());
                break;
            case 2: buffer = Buffer(std::move(buffer)); break;
            case 3:
            case 4: {
                const std::string more(count, static_cast<char>('a' + i % 26));
                add(buffer, more);
                expected += more;
                break;
            }
            default: {
                const std::size_t taken = count % (buffer.size() + 1);
                buffer.consume(taken);
                expected.erase(0, taken);
            }
        }
        if (buffer.view().text() != expected) FAIL("after " << i << " steps");
    }
    CHECK(buffer.capacity() <= 4096);
}
