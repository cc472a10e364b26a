// SPDX-License-Identifier: MIT
// The network that in_namespace.sh makes, as its tests see it.
#pragma once

#include <net/if.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include <sockboot/sockboot.hpp>

#include "catch.hpp"
#include "loopback.hpp"

namespace world {

using namespace std::chrono_literals;

/// The base of every case here: outside of the namespace none begins.
class Network {
protected:
    Network() {
        INFO("run this through in_namespace.sh");
        REQUIRE(::if_nametoindex("near") != 0);
        sockboot::set_log_level(sockboot::LogLevel::warning);
    }
};

/// A listener on the address that good.test, and the last address of most other names, stands for.
inline sockboot::Socket good_server() { return sockboot::create_server("192.0.2.129", 0, "good"); }

/// Changes the network: ip, nft.
inline void run(const std::string& command) {
    INFO(command);
    REQUIRE(std::system(command.c_str()) == 0);
}

/// From here on nothing comes from this IPv4 address, and nothing gets there.
inline void silence(const std::string& address) { run("nft add element inet world silent_ipv4 '{ " + address + " }'"); }

/// How many packets silence has swallowed.
inline std::uint64_t packets_lost_in_silence() {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen("nft list counter inet world silence", "r"),
                                                               &::pclose);
    std::string text(1000, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), pipe.get()));
    const std::size_t number = text.find("packets ");
    REQUIRE(number != std::string::npos);
    return std::stoull(text.substr(number + 8));
}

}  // namespace world
