// SPDX-License-Identifier: MIT
// What each system promises: the parts of the contract that nothing above it uses yet, or that it would hide.
#include <sockboot/detail/os.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sockboot/detail/connect/connector.hpp>
#include <sockboot/endpoint.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using namespace std::string_literals;
using detail::IoResult;
using detail::os::BlockUntil;
using detail::os::ConnectState;
using detail::os::Mode;
using detail::os::PollEntry;
using detail::os::Type;
using detail::os::UniqueHandle;
namespace os = detail::os;

namespace {

const os::Address& address(const Endpoint& endpoint) { return detail::to_address(endpoint); }

UniqueHandle opened(Family family, Type type) {
    return UniqueHandle(os::open(family, type, Mode::non_blocking).value());
}

UniqueHandle datagram_socket() {
    UniqueHandle handle = opened(Family::ipv4, Type::datagram);
    os::bind(handle.get(), address(Endpoint::parse("127.0.0.1:0"))).value();
    return handle;
}

/// Until that thread waits in a system call: what /proc says of its state.
void wait_until_asleep(pid_t thread) {
    for (char state = 'R'; state != 'S';) {
        std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
        std::string text((std::istreambuf_iterator<char>(file)), {});
        state = text.at(text.rfind(')') + 2);
    }
}

/// A Unix server without a file, whose queue takes few; and the handles that fill it.
struct FullQueue {
    Endpoint where = Endpoint::parse("unix:@sockboot-queue-" + std::to_string(::getpid()));
    UniqueHandle server = opened(Family::unix_domain, Type::stream);
    std::vector<UniqueHandle> waiting;

    FullQueue() {
        os::bind(server.get(), address(where)).value();
        os::listen(server.get(), 0).value();
        for (;;) {
            waiting.push_back(opened(Family::unix_domain, Type::stream));
            if (os::start_connect(waiting.back().get(), address(where)).value() == ConnectState::queue_full) return;
            REQUIRE(waiting.size() < 100);
        }
    }
    void take_one() {
        os::Address peer;
        os::close(os::accept(server.get(), peer).value());
    }
};

}  // namespace

TEST_CASE("os: a result is bytes, a reason or the system's number, in one register", "[os]") {
    CHECK(IoResult::moved(7).bytes() == 7);
    CHECK(IoResult::moved(7).all(7));
    CHECK(IoResult::moved(0));
    CHECK_FALSE(IoResult::moved(0).any());
    const IoResult refused = IoResult::failed(ECONNREFUSED);
    CHECK_FALSE(refused);
    CHECK_FALSE(refused.any());
    CHECK_FALSE(refused.all(static_cast<std::size_t>(-ECONNREFUSED) + 1));
    CHECK(refused.number() == ECONNREFUSED);
    CHECK(refused.code() == std::errc::connection_refused);
    for (const auto reason : {IoResult::would_block, IoResult::interrupted, IoResult::deadline_exceeded,
                              IoResult::cancelled, IoResult::reported}) {
        CHECK(IoResult(reason).is(reason));
        CHECK(IoResult(reason).number() == 0);
        CHECK_FALSE(IoResult(reason));
    }
    CHECK(IoResult(IoResult::would_block).code() == std::errc::operation_would_block);
    CHECK(IoResult(IoResult::interrupted).code() == std::errc::interrupted);
    CHECK(IoResult(IoResult::deadline_exceeded).code() == Errc::deadline_exceeded);
    CHECK(IoResult(IoResult::cancelled).code() == Errc::cancelled);
}

