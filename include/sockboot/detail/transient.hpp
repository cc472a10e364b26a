// SPDX-License-Identifier: MIT
// Which failures are transient: the one table that retrying, accepting and Error::transient() read.
#pragma once

#include <cerrno>  // EHOSTDOWN, ENONET: numbers that std::errc has no name for
#include <cstdint>
#include <system_error>
#include "../errc.hpp"
#include "../operation.hpp"
#include "winsock_category.hpp"

namespace sockboot::inline v0_2::detail {
/// The bits of some operations.
template <class... Operations> constexpr std::uint16_t mask(Operations... operations) noexcept {
    return static_cast<std::uint16_t>((0U | ... | (1U << static_cast<unsigned>(operations))));
}

inline constexpr std::uint16_t always = 0xFFFF;
inline constexpr std::uint16_t new_connection = mask(Operation::connect, Operation::accept);
inline constexpr std::uint16_t data = mask(Operation::send, Operation::receive);

struct TransientRow {
    std::errc number;
    std::uint16_t operations;  ///< mask() of those for which the failure is transient
};

/// By number and operation, never by number alone: EPERM from accept(2) is netfilter's about one peer, from bind(2) it
/// is permanent.
inline constexpr TransientRow transient_table[] = {
    {std::errc::interrupted, always},
    {std::errc::operation_would_block, always},
    {std::errc::resource_unavailable_try_again, always},
    {std::errc::too_many_files_open, always},
    {std::errc::too_many_files_open_in_system, always},
    {std::errc::no_buffer_space, always},
    {std::errc::not_enough_memory, always},
    {std::errc::connection_refused, new_connection},
    {std::errc::connection_reset, new_connection},
    {std::errc::connection_aborted, new_connection},
    {std::errc::protocol_error, new_connection},
    {std::errc::timed_out, new_connection},
    {std::errc::network_down, new_connection},
    {std::errc::network_unreachable, static_cast<std::uint16_t>(new_connection | data)},
    {std::errc::host_unreachable, static_cast<std::uint16_t>(new_connection | data)},
#ifdef EHOSTDOWN
    {static_cast<std::errc>(EHOSTDOWN), new_connection},
#endif
#ifdef ENONET
    {static_cast<std::errc>(ENONET), new_connection},
#endif
    {std::errc::address_in_use, mask(Operation::connect)},             // local ports used up
    {std::errc::address_not_available, mask(Operation::connect)},      // the same, or an interface on its way up
    {std::errc::no_such_file_or_directory, mask(Operation::connect)},  // a Unix server that has not bound yet
    {std::errc::operation_not_permitted, mask(Operation::accept)},     // netfilter, of this one peer
    {std::errc::operation_not_supported, mask(Operation::accept)},     // Linux hands the pending errors of the new
    {std::errc::no_protocol_option, mask(Operation::accept)},          // connection to accept(2)
};

/// Whether `code` is that number, also where <system_error> has no condition for it (EHOSTDOWN, ENONET).
inline bool matches(std::error_code code, std::errc number) noexcept {
    return code == number || (code.category() == std::system_category() && code.value() == static_cast<int>(number));
}

/// Whether doing the same again may succeed without anybody mending anything.
inline bool is_transient(std::error_code code, Operation operation) noexcept {
    if (code == Errc::host_lookup_retry) return true;
    if (code == Errc::deadline_exceeded)
        return ((mask(Operation::accept, Operation::wait) | data) & mask(operation)) != 0;
    const std::error_category& category = code.category();
    if (category != std::system_category() && category != std::generic_category() && category != winsock_category())
        return false;
    for (const TransientRow& row : transient_table)
        if (matches(code, row.number) && (row.operations & mask(operation)) != 0) return true;
    return false;
}

/// Failures of accept(2) that are those of one connection which ended in the queue: the next one may be fine.
/// A shortage (EMFILE and its kin) is the listener's, and its caller's to see.
/// Source: accept(2), "Error handling".
inline bool is_per_connection(std::error_code code) noexcept {
    if (code == std::errc::interrupted) return true;
    // What is transient for every operation is a shortage, or nothing to accept.
    return code != Errc::deadline_exceeded && is_transient(code, Operation::accept) &&
           !is_transient(code, Operation::bind);
}
}  // namespace sockboot::inline v0_2::detail
