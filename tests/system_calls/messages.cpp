// SPDX-License-Identifier: MIT
// Sends and receives messages between marks, for count.sh to count the system calls between them: each mark says how
// many there are to be.
#include <unistd.h>

#include <chrono>
#include <string>
#include <utility>

#include <sockboot/sockboot.hpp>

namespace {

constexpr int rounds = 100;
const std::string bare = ": 100 sendmsg, 200 recvfrom";
const std::string buffered = ": 100 sendto, 100 recvfrom";

/// A line in strace's output that begins the section `name`.
void mark(const std::string& name) { static_cast<void>(::access(("mark:" + name).c_str(), F_OK)); }

void exchange(sockboot::Socket& sender, sockboot::Socket& receiver, const std::string& name, std::size_t size) {
    const std::string message(size, 'x');
    std::string into;
    sockboot::send_message(sender, message);  // a first time, so that storage is there
    sockboot::recv_message(receiver, into);
    mark(name + bare);
    for (int i = 0; i < rounds; ++i) {
        sockboot::send_message(sender, message);
        sockboot::recv_message(receiver, into);
    }
    mark("between");
}

/// Pieces of one transfer or message: one call for all of them.
void exchange_pieces(sockboot::Socket& sender, sockboot::Socket& receiver) {
    std::string into;
    mark("a message of pieces" + bare);
    for (int i = 0; i < rounds; ++i) {
        sockboot::send_message(sender, {"header", "body", "trailer"});
        sockboot::recv_message(receiver, into);
    }
    mark("between");
    mark("pieces: 100 sendmsg, 100 recvfrom");
    for (int i = 0; i < rounds; ++i) {
        sockboot::send_all(sender, {"header", "body", "trailer"});
        static_cast<void>(sockboot::recv_exact(receiver, 17));
    }
    mark("between");
}

/// `burst` messages for each call, of together less than a segment.
void exchange(sockboot::MessageChannel<>& sender, sockboot::MessageChannel<>& receiver, const std::string& name,
              int burst) {
    const std::string message(64, 'x');
    for (int i = -1; i < rounds; ++i) {
        if (i == 0) mark(name + buffered);  // after a first time, so that the buffers have grown
        for (int queued = 0; queued < burst - 1; ++queued) sender.queue(message);
        sender.send(message);
        for (int received = 0; received < burst; ++received) static_cast<void>(receiver.receive_view().value());
    }
    mark("between");
}

void channels(sockboot::Socket client, sockboot::Socket server) {
    sockboot::MessageChannel sender(std::move(client));
    sockboot::MessageChannel receiver(std::move(server));
    exchange(sender, receiver, "channel, one by one", 1);
    exchange(sender, receiver, "channel, 480 at a time", 480);
    receiver.stream().set_timeout(std::chrono::seconds(5));
    exchange(sender, receiver, "channel with a timeout, 480 at a time", 480);
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
    exchange_pieces(client, accepted);
    client.set_timeout(std::chrono::seconds(5));
    accepted.set_timeout(std::chrono::seconds(5));
    exchange(client, accepted, "timeout, 64 bytes", 64);
    const sockboot::Canceller canceller;
    client.set_canceller(canceller);
    accepted.set_canceller(canceller);
    exchange(client, accepted, "timeout and canceller, 64 bytes", 64);
    client.set_canceller(sockboot::Canceller::none());
    client.set_timeout({});
    channels(std::move(client), std::move(accepted));
}
