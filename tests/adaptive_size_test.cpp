// SPDX-License-Identifier: MIT
#include <sockboot/detail/framing/adaptive_size.hpp>

#include <cstddef>

#include "catch.hpp"

using sockboot::detail::AdaptiveSize;

namespace {

constexpr std::size_t kib = 1024;

/// How many small uses in a row it takes until a buffer is to be given back; 0: none of a thousand do.
int uses_until_oversized(AdaptiveSize& size, std::size_t used, std::size_t capacity) {
    for (int i = 1; i <= 1000; ++i)
        if (size.is_oversized(used, capacity)) return i;
    return 0;
}

}  // namespace

TEST_CASE("adaptive size: it begins with 1 KiB, grows fourfold up to its limit, and is never below 512 B",
          "[adaptive_size]") {
    AdaptiveSize size(100 * kib);
    for (const std::size_t wanted : {1 * kib, 4 * kib, 16 * kib, 64 * kib, 100 * kib, 100 * kib}) {
        CHECK(size.size() == wanted);
        size.grow();
    }
    CHECK(size.max_size() == 100 * kib);
    CHECK(AdaptiveSize(800).size() == 800);
    CHECK(AdaptiveSize(0).size() == 512);
    CHECK(AdaptiveSize(~std::size_t{0}).size() == 1 * kib);
}

TEST_CASE("adaptive size: a buffer of which little is needed is given back, one that is needed is not",
          "[adaptive_size]") {
    AdaptiveSize size(256 * kib);
    for (int i = 0; i < 10; ++i) size.grow();
    CHECK(uses_until_oversized(size, 64 * kib, 256 * kib) == 0);
    CHECK(uses_until_oversized(size, 64 * kib - 1, 256 * kib) == 255);
    CHECK(size.size() == 64 * kib);
    CHECK(uses_until_oversized(size, 10, 2 * kib) == 255);
    CHECK(size.size() == 1 * kib);
    CHECK(uses_until_oversized(size, 0, 1 * kib) == 0);
}

TEST_CASE("adaptive size: one large use in between begins the count again", "[adaptive_size]") {
    AdaptiveSize size(256 * kib);
    for (int i = 0; i < 2000; ++i) REQUIRE_FALSE(size.is_oversized(i % 255 == 254 ? 64 * kib : 100, 128 * kib));
}
