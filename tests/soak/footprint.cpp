// SPDX-License-Identifier: MIT
#include "footprint.hpp"

#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <string>
#include <thread>

namespace {

std::atomic<long> live_allocations{0}, live_bytes{0};

void* allocate(std::size_t size) noexcept {
    void* const memory = std::malloc(size != 0 ? size : 1);
    if (memory == nullptr) return nullptr;
    live_allocations.fetch_add(1, std::memory_order_relaxed);
    live_bytes.fetch_add(static_cast<long>(::malloc_usable_size(memory)), std::memory_order_relaxed);
    return memory;
}

void* allocate_or_throw(std::size_t size) {
    if (void* const memory = allocate(size)) return memory;
    throw std::bad_alloc();
}

void release(void* memory) noexcept {
    if (memory == nullptr) return;
    live_allocations.fetch_sub(1, std::memory_order_relaxed);
    live_bytes.fetch_sub(static_cast<long>(::malloc_usable_size(memory)), std::memory_order_relaxed);
    std::free(memory);
}

std::size_t entries(const char* folder) {
    namespace fs = std::filesystem;
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

std::size_t resident_kib() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
        if (std::size_t size = 0; word == "VmRSS:" && status >> size) return size;
    return 0;
}

}  // namespace

// All forms but the aligned ones: a sanitizer has its own for each that is missing, and they do not mix. Weak, since
// those of Clang's ThreadSanitizer are part of the program, and then nothing is counted here.
[[gnu::weak]] void* operator new(std::size_t size) { return allocate_or_throw(size); }
[[gnu::weak]] void* operator new[](std::size_t size) { return allocate_or_throw(size); }
[[gnu::weak]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
[[gnu::weak]] void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
[[gnu::weak]] void operator delete(void* memory) noexcept { release(memory); }
[[gnu::weak]] void operator delete[](void* memory) noexcept { release(memory); }
[[gnu::weak]] void operator delete(void* memory, std::size_t) noexcept { release(memory); }
[[gnu::weak]] void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
[[gnu::weak]] void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
[[gnu::weak]] void operator delete[](void* memory, const std::nothrow_t&) noexcept { release(memory); }

namespace soak {

Footprint Footprint::now() {
    Footprint all{};
    all.descriptors = entries("/proc/self/fd") - 1;  // without the folder's own
    all.threads = entries("/proc/self/task");
    all.resident_kib = ::resident_kib();
    all.allocations = live_allocations.load();
    all.bytes = live_bytes.load();
    all.lists = address_lists.load();
    all.malloced = ::mallinfo2().uordblks;
    return all;
}

Footprint Footprint::with_threads(std::size_t threads) {
    using std::chrono::steady_clock;
    const auto end = steady_clock::now() + std::chrono::seconds(30);
    while (now().threads > threads && steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return now();
}

void Footprint::print(const char* when) const {
    std::printf(
        "%s: %zu descriptors, %zu threads, %ld allocations of %ld bytes, %d lists of addresses; "
        "malloc: %zu bytes; resident: %zu KiB\n",
        when, descriptors, threads, allocations, bytes, lists, malloced, resident_kib);
    std::fflush(stdout);
}

}  // namespace soak
