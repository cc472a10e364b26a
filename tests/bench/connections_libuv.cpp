// SPDX-License-Identifier: MIT
// Connections of libuv: each is read as it becomes readable, all into one buffer.
#include <array>
#include <csignal>
#include <deque>

#include "connections.hpp"
#include "libuv_common.hpp"

namespace bench {
namespace {

class Server final : public ConnectionsServer {
public:
    Server() {
        std::signal(SIGPIPE, SIG_IGN);
        check(uv_loop_init(&loop_), "loop");
        listener_.data = this;
    }
    ~Server() override { close_all(loop_); }

    std::uint16_t listen() override {
        const auto on_connection = [](uv_stream_t* listener, int status) {
            check(status, "connection");
            static_cast<Server*>(listener->data)->take();
        };
        return listen_on_loopback(loop_, listener_, on_connection);
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
