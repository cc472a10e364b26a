// SPDX-License-Identifier: MIT
// A minimal client with sockboot: include_cost.py measures what it costs to compile.
#include <cstdio>

#include <sockboot/sockboot.hpp>

int main() {
    auto socket = sockboot::connect_to("localhost", 7777, "echo");
    sockboot::send_message(socket, "hello");
    if (auto reply = sockboot::recv_message(socket)) std::puts(reply->c_str());
}
