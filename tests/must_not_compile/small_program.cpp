// SPDX-License-Identifier: MIT
// What somebody compiles first, and may compile by an older standard.
#include <sockboot/sockboot.hpp>

int main() {
    auto socket = sockboot::connect_to("localhost", 7777, "echo");
    sockboot::send_message(socket, "hello");
    return sockboot::recv_message(socket) ? 0 : 1;
}
