#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures what including sockboot costs a compiler, against Asio and against the standard headers alone.

    python3 include_cost.py                         a table on standard output
    python3 include_cost.py --into results.json     the same, and added to what bench.py wrote

Front-end time is the processor time of `-fsyntax-only`, all sets of headers in turn, again and again: of each turn the
ratio is taken, and of the ratios the median and the quartiles. Lines are what is left after the preprocessor, without
blank ones. Objects are those of a minimal echo server and client (include_cost/*.cpp), compiled with -O2.
"""
from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import machine
from report import table
from results import spread, write

FOLDER = Path(__file__).resolve().parent
INCLUDE = FOLDER.parent.parent / "include"
STANDARD = ("string", "vector", "span", "system_error", "chrono", "optional")
SETS = {
    "nothing": "",
    "the standard headers": "".join(f"#include <{header}>\n" for header in STANDARD),
    "sockboot": "#include <sockboot/sockboot.hpp>\n",
    "Asio for TCP": "".join(f"#include <asio/{header}.hpp>\n"
                            for header in ("connect", "io_context", "ip/tcp", "read", "write")),
    "Asio": "#include <asio.hpp>\n",
}
BUDGETS = (("Asio", 1 / 3), ("the standard headers", 1.5))  # sockboot over it: at most
PROGRAMS = ("sockboot_server", "asio_server", "sockboot_client", "asio_client")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asio", type=Path, help="the folder that has asio.hpp, where the compiler does not find it")
    parser.add_argument("--rounds", type=int, help="how often each set is compiled (default: 15; quick: 3)")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--into", type=Path, metavar="FILE", help="the results of bench.py, to add these to")
    return parser.parse_args()


class Compiler:
    """One of the compilers, called as a program that uses the headers would call it."""

    def __init__(self, name: str, asio: Path | None) -> None:
        self.name = name
        folders = [f"-I{INCLUDE}"] + ([f"-isystem{asio}"] if asio and asio != Path("/usr/include") else [])
        self._command = [name, "-std=c++20", "-DASIO_STANDALONE", *folders]

    def version(self) -> str:
        return machine.output_of(self.name, "--version").partition("\n")[0]

    def seconds(self, source: Path) -> float:
        """The processor time of the front end, user and system, of the compiler and all that it starts."""
        process = subprocess.Popen([*self._command, "-fsyntax-only", str(source)])
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"include_cost: {self.name} does not compile {source.read_text()!r}")
        return used.ru_utime + used.ru_stime

    def lines(self, source: Path) -> int:
        """After the preprocessor, without its own lines and blank ones."""
        done = subprocess.run([*self._command, "-E", "-P", str(source)], capture_output=True, text=True, check=True)
        return sum(1 for line in done.stdout.splitlines() if line.strip())

    def compile(self, source: Path, target: Path) -> None:
        subprocess.run([*self._command, "-O2", "-c", str(source), "-o", str(target)], check=True)


def measure_sets(compiler: Compiler, folder: Path, rounds: int) -> list[dict[str, Any]]:
    """Each set of headers: seconds, ratios to the other sets, and lines."""
    sources = {name: folder / f"set{number}.cpp" for number, name in enumerate(SETS)}
    for name, source in sources.items():
        source.write_text(SETS[name] + "int main() {}\n")
        compiler.seconds(source)  # so that all files are in memory
    turns = [{name: compiler.seconds(source) for name, source in sources.items()} for _ in range(rounds)]
    return [{
        "compiler": compiler.name, "headers": name, "lines": compiler.lines(source),
        "seconds": spread([turn[name] for turn in turns]),
        "sockboot_over_it": spread([turn["sockboot"] / turn[name] for turn in turns]),
    } for name, source in sources.items()]


def code_lines(source: Path) -> int:
    """Without blank lines and comments."""
    lines = (line.strip() for line in source.read_text().splitlines())
    return sum(1 for line in lines if line and not line.startswith("//"))


def text_size(target: Path) -> int:
    """Code and constants, as size(1) counts them."""
    out = subprocess.run(["size", str(target)], capture_output=True, text=True, check=True).stdout
    return int(out.splitlines()[1].split()[0])


def measure_program(compiler: Compiler, folder: Path, name: str) -> dict[str, Any]:
    source, target = FOLDER / "include_cost" / f"{name}.cpp", folder / f"{name}.o"
    compiler.compile(source, target)
    text = text_size(target)
    subprocess.run(["strip", "--strip-unneeded", str(target)], check=True)
    return {"compiler": compiler.name, "program": name, "code_lines": code_lines(source), "text": text,
            "stripped_object": target.stat().st_size}


def measure(compilers: list[Compiler], rounds: int) -> dict[str, Any]:
    """All of it, for each compiler."""
    headers, programs = [], []
    with tempfile.TemporaryDirectory() as name:
        for compiler in compilers:
            print(f"include_cost: {compiler.name}", file=sys.stderr, flush=True)
            headers += measure_sets(compiler, Path(name), rounds)
            programs += [measure_program(compiler, Path(name), program) for program in PROGRAMS]
    versions = {compiler.name: compiler.version() for compiler in compilers}
    return {"rounds": rounds, "compilers": versions, "headers": headers, "programs": programs,
            "budgets": list(budgets(headers))}


def budgets(headers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"compiler": entry["compiler"], "what": f"front end, sockboot / {name}", "limit": limit,
             "value": entry["sockboot_over_it"]["median"], "met": entry["sockboot_over_it"]["median"] <= limit}
            for name, limit in BUDGETS for entry in headers if entry["headers"] == name]


def header_row(entry: dict[str, Any]) -> list[str]:
    seconds, ratio = entry["seconds"], entry["sockboot_over_it"]
    return [entry["compiler"], entry["headers"], f"{seconds['median'] * 1000:.0f} ms",
            f"[{seconds['low'] * 1000:.0f} {seconds['high'] * 1000:.0f}]", f"{ratio['median']:.2f}",
            f"[{ratio['low']:.2f} {ratio['high']:.2f}]", f"{entry['lines']:,}"]


def program_row(entry: dict[str, Any]) -> list[str]:
    return [entry["compiler"], entry["program"], str(entry["code_lines"]), f"{entry['text']:,}",
            f"{entry['stripped_object']:,}"]


def budget_row(entry: dict[str, Any]) -> list[str]:
    return [entry["compiler"], entry["what"], f"{entry['value']:.2f}", f"at most {entry['limit']:.2f}",
            "met" if entry["met"] else "MISSED"]


def text(found: dict[str, Any]) -> str:
    """For people."""
    head = ["INCLUDE COST", "", "front end", "[quartiles]", "sockboot / it", "[quartiles]", "lines"]
    objects = ["OBJECTS, -O2", "", "lines of code", "text, bytes", "stripped, bytes"]
    versions = [f"{name}: {version}" for name, version in found["compilers"].items()]
    return "\n".join([
        *table(head, map(header_row, found["headers"])), "", *table(objects, map(program_row, found["programs"])), "",
        *table(["BUDGETS", "", "measured", "budget", ""], map(budget_row, found["budgets"])), "", *versions])


def main() -> None:
    arguments = parse_arguments()
    compilers = [Compiler(name, arguments.asio) for name in ("g++", "clang++") if shutil.which(name)]
    found = measure(compilers, arguments.rounds or (3 if arguments.quick else 15))
    print(text(found))
    if arguments.into:
        results = json.loads(arguments.into.read_text())
        write({**results, "include_cost": found}, arguments.into)


if __name__ == "__main__":
    main()
