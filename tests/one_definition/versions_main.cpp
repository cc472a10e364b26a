// SPDX-License-Identifier: MIT
// One program can hold two versions of sockboot: each of them works, and nothing of one is taken for the other's.
#include <cstdio>
#include <string>

#include "version_unit.hpp"

namespace {

bool good = true;

void check(bool condition, const char* version, const char* what, const std::string& found = {}) {
    if (!condition) std::printf("%s: %s %s\n", version, what, found.c_str());
    good = good && condition;
}

void check_exchange(const char* version, const Exchange& exchange) {
    check(exchange.answer == "you said hello", version, "the answer was", exchange.answer);
    check(exchange.deadline_exceeded, version, "the deadline did not end the call:", exchange.deadline_sentence);
    const bool placed = exchange.deadline_sentence.starts_with("[client] receive from 127.0.0.1:");
    check(placed, version, "the sentence was", exchange.deadline_sentence);
}

}  // namespace

int main() {
    const Exchange ours = exchange_with_this_version();
    const Exchange others = exchange_with_other_version();
    check_exchange("this version", ours);
    check_exchange("other version", others);
    check(ours.socket_type != others.socket_type, "both", "have one Socket:", ours.socket_type);
    check(ours.category != others.category, "both", "have one error category");
    check(ours.timeout_size != others.timeout_size, "both", "have one layout: this test tests nothing");
    return good ? 0 : 1;
}
