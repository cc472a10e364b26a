// SPDX-License-Identifier: MIT
// How a stream socket of this library is made: opened with the options that it is born with, and asked where it is.
#pragma once

#include <system_error>
#include <utility>  // std::move

#include "../endpoint.hpp"
#include "../options.hpp"
#include "os.hpp"

namespace sockboot::detail {

/// Whether the values can be set at all, before anything is touched. The bounds are Linux's; no system has wider ones.
inline Result<void> check(const KeepAlive& keep_alive) {
    const auto within = [](long long value, long long most) { return value >= 1 && value <= most; };
    const char* wrong = keep_alive.idle.count() == 0                  ? nullptr
                        : !within(keep_alive.idle.count(), 32767)     ? "keep_alive.idle: 0 s (off) to 32767 s"
                        : !within(keep_alive.interval.count(), 32767) ? "keep_alive.interval: 1 s to 32767 s"
                        : !within(keep_alive.probes, 127)             ? "keep_alive.probes: 1 to 127"
                                                                      : nullptr;
    const auto user_timeout = keep_alive.user_timeout.count();
    if (user_timeout != 0 && !within(user_timeout, 0x7FFFFFFF))
        wrong = "keep_alive.user_timeout: 0 ms (off) to 24 days";
    if (user_timeout != 0 && !os::supports(os::Option::user_timeout))
        wrong = "keep_alive.user_timeout: this system cannot be told";
    if (!wrong) return {};
    return invalid(Operation::configure, wrong);
}

inline Result<void> set_keep_alive(os::Handle handle, const KeepAlive& keep_alive) {
    using os::Option;
    const bool on = keep_alive.idle.count() != 0;
    auto set = os::set_option(handle, Option::keep_alive, on ? 1 : 0);
    const auto also = [&](Option option, long long value) {
        if (set && on && os::supports(option)) set = os::set_option(handle, option, static_cast<int>(value));
    };
    also(Option::keep_alive_idle, keep_alive.idle.count());
    also(Option::keep_alive_interval, keep_alive.interval.count());
    also(Option::keep_alive_probes, keep_alive.probes);
    if (set && keep_alive.user_timeout.count() != 0)
        set = os::set_option(handle, Option::user_timeout, static_cast<int>(keep_alive.user_timeout.count()));
    return set;
}

/// A fresh stream socket with the options that every TCP socket of this library is born with.
inline Result<os::Owned> open_stream(Family family, os::Mode mode, bool no_delay, const KeepAlive& keep_alive) {
    auto handle = os::open_stream(family, mode);
    if (!handle) return std::move(handle).error();
    os::Owned owned(*handle);
    if (family == Family::local) return owned;
    if (no_delay)
        if (auto set = os::set_option(*handle, os::Option::no_delay, 1); !set) return std::move(set).error();
    if (keep_alive.idle.count() != 0 || keep_alive.user_timeout.count() != 0)
        if (auto set = set_keep_alive(*handle, keep_alive); !set) return std::move(set).error();
    return owned;
}

/// Where a handle really is, as far as the system tells.
inline Endpoint local_endpoint_of(os::Handle handle) {
    auto address = os::local_address(handle);
    return address ? Endpoint(*address).unmapped() : Endpoint{};
}

}  // namespace sockboot::detail
