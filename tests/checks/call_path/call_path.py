#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints which functions of sockboot a call enters before its system call, and fails where they exceed a limit.

    python3 call_path.py build/test/tests/checks/call_path/sockboot_call_path

Built by hand against another folder of headers, or by another compiler:

    g++ -std=c++20 -O0 -g -finstrument-functions -fno-inline -I FOLDER/include call_path.cpp \\
        -Wl,--wrap=socket,--wrap=recv -pthread -o /tmp/call_path && python3 call_path.py /tmp/call_path

Counted is each function, once, that include/sockboot defines and that is entered between the entry of the call and its
first system call; not what makes the arguments, default ones too, before that, nor the headers in LEFT_OUT. Files are
those that define these; deep is how many are on the stack at the system call, the call included. Each entry, first or
repeated, in another file than the entry before it is a change of file.
"""
from __future__ import annotations

import argparse
import os
import re
import subprocess
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

LIMITS = {"connect_to": {"functions": 35, "files": 9, "deep": 7},
          "recv_message": {"functions": 15, "files": 7, "deep": 5}}
SYSTEM_CALLS = {"connect_to": "socket(2)", "recv_message": "recv(2)"}
LEFT_OUT = {"result.hpp", "byte_view.hpp", "detail/shared.hpp", "detail/atomic.hpp", "detail/buffer.hpp"}
Entry = tuple[str, int]  # the address of a function, and how many are on the stack, itself included


class Recording(NamedTuple):
    call: str
    depth: int  # at the system call; -1: it was not reached
    entries: list[Entry]


class Function(NamedTuple):
    name: str
    file: str  # in include/sockboot; empty where it is none of ours, or left out
    line: str


def record(program: str) -> list[Recording]:
    recordings: list[Recording] = []
    for line in subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines():
        word, depth = line.split()
        if word in LIMITS:
            recordings.append(Recording(word, int(depth), []))
        else:
            recordings[-1].entries.append((word, int(depth)))
    return recordings


def short(name: str) -> str:
    """Without arguments, arguments of templates, the inline namespace, and the type that is returned."""
    name = re.sub(r"sockboot::v\d+_\d+::", "sockboot::", name)
    name = name.replace("operator()", "operator call").removesuffix(" const")
    while (shorter := re.sub(r"\([^()<>]*\)|<[^()<>]*>", "", name)) != name:
        name = shorter
    return re.sub(r"^(?!.*operator sock)[\w: ]* (?=sockboot::)", "", name).replace("operator call", "operator()")


def resolve(program: str, recordings: list[Recording]) -> dict[str, Function]:
    """What is defined at the addresses."""
    addresses = sorted({address for recording in recordings for address, _ in recording.entries})
    lines = subprocess.run(["addr2line", "-f", "-C", "-e", program], input="\n".join(addresses), capture_output=True,
                           text=True, check=True).stdout.splitlines()
    functions: dict[str, Function] = {}
    for address, name, place in zip(addresses, lines[::2], lines[1::2], strict=True):
        path, _, line = place.partition(" ")[0].rpartition(":")
        file = os.path.normpath(path).partition("/include/sockboot/")[2]
        functions[address] = Function(short(name), "" if file in LEFT_OUT else file, line)
    return functions


def path_of(recording: Recording, functions: dict[str, Function]) -> tuple[list[Entry], int]:
    """Our entries from the call on, each with how many of ours are on the stack; and how many at the system call."""
    path: list[Entry] = []
    stack: list[int] = []  # the depths of ours, among all
    for address, depth in recording.entries:
        stack = [below for below in stack if below < depth]
        if functions[address].file and (path or functions[address].name == f"sockboot::{recording.call}"):
            stack.append(depth)
            path.append((address, len(stack)))
    return path, sum(1 for depth in stack if depth <= recording.depth)


def judge(recording: Recording, functions: dict[str, Function]) -> list[str]:
    """Prints each function where it is first entered, and the sums; returns what is wrong with them."""
    path, deep = path_of(recording, functions)
    calls, limits = f"{recording.call} before {SYSTEM_CALLS[recording.call]}", LIMITS[recording.call]
    if recording.depth < 0 or not path:
        return [f"{calls}: the one or the other was not seen"]
    times, first = Counter(address for address, _ in path), dict(reversed(path))
    for address, count in times.items():
        name, file, line = functions[address]
        print(f"{'  ' * (first[address] - 1)}{name}  {file}:{line}{f'  x{count}' if count > 1 else ''}")
    files = [functions[address].file for address, _ in path]
    changes = sum(before != after for before, after in pairwise(files))
    sums = {"functions": len(times), "files": len(set(files)), "deep": deep}
    text = ", ".join(f"{value} {what} (limit {limits[what]})" for what, value in sums.items())
    print(f"{calls}: {text}; {len(path)} entries, {changes} changes of file\n")
    return [f"{calls}: {value} {what}, over the limit of {limits[what]}"
            for what, value in sums.items() if value > limits[what]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=os.path.abspath, help="call_path.cpp, compiled")
    recordings = record(program := parser.parse_args().program)
    functions = resolve(program, recordings)
    if wrong := sum((judge(recording, functions) for _, recording in zip(LIMITS, recordings, strict=True)), []):
        raise SystemExit("\n".join(f"call_path: {sentence}" for sentence in wrong))


if __name__ == "__main__":
    main()
