// SPDX-License-Identifier: MIT
// Buffer: bytes on their way through, filled at the end and taken from the front.
#pragma once

#include <cstddef>
#include <cstring>  // std::memcpy
#include <utility>
#include "../byte_view.hpp"

namespace sockboot::inline v0_2::detail {
/// Memory that is taken for announced bytes before they have come; beyond it, storage doubles as they arrive.
inline constexpr std::size_t max_upfront_allocation = std::size_t{64} << 10;

/// Storage that is not initialised, and moves or grows only when room is asked for.
/// Threads: one at a time.
class Buffer {
public:
    Buffer() noexcept = default;
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    Buffer(Buffer&& other) noexcept { swap(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        Buffer moved(static_cast<Buffer&&>(other));
        swap(moved);
        return *this;
    }
    ~Buffer() { delete[] storage_; }

    [[nodiscard]] const std::byte* data() const noexcept { return begin_; }
    [[nodiscard]] std::byte* data() noexcept { return begin_; }
    [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(end_ - begin_); }
    [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
    [[nodiscard]] ByteView view() const noexcept { return {begin_, size()}; }
    /// Where the next bytes go, and how many there is room for.
    [[nodiscard]] std::byte* end() const noexcept { return end_; }
    [[nodiscard]] std::size_t room() const noexcept { return static_cast<std::size_t>(limit_ - end_); }
    [[nodiscard]] std::size_t capacity() const noexcept { return static_cast<std::size_t>(limit_ - storage_); }
    /// `count` bytes have been written at end(); `count` bytes have been taken from data().
    void commit(std::size_t count) noexcept { end_ += count; }
    void consume(std::size_t count) noexcept { begin_ += count; }
    /// The `count` bytes that were taken last are there again, if no room was asked for since.
    void restore(std::size_t count) noexcept { begin_ -= count; }
    /// Of a buffer that is empty: where its storage begins; `count` bytes have been written there.
    [[nodiscard]] std::byte* front() const noexcept { return storage_; }
    void refill(std::size_t count) noexcept { begin_ = storage_, end_ = storage_ + count; }
    /// Keeps the first `count` bytes of what is there.
    void truncate(std::size_t count) noexcept { end_ = begin_ + count; }
    void clear() noexcept { begin_ = end_ = storage_; }
    /// Adds bytes for which there is room.
    void append(const void* bytes, std::size_t count) noexcept {
        std::byte* const to = end_;
        end_ += count;
        if (count != 0) std::memcpy(to, bytes, count);
    }
    /// Makes room for `count` bytes: by going back to the front, else by moving what is there, else by growing, to
    /// twice the size at least.
    void reserve(std::size_t count) {
        if (empty()) clear();
        if (count > room()) move_or_grow(count);
    }

    /// Uses no more than the first `count` bytes of the storage, where they hold what is there.
    void limit_to(std::size_t count) noexcept {
        if (count < capacity() && storage_ + count >= end_) limit_ = storage_ + count;
    }

private:
    [[gnu::noinline]] void move_or_grow(std::size_t count) {
        const std::size_t held = size();
        std::byte* storage = storage_;
        // More than there can be is asked for as such, and fails as such.
        const std::size_t wanted = count < ~held ? held + count : ~std::size_t{0};
        // No more is moved than was taken from the front before, so that bytes in small pieces cost their number.
        const bool moving_pays = held <= static_cast<std::size_t>(begin_ - storage_);
        if (wanted > capacity() || !moving_pays) {
            const std::size_t doubled = 2 * capacity();
            const std::size_t fresh = wanted > doubled ? wanted : doubled;
            storage = new std::byte[fresh];
            limit_ = storage + fresh;
        }
        if (held != 0) std::memmove(storage, begin_, held);
        if (storage != storage_) delete[] storage_;
        storage_ = begin_ = storage;
        end_ = storage + held;
    }

    void swap(Buffer& other) noexcept {
        std::swap(storage_, other.storage_), std::swap(begin_, other.begin_);
        std::swap(end_, other.end_), std::swap(limit_, other.limit_);
    }
    std::byte* storage_ = nullptr;
    std::byte* begin_ = nullptr;
    std::byte* end_ = nullptr;
    std::byte* limit_ = nullptr;
};
}  // namespace sockboot::inline v0_2::detail
