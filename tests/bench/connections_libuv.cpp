// SPDX-License-Identifier: MIT
// Connections of libuv: each is read as it becomes readable, all into one buffer.
#include <uv.h>

#include <array>
#include <csignal>
#include <deque>

#include "connections.hpp"

namespace bench {
namespace {

void check(int status, const char* what) {
    if (status < 0) fail(std::string("libuv: ") + what + ": " + uv_strerror(status));
}

class Server final : public ConnectionsServer {
public:
    Server() {
        std::signal(SIGPIPE, SIG_IGN);
        check(uv_loop_init(&loop_), "loop");
        listener_.data = this;
    }
    ~Server() override {
        const auto close = [](uv_handle_t* handle, void*) { uv_close(handle, nullptr); };
        uv_walk(&loop_, close, nullptr);
        uv_run(&loop_, UV_RUN_DEFAULT);
        uv_loop_close(&loop_);
    }

    std::uint16_t listen() override {
        sockaddr_in address{};
        check(uv_ip4_addr("127.0.0.1", 0, &address), "address");
        check(uv_tcp_init(&loop_, &listener_), "listener");
        check(uv_tcp_bind(&listener_, reinterpret_cast<const sockaddr*>(&address), 0), "bind");
        const auto on_connection = [](uv_stream_t* listener, int status) {
            check(status, "connection");
            static_cast<Server*>(listener->data)->take();
        };
        check(uv_listen(reinterpret_cast<uv_stream_t*>(&listener_), SOMAXCONN, on_connection), "listen");
        int size = sizeof address;
        check(uv_tcp_getsockname(&listener_, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
        return ntohs(address.sin_port);
    }
    void accept(std::size_t count) override { run(count); }
    void answer_all() override {
        const auto room = [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
            auto& frame = static_cast<Server*>(handle->data)->frame_;
            *buffer = uv_buf_init(frame.data(), static_cast<unsigned>(frame.size()));
        };
        const auto came = [](uv_stream_t* stream, ssize_t got, const uv_buf_t*) {
            if (got != 0) static_cast<Server*>(stream->data)->answer(stream, got);
        };
        for (uv_tcp_t& one : connections_)
            check(uv_read_start(reinterpret_cast<uv_stream_t*>(&one), room, came), "read");
        run(connections_.size());
    }

private:
    void run(std::size_t count) {
        left_ = count;
        uv_run(&loop_, UV_RUN_DEFAULT);
    }
    void one_done() {
        if (--left_ == 0) uv_stop(&loop_);
    }
    void take() {
        uv_tcp_t& connection = connections_.emplace_back();
        check(uv_tcp_init(&loop_, &connection), "connection");
        connection.data = this;
        check(uv_accept(reinterpret_cast<uv_stream_t*>(&listener_), reinterpret_cast<uv_stream_t*>(&connection)),
              "accept");
        one_done();
    }
    void answer(uv_stream_t* stream, ssize_t got) {
        if (got != static_cast<ssize_t>(frame_size)) fail("libuv: not a whole message");
        uv_buf_t bytes = uv_buf_init(frame_.data(), frame_size);
        if (uv_try_write(stream, &bytes, 1) != static_cast<int>(frame_size)) fail("libuv: cannot write");
        one_done();
    }

    uv_loop_t loop_;
    uv_tcp_t listener_;
    std::deque<uv_tcp_t> connections_;
    std::array<char, frame_size> frame_{};
    std::size_t left_ = 0;
};

}  // namespace

std::unique_ptr<ConnectionsServer> make_connections_server() { return std::make_unique<Server>(); }

}  // namespace bench
