// SPDX-License-Identifier: MIT
#include <sockboot/send_file.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <future>
#include <string>
#include <utility>

#include "catch.hpp"
#include "loopback.hpp"

using namespace sockboot;
using namespace std::chrono_literals;
using loopback::connected_pair;
using loopback::error_of;
using loopback::pattern;

namespace {

/// A file with these bytes, as long as it lives.
class File {
public:
    explicit File(const std::string& bytes) {
        const int handle = ::mkstemp(path_.data());
        REQUIRE(handle >= 0);
        ::close(handle);
        std::ofstream(path_, std::ios::binary) << bytes;
    }
    ~File() { ::unlink(path_.c_str()); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_ = "send_file_test.XXXXXX";
};

}  // namespace

TEST_CASE("send_file: a file of any size, whole", "[send_file]") {
    const std::string bytes = pattern(GENERATE(0U, 1U, 4096U, 65'537U, 5'000'000U));
    const File file(bytes);
    auto [writer, reader] = connected_pair();
    writer.set_timeout(GENERATE(Timeout(), Timeout(30s)));
    auto sent = std::async(std::launch::async, [&to = writer, &file] { return send_file(to, file.path()); });
    const std::string got = recv_exact(reader, bytes.size());
    CHECK((got == bytes));
    CHECK(sent.get() == bytes.size());
}

TEST_CASE("send_file: a part of an open file, whose position stays", "[send_file]") {
    const File file(pattern(100'000));
    const int handle = ::open(file.path().c_str(), O_RDONLY | O_CLOEXEC);
    auto [writer, reader] = connected_pair();
    CHECK(send_file(writer, handle, 10, 1000) == 1000);
    CHECK(recv_exact(reader, 1000) == pattern(100'000).substr(10, 1000));
    CHECK(send_file(writer, handle, 99'999) == 1);
    CHECK(send_file(writer, handle, 100'000) == 0);
    CHECK(send_file(writer, handle, 200'000) == 0);
    CHECK(send_file(writer, handle, 0, 0) == 0);
    CHECK(recv_exact(reader, 1) == pattern(100'000).substr(99'999));
    CHECK(::lseek(handle, 0, SEEK_CUR) == 0);
    ::close(handle);
}

TEST_CASE("send_file: a file that ends early is truncated, with how far it came", "[send_file]") {
    const File file("short");
    auto [writer, reader] = connected_pair();
    const auto error = error_of(try_send_file(writer, file.path(), 0, 10));
    CHECK(error.code() == Errc::truncated);
    CHECK(error.transferred() == 5);
    CHECK(error.wanted() == 10);
    CHECK_THAT(error.message(), StartsWith("[pair] send to 127.0.0.1:") && ContainsSubstring("the file ended"));
}

TEST_CASE("send_file: a file that is not there, and what is none, is named", "[send_file]") {
    auto [writer, reader] = connected_pair();
    const int before = loopback::open_descriptors();
    const auto missing = error_of(try_send_file(writer, "no/such/file"));
    CHECK(missing.code() == std::errc::no_such_file_or_directory);
    CHECK_THAT(missing.message(), ContainsSubstring("the file \"no/such/file\""));
    CHECK_FALSE(try_send_file(writer, "."));
    CHECK(error_of(try_send_file(writer, -1)).code() == std::errc::bad_file_descriptor);
    CHECK(loopback::open_descriptors() == before);
    writer.close();
    const File file("bytes");
    CHECK(error_of(try_send_file(writer, file.path())).code() == Errc::closed);
}

TEST_CASE("send_file: the socket's timeout ends it, and a Canceller does", "[send_file]") {
    const File file(pattern(20'000'000));
    auto [writer, reader] = connected_pair();
    SECTION("a timeout") {
        writer.set_timeout(GENERATE(Timeout(50ms), Timeout(0s)));
        const auto error = error_of(try_send_file(writer, file.path()));
        CHECK((error.code() == Errc::deadline_exceeded || error.would_block()));
        CHECK(error.transferred() > 0);
        CHECK(error.wanted() == 20'000'000);
        CHECK_FALSE(error.transient());
    }
    SECTION("a canceller") {
        Canceller canceller;
        writer.set_canceller(canceller);
        auto ended =
            std::async(std::launch::async, [&to = writer, &file] { return error_of(try_send_file(to, file.path())); });
        CHECK(recv_exact(reader, 1000).size() == 1000);
        canceller.cancel();
        CHECK(ended.get().code() == Errc::cancelled);
    }
    CHECK((::fcntl(writer.native_handle(), F_GETFL) & O_NONBLOCK) == 0);  // as it was
}

TEST_CASE("send_file: a peer that has gone is an error and no signal", "[send_file]") {
    const File file(pattern(1'000'000));
    auto [writer, reader] = connected_pair();
    reader.abort();
    for (int i = 0; i < 3; ++i) {
        const auto error = error_of(try_send_file(writer, file.path()));
        CHECK((error.code() == std::errc::connection_reset || error.code() == std::errc::broken_pipe));
    }
    CHECK_FALSE(writer.try_send_some("x"));
}

TEST_CASE("send_file: meanwhile another thread receives as before, also from a socket that is non-blocking",
          "[send_file]") {
    const File file(pattern(3'000'000));
    auto [socket, peer] = connected_pair();
    const bool non_blocking = GENERATE(false, true);
    socket.set_non_blocking(non_blocking);
    auto received = std::async(std::launch::async, [&from = socket] { return recv_exact(from, 2); });
    auto sent = std::async(std::launch::async, [&to = socket, &file] { return send_file(to, file.path()); });
    CHECK(recv_exact(peer, 1'000'000).size() == 1'000'000);
    send_all(peer, "ok");
    CHECK(received.get() == "ok");
    CHECK(recv_exact(peer, 2'000'000).size() == 2'000'000);
    CHECK(sent.get() == 3'000'000);
    CHECK(((::fcntl(socket.native_handle(), F_GETFL) & O_NONBLOCK) != 0) == non_blocking);
}
