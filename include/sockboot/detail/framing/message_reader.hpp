// SPDX-License-Identifier: MIT
// MessageReader: the receiving half of a MessageChannel, bytes read ahead and the messages in them.
#pragma once

#include <cstring>  // std::memcpy
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
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
    void set_format(const Format& format) { decoder_.set_format(format); }
    void set_max_size(std::uint64_t max_size) { decoder_.set_max_size(max_size); }
    /// Copies the message that was received last. Where there is no memory for it, the next receive gives it again.
    void copy(std::string_view message, std::string& into) {
        struct GiveBack {
            FrameDecoder<Format>& decoder;
            std::string_view message;
            bool is_copied = false;
            ~GiveBack() {
                if (!is_copied) decoder.give_back(message);
            }
        } otherwise{decoder_, message};
        into.assign(message);
        otherwise.is_copied = true;
    }
    /// The bytes that were read ahead; none are left.
    [[nodiscard]] std::string release() {
        std::string unread(decoder_.unread());
        decoder_.reset();
        return unread;
    }
    /// The next message; nullopt at the end of the stream.
    template <class Io> [[gnu::always_inline]] inline Result<Message> try_receive(Io& io) {
        if (const std::string_view message = decoder_.next_inline(); message.data() != nullptr) return Message(message);
        if (const std::string_view message = receive_first(io); message.data() != nullptr) return Message(message);
        return receive_rest(io);
    }
    /// The same, with an error thrown.
    template <class Io> [[gnu::always_inline]] inline Message receive(Io& io) {
        std::string_view message = decoder_.next_inline();
        if (message.data() == nullptr) message = receive_or_throw(io);
        return message.data() != nullptr ? Message(message) : Message();
    }

    // --- bytes as they are ---
    [[nodiscard]] std::string_view unread() const noexcept { return decoder_.unread(); }
    void feed(ByteView bytes) { decoder_.feed(bytes); }
    /// The next `count` of them. Where they do not come whole, what did is kept.
    template <class Io> [[gnu::noinline]] Result<std::string_view> try_receive_exact(Io& io, std::size_t count) {
        if (is_desynchronised(io)) return io.with_source(detail::receive_refused(Receiving::desynchronised));
        Deadline deadline = io.recv_deadline();
        for (bool has_received = false;; has_received = true) {
            if (const auto bytes = decoder_.next_exact(count)) return *bytes;
            const IoResult got = receive_more(io, count - pending(), has_received, deadline);
            if (!got.any()) return detail::transfer_error(io, {pending(), got}, Operation::receive, count);
        }
    }
    /// The same into a buffer, past our own: where they do not come whole, those that did are in it.
    template <class Io> [[gnu::noinline]] Result<void> try_receive_exact(Io& io, const std::span<std::byte> into) {
        if (is_desynchronised(io)) return io.with_source(detail::receive_refused(Receiving::desynchronised));
        const std::size_t here = pending() < into.size() ? pending() : into.size();
        const auto bytes = decoder_.next_exact(here);
        if (here != 0 && bytes) std::memcpy(into.data(), bytes->data(), here);
        if (here == into.size()) return {};
        Deadline deadline = io.recv_deadline();
        const Progress got = detail::recv_whole(io, into.subspan(here), deadline);
        const Progress whole{here + got.done, got.last};
        if (whole.all(into.size())) return {};
        return detail::partial_error(io, whole, Operation::receive, into.size());
    }
    /// All of them up to the end of the stream.
    template <class Io> [[gnu::noinline]] Result<std::string> try_receive_rest(Io& io) {
        if (is_desynchronised(io)) return io.with_source(detail::receive_refused(Receiving::desynchronised));
        const std::uint64_t limit = decoder_.codec_.limit();
        Deadline deadline = io.recv_deadline();
        for (bool has_received = false; pending() <= limit; has_received = true) {
            const IoResult got = receive_more(io, 1, has_received, deadline);
            if (got.any()) continue;
            if (got) return release();
            return detail::transfer_error(io, {pending(), got}, Operation::receive, 0);
        }
        return io.with_source(Error(Errc::message_too_large, Operation::receive)
                                  .with_note(concat({"what is left of the stream is over the limit of ",
                                                     std::to_string(limit), " bytes"})));
    }

