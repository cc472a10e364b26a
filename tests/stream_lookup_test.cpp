// SPDX-License-Identifier: MIT
// Names of the user's own, in the namespace of a stream of the user's own, are never called for ours.
#include <sockboot/sockboot.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "catch.hpp"

namespace greedy {
template <bool Full> struct Stream;
}  // namespace greedy

// Takes whatever ours takes, and does not compile: argument-dependent lookup finds it in a call that is not qualified.
// What comes first is known better than by our templates, so that these are no better; {} is taken too.
#define SOCKBOOT_TEST_GREEDY_FOR(name, First)                                                                     \
    template <bool Full> void name(First&) = delete;                                                              \
    template <bool Full, class A = ByteView> void name(First&, A&&) = delete;                                     \
    template <bool Full, class A = ByteView, class B = ByteView> void name(First&, A&&, B&&) = delete;            \
    template <bool Full, class A = ByteView, class B = ByteView, class C = ByteView>                              \
    void name(First&, A&&, B&&, C&&) = delete;                                                                    \
    template <bool Full, class A = ByteView, class B = ByteView, class C = ByteView, class D = ByteView>          \
    void name(First&, A&&, B&&, C&&, D&&) = delete;                                                               \
    template <bool Full, class A = ByteView, class B = ByteView, class C = ByteView, class D = ByteView, class E> \
    void name(First&, A&&, B&&, C&&, D&&, E&&) = delete
#define SOCKBOOT_TEST_GREEDY(name)                                            \
    template <class... Any> void name(Any&&...) = delete;                     \
    SOCKBOOT_TEST_GREEDY_FOR(name, Stream<Full>);                             \
    SOCKBOOT_TEST_GREEDY_FOR(name, sockboot::detail::StreamIo<Stream<Full>>); \
    SOCKBOOT_TEST_GREEDY_FOR(name, const sockboot::detail::StreamIo<Stream<Full>>)

namespace greedy {

using sockboot::ByteView;

/// What is sent can be received again.
template <> struct Stream<false> {
    std::string bytes{};

    sockboot::Result<std::size_t> try_send_some(sockboot::ByteView more) {
        bytes += more.text();
        return more.size();
    }
    sockboot::Result<std::size_t> try_recv_some(std::span<std::byte> buffer) {
        const std::size_t count = std::min(std::size(bytes), std::size(buffer));
        std::memcpy(std::data(buffer), std::data(bytes), count);
        bytes.erase(0, count);
        return count;
    }
    sockboot::Result<void> try_shutdown_send() { return {}; }
    void close() { bytes.clear(); }
};

/// The same, with all that a stream may offer.
template <> struct Stream<true> : Stream<false> {
    using Stream<false>::try_recv_some;
    using Stream<false>::try_send_some;
    sockboot::Result<std::size_t> try_send_some(sockboot::ByteView first, sockboot::ByteView second,
                                                sockboot::Deadline&) {
        bytes += first.text();
        bytes += second.text();
        return std::size(first.text()) + std::size(second.text());
    }
    sockboot::Result<std::size_t> try_recv_some(std::span<std::byte> buffer, sockboot::Deadline&, bool) {
        return try_recv_some(buffer);
    }
    [[nodiscard]] static sockboot::Timeout timeout() { return {}; }
    [[nodiscard]] static sockboot::Error with_source(sockboot::Error error) { return error; }
    void set_spin(std::chrono::microseconds) {}
};

SOCKBOOT_TEST_GREEDY(append_frame);
SOCKBOOT_TEST_GREEDY(bad_format);
SOCKBOOT_TEST_GREEDY(big_32);
SOCKBOOT_TEST_GREEDY(body_not_received);
SOCKBOOT_TEST_GREEDY(check);
SOCKBOOT_TEST_GREEDY(concat);
SOCKBOOT_TEST_GREEDY(delimiter_position);
SOCKBOOT_TEST_GREEDY(eof_error);
SOCKBOOT_TEST_GREEDY(error_text);
SOCKBOOT_TEST_GREEDY(frame_size);
SOCKBOOT_TEST_GREEDY(graceful_close);
SOCKBOOT_TEST_GREEDY(late);
SOCKBOOT_TEST_GREEDY(length_guess);
SOCKBOOT_TEST_GREEDY(load);
SOCKBOOT_TEST_GREEDY(malformed_length);
SOCKBOOT_TEST_GREEDY(message_not_sent);
SOCKBOOT_TEST_GREEDY(message_refused);
SOCKBOOT_TEST_GREEDY(message_too_large_to_receive);
SOCKBOOT_TEST_GREEDY(message_too_large_to_send);
SOCKBOOT_TEST_GREEDY(partial_error);
SOCKBOOT_TEST_GREEDY(prefix_not_received);
SOCKBOOT_TEST_GREEDY(prefix_refused);
SOCKBOOT_TEST_GREEDY(protocol_guess);
SOCKBOOT_TEST_GREEDY(readable);
SOCKBOOT_TEST_GREEDY(reads_like_text);
SOCKBOOT_TEST_GREEDY(recv_body);
SOCKBOOT_TEST_GREEDY(recv_exact);
SOCKBOOT_TEST_GREEDY(recv_growing);
SOCKBOOT_TEST_GREEDY(recv_message);
SOCKBOOT_TEST_GREEDY(recv_rest);
SOCKBOOT_TEST_GREEDY(recv_varint);
SOCKBOOT_TEST_GREEDY(recv_whole);
SOCKBOOT_TEST_GREEDY(send_all);
SOCKBOOT_TEST_GREEDY(send_message);
SOCKBOOT_TEST_GREEDY(send_rest);
SOCKBOOT_TEST_GREEDY(send_whole);
SOCKBOOT_TEST_GREEDY(store);
SOCKBOOT_TEST_GREEDY(text_guess);
SOCKBOOT_TEST_GREEDY(throw_error);
SOCKBOOT_TEST_GREEDY(tls_guess);
SOCKBOOT_TEST_GREEDY(to_string);
SOCKBOOT_TEST_GREEDY(transfer_error);
SOCKBOOT_TEST_GREEDY(try_append_frame);
SOCKBOOT_TEST_GREEDY(try_graceful_close);
SOCKBOOT_TEST_GREEDY(try_recv_exact);
SOCKBOOT_TEST_GREEDY(try_recv_message);
SOCKBOOT_TEST_GREEDY(try_send_all);
SOCKBOOT_TEST_GREEDY(try_send_message);
SOCKBOOT_TEST_GREEDY(unfinished);
SOCKBOOT_TEST_GREEDY(utf8_size);
SOCKBOOT_TEST_GREEDY(with_guess);
SOCKBOOT_TEST_GREEDY(with_source);
SOCKBOOT_TEST_GREEDY(data);
SOCKBOOT_TEST_GREEDY(short_length);
SOCKBOOT_TEST_GREEDY(size);
SOCKBOOT_TEST_GREEDY(begin);
SOCKBOOT_TEST_GREEDY(end);
SOCKBOOT_TEST_GREEDY(move);
SOCKBOOT_TEST_GREEDY(forward);
SOCKBOOT_TEST_GREEDY(exchange);

}  // namespace greedy

