// SPDX-License-Identifier: MIT
// libuv: one loop, callbacks; uv_try_write first, uv_write for what is left, and no further write until that is done.
// With BENCH_COALESCED the messages of a stream leave together.
#include <csignal>
#include <functional>

#include "flat_buffers.hpp"
#include "libuv_common.hpp"

namespace bench {
namespace {

class Libuv final : public Contender {
public:
    Libuv() {
        std::signal(SIGPIPE, SIG_IGN);  // libuv leaves it to the program
        check(uv_loop_init(&loop_), "loop");
        listener_.data = connection_.data = short_lived_.data = this;
        address_request_.data = connect_request_.data = write_request_.data = this;
    }
    ~Libuv() override { close_all(loop_); }

    std::uint16_t listen() override { return listen_on_loopback(loop_, listener_, on_connection); }
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
            [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
                const FlatInput::Room room = self_of(handle).input_.room();
                *buffer = uv_buf_init(room.bytes, static_cast<unsigned>(room.size));
            },
            [](uv_stream_t* handle, ssize_t got, const uv_buf_t*) { self_of(handle).came(got); });
        if (status != UV_EALREADY) check(status, "read");
    }
    void came(ssize_t got) {
        if (got < 0) check(static_cast<int>(got), "read");
        input_.came(static_cast<std::size_t>(got));
        deliver();
        if (writing_) uv_read_stop(stream(&connection_));
    }
    /// Messages wait while one is being written: it may lie in the same buffer.
    void deliver() {
        while (!writing_ && input_.missing() == 0) on_message_(*this, input_.next());
    }

    static uv_buf_t piece(std::string_view bytes) {
        return uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
    }
    /// The message must stay where it is while writing_ says so.
    void write(std::string_view message) {
        length_ = length_of(message);
        uv_buf_t pieces[2] = {uv_buf_init(reinterpret_cast<char*>(&length_), sizeof length_), piece(message)};
        write(pieces, 2, sizeof length_ + message.size());
    }
    void write(uv_buf_t* pieces, unsigned count, std::size_t size) {
        const int sent = uv_try_write(stream(&connection_), pieces, count);
        if (sent != UV_EAGAIN) check(sent, "write");
        const std::size_t gone = sent < 0 ? 0 : static_cast<std::size_t>(sent);
        if (gone < size) [[unlikely]]
            write_rest(pieces, count, gone);
    }
    void write_rest(uv_buf_t* pieces, unsigned count, std::size_t gone) {
        for (; gone >= pieces->len; ++pieces, --count) gone -= pieces->len;
        pieces->base += gone;
        pieces->len -= gone;
        writing_ = true;
        check(uv_write(&write_request_, stream(&connection_), pieces, count, on_written), "write");
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
#ifdef BENCH_COALESCED
    /// What is written stays where it is until that is done: nothing is put beside it before.
    void write_stream() {
        while (!writing_ && to_send_ > 0) {
            output_.clear();
            std::string_view message;
            bool all_fit = true;
            for (; all_fit && to_send_ > 0; --to_send_) all_fit = output_.put(message = source_->next());
            length_ = length_of(message);
            const std::string_view last = all_fit ? std::string_view() : message;
            uv_buf_t pieces[3] = {piece(output_.bytes()),
                                  uv_buf_init(reinterpret_cast<char*>(&length_), sizeof length_), piece(last)};
            const std::size_t behind = all_fit ? 0 : sizeof length_ + last.size();
            write(pieces, all_fit ? 1 : 3, output_.bytes().size() + behind);
        }
    }
#else
    void write_stream() {
        for (; to_send_ > 0 && !writing_; --to_send_) write(source_->next());
    }
#endif

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
    FlatInput input_;
#ifdef BENCH_COALESCED
    FlatOutput output_;
#endif
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
