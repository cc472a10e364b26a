// SPDX-License-Identifier: MIT
// AdaptiveSize: how large a buffer is to be, by what it was used for.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sockboot::inline v0_2::detail {
/// Starts small, grows while the buffer is filled to its end, and says when a buffer that was needed once is not
/// needed any more.
class AdaptiveSize {
public:
    /// What a connection that moves small messages keeps, in each direction: 10,000 of them keep 20 MB.
    static constexpr std::size_t first_size = std::size_t{1} << 10;
    static constexpr std::size_t min_size = 512;

    explicit AdaptiveSize(std::size_t max_size) noexcept
        : max_(max_size > min_size ? max_size : min_size), size_(max_ < first_size ? max_ : first_size) {}

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t max_size() const noexcept { return max_; }
    /// The buffer was too small for what there was.
    [[gnu::cold]] void grow() noexcept { size_ = size_ < max_ / growth ? growth * size_ : max_; }
    /// The buffer, of `capacity` bytes, is empty again after `used` bytes had been in it. Whether it is to be given
    /// back: when less than a quarter was needed so many times in a row.
    [[nodiscard, gnu::always_inline]] inline bool is_oversized(std::size_t used, std::size_t capacity) noexcept {
        return capacity > first_size && was_small_use(used, capacity);
    }

private:
    /// So that a stream has its largest buffer after four full receives, and not late in its life.
    static constexpr std::size_t growth = 4;
    static constexpr std::uint8_t max_small_uses = 255;

    [[gnu::noinline]] bool was_small_use(std::size_t used, std::size_t capacity) noexcept {
        const std::size_t quarter = capacity / 4;
        small_uses_ = used < quarter ? static_cast<std::uint8_t>(small_uses_ + 1) : std::uint8_t{0};
        if (small_uses_ < max_small_uses) return false;
        small_uses_ = 0;
        const std::size_t smaller = quarter > first_size ? quarter : first_size;
        size_ = smaller < max_ ? smaller : max_;
        return true;
    }
    std::size_t max_, size_;
    std::uint8_t small_uses_ = 0;
};
}  // namespace sockboot::inline v0_2::detail
