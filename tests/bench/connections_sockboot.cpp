// SPDX-License-Identifier: MIT
// Connections of sockboot: sockets, or with BENCH_CHANNELS a MessageChannel each.
#include <sockboot/sockboot.hpp>

#include "connections.hpp"

namespace bench {
namespace {

#ifdef BENCH_CHANNELS
using Connection = sockboot::MessageChannel<>;

void answer(Connection& connection, std::string& message) {
    if (!connection.receive(message)) fail("sockboot: a client has gone");
    connection.send(message);
}
#else
using Connection = sockboot::Socket;

void answer(Connection& connection, std::string& message) {
    if (!sockboot::recv_message(connection, message)) fail("sockboot: a client has gone");
    sockboot::send_message(connection, message);
}
#endif

class Server final : public ConnectionsServer {
public:
    std::uint16_t listen() override {
        sockboot::set_log_level(sockboot::LogLevel::off);
        listener_ = sockboot::create_server("127.0.0.1", 0, "bench");
        return listener_.local_endpoint().port();
    }
    void accept(std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) connections_.emplace_back(listener_.accept());
    }
    void answer_all() override {
        std::string message;
        for (Connection& connection : connections_) answer(connection, message);
    }

private:
    sockboot::Socket listener_;
    std::vector<Connection> connections_;
};

}  // namespace

std::unique_ptr<ConnectionsServer> make_connections_server() { return std::make_unique<Server>(); }

}  // namespace bench
