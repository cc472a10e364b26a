// SPDX-License-Identifier: MIT
#include "hostile_macros.hpp"

#include <sockboot/sockboot.hpp>

#include "seen.hpp"

Seen seen_behind_hostile_macros() {
    return {&sockboot::error_category(), &sockboot::detail::log_sink, &sockboot::detail::log_level};
}

void log_behind_hostile_macros() {
    sockboot::detail::log(sockboot::LogLevel::debug, "other", [] { return "line"; });
}
