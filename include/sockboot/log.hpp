// SPDX-License-Identifier: MIT
// The log: one line per event, "[context] …", to standard error unless the program says otherwise.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include "detail/atomic.hpp"

namespace sockboot::inline v0_2 {
/// debug: every address tried and every connection accepted; info: listening, connected;
/// warning: what is tried again; error: what failed where no caller is told; off: nothing.
enum class LogLevel { debug, info, warning, error, off };

/// Where lines go: a plain function, called with whole lines (no newline at the end) from whichever thread has one.
/// It must not throw, and must not wait for the socket whose line it writes.
using LogSink = void (*)(LogLevel level, std::string_view line);

namespace detail {
inline void write_line(std::FILE* file, std::string_view line) {
    std::string text(line);
    text += '\n';
    std::fwrite(text.data(), 1, text.size(), file);  // one call, so that lines of several threads do not mix
    std::fflush(file);                               // best effort: a log that cannot be written ends no call
}
}  // namespace detail

inline void log_to_stderr(LogLevel, std::string_view line) { detail::write_line(stderr, line); }
inline void log_to_stdout(LogLevel, std::string_view line) { detail::write_line(stdout, line); }

namespace detail {
[[gnu::visibility("default")]] inline constinit Atomic<LogSink> log_sink{&log_to_stderr};
[[gnu::visibility("default")]] inline constinit Atomic<LogLevel> log_level{LogLevel::info};

inline bool logs(LogLevel level) noexcept { return level >= log_level.load() && level != LogLevel::off; }
/// Hands "[context] sentence" to the sink.
[[gnu::cold]] inline void log_line(LogLevel level, std::string_view context, std::string_view sentence) {
    std::string line;
    if (!context.empty()) line.append("[").append(context).append("] ");
    line += sentence;
    for (char& c : line)
        if (c == '\n' || c == '\r') c = ' ';  // one line per event, whatever a peer calls itself
    log_sink.load()(level, line);
}
/// Logs what `sentence()` returns; below the level it is not called, so that nothing is formatted that is not shown.
template <class Sentence> void log(LogLevel level, std::string_view context, const Sentence& sentence) {
    if (logs(level)) log_line(level, context, sentence());
}
}  // namespace detail

/// Sends the lines to `sink` from now on; nullptr brings standard error back. Returns the sink before.
/// Threads: any, at any time; a line under way in another thread may still go to the sink before.
inline LogSink set_log_sink(LogSink sink) noexcept { return detail::log_sink.exchange(sink ? sink : &log_to_stderr); }

/// Shows lines of this level and above (default: info). Returns the level before. Threads: any, at any time.
inline LogLevel set_log_level(LogLevel level) noexcept { return detail::log_level.exchange(level); }
}  // namespace sockboot::inline v0_2
