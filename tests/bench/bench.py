#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures sockboot against hand-written C and other libraries: a table on standard output, and JSON.

    cmake --workflow --preset bench                         all, with include_cost.py and plots.py: some ten minutes
    python3 bench.py PROGRAMS --json results.json           the programs are in the folder PROGRAMS
    python3 bench.py PROGRAMS --quick --check               a minute or two; fails where a counted budget is missed
    python3 bench.py PROGRAMS --only 'stream' --with 'sockboot|c_'

Each contender is a pair of processes, pinned to a core each, which stays alive (in a stream: for one turn). Two that are
compared run in turn, A B A B, so that whatever else the machine does hits both; of each turn the ratio is taken, and of
the ratios the median and the quartiles. What a message costs is counted too: system calls, instructions, allocations.

The benchmark checks itself. Before a workload is timed, every byte of some of its messages is looked at. sockboot
against itself must come out at 1, and says how far off 1 means nothing. A build that was slowed on purpose must come
out as slower: where it does not, the exit status is 1.
"""
from __future__ import annotations

import argparse
import re
import statistics
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Iterable

import budgets
import counted
import machine
import plan
import report
from contender import Contender, Contenders, Failure, TookTooLong, why_no_namespace
from results import Results, spread, write

Sample = dict[str, Any]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=Path, help="the folder with the programs bench_<contender>")
    parser.add_argument("--rounds", type=int, help="how often each pair runs in turn (default: 15; quick: 3)")
    parser.add_argument("--quick", action="store_true", help="few rounds, few workloads")
    parser.add_argument("--only", default="", metavar="REGEX", help="workloads (also: latency, sizes)")
    parser.add_argument("--with", dest="contenders", default="", metavar="REGEX", help="contenders")
    parser.add_argument("--no-counts", action="store_true", help="without strace and callgrind")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the results go, too")
    parser.add_argument("--check", action="store_true", help="exit status 1 where a counted budget is missed")
    return parser.parse_args()


def progress(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def of_both_ends(samples: list[Sample], measure: str, middle: Any) -> list[float]:
    """[client, server], over all samples."""
    return [middle(sample[measure][end] for sample in samples) for end in (0, 1)]


class Bench:
    """One run of the benchmark."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.quick: bool = arguments.quick
        self.rounds: int = arguments.rounds or (3 if self.quick else 15)
        self.sample_seconds = 0.05 if self.quick else 0.08
        self.programs: Path = arguments.programs.resolve()
        self.only = re.compile(arguments.only)
        self.names = [name for name in plan.EVERYBODY if re.search(arguments.contenders, name) and
                      (name not in plan.GIVEN or (self.programs / f"bench_{name}").exists())]
        self.contenders = Contenders(self.programs)
        self.no_namespace = why_no_namespace()
        self.counts: bool = not arguments.no_counts
        self.skipped: list[str] = []

    def wants(self, what: str) -> bool:
        return bool(self.only.search(what) or self.only.search(plan.title(what) if " " in what else what))

    def skip(self, why: str) -> None:
        self.skipped.append(why)
        progress(f"SKIPPED: {why}")

    def run(self) -> Results:
        """Everything that was asked for."""
        missing = [name for name in self.names if not (self.programs / f"bench_{name}").exists()]
        if missing:
            raise Failure(f"not built: {', '.join(missing)} (--with leaves contenders out)")
        settings = {"rounds": self.rounds, "sample_seconds": self.sample_seconds, "quick": self.quick}
        results: Results = {"machine": machine.describe(self.programs), "settings": settings}
        results["pairs"], results["costs"] = self.compare_all()
        results["dead_first"] = self.dead_first()
        results["latency"] = self.latency()
        results["sizes"] = self.sizes()
        self.contenders.close()
        results["counted"] = self.count(results["costs"])
        results["skipped"] = self.skipped
        return results

    def possible(self, workloads: Iterable[str]) -> list[str]:
        """Those that were asked for and can be had here."""
        wanted = [one for one in workloads if self.wants(one)]
        lost = [one for one in wanted if self.no_namespace and plan.needs_namespace(one)]
        for one in lost:
            self.skip(f"{plan.title(one)}: no network of its own: {self.no_namespace}")
        return [one for one in wanted if one not in lost]

    def compare_all(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The pairs, and what a message costs each contender."""
        pairs, costs = [], []
        for workload in self.possible(plan.QUICK_WORKLOADS if self.quick else plan.WORKLOADS):
            samples: dict[str, list[Sample]] = defaultdict(list)
            for ours, peer in self.ready_pairs(workload):
                progress(f"{plan.title(workload)}: {ours} and {peer}")
                rounds = self.in_turn(ours, peer, workload)
                pairs.append(summary(workload, ours, peer, rounds))
                samples[ours] += [turn[0] for turn in rounds]
                samples[peer] += [turn[1] for turn in rounds]
            costs += [cost(workload, name, taken) for name, taken in samples.items() if name != plan.ITSELF]
        return pairs, costs

    def ready_pairs(self, workload: str) -> list[tuple[str, str]]:
        """The pairs whose two contenders can do this workload; verified, warm, and with a count each."""
        wanted = [pair for pair in plan.pairs(workload) if all(name.partition("#")[0] in self.names for name in pair)]
        able = {name for name in dict.fromkeys(sum(wanted, ())) if self.prepare(name, workload)}
        return [pair for pair in wanted if able.issuperset(pair)]

    def get(self, name: str, workload: str) -> Contender:
        return self.contenders.get(name, plan.needs_namespace(workload))

    def prepare(self, name: str, workload: str) -> bool:
        contender = self.get(name, workload)
        if not contender.can(workload):
            return False
        contender.calibrate(workload, self.sample_seconds)
        return True

    def in_turn(self, ours: str, peer: str, workload: str) -> list[tuple[Sample, Sample]]:
        a, b = self.get(ours, workload), self.get(peer, workload)
        turns = []
        for _ in range(self.rounds):
            # Which gait a stream falls into is a matter of its connection, and stays: each turn gets another one.
            for contender in (a, b) * workload.startswith("stream"):
                contender.renew(workload)
            turns.append((a.sample(workload), b.sample(workload)))
        return turns

    def dead_first(self) -> list[dict[str, Any]]:
        """All at the same time, as they only wait."""
        able = {name for pair in plan.pairs(plan.BY_NAME) for name in pair}
        tasks = [(workload, name) for workload in self.possible(plan.DEAD_FIRST) for name in self.names if name in able]
        if not tasks:
            return []
        progress("connect with a dead address first")
        with ThreadPoolExecutor(max_workers=len(tasks)) as threads:
            found = threads.map(lambda task: connect_past_dead(*task, self.programs, self.rounds), tasks)
            return [entry for entry in found if entry is not None]

    def latency(self) -> list[dict[str, Any]]:
        """The quantiles of round trips: each the median of several runs, in turn."""
        if not self.wants("latency"):
            return []
        progress("latency")
        unwanted = (plan.SLOWED, plan.LOGGED, *plan.GUARDED.values(), *plan.GUARDED_C.values())
        names = [name for name in self.names if name not in unwanted]
        turns: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for _ in range(1 if self.quick else 5):
            for name in names:
                answer = self.contenders.get(name).run(f"latency {plan.LATENCY} 2000")
                turns[name].append(answer["quantiles_ns"])
        return [{"contender": name, "workload": plan.LATENCY, "quantiles_ns": medians(turns[name])} for name in names]

    def sizes(self) -> list[dict[str, Any]]:
        """The stream with messages of many sizes."""
        if not self.wants("sizes"):
            return []
        names = [name for name in self.names if name in plan.SIZE_CONTENDERS]
        entries = []
        for size in plan.SIZES[::4] if self.quick else plan.SIZES:
            progress(f"sizes: {plan.size_text(size)}")
            entries += self.one_size(f"stream {size}", names)
        return entries

    def one_size(self, workload: str, names: list[str]) -> list[dict[str, Any]]:
        able = [name for name in names if self.prepare(name, workload)]
        samples: dict[str, list[Sample]] = defaultdict(list)
        for _ in range(1 if self.quick else 5):
            for name in able:
                samples[name].append(self.contenders.get(name).sample(workload))
        return [{"size": int(workload.split()[1]), **cost(workload, name, samples[name])} for name in able]

    def count(self, costs: list[dict[str, Any]]) -> bool:
        """Adds what strace and callgrind count, if they can."""
        missing = counted.missing_tools()
        if missing:
            self.skip(f"nothing is counted: {' and '.join(missing)} not installed")
        if missing or not self.counts:
            return False
        for entry in costs:
            workload, name = entry["workload"], entry["contender"]
            if workload in plan.COUNTED and self.is_counted(name):
                progress(f"counts: {plan.title(workload)}: {name}")
                for measure in (counted.system_calls, counted.instructions):
                    program = str(self.programs / f"bench_{name}")
                    counts = [counted.per_message(measure, program, workload, plan.COUNTED[workload])
                              for _ in range(plan.times_to_count(workload))]
                    entry[measure.__name__] = min(counts, key=sum)
        return True

    def is_counted(self, name: str) -> bool:
        """What spins calls as often as it has time to: a count of it says nothing."""
        uncounted = (plan.SPIN, *plan.SPINNING, plan.SLOWED, plan.LOGGED)
        return name in plan.COUNTED_FOR_BUDGETS if self.quick else name not in uncounted


def medians(quantiles: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(one[name] for one in quantiles) for name in quantiles[0]}


def summary(workload: str, ours: str, peer: str, rounds: list[tuple[Sample, Sample]]) -> dict[str, Any]:
    """What is kept of a pair."""
    rates = [[round(sample["rate"], 1) for sample in turn] for turn in rounds]
    return {
        "workload": workload, "ours": ours, "peer": peer,
        "ratio": spread([a / b for a, b in rates]),
        "ratio_at_best": max(a for a, _ in rates) / max(b for _, b in rates),
        "ours_rate": statistics.median(a for a, _ in rates),
        "peer_rate": statistics.median(b for _, b in rates),
        "rates": rates,
    }


def cost(workload: str, name: str, samples: list[Sample]) -> dict[str, Any]:
    """What is kept of a contender. No allocation may hide in a median: that is a mean."""
    return {
        "workload": workload, "contender": name,
        "rate": statistics.median(sample["rate"] for sample in samples),
        "processor_ns": of_both_ends(samples, "processor_ns", statistics.median),
        "allocations": of_both_ends(samples, "allocations", statistics.fmean),
    }


def connect_past_dead(workload: str, name: str, programs: Path, rounds: int) -> dict[str, Any] | None:
    """The seconds of each connection; None in it for one that was not there after three seconds."""
    contender = Contender(name, programs, namespace=True)
    contender.run("verified request 64 3")  # so that it has started
    seconds: list[float | None] = []
    try:
        while len(seconds) < rounds:
            answer = contender.run(f"{workload} 1", seconds=3)
            if not answer["possible"]:
                return None
            seconds.append(answer["seconds"])
    except TookTooLong:
        seconds.append(None)
    finally:
        contender.close()
    known = [one for one in seconds if one is not None]
    median = statistics.median(known) if None not in seconds else None
    return {"workload": workload, "contender": name, "median": median, "seconds": seconds}


def honesty(pairs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each pair that checks the benchmark itself: whether it came out as it must."""
    found = []
    for pair in pairs:
        ratio = pair["ratio"]
        if pair["peer"] == plan.SLOWED:
            verdict = "found slower" if ratio["low"] > 1.05 else "NOT FOUND SLOWER"
        elif pair["peer"] == plan.ITSELF:
            verdict = "as fast" if ratio["low"] <= 1 <= ratio["high"] else "OFF: differences of that size mean nothing"
        else:
            continue
        found.append({"workload": pair["workload"], "peer": pair["peer"], "ratio": ratio, "verdict": verdict})
    return found


def verdict(results: Results, check: bool, asked: list[budgets.Budget]) -> int:
    """The exit status, with its reasons on standard error."""
    faults = [f"the slowed build was not found slower: {entry['workload']}" for entry in results["honesty"]
              if entry["verdict"] == "NOT FOUND SLOWER"]
    if check and not results["counted"]:
        faults.append("nothing was counted, so nothing can be checked")
    if check:
        faults += [f"missed: {one.what}: {one.value}" for one in asked if one.counted and not one.met()]
    for fault in faults:
        progress(fault)
    return 1 if faults else 0


def main() -> int:
    arguments = parse_arguments()
    bench = Bench(arguments)
    try:
        results = bench.run()
    except Failure as failure:
        progress(str(failure))
        return 1
    finally:
        bench.contenders.close()
    results["honesty"] = honesty(results["pairs"])
    partial = bool(arguments.only or arguments.contenders)
    asked = [one for one in budgets.all_budgets(results) if one.value is not None or not partial]
    results["budgets"] = [one.as_json() for one in asked]
    if arguments.json:
        write(results, arguments.json)
    print(report.text(results))
    return verdict(results, arguments.check, asked)


if __name__ == "__main__":
    sys.exit(main())
