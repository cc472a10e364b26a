// SPDX-License-Identifier: MIT
// Which failures pass by themselves: the one table that retrying, accepting and Error::transient() read.
#pragma once

#include <cerrno>  // EHOSTDOWN, ENONET: numbers that std::errc has no name for
#include <cstdint>
#include <system_error>

#include "../errc.hpp"
#include "../operation.hpp"

namespace sockboot::detail {

constexpr std::uint16_t only(Operation operation) noexcept {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(operation));
}
template <class... Operations>
constexpr std::uint16_t during(Operations... operations) noexcept {
    return static_cast<std::uint16_t>((0U | ... | only(operations)));
}

inline constexpr std::uint16_t always = 0xFFFF;
inline constexpr std::uint16_t new_connection = during(Operation::connect, Operation::accept);
inline constexpr std::uint16_t data = during(Operation::send, Operation::receive);

struct TransientRow {
    std::errc number;
    std::uint16_t operations;  ///< bits of the operations for which the failure passes by itself
};

/// By number and operation, never by number alone: EPERM from accept is a firewall's word about one peer, from bind it
/// is final.
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
    {std::errc::address_in_use, only(Operation::connect)},             // local ports used up
    {std::errc::address_not_available, only(Operation::connect)},      // the same, or an interface on its way up
    {std::errc::no_such_file_or_directory, only(Operation::connect)},  // a Unix server that has not bound yet
    {std::errc::operation_not_permitted, only(Operation::accept)},     // a firewall's word about this one peer
    {std::errc::operation_not_supported, only(Operation::accept)},     // Linux hands the pending errors of the new
    {std::errc::no_protocol_option, only(Operation::accept)},          // connection to accept(2)
};

/// Whether `code` is that number, also where the standard library has no condition for it (EHOSTDOWN, ENONET).
inline bool is(std::error_code code, std::errc number) noexcept {
    return code == number || (code.category() == std::system_category() && code.value() == static_cast<int>(number));
}

/// Whether doing the same again may succeed without anybody mending anything.
inline bool passes_by_itself(std::error_code code, Operation operation) noexcept {
    if (code == Errc::host_lookup_retry) return true;
    if (code == Errc::deadline_exceeded)
        return ((during(Operation::accept, Operation::wait) | data) & only(operation)) != 0;
    if (code.category() != std::system_category() && code.category() != std::generic_category()) return false;
    for (const TransientRow& row : transient_table)
        if (is(code, row.number) && (row.operations & only(operation)) != 0) return true;
    return false;
}

/// Failures of accept(2) that concern one connection which died in the queue: the next one may be fine.
/// Source: accept(2), "Error handling"; the queue's own shortages (EMFILE and its kin) are the caller's to see.
inline bool concerns_one_connection(std::error_code code) noexcept {
    const bool shortage = code == std::errc::too_many_files_open || code == std::errc::too_many_files_open_in_system ||
                          code == std::errc::no_buffer_space || code == std::errc::not_enough_memory;
    const bool none_waiting =
        code == std::errc::operation_would_block || code == std::errc::resource_unavailable_try_again;
    return !shortage && !none_waiting && passes_by_itself(code, Operation::accept) && code != Errc::deadline_exceeded;
}

}  // namespace sockboot::detail
