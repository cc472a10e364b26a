// SPDX-License-Identifier: MIT
// One program has one error category and one log, in however many of its files sockboot is included.
#include <sockboot/sockboot.hpp>

#include <cstdio>
#include <string>
#include <string_view>

#include "seen.hpp"

namespace {

std::string logged;

void remember(sockboot::LogLevel, std::string_view line) { logged += line; }

}  // namespace

int main() {
    const Seen here{&sockboot::error_category(), &sockboot::detail::log_sink, &sockboot::detail::log_level};
    sockboot::set_log_sink(&remember);
    sockboot::set_log_level(sockboot::LogLevel::debug);
    log_behind_hostile_macros();

    const bool same_addresses = here == seen_behind_hostile_macros();
    const bool same_log = logged == "[other] line";
    if (!same_addresses) std::puts("the two files see different objects");
    if (!same_log) std::printf("the log set here got '%s' from there\n", logged.c_str());
    return same_addresses && same_log ? 0 : 1;
}
