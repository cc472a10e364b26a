// SPDX-License-Identifier: MIT
#include <sockboot/detail/shared.hpp>

#include <atomic>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "catch.hpp"

using sockboot::detail::Counted;
using sockboot::detail::Shared;

namespace {

struct Base : Counted {
    virtual ~Base() = default;
    [[nodiscard]] virtual int number() const { return 1; }
};

/// Counts its deaths where its maker can see them.
struct Mortal final : Base {
    explicit Mortal(std::atomic<int>& count) : deaths(count) {}
    ~Mortal() override { ++deaths; }
    [[nodiscard]] int number() const override { return 2; }
    std::atomic<int>& deaths;
};

}  // namespace

TEST_CASE("shared: one pointer wide, and copying or moving it never throws", "[shared]") {
    STATIC_REQUIRE(sizeof(Shared<Mortal>) == sizeof(void*));
    STATIC_REQUIRE(std::is_nothrow_copy_constructible_v<Shared<Mortal>>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<Shared<Mortal>>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<Mortal*, Shared<Mortal>>);
}

TEST_CASE("shared: a default-made one owns nothing", "[shared]") {
    const Shared<Mortal> none;
    const Shared<Mortal> copy = none;  // NOLINT: the copy is what is tested
    CHECK_FALSE(none);
    CHECK_FALSE(copy);
    CHECK(none.get() == nullptr);
}

TEST_CASE("shared: the last owner deletes the object, no earlier one does", "[shared]") {
    std::atomic<int> deaths = 0;
    {
        Shared<Mortal> first(new Mortal(deaths));
        {
            const Shared<Mortal> second = first;
            CHECK(second.get() == first.get());
            first = Shared<Mortal>();
            CHECK_FALSE(first);
            CHECK(deaths == 0);
            CHECK(second->number() == 2);
        }
        CHECK(deaths == 1);
    }
    CHECK(deaths == 1);
}

TEST_CASE("shared: a moved-from one owns nothing", "[shared]") {
    std::atomic<int> deaths = 0;
    Shared<Mortal> first(new Mortal(deaths));
    {
        const Shared<Mortal> second = std::move(first);
        CHECK_FALSE(first);  // NOLINT: what is left behind is what is tested
        CHECK((*second).number() == 2);
    }
    CHECK(deaths == 1);
}

TEST_CASE("shared: assigning one to itself keeps the object", "[shared]") {
    std::atomic<int> deaths = 0;
    Shared<Mortal> only(new Mortal(deaths));
    const Shared<Mortal>& alias = only;
    only = alias;
    CHECK(deaths == 0);
    CHECK(only->number() == 2);
}

TEST_CASE("shared: assignment gives up what was held", "[shared]") {
    std::atomic<int> old_deaths = 0;
    std::atomic<int> new_deaths = 0;
    Shared<Mortal> held(new Mortal(old_deaths));
    held = Shared<Mortal>(new Mortal(new_deaths));
    CHECK(old_deaths == 1);
    CHECK(new_deaths == 0);
}

TEST_CASE("shared: a derived one is shared as its constant base", "[shared]") {
    std::atomic<int> deaths = 0;
    {
        Shared<const Base> base;
        {
            const Shared<Mortal> derived(new Mortal(deaths));
            base = derived;
        }
        CHECK(deaths == 0);
        CHECK(base->number() == 2);
    }
    CHECK(deaths == 1);
}

TEST_CASE("shared: distinct copies may be copied and destroyed in distinct threads", "[shared]") {
    std::atomic<int> deaths = 0;
    {
        const Shared<Mortal> origin(new Mortal(deaths));
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([mine = origin] {
                for (int round = 0; round < 10'000; ++round) const Shared<const Base> copy = mine;
            });
        for (std::thread& thread : threads) thread.join();
        CHECK(deaths == 0);
    }
    CHECK(deaths == 1);
}
