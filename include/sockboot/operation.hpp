// SPDX-License-Identifier: MIT
// Operation: what was being done when it failed. The same error number means different things to different calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sockboot::inline v0_2 {
enum class Operation : std::uint8_t {
    parse,      ///< text into an address, or options that contradict themselves
    resolve,    ///< a host name into addresses
    open,       ///< a new socket
    configure,  ///< an option of a socket
    bind,
    listen,
    connect,
    accept,
    send,
    receive,
    shutdown,
    wait,
    close,  ///< the end of a stream, in order
};

/// One word for it: "connect".
[[nodiscard]] constexpr std::string_view to_string(Operation operation) noexcept {
    constexpr std::string_view names[] = {"parse",  "resolve", "open",    "configure", "bind", "listen", "connect",
                                          "accept", "send",    "receive", "shutdown",  "wait", "close"};
    const auto index = static_cast<std::size_t>(operation);
    return index < std::size(names) ? names[index] : "unknown operation";
}
}  // namespace sockboot::inline v0_2