private:
    template <class Io> [[nodiscard, gnu::always_inline]] static inline bool is_desynchronised(Io& io) noexcept {
        return io.desynchronised().receiving == Receiving::desynchronised;
    }
    // A view of nothing, with no address, stands for no message: it fits in registers, which a Message does not.

    template <class Io> [[gnu::noinline]] std::string_view receive_or_throw(Io& io) {
        if (const std::string_view message = receive_first(io); message.data() != nullptr) [[likely]]
            return message;
        return rest_or_throw(io);
    }
    template <class Io> [[gnu::noinline]] std::string_view rest_or_throw(Io& io) {
        return receive_rest(io).value().value_or(std::string_view());
    }
    /// The next message of a format that is not found inline. At a message boundary, a receive that mostly brings a
    /// small message whole.
    template <class Io> [[gnu::always_inline]] inline std::string_view receive_first(Io& io) {
        const bool is_plain = last_frame_ < large_message_size && decoder_.at_boundary();
        if (!is_plain || is_desynchronised(io)) [[unlikely]]
            return decoder_.next_whole();
        const std::size_t capacity = decoder_.buffer_.capacity();
        if (capacity != AdaptiveSize::first_size || capacity != size_.size()) fit_buffer();
        const IoResult got = io.recv_now(empty_room(), false);
        return got.any() ? take_received(got.bytes()) : receive_waited(io, got);
    }
    /// After a receive that came to `tried`: waits for one that brings something.
    template <class Io> [[gnu::noinline]] std::string_view receive_waited(Io& io, IoResult tried) {
        deadline_ = io.recv_deadline();
        tried_ = io.recv_after(tried, empty_room(), false, deadline_);
        if (!tried_.any()) return {};
        const std::string_view message = take_received(tried_.bytes());
        if (message.data() != nullptr) tried_ = IoResult::interrupted;
        return message;
    }
    [[gnu::always_inline]] inline std::string_view take_received(std::size_t bytes) noexcept {
        used_ = bytes;
        if (bytes == size_.size()) size_.grow();
        decoder_.buffer_.refill(bytes);
        const std::string_view message = decoder_.next_inline();
        return message.data() != nullptr ? message : decoder_.next_whole();
    }
    [[nodiscard]] std::span<std::byte> empty_room() const noexcept { return {decoder_.buffer_.front(), size_.size()}; }
    /// Brings the buffer, which is empty, to the size that is right by now.
    [[gnu::noinline]] void fit_buffer() {
        if (size_.is_oversized(used_, decoder_.buffer_.capacity())) decoder_.buffer_ = {};
        decoder_.buffer_.reserve(size_.size());
    }
    struct Wanted {
        std::size_t size;
        bool whole;  ///< waits for all of them
    };
    /// Receives once, behind what is there; `tried`: what a first try has come to, or interrupted.
    template <class Io>
    IoResult receive_once(Io& io, Wanted wanted, IoResult tried, bool has_received, Deadline& deadline) {
        // A peer that sends a byte at a time would never let it read the clock.
        if (has_received && deadline.expired()) return IoResult::deadline_exceeded;
        const std::span<std::byte> room = decoder_.prepare(wanted.size);
        if (tried.is(IoResult::interrupted)) tried = io.recv_now(room, wanted.whole);
        const IoResult got = io.recv_after(tried, room, wanted.whole, deadline);
        if (!got.any()) return got;
        decoder_.commit(got.bytes());
        used_ += got.bytes();
        if (got.all(room.size()) && !wanted.whole) size_.grow();
        return got;
    }
    /// The same where `missing` bytes as they are are wanted at least. Storage doubles as they come.
    template <class Io> IoResult receive_more(Io& io, std::size_t missing, bool has_received, Deadline& deadline) {
        const std::size_t sound = pending() > max_upfront_allocation ? pending() : max_upfront_allocation;
        const std::size_t read_ahead = missing > size_.size() ? missing : size_.size();
        const bool whole = missing >= large_message_size;
        const Wanted wanted{!whole ? read_ahead : missing < sound ? missing : sound, whole};
        return receive_once(io, wanted, IoResult::interrupted, has_received, deadline);
    }
    /// Goes on where that gave no message.
    template <class Io> [[gnu::noinline]] Result<Message> receive_rest(Io& io) {
        if (is_desynchronised(io)) return io.with_source(detail::receive_refused(Receiving::desynchronised));
        IoResult tried = std::exchange(tried_, IoResult::interrupted);
        if (tried.is(IoResult::interrupted)) deadline_ = io.recv_deadline();
        if (tried.any()) tried = IoResult::interrupted;
        for (bool has_received = false;; has_received = true) {
            const std::size_t before = pending();
            auto next = decoder_.try_next();
            if (!next.has_value()) return io.with_source(std::move(next).error());
            if (*next) {
                last_frame_ = before - pending();
                return next;
            }
            const IoResult got = receive_once(io, next_receive(), tried, has_received, deadline_);
            tried = IoResult::interrupted;
            if (!got) return inside_message(io.error_of(got, Operation::receive));
            if (got.bytes() != 0) continue;
            if (decoder_.at_boundary()) return Message();
            return io.with_source(inside_message(Error(Errc::truncated, Operation::receive)));
        }
    }
    /// What to ask for next, of the frames that come.
    [[nodiscard]] Wanted next_receive() const noexcept {
        const std::uint64_t expected = decoder_.expected();
        const std::uint64_t missing = expected > pending() ? expected - pending() : 0;
        // Of a large message exactly the rest, to where it belongs, so that nothing of the next one has to be moved.
        if (expected >= large_message_size) return {static_cast<std::size_t>(missing), true};
        // Behind a large message there mostly comes another one like it.
        const bool after_large = pending() == 0 && last_frame_ >= large_message_size;
        if (after_large && last_frame_ < size_.max_size()) return {static_cast<std::size_t>(last_frame_), false};
        const std::size_t rest = size_.size() - (pending() < size_.size() ? pending() : 0);
        return {missing < rest ? rest : static_cast<std::size_t>(missing), false};
    }

    /// An error with how much has come of the message that it met, and what that tells of the peer.
    [[nodiscard, gnu::cold]] Error inside_message(Error error) const {
        const std::uint64_t expected = decoder_.expected();
        const bool is_first = used_ == 0;  // of a stream that has brought nothing, a prefix was wanted at least
        const std::uint64_t header = is_first || pending() != 0 ? decoder_.codec_.wanted_for_header(pending()) : 0;
        Error inside = std::move(error).with_progress(pending(), expected != 0 ? expected : header);
        if (decoder_.at_.skipping) return inside;
        const std::uint64_t missing = expected > pending() ? expected - pending() : 0;
        return detail::with_guess(std::move(inside), decoder_.codec_, decoder_.buffer_.view(), missing);
    }
    FrameDecoder<Format> decoder_;
    AdaptiveSize size_;
    Deadline deadline_{Timeout()};            ///< of the call that is being made, once it has waited
    IoResult tried_ = IoResult::interrupted;  ///< what its receive came to after that; interrupted: it has not waited
    std::size_t used_ = 0;                    ///< bytes that the buffer has held since it was last empty
    std::uint64_t last_frame_ = 0;            ///< bytes of the last one that did not come whole with others
};
}  // namespace sockboot::inline v0_2::detail
