// SPDX-License-Identifier: MIT
// bench_echo_load PORT CONNECTIONS SECONDS: round trips of messages of 64 bytes over so many connections to an echo
// server of this machine, all of them under way at a time; prints how many a second.
#include <array>

#include "connections.hpp"

namespace {

using namespace bench;
using clock_type = std::chrono::steady_clock;

/// One message to each, and then each one's answer.
void exchange(const std::vector<int>& handles, std::array<char, frame_size>& frame) {
    constexpr auto whole = static_cast<ssize_t>(frame_size);
    for (const int handle : handles)
        if (::send(handle, frame.data(), frame_size, MSG_NOSIGNAL) != whole) fail("echo_load: cannot send");
    for (const int handle : handles)
        if (::recv(handle, frame.data(), frame_size, MSG_WAITALL) != whole) fail("echo_load: no answer");
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 4) fail("usage: bench_echo_load PORT CONNECTIONS SECONDS");
    allow_many_descriptors();
    std::vector<int> handles(std::strtoul(arguments[2], nullptr, 10));
    for (int& handle : handles)
        handle = connected_to(static_cast<std::uint16_t>(std::strtoul(arguments[1], nullptr, 10)));
    std::array<char, frame_size> frame{0, 0, 0, 64};
    exchange(handles, frame);  // by now each has its thread
    const std::chrono::duration<double> time(std::strtod(arguments[3], nullptr));
    const auto begin = clock_type::now();
    std::size_t done = 0;
    std::chrono::duration<double> spent{};
    for (; spent < time; spent = clock_type::now() - begin) exchange(handles, frame), done += handles.size();
    std::printf("%.0f\n", static_cast<double>(done) / spent.count());
}
