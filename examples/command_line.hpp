// SPDX-License-Identifier: MIT
// What the examples share: reading a command line, ending on Ctrl-C, and one sentence for every failure.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sockboot/canceller.hpp>

namespace examples {

/// A whole text as a number from `lowest` on. Throws std::invalid_argument with `otherwise` behind the text.
template <class Number> Number parse_number(std::string_view text, Number lowest, const char* otherwise) {
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number < lowest)
        throw std::invalid_argument("\"" + std::string(text) + "\" is no " + otherwise);
    return number;
}

/// "7777" as a port.
inline std::uint16_t parse_port(std::string_view text) {
    return parse_number<std::uint16_t>(text, 0, "port: a port is a number from 0 to 65535");
}

/// "256" as a number of something.
inline std::size_t parse_count(std::string_view text) {
    return parse_number<std::size_t>(text, 1, "number of 1 or more");
}

/// The arguments where there are exactly N: const auto [host, port] = exactly<2>(arguments).
template <std::size_t N> std::array<std::string, N> exactly(const std::vector<std::string>& arguments) {
    if (arguments.size() != N) throw std::invalid_argument(std::to_string(N) + " arguments are needed: see --help");
    std::array<std::string, N> all;
    std::copy(arguments.begin(), arguments.end(), all.begin());
    return all;
}

/// All bytes of a file.
inline std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot open \"" + path + "\"");
    return std::string(std::istreambuf_iterator<char>(file), {});
}

/// A Canceller that Ctrl-C and SIGTERM strike.
inline sockboot::Canceller stop_on_ctrl_c() {
    // Never destroyed: a signal may come until the very end, when static objects are gone.
    static sockboot::Canceller& stop = *new sockboot::Canceller;
    const auto handler = [](int) { stop.cancel(); };
    std::signal(SIGINT, handler);
    std::signal(SIGTERM, handler);
    return stop;
}

/// To be called once more at the end: what is lost at exit is told to nobody.
inline void flush_output() {
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
        throw std::runtime_error("cannot write to standard output");
}

/// Runs `work(arguments)`; prints `usage` on --help, and one sentence on any failure. Returns the exit status.
template <class Work> int run(int argc, char** argv, const char* usage, Work work) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    try {
        for (const std::string& argument : arguments)
            if (argument == "--help" || argument == "-h") {
                std::fputs(usage, stdout);
                flush_output();
                return 0;
            }
        work(arguments);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}

}  // namespace examples
