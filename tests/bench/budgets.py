# SPDX-License-Identifier: MIT
"""What sockboot promises about its cost, held against what was measured.

Counted budgets are repeatable: --check fails on them. Timed ones are for people: a shared machine misses them now and
then without any fault of the code.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator

from plan import (BY_ADDRESS, BY_NAME, CHANNEL, DEAD_FIRST, GUARDED, GUARDED_C, GUARDED_WORKLOADS, SAME_IN_C, SOCKET,
                  SPIN)
from results import Results


@dataclass
class Budget:
    """`value` must be at most `limit` (or at least); None: it was not measured."""
    what: str
    counted: bool
    value: float | None
    limit: float
    at_least: bool = False
    aim: bool = False  # counted, and not insisted on: it is not reached yet

    def met(self) -> bool:
        if self.value is None:
            return False
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def as_json(self) -> dict[str, Any]:
        return {"what": self.what, "counted": self.counted, "aim": self.aim, "value": self.value, "limit": self.limit,
                "sense": "at least" if self.at_least else "at most", "met": self.met()}


def cost(results: Results, workload: str, contender: str, measure: str) -> list[float] | None:
    """[client, server]"""
    for entry in results["costs"]:
        if (entry["workload"], entry["contender"]) == (workload, contender):
            return entry.get(measure)
    return None


def ratio(results: Results, workload: str, ours: str, peer: str) -> float | None:
    """Of messages a second, ours over the peer's: the median."""
    for pair in results["pairs"]:
        if (pair["workload"], pair["ours"], pair["peer"]) == (workload, ours, peer):
            return pair["ratio"]["median"]
    return None


def cost_ratio(results: Results, workload: str, measure: str, ours: str, peer: str) -> float | None:
    """Of a message, both ends together."""
    mine, theirs = (cost(results, workload, name, measure) for name in (ours, peer))
    return sum(mine) / sum(theirs) if mine and theirs else None


def counted(results: Results) -> Iterator[Budget]:
    """The budgets that --check insists on."""
    for form, peer in SAME_IN_C.items():
        yield Budget(f"request 64: system calls, {form} / {peer}", True,
                     cost_ratio(results, "request 64", "system_calls", form, peer), 1.001)
        yield Budget(f"request 64: instructions, {form} / {peer}", True,
                     cost_ratio(results, "request 64", "instructions", form, peer), 1.25)
        yield from guarded_request(results, GUARDED[form], peer)
        for ours in (form, GUARDED[form]):
            yield from without_waiting(results, ours, peer)
    for ours in (CHANNEL, GUARDED[CHANNEL]):
        calls = cost(results, "stream 64", ours, "system_calls")
        for end, name in enumerate(("client", "server")):
            yield Budget(f"stream 64: system calls per 64 KiB, {ours}, {name}", True,
                         calls and calls[end] * 65536 / 68, 1)


def without_waiting(results: Results, ours: str, peer: str) -> Iterator[Budget]:
    """In a stream the bytes are mostly there: a timeout and a canceller cost nothing. (Its system calls depend on who
    is faster.)"""
    yield Budget(f"stream 64: instructions, {ours} / {peer}", True,
                 cost_ratio(results, "stream 64", "instructions", ours, peer), 1.25)
    for workload in GUARDED_WORKLOADS:
        spent = cost(results, workload, ours, "allocations")
        yield Budget(f"{workload}: allocations per message, {ours}", True, spent and max(spent), 0)


def guarded_request(results: Results, ours: str, peer: str) -> Iterator[Budget]:
    """Every receive of a request waits. What a deadline or a canceller is to end cannot wait inside recv(2): each end
    pays a recv(2) that finds nothing and a poll(2), as C with the same two guards does."""
    mine, theirs = (cost(results, "request 64", name, "system_calls") for name in (ours, peer))
    yield Budget(f"request 64: system calls, {ours} - {peer}", True,
                 sum(mine) - sum(theirs) if mine and theirs else None, 4.1)
    yield Budget(f"request 64: instructions, {ours} / {GUARDED_C[peer]}", False,
                 cost_ratio(results, "request 64", "instructions", ours, GUARDED_C[peer]), 1.25, aim=True)


def timed(results: Results) -> Iterator[Budget]:
    """Budgets on the clock."""
    for workload, ours, peer, limit in (
        ("stream 64", CHANNEL, "c_buffered", 0.9),
        ("stream 64", CHANNEL, "asio_sync", 10),
        ("stream 64", CHANNEL, "zeromq_pair", 5),
        ("request 64", SOCKET, "c_sendmsg", 0.97),
        ("request 64", CHANNEL, "c_buffered", 0.97),
        ("request 64", SPIN, "c_spin", 0.97),
        ("stream 1048576", SOCKET, "c_sendmsg", 0.97),
        ("stream 1048576", CHANNEL, "c_buffered", 0.97),
        (BY_ADDRESS, SOCKET, "c_sendmsg", 0.95),
        (BY_NAME, SOCKET, "c_sendmsg", 0.97),
    ):
        yield Budget(f"{workload}: {ours} / {peer}", False, ratio(results, workload, ours, peer), limit, at_least=True)
    for workload in DEAD_FIRST:
        yield Budget(f"{workload}: seconds, {SOCKET}", False, dead_first_seconds(results, workload), 0.3)


def dead_first_seconds(results: Results, workload: str) -> float | None:
    for entry in results["dead_first"]:
        if (entry["workload"], entry["contender"]) == (workload, SOCKET):
            return entry["median"]
    return None


def all_budgets(results: Results) -> list[Budget]:
    """All of them; those of workloads and contenders that were left out have no value."""
    return [*counted(results), *timed(results)]
