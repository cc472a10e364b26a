#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws what was found: throughput.svg, latency.svg, size.svg (bench.py), growth.svg (growth.py), include.svg
(include_cost.py).

    python3 plots.py results.json [FOLDER]      without FOLDER: beside results.json
"""
from __future__ import annotations

import json
import math
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Callable, Iterator

import plan
from report import number
from results import Results, spread
from svg import GRID, INK, PALE, Axis, Drawing, Point, apart, log_ticks

Curves = dict[str, list[tuple[float, float]]]

# Okabe and Ito's colours, which most people can tell apart; a family has a stroke of its own as well.
LOOKS = {
    plan.SOCKET: ("#0072b2", ""), plan.CHANNEL: ("#d55e00", ""), plan.SPIN: ("#b0307a", ""),
    "c_naive": ("#8b949e", "7 3"), "c_sendmsg": ("#57606a", "7 3"), "c_buffered": ("#000000", "7 3"),
    "asio_sync": ("#009e73", "2 3"), "asio_buffered": ("#4aa3d9", "2 3"), "asio_coroutines": ("#00593f", "2 3"),
    "zeromq_pair": ("#c88a00", "9 3 2 3"), "poco": ("#8c6d31", "9 3 2 3"), "libuv": ("#7a4fbf", "9 3 2 3"),
    "poco_buffered": ("#b59b6a", "9 3 2 3"), "libuv_buffered": ("#a98bd9", "9 3 2 3"),
    "c": ("#000000", "7 3"), "asio": ("#009e73", "2 3"), "echo_server": ("#0072b2", ""),
    "c_spin": ("#d0417e", "7 3"), "asio_spin": ("#e58ab0", "2 3"),
}
RIGHT, MIDDLE, BOLD = 'text-anchor="end"', 'text-anchor="middle"', 'font-weight="600"'


def note(results: Results) -> str:
    about = results["machine"]
    return (f"{about['processor']}, {about['cores']} cores, Linux {about['kernel']}, "
            f"{about['build'].get('compiler', '')}; sockboot {about['commit']}, {about['date']}")


def rate_text(value: float) -> str:
    """A round value: 1.5 k, 20 M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g} {unit}"
    return f"{value:g} "


def weight(name: str) -> str:
    return BOLD if name in plan.OURS else ""


def rates(results: Results, workload: str) -> dict[str, list[float]]:
    """All messages a second that were measured, the fastest contender first."""
    found: dict[str, list[float]] = defaultdict(list)
    for pair in results["pairs"]:
        if pair["workload"] == workload:
            for end, name in enumerate((pair["ours"], pair["peer"])):
                found[name] += [turn[end] for turn in pair["rates"]]
    shown = {name: sorted(values) for name, values in found.items() if name in LOOKS}
    return dict(sorted(shown.items(), key=lambda one: -statistics.median(one[1])))


