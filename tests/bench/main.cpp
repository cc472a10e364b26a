// SPDX-License-Identifier: MIT
// Runs one contender: two processes, pinned to a core each (but for the look-up of names), a connection between them,
// and workloads on command.
//
//   bench_x                           commands from standard input, one a line, one line of JSON for each
//   bench_x "request 64 1000"         the commands given, and no other
//
// A command: [verified|latency] request|stream SIZE COUNT, or connect HOST COUNT.
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iostream>
#include <sstream>

#include "contender.hpp"

// Every allocation of the process, of the libraries' too: operator new calls malloc, and this is glibc's malloc.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
}

namespace {
std::uint64_t allocations = 0;  // other threads of a library may lose a count now and then
void count_one() { __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED); }
}  // namespace

extern "C" {
void* malloc(std::size_t size) { return count_one(), __libc_malloc(size); }
void* calloc(std::size_t count, std::size_t size) { return count_one(), __libc_calloc(count, size); }
void* realloc(void* old, std::size_t size) { return count_one(), __libc_realloc(old, size); }
}

namespace bench {
namespace {

struct Command {
    enum Kind : std::uint8_t { request, stream, connect } kind = request;
    Mode mode = Mode::timed;
    std::size_t size = 0;
    std::size_t count = 0;
    char host[64] = {};
};

/// What a run cost one process.
struct Cost {
    double seconds = 0;    ///< on the wall
    double processor = 0;  ///< seconds of its processor, user and system
    std::uint64_t allocations = 0;
    bool possible = true;
};

double processor_seconds() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

template <class Work> Cost measure(Work work) {
    Cost cost;
    const std::uint64_t allocated = __atomic_load_n(&allocations, __ATOMIC_RELAXED);
    const double processor = processor_seconds();
    const auto begin = std::chrono::steady_clock::now();
    cost.possible = work();
    cost.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    cost.processor = processor_seconds() - processor;
    cost.allocations = __atomic_load_n(&allocations, __ATOMIC_RELAXED) - allocated;
    return cost;
}

/// The core of this process, for all but the look-up of names: whoever asks and a thread that answers would share it,
/// and half of what it costs to wake that thread would be hidden.
class Core {
public:
    explicit Core(std::size_t number) : number_(number) {
        sched_getaffinity(0, sizeof all_, &all_);
        pin();
    }
    void use_for(const Command& command) {
        const bool by_name = command.kind == Command::connect && std::strspn(command.host, "0123456789.") == 0;
        if (by_name == is_pinned_) by_name ? unpin() : pin();
    }

private:
    void pin() {
        cpu_set_t cores;
        CPU_ZERO(&cores);
        CPU_SET(number_, &cores);
        if (sched_setaffinity(0, sizeof cores, &cores) != 0)
            std::cerr << "bench: not pinned to core " << number_ << '\n';
        is_pinned_ = true;
    }
    void unpin() {
        sched_setaffinity(0, sizeof all_, &all_);
        is_pinned_ = false;
    }

