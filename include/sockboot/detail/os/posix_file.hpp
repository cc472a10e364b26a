// SPDX-License-Identifier: MIT
// Files on POSIX systems, as far as a socket sends them.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#if __has_include(<sys/sendfile.h>)
#include <sys/sendfile.h>
#endif
#include "posix_output.hpp"  // SigpipeGuard
#include "posix_socket.hpp"

namespace sockboot::inline v0_2::detail::os {
/// A file to be read, closed on exec.
inline IoResult open_file(const std::string& path) noexcept {
    const IoResult opened = uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
    return opened && opened.bytes() < first_handle ? move_above_standard(static_cast<Handle>(opened.bytes())) : opened;
}

/// How many bytes a file has.
inline IoResult file_size(Handle file) noexcept {
    struct stat status{};
    const IoResult known = io_result(::fstat(file, &status));
    return known ? IoResult::moved(static_cast<std::size_t>(status.st_size)) : known;
}

inline bool is_non_blocking(Handle handle) noexcept { return (::fcntl(handle, F_GETFL) & O_NONBLOCK) != 0; }

/// Sends as many bytes of a file from `offset` on as a non-blocking socket has room for; 0: the file ends there.
/// Without SIGPIPE, and in the kernel where this system can.
inline IoResult send_file(Handle socket, Handle file, std::uint64_t offset, std::uint64_t count) noexcept {
    const std::size_t size = count < max_transfer ? static_cast<std::size_t>(count) : max_transfer;
#if __has_include(<sys/sendfile.h>)
    SigpipeGuard sigpipe;
    auto at = static_cast<off_t>(offset);
    return sigpipe.seen(io_result(::sendfile(socket, file, &at, size)));
#else
    std::byte buffer[16384];
    const std::size_t piece = size < sizeof buffer ? size : sizeof buffer;
    const IoResult got = io_result(::pread(file, buffer, piece, static_cast<off_t>(offset)));
    return got.any() ? send(socket, ByteView(buffer, got.bytes()), BlockUntil::nothing) : got;
#endif
}
}  // namespace sockboot::inline v0_2::detail::os
