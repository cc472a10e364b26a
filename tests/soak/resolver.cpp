// SPDX-License-Identifier: MIT
// The resolver of the soak, by the first label of a name: found.test is 127.0.0.1, and others fail, hang or are late.
#include <netdb.h>

#include <cerrno>
#include <chrono>
#include <string_view>
#include <thread>

#include "footprint.hpp"

// The linker makes these names of those in --wrap.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" {

int __real_getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** list);
int __wrap_getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** list);
void __real_freeaddrinfo(addrinfo* list);
void __wrap_freeaddrinfo(addrinfo* list);

int __wrap_getaddrinfo(const char* host, const char* service, const addrinfo*, addrinfo** list) {
    const std::string_view name(host);
    if (name.starts_with("late")) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (name.starts_with("hanging")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (name.starts_with("again") || name.starts_with("hanging")) return EAI_AGAIN;
    if (name.starts_with("broken")) return EAI_FAIL;
    if (name.starts_with("gone")) return EAI_NONAME;
    if (name.starts_with("shortage")) return errno = EMFILE, EAI_SYSTEM;
    addrinfo numeric{};
    numeric.ai_flags = AI_NUMERICHOST;
    numeric.ai_socktype = SOCK_STREAM;
    const int answer = __real_getaddrinfo("127.0.0.1", service, &numeric, list);
    if (answer == 0) ++soak::address_lists;
    return answer;
}

void __wrap_freeaddrinfo(addrinfo* list) {
    __real_freeaddrinfo(list);
    --soak::address_lists;
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