    std::size_t number_;
    cpu_set_t all_{};
    bool is_pinned_ = false;
};

/// Both directions of a pipe between the two processes, for what is not measured.
struct Line {
    int in, out;
    template <class T> void put(const T& value) const {
        if (::write(out, &value, sizeof value) != static_cast<ssize_t>(sizeof value)) fail("the other process is gone");
    }
    template <class T> T get() const {
        T value;
        for (;;) {
            const ssize_t got = ::read(in, &value, sizeof value);
            if (got == static_cast<ssize_t>(sizeof value)) return value;
            if (got == 0) std::_Exit(0);  // the client has ended
            if (errno != EINTR) fail("the other process is gone");
        }
    }
};

void serve(const Line& line, Core core) {
    const auto contender = make_contender();
    line.put(contender->listen());
    contender->accept();
    line.put('r');
    for (;;) {
        const auto command = line.get<Command>();
        core.use_for(command);
        Sink sink(command.size, command.mode == Mode::latency ? Mode::timed : command.mode);
        line.put('r');
        line.put(measure([&] {
            if (command.kind == Command::connect) return contender->accept_connections(command.count);
            if (command.kind == Command::request)
                contender->answer(sink, command.count);
            else
                contender->receive_stream(sink, command.count);
            if (sink.taken() != command.count) fail("the server took " + std::to_string(sink.taken()) + " messages");
            return true;
        }));
    }
}

/// The round trips in nanoseconds: what lies between one answer and the next.
std::vector<std::int64_t> round_trips(const Sink& sink) {
    std::vector<std::int64_t> spans;
    const auto& moments = sink.moments();
    for (std::size_t i = 1; i < moments.size(); ++i)
        spans.push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(moments[i] - moments[i - 1]).count());
    std::sort(spans.begin(), spans.end());
    return spans;
}

std::string json(const Cost& client, const Cost& server, const Sink& sink) {
    std::ostringstream text;
    text.precision(9);
    text << "{\"possible\": " << (client.possible && server.possible ? "true" : "false")
         << ", \"seconds\": " << client.seconds << ", \"processor\": [" << client.processor << ", " << server.processor
         << "], \"allocations\": [" << client.allocations << ", " << server.allocations << "]";
    if (const auto spans = round_trips(sink); !spans.empty()) {
        text << ", \"quantiles_ns\": {";
        const char* separator = "";
        for (const double quantile : {0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0}) {
            const auto place = static_cast<std::size_t>(quantile * static_cast<double>(spans.size() - 1));
            text << separator << '"' << quantile << "\": " << spans[place];
            separator = ", ";
        }
        text << '}';
    }
    text << '}';
    return text.str();
}

class Client {
public:
    Client(const Line& line, Core core) : line_(line), core_(core), contender_(make_contender()) {
        port_ = line.get<std::uint16_t>();
        contender_->connect(port_);
        line.get<char>();
    }

    std::string run(const Command& command) {
        Source source(command.size, command.mode);
        Sink sink(command.size, command.mode);
        if (command.mode == Mode::latency) sink.reserve(command.count);
        core_.use_for(command);
        line_.put(command);
        line_.get<char>();
        const Cost here = measure([&] {
            if (command.kind == Command::connect)
                return contender_->make_connections(command.host, port_, command.count);
            if (command.kind == Command::request)
                contender_->request(source, sink, command.count);
            else
                contender_->send_stream(source, command.count);
            if (command.kind == Command::request && sink.taken() != command.count) fail("answers are missing");
            return true;
        });
        return json(here, line_.get<Cost>(), sink);
    }

private:
    Line line_;
    Core core_;
    std::unique_ptr<Contender> contender_;
    std::uint16_t port_ = 0;
};

Command parse(const std::string& text) {
    std::istringstream words(text);
    Command command;
    std::string word;
    words >> word;
    if (word == "verified" || word == "latency") {
        command.mode = word == "verified" ? Mode::verified : Mode::latency;
        words >> word;
    }
    if (word == "connect") {
        command.kind = Command::connect;
        std::string host;
        words >> host;
        host.copy(command.host, sizeof command.host - 1);
    } else {
        command.kind = word == "stream" ? Command::stream : Command::request;
        if (word != "stream" && word != "request") fail("no such workload: " + text);
        words >> command.size;
    }
    words >> command.count;
    if (!words || command.count == 0 || command.size > largest_message) fail("no such command: " + text);
    return command;
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
    int to_server[2], to_client[2];
    if (::pipe(to_server) != 0 || ::pipe(to_client) != 0) bench::fail("no pipe");
    const pid_t server = ::fork();
    if (server == 0) {
        ::close(to_server[1]);
        ::close(to_client[0]);
        bench::serve({to_server[0], to_client[1]}, bench::Core(1));
    }
    ::close(to_server[0]);
    ::close(to_client[1]);
    bench::Client client({to_client[0], to_server[1]}, bench::Core(0));
    for (int i = 1; i < count; ++i) std::cout << client.run(bench::parse(arguments[i])) << std::endl;
    for (std::string line; count == 1 && std::getline(std::cin, line);)
        std::cout << client.run(bench::parse(line)) << std::endl;
    ::close(to_server[1]);
    ::waitpid(server, nullptr, 0);
}
