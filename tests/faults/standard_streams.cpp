// SPDX-License-Identifier: MIT
// A program that was started without some of its standard streams (2>&-): what it prints must not reach a peer.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>

#include <sockboot/canceller.hpp>
#include <sockboot/message.hpp>

#include "catch.hpp"
#include "child.hpp"
#include "loopback.hpp"

using namespace sockboot;
using faults::Child;

namespace {

bool is_free(int handle) { return ::fcntl(handle, F_GETFD) == -1; }
bool is_kept_on_exec(int handle) { return (::fcntl(handle, F_GETFD) & FD_CLOEXEC) == 0; }

}  // namespace

TEST_CASE("no socket and no pipe is descriptor 0, 1 or 2, also where one of them is closed", "[faults]") {
    const int closed = GENERATE(0, 1, 2, 3);  // 3: all of them
    Child child([=] {
        for (int handle = 0; handle < 3; ++handle)
            if (closed == 3 || handle == closed) ::close(handle);
        const Canceller canceller;
        auto server = create_server("127.0.0.1", 0, "quiet", {.canceller = canceller});
        auto client = connect_to("127.0.0.1", server.local_endpoint().port(), "quiet", {.canceller = Canceller()});
        auto accepted = server.accept();
        for (int handle = 0; handle < 3; ++handle)
            if (is_free(handle) != (closed == 3 || handle == closed)) return false;
        for (const int handle : {server.native_handle(), client.native_handle(), accepted.native_handle()})
            if (handle < 3 || is_kept_on_exec(handle)) return false;
        set_log_level(LogLevel::debug);
        const auto another = connect_to("127.0.0.1", server.local_endpoint().port());
        client.send_some("x");
        return recv_exact(accepted, 1) == "x";  // and none of the log's lines
    });
    CHECK(child.has_passed());
}

TEST_CASE("where descriptor 2 is the only one left, none is to be had, and none is lost", "[faults]") {
    Child child([] {
        int last = 0;
        for (int handle; (handle = ::dup(0)) >= 0;) last = handle;
        const rlimit limit{.rlim_cur = static_cast<rlim_t>(last) + 1, .rlim_max = static_cast<rlim_t>(last) + 1};
        if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
        ::close(2);
        const auto socket = try_create_server("127.0.0.1", 0);
        ::close(1);
        const auto canceller = Canceller::try_create();
        return !socket && socket.error().code() == std::errc::too_many_files_open && !canceller &&
               canceller.error().code() == std::errc::too_many_files_open && is_free(1) && is_free(2);
    });
    CHECK(child.has_passed());
}
