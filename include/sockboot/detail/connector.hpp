// SPDX-License-Identifier: MIT
// Connector: the sockets behind a Race, from the endpoints of one host to one that is connected.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>  // std::move
#include <vector>

#include "../log.hpp"
#include "../options.hpp"
#include "../socket.hpp"
#include "race.hpp"

namespace sockboot::detail {

/// The connection attempts of one connect_to: the real sockets behind a Race. One wins, by being moved out of here;
/// the rest is closed with it.
class Connector {
public:
    static constexpr std::size_t most_lanes = 16;  ///< that max_attempts_in_flight can ask for

    Connector(std::vector<Endpoint> endpoints, std::string_view context, const ConnectOptions& options)
        // Two sockets cannot be bound to one port: with a fixed one, addresses are tried one after the other.
        : lanes_(options.local.port() != 0 ? 1 : static_cast<std::size_t>(options.max_attempts_in_flight)),
          race_(std::move(endpoints), options.attempt_delay, lanes_),
          context_(context),
          options_(options) {}

    /// The first connection that stands, or the reason why there is none; every attempt is in it.
    Result<Socket> run(Deadline& deadline) {
        for (;;) {
            for (std::size_t index; (index = race_.start_due(Deadline::clock::now())) != Race::nobody;)
                if (Socket winner = start(index)) return winner;
            if (!bindable_) return std::move(bindable_).error();
            if (race_.lost()) return failure(race_.first_failure());
            if (auto waited = wait(deadline); !waited) {
                race_.give_up(waited.error().code(), Deadline::clock::now());
                return failure(waited.error().code());
            }
            if (Socket winner = harvest()) return winner;
        }
    }

private:
    /// One attempt that is under way; a lane without a handle is free.
    struct Runner {
        std::size_t index = 0;
        os::Owned handle;
    };

    /// Starts an attempt; returns the socket where it is connected at once, else a closed one.
    Socket start(std::size_t index) {
        auto handle = open(race_.endpoint(index));
        if (!handle) return lose(index, handle.error().code());
        auto connecting = os::start_connect(handle->get(), race_.endpoint(index).address());
        if (!connecting) return lose(index, connecting.error().code());
        if (*connecting == os::Connecting::done) return finish(index, std::move(*handle));
        std::size_t lane = 0;
        while (runners_[lane].handle) ++lane;
        runners_[lane] = {index, std::move(*handle)};
        return {};
    }

    Result<os::Owned> open(const Endpoint& endpoint) {
        auto handle = open_stream(endpoint.family(), os::Mode::non_blocking, options_.no_delay, options_.keep_alive);
        if (!handle || options_.local.family() == Family::none) return handle;
        auto bound = os::bind(handle->get(), options_.local.address());
        if (bound) return handle;
        // The same for every address, and for every further attempt: what ends the whole.
        const std::error_code code = bound.error().code();
        bindable_ = std::move(bound).error().about({}, options_.local.to_string()).with_note("options.local");
        return Error(code, Operation::bind);
    }

    /// Waits until an attempt has ended or the next one is due. Errors: the deadline's; cancelled.
    Result<void> wait(Deadline& deadline) {
        for (std::size_t lane = 0; lane < lanes_; ++lane)
            watched_[lane] = os::Watched::writable(runners_[lane].handle.get());
        watched_[lanes_] = options_.canceller.ear();
        const auto next = race_.wait_before_next(Deadline::clock::now());
        const auto left = deadline.remaining();
        const auto step_length = next < left ? next : left;
        // No time left still is one look: trying once is to see what loopback has done by now.
        Deadline step(step_length.count() > 0 ? Timeout(step_length) : Timeout(std::chrono::nanoseconds(-1)));
        auto ready = os::wait_any(watched_, lanes_ + 1, step);
        if (watched_[lanes_].ready()) return Error(Errc::cancelled, Operation::connect);
        if (ready || ready.error().code() != Errc::deadline_exceeded) return ready;
        if (next <= left && next.count() == 0) return {};
        if (deadline.tries_once()) return Error(make_error_code(std::errc::operation_would_block), Operation::connect);
        return deadline.expired() ? std::move(ready) : Result<void>();
    }

    /// Ends the attempts that are ready; returns the socket of the first one that connected, else a closed one.
    Socket harvest() {
        for (std::size_t lane = 0; lane < lanes_; ++lane) {
            if (!runners_[lane].handle || !watched_[lane].ready()) continue;
            // Readiness says that an attempt has ended; this says how.
            const auto connecting = os::finish_connect(runners_[lane].handle.get());
            if (connecting && *connecting == os::Connecting::underway) continue;
            os::Owned handle = std::move(runners_[lane].handle);
            Socket winner = connecting ? finish(runners_[lane].index, std::move(handle))
                                       : lose(runners_[lane].index, connecting.error().code());
            if (winner) return winner;
        }
        return {};
    }

    /// Makes a connection the caller's.
    Socket finish(std::size_t index, os::Owned handle) {
        const Endpoint remote = race_.endpoint(index).unmapped();
        const Endpoint local = local_endpoint_of(handle.get());
        // TCP connects a socket to itself when its own port happens to be the one that it calls: nobody listens there.
        if (local == remote) return lose(index, make_error_code(std::errc::connection_refused));
        if (auto set = os::set_non_blocking(handle.get(), false); !set) return lose(index, set.error().code());
        return Socket(std::move(handle), context_, local, remote,
                      {options_.io_timeout, options_.canceller, options_.spin});
    }

    Socket lose(std::size_t index, std::error_code code) {
        race_.failed(index, code, Deadline::clock::now());
        log(LogLevel::debug, context_,
            [&] { return joined({"connect to ", race_.endpoint(index).to_string(), ": ", reason(code)}); });
        return {};
    }

    [[nodiscard]] Error failure(std::error_code code) {
        return Error(code, Operation::connect).with_attempts(std::move(race_).attempts());
    }

    std::size_t lanes_;
    Race race_;
    std::string_view context_;
    const ConnectOptions& options_;
    Result<void> bindable_;
    Runner runners_[most_lanes];
    os::Watched watched_[most_lanes + 1];
};

}  // namespace sockboot::detail
