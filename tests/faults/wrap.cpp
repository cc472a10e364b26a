// SPDX-License-Identifier: MIT
#include "wrap.hpp"

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <mutex>
#include <utility>

namespace faults {

namespace {

std::mutex mutex;  // over all that follows
Script::Decide armed;
constexpr auto kinds_of_call = static_cast<std::size_t>(Call::close) + 1;  // the last of them
std::array<int, kinds_of_call> counts;

/// What the resolver tells, shared with the calls that outlive it.
struct Told {
    Resolver::Answer answer;
    std::vector<std::string> addresses;
};
std::shared_ptr<const Told> told;
struct {
    int asked, answered, freed;
} lookups;

std::size_t index(Call call) { return static_cast<std::size_t>(call); }

Verdict decide(Call call, int argument) {
    thread_local bool deciding = false;
    if (deciding) return {};
    const std::lock_guard lock(mutex);
    if (!armed) return {};
    deciding = true;
    const Verdict verdict = armed({call, counts[index(call)]++, argument});
    deciding = false;
    return verdict;
}

int failed(int number) {
    errno = number;
    return -1;
}

}  // namespace

Script::Script(Decide decide) {
    const std::lock_guard lock(mutex);
    counts = {};
    armed = std::move(decide);
}

Script::~Script() {
    const std::lock_guard lock(mutex);
    armed = nullptr;
}

int Script::count(Call call) const {
    const std::lock_guard lock(mutex);
    return counts[index(call)];
}

Resolver::Resolver(Answer answer, std::vector<std::string> addresses) {
    const std::lock_guard lock(mutex);
    lookups = {};
    told = std::make_shared<const Told>(Told{std::move(answer), std::move(addresses)});
}

Resolver::~Resolver() {
    const std::lock_guard lock(mutex);
    told = nullptr;
}

int Resolver::asked() const {
    const std::lock_guard lock(mutex);
    return lookups.asked;
}

int Resolver::answered() const {
    const std::lock_guard lock(mutex);
    return lookups.answered;
}

int Resolver::freed() const {
    const std::lock_guard lock(mutex);
    return lookups.freed;
}

}  // namespace faults

using faults::Call;

// The linker makes these names of those in --wrap.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
#define WRAPPED(name, ...)          \
    int __real_##name(__VA_ARGS__); \
    int __wrap_##name(__VA_ARGS__)
#define WRAPPED_TRANSFER(name, ...)     \
    ssize_t __real_##name(__VA_ARGS__); \
    ssize_t __wrap_##name(__VA_ARGS__)

