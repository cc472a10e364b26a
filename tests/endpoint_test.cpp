// SPDX-License-Identifier: MIT
#include <sockboot/endpoint.hpp>

#include <sys/un.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "catch.hpp"

using sockboot::Endpoint;
using sockboot::Family;
using sockboot::Port;
using namespace std::string_view_literals;

namespace {

struct Form {
    std::string_view text;
    Family family;
    std::string_view host;
    std::uint16_t port;
};

const Form forms[] = {
    {"127.0.0.1:80", Family::ipv4, "127.0.0.1", 80},
    {"0.0.0.0:0", Family::ipv4, "0.0.0.0", 0},
    {"255.255.255.255:65535", Family::ipv4, "255.255.255.255", 65535},
    {"[::1]:80", Family::ipv6, "::1", 80},
    {"[::]:443", Family::ipv6, "::", 443},
    {"[2001:db8::1:0:0:1]:8080", Family::ipv6, "2001:db8::1:0:0:1", 8080},
    {"[::ffff:10.1.1.1]:80", Family::ipv6, "::ffff:10.1.1.1", 80},
    {"[fe80::1%lo]:80", Family::ipv6, "fe80::1%lo", 80},
    {"unix:/run/a.sock", Family::unix_domain, "/run/a.sock", 0},
    {"unix:relative", Family::unix_domain, "relative", 0},
    {"unix:/with:colon:80", Family::unix_domain, "/with:colon:80", 0},
    {"unix:@abstract", Family::unix_domain, "@abstract", 0},
};

std::string message_of(std::string_view text) {
    const auto endpoint = Endpoint::try_parse(text);
    REQUIRE_FALSE(endpoint);
    CHECK(endpoint.error().code() == std::errc::invalid_argument);
    CHECK(endpoint.error().operation() == sockboot::Operation::parse);
    CHECK_FALSE(endpoint.error().transient());
    return endpoint.error().message();
}

/// A stream of the program's own that takes text alone.
struct TextStream {
    std::string text;
    TextStream& operator<<(const std::string& more) { return text += more, *this; }
};

/// One that takes whatever std::ostream takes.
struct AnyStream {
    std::ostringstream out;
    template <class T> AnyStream& operator<<(const T& value) { return out << "any:" << value, *this; }
};

struct NoStream {};

template <class Stream, class Value>
concept Writes = requires(Stream& out, const Value& value) { out << value; };

}  // namespace

TEST_CASE("endpoint: every form reads back as it was written", "[endpoint]") {
    for (const Form& form : forms) {
        INFO(form.text);
        const Endpoint endpoint = Endpoint::parse(form.text);
        CHECK(endpoint.family() == form.family);
        CHECK(endpoint.host() == form.host);
        CHECK(endpoint.port() == form.port);
        CHECK(endpoint.to_string() == form.text);
    }
}

TEST_CASE("endpoint: an IPv6 address is written as RFC 5952 wants it", "[endpoint]") {
    struct Rewritten {
        std::string_view from;
        std::string_view to;
    };
    const Rewritten table[] = {
        {"[0:0:0:0:0:0:0:1]:80", "[::1]:80"},
        {"[2001:DB8:0:0:1:0:0:1]:80", "[2001:db8::1:0:0:1]:80"},
        {"[::FFFF:10.1.1.1]:80", "[::ffff:10.1.1.1]:80"},
        {"[fe80::1%1]:80", "[fe80::1%lo]:80"},
    };
    for (const Rewritten& row : table) CHECK(Endpoint::parse(row.from).to_string() == row.to);
}

TEST_CASE("endpoint: a scope whose interface does not exist here is written as its number", "[endpoint]") {
    const std::string_view text = "[fe80::1%999999999]:80";
    CHECK(Endpoint::parse(text).to_string() == text);
}

