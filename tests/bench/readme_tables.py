#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tables of the README's chapter on speed, from the results of bench.py.

    python3 readme_tables.py results.json
"""
from __future__ import annotations

import json
import sys
from typing import Iterator

import plan
from report import both, instructions_rows
from results import Results

COLUMNS = {"c": "C by hand", "asio_sync": "Asio sync", "asio_buffered": "Asio, flat buffers",
           "asio_coroutines": "Asio coroutines", "zeromq_pair": "ZeroMQ", "poco": "POCO", "poco_buffered":
           "POCO, flat buffers", "libuv": "libuv", "libuv_buffered": "libuv, flat buffers"}
C_OF = {**plan.SAME_IN_C, plan.SPIN: "c_spin"}
OURS = {plan.SOCKET: "socket", plan.CHANNEL: "channel", plan.SPIN: "channel, spin"}
ROWS = [(workload, ours) for workload in plan.REQUESTS for ours in (plan.SOCKET, plan.CHANNEL)]
ROWS += [(plan.REQUESTS[0], plan.SPIN)] + [(workload, plan.CHANNEL) for workload in plan.STREAMS]
ROWS += [(plan.BY_ADDRESS, plan.SOCKET), (plan.BY_NAME, plan.SOCKET)]
COUNTED = (plan.SOCKET, plan.GUARDED[plan.SOCKET], plan.CHANNEL, plan.GUARDED[plan.CHANNEL], *plan.PEERS,
           *plan.GUARDED_C.values())


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def ratio(results: Results, workload: str, ours: str, peer: str) -> str:
    """The median and, small, the quartiles."""
    for pair in results["pairs"]:
        if (pair["workload"], pair["ours"], pair["peer"]) == (workload, ours, peer):
            spread = [pair["ratio"][name] for name in ("median", "low", "high")]
            digits = 2 if spread[0] < 10 else 0
            median, low, high = (f"{value:.{digits}f}" for value in spread)
            return f"{median} <sub>{low}–{high}</sub>"
    return ""


def ratios(results: Results) -> Iterator[str]:
    """How many messages sockboot moves in the time in which the other one moves one."""
    yield row(["sockboot against …", "", *COLUMNS.values()])
    yield row(["---"] * (len(COLUMNS) + 2))
    for workload, ours in ROWS:
        peers = [C_OF[ours] if column == "c" else column for column in COLUMNS]
        yield row([plan.title(workload), OURS[ours], *(ratio(results, workload, ours, peer) for peer in peers)])


def costs(results: Results) -> Iterator[str]:
    """What a message costs, client + server."""
    yield row(["", *(f"{plan.title(workload)}: {measure}" for workload in ("request 64", "stream 64")
                     for measure in ("instructions", "system calls"))])
    yield row(["---"] * 5)
    found = {(entry["workload"], entry["contender"]): entry for entry in results["costs"]}
    for name in COUNTED:
        entries = [found.get((workload, name), {}) for workload in ("request 64", "stream 64")]
        yield row([name, *(both(entry.get(measure)) for entry in entries
                           for measure in ("instructions", "system_calls"))])


def instructions(results: Results) -> Iterator[str]:
    """What a message costs in one process: C by hand in the row above sockboot's own."""
    found = results.get("instructions")
    if not found:
        return
    head, *rows = instructions_rows(found)
    yield from ("", row(head), row(["---"] * len(head)))
    yield from map(row, rows)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        known = json.load(file)
    print("\n".join([*ratios(known), "", *costs(known), *instructions(known)]))
