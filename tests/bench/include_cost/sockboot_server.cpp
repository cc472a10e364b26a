// SPDX-License-Identifier: MIT
// A minimal echo server with sockboot: include_cost.py measures what it costs to compile.
#include <string>

#include <sockboot/sockboot.hpp>

int main() {
    auto server = sockboot::create_server("localhost", 7777, "echo");
    for (;;) {
        auto client = server.accept();
        std::string message;
        while (sockboot::recv_message(client, message)) sockboot::send_message(client, message);
    }
}
