// SPDX-License-Identifier: MIT
// Prints what PostgreSQL answers to a query: messages with a type byte in front, behind a first one that has none.
#include <sockboot/sockboot.hpp>

#include "../command_line.hpp"

using namespace std::string_literals;

/// Values, each with its size in front; NULL has the size -1, and is printed as nothing.
static void print_row(std::string_view values) {
    while (!values.empty()) {
        std::uint32_t size = 0;
        for (const char byte : values.substr(0, 4)) size = size << 8 | static_cast<unsigned char>(byte);
        const std::string_view value = size == 0xFFFF'FFFF ? "" : values.substr(4, size);
        values = values.substr(4 + value.size());
        std::printf("%.*s%c", static_cast<int>(value.size()), value.data(), values.empty() ? '\n' : '\t');
    }
}

static void run(const std::vector<std::string>& arguments) {
    const auto [host, port, user, query] = examples::exactly<4>(arguments);
    auto socket = sockboot::connect_to(host, examples::parse_port(port), "postgres");
    sockboot::MessageChannel start(std::move(socket), sockboot::formats::postgresql_startup);
    start.send("\0\3\0\0user\0"s + user + "\0\0"s);  // protocol 3.0
    sockboot::MessageChannel postgres(std::move(start).release(), sockboot::formats::postgresql);
    for (bool asked = false;;) {
        const std::string message = postgres.receive().value_or("E\0Mthe connection was closed"s);
        const char type = message[0];
        if (type == 'E') throw std::runtime_error("PostgreSQL: "s + &message[message.find("\0M"s) + 2]);
        if (type == 'R' && message != "R\0\0\0\0"s) throw std::runtime_error("PostgreSQL wants a password");
        if (type == 'D') print_row(std::string_view(message).substr(3));  // behind the number of columns
        if (type != 'Z') continue;                                        // ready for a query
        if (std::exchange(asked, true)) return examples::flush_output();
        postgres.send("Q" + query + '\0');
    }
}

int main(int argc, char** argv) { return examples::run(argc, argv, "usage: postgres HOST PORT USER QUERY\n", run); }
