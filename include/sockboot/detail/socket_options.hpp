// SPDX-License-Identifier: MIT
// The options that every stream socket of this library is given when it is made.
#pragma once

#include "../endpoint.hpp"
#include "../options.hpp"
#include "../result.hpp"
#include "os.hpp"

namespace sockboot::inline v0_2::detail {
/// Whether the values can be set at all, before anything is changed. The bounds are Linux's; no system has wider ones.
inline Result<void> check(const KeepAlive& keep_alive) {
    const auto idle = keep_alive.idle.count(), interval = keep_alive.interval.count();
    const auto user_timeout = keep_alive.user_timeout.count();
    const bool is_off = idle == 0;
    const char* wrong = nullptr;
    if (!is_off && (keep_alive.probes < 1 || keep_alive.probes > 127)) wrong = "keep_alive.probes: 1 to 127";
    if (!is_off && (interval < 1 || interval > 32767)) wrong = "keep_alive.interval: 1 s to 32767 s";
    if (idle < 0 || idle > 32767) wrong = "keep_alive.idle: 0 s (off) to 32767 s";
    if (user_timeout < 0 || user_timeout > 0x7FFFFFFF) wrong = "keep_alive.user_timeout: 0 ms (off) to 24 days";
    if (user_timeout != 0 && !os::supports(os::Option::user_timeout))
        wrong = "keep_alive.user_timeout: this system cannot be told";
    if (!wrong) return {};
    return invalid_argument(Operation::configure, wrong);
}

inline Result<void> set_keep_alive(os::Handle handle, const KeepAlive& keep_alive) {
    using os::Option;
    const bool on = keep_alive.idle.count() != 0;
    auto set = os::set_option(handle, Option::keep_alive, on ? 1 : 0);
    const auto set_next = [&](Option option, long long value) {
        if (set && on && os::supports(option)) set = os::set_option(handle, option, static_cast<int>(value));
    };
    set_next(Option::keep_alive_idle, keep_alive.idle.count());
    set_next(Option::keep_alive_interval, keep_alive.interval.count());
    set_next(Option::keep_alive_probes, keep_alive.probes);
    if (set && keep_alive.user_timeout.count() != 0)
        set = os::set_option(handle, Option::user_timeout, static_cast<int>(keep_alive.user_timeout.count()));
    return set;
}

/// Gives a fresh stream socket the options of every TCP socket of this library; a Unix socket needs none.
inline Result<void> configure_stream(os::Handle handle, Family family, bool no_delay, const KeepAlive& keep_alive) {
    if (family == Family::unix_domain) return {};
    if (no_delay)
        if (auto set = os::set_option(handle, os::Option::no_delay, 1); !set) return set;
    if (keep_alive.idle.count() != 0 || keep_alive.user_timeout.count() != 0) return set_keep_alive(handle, keep_alive);
    return {};
}

/// The address that a handle is bound to, as far as the system tells.
inline Endpoint local_endpoint_of(os::Handle handle) {
    auto address = os::local_address(handle);
    return address ? to_endpoint(*address).unmapped() : Endpoint{};
}
}  // namespace sockboot::inline v0_2::detail
