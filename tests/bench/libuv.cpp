// SPDX-License-Identifier: MIT
// libuv: one loop, callbacks; uv_try_write first, uv_write for what is left, and no further write until that is done.
#include <arpa/inet.h>
#include <uv.h>

#include <algorithm>
#include <csignal>
#include <functional>

#include "contender.hpp"

namespace bench {
namespace {

void check(int status, const char* what) {
    if (status < 0) [[unlikely]]
        fail(std::string("libuv: ") + what + ": " + uv_strerror(status));
}

/// Where the read callback puts the bytes together again to messages.
class Frames {
public:
    /// Room for a read: behind what has come, and enough for the rest of the message that it begins.
    uv_buf_t room() {
        if (begin_ == end_) begin_ = end_ = 0;
        const std::size_t have = end_ - begin_;
        if (begin_ > 0 && begin_ + need_ > bytes_.size()) {
            std::memmove(bytes_.data(), bytes_.data() + begin_, have);
            begin_ = 0;
            end_ = have;
        }
        if (need_ > bytes_.size()) bytes_.resize(need_);
        return uv_buf_init(bytes_.data() + end_, static_cast<unsigned>(bytes_.size() - end_));
    }
    void filled(std::size_t size) { end_ += size; }

    /// The next whole message, which lies here until the next read: false where more bytes are needed.
    bool next(std::string_view& message) {
        need_ = prefix;
        if (end_ - begin_ < need_) return false;
        std::uint32_t length = 0;
        std::memcpy(&length, bytes_.data() + begin_, prefix);
        length = ntohl(length);
        if (length > largest_message) fail("libuv: too large a message");
        need_ += length;
        if (end_ - begin_ < need_) return false;
        message = {bytes_.data() + begin_ + prefix, length};
        begin_ += need_;
        need_ = prefix;
        return true;
    }

private:
    static constexpr std::size_t prefix = sizeof(std::uint32_t);
    static constexpr std::size_t read_size = std::size_t{128} << 10;

    std::vector<char> bytes_ = std::vector<char>(read_size);
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t need_ = prefix;
};

class Libuv final : public Contender {
public:
    Libuv() {
        std::signal(SIGPIPE, SIG_IGN);  // libuv leaves it to the program
        check(uv_loop_init(&loop_), "loop");
        listener_.data = connection_.data = short_lived_.data = this;
        address_request_.data = connect_request_.data = write_request_.data = this;
    }
    ~Libuv() override {
        const auto close = [](uv_handle_t* handle, void*) { uv_close(handle, nullptr); };
        uv_walk(&loop_, close, nullptr);
        uv_run(&loop_, UV_RUN_DEFAULT);
        uv_loop_close(&loop_);
    }

