// SPDX-License-Identifier: MIT
// main() for Catch2 version 2, which has none in a library. Version 3 brings its own.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
