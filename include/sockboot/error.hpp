// SPDX-License-Identifier: MIT
// Error: what failed, where, for whom and why, as a value; SocketError: the same as an exception.
#pragma once

#include <cstdint>
#include <stdexcept>  // std::runtime_error: a string whose copies cannot throw
#include <string>
#include <string_view>
#include <system_error>
#include <utility>  // std::move
#include <vector>
#include "detail/error_details.hpp"  // Attempt
#include "detail/immortal.hpp"
#include "detail/shared.hpp"
#include "detail/text.hpp"
#include "detail/transient.hpp"
#include "detail/winsock_category.hpp"
#include "errc.hpp"
#include "operation.hpp"

namespace sockboot::inline v0_2 {
class Error;

namespace detail {
/// For those who make sockets: an error with the source that a socket shares with all of its errors.
Error with_source(Error error, const Shared<ErrorSource>& source);
}  // namespace detail

/// What failed, where, for whom and why. A value of 32 bytes, cheap to copy.
///
/// An Error that a socket makes for a call that would block or timed out allocates nothing.
/// Threads: as a std::string: copies are independent.
class Error : public detail::Streamable<Error> {
public:
    Error(std::error_code code, Operation operation) : value_(code.value()), operation_(operation) {
        const std::error_category& category = code.category();
        category_ = category == std::system_category()       ? Category::system
                    : category == error_category()           ? Category::sockboot
                    : category == std::generic_category()    ? Category::generic
                    : category == detail::winsock_category() ? Category::winsock
                                                             : Category::other;
        if (category_ == Category::other) editable_details().category = &category;
    }
    /// The reason: a number of the system (errno, or Winsock's), or an Errc. Compare it with std::errc or Errc.
    [[nodiscard]] std::error_code code() const noexcept {
        switch (category_) {
            case Category::system: return {value_, std::system_category()};
            case Category::generic: return {value_, std::generic_category()};
            case Category::sockboot: return {value_, error_category()};
            case Category::winsock: return {value_, detail::winsock_category()};
            case Category::other: break;
        }
        const detail::ErrorDetails* const known = details();  // none where it was moved from
        return {value_, known ? *known->category : std::generic_category()};
    }
    /// The step that failed; to_string() of it is one word.
    [[nodiscard]] Operation operation() const noexcept { return operation_; }
    /// The name that the caller gave to this server or client; empty where none was given.
    [[nodiscard]] std::string_view context() const noexcept {
        return source_ ? source_->context() : std::string_view{};
    }
    /// The address that it concerns, as Endpoint::to_string writes it, or "host:port" as it was asked for.
    [[nodiscard]] std::string endpoint() const { return source_ ? source_->endpoint() : std::string{}; }
    /// Every address that was tried, in order, where the operation tries several.
    [[nodiscard]] const std::vector<Attempt>& attempts() const noexcept {
        const detail::ErrorDetails* const known = details();
        return known ? known->attempts : detail::immortal<std::vector<Attempt>>();
    }
    /// Bytes that had been sent or received when it failed, and how many were wanted (0 and 0: not known).
    [[nodiscard]] std::uint64_t transferred() const noexcept { return done_; }
    [[nodiscard]] std::uint64_t wanted() const noexcept { return wanted_; }
    /// Whether doing the same again may succeed without anybody mending anything.
    /// Of a connect that failed at several addresses: whether it may at one of them.
    [[nodiscard]] bool transient() const noexcept {
        if (permanent_) return false;
        if (detail::is_transient(code(), operation_)) return true;
        if (code() == Errc::deadline_exceeded || code() == Errc::cancelled) return false;
        for (const Attempt& attempt : attempts())
            if (detail::is_transient(attempt.code, attempt.operation)) return true;
        return false;
    }
    /// Whether a call that was to try once (Timeout of zero) found nothing to do.
    [[nodiscard]] bool would_block() const noexcept {
        const std::error_code reason = code();
        return reason == std::errc::operation_would_block || reason == std::errc::resource_unavailable_try_again;
    }
    /// The whole in one sentence: "[context] connect to host:port: reason (details)"; `out << error` writes it.
    /// It is one line: a control character in a name is written \xNN. Of many attempts, it names eight.
    [[nodiscard, gnu::cold]] std::string message() const {
        const detail::ErrorDetails* const known = details();
        const std::string_view note = known ? std::string_view(known->note) : std::string_view();
        return detail::error_text(
            {context(), endpoint(), note, operation_, code(), done_, wanted_, permanent_, attempts()});
    }
    /// Builders, for those who write a Stream of their own: each returns the error with one thing more.
    /// `endpoint` is what it concerns, unless it knows a closer one already.
    [[nodiscard]] Error with_context(std::string_view context, std::string endpoint) && {
        detail::ErrorDetails& mine = editable_details();
        mine.set_context(context);
        if (mine.where.empty()) mine.where = std::move(endpoint);
        return std::move(*this);
    }
    [[nodiscard]] Error with_note(std::string note) && {
        editable_details().note = std::move(note);
        return std::move(*this);
    }
    [[nodiscard]] Error with_attempts(std::vector<Attempt> attempts) && {
        editable_details().attempts = std::move(attempts);
        return std::move(*this);
    }
    [[nodiscard]] Error with_progress(std::uint64_t done, std::uint64_t wanted) && noexcept {
        done_ = done;
        wanted_ = wanted;
        return std::move(*this);
    }
    /// Never transient(), whatever its code: the same call would not go on where this one stopped.
    [[nodiscard]] Error as_permanent() && noexcept {
        permanent_ = true;
        return std::move(*this);
    }

private:
    friend Error detail::with_source(Error error, const detail::Shared<detail::ErrorSource>& source);
    enum class Category : std::uint8_t { system, generic, sockboot, winsock, other };

