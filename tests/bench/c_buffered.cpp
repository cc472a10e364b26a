// SPDX-License-Identifier: MIT
// C by hand, as good as it gets: many messages for one system call, and none copied that is large.
#include <string_view>

#include "c_socket.hpp"

namespace bench {
namespace {

// Sizes as measured over the loopback on a shared machine of two cores, each run on a connection of its own. 96 KiB are
// sent at a time: with 256 KiB the receiver falls asleep more often, and waking it costs the sender half of its time;
// with less than 64 KiB there are more system calls. Large is what is sent without a copy: from 4 KiB on is too early
// (messages of 8 KiB take over twice the time); 16 and 64 KiB are close.
constexpr std::size_t receive_room = std::size_t{256} << 10;
constexpr std::size_t send_room = std::size_t{96} << 10;
constexpr std::size_t large_size = std::size_t{16} << 10;
// After a large message comes another, mostly: only its beginning is received, and then the rest, however long, by one
// call to its place behind that, so that nothing of it is ever moved. (512 bytes to 16 KiB made no difference at 32 KiB.)
constexpr std::size_t first_look = 4096;

/// The messages that wait to be sent, each with its length before it.
class SendBuffer {
public:
    SendBuffer() { buffer_.grow(send_room); }

    /// Copies a small message; sends a large one as it lies, behind all that waits.
    void queue(int handle, std::string_view message) {
        if (message.size() > limit) fail("C: too large a message");
        std::uint32_t length = htonl(static_cast<std::uint32_t>(message.size()));
        if (message.size() >= large_size) {
            iovec pieces[3] = {
                {buffer_.bytes, used_}, {&length, sizeof length}, {const_cast<char*>(message.data()), message.size()}};
            return send(handle, pieces, 3);
        }
        if (message.size() + sizeof length > send_room - used_) flush(handle);
        std::memcpy(buffer_.bytes + used_, &length, sizeof length);
        std::memcpy(buffer_.bytes + used_ + sizeof length, message.data(), message.size());
        used_ += sizeof length + message.size();
    }

    void flush(int handle) {
        if (used_ == 0) return;
        iovec piece = {buffer_.bytes, used_};
        send(handle, &piece, 1);
    }

private:
    void send(int handle, iovec* pieces, std::size_t count) {
        if (send_pieces(handle, pieces, count) != 0) fail("C: cannot send");
        used_ = 0;
    }

    Buffer buffer_;
    std::size_t used_ = 0;
};

/// The bytes that have come, whole messages and the beginning of one.
class ReceiveBuffer {
public:
    ReceiveBuffer() { buffer_.grow(receive_room); }

    /// The next message, which lies in the buffer until the next call.
    std::string_view next(int handle) {
        Guard guard;
        while (end_ - begin_ < sizeof(std::uint32_t)) more(handle, sizeof(std::uint32_t), guard);
        std::uint32_t length = 0;
        std::memcpy(&length, buffer_.bytes + begin_, sizeof length);
        length = ntohl(length);
        if (length > limit) fail("C: too large a message");
        while (end_ - begin_ < sizeof length + length) more(handle, sizeof length + length, guard);
        const std::string_view message(buffer_.bytes + begin_ + sizeof length, length);
        begin_ += sizeof length + length;
        return message;
    }

private:
    /// Receives once. Of a large message whose length is known, exactly what is missing.
    void more(int handle, std::size_t need, Guard& guard) {
        if (begin_ == end_) begin_ = end_ = 0;
        if (need > buffer_.room - begin_) to_front(need);
        const bool large = need >= large_size;
        const std::size_t size = large ? need - (end_ - begin_) : after_large_ ? first_look : buffer_.room - end_;
        after_large_ = large;
        ssize_t got = -1;
        do got = ::recv(handle, buffer_.bytes + end_, size, large && guard.may_fill ? MSG_WAITALL : guard.wait_flag);
        while (got < 0 && guard.again(handle, POLLIN));
        if (got <= 0) fail("C: cannot receive");
        end_ += static_cast<std::size_t>(got);
    }

    void to_front(std::size_t need) {
        std::memmove(buffer_.bytes, buffer_.bytes + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
        buffer_.grow(need);
    }

    Buffer buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    bool after_large_ = false;
};

class CBuffered final : public CSocket {
public:
    void answer(Sink& sink, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) send(take(sink));
    }
    void request(Source& source, Sink& sink, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) {
            send(source.next());
            take(sink);
        }
    }
    void receive_stream(Sink& sink, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) take(sink);
        send("");
    }
    void send_stream(Source& source, std::size_t count) override {
        for (std::size_t i = 0; i < count; ++i) out_.queue(handle(), source.next());
        out_.flush(handle());
        if (!in_.next(handle()).empty()) fail("C: no end of the stream");
    }

private:
    void send(std::string_view message) {
        out_.queue(handle(), message);
        out_.flush(handle());
    }
    std::string_view take(Sink& sink) {
        const std::string_view message = in_.next(handle());
        sink.take(message.data(), message.size());
        return message;
    }

    SendBuffer out_;
    ReceiveBuffer in_;
};

}  // namespace

std::unique_ptr<Contender> make_contender() { return std::make_unique<CBuffered>(); }

}  // namespace bench
