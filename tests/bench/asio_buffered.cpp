// SPDX-License-Identifier: MIT
// Asio's blocking calls with a flat buffer each way: reads take what is there, and a stream's messages leave together.
#include "asio_common.hpp"

namespace bench {
namespace {

class AsioBuffered final : public AsioContender {
public:
#ifdef BENCH_SPIN
    void accept() override {
        AsioContender::accept();
        socket().non_blocking(true);
    }
    void connect(std::uint16_t port) override {
        AsioContender::connect(port);
        socket().non_blocking(true);
    }
#endif

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
        send({});
    }
    void send_stream(Source& source, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) queue(source.next());
        flush();
        if (!receive().empty()) fail("Asio: no end of the stream");
    }

private:
    void queue(std::string_view message) {
        if (output_.put(message)) return;
        const std::uint32_t length = length_of(message);
        write(behind(output_, length, message));
    }
    void flush() { write(asio::buffer(output_.bytes())); }
    void send(std::string_view message) {
        queue(message);
        if (!output_.bytes().empty()) flush();
    }
    template <class Buffers> void write(const Buffers& buffers) {
        asio::write(socket(), buffers, all_of(buffers));
        output_.clear();
    }

    std::string_view receive() {
        while (input_.missing() != 0) input_.came(read_some());
        return input_.next();
    }
    /// At least what is missing; with BENCH_SPIN whatever comes, without ever going to sleep.
    std::size_t read_some() {
#ifdef BENCH_SPIN
        asio::error_code error = asio::error::would_block;
        std::size_t got = 0;
        while (error == asio::error::would_block) got = socket().read_some(room_of(input_), error);
        if (error) fail("Asio: " + error.message());
        return got;
#else
        const std::size_t missing = input_.missing();
        return asio::read(socket(), room_of(input_), TransferAtLeast{missing});
#endif
    }
    std::string_view take(Sink& sink) {
        const std::string_view message = receive();
        sink.take(message.data(), message.size());
        return message;
    }

    FlatInput input_;
    FlatOutput output_;
};

}  // namespace

std::unique_ptr<Contender> make_contender() { return std::make_unique<AsioBuffered>(); }

}  // namespace bench
