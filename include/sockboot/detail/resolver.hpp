// SPDX-License-Identifier: MIT
// Resolver: the few threads in which getaddrinfo(3) runs, so that a caller can stop waiting for it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include "../canceller.hpp"
#include "../endpoint.hpp"
#include "../result.hpp"
#include "../timeout.hpp"
#include "atomic.hpp"
#include "os.hpp"
#include "shared.hpp"

namespace sockboot::inline v0_2::detail {
/// The addresses of a host, with port 0, in the order of RFC 6724. Blocks for as long as the system's resolver does.
inline Result<std::vector<Endpoint>> look_up(const std::string& host) {
    std::vector<Endpoint> endpoints;
    const auto add = [](void* list, const os::Address& address) {
        if (address.family != Family::none) static_cast<std::vector<Endpoint>*>(list)->push_back(to_endpoint(address));
    };
    if (auto asked = os::look_up(host, add, &endpoints); !asked) return std::move(asked).error();
    return endpoints;
}

/// The same in a thread's first function, which nothing can leave by an exception.
inline Result<std::vector<Endpoint>> look_up_noexcept(const std::string& host) noexcept {
#if defined(__cpp_exceptions)
    try {
        return look_up(host);
    } catch (...) {
        return Error(make_error_code(std::errc::not_enough_memory), Operation::resolve);
    }
#else
    return look_up(host);
#endif
}

/// One host that is looked up, by one thread for all the callers that want it meanwhile.
struct Lookup final : Counted {
    /// A caller that waits in poll(2), since a Canceller may end its wait too.
    struct Poller {
        os::Handle write_end;
        Poller* next;
    };

    explicit Lookup(std::string_view name) : host(name) {}
    Lookup(const Lookup&) = delete;
    Lookup& operator=(const Lookup&) = delete;

    const std::string host;
    Shared<Lookup> next{};  ///< in the list of those that have no answer yet
    // Under the resolver's lock, but for the answer once it is there:
    int callers = 1;
    bool is_running = false, is_answered = false;
    Poller* pollers = nullptr;
    Result<std::vector<Endpoint>> answer = std::vector<Endpoint>();
    os::Condition answered;
};

/// The lookups of a process, and the threads that make them.
///
/// A lookup whose callers have all left is forgotten, or, where getaddrinfo(3) hangs, ends in its own time. A thread
/// ends when there was nothing to do for a while. The object is never destroyed: the process may exit, and a module be
/// unloaded, while a thread hangs.
/// Threads: any.
class Resolver {
public:
    static constexpr int max_threads = 8;  ///< with as many lookups under way, further ones wait for their turn
    static constexpr std::chrono::seconds idle_time{5};

    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    /// That of this process: in a child of fork() the parent's has no threads, and its lock may be held for ever.
    [[nodiscard]] static Resolver& instance() {
        Resolver* known = current_.load();
        if (known && known->generation_ == os::fork_generation()) return *known;
        auto* const own = new Resolver(known);
        if (current_.compare_exchange_strong(known, own)) return *own;
        delete own;  // another thread was first
        return *known;
    }
    /// Errors: deadline_exceeded; cancelled; those of look_up(); no thread or no pipe to be had.
    [[nodiscard]] Result<std::vector<Endpoint>> resolve_until(std::string_view host, Deadline& deadline,
                                                              const Canceller& canceller) {
        os::OwnedPipe pipe;
        if (canceller) {
            auto made = os::make_owned_pipe();
            if (!made) return Error(made.error().code(), Operation::resolve);
            pipe = std::move(*made);
        }
        auto shared = join(host);
        if (!shared) return std::move(shared).error();
        Lookup& lookup = **shared;
        Lookup::Poller poller{pipe.write_end.get(), nullptr};
        const os::IoResult waited =
            canceller ? poll_for(lookup, poller, pipe.read_end.get(), deadline, canceller) : wait_for(lookup, deadline);
        leave(lookup);
        if (!waited) return Error(waited.code(), Operation::resolve);
        return lookup.answer;
    }

private:
    explicit Resolver(Resolver* of_parent) noexcept : inherited_(of_parent) {}

