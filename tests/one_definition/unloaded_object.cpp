// SPDX-License-Identifier: MIT
// A plugin that gives up waiting for a name server, and may then be unloaded.
#include <sockboot/resolve.hpp>

extern "C" [[gnu::visibility("default")]] bool abandon_lookup();

bool abandon_lookup() {
    const auto endpoints = sockboot::try_resolve("slow.test", 80, {.timeout = std::chrono::milliseconds(10)});
    return !endpoints && endpoints.error().code() == sockboot::Errc::deadline_exceeded;
}
