#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The results of bench.py as a text for people.

    python3 report.py results.json
"""
from __future__ import annotations

import json
import math
import sys
from typing import Any, Iterable, Iterator

import plan
from results import Results

LEGEND = """\
What the measures are, and what they prove
  ratio         sockboot's messages a second over the peer's, taken turn by turn (A B A B), both ends pinned to a core
                each: the median of the turns, and the quartiles. Wall-clock time. Where two cores are shared, waking an
                idle one costs more than the work: request/response then measures mostly the kernel, and ratios near 1
                say no more than that. A ratio closer to 1 than the one of sockboot against itself means nothing.
  msg/s         medians, taken at different times: for the eye. Where the machine's load changes, only ratios hold.
  at best       the fastest turn of the one over the fastest of the other. A stream has two gaits: where its receiver is
                the faster end, it falls asleep and is woken again and again, which may cost more than the messages.
                A connection keeps to its gait, so each turn of a stream has another one. The fastest turns are
                those without, and without what else runs on the machine.
  processor ns  what both processes used of their processors for a message, user and system, waiting left out. Steadier
                than the clock, but a kernel that polls before it sleeps blurs it.
  system calls  counted by strace, exact where the exchange is strict; in a stream it depends on who is faster, and the
                least of three counts is kept. The same holds for its instructions.
  instructions  in user space, counted by callgrind: the library's own work, and no kernel's. Repeatable to 0.1 %; to 1 %
                where a library has threads of its own.
  dead first    POCO takes the lowest IPv4 address of a name, and no other: here that one happens to be alive.
  allocations   calls of malloc, calloc and realloc in the timed rounds, on a connection that is warm: operator new ends
                there as well.
  c + s         the client's and the server's. A message of request/response is a request and its answer, a message of
                connect is a connection.
"""


def number(value: float | None) -> str:
    """Three digits that mean something: 0, 0.004, 12.3, 456, 7.89 k, 1.23 M."""
    if value is None:
        return "-"
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit * 0.9995:
            return f"{value / limit:#.3g}".rstrip(".") + " " + unit
    return f"{value:.0f}" if value == round(value) else f"{value:#.3g}".rstrip(".")


def both(values: list[float] | None) -> str:
    return f"{number(values[0])} + {number(values[1])}" if values else "-"


def table(head: list[str], rows: Iterable[list[str]], left: tuple[int, ...] = (0, 1)) -> Iterator[str]:
    """Columns as wide as they need to be; those of `left` to the left, the others to the right."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = (cell.ljust(width) if column in left else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(line, widths)))
        yield ("  " + "  ".join(cells)).rstrip()


def ratio_text(ratio: dict[str, float]) -> list[str]:
    digits = 3 if ratio["median"] < 2 else 2
    return [f"{ratio['median']:.{digits}f}", f"[{ratio['low']:.{digits}f} {ratio['high']:.{digits}f}]"]


def pair_rows(results: Results, workload: str) -> Iterator[list[str]]:
    notes = {plan.ITSELF: "itself", plan.SLOWED: "slowed on purpose"}
    for pair in results["pairs"]:
        if pair["workload"] == workload:
            peer = notes.get(pair["peer"], pair["peer"])
            yield [pair["ours"], peer, number(pair["ours_rate"]), number(pair["peer_rate"]), *ratio_text(pair["ratio"]),
                   f"{pair['ratio_at_best']:.2f}"]


def cost_rows(results: Results, workload: str) -> Iterator[list[str]]:
    """The cheapest first."""
    entries = [entry for entry in results["costs"] if entry["workload"] == workload]
    for entry in sorted(entries, key=lambda one: sum(one["processor_ns"])):
        if entry["contender"] != plan.SLOWED:
            yield [entry["contender"], "", number(entry["rate"]), number(sum(entry["processor_ns"])),
                   both(entry.get("system_calls")), both(entry.get("instructions")), both(entry["allocations"])]


def workload_part(results: Results, workload: str) -> Iterator[str]:
    yield from ("", f"--- {plan.title(workload)}")
    yield from table(["sockboot", "peer", "its msg/s", "peer's", "ratio", "[quartiles]", "at best"],
                     pair_rows(results, workload))
    yield ""
    yield from table(["a message costs", "", "msg/s", "processor ns", "system calls c + s", "instructions c + s",
                      "allocations c + s"], cost_rows(results, workload))


