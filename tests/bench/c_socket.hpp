// SPDX-License-Identifier: MIT
// What the contenders in plain C share: connections made by hand, as careful C programs make them.
#pragma once

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "contender.hpp"

namespace bench {

inline constexpr std::uint32_t limit = 16U << 20;

#ifdef BENCH_GUARDED
/// What a guarded program adds: one deadline over all that a call does, and a pipe that ends it from elsewhere. As long
/// as there is something to send or receive, neither costs a system call; only where there is not, both are waited for.
class Guard {
public:
    static constexpr int wait_flag = MSG_DONTWAIT;
    static constexpr bool may_fill = false;  // MSG_WAITALL would come back early all the same

    /// After a call that failed: whether it is to be made again; false with errno where it is not.
    bool again(int handle, short events) { return errno == EAGAIN ? wait(handle, events) : errno == EINTR; }

private:
    static constexpr std::int64_t second = 1'000'000'000;

    static std::int64_t now() {
        timespec time;
        ::clock_gettime(CLOCK_MONOTONIC, &time);
        return time.tv_sec * second + time.tv_nsec;
    }
    [[gnu::noinline]] bool wait(int handle, short events) {
        const std::int64_t time = now();
        if (end_ == 0) end_ = time + BENCH_GUARDED * second;
        if (time >= end_) return errno = ETIMEDOUT, false;
        pollfd both[2] = {{handle, events, 0}, {cancel_pipe, POLLIN, 0}};
        const int ready = ::poll(both, 2, static_cast<int>((end_ - time + 999'999) / 1'000'000));
        if (ready < 0) return errno == EINTR;
        if (both[1].revents != 0) return errno = ECANCELED, false;
        if (ready == 0) return errno = ETIMEDOUT, false;
        return true;
    }
    static inline const int cancel_pipe = [] {
        int ends[2];
        return ::pipe(ends) == 0 ? ends[0] : -1;
    }();

    std::int64_t end_ = 0;  // on the monotonic clock, from the first wait on
};
#elif defined(BENCH_SPIN)
/// Calls that never go to sleep: where there is nothing to send or receive, they look again.
class Guard {
public:
    static constexpr int wait_flag = MSG_DONTWAIT;
    static constexpr bool may_fill = false;

    static bool again(int, short) { return errno == EAGAIN || errno == EINTR; }
};
#else
/// Calls that block until there is something to send or receive.
class Guard {
public:
    static constexpr int wait_flag = 0;
    static constexpr bool may_fill = true;

    static bool again(int, short) { return errno == EINTR; }
};
#endif

/// Receives exactly `size` bytes; fewer where the stream ends, -1 where it fails.
inline ssize_t recv_all(int handle, char* into, std::size_t size, Guard& guard) {
    std::size_t have = 0;
    while (have < size) {
        const ssize_t got = ::recv(handle, into + have, size - have, guard.may_fill ? MSG_WAITALL : guard.wait_flag);
        if (got < 0) {
            if (guard.again(handle, POLLIN)) continue;
            return -1;
        }
        if (got == 0) break;
        have += static_cast<std::size_t>(got);
    }
    return static_cast<ssize_t>(have);
}

/// Sends all of the pieces, and moves them while it does: 0, or -1 with errno.
inline int send_pieces(int handle, iovec* pieces, std::size_t count) {
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = count;
    std::size_t left = 0;
    for (std::size_t i = 0; i < count; ++i) left += pieces[i].iov_len;
    for (Guard guard;;) {
        const ssize_t sent = ::sendmsg(handle, &message, MSG_NOSIGNAL | guard.wait_flag);
        if (sent < 0) {
            if (guard.again(handle, POLLOUT)) continue;
            return -1;
        }
        left -= static_cast<std::size_t>(sent);
        if (left == 0) return 0;
        for (auto gone = static_cast<std::size_t>(sent); gone > 0;) {
            iovec& piece = *message.msg_iov;
            const std::size_t part = gone < piece.iov_len ? gone : piece.iov_len;
            piece.iov_base = static_cast<char*>(piece.iov_base) + part;
            piece.iov_len -= part;
            gone -= part;
            if (piece.iov_len == 0) {
                ++message.msg_iov;
                --message.msg_iovlen;
            }
        }
    }
}

/// A buffer that grows to the largest message seen.
struct Buffer {
    char* bytes = nullptr;
    std::size_t room = 0;

    Buffer() = default;
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { std::free(bytes); }

    void grow(std::size_t size) {
        if (size <= room) return;
        bytes = static_cast<char*>(std::realloc(bytes, size));
        if (bytes == nullptr) fail("C: no memory");
        room = size;
    }
};

class CSocket : public Contender {
public:
    ~CSocket() override {
        if (handle_ >= 0) ::close(handle_);
        if (listener_ >= 0) ::close(listener_);
    }

    std::uint16_t listen() override {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
            ::listen(listener_, SOMAXCONN) != 0 ||
            ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
            fail("C: cannot listen");
        return ntohs(address.sin_port);
    }

    void accept() override { handle_ = accept_one(); }

    void connect(std::uint16_t port) override { handle_ = connect_one("127.0.0.1", port); }

    bool accept_connections(std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) ::close(accept_one());
        return true;
    }

    bool make_connections(const std::string& host, std::uint16_t port, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) {
            const int handle = connect_one(host.c_str(), port);
            char end;
            Guard guard;
            if (recv_all(handle, &end, 1, guard) != 0) fail("C: the stream did not end");
            ::close(handle);
        }
        return true;
    }

protected:
    [[nodiscard]] int handle() const { return handle_; }

private:
    static void no_delay(int handle) {
        const int on = 1;
        ::setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }

    int accept_one() const {
        int handle = -1;
        do handle = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        while (handle < 0 && (errno == EINTR || errno == ECONNABORTED));
        if (handle < 0) fail("C: cannot accept");
        no_delay(handle);
        return handle;
    }

    /// The loop of getaddrinfo(3)'s manual page: one address after the other, each as long as the kernel likes.
    static int connect_one(const char* host, std::uint16_t port) {
        in_addr numeric{};
        if (::inet_pton(AF_INET, host, &numeric) == 1) {
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_port = htons(port);
            address.sin_addr = numeric;
            return connected(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof address);
        }
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        if (::getaddrinfo(host, std::to_string(port).c_str(), &hints, &found) != 0) fail("C: no such host");
        int handle = -1;
        for (const addrinfo* one = found; one != nullptr && handle < 0; one = one->ai_next)
            handle = connected(one->ai_family, one->ai_addr, one->ai_addrlen);
        ::freeaddrinfo(found);
        if (handle < 0) fail("C: cannot connect");
        return handle;
    }

    static int connected(int family, const sockaddr* address, socklen_t size) {
        const int handle = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (handle < 0) return -1;
        no_delay(handle);
        if (::connect(handle, address, size) == 0) return handle;
        ::close(handle);
        return -1;
    }

    int listener_ = -1;
    int handle_ = -1;
};

/// Receives the length, then the message: its size, which is at most the limit, or -1.
inline ssize_t recv_frame(int handle, Buffer& into) {
    std::uint32_t length = 0;
    Guard guard;
    if (recv_all(handle, reinterpret_cast<char*>(&length), sizeof length, guard) != sizeof length) return -1;
    length = ntohl(length);
    if (length > limit) return -1;
    into.grow(length);
    return recv_all(handle, into.bytes, length, guard) == static_cast<ssize_t>(length) ? static_cast<ssize_t>(length)
                                                                                       : -1;
}

/// The workloads of a program that sends and receives message by message; it says how one is sent (0, or -1).
template <int send_frame(int handle, const char* bytes, std::size_t size)> class CMessages final : public CSocket {
public:
    void answer(Sink& sink, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) {
            take(sink);
            send(buffer_.bytes, size_);
        }
    }
    void request(Source& source, Sink& sink, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) {
            const std::string_view message = source.next();
            send(message.data(), message.size());
            take(sink);
        }
    }
    void receive_stream(Sink& sink, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) take(sink);
        send(nullptr, 0);
    }
    void send_stream(Source& source, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) {
            const std::string_view message = source.next();
            send(message.data(), message.size());
        }
        if (recv_frame(handle(), buffer_) != 0) fail("C: no end of the stream");
    }

private:
    void send(const char* bytes, std::size_t size) {
        if (send_frame(handle(), bytes, size) != 0) fail("C: cannot send");
    }
    void take(Sink& sink) {
        const ssize_t size = recv_frame(handle(), buffer_);
        if (size < 0) fail("C: cannot receive");
        size_ = static_cast<std::size_t>(size);
        sink.take(buffer_.bytes, size_);
    }

    Buffer buffer_;
    std::size_t size_ = 0;
};

}  // namespace bench
