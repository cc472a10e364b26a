// SPDX-License-Identifier: MIT
// StreamIo: how the stream layer moves bytes over a stream, in steps that come to one register each.
//
// Here for a stream of the user's own, by its calls with a Result. Socket and those that are built on a socket have a
// specialisation beside them, in which the first try reads no clock and makes no Error.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <span>
#include "../byte_view.hpp"
#include "../result.hpp"
#include "../timeout.hpp"
#include "os.hpp"

namespace sockboot::inline v0_2::detail {
using os::IoResult;

/// How the receiving half of a stream stands: an earlier failure has left it inside a message, or a MessageChannel
/// receives on it, which may have read ahead.
enum class Receiving : std::uint8_t { in_order, desynchronised, by_channel };

/// Which half of a stream an earlier failure left inside a message.
struct Desynchronised {
    bool sending = false;
    Receiving receiving = Receiving::in_order;
};

/// Why nothing is received.
[[gnu::cold]] inline Error receive_refused(Receiving why) {
    if (why == Receiving::desynchronised) return {Errc::desynchronised, Operation::receive};
    return Error(make_error_code(std::errc::operation_not_permitted), Operation::receive)
        .with_note("a MessageChannel receives on this socket and may have read ahead: receive from the channel");
}

/// Sets such a mark where its scope is left by an exception: how far the stream had come by then, nobody knows.
class MarkedByException {
public:
    explicit MarkedByException(bool& mark) noexcept : mark_(mark) {}
    MarkedByException(const MarkedByException&) = delete;
    MarkedByException& operator=(const MarkedByException&) = delete;
    ~MarkedByException() {
        if (!is_over_) mark_ = true;
    }
    /// From here on none can come.
    void no_exception() noexcept { is_over_ = true; }

private:
    bool& mark_;
    bool is_over_ = false;
};

/// The steps of a stream that has try_send_some and try_recv_some, and may have their forms with a Deadline, timeout()
/// and with_source().
template <class S> class StreamIo {
public:
    explicit StreamIo(S& stream) noexcept : stream_(stream), desynchronised_(forgotten_) {}
    /// With a place for what the stream itself has none for.
    StreamIo(S& stream, Desynchronised& kept) noexcept : stream_(stream), desynchronised_(kept) {}
    StreamIo(const StreamIo&) = delete;
    StreamIo& operator=(const StreamIo&) = delete;
    ~StreamIo() = default;
    /// One deadline for all steps of a call.
    [[nodiscard]] Deadline send_deadline() const noexcept {
        if constexpr (requires(const S& stream) {
                          { stream.send_timeout() } -> std::convertible_to<Timeout>;
                      })
            return Deadline(stream_.send_timeout());
        else
            return deadline();
    }
    [[nodiscard]] Deadline recv_deadline() const noexcept {
        if constexpr (requires(const S& stream) {
                          { stream.receive_timeout() } -> std::convertible_to<Timeout>;
                      })
            return Deadline(stream_.receive_timeout());
        else
            return deadline();
    }
    /// The first try, without a clock. Where the stream has a form with a Deadline, that is left to send_after().
    IoResult send_now(ByteView first, ByteView second) {
        if constexpr (has_send_within) return IoResult::interrupted;
        auto sent = stream_.try_send_some(first.empty() ? second : first);
        return sent && *sent == 0 ? IoResult(IoResult::would_block) : result_of(std::move(sent));
    }
    IoResult send_now(ByteView bytes) { return send_now(bytes, {}); }
    IoResult send_now(const os::Pieces& pieces) {
        const auto [first, second] = next_two(pieces);
        return send_now(first, second);
    }
    IoResult recv_now(std::span<std::byte> buffer, bool) {
        if constexpr (has_recv_within) return IoResult::interrupted;
        return result_of(stream_.try_recv_some(buffer));
    }
    /// After a try that came to `tried`: tries again, within the deadline, until it moves something, or never will.
    IoResult send_after(IoResult tried, const os::Pieces& pieces, [[maybe_unused]] Deadline& deadline) {
        if (!tried.is(IoResult::interrupted)) return tried;
        if constexpr (has_send_within) {
            const auto [first, second] = next_two(pieces);
            auto sent = stream_.try_send_some(first, second, deadline);
            return sent && *sent == 0 ? IoResult(IoResult::would_block) : result_of(std::move(sent));
        } else {
            return send_now(pieces);
        }
    }
    IoResult recv_after(IoResult tried, std::span<std::byte> buffer, [[maybe_unused]] bool whole,
                        [[maybe_unused]] Deadline& deadline) {
        if (!tried.is(IoResult::interrupted)) return tried;
        if constexpr (has_recv_within)
            return result_of(stream_.try_recv_some(buffer, deadline, whole));
        else
            return recv_now(buffer, whole);
    }
    /// What a step came to as an Error of this stream.
    [[nodiscard]] Error error_of(IoResult result, Operation operation) {
        if (result.is(IoResult::reported)) return failure_.error();
        return with_source(Error(result.code(), operation));
    }
    /// An error of the layers above, with the stream's own context and endpoint where it offers them.
    [[nodiscard]] Error with_source(Error error) const {
        if constexpr (requires(const S& stream) {
                          { stream.with_source(error) } -> std::same_as<Error>;
                      })
            return stream_.with_source(std::move(error));
        else
            return error;
    }
    /// Not remembered from call to call, unless somebody gave it a place.
    [[nodiscard]] Desynchronised& desynchronised() noexcept { return desynchronised_; }

private:
    static constexpr bool has_send_within = requires(S& stream, ByteView bytes, Deadline& deadline) {
        { stream.try_send_some(bytes, bytes, deadline) } -> std::same_as<Result<std::size_t>>;
    };
    static constexpr bool has_recv_within = requires(S& stream, std::span<std::byte> buffer, Deadline& deadline) {
        { stream.try_recv_some(buffer, deadline, true) } -> std::same_as<Result<std::size_t>>;
    };

    /// What is next; a stream takes two pieces at a time.
    static std::array<ByteView, 2> next_two(const os::Pieces& pieces) noexcept {
        std::array<ByteView, 2> next;
        pieces.for_each([&](ByteView piece) {
            next[next[0].empty() ? 0 : 1] = piece;
            return next[1].empty();
        });
        return next;
    }
    [[nodiscard]] Deadline deadline() const noexcept {
        if constexpr (requires(const S& stream) {
                          { stream.timeout() } -> std::convertible_to<Timeout>;
                      })
            return Deadline(stream_.timeout());
        else
            return Deadline(Timeout::forever());
    }
    IoResult result_of(Result<std::size_t> result) {
        if (result) return IoResult::moved(*result);
        failure_ = std::move(result).error();
        return IoResult::reported;
    }
    S& stream_;
    Result<void> failure_;
    Desynchronised forgotten_;
    Desynchronised& desynchronised_;
};
}  // namespace sockboot::inline v0_2::detail
