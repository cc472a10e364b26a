// SPDX-License-Identifier: MIT
#include <sockboot/netstring.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sockboot/framing.hpp>
#include <sockboot/message_channel.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::string_view_literals;
using loopback::connected_pair;
using loopback::error_of;

namespace {

std::string frame(std::string_view message) {
    std::string bytes;
    append_frame(bytes, message, Netstring{});
    return bytes;
}

}  // namespace

TEST_CASE("netstring: a length in digits, a colon, the message and a comma", "[netstring]") {
    CHECK(frame("hello world!") == "12:hello world!,");
    CHECK(frame("") == "0:,");
    CHECK(frame(std::string(1000, 'x')).substr(0, 6) == "1000:x");
    CHECK(frame("a,b:c") == "5:a,b:c,");
}

TEST_CASE("netstring: what was written is read back, whatever its cut", "[netstring]") {
    std::string bytes;
    std::vector<std::string> sent;
    for (const std::size_t size : {0U, 1U, 9U, 10U, 99U, 100U, 12345U}) {
        sent.emplace_back(size, ',');
        append_frame(bytes, sent.back(), Netstring{});
    }
    const std::size_t cut = GENERATE(1U, 2U, 7U, 100000U);
    FrameDecoder decoder(Netstring{});
    std::vector<std::string> got;
    for (std::size_t at = 0; at < bytes.size(); at += cut) {
        decoder.feed(std::string_view(bytes).substr(at, cut));
        while (const auto message = decoder.next()) got.emplace_back(*message);
    }
    CHECK(got == sent);
    CHECK(decoder.at_boundary());
}

TEST_CASE("netstring: what no sender writes is malformed, and said so", "[netstring]") {
    struct Case {
        std::string_view bytes, says;
    };
    const auto one =
        GENERATE(Case{"x:", "not the length of a netstring: \"x:\""}, Case{":,", "not the length"},
                 Case{"-1:", "not the length"}, Case{"05:hello,", "not the length"}, Case{"5 hello", "not the length"},
                 Case{"99999999999999999999:", "not the length"}, Case{"GET / HTTP/1.1", "\"GET / HTTP/1.1\""},
                 Case{"5:hello;", "no comma"}, Case{"0::", "no comma"});
    CAPTURE(one.bytes);
    FrameDecoder decoder(Netstring{});
    decoder.feed(one.bytes);
    const auto error = error_of(decoder.try_next());
    CHECK(error.code() == Errc::malformed_length);
    CHECK_THAT(error.message(), ContainsSubstring(std::string(one.says)));
}

TEST_CASE("netstring: the limit holds both ways, before anything is sent or stored", "[netstring]") {
    const Netstring format{.max_size = 5};
    std::string bytes = "kept";
    CHECK(error_of(try_append_frame(bytes, "123456", format)).code() == Errc::message_too_large);
    CHECK(bytes == "kept");
    append_frame(bytes, "12345", format);

    FrameDecoder decoder(format);
    decoder.feed("6:123456,2:ok,");
    CHECK_THAT(error_of(decoder.try_next()).message(), ContainsSubstring("announces 6 bytes, the limit is 5"));
    CHECK(decoder.skip());
    CHECK(decoder.next() == "ok");
    FrameDecoder huge(Netstring{});
    huge.feed("9223372036854775807:");
    CHECK(error_of(huge.try_next()).code() == Errc::message_too_large);
    CHECK(error_of(try_append_frame(bytes, "", Netstring{.max_size = 0})).code() == std::errc::invalid_argument);
}

TEST_CASE("netstring: over a channel, and truncated where the stream ends before the comma", "[netstring]") {
    auto [socket, peer] = connected_pair();
    MessageChannel channel(std::move(socket), Netstring{});
    channel.send("hello");
    CHECK(recv_exact(peer, 8) == "5:hello,");
    send_all(peer, "3:abc,0:,3:abc");
    peer.shutdown_send();
    CHECK(channel.receive() == "abc");
    CHECK(channel.receive() == "");
    CHECK(error_of(channel.try_receive()).code() == Errc::truncated);
}
