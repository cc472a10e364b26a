// SPDX-License-Identifier: MIT
// RacyRead, RacyWrite and ConcurrentMethods: calls that end early all the time, from the threads that may make them.
#include <atomic>
#include <chrono>
#include <limits>
#include <string>
#include <utility>

#include <sockboot/canceller.hpp>
#include <sockboot/message_channel.hpp>

#include "conformance.hpp"

using namespace conformance;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t total = std::uint64_t{4} << 20;

/// Timeouts of the past, of now, and of very soon.
class ShortTimeouts {
public:
    explicit ShortTimeouts(unsigned seed) : random_(seed) {}
    Timeout next() { return std::chrono::microseconds(lengths_(random_)); }

private:
    std::minstd_rand random_;
    std::uniform_int_distribution<int> lengths_{-10, 100};
};

/// Moves the pattern to `total`, by either kind of call, however often one ends early; how often one did, which is also
/// what `before_each` call is told.
template <class Mover, class Before> int move_all(Mover& mover, std::size_t max_size, const Before& before_each) {
    int ended_early = 0;
    OddSizes sizes(3, max_size);
    for (bool whole = true; mover.place() < total; whole = !whole) {
        before_each(ended_early);
        const std::size_t size = sizes.next(total - mover.place());
        const auto moved = whole ? mover.all(size) : mover.some(size);
        if (moved && *moved == 0) break;  // the end of the stream
        if (!moved && !is_timeout(moved.error()) && moved.error().code() != Errc::cancelled) moved.value();
        ended_early += !moved;
    }
    return ended_early;
}
template <class Mover> int move_all(Mover& mover, std::size_t max_size = 5'000) {
    return move_all(mover, max_size, [](int) {});
}

/// Gives the stream small buffers, where it has that, so that a sender meets their end.
template <class S> void narrow(S& stream) {
    if constexpr (requires { stream.set_send_buffer(1), stream.set_receive_buffer(1); }) {
        stream.set_send_buffer(64 << 10);
        stream.set_receive_buffer(128 << 10);
    }
}

/// Sends the messages, each handed in again where a call ends early, and flushes the rest; how often one did.
template <class Channel> int send_messages(Channel& channel, std::uint64_t count) {
    int ended_early = 0;
    const auto until_done = [&](auto step) {
        for (auto done = step(); !done; done = step(), ++ended_early)
            if (!is_timeout(done.error())) done.value();
    };
    for (std::uint64_t i = 0; i < count; ++i) until_done([&] { return channel.try_send(message_of(i)); });
    until_done([&] { return channel.try_flush(); });
    return ended_early;
}

/// How many messages came as they had been sent, however often a call ended early.
template <class Channel> std::uint64_t receive_messages(Channel& channel, std::uint64_t count) {
    std::uint64_t good = 0;
    while (good < count) {
        const auto message = channel.try_receive_view();
        if (!message.has_value() && is_timeout(message.error())) continue;
        if (!message.has_value() || !*message || **message != message_of(good)) break;
        ++good;
    }
    return good;
}

/// What any thread may ask of a stream that is in use, and what it is to answer.
template <class S> struct Facts {
    explicit Facts(const S& stream)
        : context(stream.context()),
          local(stream.local_endpoint()),
          remote(stream.remote_endpoint()),
          receive_timeout(stream.receive_timeout()),
          send_timeout(stream.send_timeout()),
          handle(stream.native_handle()),
          is_open(stream.is_open()) {}
    bool operator==(const Facts&) const = default;

    std::string context;
    Endpoint local, remote;
    Timeout receive_timeout, send_timeout;
    Handle handle;
    bool is_open;
};

}  // namespace

