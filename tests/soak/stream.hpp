// SPDX-License-Identifier: MIT
// What both ends of the soak's connections share: three kinds of streams, what may come of a call, and the messages.
#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include <sockboot/message.hpp>
#include <sockboot/message_channel.hpp>

#include "dice.hpp"

namespace soak {

using namespace sockboot;
using namespace std::chrono_literals;

// --- what may come of a call ---

inline std::atomic<int> failures{0};
constexpr int max_failures = 20;  ///< with as many the soak ends
struct Failed {};

/// Says so, and leaves the operation.
[[noreturn]] inline void fail(const char* call, const std::string& sentence) {
    if (++failures <= max_failures) std::printf("FAILED: %s: %s\n", call, sentence.c_str());
    throw Failed();
}

inline std::error_code system_code(int number) { return {number, std::system_category()}; }
inline const std::error_code would_block = std::make_error_code(std::errc::operation_would_block);
/// The peer has gone: what that is called depends on who was faster.
inline const std::error_code reset = system_code(ECONNRESET), broken_pipe = system_code(EPIPE);

/// Whether it succeeded; if not, for one of the reasons in `allowed`.
template <class T>
bool has_succeeded(const char* call, const Result<T>& result, std::initializer_list<std::error_code> allowed) {
    if (result.has_value()) return true;
    if (std::find(allowed.begin(), allowed.end(), result.error().code()) == allowed.end())
        fail(call, result.error().message());
    return false;
}
template <class T> T must_succeed(const char* call, Result<T> result) {
    has_succeeded(call, result, {});
    return std::move(result).value();
}
inline void must_succeed(const char* call, const Result<void>& result) { has_succeeded(call, result, {}); }
template <class T>
void must_fail(const char* call, const Result<T>& result, std::initializer_list<std::error_code> allowed) {
    if (has_succeeded(call, result, allowed)) fail(call, "it has succeeded");
}

/// Whether a graceful close ended with the peer's own, and not with its patience.
inline bool has_closed(const char* who, const Result<CloseOutcome>& result) {
    if (!has_succeeded(who, result, {reset})) return false;
    if (*result != CloseOutcome::peer_closed) fail(who, "the peer stayed");
    return true;
}

/// What the throwing form of a call comes to.
template <class Call> auto caught(const Call& call) -> Result<decltype(call())> {
    try {
        if constexpr (std::is_void_v<decltype(call())>)
            return call(), Result<void>();
        else
            return call();
    } catch (const SocketError& error) {
        return Error(error.error());
    }
}

// --- streams ---

using Channel = MessageChannel<>;
using Lines = MessageChannel<Socket, Delimiter>;
using Connection = std::variant<Socket, Channel, Lines>;

inline Socket& socket_of(Socket& socket) { return socket; }
template <class Format> Socket& socket_of(MessageChannel<Socket, Format>& channel) { return channel.stream(); }

/// How a server ends a connection whose client has sent all.
enum class Ending : std::size_t { close, graceful_close, abort };

/// The first byte of a connection: which kind it is of, and how it is to end.
struct Hello {
    std::size_t kind;
    Ending ending;

    static Hello thrown(Dice& dice) { return {dice.below(3), static_cast<Ending>(dice.below(3))}; }
    static Hello from(std::byte byte) {
        const auto number = static_cast<std::size_t>(byte);
        return {number % 3, static_cast<Ending>(number / 3)};
    }
    [[nodiscard]] std::byte byte() const { return static_cast<std::byte>(kind + 3 * static_cast<std::size_t>(ending)); }
    [[nodiscard]] Connection connection(Socket socket) const {
        if (kind == 0) return socket;
        if (kind == 1) return Channel(std::move(socket));
        return Lines(std::move(socket), Delimiter("\r\n"));
    }
};

inline Result<void> send(Socket& socket, ByteView message, bool throws) {
    return throws ? caught([&] { send_message(socket, message); }) : try_send_message(socket, message);
}
template <class Format> Result<void> send(MessageChannel<Socket, Format>& channel, ByteView message, bool throws) {
    return throws ? caught([&] { channel.send(message); }) : channel.try_send(message);
}

/// false: the peer has closed.
inline Result<bool> receive(Socket& socket, std::string& into, bool throws) {
    return throws ? caught([&] { return recv_message(socket, into); }) : try_recv_message(socket, into);
}
template <class Format> Result<bool> receive(MessageChannel<Socket, Format>& channel, std::string& into, bool throws) {
    if (throws) return caught([&] { return channel.receive(into); });
    const auto view = channel.try_receive_view();
    if (!view.has_value()) return Error(view.error());
    into.assign(view->value_or(std::string_view()));
    return view->has_value();
}

// --- messages ---

/// Letters without an end and without a period, from which every message takes its own part.
inline const std::string letters = [] {
    Dice dice(1);
    std::string all((std::size_t{1} << 20) + 400'000, 'a');
    for (char& letter : all) letter = static_cast<char>('a' + dice.below(26));
    return all;
}();

/// The message of that number: empty, or the number and letters; mostly small, some large.
inline std::string message_of(std::uint64_t number, std::size_t max_size = 300'000) {
    Dice dice(number);
    static constexpr std::size_t sizes[] = {200, 200, 200, 200, 4000, 4000, 4000, 40'000, 40'000, 300'000};
    const std::size_t size = dice.below(std::min(dice.one_of(sizes), max_size));
    if (size == 0) return {};
    return std::to_string(number).append(letters, dice.below(std::size_t{1} << 20), size);
}

// What is not to be sent back, but asks the server for something.
inline constexpr std::string_view no_answer = "NO ANSWER";    ///< to nothing, until Server::answer_again()
inline constexpr std::string_view two_halves = "TWO HALVES";  ///< for halved(), and the second half after a message
inline const std::string_view halved(letters.data(), 10'000);
inline const std::string_view too_much(letters.data(), std::size_t{1} << 20);  ///< for a server that does not read

}  // namespace soak
