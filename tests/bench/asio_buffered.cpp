// SPDX-License-Identifier: MIT
// Asio's blocking calls with a streambuf each way: reads take what is there, and a stream's messages leave together.
#include "asio_common.hpp"

namespace bench {
namespace {

class AsioBuffered final : public AsioContender {
public:
    void answer(Sink& sink, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) {
            const std::string_view message = receive();
            sink.take(message.data(), message.size());
            send(message);
            input_.drop();
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
        for (std::size_t i = 0; i < count; ++i)
            if (const std::string_view message = source.next(); !output_.put(message)) send(message);
        asio::write(socket(), output_.bytes());
        if (!receive().empty()) fail("Asio: no end of the stream");
        input_.drop();
    }

private:
    /// All that waits, and the message.
    void send(std::string_view message) {
        const std::uint32_t length = length_of(message);
        const auto buffers = output_.with(length, message);
        asio::write(socket(), buffers, all_of(buffers));
        output_.clear();
    }
    std::string_view receive() {
        while (const std::size_t missing = input_.missing())
            asio::read(socket(), input_.room(missing), TransferAtLeast{missing});
        return input_.message();
    }
    void take(Sink& sink) {
        const std::string_view message = receive();
        sink.take(message.data(), message.size());
        input_.drop();
    }

    AsioInput input_;
    AsioOutput output_;
};

}  // namespace

std::unique_ptr<Contender> make_contender() { return std::make_unique<AsioBuffered>(); }

}  // namespace bench