def throughput(results: Results) -> Drawing:
    """A panel for each workload, two side by side: medians, and a line from quartile to quartile."""
    workloads = list(dict.fromkeys(pair["workload"] for pair in results["pairs"]))
    panels = [(workload, rates(results, workload)) for workload in workloads]
    tops, top = [], 62.0
    for row in range(0, len(panels), 2):
        tops.append(top)
        top += max(len(found) for _, found in panels[row:row + 2]) * 19 + 72
    title = "Messages (or connections) a second, on a log scale: medians and quartiles"
    drawing = Drawing(1000, top + 16, title, note(results))
    for index, (workload, found) in enumerate(panels):
        throughput_panel(drawing, 20 + index % 2 * 490, tops[index // 2], plan.title(workload), found)
    return drawing


def throughput_panel(drawing: Drawing, left: float, top: float, title: str, found: dict[str, list[float]]) -> None:
    spreads = {name: spread(one) for name, one in found.items()}
    axis = Axis(min(one["low"] for one in spreads.values()) / 1.2, max(one["high"] for one in spreads.values()) * 1.2,
                left + 130, left + 405)
    bottom = top + 14 + len(found) * 19
    drawing.text(left, top, title, f'{BOLD} font-size="13"')
    for tick in log_ticks(axis.low, axis.high):
        drawing.line((axis.at(tick), top + 10), (axis.at(tick), bottom), GRID)
        drawing.text(axis.at(tick), bottom + 14, rate_text(tick), f'{MIDDLE} font-size="10.5" fill="{PALE}"')
    for index, (name, one) in enumerate(spreads.items()):
        y = top + 22 + index * 19
        colour = LOOKS[name][0]
        drawing.text(left + 122, y + 4, name, f"{RIGHT} {weight(name)}")
        drawing.line((axis.at(one["low"]), y), (axis.at(one["high"]), y), colour,
                     'stroke-width="3" stroke-opacity="0.45"')
        drawing.dot((axis.at(one["median"]), y), 5, colour)
        drawing.text(left + 455, y + 4, number(one["median"]), f"{RIGHT} {weight(name)}")


def curve_panel(drawing: Drawing, x: Axis, y: Axis, curves: Curves, y_text: Callable[[float], str]) -> None:
    """The curves with their names at the right end, over the lines of the vertical axis."""
    for tick in log_ticks(y.low, y.high):
        drawing.line((x.begin, y.at(tick)), (x.end, y.at(tick)), GRID)
        drawing.text(x.begin - 6, y.at(tick) + 4, y_text(tick), f'{RIGHT} font-size="11" fill="{PALE}"')
    ends = apart([y.at(curve[-1][1]) for curve in curves.values()], 15)
    for (name, curve), label in zip(curves.items(), ends):
        colour, dashes = LOOKS[name]
        points: list[Point] = [(x.at(a), y.at(b)) for a, b in curve]
        width = 2.6 if name in plan.OURS else 1.6
        drawing.curve(points, colour, f'stroke-width="{width}" stroke-dasharray="{dashes}" stroke-linejoin="round"')
        drawing.line(points[-1], (x.end + 12, label), colour, 'stroke-width="0.8"')
        drawing.text(x.end + 15, label + 4, name, f'fill="{colour}" {weight(name)}')


def around(curves: Curves) -> tuple[float, float]:
    values = [value for curve in curves.values() for _, value in curve]
    return min(values) / 1.15, max(values) * 1.15


def nines(quantile: float) -> float:
    """0.9 is 1, 0.99 is 2: what is rare gets as much room as what is common."""
    return -math.log10(1 - quantile)


def latency(results: Results) -> Drawing:
    """The quantiles of round trips."""
    curves = {entry["contender"]: [(float(quantile), value) for quantile, value in entry["quantiles_ns"].items()
                                   if 0 < float(quantile) < 1] for entry in results["latency"]}
    drawing = Drawing(1000, 520, f"Round trips, {plan.title(plan.LATENCY)}: lower is faster", note(results))
    x = Axis(0.01, 0.999, 80, 850, scale=nines)
    y = Axis(*around(curves), 450, 60)
    for quantile, text in ((0.01, "1 %"), (0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %")):
        drawing.line((x.at(quantile), 60), (x.at(quantile), 450), GRID)
        drawing.text(x.at(quantile), 468, text, f'{MIDDLE} font-size="11" fill="{PALE}"')
    drawing.text(465, 486, "of the round trips are as fast, or faster", f'{MIDDLE} font-size="11" fill="{PALE}"')
    curve_panel(drawing, x, y, curves, time_text)
    return drawing


def size(results: Results) -> Drawing:
    """Bytes a second, and the processors' time for a message, against the size of messages."""
    drawing = Drawing(1000, 860, "One-way stream against the size of messages", note(results))
    parts: tuple[tuple[str, Callable[[dict[str, Any]], float], Callable[[float], str]], ...] = (
        ("Bytes a second: higher is better", lambda one: one["rate"] * one["size"],
         lambda value: f"{rate_text(value)}B/s"),
        ("Processor time of both ends for a message: lower is better", lambda one: sum(one["processor_ns"]), time_text),
    )
    for index, (title, value, text) in enumerate(parts):
        curves: Curves = defaultdict(list)
        for entry in results["sizes"]:
            curves[entry["contender"]].append((entry["size"], value(entry)))
        size_panel(drawing, 64 + index * 385, title, curves, text)
    return drawing


def time_text(nanoseconds: float) -> str:
    for unit, limit in (("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= limit:
            return f"{nanoseconds / limit:g} {unit}"
    return f"{nanoseconds:g} ns"


def size_panel(drawing: Drawing, top: float, title: str, curves: Curves, text: Callable[[float], str]) -> None:
    x = Axis(1, 16 << 20, 90, 850)
    y = Axis(*around(curves), top + 340, top + 16)
    drawing.text(90, top, title, f'{BOLD} font-size="13"')
    for tick in plan.SIZES[::2]:
        drawing.line((x.at(tick), y.end), (x.at(tick), y.begin), GRID)
        drawing.text(x.at(tick), y.begin + 16, plan.size_text(tick), f'{MIDDLE} font-size="11" fill="{PALE}"')
    curve_panel(drawing, x, y, curves, text)


def growth(results: Results) -> Drawing:
    """What many connections cost a server, and what the example server does with a thread for each."""
    drawing = Drawing(1000, 1150, "Against the number of connections", note(results))
    found = results["growth"]
    per_server: dict[str, Curves] = {"accept_ns": defaultdict(list), "exchanged": defaultdict(list)}
    for entry in found["connections"]:
        for measure, curves in per_server.items():
            if measure == "accept_ns" or entry["connections"] >= 100:  # a page, among few, says nothing
                curves[entry["server"]].append((entry["connections"], max(entry[measure], 1)))
    served = {"echo_server": [(one["threads"], one["rate"]) for one in found["threads"]]}
    count_panel(drawing, 64, "Time of an accept: lower is better", per_server["accept_ns"], time_text)
    count_panel(drawing, 424, "Resident bytes a connection keeps, after a message each way: lower is better",
                per_server["exchanged"], lambda value: f"{rate_text(value)}B")
    count_panel(drawing, 784, "Round trips a second of the example server, a thread for each client", served, rate_text)
    return drawing


def count_panel(drawing: Drawing, top: float, title: str, curves: Curves, text: Callable[[float], str]) -> None:
    numbers = sorted({number for curve in curves.values() for number, _ in curve})
    x = Axis(numbers[0], numbers[-1], 90, 850)
    y = Axis(*around(curves), top + 310, top + 16)
    drawing.text(90, top, title, f'{BOLD} font-size="13"')
    for tick in numbers:
        drawing.line((x.at(tick), y.end), (x.at(tick), y.begin), GRID)
        drawing.text(x.at(tick), y.begin + 16, f"{tick:,}", f'{MIDDLE} font-size="11" fill="{PALE}"')
    curve_panel(drawing, x, y, curves, text)


def include(results: Results) -> Drawing:
    """The front end's time for each set of headers, and the objects of the minimal programs."""
    found = results["include_cost"]
    times = [(f"{one['headers']} ({one['compiler']})", one["seconds"]["median"] * 1000, "ms")
             for one in found["headers"] if one["headers"] != "nothing"]
    objects = [(f"{one['program']} ({one['compiler']})", one["stripped_object"] / 1024, "KiB")
               for one in found["programs"]]
    drawing = Drawing(1000, 130 + 22 * max(len(times), len(objects)), "What an include costs: shorter is cheaper",
                      note(results))
    bars(drawing, 20, "Processor time of the front end", times)
    bars(drawing, 510, "Stripped object of a minimal program, -O2", objects)
    return drawing


def bars(drawing: Drawing, left: float, title: str, rows: list[tuple[str, float, str]]) -> None:
    longest = max(value for _, value, _ in rows)
    drawing.text(left, 66, title, f'{BOLD} font-size="13"')
    for index, (name, value, unit) in enumerate(rows):
        y = 80 + index * 22
        ours = "sockboot" in name
        drawing.text(left + 200, y + 13, name, f"{RIGHT} {BOLD if ours else ''}")
        drawing.rect(left + 207, y, 190 * value / longest, 16, LOOKS[plan.SOCKET][0] if ours else "#8b949e")
        drawing.text(left + 213 + 190 * value / longest, y + 13, f"{value:.0f} {unit}", f'fill="{INK}"')


def drawings(results: Results) -> Iterator[tuple[str, Drawing]]:
    """Of what was measured."""
    parts = (("throughput", "pairs", throughput), ("latency", "latency", latency), ("size", "sizes", size),
             ("growth", "growth", growth), ("include", "include_cost", include))
    for name, needs, draw in parts:
        if results.get(needs):
            yield name, draw(results)


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    file = Path(sys.argv[1])
    folder = Path(sys.argv[2]) if len(sys.argv) == 3 else file.parent
    folder.mkdir(parents=True, exist_ok=True)
    for name, drawing in drawings(json.loads(file.read_text())):
        drawing.save(folder / f"{name}.svg")
        print(f"plots: {folder / name}.svg", file=sys.stderr)


if __name__ == "__main__":
    main()