extern "C" {

WRAPPED(socket, int family, int type, int protocol);
WRAPPED(setsockopt, int handle, int level, int name, const void* value, socklen_t size);
WRAPPED(getsockopt, int handle, int level, int name, void* value, socklen_t* size);
WRAPPED(bind, int handle, const sockaddr* address, socklen_t size);
WRAPPED(connect, int handle, const sockaddr* address, socklen_t size);
WRAPPED(getpeername, int handle, sockaddr* address, socklen_t* size);
WRAPPED(accept4, int handle, sockaddr* address, socklen_t* size, int flags);
WRAPPED(poll, pollfd* watched, nfds_t count, int milliseconds);
WRAPPED(close, int handle);
WRAPPED(pthread_create, pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument);
WRAPPED(getaddrinfo, const char* host, const char* service, const addrinfo* hints, addrinfo** list);
WRAPPED_TRANSFER(recv, int handle, void* buffer, std::size_t size, int flags);
WRAPPED_TRANSFER(send, int handle, const void* bytes, std::size_t size, int flags);
WRAPPED_TRANSFER(sendmsg, int handle, const msghdr* message, int flags);
void __real_freeaddrinfo(addrinfo* list);
void __wrap_freeaddrinfo(addrinfo* list);

int __wrap_socket(int family, int type, int protocol) {
    const auto verdict = faults::decide(Call::socket, family);
    return verdict.error != 0 ? faults::failed(verdict.error) : __real_socket(family, type, protocol);
}

int __wrap_setsockopt(int handle, int level, int name, const void* value, socklen_t size) {
    const auto verdict = faults::decide(Call::setsockopt, name);
    return verdict.error != 0 ? faults::failed(verdict.error) : __real_setsockopt(handle, level, name, value, size);
}

int __wrap_getsockopt(int handle, int level, int name, void* value, socklen_t* size) {
    const auto verdict = faults::decide(Call::getsockopt, name);
    return verdict.error != 0 ? faults::failed(verdict.error) : __real_getsockopt(handle, level, name, value, size);
}

int __wrap_bind(int handle, const sockaddr* address, socklen_t size) {
    const auto verdict = faults::decide(Call::bind, handle);
    return verdict.error != 0 ? faults::failed(verdict.error) : __real_bind(handle, address, size);
}

int __wrap_connect(int handle, const sockaddr* address, socklen_t size) {
    const auto verdict = faults::decide(Call::connect, handle);
    if (verdict.error != 0 && verdict.error != EINTR) return faults::failed(verdict.error);
    const int answer = __real_connect(handle, address, size);
    const bool begun = answer == 0 || errno == EINPROGRESS;
    return begun && verdict.error == EINTR ? faults::failed(EINTR) : answer;
}

int __wrap_getpeername(int handle, sockaddr* address, socklen_t* size) {
    const auto verdict = faults::decide(Call::getpeername, handle);
    return verdict.error != 0 ? faults::failed(verdict.error) : __real_getpeername(handle, address, size);
}

int __wrap_accept4(int handle, sockaddr* address, socklen_t* size, int flags) {
    const auto verdict = faults::decide(Call::accept, handle);
    return verdict.error != 0 ? faults::failed(verdict.error) : __real_accept4(handle, address, size, flags);
}

int __wrap_poll(pollfd* watched, nfds_t count, int milliseconds) {
    const auto verdict = faults::decide(Call::poll, -1);
    if (verdict.error != 0) return faults::failed(verdict.error);
    if (verdict.most != 0) return __real_poll(watched, count, milliseconds);
    for (nfds_t i = 0; i < count; ++i) watched[i].revents = 0;
    return 0;
}

ssize_t __wrap_recv(int handle, void* buffer, std::size_t size, int flags) {
    const auto verdict = faults::decide(Call::receive, handle);
    if (verdict.error != 0) return faults::failed(verdict.error);
    return __real_recv(handle, buffer, std::min(size, verdict.most), flags);
}

ssize_t __wrap_send(int handle, const void* bytes, std::size_t size, int flags) {
    const auto verdict = faults::decide(Call::send, handle);
    if (verdict.error != 0) return faults::failed(verdict.error);
    return __real_send(handle, bytes, std::min(size, verdict.most), flags);
}

ssize_t __wrap_sendmsg(int handle, const msghdr* message, int flags) {
    const auto verdict = faults::decide(Call::send, handle);
    if (verdict.error != 0) return faults::failed(verdict.error);
    std::vector<iovec> pieces(message->msg_iov, message->msg_iov + message->msg_iovlen);
    std::size_t room = verdict.most;
    for (iovec& piece : pieces) room -= piece.iov_len = std::min(piece.iov_len, room);
    msghdr cut = *message;
    cut.msg_iov = pieces.data();
    return __real_sendmsg(handle, &cut, flags);
}

int __wrap_close(int handle) {
    const auto verdict = faults::decide(Call::close, handle);
    const int answer = __real_close(handle);
    return verdict.error != 0 ? faults::failed(verdict.error) : answer;
}

int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) {
    const auto verdict = faults::decide(Call::create_thread, -1);
    return verdict.error != 0 ? verdict.error : __real_pthread_create(thread, attributes, run, argument);
}

int __wrap_getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** list) {
    std::unique_lock lock(faults::mutex);
    const auto told = faults::told;
    if (!told) {
        lock.unlock();
        return __real_getaddrinfo(host, service, hints, list);
    }
    const int nth = faults::lookups.asked++;
    lock.unlock();
    const int answer = told->answer(nth);
    lock.lock();
    ++faults::lookups.answered;
    if (answer != 0) return answer;
    addrinfo numeric{};
    numeric.ai_flags = AI_NUMERICHOST;
    numeric.ai_socktype = SOCK_STREAM;
    for (const std::string& address : told->addresses)
        if (__real_getaddrinfo(address.c_str(), nullptr, &numeric, list) == 0)
            while (*list != nullptr) list = &(*list)->ai_next;
    return 0;
}

void __wrap_freeaddrinfo(addrinfo* list) {
    __real_freeaddrinfo(list);
    const std::lock_guard lock(faults::mutex);
    ++faults::lookups.freed;
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
