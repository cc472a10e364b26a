// SPDX-License-Identifier: MIT
// What a translation unit with one version of sockboot tells the program about it.
#pragma once

#include <cstddef>
#include <string>

struct Exchange {
    std::string socket_type;        ///< the name of Socket for the linker
    std::size_t timeout_size;       ///< what the other version has laid out differently
    const void* category;           ///< of Errc
    std::string answer;             ///< that came over loopback
    bool deadline_exceeded;         ///< whether the answer that nobody sent was waited for
    std::string deadline_sentence;  ///< and what the SocketError said about it
};

Exchange exchange_with_this_version();
Exchange exchange_with_other_version();
