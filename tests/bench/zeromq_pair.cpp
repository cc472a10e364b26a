// SPDX-License-Identifier: MIT
// ZeroMQ's PAIR over TCP, used as by its own measuring programs (perf/*_thr, perf/*_lat); the framing is ZeroMQ's.
#include <zmq.h>

#include "contender.hpp"

namespace bench {
namespace {

/// What a call of ZeroMQ gave, unless it failed.
template <class Result> Result checked(const char* call, Result result) {
    if (result == Result(-1)) fail(std::string("ZeroMQ: ") + call + ": " + zmq_strerror(zmq_errno()));
    return result;
}

class Message {
public:
    Message() { zmq_msg_init(&message_); }
    ~Message() { zmq_msg_close(&message_); }
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;

    zmq_msg_t* get() { return &message_; }
    void* data() { return zmq_msg_data(&message_); }
    std::size_t size() const { return zmq_msg_size(&message_); }

private:
    zmq_msg_t message_;
};

/// The options are ZeroMQ's defaults, as in its measuring programs: other high-water marks made no steady difference.
///
/// Its I/O thread shares the core that main() pinned the process to. With both cores for all threads (or for the I/O
/// thread alone, ZMQ_THREAD_AFFINITY_CPU_ADD) a stream of 64 bytes is only half as fast. Requests are then faster where
/// the kernel happens to put all threads on one core, but so they are for every contender that is not pinned.
class ZeromqPair final : public Contender {
public:
    ZeromqPair() {
        socket_ = zmq_socket(context_, ZMQ_PAIR);
        const std::int64_t limit = largest_message;
        checked("setsockopt", zmq_setsockopt(socket_, ZMQ_MAXMSGSIZE, &limit, sizeof limit));
    }
    ~ZeromqPair() override {
        zmq_close(socket_);
        zmq_ctx_term(context_);
    }

    std::uint16_t listen() override {
        checked("bind", zmq_bind(socket_, "tcp://127.0.0.1:*"));
        char endpoint[64];
        std::size_t size = sizeof endpoint;
        checked("getsockopt", zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, endpoint, &size));
        return static_cast<std::uint16_t>(std::stoul(std::strrchr(endpoint, ':') + 1));
    }
    // ZeroMQ connects behind one's back: a first message makes sure that the handshake is over before the clock runs.
    void accept() override { receive(); }
    void connect(std::uint16_t port) override {
        checked("connect", zmq_connect(socket_, ("tcp://127.0.0.1:" + std::to_string(port)).c_str()));
        send({});
    }

    void answer(Sink& sink, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) {
            take(sink);
            checked("send", zmq_msg_send(message_.get(), socket_, 0));
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
        send({});
    }
    void send_stream(Source& source, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) send(source.next());
        receive();
        if (message_.size() != 0) fail("ZeroMQ: no end of the stream");
    }

    bool accept_connections(std::size_t) override { return false; }
    bool make_connections(const std::string&, std::uint16_t, std::size_t) override { return false; }

private:
    void send(std::string_view message) { checked("send", zmq_send(socket_, message.data(), message.size(), 0)); }
    void receive() { checked("recv", zmq_msg_recv(message_.get(), socket_, 0)); }
    void take(Sink& sink) {
        receive();
        sink.take(message_.data(), message_.size());
    }

    void* context_ = zmq_ctx_new();
    void* socket_ = nullptr;
    Message message_;
};

}  // namespace

std::unique_ptr<Contender> make_contender() { return std::make_unique<ZeromqPair>(); }

}  // namespace bench
