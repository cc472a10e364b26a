// SPDX-License-Identifier: MIT
// soak --operations N --seconds S --seed X
//
// So many mixed operations, for so many seconds at most, by some client threads against as many server threads. What
// the process holds is counted twice with everything closed, after a tenth of the operations and after all of them.
// Exits with 1 where that differs, where a message came changed, or where an operation ended as it may not.
#include <unistd.h>

#include <array>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <thread>
#include <vector>

#include <sockboot/connect_to.hpp>

#include "client.hpp"
#include "footprint.hpp"

namespace {

using namespace soak;
using std::chrono::steady_clock;

constexpr std::size_t threads = 8;

struct Arguments {
    std::uint64_t operations = 1'000'000, seconds = 120, seed = 1;

    Arguments(int count, char** values) {
        const struct {
            const char* name;
            std::uint64_t& value;
        } known[] = {{"--operations", operations}, {"--seconds", seconds}, {"--seed", seed}};
        for (int i = 1; i < count; i += 2) {
            const std::uint64_t number = i + 1 < count ? std::strtoull(values[i + 1], nullptr, 10) : 0;
            bool is_known = false;
            for (const auto& [name, value] : known)
                if (number != 0 && std::strcmp(values[i], name) == 0) value = number, is_known = true;
            if (is_known) continue;
            std::fputs("usage: soak [--operations N] [--seconds S] [--seed X], each above zero\n", stderr);
            std::exit(2);
        }
    }
};

/// What each client is doing, for the case that one of them hangs.
std::array<std::atomic<Client*>, threads> watched;

[[noreturn]] void hung(int) {
    std::fputs("FAILED: it hangs; the clients are at:", stdout);
    for (const auto& client : watched) std::printf(" \"%s\"", client != nullptr ? client.load()->doing() : "");
    std::puts("");
    std::fflush(stdout);
    ::_exit(1);
}

/// Runs the clients over their share of the operations; returns how many were done. Everything is closed afterwards.
std::uint64_t run(const Arguments& all, std::uint64_t first, std::uint64_t last, Port refused) {
    const auto until = steady_clock::now() + all.seconds * 1000ms * (last - first) / all.operations;
    World world(threads, refused);
    std::deque<Client> clients;
    std::vector<std::future<void>> serving;
    std::vector<std::future<std::uint64_t>> asking;
    for (Server& server : world.servers) serving.push_back(std::async(std::launch::async, [&] { server.run(); }));
    for (std::size_t i = 0; i < threads; ++i) {
        Client& client = clients.emplace_back(world, Dice(all.seed * threads + i).next());
        watched[i] = &client;
        asking.push_back(std::async(std::launch::async,
                                    [=, &client] { return client.run(first / threads, last / threads, until); }));
    }
    std::uint64_t done = 0;
    for (auto& client : asking) done += client.get();
    for (Server& server : world.servers) server.end();
    for (auto& server : serving) server.get();
    for (auto& client : watched) client = nullptr;
    return done;
}

void expect(bool as_before, const char* what) {
    if (as_before) return;
    std::printf("FAILED: %s: not as after a tenth\n", what);
    ++failures;
}

void compare(const Footprint& early, const Footprint& late) {
    expect(late.descriptors == early.descriptors, "descriptors");
    expect(late.allocations == early.allocations, "allocations");
    // The resolver's list of what is looked up has as much room as it once needed.
    constexpr long room = 1024;
    expect(std::labs(late.bytes - early.bytes) <= room, "bytes");
    expect(late.lists == 0 && early.lists == 0, "lists of addresses");
    if (late.malloced == 0) return;  // a sanitizer's own malloc, which keeps what is freed
    // What malloc keeps for the main thread, which it counts as if it were in use, and the buffer of stdout.
    constexpr std::size_t kept = std::size_t{64} << 10;
    expect(late.malloced <= early.malloced + kept, "memory of malloc");
    expect(late.resident_kib <= 2 * early.resident_kib + (16 << 10), "resident memory");
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments all(argc, argv);
    set_log_level(LogLevel::off);
    std::signal(SIGALRM, hung);
    ::alarm(static_cast<unsigned>(all.seconds) + 150);
    std::thread([] {}).join();  // a sanitizer may start a thread of its own with the first one
    const std::size_t threads_at_start = Footprint::now().threads;

    const auto server = create_server("127.0.0.1", 0);
    const auto taken = connect_to("127.0.0.1", server.local_endpoint().port());
    const Port refused = taken.local_endpoint().port();
    const std::uint64_t tenth = all.operations / 10;
    const auto begin = steady_clock::now();
    std::uint64_t done = run(all, 0, tenth, refused);
    const auto pause = steady_clock::now();
    const Footprint early = Footprint::with_threads(threads_at_start);
    early.print("after a tenth");
    const auto resumed = steady_clock::now();
    done += run(all, tenth, all.operations, refused);
    const std::chrono::duration<double> busy = steady_clock::now() - resumed + (pause - begin);
    const Footprint late = Footprint::with_threads(threads_at_start);
    late.print("after all");
    expect(early.threads == threads_at_start && late.threads == threads_at_start, "threads");
    compare(early, late);
    std::printf("%" PRIu64 " of %" PRIu64 " operations in %.1f s, failures: %d\n", done, all.operations, busy.count(),
                failures.load());
    return failures == 0 ? 0 : 1;
}
