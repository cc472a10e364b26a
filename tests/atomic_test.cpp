// SPDX-License-Identifier: MIT
#include <sockboot/detail/atomic.hpp>

#include <thread>
#include <vector>

#include "catch.hpp"

using sockboot::detail::Atomic;

TEST_CASE("Atomic: loads what was stored, and gives back what was there before", "[atomic]") {
    enum class Colour { red, green };
    Atomic<Colour> colour{Colour::red};
    CHECK(colour.exchange(Colour::green) == Colour::red);
    CHECK(colour.load() == Colour::green);
    colour.store(Colour::red);
    CHECK(colour.load() == Colour::red);

    Atomic<unsigned> number{7};
    CHECK(number.fetch_add(3) == 7);
    CHECK(number.fetch_sub(1) == 10);
    CHECK(number.load() == 9);
}

TEST_CASE("Atomic: a flag is kept in an int, since not every machine has a lock-free byte", "[atomic]") {
    STATIC_REQUIRE(Atomic<bool>::is_always_lock_free);
    STATIC_REQUIRE(sizeof(Atomic<bool>) == sizeof(int));
    Atomic<bool> flag{false};
    CHECK_FALSE(flag.exchange(true));
    CHECK(flag.load());
    bool expected = false;
    CHECK_FALSE(flag.compare_exchange_strong(expected, true));
    CHECK(expected);
    CHECK(flag.compare_exchange_strong(expected, false));
    CHECK_FALSE(flag.load());

    enum class Sign : signed char { minus = -1, plus = 1 };
    Atomic<Sign> sign{Sign::minus};
    CHECK(sign.exchange(Sign::plus) == Sign::minus);
    CHECK(sign.load() == Sign::plus);
}

TEST_CASE("Atomic: nothing is lost between threads", "[atomic]") {
    Atomic<unsigned> number{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int j = 0; j < 10'000; ++j) number.fetch_add(1);
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(number.load() == 40'000);
}
