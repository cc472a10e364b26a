// SPDX-License-Identifier: MIT
// sockboot with a MessageChannel: many messages for one system call, received without a copy.
#include <sockboot/sockboot.hpp>

#include "sockboot_socket.hpp"

namespace bench {
namespace {

class Channel final : public SockbootSocket {
public:
    void accept() override {
        SockbootSocket::accept();
        open();
    }
    void connect(std::uint16_t port) override {
        SockbootSocket::connect(port);
        open();
    }

    void answer(Sink& sink, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) channel_->send(take(sink));
    }
    void request(Source& source, Sink& sink, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) {
            channel_->send(source.next());
            take(sink);
        }
    }
    void receive_stream(Sink& sink, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) take(sink);
        channel_->send("");
    }
    void send_stream(Source& source, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) channel_->queue(source.next());
        channel_->flush();
        if (!channel_->receive_view().value().empty()) fail("sockboot: no end of the stream");
    }

private:
    void open() { channel_.emplace(std::move(socket())); }

    std::string_view take(Sink& sink) {
        const std::string_view message = channel_->receive_view().value();  // throws at the end of the stream
        sink.take(message.data(), message.size());
        return message;
    }

    std::optional<sockboot::MessageChannel<>> channel_;
};

}  // namespace

std::unique_ptr<Contender> make_contender() { return std::make_unique<Channel>(); }

}  // namespace bench
