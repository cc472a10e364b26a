# SPDX-License-Identifier: MIT
"""How results are summed up, and how they are kept."""
from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

Results = dict[str, Any]


def spread(values: list[float]) -> dict[str, float]:
    """The median, the quartiles, and the extremes."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {"median": median, "low": low, "high": high, "min": min(values), "max": max(values)}


def write(results: Results, file: Path) -> None:
    """Each entry of a list on a line of its own, so that two results can be compared."""
    def text(value: Any) -> str:
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return "[\n  " + ",\n  ".join(map(json.dumps, value)) + "\n ]"
        return json.dumps(value)
    lines = [f' "{key}": {text(value)}' for key, value in results.items()]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")
