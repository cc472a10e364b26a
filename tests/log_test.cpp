// SPDX-License-Identifier: MIT
#include <sockboot/log.hpp>

#include <unistd.h>

#include <cstdio>
#include <iterator>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
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

/// A sink as a program would write it: it cannot be copied, and has a state.
class Numbered {
public:
    explicit Numbered(std::vector<std::string>& lines) : lines_(&lines) {}
    int operator()(LogLevel, std::string_view line) {
        lines_->push_back(std::to_string(++*count_) + " " + std::string(line));
        return *count_;
    }

private:
    std::vector<std::string>* lines_;
    std::unique_ptr<int> count_ = std::make_unique<int>(0);
};

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

TEST_CASE("log: a sink is any callable, also one with a state of its own", "[log]") {
    static std::vector<std::string> lines;
    lines.clear();
    const LogCapture capture;
    int events = 0;
    sockboot::set_log_sink([&events](LogLevel, std::string_view) { ++events; });
    log_hello(LogLevel::info);
    const LogSink counting = sockboot::set_log_sink(Numbered(lines));
    log_hello(LogLevel::info);
    log_hello(LogLevel::error);
    const LogSink numbered = sockboot::set_log_sink(counting);
    log_hello(LogLevel::info);
    CHECK(events == 2);
    CHECK(lines == std::vector<std::string>{"1 [test] hello", "2 [test] hello"});

    CHECK(sockboot::set_log_sink(numbered) == counting);
    log_hello(LogLevel::info);
    CHECK(lines.size() == 3);
    CHECK(events == 2);
}

TEST_CASE("log: a plain function is one sink, however often it is set; a null one is standard error", "[log]") {
    constexpr void (*none)(LogLevel, std::string_view) = nullptr;
    CHECK(LogSink(&sockboot::log_to_stdout) == LogSink(&sockboot::log_to_stdout));
    CHECK(LogSink(&sockboot::log_to_stdout) != LogSink(nullptr));
    CHECK(LogSink(none) == LogSink(nullptr));
    CHECK(LogSink() == &sockboot::log_to_stderr);
}

TEST_CASE("log: a sink that throws fails no call, and its line is counted as dropped", "[log]") {
    const LogCapture capture;
    sockboot::set_log_sink([](LogLevel, std::string_view) { throw std::runtime_error("the disk is full"); });
    const auto before = sockboot::dropped_log_lines();
    const auto server = sockboot::try_create_server("127.0.0.1", 0, "echo");
    CHECK(server.has_value());
    CHECK(sockboot::dropped_log_lines() == before + 1);
}

TEST_CASE("log: a line that there is no memory for is dropped and counted", "[log]") {
    const LogCapture capture;
    const auto before = sockboot::dropped_log_lines();
    log(LogLevel::info, "test", []() -> std::string { throw std::bad_alloc(); });
    CHECK(sockboot::dropped_log_lines() == before + 1);
    CHECK(capture.lines().empty());
}

TEST_CASE("log: a control character is written as a number, so that a name ends no line", "[log]") {
    using namespace std::string_view_literals;
    const LogCapture capture;
    log(LogLevel::info, "a\x1b[2J\0b\x7f"sv, [] { return std::string("from \r\n[echo] \tadmin \\ \xc3\xa9"); });
    CHECK(capture.lines() == std::vector<std::string>{R"([a\x1b[2J\x00b\x7f] from \x0d\x0a[echo] \x09admin \ )"
                                                      "\xc3\xa9"});

    static_cast<void>(sockboot::create_server("127.0.0.1", 0, "a\nb"));
    const auto lines = capture.lines();
    REQUIRE(lines.size() == 1);
    CHECK_THAT(lines[0], StartsWith(R"([a\x0ab] listening on 127.0.0.1:)"));
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
