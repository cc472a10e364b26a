// SPDX-License-Identifier: MIT
// The error numbers of Winsock as a std::error_category, made of plain data: std::system_category() of libstdc++ knows
// none of them, so that without it `code == std::errc::connection_refused` would be false on Windows.
#pragma once

#include <string>
#include <system_error>
#include "immortal.hpp"

namespace sockboot::inline v0_2::detail {
struct WinsockRow {
    int number;
    std::errc condition;
};

/// Source: "Windows Sockets Error Codes" of the Winsock reference.
// clang-format off
inline constexpr WinsockRow winsock_table[] = {
    {10004, std::errc::interrupted}, {10009, std::errc::bad_file_descriptor}, {10013, std::errc::permission_denied},
    {10014, std::errc::bad_address}, {10022, std::errc::invalid_argument}, {10024, std::errc::too_many_files_open},
    {10035, std::errc::operation_would_block}, {10036, std::errc::operation_in_progress},
    {10037, std::errc::connection_already_in_progress}, {10038, std::errc::not_a_socket},
    {10040, std::errc::message_size}, {10042, std::errc::no_protocol_option},
    {10043, std::errc::protocol_not_supported}, {10045, std::errc::operation_not_supported},
    {10047, std::errc::address_family_not_supported}, {10048, std::errc::address_in_use},
    {10049, std::errc::address_not_available}, {10050, std::errc::network_down},
    {10051, std::errc::network_unreachable}, {10052, std::errc::network_reset}, {10053, std::errc::connection_aborted},
    {10054, std::errc::connection_reset}, {10055, std::errc::no_buffer_space}, {10056, std::errc::already_connected},
    {10057, std::errc::not_connected}, {10058, std::errc::broken_pipe}, {10060, std::errc::timed_out},
    {10061, std::errc::connection_refused}, {10064, std::errc::host_unreachable}, {10065, std::errc::host_unreachable},
};
// clang-format on

class [[gnu::visibility("default")]] WinsockCategory final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "winsock"; }

    [[nodiscard]] std::string message(int value) const override {
        const WinsockRow* row = find(value);
        return row ? std::make_error_code(row->condition).message() : "unknown error " + std::to_string(value);
    }

    [[nodiscard]] std::error_condition default_error_condition(int value) const noexcept override {
        const WinsockRow* row = find(value);
        return row ? std::error_condition(row->condition) : std::error_condition(value, *this);
    }

private:
    static const WinsockRow* find(int value) noexcept {
        for (const WinsockRow& row : winsock_table)
            if (row.number == value) return &row;
        return nullptr;
    }
};

[[nodiscard, gnu::visibility("default")]] inline const std::error_category& winsock_category() noexcept {
    return immortal<WinsockCategory>();
}
}  // namespace sockboot::inline v0_2::detail
