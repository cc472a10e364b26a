// SPDX-License-Identifier: MIT
#include "no_memory.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

#ifndef SOCKBOOT_TEST_CANNOT_FAIL
// Not inline: GCC 12 would see a free() of what operator new gave, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
    const bool fails = allocations_until_failure >= 0 && allocations_until_failure-- == 0;
    void* const memory = fails ? nullptr : std::malloc(size == 0 ? 1 : size);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
// The other forms do what the standard library's do. AddressSanitizer's own would not come to the one above.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    try {
        return operator new(size);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
[[gnu::noinline]] void* operator new[](std::size_t size) { return operator new(size); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
#endif
