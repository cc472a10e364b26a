#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""planted.py

Tests mutate.py: changes a small header of its own, and fails unless each change comes to what it must come to.
"""
from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import mutate

# A comment, a literal, a template head and a static_assert are not to be changed.
HEADER = """#pragma once
template <int Least = 3> constexpr bool is_less(int a, int b) noexcept {  // 1 < 2
    static_assert(Least > 2, "a < b");
    return a < b;
}
inline int sum_to(int last) noexcept {
    int sum = 0;
    for (int i = 1; i <= last; ++i) sum += i;
    return sum;
}
inline int never_asked_for() noexcept { return 7; }
"""
TEST = """#include <sockboot/planted.hpp>
#include "catch.hpp"
TEST_CASE("planted") {
    CHECK(is_less(1, 2));
    CHECK(sum_to(4) == 10);
}
"""
# The line, the change, and what is to become of it; a change that nothing comes of is explained.
WANTED = [(4, "< -> >=", "killed"), (4, "return of the other bool", "killed"), (8, "left out: sum += i", "killed"),
          (8, "++ -> --", "killed"), (8, "1 -> 0", "equivalent"), (11, "7 -> 8", "survived")]
EXPLAINED = """# Zero adds nothing.

planted.hpp: 1 -> 0
    for (int i = 1; i <= last; ++i) sum += i;
    Zero adds nothing.
"""


def written(folder: Path) -> Path:
    """A tree with one header and one test; its catch.hpp and main.cpp are those of this one."""
    own_tests = Path(mutate.__file__).resolve().parents[1]
    files = {"include/sockboot/planted.hpp": HEADER, "tests/planted_test.cpp": TEST,
             "tests/mutation/equivalent.txt": EXPLAINED,
             **{f"tests/{name}": (own_tests / name).read_text() for name in ("catch.hpp", "main.cpp")}}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def main() -> int:
    mutate.TESTS = {"planted.hpp": ["planted_test.cpp"]}
    mutate.LEAST_SECONDS = 5
    failures = []
    with tempfile.TemporaryDirectory(prefix="planted_") as temporary:
        tree = written(Path(temporary) / "tree")
        bench = mutate.Bench(tree, Path(temporary))
        found = {(mutant.line, mutant.change.name): mutant
                 for site in mutate.sites_of(tree, "planted.hpp") for mutant in site}
        if kept := [mutant for mutant in found.values() if mutant.line < 4]:
            failures.append(f"would be changed: {kept[0]}")
        bench.compile_once()
        mutate.check_unchanged(bench, mutate.TESTS["planted.hpp"])
        chosen = [found[line, change] for line, change, _ in WANTED]
        known = mutate.explained(tree / "tests/mutation/equivalent.txt")
        for mutant, verdict, wanted in zip(chosen, mutate.judged(bench, chosen, known, 2), WANTED):
            if verdict.name != wanted[2]:
                failures.append(f"{verdict.name}, not {wanted[2]}: {mutant}")
        if (tree / "include/sockboot/planted.hpp").read_text() != HEADER:
            failures.append("the tree itself was changed")
    print("\n".join(failures) or "all of them came to what they must come to")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
