// SPDX-License-Identifier: MIT
// A server of the soak: one connection at a time, whose messages it sends back.
#pragma once

#include <poll.h>

#include <array>
#include <atomic>
#include <string>
#include <utility>

#include <sockboot/create_server.hpp>
#include <sockboot/transfer.hpp>

#include "stream.hpp"

namespace soak {

/// Threads: run() in one; the rest any. A client that comes while another one is served waits in the queue.
class Server {
public:
    [[nodiscard]] Port port() const { return listener_.local_endpoint().port(); }
    /// Interrupts the accept() under way, or the next one.
    void strike() { canceller_.cancel(); }
    /// Ends what no_answer asked for: for the client that is being served.
    void answer_again() { answers_again_ = true; }
    void end() {
        is_ending_ = true;
        canceller_.cancel();
    }
    void run() {
        for (int count = 0;; ++count) {
            auto client = count % 2 == 0 ? listener_.try_accept() : caught([&] { return listener_.accept(1h); });
            try {
                if (has_succeeded("accept", client, {Errc::cancelled})) {
                    serve(std::move(*client), count % 4 < 2 ? Timeout(100s) : Timeout());
                    continue;
                }
            } catch (const Failed&) {
            }
            canceller_.reset();
            if (is_ending_) return;
        }
    }

private:
    void serve(Socket client, Timeout timeout) {
        client.set_canceller(Canceller::none());  // a strike is for accept() alone
        client.set_timeout(timeout);
        std::array<std::byte, 1> byte;
        if (!has_succeeded("recv_exact of a server", try_recv_exact(client, byte), {Errc::closed, reset})) return;
        const Hello hello = Hello::from(byte[0]);
        auto connection = hello.connection(std::move(client));
        std::visit([&](auto& stream) { answer(stream, hello.ending); }, connection);
    }

    template <class Stream> void answer(Stream& stream, Ending ending) {
        std::string message;
        for (bool throws = false;; throws = !throws) {
            const auto got = receive(stream, message, throws);
            if (!has_succeeded("receive of a server", got, {reset, Errc::truncated})) return;
            if (!*got) return end(socket_of(stream), ending);
            if (message == no_answer) {
                wait_in_silence(socket_of(stream));
                continue;
            }
            const auto sent = message == two_halves ? send_halves(stream) : send(stream, message, throws);
            if (!has_succeeded("send of a server", sent, {reset, broken_pipe})) return;
        }
    }
    /// Until the client asks for answers again, or has gone.
    void wait_in_silence(const Socket& socket) {
        pollfd entry{socket.native_handle(), POLLRDHUP, 0};
        for (int count = 0; ::poll(&entry, 1, 1) == 0 && !answers_again_.exchange(false); ++count)
            if (count == 100'000) fail("a server", "its client neither asks for answers nor goes");
    }
    /// One message, in whose middle it waits for another one.
    template <class Stream> static Result<void> send_halves(Stream& stream) {
        std::string frame, message;
        if constexpr (std::is_same_v<Stream, Lines>)
            append_frame(frame, halved, Delimiter("\r\n"));
        else
            append_frame(frame, halved);
        const std::string_view first(frame.data(), frame.size() / 2);
        if (auto sent = try_send_all(socket_of(stream), first); !sent) return sent;
        const auto go_on = receive(stream, message, false);
        if (!go_on.has_value()) return Error(go_on.error());
        if (!*go_on) return {};  // the client has had enough: the message stays as it is
        return try_send_all(socket_of(stream), std::string_view(frame).substr(first.size()));
    }
    static void end(Socket& socket, Ending ending) {
        if (ending == Ending::abort) socket.abort();
        if (ending != Ending::graceful_close) return;
        has_closed("graceful_close of a server", try_graceful_close(socket, 100s));
    }

    Canceller canceller_;
    Socket listener_ = create_server("127.0.0.1", 0, "server", {.canceller = canceller_});
    std::atomic<bool> answers_again_{false}, is_ending_{false};
};

}  // namespace soak