    /// The lookup of `host` that is under way, or a new one and a thread for it.
    Result<Shared<Lookup>> join(std::string_view host) {
        const os::Locked lock(mutex_);
        Shared<Lookup>* end = &lookups_;
        for (; *end; end = &(*end)->next)
            if ((*end)->host == host) return ++(*end)->callers, *end;
        const Shared<Lookup> fresh(new Lookup(host));
        if (queued_ >= threads_ - busy_ && threads_ < max_threads) {
            auto started = os::start_thread([](void* self) { static_cast<Resolver*>(self)->run(); }, this);
            if (!started && threads_ == 0) return std::move(started).error();
            if (started) ++threads_;
        }
        *end = fresh;
        ++queued_;
        work_.notify_one();
        return fresh;
    }
    os::IoResult wait_for(Lookup& lookup, Deadline& deadline) noexcept {
        const os::Locked lock(mutex_);
        while (!lookup.is_answered) {
            if (deadline.expired()) return os::IoResult::deadline_exceeded;
            lookup.answered.wait(mutex_, deadline.remaining());
        }
        return os::IoResult::moved(0);
    }
    os::IoResult poll_for(Lookup& lookup, Lookup::Poller& self, os::Handle read_end, Deadline& deadline,
                          const Canceller& canceller) noexcept {
        {
            const os::Locked lock(mutex_);
            if (lookup.is_answered) return os::IoResult::moved(0);
            self.next = std::exchange(lookup.pollers, &self);
        }
        const os::IoResult waited = wait_until(os::PollEntry::readable(read_end), canceller, deadline);
        const os::Locked lock(mutex_);
        Lookup::Poller** link = &lookup.pollers;
        while (*link != &self) link = &(*link)->next;
        *link = self.next;
        return waited;
    }
    /// The last caller takes a lookup with it that no thread has begun.
    void leave(Lookup& lookup) noexcept {
        const os::Locked lock(mutex_);
        if (--lookup.callers != 0 || lookup.is_running) return;
        --queued_;
        forget(lookup);
    }
    /// Takes one out of the list that somebody else owns as well.
    void forget(Lookup& lookup) noexcept {
        Shared<Lookup>* link = &lookups_;
        while (link->get() != &lookup) link = &(*link)->next;
        *link = std::move(lookup.next);
    }

    /// The whole life of a thread.
    void run() noexcept {
        const os::Locked lock(mutex_);
        for (Deadline idle = Deadline::started(idle_time);;) {
            if (const Shared<Lookup> next = begin_next()) {
                mutex_.unlock();
                auto answer = look_up_noexcept(next->host);
                mutex_.lock();
                --busy_;
                end(*next, std::move(answer));
                idle = Deadline::started(idle_time);
            } else if (idle.expired()) {
                break;
            } else {
                work_.wait(mutex_, idle.remaining());
            }
        }
        --threads_;
    }
    [[nodiscard]] Shared<Lookup> begin_next() noexcept {
        const Shared<Lookup>* each = &lookups_;
        while (*each && (*each)->is_running) each = &(*each)->next;
        if (*each) --queued_, ++busy_, (*each)->is_running = true;
        return *each;
    }
    void end(Lookup& lookup, Result<std::vector<Endpoint>> answer) noexcept {
        lookup.answer = std::move(answer);
        lookup.is_answered = true;
        forget(lookup);
        lookup.answered.notify_all();
        for (const Lookup::Poller* each = lookup.pollers; each != nullptr; each = each->next)
            os::notify(each->write_end);
    }

    os::Mutex mutex_;
    os::Condition work_;
    Shared<Lookup> lookups_;  ///< those that have no answer yet, oldest first
    int threads_ = 0;
    int busy_ = 0;    ///< of the threads: those that are in getaddrinfo(3)
    int queued_ = 0;  ///< of the lookups: those that no thread has begun
    const int generation_ = os::new_fork_generation();
    [[maybe_unused]] Resolver* const inherited_;  ///< the parent's; kept so that no leak is reported

    [[gnu::visibility("default")]] static inline constinit Atomic<Resolver*> current_{nullptr};
};
}  // namespace sockboot::inline v0_2::detail
