// SPDX-License-Identifier: MIT
// Asio's blocking calls, framed as in its chat example: the length is read, then the message; both leave in one call.
#include "asio_common.hpp"

namespace bench {
namespace {

class AsioSync final : public AsioContender {
public:
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
        send({});
    }
    void send_stream(Source& source, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) send(source.next());
        receive();
        if (!message_.empty()) fail("Asio: no end of the stream");
    }

private:
    void send(std::string_view message) {
        const std::uint32_t length = length_of(message);
        const auto buffers = framed(length, message);
        asio::write(socket(), buffers, all_of(buffers));
    }
    void receive() {
        std::uint32_t length = 0;
        asio::read(socket(), asio::buffer(&length, sizeof length));
        message_.resize(size_from(length));
        asio::read(socket(), asio::buffer(message_), all_of(asio::buffer(message_)));
    }
    void take(Sink& sink) {
        receive();
        sink.take(message_.data(), message_.size());
    }

    std::string message_;
};

}  // namespace

std::unique_ptr<Contender> make_contender() { return std::make_unique<AsioSync>(); }

}  // namespace bench
