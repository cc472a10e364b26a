// SPDX-License-Identifier: MIT
// Subscribes to a topic of an MQTT broker (version 3.1.1), publishes to it, and prints what comes back.
#include <sockboot/sockboot.hpp>

#include "../command_line.hpp"

using namespace std::string_literals;

static std::string receive_packet(sockboot::MessageChannel<>& mqtt) {
    auto packet = mqtt.receive();
    if (!packet) throw std::runtime_error("the broker has closed the connection");
    return std::move(*packet);
}

static void expect(sockboot::MessageChannel<>& mqtt, const std::string& packet, const char* refusal) {
    if (receive_packet(mqtt) != packet) throw std::runtime_error(refusal);
}

static void run(const std::vector<std::string>& arguments) {
    const auto [host, port, topic, payload] = examples::exactly<4>(arguments);
    std::string name;  // the topic with two bytes of size in front, as it stands in packets
    sockboot::append_frame(name, topic, sockboot::LengthPrefix{.width = 2});
    auto socket =
        sockboot::connect_to(host, examples::parse_port(port), "mqtt", {.io_timeout = std::chrono::seconds(10)});
    sockboot::MessageChannel mqtt(std::move(socket), sockboot::formats::mqtt);
    mqtt.send("\x10\0\4MQTT\4\2\0\0\0\0"s);  // connect: a clean session, no keep-alive, any name
    expect(mqtt, "\x20\0\0"s, "the broker refuses the connection");
    mqtt.send("\x82\0\1"s + name + '\0');  // subscribe, as packet 1, at most once
    expect(mqtt, "\x90\0\1\0"s, "the broker refuses the subscription");
    mqtt.send("\x30" + name + payload);  // publish
    const std::string packet = receive_packet(mqtt);
    if (!packet.starts_with("\x30" + name)) throw std::runtime_error("the broker sends something else");
    std::printf("%s\n", packet.c_str() + 1 + name.size());
    mqtt.send("\xE0");  // disconnect
    examples::flush_output();
}

int main(int argc, char** argv) { return examples::run(argc, argv, "usage: mqtt HOST PORT TOPIC PAYLOAD\n", run); }
