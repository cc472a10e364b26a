// SPDX-License-Identifier: MIT
// The state of sockboot as one translation unit sees it.
#pragma once

struct Seen {
    const void* category;
    const void* log_sink;
    const void* log_level;
    bool operator==(const Seen&) const = default;
};

Seen seen_behind_hostile_macros();
void log_behind_hostile_macros();
