// SPDX-License-Identifier: MIT
// Stream: what send_all, recv_exact, messages and channels work over; a Socket, or a type of the user's own.
#pragma once

#include <concepts>
#include <span>
#include "byte_view.hpp"
#include "result.hpp"

namespace sockboot::inline v0_2 {
/// Anything that sends and receives some bytes.
///
/// try_send_some returns how many bytes it took, at least one; try_recv_some how many it filled in, 0 at the end of the
/// stream. A stream may offer more, as Socket does, and is then used so: timeout(), or receive_timeout() and
/// send_timeout(), one deadline over each call of the layers above; the forms of both with a Deadline;
/// with_source(Error), which adds its context and endpoint.
template <class S>
concept Stream = requires(S& stream, ByteView bytes, std::span<std::byte> buffer) {
    { stream.try_send_some(bytes) } -> std::same_as<Result<std::size_t>>;
    { stream.try_recv_some(buffer) } -> std::same_as<Result<std::size_t>>;
};

/// A Stream that can be half-closed and closed.
template <class S>
concept ClosableStream = Stream<S> && requires(S& stream) {
    { stream.try_shutdown_send() } -> std::same_as<Result<void>>;
    stream.close();
};
}  // namespace sockboot::inline v0_2
