// SPDX-License-Identifier: MIT
// C by hand, a good one: the length and the message leave in one sendmsg; the length is read, then the message.
#include "c_socket.hpp"

namespace bench {
namespace {

/// 0, or -1 with errno.
int send_frame(int handle, const char* bytes, std::size_t size) {
    if (size > limit) {
        errno = EMSGSIZE;
        return -1;
    }
    std::uint32_t length = htonl(static_cast<std::uint32_t>(size));
    iovec pieces[2] = {{&length, sizeof length}, {const_cast<char*>(bytes), size}};
    return send_pieces(handle, pieces, 2);
}

}  // namespace

std::unique_ptr<Contender> make_contender() { return std::make_unique<CMessages<send_frame>>(); }

}  // namespace bench
