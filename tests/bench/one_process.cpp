// SPDX-License-Identifier: MIT
// One message of 64 bytes after the other, sent on one end of a connection and received on the other, both in this
// thread: what is sent has arrived, nobody waits, and what the library does itself can be counted to the instruction.
//
//   one_process "FORM MODE COUNT"    modes: none, timeout, canceller, both
//
// The forms are socket, channel, c_socket, c_channel, and socket_header and channel_header: with PostgreSQL's header, a
// type in front of the length.
#include <sockboot/sockboot.hpp>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contender.hpp"

namespace bench {
namespace {

/// Both ends of a connection; in C they are used by their handles.
struct Ends {
    sockboot::Socket from, to;

    explicit Ends(std::string_view mode) {
        const bool both = mode == "both";
        const auto timeout = both || mode == "timeout" ? std::chrono::seconds(2) : sockboot::Timeout();
        const auto canceller = both || mode == "canceller" ? sockboot::Canceller() : sockboot::Canceller::none();
        auto server = sockboot::create_server("127.0.0.1", 0, "server", {.timeout = timeout, .canceller = canceller});
        from = sockboot::connect_to("127.0.0.1", server.local_endpoint().port(), "client",
                                    {.io_timeout = timeout, .canceller = canceller});
        to = server.accept();
    }
};

inline constexpr sockboot::LengthPrefix default_format;

template <const sockboot::LengthPrefix& format = default_format> class Socket {
public:
    explicit Socket(Ends ends) : ends_(std::move(ends)) {}

    void send(std::string_view message) { sockboot::send_message(ends_.from, message, format); }
    std::string_view receive() {
        if (!sockboot::recv_message(ends_.to, message_, format)) fail("sockboot: the stream has ended");
        return message_;
    }

private:
    Ends ends_;
    std::string message_;
};

template <const sockboot::LengthPrefix& format = default_format> class Channel {
public:
    explicit Channel(Ends ends) : from_(std::move(ends.from), format), to_(std::move(ends.to), format) {}

    void send(std::string_view message) { from_.send(message); }
    std::string_view receive() {
        const auto message = to_.receive_view();
        if (!message) fail("sockboot: the stream has ended");
        return *message;
    }

private:
    sockboot::MessageChannel<> from_, to_;
};

/// By hand, and no more than it takes: a call that moves less than all of its bytes ends the program.
class CSocket {
public:
    explicit CSocket(Ends ends) : ends_(std::move(ends)) {}

    void send(std::string_view message) {
        std::uint32_t length = htonl(static_cast<std::uint32_t>(message.size()));
        iovec pieces[2] = {{&length, sizeof length}, {const_cast<char*>(message.data()), message.size()}};
        msghdr frame{};
        frame.msg_iov = pieces;
        frame.msg_iovlen = 2;
        const auto size = static_cast<ssize_t>(sizeof length + message.size());
        if (::sendmsg(ends_.from.native_handle(), &frame, MSG_NOSIGNAL) != size) fail("C: cannot send");
    }
    std::string_view receive() {
        std::uint32_t length = 0;
        receive(&length, sizeof length);
        length = ntohl(length);
        if (length > sizeof buffer_) fail("C: too large a message");
        receive(buffer_, length);
        return {buffer_, length};
    }

private:
    void receive(void* into, std::size_t size) {
        const ssize_t got = ::recv(ends_.to.native_handle(), into, size, MSG_WAITALL);
        if (got != static_cast<ssize_t>(size)) fail("C: cannot receive");
    }

    Ends ends_;
    char buffer_[4096];
};

/// By hand, with a buffer at each end: one call sends a message, and one receives as many as have come.
class CChannel {
public:
    explicit CChannel(Ends ends) : ends_(std::move(ends)), out_(room), in_(room) {}

    void send(std::string_view message) {
        const std::uint32_t length = htonl(static_cast<std::uint32_t>(message.size()));
        const std::size_t size = sizeof length + message.size();
        if (size > room) fail("C: too large a message");
        std::memcpy(out_.data(), &length, sizeof length);
        std::memcpy(out_.data() + sizeof length, message.data(), message.size());
        const ssize_t sent = ::send(ends_.from.native_handle(), out_.data(), size, MSG_NOSIGNAL);
        if (sent != static_cast<ssize_t>(size)) fail("C: cannot send");
    }
    std::string_view receive() {
        std::uint32_t length = 0;
        while (end_ - begin_ < sizeof length) more();
        std::memcpy(&length, in_.data() + begin_, sizeof length);
        length = ntohl(length);
        if (length > room - sizeof length) fail("C: too large a message");
        while (end_ - begin_ < sizeof length + length) more();
        const std::string_view message(in_.data() + begin_ + sizeof length, length);
        begin_ += sizeof length + length;
        return message;
    }

private:
    static constexpr std::size_t room = std::size_t{64} << 10;

    void more() {
        const std::size_t rest = end_ - begin_;
        if (rest != 0) std::memmove(in_.data(), in_.data() + begin_, rest);
        begin_ = 0;
        end_ = rest;
        const ssize_t got = ::recv(ends_.to.native_handle(), in_.data() + end_, room - end_, 0);
        if (got <= 0) fail("C: cannot receive");
        end_ += static_cast<std::size_t>(got);
    }

    Ends ends_;
    std::vector<char> out_, in_;
    std::size_t begin_ = 0, end_ = 0;
};

template <class Form> void exchange(std::string_view mode, std::size_t count) {
    Form form{Ends(mode)};
    char message[64];
    fill(message, sizeof message, 0);
    std::string_view received;
    for (std::size_t i = 0; i < count; ++i) {
        form.send({message, sizeof message});
        received = form.receive();
        if (received.size() != sizeof message) fail("a message has another size");
    }
    if (std::memcmp(received.data(), message, sizeof message) != 0) fail("the message is not as sent");
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
    sockboot::set_log_level(sockboot::LogLevel::off);
    std::istringstream words(count == 2 ? arguments[1] : "");
    std::string form, mode;
    std::size_t messages = 0;
    words >> form >> mode >> messages;
    if (messages == 0) bench::fail("no such command");
    if (form == "socket")
        bench::exchange<bench::Socket<>>(mode, messages);
    else if (form == "channel")
        bench::exchange<bench::Channel<>>(mode, messages);
    else if (form == "socket_header")
        bench::exchange<bench::Socket<sockboot::formats::postgresql>>(mode, messages);
    else if (form == "channel_header")
        bench::exchange<bench::Channel<sockboot::formats::postgresql>>(mode, messages);
    else if (form == "c_socket")
        bench::exchange<bench::CSocket>(mode, messages);
    else if (form == "c_channel")
        bench::exchange<bench::CChannel>(mode, messages);
    else
        bench::fail("no such form: " + form);
}
