// SPDX-License-Identifier: MIT
// What the process holds at a moment when nothing is under way.
#pragma once

#include <atomic>
#include <cstddef>

namespace soak {

/// Lists that getaddrinfo has given out and freeaddrinfo has not taken back.
inline std::atomic<int> address_lists{0};

struct Footprint {
    std::size_t descriptors, threads;
    long allocations, bytes;   ///< of operator new that are alive
    int lists;                 ///< of addresses
    std::size_t malloced;      ///< as malloc counts, with what it keeps for the next call
    std::size_t resident_kib;  ///< of physical memory

    /// That of this moment.
    static Footprint now();
    /// As soon as there are that many threads and no more; those of the resolver end after five idle seconds.
    static Footprint with_threads(std::size_t threads);
    void print(const char* when) const;
};

}  // namespace soak
