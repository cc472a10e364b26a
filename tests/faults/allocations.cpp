// SPDX-License-Identifier: MIT
// A process that has no memory left: whose a descriptor is stays as it was promised.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>

#include <sockboot/socket.hpp>

#include "catch.hpp"

// Clang's ThreadSanitizer brings an operator new that cannot be replaced: there, none fails.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SOCKBOOT_TEST_CANNOT_FAIL
#endif
#endif

#ifndef SOCKBOOT_TEST_CANNOT_FAIL
namespace {

/// How many allocations of this thread work until one fails; below zero: none does.
thread_local int until_failure = -1;

/// Makes `call` with its first, its second, … allocation failing until none is left to fail; `check` looks at each
/// failure. Returns how many those were.
template <class Call, class Check> int fail_each_allocation(const Call& call, const Check& check) {
    for (int nth = 0;; ++nth) {
        until_failure = nth;
        bool failed = false;
        try {
            call();
        } catch (const std::bad_alloc&) {
            failed = true;
        }
        until_failure = -1;
        if (!failed) return nth;
        CAPTURE(nth);
        check();
    }
}

}  // namespace

// Not inline: GCC 12 would see a free() of what operator new gave, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
    if (until_failure >= 0 && until_failure-- == 0) throw std::bad_alloc();
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

TEST_CASE("adopt: without memory for it, the descriptor is still the caller's", "[faults]") {
    const std::string context = "a name that is too long to be kept without memory of its own";
    const int handle = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(handle >= 0);
    int released = -1;
    const int failures = fail_each_allocation([&] { released = sockboot::Socket::adopt(handle, context).release(); },
                                              [&] { CHECK(::fcntl(handle, F_GETFD) != -1); });
    CHECK(released == handle);
    CHECK(failures >= 2);  // who it is, and its name
    CHECK(::close(handle) == 0);
}
#endif