TEMPLATE_TEST_CASE("conformance: no byte is lost or doubled where receives time out all the time", "[conformance]",
                   TRANSPORTS) {
    auto pair = TestType::make();
    auto &here = pair.first, &there = pair.second;
    auto sending = in_a_thread([&] {
        Sender sender(there);
        return move_all(sender, 500);  // less than is asked for: the reader has to wait for the rest
    });
    Receiver receiver(here);
    ShortTimeouts timeouts(1);
    CHECK(move_all(receiver, 5'000, [&](int) { here.set_receive_timeout(timeouts.next()); }) > 0);
    CHECK(sending.get() == 0);
    CHECK(receiver.place() == total);
    CHECK(receiver.intact());
}

TEMPLATE_TEST_CASE("conformance: no byte is lost or doubled where sends time out all the time", "[conformance]",
                   TRANSPORTS) {
    auto pair = TestType::make();
    auto &here = pair.first, &there = pair.second;
    narrow(here), narrow(there);
    std::atomic<int> ended_early = 0;
    auto sending = in_a_thread([&] {
        Sender sender(here);
        ShortTimeouts timeouts(2);
        const int all = move_all(sender, 100'000, [&](int ended) {
            ended_early = ended;
            here.set_send_timeout(timeouts.next());
        });
        ended_early = std::numeric_limits<int>::max();
        return all;
    });
    Receiver receiver(there);
    int seen = 0;
    move_all(receiver, 50'000, [&](int) {
        while (ended_early <= seen) std::this_thread::yield();  // reads on once there was no room again
        ++seen;
    });
    CHECK(sending.get() > 0);
    CHECK(receiver.place() == total);
    CHECK(receiver.intact());
}

TEMPLATE_TEST_CASE("conformance: a reader and a writer of one socket time out all the time, in both directions at once",
                   "[conformance]", TRANSPORTS) {
    auto pair = TestType::make();
    auto &here = pair.first, &there = pair.second;
    Sender sends_here(here), sends_there(there);
    Receiver receives_here(here), receives_there(there);
    narrow(here), narrow(there);
    // Set ahead of the threads, since it is an option of the socket, which both of them are in.
    here.set_receive_timeout(30us);
    here.set_send_timeout(50us);
    there.set_timeout(0s);
    auto sent_here = in_a_thread([&] { return move_all(sends_here); });
    auto sent_there = in_a_thread([&] { return move_all(sends_there); });
    auto received_there = in_a_thread([&] { return move_all(receives_there); });
    move_all(receives_here);
    sent_here.get(), sent_there.get(), received_there.get();
    CHECK(receives_here.place() == total);
    CHECK(receives_here.intact());
    CHECK(receives_there.place() == total);
    CHECK(receives_there.intact());
}

TEMPLATE_TEST_CASE("conformance: the messages of a channel stay whole where its calls time out all the time",
                   "[conformance]", TRANSPORTS) {
    constexpr std::uint64_t count = 1'500;
    auto pair = TestType::make();
    narrow(pair.first), narrow(pair.second);
    MessageChannel here(std::move(pair.first)), there(std::move(pair.second));
    here.stream().set_receive_timeout(30us);
    here.stream().set_send_timeout(50us);
    there.stream().set_timeout(0s);
    auto sent_here = in_a_thread([&] { return send_messages(here, count); });
    auto sent_there = in_a_thread([&] { return send_messages(there, count); });
    auto received_there = in_a_thread([&] { return receive_messages(there, count); });
    CHECK(receive_messages(here, count) == count);
    CHECK(received_there.get() == count);
    sent_here.get(), sent_there.get();
}

TEMPLATE_TEST_CASE("conformance: while a reader and a writer are busy, any thread may look at their socket, and cancel",
                   "[conformance]", TRANSPORTS) {
    auto pair = TestType::make();
    auto &here = pair.first, &there = pair.second;
    narrow(here), narrow(there);
    Canceller canceller;
    here.set_canceller(canceller);
    here.set_timeout(1ms);
    const Facts facts(here);
    Sender sends_here(here), sends_there(there);
    Receiver receives_here(here), receives_there(there);
    std::atomic<bool> is_over = false;
    const auto look = [&] {
        bool same = true;
        for (bool is_last = false; !is_last; std::this_thread::yield()) {
            is_last = is_over;
            same = same && Facts(here) == facts;
        }
        return same;
    };
    auto looking = in_a_thread(look), looking_too = in_a_thread(look);
    auto cancelling = in_a_thread([&] {
        for (int i = 0; i < 500; ++i, std::this_thread::yield()) canceller.cancel(), canceller.reset();
    });
    auto sent_here = in_a_thread([&] { return move_all(sends_here); });
    auto sent_there = in_a_thread([&] { return move_all(sends_there); });
    auto received_there = in_a_thread([&] { return move_all(receives_there); });
    move_all(receives_here);
    sent_here.get(), sent_there.get(), received_there.get(), cancelling.get();
    is_over = true;
    CHECK(looking.get());
    CHECK(looking_too.get());
    CHECK(receives_here.place() == total);
    CHECK(receives_here.intact());
    CHECK(receives_there.place() == total);
    CHECK(receives_there.intact());
}
