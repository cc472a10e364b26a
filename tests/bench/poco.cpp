// SPDX-License-Identifier: MIT
// POCO: a StreamSocket; the length and the message leave in one sendBytes of two buffers.
#include <Poco/ByteOrder.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>

#include <algorithm>
#include <csignal>

#include "contender.hpp"

namespace bench {
namespace {

using Poco::Net::ServerSocket;
using Poco::Net::Socket;
using Poco::Net::SocketAddress;
using Poco::Net::SocketBuf;
using Poco::Net::SocketBufVec;
using Poco::Net::StreamSocket;

class PocoNet final : public Contender {
public:
    PocoNet() { std::signal(SIGPIPE, SIG_IGN); }  // as Poco::Util::ServerApplication does

    std::uint16_t listen() override {
        listener_.bind(SocketAddress("127.0.0.1", 0), true);
        listener_.listen(SOMAXCONN);
        return listener_.address().port();
    }
    void accept() override { use(listener_.acceptConnection()); }
    void connect(std::uint16_t port) override { use(StreamSocket(SocketAddress("127.0.0.1", port))); }

    void answer(Sink& sink, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) {
            take(sink);
            send(message_);
        }
    }
    void request(Source& source, Sink& sink, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) {
            send(source.next());
            take(sink);
        }
    }
    void receive_stream(Sink& sink, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) take(sink);
        send("");
    }
    void send_stream(Source& source, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) send(source.next());
        receive();
        if (!message_.empty()) fail("POCO: no end of the stream");
    }

    bool accept_connections(std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) listener_.acceptConnection().setNoDelay(true);
        return true;
    }
    bool make_connections(const std::string& host, std::uint16_t port, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) {
            StreamSocket socket(SocketAddress(host, port));
            socket.setNoDelay(true);
            char end = 0;
            if (socket.receiveBytes(&end, 1) != 0) fail("POCO: the stream did not end");
        }
        return true;
    }

private:
    void use(const StreamSocket& socket) {
        socket_ = socket;
        socket_.setNoDelay(true);
    }

    void send(std::string_view message) {
        if (message.size() > largest_message) fail("POCO: too large a message");
        Poco::UInt32 length = Poco::ByteOrder::toNetwork(static_cast<Poco::UInt32>(message.size()));
        pieces_[0] = Socket::makeBuffer(&length, sizeof length);
        pieces_[1] = Socket::makeBuffer(const_cast<char*>(message.data()), message.size());
        for (std::size_t left = sizeof length + message.size(); left > 0;) {
            const auto sent = static_cast<std::size_t>(socket_.sendBytes(pieces_));
            left -= sent;
            if (left > 0) skip(sent);
        }
    }
    /// A blocking writev that a signal cuts short has sent only a part.
    void skip(std::size_t sent) {
        for (SocketBuf& piece : pieces_) {
            const std::size_t part = std::min(sent, piece.iov_len);
            piece.iov_base = static_cast<char*>(piece.iov_base) + part;
            piece.iov_len -= part;
            sent -= part;
        }
    }

    void receive_all(void* into, std::size_t size) {
        for (std::size_t have = 0; have < size;) {
            const int got =
                socket_.receiveBytes(static_cast<char*>(into) + have, static_cast<int>(size - have), MSG_WAITALL);
            if (got == 0) fail("POCO: the stream has ended");
            have += static_cast<std::size_t>(got);
        }
    }
    void receive() {
        Poco::UInt32 length = 0;
        receive_all(&length, sizeof length);
        length = Poco::ByteOrder::fromNetwork(length);
        if (length > largest_message) fail("POCO: too large a message");
        message_.resize(length);
        receive_all(message_.data(), length);
    }
    void take(Sink& sink) {
        receive();
        sink.take(message_.data(), message_.size());
    }

    ServerSocket listener_;
    StreamSocket socket_;
    SocketBufVec pieces_ = SocketBufVec(2);
    std::string message_;
};

}  // namespace

std::unique_ptr<Contender> make_contender() { return std::make_unique<PocoNet>(); }

}  // namespace bench
