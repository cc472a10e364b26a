// SPDX-License-Identifier: MIT
// Result<T>: a T or an Error, under the names of std::expected; what every try_ call returns.
#pragma once

#include <cassert>
#include <cstdio>   // std::fputs: the last words of a program built without exceptions
#include <cstdlib>  // std::abort
#include <new>      // placement
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include "error.hpp"

namespace sockboot::inline v0_2 {
namespace detail {
/// The only throw in the library. Built with -fno-exceptions it prints the sentence and aborts.
[[noreturn]] inline void throw_error(const Error& error) {
#if defined(__cpp_exceptions)
    throw SocketError(error);
#else
    std::fputs((error.message() + '\n').c_str(), stderr);
    std::abort();
#endif
}
template <class T> inline constexpr bool is_optional = false;
template <class T> inline constexpr bool is_optional<std::optional<T>> = true;

/// A value that can itself be false: `while (auto got = try_recv_message(…))` would go on behind the end.
template <class T>
concept AskHasValueInstead = std::is_same_v<T, bool> || is_optional<T>;
}  // namespace detail

/// A T, or the Error that kept it from being made.
///
/// A call that returns one throws nothing, but std::bad_alloc when memory itself has run out.
/// value() of an error throws SocketError; `*` and `->` on an error are a mistake, which assert() finds.
/// Threads: as a T.
template <class T> class [[nodiscard]] Result {
public:
    using value_type = T;
    using error_type = Error;

    Result(T value) noexcept : value_(std::move(value)), has_value_(true) {}
    Result(Error error) noexcept : error_(std::move(error)), has_value_(false) {}

    Result(Result&& other) noexcept : has_value_(other.has_value_) { take(std::move(other)); }
    Result(const Result& other)
        requires requires(const T& value) { T(value); }
        : has_value_(other.has_value_) {
        take(other);
    }

    Result& operator=(Result other) noexcept {
        destroy();
        has_value_ = other.has_value_;
        take(std::move(other));
        return *this;
    }

    ~Result() { destroy(); }

    [[nodiscard]] bool has_value() const noexcept { return has_value_; }
    explicit operator bool() const noexcept { return has_value_; }
    explicit operator bool() const noexcept  // write has_value() for it: the value has a truth of its own
        requires detail::AskHasValueInstead<T>
    = delete;
    /// The value; throws SocketError where there is none.
    T& value() & { return check(), value_; }
    const T& value() const& { return check(), value_; }
    T&& value() && { return check(), std::move(value_); }

    T& operator*() & noexcept { return assert(has_value_), value_; }
    const T& operator*() const& noexcept { return assert(has_value_), value_; }
    T&& operator*() && noexcept { return assert(has_value_), std::move(value_); }
    T* operator->() noexcept { return assert(has_value_), &value_; }
    const T* operator->() const noexcept { return assert(has_value_), &value_; }

    Error& error() & noexcept { return assert(!has_value_), error_; }
    const Error& error() const& noexcept { return assert(!has_value_), error_; }
    Error&& error() && noexcept { return assert(!has_value_), std::move(error_); }

    template <class U> [[nodiscard]] T value_or(U&& otherwise) && {
        return has_value_ ? std::move(value_) : static_cast<T>(std::forward<U>(otherwise));
    }
    template <class U> [[nodiscard]] T value_or(U&& otherwise) const& {
        return has_value_ ? value_ : static_cast<T>(std::forward<U>(otherwise));
    }
    /// `next(value)`, itself a Result, or the error handed on.
    template <class Next> auto and_then(Next&& next) && -> std::invoke_result_t<Next, T> {
        if (has_value_) return std::forward<Next>(next)(std::move(value_));
        return std::move(error_);
    }
    /// A Result of `change(value)`, or the error handed on.
    template <class Change> auto transform(Change&& change) && -> Result<std::invoke_result_t<Change, T>> {
        if (!has_value_) return std::move(error_);
        if constexpr (std::is_void_v<std::invoke_result_t<Change, T>>)
            return std::forward<Change>(change)(std::move(value_)), Result<std::invoke_result_t<Change, T>>();
        else
            return std::forward<Change>(change)(std::move(value_));
    }
    /// This value, or the Result of `other(error)`.
    template <class Other> Result or_else(Other&& other) && {
        if (has_value_) return std::move(*this);
        return std::forward<Other>(other)(std::move(error_));
    }

private:
    void check() const {
        if (!has_value_) detail::throw_error(error_);
    }
    template <class From> void take(From&& other) {
        if (has_value_)
            ::new (static_cast<void*>(&value_)) T(std::forward<From>(other).value_);
        else
            ::new (static_cast<void*>(&error_)) Error(std::forward<From>(other).error_);
    }
    void destroy() noexcept {
        if (has_value_)
            value_.~T();
        else
            error_.~Error();
    }

    union {
        T value_;
        Error error_;
    };
    bool has_value_;
};

/// Success, or the Error that prevented it.
template <> class [[nodiscard]] Result<void> {
public:
    using value_type = void;
    using error_type = Error;

    Result() noexcept = default;
    Result(Error error) noexcept : result_(std::move(error)) {}

    [[nodiscard]] bool has_value() const noexcept { return result_.has_value(); }
    explicit operator bool() const noexcept { return result_.has_value(); }
    /// Throws SocketError where it failed.
    void value() const { static_cast<void>(result_.value()); }
    void operator*() const noexcept { static_cast<void>(*result_); }

    const Error& error() const& noexcept { return result_.error(); }
    Error&& error() && noexcept { return std::move(result_).error(); }
    /// `next()`, itself a Result, or the error handed on.
    template <class Next> auto and_then(Next&& next) && -> std::invoke_result_t<Next> {
        if (has_value()) return std::forward<Next>(next)();
        return std::move(result_).error();
    }
    /// Success, or the Result of `other(error)`.
    template <class Other> Result or_else(Other&& other) && {
        if (has_value()) return {};
        return std::forward<Other>(other)(std::move(result_).error());
    }

private:
    struct Done {};
    Result<Done> result_ = Done{};
};
}  // namespace sockboot::inline v0_2
