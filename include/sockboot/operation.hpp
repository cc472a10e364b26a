// SPDX-License-Identifier: MIT
// Operation: what was being done when it failed. The same error number means different things to different calls.
#pragma once

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
};

/// One word for it: "connect".
[[nodiscard]] constexpr std::string_view to_string(Operation operation) noexcept {
    switch (operation) {
        case Operation::parse: return "parse";
        case Operation::resolve: return "resolve";
        case Operation::open: return "open";
        case Operation::configure: return "configure";
        case Operation::bind: return "bind";
        case Operation::listen: return "listen";
        case Operation::connect: return "connect";
        case Operation::accept: return "accept";
        case Operation::send: return "send";
        case Operation::receive: return "receive";
        case Operation::shutdown: return "shutdown";
        case Operation::wait: return "wait";
    }
    return "unknown operation";
}
}  // namespace sockboot::inline v0_2
