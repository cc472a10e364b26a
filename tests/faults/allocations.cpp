// SPDX-License-Identifier: MIT
// A process that has no memory left: whose a descriptor is stays as it was promised.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include <sockboot/socket.hpp>

#include "catch.hpp"
#include "no_memory.hpp"

#ifndef SOCKBOOT_TEST_CANNOT_FAIL
TEST_CASE("adopt: without memory for it, the descriptor is still the caller's", "[faults]") {
    const std::string context = "a name that is too long to be kept without memory of its own";
    const int handle = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(handle >= 0);
    int released = -1;
    int failures = 0;
    for (; runs_out(failures, [&] { released = sockboot::Socket::adopt(handle, context).release(); }); ++failures) {
        CAPTURE(failures);
        CHECK(::fcntl(handle, F_GETFD) != -1);
    }
    CHECK(released == handle);
    CHECK(failures >= 2);  // who it is, and its name
    CHECK(::close(handle) == 0);
}
#endif
