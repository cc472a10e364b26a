# SPDX-License-Identifier: MIT
"""What the numbers were measured on and with. No host name, no path: results are published."""
from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from pathlib import Path

PACKAGES = ("libasio-dev", "libzmq3-dev", "libpoco-dev", "libuv1-dev", "strace", "valgrind")


def output_of(*command: str) -> str:
    """Its standard output, or nothing where it does not work."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def processor() -> str:
    """The processor's name, and whether it is a virtual one."""
    text = Path("/proc/cpuinfo").read_text()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    kind = ", virtual machine" if " hypervisor " in text else ""
    return (names[0] if names else platform.machine()) + kind


def versions() -> dict[str, str]:
    """Of the packages as Debian calls them."""
    lines = output_of("dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PACKAGES).splitlines()
    return dict(line.split(" ", 1) for line in lines if " " in line)


def describe(programs: Path) -> dict[str, object]:
    """`programs` has a build.json, which CMake writes: the compiler and how it was called."""
    build = programs / "build.json"
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": output_of("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "build": json.loads(build.read_text()) if build.exists() else {},
        "packages": versions(),
    }