TEST_CASE("endpoint: text that is no address says what is wrong with it", "[endpoint]") {
    constexpr std::string_view no_port = "no port: write address:port";
    constexpr std::string_view no_number = "a port is a number from 0 to 65535";
    constexpr std::string_view no_brackets = "an IPv6 address stands in brackets: [::1]:80";
    constexpr std::string_view no_address = "not an IPv4 or IPv6 address in front of the port";
    constexpr std::string_view no_path = "a Unix socket needs a path, or @ and a name";
    struct Bad {
        std::string_view text;
        std::string_view why;
    };
    const Bad table[] = {
        {"", no_port},
        {"127.0.0.1", no_port},
        {"localhost", no_port},
        {"127.0.0.1:", no_number},
        {"127.0.0.1:65536", no_number},
        {"127.0.0.1:-1", no_number},
        {"127.0.0.1:+1", no_number},
        {"127.0.0.1: 80", no_number},
        {"127.0.0.1:80 ", no_number},
        {"127.0.0.1:http", no_number},
        {"127.0.0.1:0x50", no_number},
        {"127.0.0.1:000080", no_number},
        {"::1", no_brackets},
        {"::1:80", no_brackets},
        {"fe80::1%lo:80", no_brackets},
        {":80", no_address},
        {"localhost:80", no_address},
        {"127.1:80", no_address},
        {"256.0.0.1:80", no_address},
        {"0177.0.0.1:80", no_address},
        {" 127.0.0.1:80", no_address},
        {"[127.0.0.1]:80", no_address},
        {"[]:80", no_address},
        {"[::1:80", no_address},
        {"[:::1]:80", no_address},
        {"[::1%]:80", no_address},
        {"[fe80::1%no-such-interface]:80", "no interface is called \"no-such-interface\""},
        {"[fe80::1%0]:80", "no interface is called \"0\""},
        {"[fe80:::1%no-such-interface]:80", no_address},
        {"127.0.0.1%lo:80", no_address},
        {"127.0.0.1\0:80"sv, no_address},
        {"[::1\0]:80"sv, no_address},
        {"[fe80::1%lo\0junk]:80"sv, no_address},
        {"unix:", no_path},
        {"unix:@", no_path},
        {"unix:/run/a\0.sock"sv, "a path holds no NUL"},
    };
    for (const Bad& bad : table) {
        INFO(bad.text);
        CHECK_THAT(message_of(bad.text), ContainsSubstring("(" + std::string(bad.why) + ")"));
    }
}

TEST_CASE("endpoint: the error quotes the text, and parse throws it", "[endpoint]") {
    CHECK(message_of("localhost:80") ==
          "parse \"localhost:80\": invalid argument (not an IPv4 or IPv6 address in front of the port)");
    CHECK_THROWS_AS(Endpoint::parse("localhost:80"), sockboot::SocketError);
}

TEST_CASE("endpoint: a bracketed address whose port is missing is told so", "[endpoint]") {
    CHECK_THAT(message_of("[::1]"), ContainsSubstring("no port: write address:port"));
}

TEST_CASE("endpoint: an address alone takes its port beside it, with or without brackets", "[endpoint]") {
    struct Ip {
        std::string_view ip;
        std::string_view text;
    };
    const Ip table[] = {
        {"127.0.0.1", "127.0.0.1:80"},
        {"::1", "[::1]:80"},
        {"[::1]", "[::1]:80"},
        {"fe80::1%lo", "[fe80::1%lo]:80"},
    };
    for (const Ip& row : table) CHECK(Endpoint::try_from_ip(row.ip, 80).value().to_string() == row.text);
    for (const std::string_view bad :
         {""sv, "localhost"sv, "[127.0.0.1]"sv, "[::1"sv, "[]"sv, "::1]"sv, "127.0.0.1:80"sv}) {
        const auto refused = Endpoint::try_from_ip(bad, 80);
        INFO(bad);
        REQUIRE_FALSE(refused);
        CHECK_THAT(refused.error().message(), ContainsSubstring("(not an IPv4 or IPv6 address)"));
    }
}

TEST_CASE("endpoint: an address whose interface is not there says so", "[endpoint]") {
    for (const std::string_view ip : {"fe80::1%nosuch0"sv, "[fe80::1%nosuch0]"sv}) {
        const auto refused = Endpoint::try_from_ip(ip, 80);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message() ==
              "parse \"" + std::string(ip) + "\": invalid argument (no interface is called \"nosuch0\")");
    }
}

TEST_CASE("endpoint: made of nothing it stands for none", "[endpoint]") {
    const Endpoint none;
    CHECK(none.family() == Family::none);
    CHECK(none.to_string().empty());
    CHECK(none.host().empty());
    CHECK(none.port() == 0);
    CHECK(none == Endpoint());
    CHECK_FALSE(none.is_unspecified());
    CHECK_FALSE(none.is_loopback());
}

TEST_CASE("endpoint: the longest path passes, one byte more is too long", "[endpoint]") {  // behaviour 70
    const std::size_t longest = sockboot::detail::os::max_path_length;
    const std::string fits = "/" + std::string(longest - 1, 'x');
    CHECK(longest == sizeof(sockaddr_un::sun_path) - 1);  // 107 on Linux
    CHECK(Endpoint::try_from_path(fits).value().host() == fits);

    const auto refused = Endpoint::try_from_path(fits + "x");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == std::errc::filename_too_long);
    CHECK_THAT(refused.error().message(), ContainsSubstring("has " + std::to_string(longest) +
                                                            " bytes at most, this one " + std::to_string(longest + 1)));
    CHECK(Endpoint::try_parse("unix:" + fits + "x").error().code() == std::errc::filename_too_long);
}

