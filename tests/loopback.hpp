// SPDX-License-Identifier: MIT
// What several tests need of this machine: connected sockets, a count of descriptors, a stopwatch, the log's lines.
#pragma once

#include <dirent.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sockboot/connect_to.hpp>
#include <sockboot/create_server.hpp>

#include "catch.hpp"

namespace loopback {

/// Two sockets that are connected to each other over TCP on 127.0.0.1.
inline std::pair<sockboot::Socket, sockboot::Socket> connected_pair() {
    auto server = sockboot::create_server("127.0.0.1", 0, "pair");
    auto client = sockboot::connect_to("127.0.0.1", server.local_endpoint().port(), "pair");
    return {std::move(client), server.accept()};
}

/// Bytes of which no part repeats soon.
inline std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * i >> 3);
    return text;
}

/// How many descriptors this process has open.
inline int open_descriptors() {
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), &::closedir);
    int count = -3;  // "." and ".." and the folder itself
    while (::readdir(folder.get()) != nullptr) ++count;
    return count;
}

/// The error of what must have failed.
template <class T> sockboot::Error error_of(sockboot::Result<T> result) {
    REQUIRE_FALSE(result.has_value());
    return std::move(result).error();
}

/// The error of a call that must fail, and must not keep a descriptor.
template <class Call> sockboot::Error clean_failure(const Call& call) {
    const int before = open_descriptors();
    auto error = error_of(call());
    CHECK(open_descriptors() == before);
    return error;
}

/// Whether this machine has IPv6 at all: containers often have none.
inline bool has_ipv6() { return sockboot::try_create_server("::1", 0).has_value(); }

/// Milliseconds since it was made.
class Stopwatch {
public:
    [[nodiscard]] double elapsed_ms() const {
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
    }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Collects the log while it lives, at every level or above one.
class LogCapture {
public:
    explicit LogCapture(sockboot::LogLevel level = sockboot::LogLevel::debug)
        : sink_before_(sockboot::set_log_sink(&LogCapture::collect)), level_before_(sockboot::set_log_level(level)) {
        lines();
    }
    ~LogCapture() {
        sockboot::set_log_sink(sink_before_);
        sockboot::set_log_level(level_before_);
    }
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;

    /// The lines since the last call.
    static std::vector<std::string> lines() {
        const std::lock_guard lock(mutex);
        return std::exchange(collected, {});
    }

private:
    static void collect(sockboot::LogLevel, std::string_view line) {
        const std::lock_guard lock(mutex);
        collected.emplace_back(line);
    }

    static inline std::mutex mutex;
    static inline std::vector<std::string> collected;
    sockboot::LogSink sink_before_;
    sockboot::LogLevel level_before_;
};

}  // namespace loopback
