// SPDX-License-Identifier: MIT
#include <sockboot/log.hpp>

#include <unistd.h>

#include <cstdio>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "loopback.hpp"

using loopback::LogCapture;
using sockboot::LogLevel;
using sockboot::LogSink;
using sockboot::detail::log;

namespace {

constexpr LogLevel every_level[] = {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error};

/// What `act` writes to the stream, which stands elsewhere meanwhile.
template <class Action> std::string written_to(std::FILE* stream, const Action& act) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), &std::fclose);
    REQUIRE(file);
    std::fflush(stream);
    const int before = ::dup(::fileno(stream));
    ::dup2(::fileno(file.get()), ::fileno(stream));
    act();
    ::dup2(before, ::fileno(stream));
    ::close(before);

    std::rewind(file.get());
    std::string text;
    for (int c = std::fgetc(file.get()); c != EOF; c = std::fgetc(file.get())) text += static_cast<char>(c);
    return text;
}

void log_hello(LogLevel level) {
    log(level, "test", [] { return std::string("hello"); });
}

}  // namespace

TEST_CASE("log: info and above, to standard error, unless the program says otherwise", "[log]") {
    const LogSink sink = sockboot::set_log_sink(nullptr);
    const LogLevel level = sockboot::set_log_level(LogLevel::info);
    sockboot::set_log_sink(sink);
    sockboot::set_log_level(level);
    CHECK(sink == &sockboot::log_to_stderr);
    CHECK(level == LogLevel::info);
}

TEST_CASE("log: one line per event, with its context in front", "[log]") {
    const LogCapture capture;
    log(LogLevel::info, "echo", [] { return std::string("listening on 127.0.0.1:7777"); });
    log(LogLevel::info, "", [] { return std::string("without a context"); });
    CHECK(capture.lines() == std::vector<std::string>{"[echo] listening on 127.0.0.1:7777", "without a context"});
}

TEST_CASE("log: below the level nothing is formatted", "[log]") {
    for (const LogLevel shown : every_level) {
        const LogCapture capture(shown);
        for (const LogLevel event : every_level) {
            int formatted = 0;
            log(event, "test", [&formatted] { return std::to_string(++formatted); });
            CAPTURE(static_cast<int>(shown), static_cast<int>(event));
            CHECK(formatted == (event >= shown ? 1 : 0));
            CHECK(capture.lines().size() == (event >= shown ? 1U : 0U));
        }
    }
}

TEST_CASE("log: off is silence, also for an event of that level", "[log]") {
    const LogCapture capture(LogLevel::off);
    for (const LogLevel event : every_level) log_hello(event);
    log_hello(LogLevel::off);
    CHECK(capture.lines().empty());
}

TEST_CASE("log: the sink learns the level of each line", "[log]") {
    static std::vector<LogLevel> seen;
    seen.clear();
    const LogCapture capture;
    sockboot::set_log_sink([](LogLevel level, std::string_view) { seen.push_back(level); });
    for (const LogLevel event : every_level) log_hello(event);
    CHECK(seen == std::vector<LogLevel>(std::begin(every_level), std::end(every_level)));
    CHECK(capture.lines().empty());
}

TEST_CASE("log: the sink and the level before come back, to be restored", "[log]") {
    const LogCapture capture(LogLevel::warning);
    const LogSink mine = [](LogLevel, std::string_view) {};
    sockboot::set_log_sink(mine);
    CHECK(sockboot::set_log_sink(&sockboot::log_to_stdout) == mine);
    CHECK(sockboot::set_log_sink(nullptr) == &sockboot::log_to_stdout);
    CHECK(sockboot::set_log_sink(mine) == &sockboot::log_to_stderr);
    CHECK(sockboot::set_log_level(LogLevel::error) == LogLevel::warning);
    CHECK(sockboot::set_log_level(LogLevel::debug) == LogLevel::error);
}

TEST_CASE("log: a line that is longer than a pipe takes at once is cut, and says so", "[log]") {
    const LogCapture capture;
    sockboot::set_log_sink(nullptr);
    const std::size_t limit = sockboot::detail::os::max_output;
    for (const std::size_t size : {limit - 1, limit, 10 * limit}) {
        const std::string sentence(size, 'x');
        const auto before = sockboot::dropped_log_lines();
        const std::string text = written_to(stderr, [&] { log(LogLevel::info, "", [&] { return sentence; }); });
        CHECK(text == (size < limit ? sentence + "\n" : sentence.substr(0, limit - 7) + " [cut]\n"));
        CHECK(sockboot::dropped_log_lines() == before);
    }
}

TEST_CASE("log: standard error and standard output each get whole lines", "[log]") {
    struct Stream {
        std::FILE* file;
        LogSink sink;
    };
    const LogCapture capture;
    for (const Stream& stream : {Stream{stderr, nullptr}, Stream{stdout, &sockboot::log_to_stdout}}) {
        sockboot::set_log_sink(stream.sink);
        const std::string text = written_to(stream.file, [] {
            log_hello(LogLevel::info);
            log_hello(LogLevel::error);
        });
        CHECK(text == "[test] hello\n[test] hello\n");
    }
}
