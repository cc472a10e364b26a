// SPDX-License-Identifier: MIT
// FrameEncoder: messages in, their frames out in whatever pieces a socket has room for. The other half of FrameDecoder,
// for programs with an event loop of their own.
#pragma once

#include <string_view>
#include "byte_view.hpp"
#include "detail/buffer.hpp"
#include "detail/framing/frame_codec.hpp"
#include "length_prefix.hpp"
#include "result.hpp"

namespace sockboot::inline v0_2 {
/// The frames that wait to be sent: what cannot be sent yet is kept, in order. The format is deduced, as that of a
/// FrameDecoder: FrameEncoder encoder(Delimiter("\n")). No I/O and no clock.
///
/// unsent() is what to hand to send(2) when the socket is writable; consume() says how much of it was taken. What is
/// not bounded here is how much a peer that does not read makes it hold: look at size() before adding more.
/// Threads: one at a time.
template <class Format = LengthPrefix> class FrameEncoder {
public:
    /// A format that cannot be used is reported by add().
    explicit FrameEncoder(const Format& format = {}) : codec_(format) {}
    /// Puts the frame of `message` behind what waits. Errors: as append_frame(); nothing is added then, nor where there
    /// is no memory.
    void add(ByteView message) { try_add(message).value(); }
    Result<void> try_add(ByteView message) {
        if (!codec_.accepts(message)) return codec_.refusal(message);
        buffer_.reserve(codec_.max_header + message.size() + codec_.trailer().size());
        buffer_.commit(codec_.write_header(buffer_.end(), message));
        message = message.subspan(codec_.before());
        buffer_.append(message.data(), message.size());
        buffer_.append(codec_.trailer().data(), codec_.trailer().size());
        return {};
    }
    /// Another format of the same type, or another limit, for the messages that are added from now on.
    void set_format(const Format& format) { codec_ = detail::FrameCodec<Format>(format); }
    void set_max_size(std::uint64_t max_size) { codec_.set_max_size(max_size); }
    /// Puts bytes as they are behind what waits.
    void add_exact(ByteView bytes) {
        buffer_.reserve(bytes.size());
        buffer_.append(bytes.data(), bytes.size());
    }
    /// The bytes that are to be sent next; the view is valid until the next call of another kind.
    [[nodiscard]] std::string_view unsent() const noexcept { return buffer_.view().text(); }
    /// How many they are, and whether there are none.
    [[nodiscard]] std::size_t size() const noexcept { return buffer_.size(); }
    [[nodiscard]] bool empty() const noexcept { return buffer_.empty(); }
    /// So many of them, at most size(), have been sent. With the last of them the memory of a burst is given back.
    void consume(std::size_t count) noexcept {
        buffer_.consume(count);
        if (buffer_.empty() && buffer_.capacity() > kept_capacity) buffer_ = {};
    }

private:
    static constexpr std::size_t kept_capacity = std::size_t{64} << 10;

    detail::FrameCodec<Format> codec_;
    detail::Buffer buffer_;
};
}  // namespace sockboot::inline v0_2
