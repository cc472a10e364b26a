// SPDX-License-Identifier: MIT
// Error: what failed, where, for whom and why, as a value; SocketError: the same as an exception.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>  // std::runtime_error: a string whose copies cannot throw
#include <string>
#include <string_view>
#include <system_error>
#include <utility>  // std::move
#include <vector>

#include "detail/shared.hpp"
#include "detail/transient.hpp"
#include "errc.hpp"
#include "operation.hpp"

namespace sockboot {

/// One address that was tried before the whole failed.
struct Attempt {
    std::string endpoint;                ///< as Endpoint::to_string writes it
    std::error_code code;                ///< why this address failed
    std::chrono::nanoseconds elapsed{};  ///< from the start of this attempt to its end
};

namespace detail {

/// What an error is about. A socket owns one and lends it to its errors, so that those cost no allocation.
class Subject : public Counted {
public:
    explicit Subject(std::string_view context) : context_(context) {}
    virtual ~Subject() = default;

    [[nodiscard]] std::string_view context() const noexcept { return context_; }
    [[nodiscard]] virtual std::string endpoint() const = 0;
    [[nodiscard]] virtual const struct Report* report() const noexcept { return nullptr; }

private:
    std::string context_;
};

/// The parts of a sentence as one string.
[[gnu::cold]] inline std::string joined(std::initializer_list<std::string_view> parts) {
    std::string whole;
    for (const std::string_view part : parts) whole.append(part);
    return whole;
}

/// A list of attempts that several reports share.
struct AttemptList final : Counted {
    explicit AttemptList(std::vector<Attempt> attempts) : list(std::move(attempts)) {}
    std::vector<Attempt> list;
};

/// The subject of an error that has more to tell than its socket knows.
struct Report final : Subject {
    Report(std::string_view context, std::string endpoint_text) : Subject(context), where(std::move(endpoint_text)) {}

    [[nodiscard]] std::string endpoint() const override { return where; }
    [[nodiscard]] const Report* report() const noexcept override { return this; }

    std::string where;
    std::string note;                               ///< a hint for the person who reads the sentence
    Shared<const AttemptList> attempts;             ///< in the order in which they were started
    const std::error_category* category = nullptr;  ///< where it is none of those that every Error knows
};

/// "Connection refused" as it reads in the middle of a sentence.
inline std::string reason(std::error_code code) {
    std::string text = code.message();
    const bool word = text.size() > 1 && text[1] >= 'a' && text[1] <= 'z';  // not an acronym
    if (word && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
    return text;
}

}  // namespace detail

/// What failed, where, for whom and why. A value of 32 bytes, cheap to copy.
///
/// An Error that a socket makes for a call that would block or timed out allocates nothing.
/// Threads: as a std::string: copies are independent.
class Error {
public:
    Error(std::error_code code, Operation operation);

    /// The reason: an errno (or Winsock) number in std::system_category(), or an Errc.
    [[nodiscard]] std::error_code code() const noexcept;

    /// The step that failed, in one word: "resolve", "bind", "connect", "receive", …
    [[nodiscard]] std::string_view operation() const noexcept { return to_string(operation_); }
    [[nodiscard]] Operation kind() const noexcept { return operation_; }

    /// The name that the caller gave to this server or client; empty where none was given.
    [[nodiscard]] std::string_view context() const noexcept {
        return subject_ ? subject_->context() : std::string_view{};
    }

    /// The address that it concerns, as Endpoint::to_string writes it, or "host:port" as it was asked for.
    [[nodiscard]] std::string endpoint() const { return subject_ ? subject_->endpoint() : std::string{}; }

    /// Every address that was tried, in order, where the operation tries several.
    [[nodiscard]] const std::vector<Attempt>& attempts() const noexcept;

    /// Bytes that had been sent or received when it failed, and how many were wanted (0 and 0: not known).
    [[nodiscard]] std::uint64_t transferred() const noexcept { return done_; }
    [[nodiscard]] std::uint64_t wanted() const noexcept { return wanted_; }

