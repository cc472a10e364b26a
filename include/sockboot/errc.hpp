// SPDX-License-Identifier: MIT
// Errc: the failures that the operating system has no number for, as std::error_code knows them.
#pragma once

#include <string>
#include <system_error>
#include <type_traits>
#include "detail/immortal.hpp"

namespace sockboot::inline v0_2 {
/// What the system reports keeps its own number; these are the rest.
enum class Errc {
    closed = 1,         ///< the stream ended at a message boundary, or the socket is not open
    truncated,          ///< the stream ended inside a message, or before all the bytes asked for
    message_too_large,  ///< over the limit: nothing was sent, or nothing was allocated (equals std::errc::message_size)
    malformed_length,   ///< a length prefix that no sender of this format writes
    deadline_exceeded,  ///< our own deadline (equals std::errc::timed_out; the kernel's ETIMEDOUT is another code)
    cancelled,          ///< Canceller::cancel() was called (equals std::errc::operation_canceled)
    desynchronised,     ///< an earlier failure left the stream inside a message: close it
    access_denied,      ///< the peer is not allowed (equals std::errc::permission_denied)
    host_not_found,     ///< no such host, or none of its addresses is of a usable family
    host_lookup_failed,    ///< the name servers failed for good (EAI_FAIL): asking again is of no use
    host_lookup_retry,     ///< no name server answered (EAI_AGAIN): asking again may help
    certificate_rejected,  ///< TLS: the peer's certificate was not accepted
    tls_failure,           ///< TLS: the handshake or the record layer failed
};

namespace detail {
class [[gnu::visibility("default")]] ErrcCategory final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "sockboot"; }

    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<Errc>(value)) {
            case Errc::closed: return "closed";
            case Errc::truncated: return "the stream ended too early";
            case Errc::message_too_large: return "message too large";
            case Errc::malformed_length: return "malformed length prefix";
            case Errc::deadline_exceeded: return "deadline exceeded";
            case Errc::cancelled: return "cancelled";
            case Errc::desynchronised: return "the stream stands inside a message since an earlier failure; close it";
            case Errc::access_denied: return "access denied";
            case Errc::host_not_found: return "host not found";
            case Errc::host_lookup_failed: return "host lookup failed";
            case Errc::host_lookup_retry: return "no name server answered";
            case Errc::certificate_rejected: return "certificate rejected";
            case Errc::tls_failure: return "TLS failure";
        }
        return "unknown error " + std::to_string(value);
    }

    [[nodiscard]] std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<Errc>(value)) {
            case Errc::message_too_large: return std::errc::message_size;
            case Errc::deadline_exceeded: return std::errc::timed_out;
            case Errc::cancelled: return std::errc::operation_canceled;
            case Errc::access_denied: return std::errc::permission_denied;
            default: return {value, *this};
        }
    }
};
}  // namespace detail

/// The category of Errc, named "sockboot": one object in the whole program, also where its shared objects are built
/// with -fvisibility=hidden.
[[nodiscard, gnu::visibility("default")]] inline const std::error_category& error_category() noexcept {
    return detail::immortal<detail::ErrcCategory>();
}

[[nodiscard]] inline std::error_code make_error_code(Errc code) noexcept {
    return {static_cast<int>(code), error_category()};
}
}  // namespace sockboot::inline v0_2

template <> struct std::is_error_code_enum<sockboot::Errc> : std::true_type {};
