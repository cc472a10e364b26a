# SPDX-License-Identifier: MIT
"""What one message costs in system calls (strace) and in user-space instructions (callgrind): counted, not timed.

Each program runs twice, with different numbers of messages: what a message costs is the difference of the two counts
over the difference of the two numbers, so that start and end of the program do not matter.
"""
from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Callable

from contender import Failure

Counts = tuple[int, int]  # of the client, of the server
Counter = Callable[[str, str], Counts]


def run(command: list[str]) -> int:
    """Runs it to its end, and returns its process id."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        _, complaints = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        raise Failure(f"{command[-2:]}: not done after 120 s under {command[0]}") from None
    if process.returncode != 0:
        raise Failure(f"{command[-2:]}: failed under {command[0]}: {complaints.strip()}")
    return process.pid


def server_tasks(traces: dict[int, str]) -> set[int]:
    """The processes and threads of the server: what the first process forked, and the threads of that."""
    made = {int(child): (task, "CLONE_THREAD" in call)
            for task, text in traces.items()
            for call, child in re.findall(r"^((?:clone3?|v?fork)\(.*) = (\d+)$", text, re.MULTILINE)}

    def is_server(task: int) -> bool:
        if task not in made:
            return False
        parent, thread = made[task]
        return is_server(parent) if thread else True

    return {task for task in traces if is_server(task)}


def system_calls(program: str, command: str) -> Counts:
    """All system calls of both processes, with all their threads."""
    with tempfile.TemporaryDirectory() as folder:
        run(["strace", "-ff", "-qq", "-o", f"{folder}/trace", program, command])
        traces = {int(file.suffix[1:]): file.read_text(errors="replace") for file in Path(folder).iterdir()}
    server = server_tasks(traces)
    calls = {task: len(re.findall(r"^\w+\(", text, re.MULTILINE)) for task, text in traces.items()}
    of_server = sum(calls[task] for task in server)
    return sum(calls.values()) - of_server, of_server


def instructions(program: str, command: str) -> Counts:
    """All user-space instructions of both processes."""
    with tempfile.TemporaryDirectory() as folder:
        client = run(["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={folder}/%p", program, command])
        totals = {int(file.name): sum(map(int, re.findall(r"^totals: (\d+)", file.read_text(), re.MULTILINE)))
                  for file in Path(folder).iterdir()}
    of_client = totals.pop(client)
    return of_client, sum(totals.values())


def per_message(count: Counter, program: str, workload: str, numbers: tuple[int, int]) -> list[float]:
    """[client, server]"""
    few, many = (count(program, f"{workload} {number}") for number in numbers)
    return [(more - less) / (numbers[1] - numbers[0]) for less, more in zip(few, many)]


def missing_tools() -> list[str]:
    return [tool for tool in ("strace", "valgrind") if shutil.which(tool) is None]