TEST_CASE("endpoint: a name in the abstract namespace starts with @ and may hold NULs", "[endpoint]") {  // behaviour 76
    const Endpoint endpoint = Endpoint::parse("unix:@a\0b"sv);
    CHECK(endpoint.host() == "@a\0b"sv);
    CHECK(sockboot::detail::to_address(endpoint).bytes[0] == '\0');
    CHECK(endpoint != Endpoint::parse("unix:@a"));
    CHECK(endpoint != Endpoint::parse("unix:a"));
}

TEST_CASE("endpoint: a name with control characters reads back, and is told in numbers", "[endpoint]") {
    const auto text = "unix:@a\0\x1b[2J\n"sv;
    const Endpoint endpoint = Endpoint::parse(text);
    CHECK(endpoint.to_string() == text);
    CHECK(Endpoint::parse(endpoint.to_string()) == endpoint);
    CHECK_THAT(message_of("a\x1b\nb:80"), StartsWith(R"(parse "a\x1b\x0ab:80": invalid argument)"));
}

TEST_CASE("endpoint: written to a stream, of the standard library or one's own, it is its text", "[endpoint]") {
    const Endpoint endpoint = Endpoint::parse("127.0.0.1:80");
    std::ostringstream out;
    std::ostream& returned = out << endpoint << " and " << endpoint;
    CHECK(&returned == &out);
    CHECK(out.str() == "127.0.0.1:80 and 127.0.0.1:80");
    TextStream own;
    own << endpoint << endpoint;
    CHECK(own.text == "127.0.0.1:80127.0.0.1:80");
    CHECK((TextStream() << endpoint).text == "127.0.0.1:80");
    CHECK(static_cast<std::ostringstream&&>(std::ostringstream() << endpoint).str() == "127.0.0.1:80");
}

TEST_CASE("endpoint: the << of other types and of other streams stays what it was", "[endpoint]") {
    AnyStream any;
    any << Endpoint::parse("127.0.0.1:80") << 7;
    CHECK(any.out.str() == "any:127.0.0.1:80any:7");
    STATIC_REQUIRE_FALSE(Writes<NoStream, Endpoint>);
    STATIC_REQUIRE_FALSE(Writes<int, Endpoint>);
    STATIC_REQUIRE_FALSE(Writes<std::wostringstream, Endpoint>);
    STATIC_REQUIRE_FALSE(Writes<std::ostringstream, NoStream>);
    STATIC_REQUIRE_FALSE(Writes<std::ostringstream, std::vector<Endpoint>>);
    STATIC_REQUIRE(std::is_trivially_copyable_v<Endpoint>);
}

TEST_CASE("endpoint: they are ordered by family, address, scope and port", "[endpoint]") {
    std::vector<Endpoint> ordered = {Endpoint()};
    for (const std::string_view text :
         {"1.2.3.4:80"sv, "1.2.3.4:443"sv, "127.0.0.1:1"sv, "200.0.0.1:1"sv, "[::1]:80"sv, "[::1]:443"sv,
          "[fe80::1]:9"sv, "[fe80::1%lo]:9"sv, "[fe80::1%77]:8"sv, "unix:@a"sv, "unix:/a"sv, "unix:/a/b"sv})
        ordered.push_back(Endpoint::parse(text));
    for (std::size_t i = 0; i < ordered.size(); ++i)
        for (std::size_t j = 0; j < ordered.size(); ++j) {
            INFO(ordered[i].to_string() << " and " << ordered[j].to_string());
            CHECK((ordered[i] <=> ordered[j]) == (i <=> j));
            CHECK((ordered[i] == ordered[j]) == (i == j));
        }
}

TEST_CASE("endpoint: equal ones share a place in a hashed set, others have their own", "[endpoint]") {
    std::unordered_set<Endpoint> set;
    for (int round = 0; round < 2; ++round)
        for (const Form& form : forms) set.insert(Endpoint::parse(form.text));
    CHECK(set.size() == std::size(forms));
    CHECK(set.contains(Endpoint::parse("[0::1]:80")));
    CHECK_FALSE(set.contains(Endpoint::parse("[::1]:81")));
}

