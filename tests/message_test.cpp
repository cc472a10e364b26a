// SPDX-License-Identifier: MIT
#include <sockboot/message.hpp>

#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sockboot/framing.hpp>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using namespace std::string_literals;
using loopback::connected_pair;
using loopback::error_of;

namespace {

/// A stream of the user's own: what is sent can be received again, at most `step` bytes at a time. It counts the calls.
struct Wire {
    std::size_t step = 1U << 30;
    std::string bytes{};
    int calls = 0;

    Result<std::size_t> try_send_some(ByteView more) {
        Deadline unused{Timeout{}};
        return try_send_some(more, {}, unused);
    }
    Result<std::size_t> try_send_some(ByteView first, ByteView second, Deadline&) {
        ++calls;
        const std::string both = std::string(first.text()).append(second.text());
        const std::size_t size = std::min(step, both.size());
        bytes.append(both, 0, size);
        return size;
    }
    Result<std::size_t> try_recv_some(std::span<std::byte> buffer) {
        ++calls;
        const std::size_t size = std::min({step, buffer.size(), bytes.size()});
        std::memcpy(buffer.data(), bytes.data(), size);
        bytes.erase(0, size);
        return size;
    }
};

/// The least that a Stream can be.
struct PlainWire {
    Wire wire{.step = 1};
    Result<std::size_t> try_send_some(ByteView bytes) { return wire.try_send_some(bytes); }
    Result<std::size_t> try_recv_some(std::span<std::byte> buffer) { return wire.try_recv_some(buffer); }
};
static_assert(Stream<Wire> && Stream<PlainWire>);

/// Bytes of this process that are in memory now.
long resident_bytes() {
    long whole = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> whole >> resident;
    return resident * ::sysconf(_SC_PAGESIZE);
}

}  // namespace