    std::uint16_t listen() override {
        sockaddr_in address{};
        check(uv_ip4_addr("127.0.0.1", 0, &address), "address");
        check(uv_tcp_init(&loop_, &listener_), "listener");
        check(uv_tcp_bind(&listener_, reinterpret_cast<const sockaddr*>(&address), 0), "bind");
        check(uv_listen(stream(&listener_), SOMAXCONN, on_connection), "listen");
        int size = sizeof address;
        check(uv_tcp_getsockname(&listener_, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
        return ntohs(address.sin_port);
    }
    void accept() override {
        run(1);
        read();
    }
    void connect(std::uint16_t port) override {
        find("127.0.0.1", port);
        run(1);
        read();
    }

    void answer(Sink& sink, std::size_t count) override {
        sink_ = &sink;
        on_message_ = [](Libuv& self, std::string_view message) {
            self.sink_->take(message.data(), message.size());
            self.write(message);
            self.one_done();
        };
        run(count);
    }
    void request(Source& source, Sink& sink, std::size_t count) override {
        source_ = &source;
        sink_ = &sink;
        on_message_ = [](Libuv& self, std::string_view message) {
            self.sink_->take(message.data(), message.size());
            self.one_done();
            if (self.left_ > 0) self.write(self.source_->next());
        };
        write(source.next());
        run(count);
    }
    void receive_stream(Sink& sink, std::size_t count) override {
        sink_ = &sink;
        on_message_ = [](Libuv& self, std::string_view message) {
            self.sink_->take(message.data(), message.size());
            if (self.left_ == 1) self.write("");
            self.one_done();
        };
        run(count);
    }
    void send_stream(Source& source, std::size_t count) override {
        source_ = &source;
        to_send_ = count;
        on_message_ = [](Libuv& self, std::string_view message) {
            if (!message.empty()) fail("libuv: no end of the stream");
            self.one_done();
        };
        write_stream();
        run(1);
    }

    bool accept_connections(std::size_t count) override {
        run(count);
        return true;
    }
    bool make_connections(const std::string& host, std::uint16_t port, std::size_t count) override {
        again_ = [this, &host, port] { find(host, port); };
        again_();
        run(count);
        return true;
    }

private:
    template <class Handle> static uv_stream_t* stream(Handle* handle) {
        return reinterpret_cast<uv_stream_t*>(handle);
    }
    template <class Handle> static Libuv& self_of(const Handle* handle) { return *static_cast<Libuv*>(handle->data); }

    /// Runs the loop until one_done() was called so often, and all is written.
    void run(std::size_t count) {
        left_ = count;
        uv_run(&loop_, UV_RUN_DEFAULT);
    }
    void one_done() {
        --left_;
        stop_if_done();
    }
    void stop_if_done() {
        if (left_ == 0 && !writing_) uv_stop(&loop_);
    }

    void read() {
        const int status = uv_read_start(
            stream(&connection_),
            [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) { *buffer = self_of(handle).frames_.room(); },
            [](uv_stream_t* handle, ssize_t got, const uv_buf_t*) { self_of(handle).came(got); });
        if (status != UV_EALREADY) check(status, "read");
    }
    void came(ssize_t got) {
        if (got < 0) check(static_cast<int>(got), "read");
        frames_.filled(static_cast<std::size_t>(got));
        deliver();
        if (writing_) uv_read_stop(stream(&connection_));
    }
    /// Messages wait while one is being written: it may lie in the same buffer.
    void deliver() {
        for (std::string_view message; !writing_ && frames_.next(message);) on_message_(*this, message);
    }

    /// The message must stay where it is while writing_ says so.
    void write(std::string_view message) {
        if (message.size() > largest_message) fail("libuv: too large a message");
        length_ = htonl(static_cast<std::uint32_t>(message.size()));
        uv_buf_t pieces[2] = {uv_buf_init(reinterpret_cast<char*>(&length_), sizeof length_),
                              uv_buf_init(const_cast<char*>(message.data()), static_cast<unsigned>(message.size()))};
        const int sent = uv_try_write(stream(&connection_), pieces, 2);
        if (sent != UV_EAGAIN) check(sent, "write");
        const std::size_t gone = sent < 0 ? 0 : static_cast<std::size_t>(sent);
        if (gone < sizeof length_ + message.size()) [[unlikely]]
            write_rest(pieces, gone);
    }
    void write_rest(uv_buf_t (&pieces)[2], std::size_t gone) {
        for (uv_buf_t& piece : pieces) {
            const std::size_t part = std::min(gone, piece.len);
            piece.base += part;
            piece.len -= part;
            gone -= part;
        }
        writing_ = true;
        const unsigned whole = pieces[0].len == 0 ? 1 : 0;
        check(uv_write(&write_request_, stream(&connection_), pieces + whole, 2 - whole, on_written), "write");
    }
    static void on_written(uv_write_t* request, int status) {
        check(status, "write");
        self_of(request).written();
    }
    void written() {
        writing_ = false;
        write_stream();
        deliver();
        if (!writing_) read();
        stop_if_done();
    }
    void write_stream() {
        for (; to_send_ > 0 && !writing_; --to_send_) write(source_->next());
    }

    /// The first connection is the one that stays.
    static void on_connection(uv_stream_t* listener, int status) {
        check(status, "listen");
        Libuv& self = self_of(listener);
        if (self.connected_) return self.accept_short_lived();
        self.accept_as(self.connection_);
        self.connected_ = true;
        self.one_done();
    }
    void accept_short_lived() {
        auto* tcp = new uv_tcp_t;
        tcp->data = this;
        accept_as(*tcp);
        uv_close(reinterpret_cast<uv_handle_t*>(tcp), [](uv_handle_t* handle) {
            self_of(handle).one_done();
            delete reinterpret_cast<uv_tcp_t*>(handle);
        });
    }
    void accept_as(uv_tcp_t& tcp) {
        check(uv_tcp_init(&loop_, &tcp), "connection");
        check(uv_accept(stream(&listener_), stream(&tcp)), "accept");
        check(uv_tcp_nodelay(&tcp, 1), "no delay");
    }

    /// Connects to an address as it is, and to a name by its addresses, one after the other.
    void find(const std::string& host, std::uint16_t port) {
        sockaddr_in address{};
        if (uv_ip4_addr(host.c_str(), port, &address) == 0) return attempt(reinterpret_cast<const sockaddr*>(&address));
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        const std::string service = std::to_string(port);
        check(uv_getaddrinfo(&loop_, &address_request_, on_found, host.c_str(), service.c_str(), &hints), "look-up");
    }
    static void on_found(uv_getaddrinfo_t* request, int status, addrinfo* found) {
        check(status, "look-up");
        Libuv& self = self_of(request);
        self.candidate_ = self.found_ = found;
        self.attempt(found->ai_addr);
    }
    void attempt(const sockaddr* address) {
        uv_tcp_t& tcp = connected_ ? short_lived_ : connection_;
        check(uv_tcp_init(&loop_, &tcp), "connection");
        check(uv_tcp_nodelay(&tcp, 1), "no delay");
        const auto on_connect = [](uv_connect_t* request, int status) { self_of(request).after_attempt(status); };
        const int status = uv_tcp_connect(&connect_request_, &tcp, address, on_connect);
        if (status < 0) after_attempt(status);
    }
    void after_attempt(int status) {
        if (status < 0 && candidate_ != nullptr && candidate_->ai_next != nullptr) return next_attempt();
        check(status, "connect");
        uv_freeaddrinfo(found_);
        candidate_ = found_ = nullptr;
        if (connected_) return wait_for_end();
        connected_ = true;
        one_done();
    }
    void next_attempt() {
        candidate_ = candidate_->ai_next;
        uv_tcp_t& tcp = connected_ ? short_lived_ : connection_;
        uv_close(reinterpret_cast<uv_handle_t*>(&tcp), [](uv_handle_t* handle) {
            Libuv& self = self_of(handle);
            self.attempt(self.candidate_->ai_addr);
        });
    }
    void wait_for_end() {
        const auto room = [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
            *buffer = uv_buf_init(&self_of(handle).end_, 1);
        };
        const auto on_read = [](uv_stream_t* handle, ssize_t got, const uv_buf_t*) {
            if (got != UV_EOF) fail("libuv: the stream did not end");
            uv_close(reinterpret_cast<uv_handle_t*>(handle), on_short_lived_closed);
        };
        check(uv_read_start(stream(&short_lived_), room, on_read), "read");
    }
    static void on_short_lived_closed(uv_handle_t* handle) {
        Libuv& self = self_of(handle);
        self.one_done();
        if (self.left_ > 0) self.again_();
    }

    uv_loop_t loop_{};
    uv_tcp_t listener_{};
    uv_tcp_t connection_{};
    uv_tcp_t short_lived_{};
    uv_getaddrinfo_t address_request_{};
    uv_connect_t connect_request_{};
    uv_write_t write_request_{};

    Source* source_ = nullptr;
    Sink* sink_ = nullptr;
    void (*on_message_)(Libuv& self, std::string_view message) = nullptr;
    Frames frames_;
    std::uint32_t length_ = 0;
    std::size_t to_send_ = 0;
    std::size_t left_ = 0;
    bool writing_ = false;

    bool connected_ = false;
    std::function<void()> again_;
    addrinfo* found_ = nullptr;
    const addrinfo* candidate_ = nullptr;
    char end_ = 0;
};

}  // namespace

std::unique_ptr<Contender> make_contender() { return std::make_unique<Libuv>(); }

}  // namespace bench
