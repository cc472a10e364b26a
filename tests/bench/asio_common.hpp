// SPDX-License-Identifier: MIT
// What the contenders of Asio share: connections, and the length in front of a message.
#pragma once

// GCC sees a null pointer in Asio's scheduler, which is none.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnull-dereference"
#include <asio.hpp>
#pragma GCC diagnostic pop

#include <array>

#include "flat_buffers.hpp"

namespace bench {

/// Of the io_context's own executor, not of any_io_executor: the program has one kind, and need not erase its type.
using AsioExecutor = asio::io_context::executor_type;
using AsioSocket = asio::basic_stream_socket<asio::ip::tcp, AsioExecutor>;
using AsioAcceptor = asio::basic_socket_acceptor<asio::ip::tcp, AsioExecutor>;
using AsioResolver = asio::ip::basic_resolver<asio::ip::tcp, AsioExecutor>;

inline std::size_t size_from(std::uint32_t length) {
    const std::size_t size = ntohl(length);
    if (size > largest_message) fail("Asio: the message is too large");
    return size;
}

/// Both pieces of a message leave in one sendmsg.
inline std::array<asio::const_buffer, 2> framed(const std::uint32_t& length, std::string_view message) {
    return {asio::buffer(&length, sizeof length), asio::buffer(message)};
}

/// A completion condition: `least` bytes, in as few calls as the system will have.
///
/// Asio's own conditions move 64 KiB a call at most, which for a message of 1 MiB is half as fast.
struct TransferAtLeast {
    std::size_t least;
    std::size_t operator()(const asio::error_code& error, std::size_t done) const {
        return error || done >= least ? 0 : largest_message;
    }
};

/// All of `buffers`, which are at most a message and what goes with it.
template <class Buffers> TransferAtLeast all_of(const Buffers& buffers) { return {asio::buffer_size(buffers)}; }

/// Where the next bytes go.
inline asio::mutable_buffer room_of(FlatInput& input) {
    const FlatInput::Room room = input.room();
    return {room.bytes, room.size};
}

/// All that waits, and a message behind it.
inline std::array<asio::const_buffer, 3> behind(const FlatOutput& output, const std::uint32_t& length,
                                                std::string_view message) {
    return {asio::buffer(output.bytes()), asio::buffer(&length, sizeof length), asio::buffer(message)};
}

class AsioContender : public Contender {
public:
    std::uint16_t listen() override {
        const asio::ip::tcp::endpoint any_port(asio::ip::address_v4::loopback(), 0);
        acceptor_ = AsioAcceptor(context_, any_port);
        return acceptor_.local_endpoint().port();
    }
    void accept() override { accept_into(socket_); }
    void connect(std::uint16_t port) override { connect_into(socket_, "127.0.0.1", port); }

    bool accept_connections(std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) {
            AsioSocket socket(context_);
            accept_into(socket);
        }
        return true;
    }
    bool make_connections(const std::string& host, std::uint16_t port, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) {
            AsioSocket socket(context_);
            connect_into(socket, host, port);
            char end;
            asio::error_code error;
            socket.read_some(asio::buffer(&end, 1), error);
            if (error != asio::error::eof) fail("Asio: the stream did not end");
        }
        return true;
    }

protected:
    /// One thread runs the context: it is told so, and takes no detours for others.
    static constexpr int one_thread = 1;

    asio::io_context& context() { return context_; }
    AsioAcceptor& acceptor() { return acceptor_; }
    AsioSocket& socket() { return socket_; }

private:
    void accept_into(AsioSocket& socket) {
        acceptor_.accept(socket);
        socket.set_option(asio::ip::tcp::no_delay(true));
    }
    void connect_into(AsioSocket& socket, const std::string& host, std::uint16_t port) {
        asio::error_code is_name;
        if (const auto address = asio::ip::make_address(host, is_name); !is_name)
            socket.connect({address, port});
        else
            asio::connect(socket, AsioResolver(context_).resolve(host, std::to_string(port)));
        socket.set_option(asio::ip::tcp::no_delay(true));
    }

    asio::io_context context_{one_thread};
    AsioAcceptor acceptor_{context_};
    AsioSocket socket_{context_};
};

}  // namespace bench
