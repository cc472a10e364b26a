// SPDX-License-Identifier: MIT
// Records which functions connect_to enters before socket(2), and recv_message before recv(2), for call_path.py to
// count: -finstrument-functions makes each function report here, and --wrap lets the system call end the recording.
#include <link.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include <sockboot/sockboot.hpp>

#ifdef __clang__
template class std::allocator<char>;  // Clang wants the addresses of all its functions; libstdc++.so has not got them
#endif
#define UNRECORDED __attribute__((no_instrument_function))

namespace {

constexpr std::size_t most_entries = 1 << 14;

struct Entry {
    std::uintptr_t function;
    int depth;  ///< how many functions are on the stack since start(), itself included
};

struct Recording {
    bool running = false;
    int depth = 0;
    std::size_t count = 0;
    Entry entries[most_entries];  // an array of the language: a function of std::array would be recorded too
};

constinit thread_local Recording recording{};  // of the calling thread: what others do meanwhile is not on its way

UNRECORDED void start() { recording.depth = 0, recording.count = 0, recording.running = true; }
UNRECORDED void stop() { recording.running = false; }

/// Where the program was loaded, which addr2line does not know. The program is the first object of the list.
UNRECORDED int take_base(dl_phdr_info* info, std::size_t, void* base) {
    *static_cast<std::uintptr_t*>(base) = info->dlpi_addr;
    return 1;
}

/// The call and the depth at its system call (-1: there was none), then the functions entered and their depths.
UNRECORDED void print(const char* call) {
    std::uintptr_t base = 0;
    ::dl_iterate_phdr(take_base, &base);
    std::printf("%s %d\n", call, recording.running || recording.count == most_entries ? -1 : recording.depth);
    for (std::size_t i = 0; i < recording.count; ++i)
        std::printf("%#zx %d\n", std::size_t{recording.entries[i].function - base}, recording.entries[i].depth);
}

}  // namespace

// The compiler and the linker make these names.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" {

UNRECORDED void __cyg_profile_func_enter(void* function, void*) {
    if (!recording.running || recording.count == most_entries) return;
    recording.entries[recording.count++] = {reinterpret_cast<std::uintptr_t>(function), ++recording.depth};
}
UNRECORDED void __cyg_profile_func_exit(void*, void*) {
    if (recording.running) --recording.depth;
}

int __real_socket(int family, int type, int protocol);
UNRECORDED int __wrap_socket(int family, int type, int protocol) {
    stop();
    return __real_socket(family, type, protocol);
}

ssize_t __real_recv(int handle, void* buffer, std::size_t size, int flags);
UNRECORDED ssize_t __wrap_recv(int handle, void* buffer, std::size_t size, int flags) {
    stop();
    return __real_recv(handle, buffer, size, flags);
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

int main() {
    sockboot::set_log_level(sockboot::LogLevel::off);
    auto server = sockboot::create_server("127.0.0.1", 0);
    const std::uint16_t port = server.local_endpoint().port();
    static_cast<void>(sockboot::connect_to("127.0.0.1", port));  // a first time, so that what is made once is there
    static_cast<void>(server.accept());
    start();
    auto client = sockboot::connect_to("127.0.0.1", port);
    print("connect_to");

    auto peer = server.accept();
    client.set_timeout(std::chrono::seconds(2));
    sockboot::send_message(peer, "the first");
    std::string into;
    sockboot::recv_message(client, into);
    sockboot::send_message(peer, "the second");
    pollfd arrival{client.native_handle(), POLLIN, 0};
    static_cast<void>(::poll(&arrival, 1, -1));
    start();
    sockboot::recv_message(client, into);
    print("recv_message");
}
