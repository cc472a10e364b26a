// SPDX-License-Identifier: MIT
// A server and its client with one version of sockboot. Built twice; EXCHANGE is the function that others call.
#include "version_unit.hpp"

#include <sockboot/sockboot.hpp>

#include <chrono>
#include <typeinfo>

using namespace std::chrono_literals;

namespace {

/// What `client` receives for `question` when `served` answers.
std::string ask(sockboot::Socket& client, sockboot::Socket& served, const std::string& question) {
    sockboot::send_message(client, question);
    sockboot::send_message(served, "you said " + sockboot::recv_message(served).value());
    return sockboot::recv_message(client).value();
}

/// Waits, for a moment, for a message that does not come.
void wait_in_vain(sockboot::Socket& client, Exchange& exchange) {
    client.set_timeout(1ms);
    try {
        static_cast<void>(sockboot::recv_message(client));
    } catch (const sockboot::SocketError& error) {
        exchange.deadline_exceeded = error.code() == sockboot::Errc::deadline_exceeded;
        exchange.deadline_sentence = error.what();
    }
}

}  // namespace

Exchange EXCHANGE() {
    sockboot::set_log_level(sockboot::LogLevel::off);
    auto server = sockboot::create_server("127.0.0.1", 0, "server", {.timeout = 30s});
    const auto port = server.local_endpoint().port();
    auto client = sockboot::connect_to("127.0.0.1", port, "client", {.timeout = 30s, .io_timeout = 30s});
    auto served = server.accept();

    Exchange exchange{
        typeid(sockboot::Socket).name(), sizeof(sockboot::Timeout), &sockboot::error_category(), {}, {}, {}};
    exchange.answer = ask(client, served, "hello");
    wait_in_vain(client, exchange);
    return exchange;
}
