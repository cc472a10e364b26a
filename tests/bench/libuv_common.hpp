// SPDX-License-Identifier: MIT
// What the programs of libuv share: complaints, a listener, and the end of a loop.
#pragma once

#include <uv.h>

#include "contender.hpp"

namespace bench {

inline void check(int status, const char* what) {
    if (status < 0) [[unlikely]]
        fail(std::string("libuv: ") + what + ": " + uv_strerror(status));
}

/// Listens on 127.0.0.1, and returns the port.
inline std::uint16_t listen_on_loopback(uv_loop_t& loop, uv_tcp_t& listener, uv_connection_cb on_connection) {
    sockaddr_in address{};
    check(uv_ip4_addr("127.0.0.1", 0, &address), "address");
    check(uv_tcp_init(&loop, &listener), "listener");
    check(uv_tcp_bind(&listener, reinterpret_cast<const sockaddr*>(&address), 0), "bind");
    check(uv_listen(reinterpret_cast<uv_stream_t*>(&listener), SOMAXCONN, on_connection), "listen");
    int size = sizeof address;
    check(uv_tcp_getsockname(&listener, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
    return ntohs(address.sin_port);
}

/// Closes all handles of a loop, and it.
inline void close_all(uv_loop_t& loop) {
    const auto close = [](uv_handle_t* handle, void*) { uv_close(handle, nullptr); };
    uv_walk(&loop, close, nullptr);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
}

}  // namespace bench
