// SPDX-License-Identifier: MIT
// One process has one error category, one log and one SocketError, in however many of its shared libraries sockboot is
// included: this program links the first of them, and loads the second from the path in its argument.
#include <dlfcn.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

#include "shared_object.hpp"

namespace {

bool good = true;

void check(bool condition, const char* library, const char* what) {
    if (!condition) std::printf("%s: %s\n", library, what);
    good = good && condition;
}

std::string logged;

void remember(sockboot::LogLevel, std::string_view line) { logged += line; }

/// As a program loads its plugins: their names are for nobody else.
const SharedObject* load(const char* path) {
    void* const library = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void* const function = library ? ::dlsym(library, "loaded_object") : nullptr;
    if (function) return reinterpret_cast<decltype(&loaded_object)>(function)();
    std::puts(::dlerror());
    return nullptr;
}

void check_objects(const char* name, const SharedObject& object) {
    const Seen here{&sockboot::error_category(), &sockboot::detail::log_sink, &sockboot::detail::log_level};
    const Seen there = object.seen();
    check(there.category == here.category, name, "another error category");
    check(there.log_sink == here.log_sink, name, "another log sink");
    check(there.log_level == here.log_level, name, "another log level");
    // Where a catch compares addresses, as on macOS, this one decides whether SocketError is caught.
    check(object.exception_type() == &typeid(sockboot::SocketError), name, "another type_info of SocketError");
}

void check_codes(const char* name, const SharedObject& object, const SharedObject& other) {
    check(object.code() == sockboot::Errc::truncated, name, "its code is none of the program's");
    check(object.knows(sockboot::Errc::truncated), name, "the program's code is none of its own");
    check(object.knows(other.code()), name, "the other library's code is none of its own");
}

void check_exception(const char* name, const SharedObject& object) {
    try {
        object.fail();
        check(false, name, "it threw nothing");
    } catch (const sockboot::SocketError& error) {
        check(error.code() == sockboot::Errc::closed, name, "SocketError has another code");
        const sockboot::Error& inner = error.error();
        check(inner.code() == sockboot::Errc::closed, name, "the Error in SocketError has another code");
        check(inner.context() == "closed" && inner.message() == error.what(), name, "the Error reads otherwise here");
    } catch (...) {
        check(false, name, "its SocketError is another type");
    }
}

void check_sink(const char* name, const SharedObject& object) {
    logged.clear();
    object.listen(name);
    const std::string begin = std::string("[").append(name).append("] listening on 127.0.0.1:");
    check(logged.starts_with(begin), name, "its line did not come to the sink");
}

/// A level set in one place is what each other place finds.
void check_level(const SharedObject& linked, const SharedObject& loaded) {
    using sockboot::LogLevel;
    const auto is = [](int found, LogLevel level) { return found == static_cast<int>(level); };
    sockboot::set_log_level(LogLevel::warning);
    check(is(linked.exchange_level(LogLevel::error), LogLevel::warning), "linked", "it missed the program's level");
    check(is(loaded.exchange_level(LogLevel::debug), LogLevel::error), "loaded", "it missed the linked one's level");
    check(sockboot::set_log_level(LogLevel::info) == LogLevel::debug, "program", "it missed the loaded one's level");
}

}  // namespace

int main(int count, char** arguments) {
    const SharedObject* const linked = linked_object();
    const SharedObject* const loaded = count == 2 ? load(arguments[1]) : nullptr;
    if (!loaded) return 2;

    sockboot::set_log_sink(&remember);
    check_codes("linked", *linked, *loaded);
    check_codes("loaded", *loaded, *linked);
    for (const auto& [name, object] : {std::pair("linked", linked), std::pair("loaded", loaded)}) {
        check_objects(name, *object);
        check_exception(name, *object);
        check_sink(name, *object);
    }
    check_level(*linked, *loaded);
    return good ? 0 : 1;
}
