// SPDX-License-Identifier: MIT
// echo_client: sends lines or whole files to echo_server and writes what comes back to standard output.
#include <unistd.h>  // isatty

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sockboot/sockboot.hpp>

#include "command_line.hpp"

namespace {

constexpr const char* usage =
    "usage: echo_client [host] [port] [file...]\n"
    "Sends the lines of standard input, or whole files in messages of 64 KiB, to an echo server, checks that the same\n"
    "bytes come back, and writes them to standard output.\n"
    "  host  (default: localhost)\n"
    "  port  (default: 7777)\n"
    "Exit status: 0, or 1 with one sentence on standard error.\n";

constexpr std::size_t message_size = std::size_t{64} << 10;

/// Sends one message and writes its echo.
void echo(sockboot::Socket& socket, std::string_view message, std::string& reply, const char* end) {
    sockboot::send_message(socket, message);
    if (!sockboot::recv_message(socket, reply))
        throw std::runtime_error("the server closed the connection without an answer");
    if (reply != message) throw std::runtime_error("the server sent back something else than it was sent");
    if (std::fwrite(reply.data(), 1, reply.size(), stdout) != reply.size() || std::fputs(end, stdout) < 0)
        throw std::runtime_error("cannot write to standard output");
}

void echo_lines(sockboot::Socket& socket) {
    std::string line, reply;
    while (std::getline(std::cin, line)) {
        echo(socket, line, reply, "\n");
        examples::flush_output();
    }
}

/// A line that overwrites itself, for a person who watches.
void show_progress(const std::string& path, std::uint64_t bytes, const char* end) {
    if (isatty(STDERR_FILENO) != 0)
        std::fprintf(stderr, "\r%s: %llu KiB%s", path.c_str(), static_cast<unsigned long long>(bytes >> 10), end);
}

std::uint64_t echo_file(sockboot::Socket& socket, const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot open \"" + path + "\"");
    std::string piece, reply;
    std::uint64_t bytes = 0;
    for (std::uint64_t messages = 1;; ++messages) {
        piece.resize(message_size);
        file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
        piece.resize(static_cast<std::size_t>(file.gcount()));
        if (piece.empty()) break;
        echo(socket, piece, reply, "");
        bytes += piece.size();
        if (messages % 64 == 0) show_progress(path, bytes, "");
    }
    if (file.bad() || !file.eof()) throw std::runtime_error("cannot read \"" + path + "\"");
    show_progress(path, bytes, "\n");
    return bytes;
}

void run(const std::vector<std::string>& arguments) {
    const std::string host = !arguments.empty() ? arguments[0] : "localhost";
    const std::uint16_t port = arguments.size() > 1 ? examples::parse_port(arguments[1]) : std::uint16_t{7777};

    auto socket = sockboot::connect_to(host, port, "echo");
    if (arguments.size() <= 2) return echo_lines(socket);

    const auto start = std::chrono::steady_clock::now();
    std::uint64_t bytes = 0;
    for (std::size_t i = 2; i < arguments.size(); ++i) bytes += echo_file(socket, arguments[i]);
    examples::flush_output();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::fprintf(stderr, "[echo] %llu bytes came back unchanged in %.2f s\n", static_cast<unsigned long long>(bytes),
                 seconds.count());
}

}  // namespace

int main(int argc, char** argv) { return examples::run(argc, argv, usage, run); }
