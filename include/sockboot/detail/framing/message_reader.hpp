// SPDX-License-Identifier: MIT
// MessageReader: the receiving half of a MessageChannel, bytes read ahead and the messages in them.
#pragma once

#include <optional>
#include <span>
#include "../../framing.hpp"
#include "../../result.hpp"
#include "../../timeout.hpp"
#include "../stream_io.hpp"
#include "adaptive_size.hpp"
#include "message_writer.hpp"  // large_message_size

namespace sockboot::inline v0_2::detail {
/// Messages as they come in; `io` is the stream's, in each call.
/// Threads: one at a time.
template <class Format> class MessageReader {
public:
    using Message = std::optional<std::string_view>;

    MessageReader(const Format& format, std::size_t max_size) : decoder_(format), size_(max_size) {
        if (!decoder_.codec_.check()) last_frame_ = large_message_size;  // nothing is received with it
    }

    [[nodiscard]] std::size_t pending() const noexcept { return decoder_.pending(); }
    bool skip() { return decoder_.skip(); }
    /// The bytes that were read ahead; none are left.
    [[nodiscard]] std::string release() {
        std::string unread(decoder_.unread());
        decoder_.reset();
        return unread;
    }
    /// The next message; nullopt at the end of the stream.
    template <class Io> [[gnu::always_inline]] inline Result<Message> try_receive(Io& io) {
        if (const std::string_view message = decoder_.next_whole(); message.data() != nullptr) return Message(message);
        IoResult tried = IoResult::interrupted;
        if (const std::string_view message = receive_first(io, tried); message.data() != nullptr) [[likely]]
            return Message(message);
        return receive_rest(io, tried);
    }

private:
    /// At a message boundary: a receive that mostly brings a small message whole. Else a view of nothing, with no
    /// address, and `tried` is what a receive came to that moved nothing.
    template <class Io> [[gnu::always_inline]] inline std::string_view receive_first(Io& io, IoResult& tried) {
        const bool is_plain = last_frame_ < large_message_size && decoder_.at_boundary();
        if (!is_plain || io.desynchronised().receiving) [[unlikely]]
            return {};
        if (size_.is_oversized(used_, decoder_.buffer_.capacity())) [[unlikely]]
            decoder_.reset();
        decoder_.buffer_.reserve(size_.size());
        const std::span<std::byte> room(decoder_.buffer_.end(), size_.size());
        const IoResult got = io.recv_now(room, false);
        if (!got.any()) [[unlikely]]
            return tried = got, std::string_view();
        decoder_.buffer_.commit(got.bytes());
        used_ = got.bytes();
        if (used_ == room.size()) [[unlikely]]
            size_.grow();
        return decoder_.next_whole();
    }
    /// Goes on after a receive that came to `tried`: IoResult::interrupted, where there was none.
    template <class Io> [[gnu::noinline]] Result<Message> receive_rest(Io& io, IoResult tried) {
        if (io.desynchronised().receiving) return io.with_source(Error(Errc::desynchronised, Operation::receive));
        Deadline deadline = io.deadline();
        for (bool has_received = false;; has_received = true) {
            const std::size_t before = pending();
            auto next = decoder_.try_next();
            if (!next) return io.with_source(std::move(next).error());
            if (*next) {
                last_frame_ = before - pending();
                return next;
            }
            // A peer that sends a byte at a time would never let it read the clock.
            if (has_received && deadline.expired())
                return inside_message(io.error_of(IoResult::deadline_exceeded, Operation::receive));
            bool whole = false;
            const std::size_t size = next_size(whole);
            const std::span<std::byte> room = decoder_.prepare(size);
            if (has_received || tried.is(IoResult::interrupted)) tried = io.recv_now(room, whole);
            tried = io.recv_after(tried, room, whole, deadline);
            if (!tried) return inside_message(io.error_of(tried, Operation::receive));
            if (tried.bytes() == 0) {
                if (decoder_.at_boundary()) return Message();
                return io.with_source(inside_message(Error(Errc::truncated, Operation::receive)));
            }
            decoder_.commit(tried.bytes());
            used_ += tried.bytes();
            if (tried.all(room.size()) && !whole) size_.grow();
        }
    }
    /// How many bytes to ask for next, and whether to wait for all of them.
    [[nodiscard]] std::size_t next_size(bool& whole) const noexcept {
        const std::uint64_t expected = decoder_.expected();
        const std::uint64_t missing = expected > pending() ? expected - pending() : 0;
        // Of a large message exactly the rest, to where it belongs, so that nothing of the next one has to be moved.
        whole = expected >= large_message_size;
        if (whole) return static_cast<std::size_t>(missing);
        // Behind a large message there mostly comes another one like it.
        const bool after_large = pending() == 0 && last_frame_ >= large_message_size;
        if (after_large && last_frame_ < size_.max_size()) return static_cast<std::size_t>(last_frame_);
        const std::size_t rest = size_.size() - (pending() < size_.size() ? pending() : 0);
        return missing < rest ? rest : static_cast<std::size_t>(missing);
    }

    /// An error with how much has come of the message that it met.
    [[nodiscard, gnu::cold]] Error inside_message(Error error) const {
        const std::uint64_t expected = decoder_.expected();
        const std::uint64_t header = pending() != 0 ? decoder_.codec_.wanted_for_header(pending()) : 0;
        return std::move(error).with_progress(pending(), expected != 0 ? expected : header);
    }
    FrameDecoder<Format> decoder_;
    AdaptiveSize size_;
    std::size_t used_ = 0;          ///< bytes that the buffer has held since it was last empty
    std::uint64_t last_frame_ = 0;  ///< bytes of the last one that did not come whole with others
};
}  // namespace sockboot::inline v0_2::detail
