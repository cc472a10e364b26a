// SPDX-License-Identifier: MIT
// C by hand, as many programs have it: send the length, then the message; receive the length, then the message.
#include "c_socket.hpp"

namespace bench {
namespace {

/// 0, or -1 with errno.
int send_all(int handle, const char* bytes, std::size_t size) {
    while (size > 0) {
        const ssize_t sent = ::send(handle, bytes, size, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR) continue;
            return -1;
        }
        bytes += sent;
        size -= static_cast<std::size_t>(sent);
    }
    return 0;
}

/// 0, or -1 with errno.
int send_frame(int handle, const char* bytes, std::size_t size) {
    if (size > limit) {
        errno = EMSGSIZE;
        return -1;
    }
    const std::uint32_t length = htonl(static_cast<std::uint32_t>(size));
    if (send_all(handle, reinterpret_cast<const char*>(&length), sizeof length) != 0) return -1;
    return send_all(handle, bytes, size);
}

}  // namespace

std::unique_ptr<Contender> make_contender() { return std::make_unique<CMessages<send_frame>>(); }

}  // namespace bench
