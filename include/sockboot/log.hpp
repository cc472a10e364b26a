// SPDX-License-Identifier: MIT
// The log: one line per event, "[context] …", to standard error unless the program says otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include "detail/atomic.hpp"
#include "detail/os.hpp"
#include "detail/text.hpp"

namespace sockboot::inline v0_2 {
/// debug: every address tried and every connection accepted; info: listening, connected;
/// warning: what is tried again; error: what failed where no caller is told; off: nothing.
enum class LogLevel { debug, info, warning, error, off };

/// Where lines go: a plain function, called with whole lines (no newline at the end) from whichever thread has one.
/// It must not throw, and must not wait for the socket whose line it writes.
using LogSink = void (*)(LogLevel level, std::string_view line);

namespace detail {
[[gnu::visibility("default")]] inline constinit Atomic<std::size_t> dropped_lines{0};

/// One line to a standard stream, in one call, so that those of several threads and processes do not mix.
[[gnu::cold]] inline void write_line(os::StandardStream stream, std::string_view line) {
    const bool fits = line.size() < os::max_output;
    const std::string_view end = fits ? "\n" : " [cut]\n";
    const std::string text = concat({line.substr(0, os::max_output - end.size()), end});
    if (const os::IoResult written = os::write_without_waiting(stream, text); !written || !written.all(text.size()))
        dropped_lines.fetch_add(1);
}
}  // namespace detail

/// The sinks there are: standard error and standard output, that is descriptors 2 and 1, past the buffers of stdio.
///
/// They do not wait. A line that a full pipe, terminal or socket has no room for is dropped and counted, as is one
/// whose reader is gone (without SIGPIPE) or whose descriptor is closed. A line of PIPE_BUF bytes (4,096 on Linux) or
/// more is cut, and ends in " [cut]".
inline void log_to_stderr(LogLevel, std::string_view line) {
    detail::write_line(detail::os::StandardStream::error, line);
}
inline void log_to_stdout(LogLevel, std::string_view line) {
    detail::write_line(detail::os::StandardStream::output, line);
}

/// How many lines log_to_stderr() and log_to_stdout() could not write whole since the program started. Threads: any.
inline std::uint64_t dropped_log_lines() noexcept { return detail::dropped_lines.load(); }

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
