// SPDX-License-Identifier: MIT
// A shared library whose code uses sockboot. Built twice; SHARED_OBJECT is the function that gives it to others.
#include "shared_object.hpp"

#include <typeinfo>

namespace {

Seen seen() { return {&sockboot::error_category(), &sockboot::detail::log_sink, &sockboot::detail::log_level}; }

const void* exception_type() { return &typeid(sockboot::SocketError); }

std::error_code code() { return sockboot::Errc::truncated; }

bool knows(const std::error_code& code) { return code == sockboot::Errc::truncated; }

void fail() {
    auto server = sockboot::create_server("127.0.0.1", 0, "closed");
    server.close();
    static_cast<void>(server.accept());
}

void listen(const char* context) { static_cast<void>(sockboot::create_server("127.0.0.1", 0, context)); }

int exchange_level(sockboot::LogLevel fresh) { return static_cast<int>(sockboot::set_log_level(fresh)); }

}  // namespace

const SharedObject* SHARED_OBJECT() {
    static constexpr SharedObject object{&seen, &exception_type, &code, &knows, &fail, &listen, &exchange_level};
    return &object;
}
