// SPDX-License-Identifier: MIT
// Canceller: ends any blocked call of this library, from another thread or from a signal handler.
#pragma once

#include <new>  // std::nothrow
#include "detail/atomic.hpp"
#include "detail/os.hpp"
#include "detail/shared.hpp"
#include "result.hpp"
#include "timeout.hpp"

namespace sockboot::inline v0_2 {
class Canceller;

namespace detail {
/// For those who wait: what is polled beside a socket, ready once cancel() has been called. Errors: a child of fork()
/// makes a pipe of its own here, and may have no descriptors left.
os::IoResult wake_entry(const Canceller& canceller, os::PollEntry& entry) noexcept;

/// Whether it was cancel() that made that entry ready. If not, a byte has outlived its reset(), and is taken away.
bool confirm_cancelled(const Canceller& canceller) noexcept;

/// The flag that cancel() sets; null where there is none to set. It lives as long as the Canceller has copies.
const Atomic<bool>* cancel_flag(const Canceller& canceller) noexcept;
}  // namespace detail

/// Ends blocked calls: accept, connect, send, receive, and everything built on them.
///
/// Put it into the options of a server or a connection, or into a Socket. cancel() wakes every call that is blocked on
/// one of its sockets, and every later one fails at once, with Errc::cancelled, until reset(). It closes nothing, so no
/// descriptor can be mixed up with another one's. Copies share one state, which their sockets keep alive; after fork()
/// parent and child have one each, and neither feels what the other one does.
/// Threads: any, at any time; cancel() and is_cancelled() also in a signal handler.
/// Calls:   pipe2(2), write(2), read(2).
class Canceller {
public:
    /// A fresh one. Errors: no descriptors left (it takes two).
    Canceller() : Canceller(try_create().value()) {}
    [[nodiscard]] static Result<Canceller> try_create();
    /// One whose cancel() does nothing: what options hold unless they are given another.
    [[nodiscard]] static Canceller none() noexcept { return Canceller(detail::Shared<State>()); }
    /// Ends the calls. Safe in a signal handler; a second time does nothing.
    void cancel() noexcept {
        if (state_ && !state_->cancelled.exchange(true)) state_->wake();
    }

    [[nodiscard]] bool is_cancelled() const noexcept { return state_ && state_->cancelled.load(); }
    /// Lets calls block again, until the next cancel().
    void reset() noexcept {
        if (!state_) return;
        state_->cancelled.store(false);
        state_->confirm();
    }
    /// Whether it can cancel at all.
    explicit operator bool() const noexcept { return static_cast<bool>(state_); }

private:
    friend detail::os::IoResult detail::wake_entry(const Canceller& canceller, detail::os::PollEntry& entry) noexcept;
    friend bool detail::confirm_cancelled(const Canceller& canceller) noexcept;
    friend const detail::Atomic<bool>* detail::cancel_flag(const Canceller& canceller) noexcept;

    /// What wakes the waits of one process.
    struct Pipe {
        Pipe(detail::os::OwnedPipe fresh, Pipe* of_parent) noexcept : ends(std::move(fresh)), inherited(of_parent) {}
        Pipe(const Pipe&) = delete;
        Pipe& operator=(const Pipe&) = delete;
        detail::os::OwnedPipe ends;
        const int generation = detail::os::new_fork_generation();
        Pipe* const inherited;  ///< from the process that forked
    };
    /// The flag decides. A byte in the pipe only makes those who wait look at it, so that one too many does no harm;
    /// whoever takes one away and finds the flag set puts it back.
    struct State final : detail::Counted {
        explicit State(detail::os::OwnedPipe fresh) noexcept : first(std::move(fresh), nullptr) {}
        ~State();
        /// Wakes this process alone. Where it has no pipe of its own yet, nobody in it waits.
        void wake() noexcept {
            if (has_own_pipe()) detail::os::notify(pipe.load()->ends.write_end.get());
        }
        [[gnu::noinline]] bool confirm() noexcept {
            if (cancelled.load()) return true;
            if (!has_own_pipe()) return false;
            detail::os::drain(pipe.load()->ends.read_end.get());
            if (cancelled.load()) wake();
            return cancelled.load();
        }
        [[nodiscard]] bool has_own_pipe() const noexcept {
            return pipe.load()->generation == detail::os::fork_generation();
        }
        detail::os::IoResult make_own_pipe() noexcept;