def dead_first_part(results: Results) -> Iterator[str]:
    for workload in dict.fromkeys(entry["workload"] for entry in results["dead_first"]):
        yield from ("", f"--- {plan.title(workload)}")
        entries = [entry for entry in results["dead_first"] if entry["workload"] == workload]
        for entry in sorted(entries, key=lambda one: one["median"] or math.inf):
            found = "not connected after 3 s" if entry["median"] is None else f"{entry['median'] * 1000:.1f} ms"
            yield f"  {entry['contender']:<17} {found}"


def latency_part(results: Results) -> Iterator[str]:
    if results["latency"]:
        shown = ("0.05", "0.5", "0.9", "0.99", "0.999")
        yield from ("", f"--- round trips in microseconds, {plan.title(plan.LATENCY)}")
        rows = ([entry["contender"], "", *(f"{entry['quantiles_ns'][name] / 1000:.1f}" for name in shown)]
                for entry in results["latency"])
        yield from table(["quantile", "", *shown], rows)


def sizes_part(results: Results) -> Iterator[str]:
    if results["sizes"]:
        yield from ("", "--- one-way stream by size: messages a second (processor ns of both ends)")
        names = list(dict.fromkeys(entry["contender"] for entry in results["sizes"]))
        found = {(entry["size"], entry["contender"]): entry for entry in results["sizes"]}
        sizes = dict.fromkeys(size for size, _ in found)
        rows = ([plan.size_text(size), "", *(size_cell(found.get((size, name))) for name in names)] for size in sizes)
        yield from table(["", "", *names], rows)


def size_cell(entry: dict[str, Any] | None) -> str:
    return f"{number(entry['rate'])} ({number(sum(entry['processor_ns']))})" if entry else "-"


def instructions_rows(found: dict[str, Any]) -> list[list[str]]:
    """What instructions.py found: a row for each form and mode, a column for each compiler and level; first the head."""
    builds = list(dict.fromkeys((entry["compiler"], entry["level"]) for entry in found["entries"]))
    rows: dict[tuple[str, str], list[str]] = {}
    for entry in found["entries"]:
        rows.setdefault((entry["form"], entry["mode"]), []).append(f"{entry['instructions']:.1f}")
    return [["a message, one process", "", *map(" ".join, builds)],
            *([*name, *values] for name, values in rows.items())]


def instructions_part(results: Results) -> Iterator[str]:
    if results.get("instructions"):
        yield from ("", "--- user-space instructions of one message of 64 B, both ends in one thread")
        head, *rows = instructions_rows(results["instructions"])
        yield from table(head, rows)


def honesty_part(results: Results) -> Iterator[str]:
    if results["honesty"]:
        yield from ("", "--- the benchmark on itself: sockboot_socket against itself, and a build slowed on purpose")
        rows = ([plan.title(entry["workload"]), "itself" if entry["peer"] == plan.ITSELF else "slowed",
                 *ratio_text(entry["ratio"]), entry["verdict"]] for entry in results["honesty"])
        yield from table(["", "against", "ratio", "[quartiles]", ""], rows, left=(0, 1, 4))


def budgets_part(results: Results) -> Iterator[str]:
    if results["budgets"]:
        yield from ("", "--- budgets")
        rows = ([one["what"], "counted" if one["counted"] else "aim" if one.get("aim") else "timed", number(one["value"]),
                 f"{one['sense']} {number(one['limit'])}",
                 "not measured" if one["value"] is None else "met" if one["met"] else "MISSED"]
                for one in results["budgets"])
        yield from table(["", "", "measured", "budget", ""], rows, left=(0, 1, 4))


def machine_part(results: Results) -> Iterator[str]:
    about, settings = results["machine"], results["settings"]
    build = about["build"]
    yield f"sockboot {about['commit']}, {about['date']}, {settings['rounds']} rounds of {settings['sample_seconds']} s"
    yield (f"{about['processor']}, {about['cores']} cores, {about['memory_gib']} GiB; {about['system']}, "
           f"Linux {about['kernel']}, {about['libc']}; load before: {about['load_before']}")
    yield f"{build.get('compiler', 'compiler unknown')} {build.get('flags', '')}"
    yield ", ".join(f"{name} {version}" for name, version in about["packages"].items())


def lines(results: Results) -> Iterator[str]:
    yield from machine_part(results)
    for workload in dict.fromkeys(pair["workload"] for pair in results["pairs"]):
        yield from workload_part(results, workload)
    for part in (dead_first_part, latency_part, sizes_part, instructions_part, honesty_part, budgets_part):
        yield from part(results)
    yield ""
    yield from (f"SKIPPED: {why}" for why in results["skipped"])
    yield LEGEND


def text(results: Results) -> str:
    return "\n".join(lines(results))


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print(text(json.load(file)))
