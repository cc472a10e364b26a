// SPDX-License-Identifier: MIT
// What a shared library that uses sockboot offers to the program that links or loads it.
#pragma once

#include <sockboot/sockboot.hpp>

#include <system_error>

#include "seen.hpp"

struct SharedObject {
    Seen (*seen)();
    const void* (*exception_type)();                  ///< the type_info of SocketError
    std::error_code (*code)();                        ///< Errc::truncated
    bool (*knows)(const std::error_code& code);       ///< as Errc::truncated
    void (*fail)();                                   ///< throws SocketError of Errc::closed
    void (*listen)(const char* context);              ///< logs "[context] listening on …"
    int (*exchange_level)(sockboot::LogLevel fresh);  ///< the level before
};

/// Each library has one of them, and nothing else that can be seen from outside.
extern "C" [[gnu::visibility("default")]] const SharedObject* linked_object();
extern "C" [[gnu::visibility("default")]] const SharedObject* loaded_object();
