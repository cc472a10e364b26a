// SPDX-License-Identifier: MIT
// What a library must do to be measured: both ends of each workload, in the best form that its own documentation shows.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// How a workload is run: for the clock, for the distribution of its round trips, or with every byte looked at.
enum class Mode : std::uint8_t { timed, latency, verified };

/// The largest message of any workload: what a receiver may rely on, as it could on a limit of its protocol.
inline constexpr std::size_t largest_message = std::size_t{16} << 20;

[[noreturn]] inline void fail(const std::string& why) {
    std::fprintf(stderr, "bench: %s\n", why.c_str());
    std::_Exit(1);
}

/// The bytes of message number `index`: no two messages, and no two places of one, are alike for long.
inline void fill(char* bytes, std::size_t size, std::uint64_t index) {
    for (std::size_t place = 0; place < size; ++place) {
        const std::uint64_t mixed = (index * 0x9E3779B97F4A7C15U + place) * 0xBF58476D1CE4E5B9U;
        bytes[place] = static_cast<char>(mixed >> 56);
    }
}

/// Where a sender takes its messages from.
class Source {
public:
    Source(std::size_t size, Mode mode) : bytes_(size), verified_(mode == Mode::verified) {
        fill(bytes_.data(), size, 0);
    }

    /// The next message; its bytes are valid until the next call.
    std::string_view next() {
        if (verified_) [[unlikely]]
            fill(bytes_.data(), bytes_.size(), index_++);
        return {bytes_.data(), bytes_.size()};
    }

private:
    std::vector<char> bytes_;
    std::uint64_t index_ = 0;
    bool verified_;
};

/// Where a receiver leaves its messages.
class Sink {
public:
    Sink(std::size_t size, Mode mode) : size_(size), mode_(mode) {
        if (mode == Mode::verified) expected_.resize(size);
    }

    /// Takes one whole message, contiguous in memory.
    void take(const void* bytes, std::size_t size) {
        if (size != size_) [[unlikely]]
            wrong_size(size);
        if (mode_ != Mode::timed) [[unlikely]]
            look(bytes);
#ifdef BENCH_SLOWED
        burn(std::chrono::nanoseconds(BENCH_SLOWED));
#endif
        ++taken_;
    }

    [[nodiscard]] std::uint64_t taken() const noexcept { return taken_; }

    /// In latency mode: the moment at which each message was there.
    [[nodiscard]] const std::vector<std::chrono::steady_clock::time_point>& moments() const noexcept {
        return moments_;
    }
    void reserve(std::size_t count) { moments_.reserve(count); }

private:
    [[noreturn, gnu::cold]] void wrong_size(std::size_t size) const {
        fail("a message of " + std::to_string(size) + " bytes came, not of " + std::to_string(size_));
    }

#ifdef BENCH_SLOWED
    /// For a build that the benchmark must find slower than the others.
    static void burn(std::chrono::nanoseconds span) {
        const auto end = std::chrono::steady_clock::now() + span;
        while (std::chrono::steady_clock::now() < end) continue;
    }
#endif
    void look(const void* bytes) {
        if (mode_ == Mode::latency) return moments_.push_back(std::chrono::steady_clock::now());
        fill(expected_.data(), size_, taken_);
        if (std::memcmp(expected_.data(), bytes, size_) != 0)
            fail("message " + std::to_string(taken_) + " is not as sent");
    }

    std::size_t size_;
    Mode mode_;
    std::uint64_t taken_ = 0;
    std::vector<char> expected_;
    std::vector<std::chrono::steady_clock::time_point> moments_;
};

/// One end of a connection. Two processes make one each: the server calls the left column, the client the right one.
///
/// Framed as by default in sockboot where the library leaves framing to its user: 4 bytes of length, big-endian, 16 MiB
/// at most, checked before memory is used. Errors end the program by fail().
class Contender {
public:
    virtual ~Contender() = default;

    /// Server: listens on a free port of 127.0.0.1 and returns it. Client: connects.
    virtual std::uint16_t listen() = 0;
    virtual void accept() = 0;
    virtual void connect(std::uint16_t port) = 0;

    /// `count` times: the client sends source.next() and waits for the answer; the server gives each request to the
    /// sink and sends its bytes back; the client gives the answer to its sink.
    virtual void answer(Sink& sink, std::size_t count) = 0;
    virtual void request(Source& source, Sink& sink, std::size_t count) = 0;

    /// The client sends `count` messages as fast as the library can; the server gives each to the sink, and when it has
    /// them all it sends one empty message back, for which the client waits.
    virtual void receive_stream(Sink& sink, std::size_t count) = 0;
    virtual void send_stream(Source& source, std::size_t count) = 0;

    /// `count` times: the client connects to `host` (an address or a name) and `port`, where the server listens, reads
    /// the end of the stream, and closes; the server accepts and closes. False: the library has no such thing.
    virtual bool accept_connections(std::size_t count) = 0;
    virtual bool make_connections(const std::string& host, std::uint16_t port, std::size_t count) = 0;
};

/// Each contender's file defines it.
std::unique_ptr<Contender> make_contender();

}  // namespace bench
