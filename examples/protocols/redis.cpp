// SPDX-License-Identifier: MIT
// Sets a key of a Redis server to the bytes of a file and gets it back: lines, and bytes that a line announces (RESP2).
#include <sockboot/sockboot.hpp>

#include "../command_line.hpp"

using Redis = sockboot::MessageChannel<sockboot::Socket, sockboot::Delimiter>;

/// How many words there are, and each with its size in front, so that it may hold any bytes.
static void send_command(Redis& redis, std::initializer_list<std::string_view> words) {
    redis.queue("*" + std::to_string(words.size()));
    for (const std::string_view word : words) {
        redis.queue("$" + std::to_string(word.size()));
        redis.queue_exact(word);
        redis.queue("");  // the line end behind it
    }
    redis.flush();
}

static void expect_line(Redis& redis, const std::string& expected) {
    const std::string line = redis.receive().value_or("nothing, and closed the connection");
    if (line != expected) throw std::runtime_error("Redis said " + line + " instead of \"" + expected + "\"");
}

static void run(const std::vector<std::string>& arguments) {
    const auto [host, port, path] = examples::exactly<3>(arguments);
    const std::string value = examples::read_file(path);
    Redis redis(sockboot::connect_to(host, examples::parse_port(port), "redis"), sockboot::Delimiter("\r\n"));
    send_command(redis, {"SET", "sockboot", value});
    expect_line(redis, "+OK");
    send_command(redis, {"GET", "sockboot"});
    expect_line(redis, "$" + std::to_string(value.size()));
    if (redis.receive_exact(value.size()) != value) throw std::runtime_error("Redis gave back other bytes");
    expect_line(redis, "");
    std::printf("ok %zu bytes\n", value.size());
    examples::flush_output();
}

int main(int argc, char** argv) { return examples::run(argc, argv, "usage: redis HOST PORT FILE\n", run); }