TEST_CASE("os: datagrams tell who sent them, and whether the buffer was too small", "[os]") {
    const UniqueHandle from = datagram_socket(), to = datagram_socket();
    const os::Address there = os::local_address(to.get()).value();
    std::array<std::byte, 5> buffer{};
    os::DatagramHeader header;
    CHECK(os::receive_from(to.get(), buffer, BlockUntil::nothing, header).is(IoResult::would_block));
    for (const std::string text : {"", "whole", "too long"}) {
        CHECK(os::send_to(from.get(), text, BlockUntil::some, there).all(text.size()));
        PollEntry ready = PollEntry::readable(to.get());
        REQUIRE(os::poll(&ready, 1, 10s).any());
        const IoResult got = os::receive_from(to.get(), buffer, BlockUntil::nothing, header);
        CHECK(got.all(text.size() < 5 ? text.size() : 5));
        CHECK(header.truncated == (text.size() > 5));
        CHECK(detail::to_endpoint(header.from) == detail::to_endpoint(os::local_address(from.get()).value()));
    }
    const std::string huge(70'000, 'x');
    CHECK(os::send_to(from.get(), huge, BlockUntil::nothing, there).code() == std::errc::message_size);
}

TEST_CASE("os: poll looks once at no time, waits no less than it was told, and takes nothing for never ready", "[os]") {
    auto pipe = os::make_wake_pipe().value();
    const UniqueHandle read_end(pipe.read_end), write_end(pipe.write_end);
    PollEntry entries[] = {PollEntry::readable(read_end.get()), PollEntry::readable(os::no_handle)};
    CHECK(os::poll(entries, 2, 0ns).all(0));
    const loopback::Stopwatch watch;
    CHECK(os::poll(entries, 2, 1'500us).all(0));
    CHECK(watch.elapsed_ms() >= 1.5);

    os::notify(write_end.get());
    for (const auto time : {-1ns, 0ns, std::chrono::nanoseconds::max()}) {
        CHECK(os::poll(entries, 2, time).all(1));
        CHECK(entries[0].ready());
        CHECK_FALSE(entries[1].ready());
    }
    os::drain(read_end.get());
    CHECK(os::poll(entries, 1, 0ns).all(0));
}

TEST_CASE("os: notify leaves errno as it was, also with a full pipe", "[os]") {  // behaviour 120
    auto pipe = os::make_wake_pipe().value();
    const UniqueHandle read_end(pipe.read_end), write_end(pipe.write_end);
    errno = 4242;
    for (int i = 0; i < 100'000; ++i) os::notify(write_end.get());
    CHECK(errno == 4242);
    os::drain(read_end.get());
    PollEntry entry = PollEntry::readable(read_end.get());
    CHECK(os::poll(&entry, 1, 0ns).all(0));
}

TEST_CASE("os: a Unix server whose queue is full is to be asked again later, which is no failure", "[os]") {
    FullQueue queue;
    CHECK(os::start_connect(queue.waiting.back().get(), address(queue.where)).value() == ConnectState::queue_full);
    queue.take_one();
    CHECK(os::start_connect(queue.waiting.back().get(), address(queue.where)).value() == ConnectState::done);
}

TEST_CASE("connector: a Unix server's full queue is waited for, until there is room or the deadline", "[os]") {
    FullQueue queue;
    const ConnectOptions options;
    Deadline soon(30ms);
    const loopback::Stopwatch watch;
    const auto late = detail::Connector({queue.where}, "unix", options).run(soon);
    REQUIRE_FALSE(late);
    CHECK(late.error().code() == Errc::deadline_exceeded);
    CHECK(watch.elapsed_ms() >= 30);

    // Made room while it waits: that says nothing to those who wait, and so it asks again.
    const pid_t waiting = ::gettid();
    std::thread server([&] {
        wait_until_asleep(waiting);
        queue.take_one();
    });
    Deadline later(10s);
    auto socket = detail::Connector({queue.where}, "unix", options).run(later);
    server.join();
    REQUIRE(socket);
    CHECK(socket->remote_endpoint() == queue.where);
    CHECK(socket->context() == "unix");
}

TEST_CASE("os: a Unix name is what the system reports of it, whatever bytes it is made of", "[os]") {
    const std::string unique = "sockboot-name-" + std::to_string(::getpid());
    const auto filled = [](std::string name, std::size_t size) {
        name.resize(size, 'x');
        return name;
    };
    const std::string names[] = {
        unique,                                     // a path
        filled(unique, os::max_path_length),        // the longest one
        "@" + unique,                               // abstract
        "@" + unique + "\0b\0"s,                    // with NULs in it and behind it
        filled("@" + unique, os::max_name_length),  // as long as can be
    };
    for (const std::string& name : names) {
        CAPTURE(name);
        const Endpoint endpoint = Endpoint::parse("unix:" + name);
        const UniqueHandle server = opened(Family::unix_domain, Type::stream);
        const UniqueHandle client = opened(Family::unix_domain, Type::stream);
        ::unlink(name.c_str());
        os::bind(server.get(), address(endpoint)).value();
        os::listen(server.get(), 1).value();
        CHECK(detail::to_endpoint(os::local_address(server.get()).value()) == endpoint);
        CHECK(detail::to_endpoint(os::local_address(server.get()).value()).host() == name);
        CHECK(os::start_connect(client.get(), address(endpoint)).value() == ConnectState::done);
        ::unlink(name.c_str());
        os::Address peer;
        const UniqueHandle accepted(os::accept(server.get(), peer).value());
        for (const os::Address& unnamed : {peer, os::local_address(client.get()).value()}) {
            CHECK(unnamed.family == Family::unix_domain);
            CHECK(unnamed.size == 0);
            CHECK(detail::to_endpoint(unnamed).to_string() == "unix:(unnamed)");
        }
    }
}

TEST_CASE("os: of a Unix name from elsewhere no byte is read that the system did not write", "[os]") {
    struct Case {
        std::string raw, name;
    };
    const Case cases[] = {
        {"", ""},                     // Linux: unnamed
        {"\0"s, ""},                  // the BSDs
        {std::string(14, '\0'), ""},  // macOS
        {"/a\0"s, "/a"},              // with its NUL
        {"/a", "/a"},                 // and without
        {"/a\0/of an earlier one"s, "/a"},
        {"\0a\0b"s, "\0a\0b"s},
        {"\0a\0"s, "\0a\0"s},  // a NUL at the end of an abstract name is one of its bytes
        {std::string(os::max_name_length, 'p'), std::string(os::max_name_length, 'p')},  // there is no room for a NUL
    };
    for (const Case& one : cases) {
        os::SockAddr raw;
        raw.any.sa_family = AF_UNIX;
        std::memset(raw.unix_domain.sun_path, '?', sizeof raw.unix_domain.sun_path);
        one.raw.copy(raw.unix_domain.sun_path, one.raw.size());
        raw.size = static_cast<socklen_t>(os::path_offset + one.raw.size());
        const os::Address read = os::from_sockaddr(raw);
        CAPTURE(one.raw);
        CHECK(read.family == Family::unix_domain);
        CHECK(std::string_view(read.bytes.data(), read.size) == one.name);
    }
}

TEST_CASE("os: a missing Unix server is refused at once, as a failure that may not last", "[os]") {
    const Endpoint nowhere = Endpoint::parse("unix:/nonexistent/sockboot");
    const UniqueHandle handle = opened(Family::unix_domain, Type::stream);
    const auto state = os::start_connect(handle.get(), address(nowhere));
    REQUIRE_FALSE(state);
    CHECK(state.error().code() == std::errc::no_such_file_or_directory);
    CHECK(state.error().transient());
}

TEST_CASE("os: the port of a listener is claimed, or left, as it was asked", "[os]") {
    const UniqueHandle handle = opened(Family::ipv4, Type::stream);
    const auto reuse = [&] {
        int value = -1;
        os::get_raw_option(handle.get(), SOL_SOCKET, SO_REUSEADDR, &value, sizeof value).value();
        return value;
    };
    os::claim_port(handle.get(), false).value();
    CHECK(reuse() == 0);
    os::claim_port(handle.get(), true).value();
    CHECK(reuse() == 1);
}