namespace {

/// Whether a channel moves a message in every way that it has.
template <class S, class Format> void check_channel(const Format& format) {
    sockboot::MessageChannel<S, Format> channel(S{}, format, {.spin = std::chrono::microseconds(1)});
    channel.send("one");
    channel.queue("two");
    channel.flush();
    channel.send(std::string(20'000, 'x'));
    channel.queue("four");
    channel.flush();
    std::string into;
    CHECK(channel.receive_view() == "one");
    CHECK(channel.receive() == "two");
    CHECK(channel.receive(into));
    CHECK(channel.receive() == "four");
    CHECK(channel.receive() == std::nullopt);
    CHECK_FALSE(channel.skip());
    CHECK(channel.pending() + channel.queued() == 0);
    CHECK(std::as_const(channel).stream().bytes.empty());
    CHECK(std::move(channel).release().unread.empty());
}

/// Whether all free functions that take a stream do what they are for.
template <class S> void check_functions() {
    S conn;
    sockboot::send_all(conn, "bytes");
    CHECK(sockboot::recv_exact(conn, 3) == "byt");
    std::byte two[2];
    sockboot::recv_exact(conn, two);
    CHECK_FALSE(sockboot::try_recv_exact(conn, 3).has_value());

    for (const sockboot::LengthPrefix& format :
         {sockboot::LengthPrefix{}, sockboot::LengthPrefix{.width = sockboot::LengthPrefix::varint}}) {
        std::string into = "12345";
        sockboot::send_message(conn, "hello", format);
        CHECK(sockboot::recv_message(conn, into, format));
        sockboot::send_message(conn, "another", format);
        CHECK(sockboot::recv_message(conn, format) == "another");
        CHECK_FALSE(sockboot::recv_message(conn, into, format));
        sockboot::send_all(conn, "\5");
        CHECK_FALSE(sockboot::try_recv_message(conn, into, format).has_value());
        conn = {};
    }
    sockboot::graceful_close(conn);
}

}  // namespace

TEST_CASE("stream: greedy functions beside a stream of the user's own are not taken for ours", "[stream]") {
    check_functions<greedy::Stream<false>>();
    check_functions<greedy::Stream<true>>();
    check_channel<greedy::Stream<false>>(sockboot::LengthPrefix{});
    check_channel<greedy::Stream<false>>(sockboot::Delimiter("\n"));
    check_channel<greedy::Stream<true>>(sockboot::LengthPrefix{});
    check_channel<greedy::Stream<true>>(sockboot::Delimiter("\n"));
}
