// SPDX-License-Identifier: MIT
#include <sockboot/sockboot.hpp>

#include <iostream>

int main() {
    sockboot::set_log_level(sockboot::LogLevel::off);
    auto server = sockboot::create_server("127.0.0.1", 0, "package");
    auto client = sockboot::connect_to("127.0.0.1", server.local_endpoint().port(), "package");
    auto served = server.accept();
    sockboot::send_message(client, "hello from another project");
    std::cout << sockboot::recv_message(served).value() << '\n';
}
