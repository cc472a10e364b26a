// SPDX-License-Identifier: MIT
// Writes a page of a web server to standard output: lines, then as many bytes as one of them says, or all that come.
#include <sockboot/sockboot.hpp>

#include "../command_line.hpp"

/// The size that the header announces, if any; read up to the empty line behind it.
static std::optional<std::size_t> read_header(sockboot::MessageChannel<sockboot::Socket, sockboot::Delimiter>& http) {
    std::optional<std::size_t> size;
    for (std::string line; http.receive(line);) {
        if (line.empty()) return size;
        for (char& letter : line) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
        if (line.starts_with("transfer-encoding:")) throw std::runtime_error("cannot read a body with " + line);
        if (line.starts_with("content-length:")) size = std::stoull(line.substr(15));
    }
    throw std::runtime_error("the web server closed the connection inside the header");
}

static void run(const std::vector<std::string>& arguments) {
    const auto [host, port, path] = examples::exactly<3>(arguments);
    auto socket = sockboot::connect_to(host, examples::parse_port(port), "http");
    sockboot::MessageChannel http(std::move(socket), sockboot::Delimiter("\r\n"));
    http.queue("GET " + path + " HTTP/1.1");
    http.queue("Host: " + host + ":" + port);
    http.queue("Connection: close");
    http.send("");
    const std::string status = http.receive().value_or("nothing, and closed the connection");
    if (!status.starts_with("HTTP/1.") || status.find(" 200 ") != 8)
        throw std::runtime_error("the web server said " + status);
    const auto size = read_header(http);
    const std::string body = size ? std::string(http.receive_exact(*size)) : http.receive_rest();
    std::fwrite(body.data(), 1, body.size(), stdout);
    examples::flush_output();
}

int main(int argc, char** argv) { return examples::run(argc, argv, "usage: http_get HOST PORT PATH\n", run); }