    /// Whether doing the same again may succeed without anybody mending anything.
    /// Of a connect that failed at several addresses: whether it may at one of them.
    [[nodiscard]] bool transient() const noexcept;

    /// Whether a call that was to try once (Timeout of zero) found nothing to do.
    [[nodiscard]] bool would_block() const noexcept;

    /// The whole in one sentence: "[context] connect to host:port: reason (details)".
    [[nodiscard]] std::string message() const;

    /// Builders, for those who write a Stream of their own: each returns the error with one thing more.
    [[nodiscard]] Error about(const detail::Shared<const detail::Subject>& subject) &&;
    [[nodiscard]] Error about(std::string_view context, std::string endpoint) &&;
    [[nodiscard]] Error with_note(std::string note) &&;
    [[nodiscard]] Error with_attempts(std::vector<Attempt> attempts) &&;
    [[nodiscard]] Error with_progress(std::uint64_t done, std::uint64_t wanted) && noexcept;

private:
    enum class Known : std::uint8_t { system, generic, sockboot, other };

    [[nodiscard]] detail::Shared<detail::Report> fresh_report(std::string_view context, std::string endpoint) const;
    [[nodiscard]] std::string details() const;

    // A std::error_code would take 16 bytes. The categories that occur are kept as one byte;
    // any other one lives in the Report.
    detail::Shared<const detail::Subject> subject_;
    std::uint64_t done_ = 0;
    std::uint64_t wanted_ = 0;
    int value_;
    Operation operation_;
    Known category_;
};
static_assert(sizeof(Error) <= 32);

/// What the throwing form of every call throws; what() is Error::message().
class SocketError : public std::system_error {
public:
    explicit SocketError(Error error)
        : std::system_error(error.code()), sentence_(error.message()), error_(std::move(error)) {}

