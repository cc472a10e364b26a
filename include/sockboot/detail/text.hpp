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
#include "../errc.hpp"
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

/// The text with each control character as \xNN: what a peer calls itself then ends no line, moves no cursor and cuts
/// no C string. Escaping it twice is escaping it once.
[[gnu::cold]] inline std::string escaped(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string shown;
    shown.reserve(text.size());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f)
            shown.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
        else
            shown += c;
    }
    return shown;
}

/// Gives the class that derives from it `out << value`, for any stream that takes a std::string, and without <ostream>.
/// A stream with a << of its own for every type is not made ambiguous: for this one, the value must become its base.
template <class Value> struct Streamable {
    template <class Stream>
        requires requires(Stream&& out, const std::string& text) { out << text; }
    friend Stream&& operator<<(Stream&& out, const Streamable& base) {
        const auto& value = static_cast<const Value&>(base);
        if constexpr (requires { value.message(); })
            out << value.message();
        else
            out << value.to_string();
        return static_cast<Stream&&>(out);
    }
};

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
    bool permanent;
    const std::vector<Attempt>& attempts;
};

/// "10.0.0.5:5432 connection refused after 2 ms, [fd00::5]:5432 no route to host after 0 ms"; of many, the first ones
/// and how many more there were.
[[gnu::cold]] inline std::string attempts_text(const ErrorParts& error) {
    const std::vector<Attempt>& all = error.attempts;
    // One attempt, at the very endpoint that was asked for, has nothing to add.
    if (all.size() == 1 && all[0].endpoint == error.endpoint && all[0].code == error.code) return {};
    constexpr std::size_t max_named = 8;
    std::string list;
    for (const Attempt& attempt : all) {
        const auto index = static_cast<std::size_t>(&attempt - all.data());
        if (index == max_named) return list + concat({" and ", std::to_string(all.size() - index), " more"});
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
    // Made here and not with the error, since a time-out is to cost no memory.
    const bool silent = error.done == 0 && error.wanted != 0 && !error.permanent && error.note.empty();
    if (silent && error.operation == Operation::receive && error.code == Errc::deadline_exceeded)
        add("does the peer wait for us to speak first, or in another protocol?");
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
    return escaped(text);
}
}  // namespace sockboot::inline v0_2::detail
