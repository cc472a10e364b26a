// SPDX-License-Identifier: MIT
#include <sockboot/resolve.hpp>

#include <dlfcn.h>
#include <netdb.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using namespace std::string_view_literals;

namespace {

/// While it lives, getaddrinfo(3) answers in this whole program what the test says.
class FakeResolver {
public:
    explicit FakeResolver(int answer, std::vector<std::string> addresses = {}, bool hangs = false)
        : answer_(answer), addresses_(std::move(addresses)), hangs_(hangs) {
        const std::lock_guard lock(mutex);
        armed = this;
    }
    ~FakeResolver() {
        let_go();
        std::unique_lock lock(mutex);
        armed = nullptr;
        changed.wait(lock, [this] { return inside_ == 0; });
    }
    FakeResolver(const FakeResolver&) = delete;
    FakeResolver& operator=(const FakeResolver&) = delete;

    void let_go() {
        const std::lock_guard lock(mutex);
        hangs_ = false;
        changed.notify_all();
    }
    [[nodiscard]] std::vector<std::string> asked() const {
        const std::lock_guard lock(mutex);
        return asked_;
    }
    [[nodiscard]] std::thread::id last_thread() const {
        const std::lock_guard lock(mutex);
        return last_thread_;
    }

    /// What the interposed call does: false where no test has armed it.
    static bool answers(const char* host, int& answer, std::vector<std::string>& addresses) {
        std::unique_lock lock(mutex);
        FakeResolver* self = armed;
        if (self == nullptr) return false;
        self->asked_.emplace_back(host);
        self->last_thread_ = std::this_thread::get_id();
        ++self->inside_;
        changed.wait(lock, [self] { return !self->hangs_; });
        answer = self->answer_;
        addresses = self->addresses_;
        --self->inside_;
        changed.notify_all();
        return true;
    }

private:
    static inline std::mutex mutex;
    static inline std::condition_variable changed;
    static inline FakeResolver* armed = nullptr;

    int answer_;
    std::vector<std::string> addresses_;
    bool hangs_;
    int inside_ = 0;
    std::vector<std::string> asked_;
    std::thread::id last_thread_;
};

using GetAddrInfo = int (*)(const char*, const char*, const addrinfo*, addrinfo**);

int real_getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** list) {
    static const auto next = reinterpret_cast<GetAddrInfo>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    return next(host, service, hints, list);
}

/// The system's own list of these addresses, so that its own freeaddrinfo() takes it back.
addrinfo* list_of(const std::vector<std::string>& addresses) {
    addrinfo* list = nullptr;
    addrinfo** end = &list;
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST;
    hints.ai_socktype = SOCK_STREAM;
    for (const std::string& address : addresses)
        if (real_getaddrinfo(address.c_str(), nullptr, &hints, end) == 0)
            while (*end != nullptr) end = &(*end)->ai_next;
    return list;
}

std::vector<std::string> texts(const std::vector<Endpoint>& endpoints) {
    std::vector<std::string> list;
    for (const Endpoint& endpoint : endpoints) list.push_back(endpoint.to_string());
    return list;
}

/// Waits for what an abandoned thread still has to free.
bool descriptors_return_to(int count) {
    const loopback::Stopwatch watch;
    while (loopback::open_descriptors() != count && watch.elapsed_ms() < 5000) std::this_thread::yield();
    return loopback::open_descriptors() == count;
}

}  // namespace

extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** list) {
    int answer = 0;
    std::vector<std::string> addresses;
    if (!FakeResolver::answers(host, answer, addresses)) return real_getaddrinfo(host, service, hints, list);
    *list = answer == 0 ? list_of(addresses) : nullptr;
    if (answer == EAI_SYSTEM) errno = EMFILE;
    return answer;
}

