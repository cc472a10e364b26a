// SPDX-License-Identifier: MIT
// The contract of os.hpp on POSIX systems; included by os.hpp alone.
//
// Systems are told apart by feature (#ifdef SOCK_CLOEXEC), never by name. Every call is made again after EINTR, but
// close(2) and connect(2), which must not be.
#pragma once

#include "os_posix_call.hpp"
#include "os_posix_address.hpp"
#include "os_posix_socket.hpp"
#include "os_posix_wait.hpp"
