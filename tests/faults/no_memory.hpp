// SPDX-License-Identifier: MIT
// Memory that runs out at a chosen allocation of this thread.
#pragma once

#include <new>

// ThreadSanitizer brings an operator new that cannot be replaced: there, nothing fails.
#if defined(__SANITIZE_THREAD__)
#define SOCKBOOT_TEST_CANNOT_FAIL
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SOCKBOOT_TEST_CANNOT_FAIL
#endif
#endif

/// Allocations of this thread until one fails; below zero: none does.
inline thread_local long allocations_until_failure = -1;

/// Makes `call` with its n-th allocation failing. Returns whether it did.
template <class Call> bool runs_out(long n, const Call& call) {
    allocations_until_failure = n;
    try {
        call();
    } catch (const std::bad_alloc&) {
        return allocations_until_failure = -1, true;
    }
    const bool failed = allocations_until_failure == -1;  // and the call went on without
    allocations_until_failure = -1;
    return failed;
}
