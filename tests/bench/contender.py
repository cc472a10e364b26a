# SPDX-License-Identifier: MIT
"""One contender: its program bench_<name>, kept alive as a pair of processes that runs workloads on command."""
from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent


class Failure(Exception):
    """A contender, or what measures it, did not do its work."""


class TookTooLong(Failure):
    """A command was given up; its processes are gone."""


def in_namespace(command: list[str]) -> list[str]:
    """The command in a network of its own, where the names of the file `hosts` hold and two addresses are silent."""
    return ["sh", str(FOLDER / "in_namespace.sh"), *command]


def why_no_namespace() -> str:
    """Empty where in_namespace() works; otherwise the reason, in its own words."""
    tried = subprocess.run(in_namespace(["true"]), capture_output=True, text=True, check=False)
    said = (tried.stdout + tried.stderr).strip().removeprefix("SKIPPED: ")
    return "" if tried.returncode == 0 else said or "it does not say why"


class Contender:
    """The two processes of one contender, pinned by the program itself; asleep while no command runs."""

    def __init__(self, name: str, programs: Path, namespace: bool = False) -> None:
        self.name = name
        command = [str(programs / f"bench_{name}")]
        self._command = in_namespace(command) if namespace else command
        self._counts: dict[str, int] = {}
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         start_new_session=True)

    def renew(self, workload: str) -> None:
        """Other processes and another connection, warm for this workload."""
        self.close()
        self._start()
        self.run(f"{workload} {max(20, self._counts[workload] // 2)}")

    def run(self, command: str, seconds: float = 120) -> dict[str, Any]:
        """The answer to one command, such as "request 64 1000"."""
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(f"{command}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Failure(f"{self.name}: had ended before {command!r}") from None
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            self.kill()
            raise TookTooLong(f"{self.name}: no answer to {command!r} after {seconds} s")
        line = self._process.stdout.readline()
        if not line:
            raise Failure(f"{self.name}: ended in {command!r}")
        return json.loads(line)

    def can(self, workload: str) -> bool:
        """Looks at every byte of a few messages, untimed. False: the library has no such thing as this workload."""
        return self.run(f"verified {workload} {messages_to_verify(workload)}")["possible"]

    def calibrate(self, workload: str, seconds: float) -> None:
        """Finds the count of messages that takes about so long, at least 20; it also warms the connection up."""
        count = 20
        for _ in range(12):
            took = self.run(f"{workload} {count}")["seconds"]
            wanted = max(20, int(count * min(seconds / took, 20)))
            settled = took > seconds / 3 or wanted == count == 20
            count = wanted
            if settled:
                break
        self._counts[workload] = count

    def sample(self, workload: str) -> dict[str, Any]:
        """One timed run: messages a second; processor nanoseconds and allocations per message, [client, server]."""
        count = self._counts[workload]
        answer = self.run(f"{workload} {count}")
        return {
            "rate": count / answer["seconds"],
            "processor_ns": [seconds / count * 1e9 for seconds in answer["processor"]],
            "allocations": [number / count for number in answer["allocations"]],
        }

    def kill(self) -> None:
        """Ends both processes at once."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def close(self) -> None:
        """Lets both processes end by themselves."""
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.close()
            self._process.wait(timeout=5)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.kill()
        self._process.stdout.close()


def messages_to_verify(workload: str) -> int:
    """Enough for every buffer to go round, and not so many that filling them takes long."""
    kind, what = workload.split()
    return 3 if kind == "connect" else max(3, min(5000, (8 << 20) // max(int(what), 1)))


class Contenders:
    """The contenders that have been asked for so far, each started once."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._running: dict[tuple[str, bool], Contender] = {}

    def get(self, name: str, namespace: bool = False) -> Contender:
        """The contender `name`; `name#2` is a second instance of it."""
        key = (name, namespace)
        if key not in self._running:
            self._running[key] = Contender(name.partition("#")[0], self._programs, namespace)
        return self._running[key]

    def close(self) -> None:
        for contender in self._running.values():
            contender.close()
        self._running.clear()
