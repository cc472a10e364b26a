# SPDX-License-Identifier: MIT
"""Just as much of SVG as plots.py needs: shapes, text, and two kinds of axes."""
from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Callable, Iterable

INK, PALE, GRID = "#1f2328", "#59636e", "#e3e7eb"
Point = tuple[float, float]


class Drawing:
    """A picture with a ground of its own, so that it can be read on a dark page too."""

    def __init__(self, width: float, height: float, title: str, note: str) -> None:
        self._size = (width, height)
        self._title = title
        self._parts: list[str] = []
        self.rect(0.5, 0.5, width - 1, height - 1, "#ffffff", 'rx="8" stroke="#d0d7de"')
        self.text(20, 30, title, 'font-size="17" font-weight="600"')
        self.text(20, height - 14, note, f'font-size="10.5" fill="{PALE}"')

    def rect(self, x: float, y: float, width: float, height: float, fill: str, more: str = "") -> None:
        self._parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
                           f'fill="{fill}" {more}/>')

    def text(self, x: float, y: float, text: str, more: str = "") -> None:
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(text)}</text>')

    def line(self, a: Point, b: Point, colour: str, more: str = "") -> None:
        self._parts.append(f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" '
                           f'stroke="{colour}" {more}/>')

    def curve(self, points: Iterable[Point], colour: str, more: str = "") -> None:
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline points="{places}" fill="none" stroke="{colour}" {more}/>')

    def dot(self, at: Point, radius: float, colour: str, more: str = "") -> None:
        self._parts.append(f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius}" fill="{colour}" {more}/>')

    def save(self, file: Path) -> None:
        width, height = self._size
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
                f'height="{height:g}" role="img" aria-label="{escape(self._title, quote=True)}" '
                f'font-family="system-ui, \'DejaVu Sans\', sans-serif" font-size="12" fill="{INK}">')
        file.write_text("\n".join([head, *self._parts, "</svg>"]) + "\n")


@dataclass
class Axis:
    """From values to places; `begin` is where `low` is."""
    low: float
    high: float
    begin: float
    end: float
    scale: Callable[[float], float] = math.log10

    def at(self, value: float) -> float:
        low, high = self.scale(self.low), self.scale(self.high)
        return self.begin + (self.scale(value) - low) / (high - low) * (self.end - self.begin)


def log_ticks(low: float, high: float) -> list[float]:
    """Round values: the decades where there are enough of them, otherwise some between them, too."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    choices = [[step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
               for steps in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, *range(3, 10)))]
    return next((ticks for ticks in choices if len(ticks) >= 3), choices[-1])


def apart(places: list[float], distance: float) -> list[float]:
    """The same places, in the same order, moved as little as needed for that distance between neighbours."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    groups: list[tuple[float, list[int]]] = []  # the middle of each group, and its members
    for index in order:
        groups.append((places[index], [index]))
        while len(groups) > 1 and overlap(groups[-2], groups[-1], distance):
            (first, some), (second, others) = groups[-2:]
            middle = (first * len(some) + second * len(others)) / (len(some) + len(others))
            groups[-2:] = [(middle, some + others)]
    moved = list(places)
    for middle, members in groups:
        for number, index in enumerate(members):
            moved[index] = middle + (number - (len(members) - 1) / 2) * distance
    return moved


def overlap(above: tuple[float, list[int]], below: tuple[float, list[int]], distance: float) -> bool:
    return below[0] - above[0] < (len(above[1]) + len(below[1])) / 2 * distance
