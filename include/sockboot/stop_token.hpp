// SPDX-License-Identifier: MIT
// CancelOnStop: lets a std::stop_token end blocked calls. Not part of sockboot.hpp: for programs that use std::jthread.
#pragma once

#include <stop_token>
#include <utility>  // std::move
#include "canceller.hpp"

namespace sockboot::inline v0_2 {
/// While it lives, calls canceller.cancel() when a stop is requested of `token`; at once where that was done before.
///
///     std::jthread worker([&](std::stop_token token) {
///         sockboot::Canceller canceller;
///         const sockboot::CancelOnStop link(token, canceller);
///         auto socket = sockboot::connect_to("localhost", 7777, "worker", {.canceller = canceller});
///         …
///     });
///
/// Threads: made and destroyed in one thread; the stop may be requested in any.
class CancelOnStop {
public:
    CancelOnStop(std::stop_token token, Canceller canceller)
        : callback_(std::move(token), Cancel{std::move(canceller)}) {}

private:
    struct Cancel {
        Canceller canceller;
        void operator()() noexcept { canceller.cancel(); }
    };
    std::stop_callback<Cancel> callback_;
};
}  // namespace sockboot::inline v0_2
