// SPDX-License-Identifier: MIT
// Atomic<T>: the five operations that this library needs of std::atomic, without <atomic>, whose waiting and floating
// point cost every translation unit that includes sockboot an eighth more time to compile.
#pragma once

#if !defined(__GNUC__)
#include <atomic>
#endif

namespace sockboot::inline v0_2::detail {
#if defined(__GNUC__)

/// A number, flag or pointer that several threads and signal handlers may touch; sequentially consistent.
template <class T> class Atomic {
public:
    static constexpr bool is_always_lock_free = __atomic_always_lock_free(sizeof(T), nullptr);

    constexpr Atomic(T value) noexcept : value_(value) {}
    Atomic(const Atomic&) = delete;
    Atomic& operator=(const Atomic&) = delete;

    [[nodiscard]] T load() const noexcept {
        T value;
        __atomic_load(&value_, &value, __ATOMIC_SEQ_CST);
        return value;
    }
    void store(T value) noexcept { __atomic_store(&value_, &value, __ATOMIC_SEQ_CST); }
    T exchange(T value) noexcept {
        T before;
        __atomic_exchange(&value_, &value, &before, __ATOMIC_SEQ_CST);
        return before;
    }
    /// Sets it to `next` where it is `expected`; else `expected` becomes what it is.
    bool compare_exchange_strong(T& expected, T next) noexcept {
        return __atomic_compare_exchange(&value_, &expected, &next, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    T fetch_add(T value) noexcept { return __atomic_fetch_add(&value_, value, __ATOMIC_SEQ_CST); }
    T fetch_sub(T value) noexcept { return __atomic_fetch_sub(&value_, value, __ATOMIC_SEQ_CST); }

private:
    T value_;
};

#else

template <class T> using Atomic = std::atomic<T>;

#endif
}  // namespace sockboot::inline v0_2::detail
