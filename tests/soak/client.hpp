// SPDX-License-Identifier: MIT
// A client of the soak: one operation after the other, mostly on the one connection that it has.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "server.hpp"
#include "striker.hpp"
#include "stream.hpp"

namespace soak {

/// What the clients share.
struct World {
    explicit World(std::size_t server_count, Port port) : servers(server_count), refused(port) {}
    std::deque<Server> servers;
    Striker striker;
    const Port refused;  ///< a port that is taken, and nobody listens on it
};

/// Threads: one; doing() any.
class Client {
public:
    Client(World& world, std::uint64_t seed) : world_(world), seed_(seed) {}
    /// Operations from number `first` to before `last`, until that moment; returns how many were done.
    std::uint64_t run(std::uint64_t first, std::uint64_t last, std::chrono::steady_clock::time_point until);
    /// The operation that is under way.
    [[nodiscard]] const char* doing() const { return doing_; }

private:
    struct Kind {
        const char* name;
        unsigned weight;
        void (Client::*run)();
    };
    static const Kind kinds[];
    static const Kind& kind_of(std::size_t point);

    // --- connections ---
    void connect();
    Connection& connection();
    Server& any_server() { return world_.servers[dice_.below(world_.servers.size())]; }
    Canceller maybe_mine() { return dice_.one_in(2) ? canceller_ : Canceller::none(); }
    bool throws() { return dice_.one_in(2); }

    // --- operations ---
    void exchange();
    void exchange_many();
    void time_out();
    void time_out_inside();
    void time_out_sending();
    void cancel_receive();
    void cancel_exchange();
    void send_refused();
    void close();
    void abort();
    void half_close();
    void close_gracefully();
    void close_unread();
    void interrupt_accept();
    void connect_refused();
    void connect_in_vain();
    void fail_lookup();
    void abandon_lookup();
    void cancel_lookup();
    void serve_self();
    void fork_child();

    World& world_;
    std::uint64_t seed_;
    Dice dice_{0};
    Canceller canceller_;
    std::optional<Connection> connection_;
    Server* server_ = nullptr;  ///< of the connection, and how it ends it
    Ending ending_ = Ending::close;
    std::string answer_;
    std::atomic<const char*> doing_{"nothing"};
};

}  // namespace soak
