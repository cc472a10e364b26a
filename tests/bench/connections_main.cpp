// SPDX-License-Identifier: MIT
// bench_connections_<name> COUNT: a server and its clients, in a process each; prints as JSON what the server's
// connections cost: the time of an accept, and the resident memory that each keeps, idle and after a message each way.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "connections.hpp"

namespace bench {
namespace {

constexpr std::size_t batch_size = 100;  // fewer than any system's backlog

/// Bytes of this process that are in memory.
double resident() {
    long pages = 0, resident_pages = 0;
    std::FILE* file = std::fopen("/proc/self/statm", "re");
    if (file == nullptr || std::fscanf(file, "%ld %ld", &pages, &resident_pages) != 2) fail("connections: statm");
    std::fclose(file);
    return static_cast<double>(resident_pages) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

void read_whole(int handle, void* into, std::size_t size) {
    for (std::size_t done = 0; done < size;) {
        const ssize_t got = ::read(handle, static_cast<char*>(into) + done, size - done);
        if (got <= 0) fail("connections: the other side has ended");
        done += static_cast<std::size_t>(got);
    }
}
void write_whole(int handle, const void* bytes, std::size_t size) {
    if (::write(handle, bytes, size) != static_cast<ssize_t>(size)) fail("connections: cannot write");
}

/// The two ends of two pipes between server and clients, each written to in turn.
class Turns {
public:
    Turns() {
        if (::pipe(to_clients_) != 0 || ::pipe(to_server_) != 0) fail("connections: pipe");
    }
    void tell_clients(std::size_t count) const { write_whole(to_clients_[1], &count, sizeof count); }
    void tell_server() const { write_whole(to_server_[1], "!", 1); }
    [[nodiscard]] std::size_t hear_server() const {
        std::size_t count = 0;
        read_whole(to_clients_[0], &count, sizeof count);
        return count;
    }
    void hear_clients() const {
        char byte = 0;
        read_whole(to_server_[0], &byte, 1);
    }

private:
    int to_clients_[2], to_server_[2];
};

/// Connects as many as the server asks for, each with a message behind it; asked for none, waits for the answers.
[[noreturn]] void run_clients(std::uint16_t port, const Turns& turns) {
    std::string frame(frame_size, 'x');
    frame.replace(0, 4, std::string_view("\0\0\0\x40", 4));
    std::vector<int> handles;
    while (const std::size_t count = turns.hear_server()) {
        for (std::size_t i = 0; i < count; ++i) {
            handles.push_back(connected_to(port));
            write_whole(handles.back(), frame.data(), frame.size());
        }
        turns.tell_server();
    }
    std::string answer(frame_size, '?');
    for (const int handle : handles) {
        read_whole(handle, answer.data(), answer.size());
        if (answer != frame) fail("connections: another answer than was sent");
    }
    turns.tell_server();
    static_cast<void>(turns.hear_server());  // until then the connections stay
    std::_Exit(0);
}

/// The time that the server's own part takes, without the connecting.
double accept_all(ConnectionsServer& server, std::size_t count, const Turns& turns) {
    using clock = std::chrono::steady_clock;
    clock::duration spent{};
    for (std::size_t accepted = 0; accepted < count;) {
        const std::size_t batch = std::min(batch_size, count - accepted);
        turns.tell_clients(batch);
        turns.hear_clients();
        const auto begin = clock::now();
        server.accept(batch);
        spent += clock::now() - begin;
        accepted += batch;
    }
    return std::chrono::duration<double, std::nano>(spent).count();
}

int run(std::size_t count) {
    allow_many_descriptors();
    const Turns turns;
    const auto server = make_connections_server();
    const std::uint16_t port = server->listen();
    const pid_t clients = ::fork();
    if (clients < 0) fail("connections: fork");
    if (clients == 0) run_clients(port, turns);
    accept_all(*server, 1, turns);  // what is needed once belongs to no connection
    const double before = resident();
    const double accept_ns = accept_all(*server, count, turns);
    const double idle = resident();
    turns.tell_clients(0);
    server->answer_all();
    turns.hear_clients();
    const double exchanged = resident();
    const auto each = static_cast<double>(count);
    std::printf(
        "{\"connections\": %zu, \"accept_ns\": %.0f, \"idle\": %.0f, \"exchanged\": %.0f, \"resident\": %.0f}\n", count,
        accept_ns / each, (idle - before) / each, (exchanged - before) / each, exchanged);
    turns.tell_clients(0);
    int status = 0;
    return ::waitpid(clients, &status, 0) == clients && status == 0 ? 0 : 1;
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
    if (count != 2) bench::fail("usage: bench_connections_<name> COUNT");
    return bench::run(std::strtoul(arguments[1], nullptr, 10));
}
