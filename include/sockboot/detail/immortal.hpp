// SPDX-License-Identifier: MIT
// immortal<T>(): one T for the whole program, made when it is first asked for and never destroyed.
#pragma once

#include <cstddef>
#include <new>

namespace sockboot::inline v0_2::detail {
/// Something that destructors of static objects may still need, and threads that run while the program exits.
/// Threads: any.
template <class T> [[gnu::visibility("default")]] const T& immortal() {
    alignas(T) static std::byte storage[sizeof(T)];
    static const T* const object = ::new (static_cast<void*>(storage)) T();
    return *object;
}
}  // namespace sockboot::inline v0_2::detail
