// SPDX-License-Identifier: MIT
// Calls of the system that fail as a test says: the linker's --wrap puts these functions in front of the real ones.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace faults {

/// The calls that stand behind the shim.
enum class Call {
    socket,
    setsockopt,
    bind,
    connect,
    getpeername,
    getsockopt,
    accept,
    poll,
    receive,
    send,
    create_thread,
    close
};

/// One call that the program under test is about to make.
struct Made {
    Call call;
    int nth;  ///< of its kind since the script began, from 0
    /// Of socket the family, of setsockopt and getsockopt the option's name, of poll and threads -1; else the handle.
    int argument;
};

/// What becomes of it. 0: it works, with at most so many bytes (of poll: 0 handles, ready or not).
/// Else it fails with that number; a close or a connect that is interrupted has done its work all the same.
struct Verdict {
    int error = 0;
    std::size_t most = (std::numeric_limits<std::size_t>::max)();
};

/// While it lives, every wrapped call in the program is decided by `decide`; calls inside of `decide` are real.
class Script {
public:
    using Decide = std::function<Verdict(const Made&)>;
    explicit Script(Decide decide);
    ~Script();
    Script(const Script&) = delete;
    Script& operator=(const Script&) = delete;

    /// How many calls there were.
    [[nodiscard]] int count(Call call) const;
};

/// While it lives, getaddrinfo answers what the test says: 0 and the addresses, or an EAI_ number. An answer may hang,
/// also longer than the Resolver lives.
class Resolver {
public:
    using Answer = std::function<int(int nth)>;
    explicit Resolver(Answer answer, std::vector<std::string> addresses = {"127.0.0.1"});
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    /// How many calls there were.
    [[nodiscard]] int asked() const;
    /// How many of them have given their answer, and how many of the lists in it were freed again.
    [[nodiscard]] int answered() const;
    [[nodiscard]] int freed() const;
};

/// Waits for what a lookup that was left behind still has to do.
template <class Condition> bool comes_true(const Condition& condition) {
    using std::chrono::steady_clock;
    for (const auto end = steady_clock::now() + std::chrono::seconds(10); steady_clock::now() < end;
         std::this_thread::yield())
        if (condition()) return true;
    return false;
}

inline std::error_code system_code(int number) { return {number, std::system_category()}; }

}  // namespace faults