TEST_CASE("resolve: addresses and localhost are answered without asking a name server", "[resolve]") {
    struct Case {
        std::string_view host;
        std::vector<std::string> endpoints;
    };
    const std::vector<std::string> both{"127.0.0.1:80", "[::1]:80"};
    const Case cases[] = {
        {"127.0.0.1", {"127.0.0.1:80"}},
        {"0.0.0.0", {"0.0.0.0:80"}},
        {"::1", {"[::1]:80"}},
        {"[::1]", {"[::1]:80"}},
        {"::", {"[::]:80"}},
        {"fe80::1%1", {"[fe80::1%lo]:80"}},
        {"::ffff:127.0.0.1", {"127.0.0.1:80"}},
        {"[::ffff:127.0.0.1]", {"127.0.0.1:80"}},
        {"localhost", both},
        {"LocalHost", both},
        {"localhost.", both},
        {"db.localhost", both},
    };
    const FakeResolver resolver(EAI_FAIL);
    for (const Case& one : cases) {
        CAPTURE(one.host);
        CHECK(texts(resolve(one.host, 80)) == one.endpoints);
    }
    CHECK(resolver.asked().empty());
}

TEST_CASE("resolve: what cannot be a host is refused without asking a name server", "[resolve]") {
    struct Case {
        std::string host;
        std::error_code code;
        const char* note;
    };
    const std::error_code wrong = make_error_code(std::errc::invalid_argument), unknown = Errc::host_not_found;
    const Case cases[] = {
        {"", wrong, "the host is empty"},
        {std::string("a\0b", 3), wrong, "no NUL"},
        {"999.1.1.1", unknown, "not an IPv4 address"},
        {"127.1", unknown, "not an IPv4 address"},
        {"0x7f000001", unknown, "not an IPv4 address"},
        {"2130706433", unknown, "not an IPv4 address"},
        {"localhost:80", unknown, "a port is given apart"},
        {"1::2::3", unknown, "not an IPv6 address"},
        {"fe80::1%nosuch0", unknown, "(no interface is called \"nosuch0\")"},
        {"[fe80::1%nosuch0]", unknown, "(no interface is called \"nosuch0\")"},
        {"fe80::1::%nosuch0", unknown, "not an IPv6 address"},
        {"nosuch.invalid", unknown, "never exist"},
        {"NoSuch.INVALID.", unknown, "never exist"},
        {std::string(254, 'a'), unknown, "253 characters"},
    };
    const FakeResolver resolver(0, {"127.0.0.1"});
    for (const Case& one : cases) {
        CAPTURE(one.host);
        const auto endpoints = try_resolve(one.host, 80);
        REQUIRE_FALSE(endpoints);
        CHECK(endpoints.error().code() == one.code);
        CHECK_FALSE(endpoints.error().transient());
        CHECK_THAT(endpoints.error().message(), StartsWith("resolve \""));
        CHECK_THAT(endpoints.error().message(), ContainsSubstring(one.note));
    }
    CHECK(resolver.asked().empty());
}

TEST_CASE("resolve: a name's addresses come in the system's order, each with the port", "[resolve]") {
    const FakeResolver resolver(0, {"2001:db8::7", "192.0.2.2", "192.0.2.1"});
    const auto timeout = GENERATE(Timeout(10s), Timeout::forever());
    const auto endpoints = resolve("many.test", 443, {.timeout = timeout});
    CHECK(texts(endpoints) == std::vector<std::string>{"[2001:db8::7]:443", "192.0.2.2:443", "192.0.2.1:443"});
    CHECK(resolver.asked() == std::vector<std::string>{"many.test"});
    CHECK((resolver.last_thread() == std::this_thread::get_id()) == timeout.is_forever());
}

TEST_CASE("resolve: an IPv4-mapped address of a name is the IPv4 address that it stands for", "[resolve]") {
    const FakeResolver resolver(0, {"::ffff:192.0.2.1", "2001:db8::7"});
    CHECK(texts(resolve("mapped.test", 443)) == std::vector<std::string>{"192.0.2.1:443", "[2001:db8::7]:443"});
}

