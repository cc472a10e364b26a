// SPDX-License-Identifier: MIT
// send_file: a file, or a part of it, into a socket, within its deadline and past the program's own memory.
#pragma once

#include <cstdint>
#include <limits>
#include "detail/os.hpp"
#include "detail/stream_io.hpp"
#include "detail/text.hpp"
#include "result.hpp"
#include "socket.hpp"
#include "timeout.hpp"
#include "transfer.hpp"

namespace sockboot::inline v0_2 {
/// For the count of send_file(): all up to the file's end, as long as it is when the call begins.
inline constexpr std::uint64_t to_the_end = (std::numeric_limits<std::uint64_t>::max)();

namespace detail {
/// Keeps a socket from blocking in a call that cannot be told so by a flag. Other calls of ours on it wait as before.
class NonBlockingScope {
public:
    explicit NonBlockingScope(os::Handle handle) : handle_(os::is_non_blocking(handle) ? os::no_handle : handle) {
        if (handle_ != os::no_handle) static_cast<void>(os::set_non_blocking(handle_, true));  // the call will say it
    }
    NonBlockingScope(const NonBlockingScope&) = delete;
    NonBlockingScope& operator=(const NonBlockingScope&) = delete;
    ~NonBlockingScope() {
        if (handle_ != os::no_handle) static_cast<void>(os::set_non_blocking(handle_, false));  // best effort
    }

private:
    const os::Handle handle_;
};
}  // namespace detail

/// Sends `count` bytes of an open file from `offset` on; returns how many. The file's own position stays as it is.
///
/// The socket's timeout is one deadline over the whole. While it lasts the socket is in non-blocking mode, which calls
/// of this library do not notice.
/// Errors:  those of send_all(), with transferred(); truncated: the file ended before; what the system says of a file
///          that cannot be read (a directory is std::errc::invalid_argument).
/// Threads: one sender at a time.
/// Calls:   sendfile(2), else pread(2) and send(2); fstat(2), fcntl(2), ioctl(2) FIONBIO; poll(2).
inline Result<std::uint64_t> try_send_file(Socket& socket, Handle file, std::uint64_t offset = 0,
                                           std::uint64_t count = to_the_end) {
    using detail::IoResult;
    detail::StreamIo<Socket> io(socket);
    if (count == to_the_end) {
        const IoResult size = detail::os::file_size(file);
        if (!size) return io.error_of(size, Operation::send);
        count = size.bytes() > offset ? size.bytes() - offset : 0;
    }
    const detail::NonBlockingScope mode(socket.native_handle());
    Deadline deadline = io.send_deadline();
    IoResult last = IoResult::moved(1);
    std::uint64_t done = 0;
    for (; last.any() && done < count; done += last ? last.bytes() : 0) {
        const bool is_late = done != 0 && deadline.expired();
        last = is_late ? IoResult(IoResult::deadline_exceeded) : io.send_by(deadline, [&] {
            return detail::os::send_file(socket.native_handle(), file, offset + done, count - done);
        });
    }
    if (done == count) return count;
    Error error = last ? io.with_source(Error(Errc::truncated, Operation::send).with_note("the file ended"))
                       : io.error_of(last, Operation::send);
    error = std::move(error).with_progress(done, count);
    return done != 0 ? std::move(error).as_permanent() : error;
}

/// The same of a file by its path. Errors: also those of open(2), with the path.
inline Result<std::uint64_t> try_send_file(Socket& socket, std::string_view path, std::uint64_t offset = 0,
                                           std::uint64_t count = to_the_end) {
    const std::string name(path);
    const detail::IoResult opened = detail::os::open_file(name);
    if (!opened)
        return socket.with_source(
            Error(opened.code(), Operation::send).with_note(detail::concat({"the file \"", name, "\""})));
    const detail::os::UniqueHandle file(static_cast<Handle>(opened.bytes()));
    return try_send_file(socket, file.get(), offset, count);
}

inline std::uint64_t send_file(Socket& socket, Handle file, std::uint64_t offset = 0,
                               std::uint64_t count = to_the_end) {
    return try_send_file(socket, file, offset, count).value();
}
inline std::uint64_t send_file(Socket& socket, std::string_view path, std::uint64_t offset = 0,
                               std::uint64_t count = to_the_end) {
    return try_send_file(socket, path, offset, count).value();
}
}  // namespace sockboot::inline v0_2
