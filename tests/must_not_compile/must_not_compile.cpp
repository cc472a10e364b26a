// SPDX-License-Identifier: MIT
// Mistakes that the compiler must find, each behind its name, and beside it the right way, which compiles.
#include <sockboot/sockboot.hpp>

#include <cstddef>
#include <span>
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
