// SPDX-License-Identifier: MIT
// What is random in the soak: each operation has dice of its own, so that it does the same whatever others came to.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace soak {

/// Random numbers. Source: splitmix64 (Vigna).
class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9E3779B97F4A7C15U;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
        return z ^ (z >> 31);
    }
    /// 0 to count - 1.
    std::size_t below(std::size_t count) { return next() % count; }
    bool one_in(std::size_t count) { return below(count) == 0; }
    template <class T, std::size_t count> const T& one_of(const T (&choices)[count]) { return choices[below(count)]; }
    std::chrono::microseconds microseconds(int below_this) {
        return std::chrono::microseconds(below(static_cast<std::size_t>(below_this)));
    }

private:
    std::uint64_t state_;
};

}  // namespace soak
