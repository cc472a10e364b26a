// SPDX-License-Identifier: MIT
// unload_main MODULE: unloads a plugin while a lookup of its hangs, lets the lookup end, and waits for its thread.
#include <dlfcn.h>
#include <netdb.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <thread>

namespace {

int release[2];

long threads() {
    namespace fs = std::filesystem;
    return std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator());
}

int fail(const char* what) {
    std::fprintf(stderr, "unload: %s\n", what);
    return 1;
}

}  // namespace

// In front of the system's, for the plugin: hangs until this program says so.
extern "C" int getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**) {
    char byte = 0;
    static_cast<void>(!::read(release[0], &byte, 1));
    return EAI_FAIL;
}

int main(int count, char** arguments) {
    std::thread([] {}).join();  // with which a sanitizer may start one of its own
    const long before = threads();
    if (count != 2 || ::pipe(release) != 0) return fail("usage: unload_main MODULE");
    void* const module = ::dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (!module) return fail(::dlerror());
    auto* const abandon_lookup = reinterpret_cast<bool (*)()>(::dlsym(module, "abandon_lookup"));
    if (!abandon_lookup || !abandon_lookup()) return fail("the lookup was not abandoned");
    if (threads() != before + 1) return fail("no thread hangs in it");
    if (::dlclose(module) != 0) return fail(::dlerror());
    ::close(release[1]);
    // Its thread goes on in the plugin's code: back from getaddrinfo, five seconds of waiting for more, and out.
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(40);
    while (threads() != before) {
        if (std::chrono::steady_clock::now() > end) return fail("the thread has not ended");
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return 0;
}