    [[nodiscard]] const detail::ErrorDetails* details() const noexcept {
        return source_ ? source_->details() : nullptr;
    }
    /// The details of this error alone, made or copied where they are not.
    [[nodiscard, gnu::cold]] detail::ErrorDetails& editable_details() {
        detail::ErrorDetails* known = source_ ? source_->details() : nullptr;
        if (known && source_.is_unique()) return *known;
        auto* fresh = known ? new detail::ErrorDetails(*known) : new detail::ErrorDetails(source_.get());
        source_ = detail::Shared<detail::ErrorSource>(fresh);
        return *fresh;
    }

    // A std::error_code would take 16 bytes. The categories that occur are kept as one byte;
    // any other one lives in the details.
    detail::Shared<detail::ErrorSource> source_;
    std::uint64_t done_ = 0;
    std::uint64_t wanted_ = 0;
    int value_;
    Operation operation_;
    Category category_;
    bool permanent_ = false;
};
static_assert(sizeof(Error) <= 32);

/// What the throwing form of every call throws; what() is Error::message().
class [[gnu::visibility("default")]] SocketError : public std::system_error {
public:
    explicit SocketError(Error error)
        : std::system_error(error.code()), sentence_(error.message()), error_(std::move(error)) {}

    [[nodiscard]] const Error& error() const noexcept { return error_; }
    [[nodiscard]] const char* what() const noexcept override { return sentence_.what(); }

private:
    std::runtime_error sentence_;
    Error error_;
};

namespace detail {
inline Error with_source(Error error, const Shared<ErrorSource>& source) {
    if (!error.details()) {
        error.source_ = source;
    } else if (source) {
        ErrorDetails& details = error.editable_details();
        details.set_context(source->context());
        details.where = source->endpoint();
    }
    return error;
}

/// An argument that cannot be used; `note` names it and says what could.
inline Error invalid_argument(Operation operation, std::string note) {
    return Error(make_error_code(std::errc::invalid_argument), operation).with_note(std::move(note));
}

/// A message over the limit, which was not sent.
inline Error message_too_large_to_send(std::uint64_t size, std::uint64_t limit) {
    return Error(Errc::message_too_large, Operation::send)
        .with_note(concat({"the message has ", std::to_string(size), " bytes, the limit is ", std::to_string(limit),
                           "; nothing was sent"}));
}
/// One that is not received; `guess`: empty, or the end of the sentence.
inline Error message_too_large_to_receive(std::uint64_t size, std::uint64_t limit, std::string_view guess = {}) {
    return Error(Errc::message_too_large, Operation::receive)
        .with_note(concat(
            {"the peer announces ", std::to_string(size), " bytes, the limit is ", std::to_string(limit), guess}));
}
}  // namespace detail
}  // namespace sockboot::inline v0_2
