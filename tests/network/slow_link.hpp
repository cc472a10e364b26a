// SPDX-License-Identifier: MIT
// SlowLink: delay, loss and reordering for the packets of one address.
#pragma once

#include <chrono>
#include <memory>
#include <string>

namespace world {

struct Weather {
    std::chrono::milliseconds delay{0};   ///< of each packet
    std::chrono::milliseconds jitter{0};  ///< on top of it, from none to this at random: what reorders them
    double loss = 0;                      ///< the part of the packets that never arrives
};

/// While it lives, packets from and to one IPv4 address go through it.
class SlowLink {
public:
    virtual ~SlowLink() = default;

    /// Whether the library and the program that it takes are there.
    static bool is_installed();

    /// None where this machine cannot queue packets to a program.
    static std::unique_ptr<SlowLink> open(const std::string& address, const Weather& weather);

    /// Packets that it has let through, those of them that a later one had overtaken, and packets that it has dropped.
    struct Counts {
        int passed = 0, overtaken = 0, lost = 0;
    };
    [[nodiscard]] virtual Counts counts() const = 0;
};

}  // namespace world
