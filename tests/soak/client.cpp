// SPDX-License-Identifier: MIT
#include "client.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cinttypes>
#include <cstddef>
#include <cstdio>

#include <sockboot/connect_to.hpp>

namespace soak {

namespace {

/// Longer than anything takes on a busy machine: what comes to it hangs.
constexpr auto patience = 100s;
constexpr std::chrono::nanoseconds short_times[] = {-1ns, 0ns, 1ns, 50us, 1ms, 2ms};
const std::error_code late = Errc::deadline_exceeded, cancelled = Errc::cancelled;

template <class Stream> void expect_answer(Stream& stream, std::string& into, std::string_view message, bool throws) {
    if (!must_succeed("receive", receive(stream, into, throws))) fail("receive", "the server has closed");
    if (into != message) fail("receive", "not the message that was sent, of " + std::to_string(message.size()));
}

Result<std::size_t> what_is_left(Socket& socket) {
    std::array<std::byte, 1> byte;
    return socket.try_recv_some(byte);
}
template <class Format> Result<std::size_t> what_is_left(MessageChannel<Socket, Format>& channel) {
    return channel.try_receive_rest().transform([](const std::string& rest) { return rest.size(); });
}
template <class Stream> void expect_end(Stream& stream, Ending ending) {
    const auto got = what_is_left(stream);
    if (!has_succeeded("recv_some at the end", got, {reset})) {
        if (ending != Ending::abort) fail("recv_some at the end", got.error().message());
    } else if (*got != 0) {
        fail("recv_some at the end", "there is something left");
    }
}

}  // namespace

const Client::Kind Client::kinds[] = {
    {"exchange", 450, &Client::exchange},
    {"exchange many", 150, &Client::exchange_many},
    {"time out", 40, &Client::time_out},
    {"time out inside a message", 20, &Client::time_out_inside},
    {"time out sending", 10, &Client::time_out_sending},
    {"cancel a receive", 30, &Client::cancel_receive},
    {"cancel an exchange", 30, &Client::cancel_exchange},
    {"send what is refused", 20, &Client::send_refused},
    {"close", 60, &Client::close},
    {"abort", 20, &Client::abort},
    {"half-close", 20, &Client::half_close},
    {"close gracefully", 20, &Client::close_gracefully},
    {"close unread", 20, &Client::close_unread},
    {"interrupt accept", 19, &Client::interrupt_accept},
    {"connect, refused", 30, &Client::connect_refused},
    {"connect in vain", 10, &Client::connect_in_vain},
    {"fail a lookup", 20, &Client::fail_lookup},
    {"abandon a lookup", 10, &Client::abandon_lookup},
    {"cancel a lookup", 10, &Client::cancel_lookup},
    {"serve itself", 10, &Client::serve_self},
    {"fork", 1, &Client::fork_child},
};

const Client::Kind& Client::kind_of(std::size_t point) {
    const Kind* kind = kinds;
    for (; point >= kind->weight; ++kind) point -= kind->weight;
    return *kind;
}

std::uint64_t Client::run(std::uint64_t first, std::uint64_t last, std::chrono::steady_clock::time_point until) {
    std::uint64_t number = first;
    for (; number < last && failures < max_failures && std::chrono::steady_clock::now() < until; ++number) {
        dice_ = Dice(Dice(seed_ + number).next());
        const Kind& kind = kind_of(dice_.below(1000));
        doing_ = kind.name;
        try {
            (this->*kind.run)();
        } catch (const Failed&) {
            std::printf("    in operation %" PRIu64 " of a client: %s\n", number, kind.name);
            connection_.reset();
            canceller_.reset();
        }
    }
    doing_ = "nothing";
    connection_.reset();
    return number - first;
}

// --- connections ---

void Client::connect() {
    static constexpr const char* hosts[] = {"127.0.0.1", "127.0.0.1", "localhost", "found.test", "late.test"};
    const std::string_view host = dice_.one_of(hosts);
    server_ = &any_server();
    const Port port = server_->port();
    const ConnectOptions options{.timeout = dice_.one_in(4) ? Timeout() : patience,
                                 .io_timeout = dice_.one_in(2) ? Timeout() : patience,
                                 .canceller = maybe_mine(),
                                 .spin = dice_.one_in(8) ? 20us : 0us};
    auto socket = must_succeed("connect_to", throws() ? caught([&] { return connect_to(host, port, "soak", options); })
                                                      : try_connect_to(host, port, "soak", options));
    const Hello hello = Hello::thrown(dice_);
    const std::byte bytes[] = {hello.byte()};
    must_succeed("send_all", try_send_all(socket, bytes));
    connection_.emplace(hello.connection(std::move(socket)));
    ending_ = hello.ending;
}

Connection& Client::connection() {
    if (!connection_) connect();
    return *connection_;
}

// --- messages ---

void Client::exchange() {
    std::visit(
        [&](auto& stream) {
            const std::string message = message_of(dice_.next());
            must_succeed("send", send(stream, message, throws()));
            expect_answer(stream, answer_, message, throws());
        },
        connection());
}

void Client::exchange_many() {
    std::visit(
        [&](auto& stream) {
            const std::size_t count = 1 + dice_.below(64);
            const std::uint64_t first = dice_.next();
            for (std::size_t i = 0; i < count; ++i) {
                const std::string message = message_of(first + i, 400);
                if constexpr (requires { stream.try_queue(message); })
                    must_succeed("queue", stream.try_queue(message));
                else
                    must_succeed("send", send(stream, message, throws()));
            }
            if constexpr (requires { stream.try_flush(); }) must_succeed("flush", stream.try_flush());
            for (std::size_t i = 0; i < count; ++i)
                expect_answer(stream, answer_, message_of(first + i, 400), throws());
        },
        connection());
}

void Client::send_refused() {
    std::visit(
        [&](auto& stream) {
            if constexpr (std::is_same_v<decltype(stream), Socket&>)
                must_fail("send", try_send_message(stream, "four", {.max_size = 3}), {Errc::message_too_large});
            else if constexpr (std::is_same_v<decltype(stream), Lines&>)
                must_fail("send", send(stream, "two\r\nlines", throws()),
                          {std::make_error_code(std::errc::invalid_argument)});
            must_succeed("send", send(stream, "one line", throws()));
            expect_answer(stream, answer_, "one line", throws());
        },
        connection());
}

// --- time ---

void Client::time_out() {
    std::visit(
        [&](auto& stream) {
            const auto time = dice_.one_of(short_times);
            socket_of(stream).set_timeout(time);
            must_fail("receive of nothing", receive(stream, answer_, throws()), {time == 0ns ? would_block : late});
            socket_of(stream).set_timeout(patience);
        },
        connection());
}

void Client::time_out_inside() {
    std::visit(
        [&](auto& stream) {
            must_succeed("send", send(stream, two_halves, throws()));
            Socket& socket = socket_of(stream);
            socket.set_timeout(2ms);
            const auto got = receive(stream, answer_, throws());
            must_fail("receive of a half", got, {late});
            socket.set_timeout(patience);
            const bool goes_on = dice_.one_in(2);
            if constexpr (std::is_same_v<decltype(stream), Socket&>) {
                if (got.error().transferred() != 0)
                    must_fail("receive behind a half", receive(stream, answer_, throws()), {Errc::desynchronised});
            } else if (goes_on) {
                must_succeed("send", send(stream, "go on", throws()));
                return expect_answer(stream, answer_, halved, throws());
            } else {
                must_succeed("shutdown_send", socket.try_shutdown_send());
                must_fail("receive of a half", receive(stream, answer_, throws()), {Errc::truncated, reset});
            }
            socket.close();
        },
        connection());
    if (!std::visit([](auto& stream) { return socket_of(stream).is_open(); }, *connection_)) connection_.reset();
}

void Client::time_out_sending() {
    connection_.reset();  // with use, the kernel's buffers grow beyond what is sent here
    std::visit(
        [&](auto& stream) {
            Socket& socket = socket_of(stream);
            socket.set_send_buffer(200 << 10);  // below a segment of loopback every send would wait for its ACK
            must_succeed("send", send(stream, "whose turn is it?", throws()));
            expect_answer(stream, answer_, "whose turn is it?", throws());
            must_succeed("send", send(stream, no_answer, throws()));
            socket.set_timeout(dice_.one_in(2) ? 1ms : 0ms);
            const auto sent = send(stream, too_much, throws());
            if constexpr (std::is_same_v<decltype(stream), Socket&>) {
                must_fail("send of too much", sent, {late, would_block});
                if (sent.error().transferred() == 0) fail("send of too much", "nothing was sent");
                return must_fail("send behind a part", send(stream, "more", throws()), {Errc::desynchronised});
            } else {
                must_succeed("send of too much", sent);  // a part of it is out, so that a channel has taken it
                if (stream.queued() == 0) fail("send of too much", "nothing is queued");
                if (dice_.one_in(2)) return;
                server_->answer_again();
                socket.set_timeout(1ms);
                while (!has_succeeded("flush, taken up again", stream.try_flush(), {late})) continue;
                socket.set_timeout(patience);
                expect_answer(stream, answer_, too_much, throws());
            }
        },
        connection());
    abort();  // the end of the stream would have to wait behind what the server does not read
}

void Client::cancel_receive() {
    std::visit(
        [&](auto& stream) {
            socket_of(stream).set_canceller(canceller_);
            auto struck = world_.striker.strike(canceller_, dice_.microseconds(200));
            must_fail("receive of nothing", receive(stream, answer_, throws()), {cancelled});
            must_fail("receive, still cancelled", receive(stream, answer_, throws()), {cancelled});
            struck.get();
            canceller_.reset();
        },
        connection());
}

void Client::cancel_exchange() {
    std::visit(
        [&](auto& stream) {
            socket_of(stream).set_canceller(canceller_);
            const std::string message = message_of(dice_.next());
            auto struck = world_.striker.strike(canceller_, dice_.microseconds(200));
            const bool is_sent = has_succeeded("send, cancelled", send(stream, message, throws()), {cancelled});
            bool has_come = false;
            if (is_sent)
                has_come = has_succeeded("receive, cancelled", receive(stream, answer_, throws()), {cancelled});
            struck.get();
            canceller_.reset();
            if (has_come) {
                if (answer_ != message) fail("receive, cancelled", "not the message that was sent");
            } else if constexpr (std::is_same_v<decltype(stream), Socket&>) {
                stream.close();  // it may stand inside a message
            } else {
                // Not taken, it may be handed in again; taken, its rest may be queued.
                if (!is_sent) must_succeed("send, again", send(stream, message, throws()));
                must_succeed("flush, taken up again", stream.try_flush());
                expect_answer(stream, answer_, message, throws());
            }
        },
        connection());
    if (const Socket* socket = std::get_if<Socket>(&*connection_); socket != nullptr && !*socket) connection_.reset();
}

// --- ends ---

void Client::close() {
    connection();
    connection_.reset();
}

void Client::abort() {
    std::visit([](auto& stream) { socket_of(stream).abort(); }, connection());
    connection_.reset();
}

void Client::half_close() {
    std::visit(
        [&](auto& stream) {
            Socket& socket = socket_of(stream);
            must_succeed("shutdown_send", socket.try_shutdown_send());
            expect_end(stream, ending_);
        },
        connection());
    connection_.reset();
}

void Client::close_gracefully() {
    std::visit(
        [&](auto& stream) {
            const auto closed = try_graceful_close(socket_of(stream), patience);
            if (has_closed("graceful_close", closed) || ending_ == Ending::abort) return;
            fail("graceful_close", closed.error().message());
        },
        connection());
    connection_.reset();
}

void Client::close_unread() {
    std::visit([&](auto& stream) { must_succeed("send", send(stream, message_of(dice_.next()), throws())); },
               connection());
    connection_.reset();
}

// --- connecting and accepting ---

void Client::interrupt_accept() { any_server().strike(); }

void Client::connect_refused() {
    static constexpr const char* hosts[] = {"127.0.0.1", "localhost", "found.test"};
    const std::string host = dice_.one_of(hosts);
    const ConnectOptions options{
        .timeout = patience,
        .retry = {.attempts = 1 + static_cast<int>(dice_.below(3)), .initial_delay = dice_.one_in(2) ? 1ms : 0ms},
        .canceller = maybe_mine()};
    const auto refused = throws() ? caught([&] { return connect_to(host, world_.refused, "soak", options); })
                                  : try_connect_to(host, world_.refused, "soak", options);
    // The other one is the library's own, for a socket that the system has connected to itself.
    must_fail("connect_to", refused, {system_code(ECONNREFUSED), std::make_error_code(std::errc::connection_refused)});
    if (dice_.one_in(2))
        must_succeed("connect_to_any",
                     try_connect_to_any({{host, world_.refused}, {host, any_server().port()}}, "soak", options));
}

/// To a server whose queue may be full.
void Client::connect_in_vain() {
    const auto server = must_succeed("create_server", try_create_server("127.0.0.1", 0, "full", {.backlog = 0}));
    const Port port = server.local_endpoint().port();
    const auto first = must_succeed("connect_to", try_connect_to("127.0.0.1", port, "soak", {.timeout = patience}));
    const bool cancels = dice_.one_in(2);
    std::future<void> struck;
    if (cancels) struck = world_.striker.strike(canceller_, dice_.microseconds(1000));
    const auto second =
        try_connect_to("127.0.0.1", port, "soak", {.timeout = cancels ? patience : 2ms, .canceller = canceller_});
    if (cancels) struck.get();
    canceller_.reset();
    must_fail("connect_to in vain", second, {cancels ? cancelled : late});
}

void Client::serve_self() {
    auto server =
        must_succeed("create_server", throws() ? caught([&] { return create_server("localhost", 0, "own"); })
                                               : try_create_server("localhost", 0, "own", {.canceller = canceller_}));
    must_fail("accept of nothing", server.try_accept(dice_.one_in(2) ? 0ms : 1ms), {would_block, late});
    auto client = must_succeed("connect_to", try_connect_to("localhost", server.local_endpoint().port(), "soak"));
    auto accepted = must_succeed("accept", server.try_accept(patience));
    client.abort();
    must_fail("recv_exact", try_recv_exact(accepted, 1), {reset});
}

// --- names ---

void Client::fail_lookup() {
    const struct {
        const char* host;
        std::error_code code;
    } answers[] = {{"gone.test", Errc::host_not_found},
                   {"again.test", Errc::host_lookup_retry},
                   {"broken.test", Errc::host_lookup_failed},
                   {"shortage.test", system_code(EMFILE)}};
    const auto& [host, code] = dice_.one_of(answers);
    const ConnectOptions options{.timeout = dice_.one_in(2) ? Timeout() : patience, .canceller = maybe_mine()};
    must_fail("connect_to", try_connect_to(host, 80, "soak", options), {code});
}

/// The name is shared by the clients, and may be about to have its answer.
void Client::abandon_lookup() {
    const std::string host = "hanging" + std::to_string(dice_.below(12)) + ".test";
    const ConnectOptions options{.timeout = dice_.one_in(2) ? 100us : 1ms, .canceller = maybe_mine()};
    must_fail("connect_to",
              throws() ? caught([&] { return connect_to(host, 80, "soak", options); })
                       : try_connect_to(host, 80, "soak", options),
              {late, Errc::host_lookup_retry});
}

void Client::cancel_lookup() {
    const std::string host = "hanging" + std::to_string(dice_.below(12)) + ".test";
    auto struck = world_.striker.strike(canceller_, dice_.microseconds(1000));
    const auto looked_up = try_resolve(host, 80, {.timeout = patience, .canceller = canceller_});
    struck.get();
    canceller_.reset();
    must_fail("resolve", looked_up, {cancelled, Errc::host_lookup_retry});
}

// --- processes ---

void Client::fork_child() {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0) fail("fork", "the child did not end well");
}

}  // namespace soak
