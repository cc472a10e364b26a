// SPDX-License-Identifier: MIT
// Text: the parts of sentences, and the sentence of an error: "[context] connect to host:port: reason (details)".
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>
#include "../operation.hpp"
#include "error_details.hpp"

namespace sockboot::inline v0_2::detail {
/// The parts as one string.
[[gnu::cold]] inline std::string concat(std::initializer_list<std::string_view> parts) {
    std::string whole;
    for (const std::string_view part : parts) whole.append(part);
    return whole;
}

/// "Connection refused" as it reads in the middle of a sentence; an acronym stays as it is.
inline std::string lower_first(std::string text) {
    const bool is_word = text.size() > 1 && text[1] >= 'a' && text[1] <= 'z';
    if (is_word && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
    return text;
}

/// An operation as the beginning of a sentence, in front of an endpoint: "connect to".
constexpr std::string_view verb_phrase(Operation operation) noexcept {
    constexpr std::string_view phrases[] = {
        "parse",     "resolve", "open a socket for", "configure", "bind",     "listen on", "connect to",
        "accept on", "send to", "receive from",      "shut down", "wait for", "close"};
    return operation <= Operation::close ? phrases[static_cast<std::size_t>(operation)] : to_string(operation);
}

/// What there is to say of an error. Views: for the time of one call.
struct ErrorParts {
    std::string_view context, endpoint, note;
    Operation operation;
    std::error_code code;
    std::uint64_t done, wanted;
    const std::vector<Attempt>& attempts;
};

/// "10.0.0.5:5432 connection refused after 2 ms, [fd00::5]:5432 no route to host after 0 ms"
[[gnu::cold]] inline std::string attempts_text(const ErrorParts& error) {
    const std::vector<Attempt>& all = error.attempts;
    // One attempt, at the very endpoint that was asked for, has nothing to add.
    if (all.size() == 1 && all[0].endpoint == error.endpoint && all[0].code == error.code) return {};
    std::string list;
    for (const Attempt& attempt : all) {
        const std::string elapsed = std::to_string(attempt.elapsed.count() / 1'000'000);
        list += concat({list.empty() ? "" : ", ", attempt.endpoint, " ", lower_first(attempt.code.message()), " after ",
                        elapsed, " ms"});
    }
    return list;
}

/// What stands in brackets at the end: how far it came, every attempt, the note.
[[gnu::cold]] inline std::string details_text(const ErrorParts& error) {
    std::string text;
    const auto add = [&text](std::string_view more) {
        if (!more.empty()) text.append(text.empty() ? "" : "; ").append(more);
    };
    if (error.wanted != 0) {
        const char* verb = error.operation == Operation::send ? " bytes had been sent" : " bytes had come";
        add(concat({std::to_string(error.done), " of ", std::to_string(error.wanted), verb}));
    }
    add(attempts_text(error));
    add(error.note);
    return text;
}

[[gnu::cold]] inline std::string error_text(const ErrorParts& error) {
    std::string text;
    if (!error.context.empty()) text.append("[").append(error.context).append("] ");
    if (error.endpoint.empty())
        text.append(to_string(error.operation));
    else
        text.append(verb_phrase(error.operation)).append(" ").append(error.endpoint);
    text.append(": ").append(lower_first(error.code.message()));
    if (const std::string more = details_text(error); !more.empty()) text.append(" (").append(more).append(")");
    return text;
}
}  // namespace sockboot::inline v0_2::detail
