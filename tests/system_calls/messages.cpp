// SPDX-License-Identifier: MIT
// Sends and receives messages between marks, for count.sh to count the system calls between them.
#include <unistd.h>

#include <chrono>
#include <string>

#include <sockboot/sockboot.hpp>

namespace {

constexpr int rounds = 100;

/// A line in strace's output that begins the section `name`.
void mark(const std::string& name) { static_cast<void>(::access(("mark:" + name).c_str(), F_OK)); }

void exchange(sockboot::Socket& sender, sockboot::Socket& receiver, const std::string& name, std::size_t size) {
    const std::string message(size, 'x');
    std::string into;
    sockboot::send_message(sender, message);  // a first time, so that storage is there
    sockboot::recv_message(receiver, into);
    mark(name);
    for (int i = 0; i < rounds; ++i) {
        sockboot::send_message(sender, message);
        sockboot::recv_message(receiver, into);
    }
    mark("between");
}

}  // namespace

int main() {
    sockboot::set_log_level(sockboot::LogLevel::off);
    mark("setup");
    auto server = sockboot::create_server("127.0.0.1", 0);
    auto client = sockboot::connect_to("127.0.0.1", server.local_endpoint().port());
    auto accepted = server.accept();

    exchange(client, accepted, "blocking, 64 bytes", 64);
    exchange(client, accepted, "blocking, 60000 bytes", 60000);
    client.set_timeout(std::chrono::seconds(5));
    accepted.set_timeout(std::chrono::seconds(5));
    exchange(client, accepted, "timeout, 64 bytes", 64);
    const sockboot::Canceller canceller;
    client.set_canceller(canceller);
    accepted.set_canceller(canceller);
    exchange(client, accepted, "timeout and canceller, 64 bytes", 64);
}
