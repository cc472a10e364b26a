// SPDX-License-Identifier: MIT
// Asio's coroutines with a flat buffer each way: they await what is not there yet; a stream's messages leave together.
#include "asio_common.hpp"

namespace bench {
namespace {

using Task = asio::awaitable<void, AsioExecutor>;
constexpr asio::use_awaitable_t<AsioExecutor> use_awaitable;

class AsioCoroutines final : public AsioContender {
public:
    void answer(Sink& sink, std::size_t count) override { run(answering(sink, count)); }
    void request(Source& source, Sink& sink, std::size_t count) override { run(requesting(source, sink, count)); }
    void receive_stream(Sink& sink, std::size_t count) override { run(receiving(sink, count)); }
    void send_stream(Source& source, std::size_t count) override { run(sending(source, count)); }

    bool accept_connections(std::size_t count) override {
        run(accepting(count));
        return true;
    }
    bool make_connections(const std::string& host, std::uint16_t port, std::size_t count) override {
        run(connecting(host, port, count));
        return true;
    }

private:
    void run(Task task) {
        asio::co_spawn(context(), std::move(task), [](const std::exception_ptr& error) {
            if (error) std::rethrow_exception(error);
        });
        context().restart();
        context().run();
    }

    auto more(std::size_t missing) {
        return asio::async_read(socket(), room_of(input_), TransferAtLeast{missing}, use_awaitable);
    }
    template <class Buffers> auto write(const Buffers& buffers) {
        return asio::async_write(socket(), buffers, all_of(buffers), use_awaitable);
    }

    Task answering(Sink& sink, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            while (const std::size_t missing = input_.missing()) input_.came(co_await more(missing));
            const std::string_view message = take(sink);
            const std::uint32_t length = length_of(message);
            co_await write(framed(length, message));
        }
    }
    Task requesting(Source& source, Sink& sink, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            const std::string_view message = source.next();
            const std::uint32_t length = length_of(message);
            co_await write(framed(length, message));
            while (const std::size_t missing = input_.missing()) input_.came(co_await more(missing));
            take(sink);
        }
    }
    Task receiving(Sink& sink, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            while (const std::size_t missing = input_.missing()) input_.came(co_await more(missing));
            take(sink);
        }
        const std::uint32_t length = 0;
        co_await write(framed(length, {}));
    }
    Task sending(Source& source, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            const std::string_view message = source.next();
            if (output_.put(message)) continue;
            const std::uint32_t length = length_of(message);
            co_await write(behind(output_, length, message));
            output_.clear();
        }
        co_await write(asio::buffer(output_.bytes()));
        output_.clear();
        while (const std::size_t missing = input_.missing()) input_.came(co_await more(missing));
        if (!input_.next().empty()) fail("Asio: no end of the stream");
    }

    Task accepting(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            AsioSocket socket(context());
            co_await acceptor().async_accept(socket, use_awaitable);
            socket.set_option(asio::ip::tcp::no_delay(true));
        }
    }
    Task connecting(const std::string& host, std::uint16_t port, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            AsioSocket socket(context());
            asio::error_code is_name;
            if (const auto address = asio::ip::make_address(host, is_name); !is_name) {
                co_await socket.async_connect({address, port}, use_awaitable);
            } else {
                AsioResolver resolver(context());
                const auto found = co_await resolver.async_resolve(host, std::to_string(port), use_awaitable);
                co_await asio::async_connect(socket, found, use_awaitable);
            }
            socket.set_option(asio::ip::tcp::no_delay(true));
            char end;
            asio::error_code error;
            co_await socket.async_read_some(asio::buffer(&end, 1), asio::redirect_error(use_awaitable, error));
            if (error != asio::error::eof) fail("Asio: the stream did not end");
        }
    }

    std::string_view take(Sink& sink) {
        const std::string_view message = input_.next();
        sink.take(message.data(), message.size());
        return message;
    }

    FlatInput input_;
    FlatOutput output_;
};

}  // namespace

std::unique_ptr<Contender> make_contender() { return std::make_unique<AsioCoroutines>(); }

}  // namespace bench
