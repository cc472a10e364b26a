// SPDX-License-Identifier: MIT
// Mistakes that the compiler must find, each behind its name, and beside it the right way, which compiles.
#include <sockboot/sockboot.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct OnlySends {
    sockboot::Result<std::size_t> try_send_some(sockboot::ByteView bytes) { return bytes.size(); }
};

sockboot::ByteView view_of_a_buffer(char (&buffer)[16]) {
#ifdef WRITABLE_ARRAY
    return sockboot::ByteView(buffer);
#else
    return sockboot::ByteView(std::span(buffer));
#endif
}

sockboot::ByteView view_of_numbers(const std::vector<int>& numbers) {
#ifdef RANGE_OF_INTS
    return sockboot::ByteView(numbers);
#else
    return sockboot::ByteView(std::as_bytes(std::span(numbers)));
#endif
}

sockboot::ByteView view_of_a_temporary(const std::string& text) {
#ifdef VIEW_OF_A_TEMPORARY
    const sockboot::ByteView view = text + "!";
#else
    const sockboot::ByteView view = std::string_view(text);  // a view of a view: as good as what that looks at
#endif
    return view;
}

void send_no_bytes(sockboot::Socket& socket) {
#ifdef ZERO_AS_A_POINTER
    sockboot::send_message(socket, {0, 5});
#else
    sockboot::send_message(socket, {});
    sockboot::send_message(socket, std::string("a temporary lives as long as the call"));
#endif
}

sockboot::Socket second_owner(sockboot::Socket& socket) {
#ifdef COPIED_SOCKET
    return socket;
#else
    return std::move(socket);
#endif
}

bool greet(sockboot::Socket& socket) {
#ifdef IGNORED_RESULT
    sockboot::try_send_message(socket, "hello");
    return true;
#else
    return sockboot::try_send_message(socket, "hello").has_value();
#endif
}

void send_by_another_name(sockboot::Socket& socket) {
#ifdef SEND_AS_A_MEMBER
    socket.send("hello");
#else
    sockboot::send_all(socket, "hello");
#endif
}

std::size_t read_by_another_name(sockboot::Socket& socket, std::span<std::byte> buffer) {
#ifdef READ_AS_A_MEMBER
    return socket.read(buffer.data(), buffer.size());
#else
    return socket.recv_some(buffer);
#endif
}

std::size_t count_messages(sockboot::Socket& socket, std::string& message) {
    std::size_t count = 0;
#ifdef LOOP_OVER_A_RESULT_OF_BOOL
    while (sockboot::try_recv_message(socket, message)) ++count;
#else
    while (sockboot::try_recv_message(socket, message).value_or(false)) ++count;
#endif
    return count;
}

std::size_t count_messages(sockboot::Socket& socket) {
    std::size_t count = 0;
#ifdef LOOP_OVER_A_RESULT_OF_OPTIONAL
    while (auto message = sockboot::try_recv_message(socket)) ++count;
#else
    for (auto message = sockboot::try_recv_message(socket); message.has_value() && *message; ++count)
        message = sockboot::try_recv_message(socket);
#endif
    return count;
}

std::size_t greet(OnlySends& stream) {
#ifdef NOT_A_STREAM
    sockboot::send_message(stream, "hello");
    return 0;
#else
    return stream.try_send_some("hello").value();
#endif
}

sockboot::ServerOptions server_options() {
#ifdef FIELDS_OUT_OF_ORDER
    return {.no_delay = false, .backlog = 1};
#else
    return {.backlog = 1, .no_delay = false};
#endif
}

bool reach(double measured) {
#ifdef PORT_OF_A_FRACTION
    return sockboot::try_connect_to("localhost", measured).has_value();
#else
    return sockboot::try_connect_to("localhost", static_cast<int>(measured)).has_value();
#endif
}

bool reach_by_text(const char* digits) {
#ifdef PORT_OF_A_CHARACTER
    return sockboot::try_connect_to("localhost", *digits).has_value();
#else
    return sockboot::try_connect_to("localhost", *digits - '0').has_value();
#endif
}
