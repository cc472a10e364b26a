// SPDX-License-Identifier: MIT
// What the conformance cases share: the transports they run over, bytes that show whether one is lost, and threads.
//
// The list is that of Go's golang.org/x/net/nettest; each case says what this library promises in its place. A
// transport joins it with a struct such as Tcp, and its name in TRANSPORTS.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcmp
#include <filesystem>
#include <fstream>
#include <future>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sockboot/stream.hpp>
#include <sockboot/transfer.hpp>

#include "catch.hpp"
#include "loopback.hpp"

namespace conformance {
using namespace sockboot;

// --- the transports ---
struct Tcp {
    using Stream = Socket;
    /// Two streams that are connected to each other.
    static std::pair<Stream, Stream> make() { return loopback::connected_pair(); }
    /// Where connections are accepted, for a transport that has such a thing, and one more to there.
    static Socket listen() { return create_server("127.0.0.1", 0, "listener"); }
    static Stream connect(const Socket& listener) { return connect_to("127.0.0.1", listener.local_endpoint().port()); }
    /// Whether the peer of abort() learns that this was not an orderly end.
    static constexpr bool abort_resets = true;
};

/// For TEMPLATE_TEST_CASE, which wants the list itself.
#define TRANSPORTS Tcp

// --- bytes ---
/// Random bytes, of which each place in a stream has its own: one that is lost, doubled or moved shows.
class Pattern {
public:
    static constexpr std::size_t max_size = std::size_t{1} << 20;
    /// The `size` bytes that stand at `place`.
    static ByteView at(std::uint64_t place, std::size_t size) {
        static const std::string bytes = [] {
            std::string all(period + max_size, '\0');
            std::mt19937 random(1);
            for (std::size_t i = 0; i < all.size(); ++i)
                all[i] = i < period ? static_cast<char>(random() & 0xFFU) : all[i - period];
            return all;
        }();
        return std::string_view(bytes).substr(static_cast<std::size_t>(place % period), size);
    }

private:
    static constexpr std::size_t period = 65'521;  // a prime, so that no size of a buffer fits into it
};

/// The message of that number: of many sizes, none and one byte among them, each with contents of its own.
inline std::string message_of(std::uint64_t number) {
    const ByteView bytes = Pattern::at(number, number % 500 == 499 ? 300'000 : number * number % 3'001);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Sizes that no buffer has.
class OddSizes {
public:
    OddSizes(unsigned seed, std::size_t max) : random_(seed), sizes_(1, max) {}
    /// The next one, or what is left.
    std::size_t next(std::uint64_t left) {
        return static_cast<std::size_t>(std::min<std::uint64_t>(sizes_(random_), left));
    }

private:
    std::minstd_rand random_;
    std::uniform_int_distribution<std::size_t> sizes_;
};

/// Sends the pattern, and knows its place in it, also behind a call that failed on its way.
template <Stream S> class Sender {
public:
    explicit Sender(S& stream) noexcept : stream_(stream) {}
    Result<std::size_t> some(std::size_t size) {
        auto sent = stream_.try_send_some(Pattern::at(place_, size));
        if (sent) place_ += *sent;
        return sent;
    }
    Result<std::size_t> all(std::size_t size) {
        const auto sent = try_send_all(stream_, Pattern::at(place_, size));
        place_ += sent ? size : sent.error().transferred();
        if (!sent) return sent.error();
        return size;
    }
    /// Sends until that fails, as it will where the peer does not read.
    Error until_it_fails() {
        for (;;)
            if (auto sent = all(Pattern::max_size); !sent) return sent.error();
    }
    [[nodiscard]] std::uint64_t place() const noexcept { return place_; }

private:
    S& stream_;
    std::uint64_t place_ = 0;
};

/// Receives the pattern, and sees whether all its bytes come, each at its place.
template <Stream S> class Receiver {
public:
    explicit Receiver(S& stream) noexcept : stream_(stream) {}
    /// 0: the stream has ended.
    Result<std::size_t> some(std::size_t size) {
        auto got = stream_.try_recv_some(std::span(buffer_).first(size));
        if (got) check(*got);
        return got;
    }
    Result<std::size_t> all(std::size_t size) {
        const auto got = try_recv_exact(stream_, std::span(buffer_).first(size));
        check(got ? size : static_cast<std::size_t>(got.error().transferred()));
        if (!got) return got.error();
        return size;
    }
    /// Everything up to `end`: whether it came as it had been sent.
    bool until(std::uint64_t end) {
        while (place_ < end)
            all(static_cast<std::size_t>(std::min<std::uint64_t>(end - place_, buffer_.size()))).value();
        return intact_ && place_ == end;
    }
    [[nodiscard]] std::uint64_t place() const noexcept { return place_; }
    [[nodiscard]] bool intact() const noexcept { return intact_; }

private:
    void check(std::size_t size) {
        const ByteView expected = Pattern::at(place_, size);
        intact_ = intact_ && std::memcmp(expected.data(), buffer_.data(), size) == 0;
        place_ += size;
    }

    S& stream_;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(Pattern::max_size);
    std::uint64_t place_ = 0;
    bool intact_ = true;
};

// --- what came of it ---
/// The code of a failure; none for a success.
template <class T> std::error_code code_of(const Result<T>& result) {
    return result.has_value() ? std::error_code() : result.error().code();
}

/// Whether the time was up, which for a timeout of zero is to find nothing to do.
inline bool is_timeout(const Error& error) { return error.code() == Errc::deadline_exceeded || error.would_block(); }

// --- threads; only the one of the test may CHECK ---
template <class Call> auto in_a_thread(Call call) { return std::async(std::launch::async, std::move(call)); }

/// Whether the thread of that folder in /proc neither sleeps nor has ended.
inline bool is_running(const std::string& thread) {
    std::ifstream file("/proc/" + thread + "/stat");
    std::string line;
    if (!std::getline(file, line)) return false;
    return line.substr(line.rfind(") ") + 2, 1) != "S";
}

/// Runs `call` in a thread of its own, and comes back once that sleeps in the system, or has ended. Where the system
/// does not tell, it comes back at once: what a case expects holds in either order.
template <class Call> auto blocked_in(Call call) {
    std::promise<std::string> started;
    auto thread = started.get_future();
    auto result = in_a_thread([call = std::move(call), started = std::move(started)]() mutable {
        std::error_code no_proc;
        started.set_value(std::filesystem::read_symlink("/proc/thread-self", no_proc).string());
        return call();
    });
    const std::string folder = thread.get();
    while (!folder.empty() && is_running(folder)) std::this_thread::yield();
    return result;
}
}  // namespace conformance
