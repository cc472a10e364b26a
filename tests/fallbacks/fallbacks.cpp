// SPDX-License-Identifier: MIT
// The ways that systems without SOCK_CLOEXEC, accept4(2) and pipe2(2) take, as macOS does, tried on one that has them.
#include <fcntl.h>
#include <sys/socket.h>
#undef SOCK_CLOEXEC

#include <cstdio>
#include <future>

#include <sockboot/sockboot.hpp>

namespace {

bool good = true;

void check(bool condition, const char* what) {
    if (!condition) std::printf("wrong: %s\n", what);
    good = good && condition;
}

bool closes_on_exec(const sockboot::Socket& socket) {
    return (::fcntl(socket.native_handle(), F_GETFD) & FD_CLOEXEC) != 0;
}
bool blocks(const sockboot::Socket& socket) { return (::fcntl(socket.native_handle(), F_GETFL) & O_NONBLOCK) == 0; }

}  // namespace

int main() {
    using namespace std::chrono_literals;
    sockboot::set_log_level(sockboot::LogLevel::off);
    sockboot::Canceller canceller;
    auto server = sockboot::create_server("127.0.0.1", 0, "server", {.timeout = 30s, .canceller = canceller});
    auto client = sockboot::connect_to("127.0.0.1", server.local_endpoint().port());
    auto accepted = server.accept();
    for (const sockboot::Socket* socket : {&server, &client, &accepted})
        check(closes_on_exec(*socket), "a socket that a child would inherit");
    check(blocks(client) && blocks(accepted), "a connection that does not block");

    sockboot::send_message(client, "hello");
    check(sockboot::recv_message(accepted) == "hello", "the message");

    auto blocked = std::async(std::launch::async, [&] { return sockboot::try_recv_message(accepted); });
    canceller.cancel();
    const auto answer = blocked.get();
    check(!answer.has_value() && answer.error().code() == sockboot::Errc::cancelled, "a call that was not cancelled");
    canceller.reset();
    sockboot::send_message(client, "again");
    check(sockboot::recv_message(accepted) == "again", "the message after a reset");

    return good ? 0 : 1;
}