TEST_CASE("connect_to: an address that a resolver gives twice is tried once, where it came first", "[resolve]") {
    const auto port = create_server("127.7.0.1", 0).local_endpoint().port();
    const FakeResolver resolver(
        0, {"127.7.0.2", "127.7.0.1", "127.7.0.2", "::ffff:127.7.0.1", "127.7.0.3", "127.7.0.1", "127.7.0.2"});
    const auto socket = try_connect_to("twice.test", port, "twice");
    REQUIRE_FALSE(socket);
    std::vector<std::string> tried;
    for (const Attempt& attempt : socket.error().attempts()) tried.push_back(attempt.endpoint);
    const std::string end = ":" + std::to_string(port);
    CHECK(tried == std::vector<std::string>{"127.7.0.2" + end, "127.7.0.1" + end, "127.7.0.3" + end});
}

TEST_CASE("resolve: the resolver's answers keep their meaning", "[resolve]") {  // behaviour 21
    struct Case {
        int answer;
        std::error_code code;
        bool transient;
    };
    const Case cases[] = {
        {EAI_AGAIN, Errc::host_lookup_retry, true},
        {EAI_NONAME, Errc::host_not_found, false},
        {EAI_FAIL, Errc::host_lookup_failed, false},
        {EAI_MEMORY, make_error_code(std::errc::not_enough_memory), true},
        {EAI_SYSTEM, {EMFILE, std::system_category()}, true},
    };
    for (const Case& one : cases) {
        CAPTURE(one.answer);
        const FakeResolver resolver(one.answer);
        const auto endpoints = try_resolve("host.test", 80);
        REQUIRE_FALSE(endpoints);
        CHECK(endpoints.error().code() == one.code);
        CHECK(endpoints.error().transient() == one.transient);
        CHECK(endpoints.error().operation() == Operation::resolve);
        CHECK(resolver.asked().size() == 1);
    }
}

TEST_CASE("resolve: a name without an address is not found", "[resolve]") {  // behaviour 18
    const FakeResolver resolver(0);
    const auto endpoints = try_resolve("empty.test", 80);
    REQUIRE_FALSE(endpoints);
    CHECK(endpoints.error().code() == Errc::host_not_found);
    CHECK_THAT(endpoints.error().message(), ContainsSubstring("no address"));
}

TEST_CASE("resolve: a resolver that hangs is left behind on time, and frees what it owns when it ends",
          "[resolve]") {  // behaviour 24
    const int before = loopback::open_descriptors();
    FakeResolver resolver(0, {"192.0.2.1"}, true);
    const loopback::Stopwatch watch;
    // Three names: whoever wants the same one joins the lookup that the section before has left behind.
    SECTION("by resolve") {
        const auto endpoints = try_resolve("slow-1.test", 80, {.timeout = 200ms});
        REQUIRE_FALSE(endpoints);
        CHECK(endpoints.error().code() == Errc::deadline_exceeded);
        CHECK_THAT(endpoints.error().message(), ContainsSubstring("did not answer in time"));
    }
    SECTION("by connect_to") {
        const auto socket = try_connect_to("slow-2.test", 80, "client", {.timeout = 200ms});
        REQUIRE_FALSE(socket);
        CHECK(socket.error().code() == Errc::deadline_exceeded);
        CHECK_THAT(socket.error().message(), StartsWith("[client] resolve \"slow-2.test\": deadline exceeded"));
    }
    SECTION("by create_server") {
        const auto server = try_create_server("slow-3.test", 0, "server", {.timeout = 200ms});
        REQUIRE_FALSE(server);
        CHECK(server.error().code() == Errc::deadline_exceeded);
    }
    CHECK(watch.elapsed_ms() >= 200);
    CHECK(watch.elapsed_ms() < 1500);
    resolver.let_go();
    CHECK(descriptors_return_to(before));
}