TEST_CASE("message: one that lies in several places goes out as one", "[message]") {
    auto [writer, reader] = connected_pair();
    const std::string body(100'000, 'b');
    std::thread sending([&to = writer, &body] { send_message(to, {"header ", body, "", " trailer"}); });
    CHECK(recv_message(reader) == "header " + body + " trailer");
    sending.join();
    send_message(writer, {});
    CHECK(recv_message(reader) == "");
    const std::vector<ByteView> many(3000, ByteView("piece "));
    send_message(writer, many, {.width = 3});
    CHECK(recv_message(reader, {.width = 3})->size() == 18'000);

    const LengthPrefix header{.before = 3};
    send_message(writer, {"a", "b", "cde"}, header);
    CHECK(recv_exact(reader, 9) == std::string("abc\0\0\0\2de", 9));
    CHECK(error_of(try_send_message(writer, {"a", "b"}, header)).code() == std::errc::invalid_argument);
    CHECK(error_of(try_send_message(writer, {"four", "more"}, {.max_size = 7})).code() == Errc::message_too_large);
    send_message(writer, {"still", " usable"});
    CHECK(recv_message(reader) == "still usable");
}

TEST_CASE("message: of several places, too, a part that was sent is remembered", "[message]") {
    auto [writer, reader] = connected_pair();
    writer.set_timeout(std::chrono::seconds(0));
    const std::string large(10'000'000, 'x');
    const auto error = error_of(try_send_message(writer, {large, "end"}));
    CHECK(error.would_block());
    CHECK(error.wanted() == 10'000'007);
    CHECK_FALSE(error.transient());
    CHECK(error_of(try_send_message(writer, {"next"})).code() == Errc::desynchronised);
    CHECK(error_of(try_send_message(writer, "next")).code() == Errc::desynchronised);
}

TEST_CASE("send_message and recv_message: every size up to the limit makes the round trip",
          "[message]") {  // behaviours 43, 45
    const std::size_t size = GENERATE(0U, 1U, 127U, 128U, 129U, 255U, 256U, 257U, 16383U, 16384U, 16385U, 32767U,
                                      32768U, 32769U, 65535U, 65536U, 65537U, 99999U, 100000U);
    const LengthPrefix format{.max_size = 100000};
    const std::string message(size, static_cast<char>('a' + size % 26));
    Wire wire;
    send_message(wire, message, format);
    send_message(wire, "next", format);
    CHECK(recv_message(wire, format) == message);
    CHECK(recv_message(wire, format) == "next");
    CHECK(recv_message(wire, format) == std::nullopt);

    Wire refusing;
    CHECK(error_of(try_send_message(refusing, std::string(100001, 'x'), format)).code() == Errc::message_too_large);
    CHECK(refusing.calls == 0);
}

TEST_CASE("send_message and recv_message: all formats, over streams that take a byte at a time",
          "[message]") {  // behaviours 44, 51
    const LengthPrefix formats[] = {{},
                                    {.width = 1},
                                    {.width = 2, .order = std::endian::little},
                                    {.width = 3},
                                    {.width = 8, .counts_itself = true},
                                    {.width = LengthPrefix::varint}};
    for (const LengthPrefix& format : formats) {
        CAPTURE(format.width);
        PlainWire wire;
        for (const char* message : {"first", "", "third"}) send_message(wire, message, format);
        std::string into;
        for (const char* message : {"first", "", "third"}) {
            CHECK(recv_message(wire, into, format));
            CHECK(into == message);
        }
        CHECK_FALSE(recv_message(wire, into, format));
    }
}

TEST_CASE("recv_message: three messages in one segment, and one in many, are the same three",
          "[message]") {  // behaviour 44
    const auto bytes = "\0\0\0\3one\0\0\0\0\0\0\0\5three"s;
    auto [writer, reader] = connected_pair();
    const std::size_t step = GENERATE(1U, 100U);
    for (std::size_t i = 0; i < bytes.size(); i += step) send_all(writer, bytes.substr(i, step));
    writer.close();
    CHECK(recv_message(reader) == "one");
    CHECK(recv_message(reader) == "");
    CHECK(recv_message(reader) == "three");
    CHECK(recv_message(reader) == std::nullopt);
    CHECK(recv_message(reader) == std::nullopt);
}

TEST_CASE("recv_message: the largest message passes, and reused storage is used again", "[message]") {  // behaviour 45
    auto [writer, reader] = connected_pair();
    const std::string largest(std::size_t{16} << 20, 'x');
    std::string into;
    for (int i = 0; i < 2; ++i) {
        auto sent = std::async(std::launch::async, [&to = writer, &largest] { return try_send_message(to, largest); });
        const auto* before = into.data();
        CHECK(recv_message(reader, into));
        CHECK(sent.get());
        CHECK(into == largest);
        CHECK((into.data() == before) == (i == 1));
    }
}

TEST_CASE("send_message: one byte over the limit is refused, nothing is sent, the stream is as good as before",
          "[message]") {  // behaviour 45
    auto [writer, reader] = connected_pair();
    const auto error = error_of(try_send_message(writer, std::string((std::size_t{16} << 20) + 1, 'x')));
    CHECK(error.code() == Errc::message_too_large);
    CHECK(error.context() == "pair");
    CHECK_THAT(error.message(), ContainsSubstring("nothing was sent"));
    send_message(writer, "small");
    CHECK(recv_message(reader) == "small");
}

TEST_CASE("recv_message: the end inside a message is truncated, also right behind its length",
          "[message]") {  // behaviours 39-42
    struct Case {
        std::string sent;
        const char* text;
    };
    const Case cases[] = {
        {"\0"s, "1 of 4 bytes"},         {"\0\0"s, "2 of 4 bytes"},           {"\0\0\0"s, "3 of 4 bytes"},
        {"\0\0\0\x09"s, "0 of 9 bytes"}, {"\0\0\0\x06uvwx"s, "4 of 6 bytes"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.text);
        auto [writer, reader] = connected_pair();
        send_all(writer, one.sent);
        writer.close();
        std::string into = "of an earlier message";
        const auto error = error_of(try_recv_message(reader, into));
        CHECK(error.code() == Errc::truncated);
        CHECK_THAT(error.message(), ContainsSubstring(one.text));
        CHECK(into == (one.sent.size() > 4 ? one.sent.substr(4) : ""));
        CHECK(error_of(try_recv_message(reader)).code() == Errc::desynchronised);
    }
}

TEST_CASE("recv_message: the end inside a body is truncated, with a timeout too, and however large the body is",
          "[message]") {  // behaviour 40
    const std::size_t size = GENERATE(100U, 65'536U, 65'537U, 300'000U);
    const bool same_size = GENERATE(false, true);  // as the message before it, whose storage is used again
    const Timeout timeout = GENERATE(Timeout(), Timeout(10s));
    CAPTURE(size, same_size, timeout.is_forever());
    for (const std::size_t came : {std::size_t{1}, size / 2, size - 1}) {
        std::string stream;
        append_frame(stream, std::string(size, 'x'));
        auto [writer, reader] = connected_pair();
        reader.set_timeout(timeout);
        auto sent = std::async(std::launch::async, [&to = writer, bytes = stream.substr(0, 4 + came)] {
            send_all(to, bytes);
            to.close();
        });
        std::string into(same_size ? size : 5, '-');
        const auto error = error_of(try_recv_message(reader, into));
        sent.get();
        CHECK(error.code() == Errc::truncated);
        CHECK(error.operation() == Operation::receive);
        CHECK(error.transferred() == came);
        CHECK(error.wanted() == size);
        CHECK((into == std::string(came, 'x')));
        CHECK(error_of(try_recv_message(reader)).code() == Errc::desynchronised);
    }
}

TEST_CASE("recv_message: a reset between two messages is an error, and no message is thought to be half received",
          "[message]") {
    auto [writer, reader] = connected_pair();
    send_message(writer, "whole");
    CHECK(recv_message(reader) == "whole");
    writer.set_linger(0s);
    writer.close();
    std::string into = "of an earlier message";
    const auto error = error_of(try_recv_message(reader, into));
    CHECK(error.code() == std::errc::connection_reset);
    CHECK(error.operation() == Operation::receive);
    CHECK(error.transferred() == 0);
    CHECK(into.empty());
    CHECK(recv_message(reader) == std::nullopt);  // Linux tells of a reset once, and then of the end
}

TEST_CASE("recv_message: a hostile length is refused before memory is taken, with a guess at its meaning",
          "[message]") {  // behaviours 46, 48, 49
    struct Case {
        std::string sent;
        LengthPrefix format;
        Errc code;
        const char* text;
    };
    const Case cases[] = {
        {"\x01\0\0\x01"s, {}, Errc::message_too_large, "16777217 bytes, the limit is 16777216"},
        {"\x7F\xFF\xFF\xFF"s, {}, Errc::message_too_large, "2147483647 bytes"},
        {"\x80\0\0\0"s, {}, Errc::message_too_large, "2147483648 bytes"},
        {"\xFF\xFF\xFF\xFF"s, {}, Errc::message_too_large, "4294967295 bytes"},
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFB"s, {.width = 8}, Errc::message_too_large, "the limit is 16777216"},
        {"\x05\0\0\0hello"s, {}, Errc::message_too_large, "in the other byte order it would be 5"},
        {"GET / HTTP/1.1\r\n"s, {}, Errc::message_too_large, "the text \"GET \""},
        {"HTTP/1.1 400 Bad Request\r\n"s, {}, Errc::message_too_large, "the text \"HTTP\""},
        {"\x16\x03\x01\x02\0"s, {}, Errc::message_too_large, "TLS hello"},
        {"\0\0\0\x03"s, {.counts_itself = true}, Errc::malformed_length, "cannot count its own 4 bytes"},
        {std::string(10, '\xFF'), {.width = LengthPrefix::varint}, Errc::malformed_length, "varint"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.text);
        auto [writer, reader] = connected_pair();
        send_all(writer, one.sent);
        std::string into;
        const auto capacity = into.capacity();
        const auto error = error_of(try_recv_message(reader, into, one.format));
        CHECK(error.code() == one.code);
        CHECK_FALSE(error.transient());
        CHECK_THAT(error.message(), StartsWith("[pair] receive from 127.0.0.1:"));
        CHECK_THAT(error.message(), ContainsSubstring(one.text));
        CHECK(into.capacity() == capacity);
        CHECK(error_of(try_recv_message(reader, into, one.format)).code() == Errc::desynchronised);
    }
}

TEST_CASE("recv_message: a hundred peers that announce 16 MiB and fall silent cost what they sent",
          "[message]") {  // behaviour 47
    std::vector<std::pair<Socket, Socket>> pairs;
    for (int i = 0; i < 100; ++i) pairs.push_back(connected_pair());
    std::vector<std::string> messages(pairs.size());
    const long before = resident_bytes();
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        send_all(pairs[i].first, "\x01\0\0\0abc"s);
        pairs[i].second.set_timeout(20ms);
        const auto error = error_of(try_recv_message(pairs[i].second, messages[i]));
        CHECK(error.code() == Errc::deadline_exceeded);
        CHECK(error.transferred() == 3);
        CHECK(messages[i] == "abc");
        CHECK(messages[i].capacity() <= std::size_t{128} << 10);
    }
    CHECK(resident_bytes() - before < 64L << 20);
}

TEST_CASE("recv_message: a time-out between messages harms nothing, one inside a message ends the stream",
          "[message]") {  // behaviour 55
    auto [writer, reader] = connected_pair();
    for (const auto timeout : {Timeout(20ms), Timeout(0s)}) {
        reader.set_timeout(timeout);
        CHECK(error_of(try_recv_message(reader)).would_block() == timeout.is_zero());
        send_message(writer, "whole");
        reader.set_timeout({});
        CHECK(recv_message(reader) == "whole");
    }
    const auto part = GENERATE("\0\0"s, "\0\0\0\5"s, "\0\0\0\5he"s);
    send_all(writer, part);
    reader.set_timeout(20ms);
    for (const Errc code : {Errc::deadline_exceeded, Errc::desynchronised}) {
        const auto error = error_of(try_recv_message(reader));
        CHECK(error.code() == code);
        CHECK(error.operation() == Operation::receive);
        send_all(writer, "\0\0\0\5hello"s);
    }

    Socket moved = std::move(reader);
    CHECK(error_of(try_recv_message(moved)).code() == Errc::desynchronised);
    send_message(moved, "the other direction is untouched");
    CHECK(recv_message(writer) == "the other direction is untouched");
}

TEST_CASE("send_message: once a part was sent, later messages are refused, but bytes are not",
          "[message]") {  // behaviour 31
    auto [writer, silent] = connected_pair();
    writer.set_timeout(200ms);
    const loopback::Stopwatch watch;
    const auto error = error_of(try_send_message(writer, std::string(std::size_t{16} << 20, 'x')));
    CHECK(watch.elapsed_ms() >= 200);
    CHECK(watch.elapsed_ms() < 1500);
    CHECK(error.code() == Errc::deadline_exceeded);
    CHECK(error.operation() == Operation::send);
    CHECK(error.transferred() > 0);

    const auto refused = error_of(try_send_message(writer, "next"));
    CHECK(refused.code() == Errc::desynchronised);
    CHECK(refused.operation() == Operation::send);
    static_cast<void>(recv_exact(silent, static_cast<std::size_t>(error.transferred())));
    CHECK(writer.send_some("raw") == 3);
    send_message(silent, "answer");
    CHECK(recv_message(writer) == "answer");
}

TEST_CASE("send_message: header and message go out in one call, and come in with two", "[message]") {  // behaviour 54
    Wire wire;
    send_message(wire, "hello");
    CHECK(wire.calls == 1);
    CHECK(recv_message(wire) == "hello");
    CHECK(wire.calls == 3);

    auto [client, server] = connected_pair();
    for (Socket* socket : {&client, &server}) socket->set_no_delay(false);
    const loopback::Stopwatch watch;
    for (int i = 0; i < 200; ++i)
        for (auto [from, to] : {std::pair(&client, &server), std::pair(&server, &client)}) {
            send_message(*from, "request or response");
            CHECK(recv_message(*to) == "request or response");
        }
    CHECK(watch.elapsed_ms() < 4000);  // a stall of Nagle's algorithm costs 40 ms each time
}

TEST_CASE("A format that cannot be used is refused, and the stream is as good as before", "[message]") {
    auto [writer, reader] = connected_pair();
    for (const LengthPrefix& wrong : {LengthPrefix{.width = 5}, LengthPrefix{.max_size = 0}}) {
        CHECK(error_of(try_send_message(writer, "x", wrong)).code() == std::errc::invalid_argument);
        CHECK(error_of(try_recv_message(reader, wrong)).code() == std::errc::invalid_argument);
    }
    send_message(writer, "fine");
    CHECK(recv_message(reader) == "fine");
    writer.close();
    CHECK(error_of(try_send_message(writer, "x")).code() == Errc::closed);
    CHECK(error_of(try_recv_message(writer)).code() == Errc::closed);
}

TEST_CASE("message: a time-out is transient where the same call may succeed, and not inside a message", "[message]") {
    auto [writer, reader] = loopback::connected_pair();
    reader.set_timeout(std::chrono::milliseconds(5));
    CHECK(loopback::error_of(try_recv_message(reader)).transient());

    const bool in_body = GENERATE(false, true);
    const std::string_view part("\0\0\0\5he", in_body ? 6 : 2);
    send_all(writer, part);
    const Error late = loopback::error_of(try_recv_message(reader));
    CHECK(late.code() == Errc::deadline_exceeded);
    CHECK(late.transferred() == 2);
    CHECK_FALSE(late.transient());
    CHECK(loopback::error_of(try_recv_message(reader)).code() == Errc::desynchronised);

    std::array<std::byte, 9> buffer;
    send_all(writer, "abc");
    CHECK_FALSE(loopback::error_of(try_recv_exact(reader, buffer)).transient());  // it would not go on behind them
    CHECK(loopback::error_of(try_recv_exact(reader, buffer)).transient());
}
