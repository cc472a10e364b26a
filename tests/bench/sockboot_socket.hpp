// SPDX-License-Identifier: MIT
// What the contenders of sockboot share: its two calls for a connection.
#pragma once

#include <sockboot/sockboot.hpp>

#include <unistd.h>

#include "contender.hpp"

namespace bench {

class SockbootSocket : public Contender {
public:
#ifdef BENCH_LOGGED
    // What a program gets that says nothing of it: a line for each connection, to standard error, which is a file here.
    SockbootSocket() {
        std::FILE* const file = std::tmpfile();
        if (file == nullptr || ::dup2(::fileno(file), STDERR_FILENO) < 0) fail("no file for the log");
    }
#else
    SockbootSocket() { sockboot::set_log_level(sockboot::LogLevel::off); }
#endif

    std::uint16_t listen() override {
        listener_ = sockboot::create_server("127.0.0.1", 0, "bench",
                                            {.timeout = timeout, .canceller = canceller_, .spin = spin});
        return listener_.local_endpoint().port();
    }
    void accept() override { socket_ = listener_.accept(); }
    void connect(std::uint16_t port) override {
        socket_ = sockboot::connect_to("127.0.0.1", port, "bench",
                                       {.io_timeout = timeout, .canceller = canceller_, .spin = spin});
    }

    bool accept_connections(std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) static_cast<void>(listener_.accept());
        return true;
    }
    bool make_connections(const std::string& host, std::uint16_t port, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) {
            auto socket = sockboot::connect_to(host, port, "bench");
            std::byte end;
            if (socket.recv_some({&end, 1}) != 0) fail("sockboot: the stream did not end");
        }
        return true;
    }

protected:
    [[nodiscard]] sockboot::Socket& socket() { return socket_; }

private:
#ifdef BENCH_SPIN
    static constexpr std::chrono::microseconds spin{BENCH_SPIN};
#else
    static constexpr std::chrono::microseconds spin{0};
#endif
// What most programs set: how many seconds a call may take, and a switch that ends it, which nobody throws here.
#ifdef BENCH_GUARDED
    static constexpr sockboot::Timeout timeout = std::chrono::seconds(BENCH_GUARDED);
    sockboot::Canceller canceller_;
#else
    static constexpr sockboot::Timeout timeout{};
    sockboot::Canceller canceller_ = sockboot::Canceller::none();
#endif

    sockboot::Socket listener_;
    sockboot::Socket socket_;
};

}  // namespace bench
