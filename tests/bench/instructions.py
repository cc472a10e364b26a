#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the user-space instructions of one message of 64 bytes, sent and received by one thread of one process.

    python3 instructions.py                         a table on standard output
    python3 instructions.py --check                 the same; exit status 1 where a budget is missed
    python3 instructions.py --into results.json     the same, and added to what bench.py wrote

one_process.cpp is compiled by each compiler that is installed, and run under callgrind with 1,000 and with 11,000
messages: the difference, over 10,000. What was sent has arrived, so nobody waits, and no count depends on the load.
"""
from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import counted
import machine
from contender import Failure
from report import instructions_rows, table
from results import write

FOLDER = Path(__file__).resolve().parent
INCLUDE = FOLDER.parent.parent / "include"
COMPILERS = ("g++", "clang++")
LEVELS = ("-O2", "-O3")
C_FORMS, FORMS = ("c_socket", "c_channel"), ("socket", "channel")
MODES = ("none", "timeout", "canceller", "both")  # a timeout of 2 s; C has neither
HEADER_FORMS = {"socket_header": "socket", "channel_header": "channel"}  # with a header, and the same without
ROWS = tuple(product((*C_FORMS, *HEADER_FORMS), MODES[:1])) + tuple(product(FORMS, MODES))
BUDGETS = {"socket": 130, "channel": 200}  # at most, in every mode
HEADER_FACTOR = 1.3                        # of the default format's: what a format with a header may cost
NUMBERS = (1000, 11000)

Entry = dict[str, Any]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--include", type=Path, default=INCLUDE, help="the folder with the headers to count")
    parser.add_argument("--into", type=Path, metavar="FILE", help="the results of bench.py, to add these to")
    parser.add_argument("--check", action="store_true", help="exit status 1 where a budget is missed")
    return parser.parse_args()


def compile_program(compiler: str, level: str, include: Path, target: Path) -> None:
    source = FOLDER / "one_process.cpp"
    command = [compiler, "-std=c++20", level, "-DNDEBUG", f"-I{include}", str(source), "-o", str(target)]
    if subprocess.run(command, check=False).returncode != 0:
        raise Failure(f"{compiler} {level} does not compile one_process.cpp")


def measure_program(compiler: str, level: str, include: Path, folder: Path) -> list[Entry]:
    """All forms and modes, of one compiler at one level."""
    program = folder / f"{compiler}{level}"
    compile_program(compiler, level, include, program)
    print(f"instructions: {compiler} {level}", file=sys.stderr, flush=True)
    return [{"compiler": compiler, "level": level, "form": form, "mode": mode,
             "instructions": counted.per_message(counted.instructions, str(program), f"{form} {mode}", NUMBERS)[0]}
            for form, mode in ROWS]


def measure(compilers: list[str], include: Path) -> dict[str, Any]:
    """All of it: as many programs at a time as there are cores."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as threads:
        found = threads.map(lambda build: measure_program(*build, include, Path(folder)), product(compilers, LEVELS))
        entries = [entry for build in found for entry in build]
    versions = {name: machine.output_of(name, "--version").partition("\n")[0] for name in compilers}
    budgets = [budget(entries, *build) for build in product((*BUDGETS, *HEADER_FORMS), compilers, LEVELS)]
    return {"compilers": versions, "entries": entries, "budgets": budgets}


def dearest(entries: list[Entry], build: Entry) -> float:
    return max(entry["instructions"] for entry in entries if entry.items() >= build.items())


def budget(entries: list[Entry], form: str, compiler: str, level: str) -> Entry:
    """The dearest mode of a form against its limit."""
    build = {"form": form, "compiler": compiler, "level": level}
    value = dearest(entries, build)
    plain = HEADER_FORMS.get(form)
    limit = HEADER_FACTOR * dearest(entries, {**build, "form": plain}) if plain else BUDGETS[form]
    return {**build, "value": value, "limit": limit, "met": value <= limit}


def budget_row(entry: Entry) -> list[str]:
    return [entry["form"], f"{entry['compiler']} {entry['level']}", f"{entry['value']:.1f}",
            f"at most {entry['limit']:.0f}", "met" if entry["met"] else "MISSED"]


def text(found: dict[str, Any]) -> str:
    """For people."""
    head, *rows = instructions_rows(found)
    budgets = table(["BUDGETS", "", "any mode", "budget", ""], map(budget_row, found["budgets"]), left=(0, 1, 4))
    versions = [f"{name}: {version}" for name, version in found["compilers"].items()]
    return "\n".join([*table(head, rows), "", *budgets, "", *versions])


def main() -> int:
    arguments = parse_arguments()
    compilers = [name for name in COMPILERS if shutil.which(name)]
    if not compilers or shutil.which("valgrind") is None:
        print(f"instructions: needs valgrind and one of {', '.join(COMPILERS)}", file=sys.stderr)
        return 1
    try:
        found = measure(compilers, arguments.include.resolve())
    except Failure as failure:
        print(f"instructions: {failure}", file=sys.stderr)
        return 1
    print(text(found))
    if arguments.into:
        write({**json.loads(arguments.into.read_text()), "instructions": found}, arguments.into)
    return 1 if arguments.check and not all(one["met"] for one in found["budgets"]) else 0


if __name__ == "__main__":
    sys.exit(main())
