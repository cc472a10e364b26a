#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures what grows with the number of connections: the time of an accept, the memory that each connection keeps, and
what the example server, with a thread for each client, answers a second.

    python3 growth.py PROGRAMS                          a table on standard output
    python3 growth.py PROGRAMS --into results.json      the same, and added to what bench.py wrote

Memory is what is resident of the server's process, above what was before its first connection, over their number; the
kernel's own buffers are not in it. Each number is the median of several runs, all contenders in turn.
"""
from __future__ import annotations

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

from contender import Failure
from report import number, table
from results import write

SERVERS = ("sockboot_socket", "sockboot_channel", "c", "asio", "libuv")
CONNECTIONS = (1, 10, 100, 1000, 10000)
THREADS = (1, 3, 10, 30, 100, 300, 1000)
MANY = max(CONNECTIONS)
MAX_RESIDENT = 40 << 20  # of a server with so many connections, each of which has exchanged a message

Entry = dict[str, Any]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=Path, help="the folder with the programs bench_connections_<name>")
    parser.add_argument("--quick", action="store_true", help="one run of each, few seconds")
    parser.add_argument("--check", action="store_true", help="exit status 1 where the budget of memory is missed")
    parser.add_argument("--into", type=Path, metavar="FILE", help="the results of bench.py, to add these to")
    return parser.parse_args()


def output_of(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise Failure(f"{Path(command[0]).name} {' '.join(command[1:])}: {done.stderr.strip()}")
    return done.stdout


def affordable(numbers: tuple[int, ...]) -> list[int]:
    """Those for which this process, and so its children, may have descriptors enough."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    few = [one for one in numbers if limit == resource.RLIM_INFINITY or one + 100 < limit]
    for one in sorted(set(numbers) - set(few)):
        print(f"growth: SKIPPED: {one} connections: {limit} descriptors at most", file=sys.stderr)
    return few


def connections(programs: Path, rounds: int) -> list[Entry]:
    """Each server with each number of connections."""
    samples: dict[tuple[str, int], list[Entry]] = {}
    for count in affordable(CONNECTIONS):
        for _ in range(rounds):
            for name in SERVERS:
                found = json.loads(output_of([str(programs / f"bench_connections_{name}"), str(count)]))
                samples.setdefault((name, count), []).append(found)
    measures = ("accept_ns", "idle", "exchanged", "resident")
    return [{"server": name, "connections": count,
             **{measure: statistics.median(one[measure] for one in taken) for measure in measures}}
            for (name, count), taken in samples.items()]


def resident(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) << 10  # type: ignore[index]


def threads(programs: Path, rounds: int, seconds: float) -> list[Entry]:
    """The example server, with so many clients that each have a thread of it."""
    entries = []
    for count in affordable(THREADS):
        command = [str(programs / "bench_echo_server"), "127.0.0.1", "0", str(count + 10)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            try:
                assert server.stderr
                port = server.stderr.readline().rsplit(":", 1)[1].strip()
                load = [str(programs / "bench_echo_load"), port, str(count), str(seconds)]
                rates = [float(output_of(load)) for _ in range(rounds)]
                entries.append({"threads": count, "rate": statistics.median(rates), "resident": resident(server.pid)})
            finally:
                server.terminate()
    return entries


def measure(programs: Path, quick: bool) -> dict[str, Any]:
    rounds = 1 if quick else 5
    found = {"connections": connections(programs, rounds), "threads": threads(programs, rounds, 0.1 if quick else 1)}
    return {**found, "budgets": list(budgets(found["connections"]))}


def budgets(entries: list[Entry]) -> Iterator[Entry]:
    for entry in entries:
        if entry["connections"] == MANY and entry["server"].startswith("sockboot"):
            yield {"server": entry["server"], "value": entry["resident"], "limit": MAX_RESIDENT,
                   "met": entry["resident"] <= MAX_RESIDENT}


def text(found: dict[str, Any]) -> str:
    """For people."""
    head = ["CONNECTIONS", "", "accept, us", "idle, B each", "after a message each way, B each", "resident, MB"]
    rows = [[one["server"], str(one["connections"]), f"{one['accept_ns'] / 1000:.1f}", f"{one['idle']:.0f}",
             f"{one['exchanged']:.0f}", f"{one['resident'] / (1 << 20):.1f}"] for one in found["connections"]]
    budget = [[one["server"], str(MANY), f"{one['value'] / (1 << 20):.1f}", f"at most {one['limit'] >> 20}",
               "met" if one["met"] else "MISSED"] for one in found["budgets"]]
    served = [[str(one["threads"]), number(one["rate"]), f"{one['resident'] / (1 << 20):.1f}"]
              for one in found["threads"]]
    return "\n".join([*table(head, rows, left=(0,)), "",
                      *table(["BUDGETS", "connections", "resident, MB", "budget", ""], budget, left=(0, 3, 4)), "",
                      *table(["THREADS of the example server", "round trips/s", "resident, MB"], served)])


def main() -> int:
    arguments = parse_arguments()
    try:
        found = measure(arguments.programs.resolve(), arguments.quick)
    except (Failure, OSError) as failure:
        print(f"growth: {failure}", file=sys.stderr)
        return 1
    print(text(found))
    if arguments.into:
        write({**json.loads(arguments.into.read_text()), "growth": found}, arguments.into)
    missed = len(found["budgets"]) < 2 or not all(one["met"] for one in found["budgets"])
    return 1 if arguments.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