TEST_CASE("resolve: no time at all is enough only for what needs no name server", "[resolve]") {
    const int before = loopback::open_descriptors();
    const FakeResolver resolver(0, {"192.0.2.1"});
    const auto timeout = GENERATE(Timeout(0s), Timeout(-1s));
    CHECK(resolve("::1", 80, {.timeout = timeout}).size() == 1);

    const auto endpoints = try_resolve("host.test", 80, {.timeout = timeout});
    REQUIRE_FALSE(endpoints);
    CHECK(endpoints.error().would_block() == timeout.is_zero());
    CHECK((endpoints.error().code() == Errc::deadline_exceeded) == !timeout.is_zero());
    CHECK(descriptors_return_to(before));
    CHECK(resolver.asked().empty());
}

TEST_CASE("connect_to: thousands of silent addresses cost the timeout, not a timeout each",
          "[resolve]") {  // behaviours 16, 22
    auto silent = create_server("0.0.0.0", 0, "silent", {.backlog = 0});
    const auto port = silent.local_endpoint().port();
    const auto only_one_fits = connect_to("127.0.0.1", port);
    std::vector<std::string> addresses;
    for (int i = 1; i <= 4095; ++i)
        addresses.push_back("127.0." + std::to_string(i / 256) + '.' + std::to_string(i % 256));
    const FakeResolver resolver(0, addresses);
    const int before = loopback::open_descriptors();

    const loopback::Stopwatch watch;
    const auto socket = try_connect_to("many.test", port, "many", {.timeout = 400ms, .attempt_delay = 10ms});

    CHECK(watch.elapsed_ms() >= 400);
    CHECK(watch.elapsed_ms() < 2000);
    REQUIRE_FALSE(socket);
    CHECK(socket.error().code() == Errc::deadline_exceeded);
    CHECK(socket.error().attempts().size() > 6);
    CHECK(descriptors_return_to(before));
}

TEST_CASE("connect_to: silent addresses hide no live one behind them, however many places there are", "[resolve]") {
    struct Case {
        const char* title;
        ConnectOptions options;
    };
    const Endpoint from = create_server("127.7.0.9", 0).local_endpoint();
    const Case cases[] = {
        {"six places", {.timeout = 800ms, .attempt_delay = 10ms}},
        {"one after the other", {.timeout = 800ms, .attempt_delay = 0ms}},
        {"from a fixed port", {.timeout = 800ms, .local = from}},
    };
    auto live = create_server("127.7.0.8", 0);
    const auto port = live.local_endpoint().port();
    std::vector<std::string> addresses;
    std::vector<Socket> silent, only_one_fits;
    for (int i = 1; i <= 7; ++i) {
        addresses.push_back("127.7.0." + std::to_string(i));
        silent.push_back(create_server(addresses.back(), port, "silent", {.backlog = 0}));
        only_one_fits.push_back(connect_to(addresses.back(), port));
    }
    addresses.push_back("127.7.0.8");
    const FakeResolver resolver(0, addresses);
    const int before = loopback::open_descriptors();
    for (const Case& one : cases) {
        INFO(one.title);
        const auto socket = try_connect_to("hidden.test", port, "hidden", one.options);
        REQUIRE(socket);
        CHECK(socket->remote_endpoint() == live.local_endpoint());
        CHECK(loopback::open_descriptors() == before + 1);
    }
}

TEST_CASE("resolve: a port beyond 65535 is refused with its number, and no name server is asked", "[resolve]") {
    const FakeResolver fake(0, {"192.0.2.1"});
    for (const char* host : {"127.0.0.1", "localhost", "db.test"}) {
        INFO(host);
        const auto resolved = try_resolve(host, 70000);
        REQUIRE_FALSE(resolved);
        CHECK(resolved.error().code() == std::errc::invalid_argument);
        CHECK_THAT(resolved.error().message(), ContainsSubstring("70000 is no port: 0 to 65535"));
    }
    CHECK(fake.asked().empty());
}
