// SPDX-License-Identifier: MIT
// Connections of Asio: each waits until it is readable, so that one buffer serves them all.
#include <deque>

#include "asio_common.hpp"
#include "connections.hpp"

namespace bench {
namespace {

class Server final : public ConnectionsServer {
public:
    std::uint16_t listen() override {
        acceptor_ = AsioAcceptor(context_, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        return acceptor_.local_endpoint().port();
    }
    void accept(std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) wait(connections_.emplace_back(acceptor_.accept(context_)));
    }
    void answer_all() override {
        for (left_ = connections_.size(); left_ > 0;) context_.run_one();
    }

private:
    void wait(AsioSocket& socket) {
        socket.async_wait(AsioSocket::wait_read, [this, &socket](const asio::error_code& error) {
            if (error) fail("Asio: " + error.message());
            answer(socket);
        });
    }
    void answer(AsioSocket& socket) {
        asio::read(socket, asio::buffer(frame_));
        asio::write(socket, asio::buffer(frame_));
        --left_;
        wait(socket);
    }

    asio::io_context context_{1};
    AsioAcceptor acceptor_{context_};
    std::deque<AsioSocket> connections_;
    std::array<char, frame_size> frame_{};
    std::size_t left_ = 0;
};

}  // namespace

std::unique_ptr<ConnectionsServer> make_connections_server() { return std::make_unique<Server>(); }

}  // namespace bench
