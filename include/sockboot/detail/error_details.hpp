// SPDX-License-Identifier: MIT
// What an Error points to: ErrorSource, which a socket shares with its errors, and ErrorDetails, which one error owns.
#pragma once

#include <shared_mutex>  // std::chrono without the calendar: see sockboot.hpp
#include <string>
#include <string_view>
#include <system_error>
#include <vector>
#include "../operation.hpp"
#include "shared.hpp"

namespace sockboot::inline v0_2 {
/// One address that was tried before the whole failed.
struct Attempt {
    std::string endpoint;                      ///< as Endpoint::to_string writes it
    std::error_code code;                      ///< why this address failed
    std::chrono::nanoseconds elapsed{};        ///< from the start of this attempt to its end
    Operation operation = Operation::connect;  ///< the step that failed: also open, configure or bind
};

namespace detail {
/// Whom an error concerns. A socket shares its own with its errors, so that those cost no allocation.
class ErrorSource : public Counted {
public:
    explicit ErrorSource(std::string_view context) : context_(context) {}
    virtual ~ErrorSource() = default;

    [[nodiscard]] std::string_view context() const noexcept { return context_; }
    [[nodiscard]] virtual std::string endpoint() const = 0;
    [[nodiscard]] virtual struct ErrorDetails* details() noexcept { return nullptr; }

protected:
    ErrorSource(const ErrorSource& other) : context_(other.context_) {}
    std::string context_;
};

/// What an error has to tell beyond its source. Edited in place while one Error alone owns it, else copied first.
struct ErrorDetails final : ErrorSource {
    explicit ErrorDetails(ErrorSource* source)
        : ErrorSource(source ? source->context() : std::string_view()), where(source ? source->endpoint() : "") {}
    ErrorDetails(const ErrorDetails&) = default;
    ErrorDetails& operator=(const ErrorDetails&) = delete;

    [[nodiscard]] std::string endpoint() const override { return where; }
    [[nodiscard]] ErrorDetails* details() noexcept override { return this; }
    void set_context(std::string_view context) { context_ = context; }

    std::string where;
    std::string note;                               ///< a hint for the person who reads the sentence
    std::vector<Attempt> attempts;                  ///< in the order in which they were started
    const std::error_category* category = nullptr;  ///< where it is none of those that every Error knows
};
}  // namespace detail
}  // namespace sockboot::inline v0_2
