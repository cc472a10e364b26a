// SPDX-License-Identifier: MIT
// A minimal client with Asio, with the frames of sockboot: include_cost.py measures what it costs to compile.
#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>

#include <asio.hpp>

using asio::ip::tcp;

void send(tcp::socket& socket, const std::string& message) {
    const std::uint32_t length = htonl(static_cast<std::uint32_t>(message.size()));
    asio::write(socket, std::array<asio::const_buffer, 2>{asio::buffer(&length, sizeof length), asio::buffer(message)});
}

std::string receive(tcp::socket& socket) {
    std::uint32_t length = 0;
    asio::read(socket, asio::buffer(&length, sizeof length));
    length = ntohl(length);
    if (length > 16U << 20) throw asio::system_error(asio::error::message_size);
    std::string message(length, '\0');
    asio::read(socket, asio::buffer(message));
    return message;
}

int main() {
    asio::io_context context;
    tcp::socket socket(context);
    asio::connect(socket, tcp::resolver(context).resolve("localhost", "7777"));
    socket.set_option(tcp::no_delay(true));
    send(socket, "hello");
    std::puts(receive(socket).c_str());
}
