// SPDX-License-Identifier: MIT
// Catch2, version 2 or 3, under the same names: nothing else in the tests knows which one it is.
#pragma once

#include <cstdlib>  // std::getenv

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
#else
#include <catch2/catch.hpp>
inline auto ContainsSubstring(const std::string& text) { return Catch::Matchers::Contains(text); }
using Catch::Matchers::StartsWith;
#endif

/// Leaves a test that needs something which this machine lacks or forbids; ctest counts it among the skipped.
#define SKIP_UNLESS(condition, reason) \
    if (!(condition)) {                \
        WARN("SKIPPED: " << reason);   \
        return;                        \
    }                                  \
    static_assert(true)

/// The same for what only has to be installed, which it is where the project itself is checked.
#define SKIP_UNLESS_INSTALLED(condition, reason)                                               \
    if (!(condition) && std::getenv("CI") != nullptr) FAIL("not installed in CI: " << reason); \
    SKIP_UNLESS(condition, reason)
