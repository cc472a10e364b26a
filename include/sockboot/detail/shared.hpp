// SPDX-License-Identifier: MIT
// Shared<T>: one pointer to a reference-counted object; half the size of std::shared_ptr, and no <memory>.
#pragma once

#include <cstdint>
#include <utility>
#include "atomic.hpp"

namespace sockboot::inline v0_2::detail {
/// What Shared<T> counts in; a T derives from it.
class Counted {
public:
    Counted() = default;
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

protected:
    ~Counted() = default;

private:
    template <class T> friend class Shared;
    mutable Atomic<std::uint32_t> owners_{1};
};

/// Owns a T together with its copies; the last one deletes it.
/// Threads: distinct copies may be used and destroyed in distinct threads.
template <class T> class Shared {
public:
    Shared() noexcept = default;
    explicit Shared(T* fresh) noexcept : object_(fresh) {}
    Shared(const Shared& other) noexcept : object_(other.object_) {
        if (object_) object_->owners_.fetch_add(1);
    }
    Shared(Shared&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}

    template <class Derived> Shared(const Shared<Derived>& other) noexcept : object_(other.get()) {
        if (object_) object_->owners_.fetch_add(1);
    }
    Shared& operator=(Shared other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Shared() {
        if (object_ && object_->owners_.fetch_sub(1) == 1) delete object_;
    }

    [[nodiscard]] T* get() const noexcept { return object_; }
    [[nodiscard]] T& operator*() const noexcept { return *object_; }
    [[nodiscard]] T* operator->() const noexcept { return object_; }
    explicit operator bool() const noexcept { return object_ != nullptr; }
    /// Whether there is no other owner, so that the object may be changed. False for none.
    [[nodiscard]] bool is_unique() const noexcept { return object_ && object_->owners_.load() == 1; }

private:
    T* object_ = nullptr;
};
}  // namespace sockboot::inline v0_2::detail
