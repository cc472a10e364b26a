// SPDX-License-Identifier: MIT
// POCO: a StreamSocket; the length and the message leave in one sendBytes of two buffers. With BENCH_COALESCED it has a
// flat buffer each way: reads take what is there, and a stream's messages leave together.
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>

#include <algorithm>
#include <csignal>

#include "flat_buffers.hpp"

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
        for (std::size_t i = 0; i < count; ++i) send(take(sink));
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
        for (std::size_t i = 0; i < count; ++i) queue(source.next());
        flush();
        if (!receive().empty()) fail("POCO: no end of the stream");
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

    /// All of the pieces.
    void send_pieces(SocketBufVec& pieces) {
        std::size_t left = 0;
        for (const SocketBuf& piece : pieces) left += piece.iov_len;
        while (left > 0) {
            const auto sent = static_cast<std::size_t>(socket_.sendBytes(pieces));
            left -= sent;
            if (left > 0) skip(pieces, sent);
        }
    }
    /// A blocking writev that a signal cuts short has sent only a part.
    static void skip(SocketBufVec& pieces, std::size_t sent) {
        for (SocketBuf& piece : pieces) {
            const std::size_t part = std::min(sent, piece.iov_len);
            piece.iov_base = static_cast<char*>(piece.iov_base) + part;
            piece.iov_len -= part;
            sent -= part;
        }
    }
    static SocketBuf piece(std::string_view bytes) {
        return Socket::makeBuffer(const_cast<char*>(bytes.data()), bytes.size());
    }
    std::size_t receive_some(char* into, std::size_t size, int flags) {
        const int got = socket_.receiveBytes(into, static_cast<int>(size), flags);
        if (got <= 0) fail("POCO: the stream has ended");
        return static_cast<std::size_t>(got);
    }
    std::string_view take(Sink& sink) {
        const std::string_view message = receive();
        sink.take(message.data(), message.size());
        return message;
    }

#ifdef BENCH_COALESCED
    void queue(std::string_view message) {
        if (output_.put(message)) return;
        std::uint32_t length = length_of(message);
        SocketBufVec pieces = {piece(output_.bytes()), Socket::makeBuffer(&length, sizeof length), piece(message)};
        send_pieces(pieces);
        output_.clear();
    }
    void flush() {
        SocketBufVec pieces = {piece(output_.bytes())};
        send_pieces(pieces);
        output_.clear();
    }
    void send(std::string_view message) {
        queue(message);
        flush();
    }
    std::string_view receive() {
        while (const std::size_t missing = input_.missing()) {
            const FlatInput::Room room = input_.room();
            input_.came(receive_some(room.bytes, room.size, missing >= large_message ? MSG_WAITALL : 0));
        }
        return input_.next();
    }

    FlatInput input_;
    FlatOutput output_;
#else
    void queue(std::string_view message) { send(message); }
    void flush() {}
    void send(std::string_view message) {
        std::uint32_t length = length_of(message);
        pieces_[0] = Socket::makeBuffer(&length, sizeof length);
        pieces_[1] = piece(message);
        send_pieces(pieces_);
    }
    void receive_all(char* into, std::size_t size) {
        for (std::size_t have = 0; have < size;) have += receive_some(into + have, size - have, MSG_WAITALL);
    }
    std::string_view receive() {
        std::uint32_t length = 0;
        receive_all(reinterpret_cast<char*>(&length), sizeof length);
        length = ntohl(length);
        if (length > largest_message) fail("POCO: too large a message");
        message_.resize(length);
        receive_all(message_.data(), length);
        return message_;
    }

    SocketBufVec pieces_ = SocketBufVec(2);
    std::string message_;
#endif
    ServerSocket listener_;
    StreamSocket socket_;
};

}  // namespace

std::unique_ptr<Contender> make_contender() { return std::make_unique<PocoNet>(); }

}  // namespace bench