    [[nodiscard]] const Error& error() const noexcept { return error_; }
    [[nodiscard]] const char* what() const noexcept override { return sentence_.what(); }

private:
    std::runtime_error sentence_;
    Error error_;
};

inline Error::Error(std::error_code code, Operation operation) : value_(code.value()), operation_(operation) {
    if (code.category() == std::system_category()) {
        category_ = Known::system;
    } else if (code.category() == error_category()) {
        category_ = Known::sockboot;
    } else if (code.category() == std::generic_category()) {
        category_ = Known::generic;
    } else {
        category_ = Known::other;
        auto* report = new detail::Report({}, {});
        report->category = &code.category();
        subject_ = detail::Shared<const detail::Subject>(report);
    }
}

inline std::error_code Error::code() const noexcept {
    switch (category_) {
        case Known::system: return {value_, std::system_category()};
        case Known::generic: return {value_, std::generic_category()};
        case Known::sockboot: return {value_, error_category()};
        case Known::other: break;
    }
    const bool moved_from = !subject_;
    return {value_, moved_from ? std::generic_category() : *subject_->report()->category};
}

inline const std::vector<Attempt>& Error::attempts() const noexcept {
    static const std::vector<Attempt> none;
    const detail::Report* report = subject_ ? subject_->report() : nullptr;
    return report && report->attempts ? report->attempts->list : none;
}

inline bool Error::transient() const noexcept {
    if (detail::passes_by_itself(code(), operation_)) return true;
    if (code() == Errc::deadline_exceeded || code() == Errc::cancelled) return false;
    for (const Attempt& attempt : attempts())
        if (detail::passes_by_itself(attempt.code, Operation::connect)) return true;
    return false;
}

inline bool Error::would_block() const noexcept {
    const std::error_code reason = code();
    return reason == std::errc::operation_would_block || reason == std::errc::resource_unavailable_try_again;
}

[[gnu::cold]] inline std::string Error::details() const {
    std::string text;
    const auto add = [&text](std::string_view more) { text.append(text.empty() ? "" : "; ").append(more); };
    if (wanted_ != 0) {
        const char* verb = operation_ == Operation::send ? " bytes had been sent" : " bytes had come";
        add(detail::joined({std::to_string(done_), " of ", std::to_string(wanted_), verb}));
    }
    const std::vector<Attempt>& tried = attempts();
    // One attempt, at the very endpoint that was asked for, has nothing to add.
    const bool told = tried.size() == 1 && tried[0].endpoint == endpoint() && tried[0].code == code();
    std::string list;
    for (std::size_t i = told ? 1 : 0; i < tried.size(); ++i) {
        const Attempt& attempt = tried[i];
        const std::string elapsed = std::to_string(attempt.elapsed.count() / 1'000'000);
        list += detail::joined(
            {list.empty() ? "" : ", ", attempt.endpoint, " ", detail::reason(attempt.code), " after ", elapsed, " ms"});
    }
    if (!list.empty()) add(list);
    if (const detail::Report* report = subject_ ? subject_->report() : nullptr; report && !report->note.empty())
        add(report->note);
    return text;
}

[[gnu::cold]] inline std::string Error::message() const {
    std::string text;
    if (!context().empty()) text.append("[").append(context()).append("] ");
    if (const std::string where = endpoint(); where.empty())
        text.append(operation());
    else
        text.append(detail::phrase(operation_)).append(" ").append(where);
    text.append(": ").append(detail::reason(code()));
    if (const std::string more = details(); !more.empty()) text.append(" (").append(more).append(")");
    return text;
}

/// A Report of its own with all that this error knows, to be added to before it is shared.
[[gnu::cold]] inline detail::Shared<detail::Report> Error::fresh_report(std::string_view context,
                                                                        std::string endpoint) const {
    detail::Shared<detail::Report> fresh(new detail::Report(context, std::move(endpoint)));
    if (const detail::Report* known = subject_ ? subject_->report() : nullptr) {
        fresh->note = known->note;
        fresh->attempts = known->attempts;
        fresh->category = known->category;
    }
    return fresh;
}

inline Error Error::about(const detail::Shared<const detail::Subject>& subject) && {
    const bool has_report = subject_ && subject_->report();
    if (!has_report)
        subject_ = subject;
    else if (subject)
        subject_ = fresh_report(subject->context(), subject->endpoint());
    return std::move(*this);
}

inline Error Error::about(std::string_view context, std::string endpoint) && {
    subject_ = fresh_report(context, std::move(endpoint));
    return std::move(*this);
}

inline Error Error::with_note(std::string note) && {
    const auto fresh = fresh_report(context(), endpoint());
    fresh->note = std::move(note);
    subject_ = fresh;
    return std::move(*this);
}

inline Error Error::with_attempts(std::vector<Attempt> attempts) && {
    const auto fresh = fresh_report(context(), endpoint());
    fresh->attempts = detail::Shared<const detail::AttemptList>(new detail::AttemptList(std::move(attempts)));
    subject_ = fresh;
    return std::move(*this);
}

inline Error Error::with_progress(std::uint64_t done, std::uint64_t wanted) && noexcept {
    done_ = done;
    wanted_ = wanted;
    return std::move(*this);
}

namespace detail {

/// An argument that cannot be used; `note` names it and says what could.
inline Error invalid(Operation operation, std::string note) {
    return Error(make_error_code(std::errc::invalid_argument), operation).with_note(std::move(note));
}

/// A message over the limit, which was not sent.
inline Error too_large_to_send(std::uint64_t size, std::uint64_t limit) {
    return Error(Errc::message_too_large, Operation::send)
        .with_note(joined({"the message has ", std::to_string(size), " bytes, the limit is ", std::to_string(limit),
                           "; nothing was sent"}));
}

/// An error on its way to the user: with the context, and with `target` where it does not know a closer endpoint.
inline Error placed(Error error, std::string_view context, std::string target) {
    std::string where = error.endpoint();
    return std::move(error).about(context, where.empty() ? std::move(target) : std::move(where));
}

}  // namespace detail
}  // namespace sockboot
