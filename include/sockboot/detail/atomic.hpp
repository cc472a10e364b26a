// SPDX-License-Identifier: MIT
// Atomic<T>: the five operations that this library needs of std::atomic, without <atomic>, whose waiting and floating
// point cost every translation unit that includes sockboot an eighth more time to compile.
#pragma once

#include <type_traits>
#if !defined(__GNUC__)
#include <atomic>
#endif

namespace sockboot::inline v0_2::detail {
#if defined(__GNUC__)

/// A number, flag or pointer that several threads and signal handlers may touch; sequentially consistent.
/// It is kept in no less than an int: RISC-V has no lock-free byte for GCC 12.
template <class T> class Atomic {
    using Word = std::conditional_t<(sizeof(T) < sizeof(int)), int, T>;

public:
    static constexpr bool is_always_lock_free = __atomic_always_lock_free(sizeof(Word), nullptr);

    constexpr Atomic(T value) noexcept : word_(static_cast<Word>(value)) {}
    Atomic(const Atomic&) = delete;
    Atomic& operator=(const Atomic&) = delete;

    [[nodiscard]] T load() const noexcept {
        Word found;
        __atomic_load(&word_, &found, __ATOMIC_SEQ_CST);
        return static_cast<T>(found);
    }
    void store(T value) noexcept {
        auto next = static_cast<Word>(value);
        __atomic_store(&word_, &next, __ATOMIC_SEQ_CST);
    }
    T exchange(T value) noexcept {
        auto next = static_cast<Word>(value);
        Word before;
        __atomic_exchange(&word_, &next, &before, __ATOMIC_SEQ_CST);
        return static_cast<T>(before);
    }
    /// Sets it to `value` where it is `expected`; else `expected` becomes what it is.
    bool compare_exchange_strong(T& expected, T value) noexcept {
        auto found = static_cast<Word>(expected), next = static_cast<Word>(value);
        const bool set = __atomic_compare_exchange(&word_, &found, &next, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        expected = static_cast<T>(found);
        return set;
    }
    T fetch_add(T value) noexcept
        requires(sizeof(T) == sizeof(Word))
    {
        return __atomic_fetch_add(&word_, value, __ATOMIC_SEQ_CST);
    }
    T fetch_sub(T value) noexcept
        requires(sizeof(T) == sizeof(Word))
    {
        return __atomic_fetch_sub(&word_, value, __ATOMIC_SEQ_CST);
    }

private:
    Word word_;
};

#else

template <class T> using Atomic = std::atomic<T>;

#endif
}  // namespace sockboot::inline v0_2::detail
