// SPDX-License-Identifier: MIT
#include <sockboot/detail/transient.hpp>

#include <cerrno>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

#include "catch.hpp"

using sockboot::Errc;
using sockboot::Operation;
using sockboot::detail::is_per_connection;
using sockboot::detail::is_transient;

namespace {

std::error_code system_code(int number) { return {number, std::system_category()}; }

/// What section 4 of the reference says of one failure: T passes by itself (also "wait for readiness" and "with
/// back-off"), P does not, - cannot happen or is the caller's business.
struct Row {
    std::error_code code;
    std::string_view connect_accept_receive_send;
};

constexpr Operation columns[] = {Operation::connect, Operation::accept, Operation::receive, Operation::send};

const Row numbers[] = {
    {system_code(ECONNREFUSED), "TTPP"}, {system_code(ETIMEDOUT), "TTPP"},       {system_code(ECONNRESET), "TTPP"},
    {system_code(EPIPE), "--PP"},        {system_code(ESHUTDOWN), "--PP"},       {system_code(ECONNABORTED), "TTPP"},
    {system_code(EPROTO), "TTPP"},       {system_code(EADDRINUSE), "T---"},      {system_code(EADDRNOTAVAIL), "T---"},
    {system_code(ENETUNREACH), "TTTT"},  {system_code(EHOSTUNREACH), "TTTT"},    {system_code(ENETDOWN), "TTPP"},
#ifdef EHOSTDOWN
    {system_code(EHOSTDOWN), "TTPP"},
#endif
#ifdef ENONET
    {system_code(ENONET), "TTPP"},
#endif
    {system_code(ENOPROTOOPT), "PTPP"},  {system_code(EOPNOTSUPP), "PTPP"},      {system_code(EAGAIN), "TTTT"},
    {system_code(EWOULDBLOCK), "TTTT"},  {system_code(EISCONN), "---P"},         {system_code(EINTR), "TTTT"},
    {system_code(EMFILE), "TT--"},       {system_code(ENFILE), "TT--"},          {system_code(ENOBUFS), "TTTT"},
    {system_code(ENOMEM), "TTTT"},       {system_code(EACCES), "P--P"},          {system_code(EPERM), "PT-P"},
    {system_code(EMSGSIZE), "---P"},     {system_code(ENOTCONN), "--PP"},        {system_code(EBADF), "PPPP"},
    {system_code(ENOTSOCK), "PPPP"},     {system_code(EINVAL), "PPPP"},          {system_code(ECANCELED), "PPPP"},
    {system_code(EAFNOSUPPORT), "PP--"}, {system_code(EPROTONOSUPPORT), "PP--"}, {system_code(ENOENT), "T---"},
    {system_code(ENOTDIR), "P---"},      {system_code(ELOOP), "P---"},           {system_code(ENAMETOOLONG), "P---"},
    {system_code(EROFS), "P---"},
};

const Row own_codes[] = {
    {Errc::deadline_exceeded, "PTTT"}, {Errc::cancelled, "PPPP"},         {Errc::closed, "--PP"},
    {Errc::truncated, "--PP"},         {Errc::message_too_large, "--PP"}, {Errc::malformed_length, "--PP"},
    {Errc::desynchronised, "--PP"},    {Errc::access_denied, "P--P"},     {Errc::certificate_rejected, "P---"},
    {Errc::tls_failure, "P-PP"},
};

void check_row(const Row& row, const std::error_code& code) {
    for (std::size_t i = 0; i < std::size(columns); ++i) {
        if (row.connect_accept_receive_send[i] == '-') continue;
        INFO(code << " (" << code.message() << ") in " << to_string(columns[i]));
        CHECK(is_transient(code, columns[i]) == (row.connect_accept_receive_send[i] == 'T'));
    }
}

/// accept(2), "Error handling": the pending errors of the new connection, and what a firewall or a signal adds.
constexpr int of_one_connection[] = {
    ECONNABORTED, EINTR,       EPROTO,     EPERM,      ENETDOWN,  ENETUNREACH,
    EHOSTUNREACH, ENOPROTOOPT, EOPNOTSUPP, ECONNRESET, ETIMEDOUT, ECONNREFUSED,
#ifdef EHOSTDOWN
    EHOSTDOWN,
#endif
#ifdef ENONET
    ENONET,
#endif
};

class Foreign final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "foreign"; }
    [[nodiscard]] std::string message(int) const override { return "foreign"; }
};

}  // namespace

TEST_CASE("transient: the system's numbers, row by row and by operation", "[transient]") {
    for (const Row& row : numbers) check_row(row, row.code);
}

TEST_CASE("transient: the same numbers in the generic category are classified the same", "[transient]") {
    for (const Row& row : numbers) check_row(row, {row.code.value(), std::generic_category()});
}

TEST_CASE("transient: our own codes, row by row and by operation", "[transient]") {
    for (const Row& row : own_codes) check_row(row, row.code);
}

TEST_CASE("transient: a bind or listen that fails for its address or its rights fails again", "[transient]") {
    const Operation operation = GENERATE(Operation::bind, Operation::listen);
    for (const int number : {EADDRINUSE, EADDRNOTAVAIL, EACCES, EPERM, ENOENT, EINVAL}) {
        INFO(number << " in " << to_string(operation));
        CHECK_FALSE(is_transient(system_code(number), operation));
    }
}

TEST_CASE("transient: a shortage passes wherever it strikes", "[transient]") {
    const Operation operation = GENERATE(Operation::open, Operation::resolve, Operation::wait, Operation::bind);
    for (const int number : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) CHECK(is_transient(system_code(number), operation));
}

TEST_CASE("transient: a silent name server may answer later, a name that does not exist stays so", "[transient]") {
    CHECK(is_transient(Errc::host_lookup_retry, Operation::resolve));
    CHECK_FALSE(is_transient(Errc::host_not_found, Operation::resolve));
    CHECK_FALSE(is_transient(Errc::host_lookup_failed, Operation::resolve));
}

TEST_CASE("transient: of a category that is not ours nothing is known, so nothing is tried again", "[transient]") {
    const Foreign foreign;
    for (const Operation operation : columns) CHECK_FALSE(is_transient({EINTR, foreign}, operation));
}

TEST_CASE("transient: success is no failure that passes", "[transient]") {
    CHECK_FALSE(is_transient({}, Operation::connect));
}

TEST_CASE("transient: accepting goes on after a connection that died in the queue", "[transient]") {  // behaviour 63
    for (const int number : of_one_connection) {
        INFO(system_code(number) << " (" << system_code(number).message() << ")");
        CHECK(is_per_connection(system_code(number)));
    }
}

TEST_CASE("transient: accepting ends where the listener itself fails or is short", "[transient]") {  // behaviour 66
    for (const int number : {EBADF, EINVAL, ENOTSOCK, EFAULT, EMFILE, ENFILE, ENOBUFS, ENOMEM, EAGAIN, EWOULDBLOCK}) {
        INFO(system_code(number) << " (" << system_code(number).message() << ")");
        CHECK_FALSE(is_per_connection(system_code(number)));
    }
    CHECK_FALSE(is_per_connection(Errc::deadline_exceeded));
    CHECK_FALSE(is_per_connection(Errc::cancelled));
    CHECK_FALSE(is_per_connection(Errc::closed));
}
