// SPDX-License-Identifier: MIT
// A server and its client in a program that has no exceptions; with an argument, one whose throwing form fails.
#include <sockboot/sockboot.hpp>

#include <cstdio>

#if defined(__cpp_exceptions) || defined(__cpp_rtti)
#error "this program is there to be built with -fno-exceptions -fno-rtti"
#endif

int main(int count, char**) {
    sockboot::set_log_level(sockboot::LogLevel::off);
    auto server = sockboot::create_server("127.0.0.1", 0, "first");
    if (count > 1) static_cast<void>(sockboot::create_server("127.0.0.1", server.local_endpoint().port(), "twin"));

    auto client = sockboot::connect_to("127.0.0.1", server.local_endpoint().port(), "client");
    auto served = server.try_accept();
    if (!served) return 1;
    sockboot::send_message(client, "hello");
    const auto request = sockboot::recv_message(*served);
    if (!request || !sockboot::try_send_message(*served, *request)) return 1;
    const auto answer = sockboot::try_recv_message(client);
    if (!answer.has_value() || !*answer) return 1;
    std::printf("[answer] %s\n", (*answer)->c_str());
}
