// SPDX-License-Identifier: MIT
// sockboot on a bare Socket: send_message and recv_message, as the README shows them.
#include <sockboot/sockboot.hpp>

#include "sockboot_socket.hpp"

namespace bench {
namespace {

class BareSocket final : public SockbootSocket {
public:
    void answer(Sink& sink, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) {
            take(sink);
            sockboot::send_message(socket(), message_);
        }
    }
    void request(Source& source, Sink& sink, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) {
            sockboot::send_message(socket(), source.next());
            take(sink);
        }
    }
    void receive_stream(Sink& sink, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) take(sink);
        sockboot::send_message(socket(), "");
    }
    void send_stream(Source& source, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) sockboot::send_message(socket(), source.next());
        if (!sockboot::recv_message(socket(), message_) || !message_.empty()) fail("sockboot: no end of the stream");
    }

private:
    void take(Sink& sink) {
        if (!sockboot::recv_message(socket(), message_)) fail("sockboot: the stream has ended");
        sink.take(message_.data(), message_.size());
    }

    std::string message_;
};

}  // namespace

std::unique_ptr<Contender> make_contender() { return std::make_unique<BareSocket>(); }

}  // namespace bench
