// SPDX-License-Identifier: MIT
// Standard output and standard error on POSIX systems, for a writer that must not wait and must not be killed.
#pragma once

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>
#include <climits>
#include <csignal>
#include "../../byte_view.hpp"
#include "posix_call.hpp"
#include "posix_socket.hpp"
#include "posix_wait.hpp"

namespace sockboot::inline v0_2::detail::os {
enum class StandardStream : int { output = STDOUT_FILENO, error = STDERR_FILENO };

/// The most that is written in one piece: what a pipe that polls writable has room for.
#ifdef PIPE_BUF
inline constexpr std::size_t max_output = PIPE_BUF;
#else
inline constexpr std::size_t max_output = _POSIX_PIPE_BUF;
#endif

/// Keeps SIGPIPE from this thread while it lives, and takes back the one that a write raised. What the process does at
/// the signal is not touched; one that was pending before stays so.
class SigpipeGuard {
public:
    SigpipeGuard() noexcept {
        ::sigemptyset(&sigpipe_);
        ::sigaddset(&sigpipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
        was_pending_ = is_pending();
    }
    SigpipeGuard(const SigpipeGuard&) = delete;
    SigpipeGuard& operator=(const SigpipeGuard&) = delete;
    ~SigpipeGuard() {
        int signal = 0;
        if (!was_pending_ && is_raised_ && is_pending()) ::sigwait(&sigpipe_, &signal);
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    /// To be told what the write came to.
    IoResult seen(IoResult written) noexcept { return is_raised_ = written.number() == EPIPE, written; }

private:
    static bool is_pending() noexcept {
        sigset_t pending;
        return ::sigpending(&pending) == 0 && ::sigismember(&pending, SIGPIPE) == 1;
    }
    sigset_t sigpipe_, before_;
    bool was_pending_, is_raised_ = false;
};

/// The pipe or terminal that the handle stands for, opened once more so that it does not block, else no_handle. The
/// flags of the handle itself are shared with other processes. Best effort: where it is a mere copy, it blocks.
inline Handle reopened_non_blocking(Handle handle) noexcept {
    struct stat status{};
    const bool is_known = ::fstat(handle, &status) == 0;
    if (!is_known || !(S_ISFIFO(status.st_mode) || ::isatty(handle) == 1)) return no_handle;  // a file has its offset
    const char* const path = handle == STDERR_FILENO ? "/dev/fd/2" : "/dev/fd/1";
    return ::open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/// Writes at most max_output bytes to a standard stream (file, terminal, pipe or socket), without SIGPIPE, and only
/// those that there is room for now: else would_block. Leaves errno as it was, and takes no lock.
inline IoResult write_without_waiting(StandardStream stream, ByteView bytes) noexcept {
    const ErrnoGuard errno_guard;
    SigpipeGuard sigpipe;
    const auto handle = static_cast<Handle>(stream);
    const IoResult sent = sigpipe.seen(send(handle, bytes, BlockUntil::nothing));
    if (sent.number() != ENOTSOCK) return sent;
    PollEntry entry = PollEntry::writable(handle);
    if (const IoResult room = poll(&entry, 1, std::chrono::nanoseconds(0)); !room.any())
        return room ? IoResult::would_block : room;
    // With room for some of it, a terminal waits for the rest; of a pipe, another writer may take the room meanwhile.
    const Handle own = reopened_non_blocking(handle);
    const Handle used = own == no_handle ? handle : own;
    const IoResult written = uninterrupted([&] { return ::write(used, bytes.data(), bytes.size()); });
    if (own != no_handle) close(own);
    return sigpipe.seen(written);
}
}  // namespace sockboot::inline v0_2::detail::os
