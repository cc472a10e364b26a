// SPDX-License-Identifier: MIT
#include "slow_link.hpp"

#ifndef SOCKBOOT_TEST_HAS_NETFILTER_QUEUE

bool world::SlowLink::is_installed() { return false; }

std::unique_ptr<world::SlowLink> world::SlowLink::open(const std::string&, const Weather&) { return nullptr; }

#else

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <thread>

extern "C" {
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>  // NF_ACCEPT, NF_DROP
}

namespace {

using Clock = std::chrono::steady_clock;

class Queue final : public world::SlowLink {
public:
    Queue(std::string address, const world::Weather& weather) : address_(std::move(address)), weather_(weather) {}

    bool start() {
        library_.reset(nfq_open());
        if (library_) queue_.reset(nfq_create_queue(library_.get(), 0, &Queue::arrived, this));
        if (!queue_ || nfq_set_mode(queue_.get(), NFQNL_COPY_META, 0) < 0) return false;
        if (!rule("-A INPUT -d ") || !rule("-A INPUT -s ")) return false;
        thread_ = std::thread([this] { work(); });
        return true;
    }

    ~Queue() override {
        if (!thread_.joinable()) return;
        static_cast<void>(rule("-D INPUT -d ") && rule("-D INPUT -s "));  // best effort: the namespace ends soon
        stop_ = true;
        thread_.join();
    }

    [[nodiscard]] Counts counts() const override {
        const std::lock_guard lock(mutex_);
        return counts_;
    }

private:
    bool rule(const char* which) const {
        const std::string command = std::string("iptables-nft ") + which + address_ + " -p tcp -j NFQUEUE 2>/dev/null";
        return std::system(command.c_str()) == 0;
    }

    static int arrived(nfq_q_handle*, nfgenmsg*, nfq_data* packet, void* raw) {
        auto* self = static_cast<Queue*>(raw);
        // Closing the queue brings the packets that nobody has read yet; they end with it.
        if (!self->stop_) self->take_in(ntohl(nfq_get_msg_packet_hdr(packet)->packet_id));
        return 0;
    }

    void take_in(std::uint32_t packet) {
        std::uniform_real_distribution<double> part(0, 1);
        if (part(random_) < weather_.loss) {
            nfq_set_verdict(queue_.get(), packet, NF_DROP, 0, nullptr);
            const std::lock_guard lock(mutex_);
            ++counts_.lost;
            return;
        }
        const auto jitter = std::chrono::duration_cast<Clock::duration>(weather_.jitter * part(random_));
        held_.emplace(Clock::now() + weather_.delay + jitter, packet);
    }

    void let_through_what_is_due() {
        while (!held_.empty() && held_.begin()->first <= Clock::now()) {
            const std::uint32_t packet = held_.begin()->second;
            held_.erase(held_.begin());
            nfq_set_verdict(queue_.get(), packet, NF_ACCEPT, 0, nullptr);
            const std::lock_guard lock(mutex_);
            ++counts_.passed;
            if (packet < newest_) ++counts_.overtaken;
            newest_ = std::max(newest_, packet);
        }
    }

    void work() {
        alignas(nlmsghdr) std::array<char, 65536> buffer;
        const int handle = nfq_fd(library_.get());
        pollfd readable{handle, POLLIN, 0};
        while (!stop_) {
            if (::poll(&readable, 1, held_.empty() ? 20 : 1) == 1) {
                const auto size = ::recv(handle, buffer.data(), buffer.size(), MSG_DONTWAIT);
                if (size > 0) nfq_handle_packet(library_.get(), buffer.data(), static_cast<int>(size));
            }
            let_through_what_is_due();
        }
    }

    struct Close {
        void operator()(nfq_handle* handle) const { nfq_close(handle); }
        void operator()(nfq_q_handle* handle) const { nfq_destroy_queue(handle); }
    };

    std::string address_;
    world::Weather weather_;
    std::multimap<Clock::time_point, std::uint32_t> held_;
    std::mt19937 random_{8305};
    std::uint32_t newest_ = 0;
    mutable std::mutex mutex_;
    Counts counts_;
    std::atomic<bool> stop_{false};
    std::unique_ptr<nfq_handle, Close> library_;
    std::unique_ptr<nfq_q_handle, Close> queue_;
    std::thread thread_;
};

}  // namespace

bool world::SlowLink::is_installed() { return std::system("command -v iptables-nft >/dev/null") == 0; }

std::unique_ptr<world::SlowLink> world::SlowLink::open(const std::string& address, const Weather& weather) {
    auto queue = std::make_unique<Queue>(address, weather);
    if (!queue->start()) return nullptr;
    return queue;
}

#endif
