// SPDX-License-Identifier: MIT
// A minimal echo server with Asio, with the frames of sockboot: include_cost.py measures what it costs to compile.
#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <string>

#include <asio.hpp>

using asio::ip::tcp;

/// False: the client has closed at the end of a message.
bool receive(tcp::socket& socket, std::string& message) {
    std::uint32_t length = 0;
    asio::error_code error;
    const std::size_t got = asio::read(socket, asio::buffer(&length, sizeof length), error);
    if (error == asio::error::eof && got == 0) return false;
    if (error) throw asio::system_error(error);
    length = ntohl(length);
    if (length > 16U << 20) throw asio::system_error(asio::error::message_size);
    message.resize(length);
    asio::read(socket, asio::buffer(message));
    return true;
}

void send(tcp::socket& socket, const std::string& message) {
    const std::uint32_t length = htonl(static_cast<std::uint32_t>(message.size()));
    asio::write(socket, std::array<asio::const_buffer, 2>{asio::buffer(&length, sizeof length), asio::buffer(message)});
}

int main() {
    asio::io_context context;
    tcp::acceptor server(context, *tcp::resolver(context).resolve("localhost", "7777").begin());
    for (;;) {
        auto client = server.accept();
        client.set_option(tcp::no_delay(true));
        std::string message;
        while (receive(client, message)) send(client, message);
    }
}
