// SPDX-License-Identifier: MIT
// Connector: the sockets behind a Race, from the endpoints of one host to one that is connected.
#pragma once

#include <optional>
#include "../../canceller.hpp"
#include "../../endpoint.hpp"
#include "../../log.hpp"
#include "../../options.hpp"
#include "../../result.hpp"
#include "../../socket.hpp"
#include "../../timeout.hpp"
#include "../os.hpp"
#include "../socket_options.hpp"
#include "../text.hpp"
#include "../wait_policy.hpp"
#include "race.hpp"

namespace sockboot::inline v0_2::detail {
/// The connection attempts of one host: the real sockets behind a Race. One wins, by being moved out of here; the
/// others are closed with it.
class Connector {
public:
    static constexpr int max_in_flight = 16;  ///< that max_attempts_in_flight can ask for

    Connector(std::vector<Endpoint> endpoints, std::string_view context, const ConnectOptions& options)
        // Not every system binds two sockets to one port: with a fixed one, addresses are tried one after the other.
        : race_(std::move(endpoints), options.attempt_delay,
                options.local.family() != Family::none && options.local.port() != 0
                    ? 1
                    : static_cast<std::size_t>(options.max_attempts_in_flight)),
          context_(context),
          options_(options) {}
    /// The first connection that is made, or the reason why there is none; every attempt is in it.
    Result<Socket> run(Deadline& deadline) {
        for (;;) {
            while (const auto index = race_.start_due(Deadline::clock::now())) {
                auto started = start(*index);
                if (!started.has_value()) return std::move(started).error();
                if (*started) return std::move(**started);
            }
            if (race_.all_failed()) return Error(race_.first_failure()).with_attempts(race_.attempts());
            if (const IoResult waited = wait(deadline); !waited) {
                race_.give_up(waited.code(), Deadline::clock::now());
                return Error(waited.code(), Operation::connect).with_attempts(race_.attempts());
            }
            if (auto winner = collect_ready()) return std::move(*winner);
            if (const auto index = race_.room_due(Deadline::clock::now(), end_of(deadline))) make_room(*index);
        }
    }

private:
    /// One attempt that is in progress.
    struct Slot {
        std::size_t index = 0;
        os::UniqueHandle handle{};
        bool is_queue_full = false;  ///< of a Unix server: to be started again
        bool has_ended = false;      ///< in which way finish_connect() tells
    };
    /// How often a Unix server whose queue is full is asked again: no event tells when there is room.
    static constexpr std::chrono::milliseconds queue_full_interval{5};
    /// Starts an attempt; the socket where it is connected at once. Errors: those that no other address mends.
    Result<std::optional<Socket>> start(std::size_t index) {
        const Endpoint& endpoint = race_.endpoint(index);
        auto opened = os::open(endpoint.family(), os::Type::stream, os::Mode::non_blocking);
        if (!opened) return record_failure(index, std::move(opened).error());
        os::UniqueHandle handle(*opened);
        auto set = configure_stream(handle.get(), endpoint.family(), options_.no_delay, options_.keep_alive);
        if (!set) return record_failure(index, std::move(set).error());
        if (options_.local.family() != Family::none)
            if (auto bound = bind_to_local(handle.get()); !bound) return std::move(bound).error();
        if (options_.canceller.is_cancelled()) return Error(Errc::cancelled, Operation::connect);
        auto state = os::start_connect(handle.get(), to_address(endpoint));
        if (!state) return record_failure(index, std::move(state).error());
        if (*state == os::ConnectState::done) return complete(index, std::move(handle));
        slots_.push_back({index, std::move(handle), *state == os::ConnectState::queue_full, false});
        return std::optional<Socket>();
    }
    /// Gives a fresh socket the address, and maybe the port, that it is to connect from.
    Result<void> bind_to_local(os::Handle handle) const {
        const Endpoint local = options_.local.unmapped();
        Result<void> done;
        if (local.port() != 0)
            done = os::claim_port(handle, true);
        else if (os::supports(os::Option::bind_without_port))
            // The port is then chosen by connect(2), and needs to differ only among connections to the same server.
            static_cast<void>(os::set_option(handle, os::Option::bind_without_port, 1));  // best effort: old kernels
        if (done) done = os::bind(handle, to_address(local));
        if (done) return done;
        // Elsewhere bind(2) is the step that finds all ports used up, which passes.
        if (local.port() == 0 && done.error().code() == std::errc::address_in_use)
            return Error(done.error().code(), Operation::connect)
                .with_note(concat({"options.local: ", local.host(), " has no port left"}));
        return std::move(done).error().with_context({}, local.to_string()).with_note("options.local");
    }
    /// When the race ends; a poll looks once, whatever the time.
    static Race::time_point end_of(Deadline& deadline) noexcept {
        return deadline.is_poll() ? (Race::time_point::max)() : deadline.expiry();
    }
    /// Ends an attempt that has had its share of the time.
    void make_room(std::size_t index) {
        std::size_t slot = 0;
        while (slots_[slot].index != index) ++slot;
        remove(slot);
        record_failure(index, Error(Errc::deadline_exceeded, Operation::connect));
    }
    /// Takes an attempt out of the slots, which keep their order.
    os::UniqueHandle remove(std::size_t slot) noexcept {
        os::UniqueHandle handle = std::move(slots_[slot].handle);
        slots_.erase(slots_.begin() + static_cast<std::ptrdiff_t>(slot));
        return handle;
    }
    /// Waits until an attempt has ended or the next one is due; moved: that is so. Errors: the deadline's; cancelled.
    IoResult wait(Deadline& deadline) {
        const auto next = race_.wait_before_next(Deadline::clock::now(), end_of(deadline));
        const auto left = deadline.remaining();
        auto time = next < left ? next : left;
        os::PollEntry entries[max_in_flight + 1];  // of the slots, and behind them the canceller's
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            const Slot& slot = slots_[i];
            entries[i] = os::PollEntry::writable(slot.is_queue_full ? os::no_handle : slot.handle.get());
            if (slot.is_queue_full && time > queue_full_interval) time = queue_full_interval;
        }
        os::PollEntry& canceller = entries[slots_.size()];
        if (const IoResult woken_by = wake_entry(options_.canceller, canceller); !woken_by) return woken_by;
        // With no time left it still looks once, at what loopback has done by now.
        const IoResult ready = os::poll(entries, slots_.size() + 1, time);
        for (std::size_t i = 0; i < slots_.size(); ++i) slots_[i].has_ended = entries[i].ready();
        if (ready.is(IoResult::interrupted)) return IoResult::moved(0);
        if (canceller.ready() && confirm_cancelled(options_.canceller)) return IoResult::cancelled;
        if (!ready || ready.any() || next == next.zero()) return ready;
        if (deadline.is_poll()) return IoResult::would_block;
        return deadline.expired() ? IoResult::deadline_exceeded : ready;
    }
    /// Ends the attempts that are ready; the socket of the first one that is connected.
    std::optional<Socket> collect_ready() {
        for (std::size_t i = 0; i < slots_.size();) {
            Slot& slot = slots_[i];
            if (!slot.is_queue_full && !slot.has_ended) {
                ++i;
                continue;
            }
            // Readiness says that an attempt has ended; this says how.
            auto state = slot.is_queue_full
                             ? os::start_connect(slot.handle.get(), to_address(race_.endpoint(slot.index)))
                             : os::finish_connect(slot.handle.get());
            if (state && *state != os::ConnectState::done) {
                slot.is_queue_full = *state == os::ConnectState::queue_full;
                ++i;
                continue;
            }
            const std::size_t index = slot.index;
            os::UniqueHandle ended = remove(i);
            auto winner = state ? complete(index, std::move(ended)) : record_failure(index, std::move(state).error());
            if (winner) return winner;
        }
        return std::nullopt;
    }
    /// Makes a connection the caller's.
    std::optional<Socket> complete(std::size_t index, os::UniqueHandle handle) {
        const Endpoint remote = race_.endpoint(index).unmapped();
        const Endpoint local = local_endpoint_of(handle.get());
        // TCP connects a socket to itself when its own port happens to be the one that it calls: nobody listens there.
        if (local == remote)
            return record_failure(index, Error(make_error_code(std::errc::connection_refused), Operation::connect));
        return make_socket(std::move(handle), context_, local, remote,
                           {options_.io_timeout, options_.canceller, options_.spin});
    }

    std::optional<Socket> record_failure(std::size_t index, Error error) {
        log(LogLevel::debug, context_, [&] {
            return concat({verb_phrase(error.operation()), " ", race_.endpoint(index).to_string(), ": ",
                           lower_first(error.code().message())});
        });
        race_.record_failure(index, std::move(error), Deadline::clock::now());
        return std::nullopt;
    }
    Race race_;
    std::string_view context_;
    const ConnectOptions& options_;
    std::vector<Slot> slots_;
};
}  // namespace sockboot::inline v0_2::detail