TEST_CASE("endpoint: unspecified and loopback addresses are known as such", "[endpoint]") {
    struct Kind {
        std::string_view text;
        bool unspecified;
        bool loopback;
    };
    const Kind table[] = {
        {"0.0.0.0:80", true, false},     {"[::]:0", true, false},        {"127.0.0.1:80", false, true},
        {"127.255.0.9:80", false, true}, {"[::1]:80", false, true},      {"[::2]:80", false, false},
        {"[1::1]:80", false, false},     {"128.0.0.1:80", false, false}, {"0.0.0.1:80", false, false},
        {"unix:/a", false, false},       {"unix:@a", false, false},
    };
    for (const Kind& row : table) {
        INFO(row.text);
        CHECK(Endpoint::parse(row.text).is_unspecified() == row.unspecified);
        CHECK(Endpoint::parse(row.text).is_loopback() == row.loopback);
    }
}

TEST_CASE("endpoint: with_port changes the port and nothing else", "[endpoint]") {
    const Endpoint before = Endpoint::parse("[fe80::1%lo]:80");
    CHECK(before.with_port(81).to_string() == "[fe80::1%lo]:81");
    CHECK(before.to_string() == "[fe80::1%lo]:80");
}

TEST_CASE("Port: made from an integer of any type, and equal to it", "[endpoint]") {
    enum Service { web = 8080 };
    struct Header {
        unsigned port : 16;
    };
    for (const Port port : {Port(8080), Port(8080U), Port(8080L), Port(8080UL), Port(8080LL), Port(8080ULL),
                            Port(short{8080}), Port(std::uint16_t{8080}), Port(web), Port(Header{8080}.port)}) {
        CHECK(port.is_valid());
        CHECK(port == 8080);
        CHECK(port.number() == 8080);
        CHECK(port.to_string() == "8080");
    }
    CHECK(Port(std::uint8_t{80}) == 80);
    CHECK(Port(std::int8_t{80}) == 80);
    STATIC_REQUIRE(Port(65535).is_valid());
    STATIC_REQUIRE(Port(0).is_valid());
}

TEST_CASE("Port: a number that is no port is told as it was given", "[endpoint]") {
    struct Case {
        Port port;
        const char* text;
    };
    const Case cases[] = {
        {65536, "65536"},
        {70000, "70000"},
        {-1, "-1"},
        {short{-1}, "-1"},
        {std::int8_t{-1}, "-1"},
        {-65456, "-65456"},  // 80, cut down to 16 bits
        {0x1'0000'0050, "4294967376"},
        {std::numeric_limits<std::uint32_t>::max(), "4294967295"},
        {std::numeric_limits<std::int64_t>::min(), "-9223372036854775808"},
        {std::numeric_limits<std::int64_t>::max(), "9223372036854775807"},
        {std::numeric_limits<std::uint64_t>::max(), "18446744073709551615"},
    };
    for (const Case& one : cases) {
        CHECK_FALSE(one.port.is_valid());
        CHECK(one.port.to_string() == one.text);
    }
    CHECK(Port(-1) != Port(std::numeric_limits<std::uint64_t>::max()));
}

TEST_CASE("endpoint: an address with a port beyond 65535 is refused with its number", "[endpoint]") {
    const auto made = Endpoint::try_from_ip("127.0.0.1", 70000);
    REQUIRE_FALSE(made);
    CHECK(made.error().code() == std::errc::invalid_argument);
    CHECK_THAT(made.error().message(), ContainsSubstring("70000 is no port: 0 to 65535"));

    const auto moved = Endpoint::parse("127.0.0.1:80").try_with_port(-1);
    REQUIRE_FALSE(moved);
    CHECK(moved.error().code() == std::errc::invalid_argument);
    CHECK_THAT(moved.error().message(), ContainsSubstring("127.0.0.1:80"));
    CHECK_THAT(moved.error().message(), ContainsSubstring("-1 is no port: 0 to 65535"));
    CHECK_THROWS_AS(static_cast<void>(Endpoint::parse("127.0.0.1:80").with_port(-1)), sockboot::SocketError);
}

TEST_CASE("endpoint: unmapped, an IPv4 address in IPv6 clothes is plain IPv4", "[endpoint]") {  // behaviour 87
    CHECK(Endpoint::parse("[::ffff:10.1.1.1]:80").unmapped() == Endpoint::parse("10.1.1.1:80"));
    CHECK(Endpoint::parse("[::ffff:127.0.0.1]:0").unmapped().is_loopback());
    for (const std::string_view text : {"10.1.1.1:80"sv, "[::1]:80"sv, "[::10.1.1.1]:80"sv, "[ffff::a01:101]:80"sv,
                                        "[1::ffff:10.1.1.1]:80"sv, "[fe80::1%lo]:80"sv, "unix:/a"sv})
        CHECK(Endpoint::parse(text).unmapped() == Endpoint::parse(text));
    CHECK(Endpoint().unmapped() == Endpoint());
}
