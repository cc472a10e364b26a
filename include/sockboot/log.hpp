// SPDX-License-Identifier: MIT
// The log: one line per event, "[context] …", to standard error unless the program says otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include "detail/atomic.hpp"
#include "detail/os.hpp"
#include "detail/text.hpp"

namespace sockboot::inline v0_2 {
/// debug: every address tried and every connection accepted; info: listening, connected;
/// warning: what is tried again; error: what failed where no caller is told; off: nothing.
enum class LogLevel { debug, info, warning, error, off };

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

/// How many lines were lost since the program started: log_to_stderr() or log_to_stdout() could not write them whole,
/// or the sink threw, or there was no memory for them. Threads: any.
inline std::uint64_t dropped_log_lines() noexcept { return detail::dropped_lines.load(); }

namespace detail {
using LogFunction = void (*)(LogLevel level, std::string_view line);

/// What a LogSink stands for: a plain function, or what derives from it. Never destroyed, and on the list of all.
struct LogTarget {
    LogFunction function;
    void (*call)(LogTarget& self, LogLevel level, std::string_view line);  ///< where `function` is null
    LogTarget* next;
};
template <class Callable> struct CallableTarget : LogTarget {
    explicit CallableTarget(Callable&& sink) : LogTarget{nullptr, &invoke, nullptr}, callable(std::move(sink)) {}
    static void invoke(LogTarget& self, LogLevel level, std::string_view line) {
        static_cast<void>(static_cast<CallableTarget&>(self).callable(level, line));
    }
    Callable callable;
};

[[gnu::visibility("default")]] inline constinit LogTarget standard_target{&log_to_stderr, nullptr, nullptr};
[[gnu::visibility("default")]] inline constinit Atomic<LogTarget*> log_targets{&standard_target};

inline LogTarget* listed(LogTarget* fresh) noexcept {
    fresh->next = log_targets.load();
    while (!log_targets.compare_exchange_strong(fresh->next, fresh)) {
    }
    return fresh;
}
/// That of a plain function, made once; of none, standard error's.
inline LogTarget* target_of_function(LogFunction function) {
    if (!function) return &standard_target;
    for (LogTarget* known = log_targets.load(); known; known = known->next)
        if (known->function == function) return known;
    return listed(new LogTarget{function, nullptr, nullptr});
}
}  // namespace detail

/// Where lines go: made from anything that can be called as sink(LogLevel, std::string_view), or from nullptr, which
/// stands for standard error. Copies are the same sink; setting one allocates nothing.
///
/// It is called from whichever thread has a line, also from several at once and in a child of fork(), with one whole
/// line: no newline at its end, and each control character in it written \xNN. Whatever it throws is caught, and the
/// line counted as dropped. It must not wait for the socket whose line it writes.
///
/// The callable is kept until the program ends, since a line that is under way in another thread may still go to it
/// after another one was set: what it refers to must live as long.
class LogSink {
public:
    constexpr LogSink(std::nullptr_t = nullptr) noexcept {}
    template <class Callable>
        requires(!std::is_same_v<Callable, LogSink> && std::is_invocable_v<Callable&, LogLevel, std::string_view>)
    LogSink(Callable sink) {
        if constexpr (std::is_convertible_v<Callable, detail::LogFunction>)
            target_ = detail::target_of_function(sink);
        else
            target_ = detail::listed(new detail::CallableTarget<Callable>(std::move(sink)));
    }
    void operator()(LogLevel level, std::string_view line) const {
        target_->function ? target_->function(level, line) : target_->call(*target_, level, line);
    }
    friend bool operator==(LogSink, LogSink) noexcept = default;

private:
    detail::LogTarget* target_ = &detail::standard_target;
};

namespace detail {
[[gnu::visibility("default")]] inline constinit Atomic<LogSink> log_sink{nullptr};
[[gnu::visibility("default")]] inline constinit Atomic<LogLevel> log_level{LogLevel::info};

inline bool logs(LogLevel level) noexcept { return level >= log_level.load() && level != LogLevel::off; }
/// Hands "[context] sentence" to the sink.
[[gnu::cold]] inline void log_line(LogLevel level, std::string_view context, std::string_view sentence) {
    const bool has_context = !context.empty();
    const std::string line = concat({has_context ? "[" : "", context, has_context ? "] " : "", sentence});
    log_sink.load()(level, escaped(line));
}
/// The same with what `sentence()` returns. A log fails no call: where something throws, the line is dropped.
template <class Sentence>
[[gnu::cold]] void log_sentence(LogLevel level, std::string_view context, const Sentence& sentence) noexcept {
#if defined(__cpp_exceptions)
    try {
        log_line(level, context, sentence());
    } catch (...) {
        dropped_lines.fetch_add(1);
    }
#else
    log_line(level, context, sentence());
#endif
}
/// Logs what `sentence()` returns; below the level it is not called, so that nothing is formatted that is not shown.
template <class Sentence> void log(LogLevel level, std::string_view context, const Sentence& sentence) noexcept {
    if (logs(level)) log_sentence(level, context, sentence);
}
}  // namespace detail

/// Sends the lines to `sink` from now on; nullptr brings standard error back. Returns the sink before.
/// Threads: any, at any time; a line under way in another thread may still go to the sink before.
inline LogSink set_log_sink(LogSink sink) noexcept { return detail::log_sink.exchange(sink); }

/// Shows lines of this level and above (default: info). Returns the level before. Threads: any, at any time.
inline LogLevel set_log_level(LogLevel level) noexcept { return detail::log_level.exchange(level); }
}  // namespace sockboot::inline v0_2
