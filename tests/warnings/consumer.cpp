// SPDX-License-Identifier: MIT
// A program that uses every part of the library once: what a consumer's compiler has to say about its headers.
#include <sockboot/sockboot.hpp>
#include <sockboot/stop_token.hpp>

int main();

int main() {
    using namespace std::chrono_literals;
    auto server = sockboot::create_server("localhost", 0, "server");
    auto client = sockboot::connect_to("localhost", 1, "client", {.timeout = 2s});
    auto either = sockboot::connect_to_any({{"primary", 1}, {"backup", 2}}, "either");
    sockboot::send_message(client, "message");
    static_cast<void>(sockboot::recv_message(client));
    sockboot::send_all(either, "bytes");
    static_cast<void>(sockboot::recv_exact(either, 3));
    sockboot::graceful_close(either);

    sockboot::MessageChannel channel(std::move(client));
    channel.send("");  // short texts are what the optimiser looks into
    channel.queue("message");
    channel.flush();
    static_cast<void>(channel.receive_view());
    static_cast<void>(channel.skip());
    sockboot::MessageChannel lines(server.accept(), sockboot::Delimiter("\n"));
    lines.send("line");
    static_cast<void>(lines.receive());
    sockboot::MessageChannel rows(server.accept(), sockboot::formats::postgresql);
    rows.send("S");
    static_cast<void>(rows.receive());
    sockboot::MessageChannel pages(server.accept(), sockboot::formats::mqtt);
    pages.send("");
    sockboot::FrameDecoder decoder;
    decoder.feed("bytes");
    static_cast<void>(decoder.next());
    const auto before = sockboot::set_log_sink([](sockboot::LogLevel, std::string_view) {});
    sockboot::set_log_sink(before);
    sockboot::Canceller canceller;
    canceller.cancel();
    return sockboot::try_resolve("name", 1) ? 0 : 1;
}
