// SPDX-License-Identifier: MIT
// A child of fork() that shares this program's objects and nothing else of it.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

// ThreadSanitizer takes a child's threads for those of the parent that had their addresses, and keeps from a child of a
// program with threads the signals that it waits for.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SOCKBOOT_TEST_UNDER_TSAN
#endif
#elif defined(__SANITIZE_THREAD__)
#define SOCKBOOT_TEST_UNDER_TSAN
#endif

namespace faults {

/// A child process that says whether `passes()` was true in it. It may take 60 s, then SIGALRM ends it.
class Child {
public:
    template <class Passes> explicit Child(const Passes& passes) : id_(::fork()) {
        if (id_ != 0) return;
        ::alarm(60);
        ::_exit(passes() ? 0 : 1);
    }
    ~Child() { has_passed(); }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    void send(int signal) const {
        if (id_ > 0) ::kill(id_, signal);
    }
    /// Waits for its end.
    bool has_passed() {
        int status = 0;
        if (const pid_t id = std::exchange(id_, 0); id > 0 && ::waitpid(id, &status, 0) == id)
            passed_ = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        return passed_;
    }

private:
    pid_t id_;
    bool passed_ = false;
};

}  // namespace faults
