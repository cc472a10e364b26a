// SPDX-License-Identifier: MIT
// The thread that calls cancel() on others.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include <sockboot/canceller.hpp>

namespace soak {

/// Threads: any.
class Striker {
public:
    Striker() = default;
    ~Striker() {
        {
            const std::lock_guard lock(mutex_);
            is_ending_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }
    Striker(const Striker&) = delete;
    Striker& operator=(const Striker&) = delete;

    /// Cancels after that time, and then lets the future be ready.
    [[nodiscard]] std::future<void> strike(sockboot::Canceller canceller, std::chrono::microseconds delay) {
        Job job{std::move(canceller), std::chrono::steady_clock::now() + delay, {}};
        auto done = job.done.get_future();
        {
            const std::lock_guard lock(mutex_);
            jobs_.push_back(std::move(job));
        }
        wake_.notify_one();
        return done;
    }

private:
    struct Job {
        sockboot::Canceller canceller;
        std::chrono::steady_clock::time_point when;
        std::promise<void> done;
    };

    void run() {
        for (std::unique_lock lock(mutex_);; lock.lock()) {
            wake_.wait(lock, [&] { return is_ending_ || !jobs_.empty(); });
            if (jobs_.empty()) return;
            Job job = std::move(jobs_.front());
            jobs_.pop_front();
            lock.unlock();
            std::this_thread::sleep_until(job.when);
            job.canceller.cancel();
            job.done.set_value();
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job> jobs_;
    bool is_ending_ = false;
    std::thread thread_{[this] { run(); }};
};

}  // namespace soak
