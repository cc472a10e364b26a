// SPDX-License-Identifier: MIT
// Standard error that takes no more, or that nobody reads: what is logged must hold up no call and end no program.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sockboot/log.hpp>

#include "catch.hpp"
#include "child.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using faults::Child;

namespace {

enum class Kind { pipe, socket, terminal };

/// The two ends of what standard error may be: its reader's, and its own.
std::pair<int, int> open_ends(Kind kind) {
    int ends[2] = {-1, -1};
    if (kind == Kind::pipe) static_cast<void>(!::pipe(ends));
    if (kind == Kind::socket) static_cast<void>(!::socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    if (kind == Kind::terminal) {
        ends[0] = ::posix_openpt(O_RDWR | O_NOCTTY);
        if (::grantpt(ends[0]) == 0 && ::unlockpt(ends[0]) == 0)
            ends[1] = ::open(::ptsname(ends[0]), O_RDWR | O_NOCTTY);
    }
    return {ends[0], ends[1]};
}

/// Puts one of them in the place of descriptor 2, and gives back the reader's end.
int replace_standard_error(Kind kind) {
    const auto [reader, writer] = open_ends(kind);
    if (reader < 0 || writer < 0 || ::dup2(writer, 2) != 2) ::_exit(2);
    ::close(writer);
    set_log_sink(nullptr);
    return reader;
}

void log_text(const std::string& text) {
    detail::log(LogLevel::error, "test", [&] { return text; });
}

/// Logs until a line is dropped.
void log_until_full() {
    for (const auto before = dropped_log_lines(); dropped_log_lines() == before;) log_text(std::string(80, 'x'));
}

/// Logs until there is no room for another line, and none can come. The kernel hands a terminal's bytes on to its
/// reader a moment later, which makes room: until the reader's 4,095 wait for it.
void fill_standard_error(int reader) {
    log_until_full();
    for (int waiting = 0; waiting < 4095 && ::ioctl(reader, FIONREAD, &waiting) == 0;) std::this_thread::yield();
    log_until_full();
}

bool is_in(int (*which)(sigset_t*)) {
    sigset_t signals;
    return which(&signals) == 0 && ::sigismember(&signals, SIGPIPE) == 1;
}
bool sigpipe_is_pending() {
    return is_in([](sigset_t* signals) { return ::sigpending(signals); });
}
bool sigpipe_is_blocked() {
    return is_in([](sigset_t* signals) { return ::pthread_sigmask(SIG_SETMASK, nullptr, signals); });
}
void set_sigpipe(int how) {
    sigset_t only_sigpipe;
    ::sigemptyset(&only_sigpipe);
    ::sigaddset(&only_sigpipe, SIGPIPE);
    ::pthread_sigmask(how, &only_sigpipe, nullptr);
}

}  // namespace

TEST_CASE("a log that is not read holds up no call: its lines are dropped and counted", "[faults]") {
    const Kind kind = GENERATE(Kind::pipe, Kind::socket, Kind::terminal);
    Child child([=] {
        fill_standard_error(replace_standard_error(kind));
        const auto before = dropped_log_lines();
        const auto server = create_server("127.0.0.1", 0, std::string(2000, 'x'));
        const auto port = server.local_endpoint().port();
        const auto socket = try_connect_to("127.0.0.1", port, std::string(2000, 'x'), {.timeout = 30s});
        return socket.has_value() && dropped_log_lines() == before + 2;
    });
    CHECK(child.has_passed());
}

#if !defined(SOCKBOOT_TEST_UNDER_TSAN)
TEST_CASE("no thread waits for room in a log that another one has just taken", "[faults]") {
    const Kind kind = GENERATE(Kind::pipe, Kind::socket, Kind::terminal);
    Child child([=] {
        const int reader = replace_standard_error(kind);
        ::fcntl(reader, F_SETFL, O_NONBLOCK);
        fill_standard_error(reader);
        detail::Atomic<int> running{4};
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
                for (int line = 0; line < 2000; ++line) log_text(std::string(3000, 'x'));
                running.fetch_sub(1);
            });
        std::string some(5000, '\0');
        for (int i = 0; i < 200 && running.load() > 0; ++i)
            static_cast<void>(!::read(reader, some.data(), some.size()));
        for (std::thread& thread : threads) thread.join();  // of what they write at the end, nobody reads anything
        return true;
    });
    CHECK(child.has_passed());
}

TEST_CASE("a child of fork() logs, whatever its parent's threads were doing with the log", "[faults]") {
    Child child([] {
        set_log_sink(nullptr);
        ::dup2(::open("/dev/null", O_WRONLY), 2);
        detail::Atomic<bool> done{false};
        std::vector<std::thread> threads;
        for (int i = 0; i < 2; ++i)
            threads.emplace_back([&] {
                while (!done.load()) log_text("from a thread");
            });
        bool passed = true;
        for (int i = 0; i < 50; ++i) {
            Child grandchild([] { return log_text("from the child"), true; });
            passed = grandchild.has_passed() && passed;
        }
        done.store(true);
        for (std::thread& thread : threads) thread.join();
        return passed;
    });
    CHECK(child.has_passed());
}
#endif

TEST_CASE("a log whose reader is gone ends no program: its lines are counted, and no signal is left", "[faults]") {
    const Kind kind = GENERATE(Kind::pipe, Kind::socket);
    const bool is_blocked = GENERATE(false, true);
    Child child([=] {
        ::signal(SIGPIPE, SIG_DFL);
        set_sigpipe(is_blocked ? SIG_BLOCK : SIG_UNBLOCK);
        ::close(replace_standard_error(kind));
        errno = 12345;
        for (int line = 0; line < 3; ++line) log_text("hello");
        return errno == 12345 && dropped_log_lines() == 3 && sigpipe_is_blocked() == is_blocked &&
               !sigpipe_is_pending() && ::signal(SIGPIPE, SIG_DFL) == SIG_DFL;
    });
    CHECK(child.has_passed());
}

TEST_CASE("a SIGPIPE that was pending stays pending, whether the log has a reader or not", "[faults]") {
    const bool has_reader = GENERATE(false, true);
    Child child([=] {
        set_sigpipe(SIG_BLOCK);
        ::raise(SIGPIPE);
        const int reader = replace_standard_error(Kind::pipe);
        if (!has_reader) ::close(reader);
        log_text("hello");
        return dropped_log_lines() == (has_reader ? 0 : 1) && sigpipe_is_pending() && sigpipe_is_blocked();
    });
    CHECK(child.has_passed());
}

TEST_CASE("a log without its descriptor drops line after line, and opens nothing in its place", "[faults]") {
    Child child([] {
        set_log_sink(nullptr);
        ::close(2);
        const int before = loopback::open_descriptors();
        errno = 12345;
        for (int line = 0; line < 1000; ++line) log_text("hello");
        const bool is_kept = errno == 12345;
        return is_kept && dropped_log_lines() == 1000 && ::fcntl(2, F_GETFD) == -1 &&
               loopback::open_descriptors() == before;
    });
    CHECK(child.has_passed());
}