        Pipe first;
        detail::Atomic<Pipe*> pipe{&first};
        detail::Atomic<bool> cancelled{false};
    };
    static_assert(detail::Atomic<bool>::is_always_lock_free && detail::Atomic<Pipe*>::is_always_lock_free,
                  "a signal handler must not meet a lock");

    explicit Canceller(detail::Shared<State> state) noexcept : state_(std::move(state)) {}

    detail::Shared<State> state_;
};

inline Result<Canceller> Canceller::try_create() {
    auto ends = detail::os::make_owned_pipe();
    if (!ends) return std::move(ends).error();
    return Canceller(detail::Shared<State>(new State(std::move(*ends))));
}

inline Canceller::State::~State() {
    for (Pipe *each = pipe.load(), *older; each != &first; each = older) older = each->inherited, delete each;
}

/// In a child of fork(), whose pipe is still its parent's: makes one of its own.
[[gnu::noinline, gnu::cold]] inline detail::os::IoResult Canceller::State::make_own_pipe() noexcept {
    namespace os = detail::os;
    Pipe* known = pipe.load();
    if (known->generation == os::fork_generation()) return os::IoResult::moved(0);  // another thread was first
    auto ends = os::make_owned_pipe();
    if (!ends) return os::IoResult::failed(ends.error().code().value());
    auto* const own = new (std::nothrow) Pipe(std::move(*ends), known);
    if (!own) return os::IoResult::failed(os::no_memory);
    if (!pipe.compare_exchange_strong(known, own)) {
        delete own;
        return os::IoResult::moved(0);
    }
    own->inherited->ends = {};
    if (cancelled.load()) os::notify(own->ends.write_end.get());  // wake() may have found the parent's
    return os::IoResult::moved(0);
}

namespace detail {
inline os::IoResult wake_entry(const Canceller& canceller, os::PollEntry& entry) noexcept {
    if (!canceller) return os::IoResult::moved(0);
    auto& state = *canceller.state_;
    if (!state.has_own_pipe()) [[unlikely]]
        if (const os::IoResult made = state.make_own_pipe(); !made) return made;
    entry = os::PollEntry::readable(state.pipe.load()->ends.read_end.get());
    return os::IoResult::moved(0);
}

inline bool confirm_cancelled(const Canceller& canceller) noexcept { return canceller && canceller.state_->confirm(); }

inline const Atomic<bool>* cancel_flag(const Canceller& canceller) noexcept {
    return canceller ? &canceller.state_->cancelled : nullptr;
}

/// Waits until the entry is ready, the deadline has come or cancel() is called; moved: it is ready.
[[gnu::always_inline]] inline os::IoResult wait_until(os::PollEntry entry, const Canceller& canceller,
                                                      Deadline& deadline) noexcept {
    for (;;) {
        // Also where poll says "ready" and the next call finds nothing, again and again.
        const auto left = deadline.remaining();
        if (left.count() == 0) [[unlikely]]
            return canceller.is_cancelled() ? os::IoResult::cancelled : os::IoResult::deadline_exceeded;
        os::PollEntry entries[] = {entry, os::PollEntry()};
        if (const os::IoResult woken_by = wake_entry(canceller, entries[1]); !woken_by) return woken_by;
        const os::IoResult ready = os::poll(entries, 2, left);
        if (ready.any()) [[likely]] {
            if (entries[1].ready() && confirm_cancelled(canceller)) return os::IoResult::cancelled;
            if (entries[0].ready()) return ready;
        }
        if (!ready && !ready.is(os::IoResult::interrupted)) return ready;
    }
}
}  // namespace detail
}  // namespace sockboot::inline v0_2
