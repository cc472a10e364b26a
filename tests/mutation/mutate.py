#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mutate.py [--seed N] [--count N] [--only TEXT] [--at-least PERCENT] [--jobs N] [--root DIR] [--scratch DIR] [--list]

Changes one token of a header at a time and looks whether a test fails: what survives is what no test has asked for.

    python3 tests/mutation/mutate.py --seed 1 --count 100 --at-least 97

The headers are those of TESTS below, each with the tests that know it, the likeliest killer first. A change is an
operator for its neighbour, a number for one beside it or for 0 or 1, true for false, one Operation for another, a `!`
left out, a bool returned negated, a call or an assignment left out. Comments, literals, directives, attributes,
template heads, static_asserts and what stands in requires are left alone. One seed and one tree make one list of
changes.

Each job has its own copy of include/ in the scratch folder; the tree itself is never written to. A test file is
compiled with -O0 and run; the first that fails, or hangs, ends it:

    killed           a test failed, hung, or a static_assert did not hold
    does not compile no program, so it counts for nothing
    survived         every test passed: write one, or explain in equivalent.txt why nothing observable has changed
    equivalent       explained there; counts for nothing

The percentage is that of the killed among the killed and the survived. Exit status: 1 where it is below --at-least; 2
where a test fails without any change. --list prints what would be changed, and every explanation that fits nothing
in the headers any more. Wants a compiler named by CXX (default g++) and Catch2, version 2 or 3.
"""
from __future__ import annotations

import argparse
import os
import queue
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "checks"))
from sizes import DIRECTIVE, TOKEN  # noqa: E402

HEADERS = Path("include/sockboot")
FRAMING = ["framing_test.cpp", "framing_bytes_test.cpp", "framing_delimiter_test.cpp"]
CHANNEL = ["message_channel_test.cpp", "message_channel_time_test.cpp", "message_channel_errors_test.cpp",
           "message_channel_socket_test.cpp", "message_channel_exact_test.cpp", "wrong_peer_test.cpp",
           "faults/exceptions.cpp"]
CONNECT = ["connect_to_test.cpp", "connect_to_any_test.cpp"]

# For each header the tests that know it, the likeliest killer first.
TESTS = {
    "timeout.hpp": ["timeout_test.cpp", "wait_policy_test.cpp", "connect_to_any_test.cpp"],
    "framing.hpp": [*FRAMING, "length_prefix_test.cpp", *CHANNEL, "framing_counterparts_test.cpp"],
    "length_prefix.hpp": ["length_prefix_test.cpp", "framing_test.cpp", "message_test.cpp", "formats_test.cpp",
                          "message_channel_errors_test.cpp", "message_channel_test.cpp", "framing_bytes_test.cpp",
                          "framing_counterparts_test.cpp", "framing_counterparts_write_test.cpp",
                          "wrong_peer_test.cpp"],
    "delimiter.hpp": ["delimiter_test.cpp", "framing_delimiter_test.cpp", "framing_bytes_test.cpp",
                      "message_channel_test.cpp", "message_channel_errors_test.cpp"],
    "detail/framing/adaptive_size.hpp": ["adaptive_size_test.cpp", "message_channel_test.cpp"],
    "detail/framing/frame_codec.hpp": [*FRAMING, "length_prefix_test.cpp", "message_channel_test.cpp"],
    "detail/framing/message_reader.hpp": CHANNEL,
    "detail/framing/message_writer.hpp": CHANNEL,
    "transfer.hpp": ["transfer_test.cpp", "message_test.cpp", "graceful_close_test.cpp",
                     "message_channel_time_test.cpp", "faults/wrapped_transfer.cpp"],
    "message.hpp": ["message_test.cpp", "wrong_peer_test.cpp", "formats_test.cpp", "faults/wrapped_transfer.cpp",
                    "canceller_test.cpp"],
    "message_channel.hpp": CHANNEL,
    "detail/connect/race.hpp": ["race_test.cpp", "connect_to_test.cpp", "faults/wrapped_setup.cpp"],
    "connect_to.hpp": [*CONNECT, "faults/wrapped_waits.cpp", "faults/wrapped_resolve.cpp",
                       "faults/wrapped_setup.cpp"],
    "detail/connect/connector.hpp": ["connect_to_test.cpp", "os_test.cpp", "faults/wrapped_setup.cpp",
                                     "faults/wrapped_waits.cpp", "connect_to_any_test.cpp", "canceller_test.cpp"],
}

# Binary operators stand between spaces; an angle bracket, a reference and a pointer do not.
BINARY = {"<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="],
          "&&": ["||"], "||": ["&&"], "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "+=": ["-="], "-=": ["+="],
          "<<": [">>"], ">>": ["<<"], "&": ["|"], "|": ["&"]}
OPERATIONS = {"connect": ["accept"], "accept": ["receive"], "receive": ["send"], "send": ["connect"]}
WORDS = {"true": ["false"], "false": ["true"], "++": ["--"], "--": ["++"], "!": [""]}
PIECE = re.compile(r"""
      (?P<word> [A-Za-z_]\w* ) | (?P<number> \.?\d(?: '\w | [eEpP][+-] | [\w.] )* )
    | (?P<operator> <=> | <<= | >>= | -> | \+\+ | -- | [<>=!+\-*/|&]= | << | >> | && | \|\| | :: | [<>=!+\-*/|&] )
    """, re.VERBOSE)
INTEGER = re.compile(r"(0[xX][0-9a-fA-F']+|[0-9][0-9']*)([uUlLzZ]*)$")

CONTROL = re.compile(r"\s*(?:else\b|(?:if|for|while)\b(?:\s*constexpr)?\s*(?=\())\s*")
OTHER_STATEMENT = re.compile(r"(?:return|throw|delete|using|break|continue|case|default|do|friend|typedef)\b")
ASSIGNMENT = re.compile(r"\*?(?:this->)?[\w.:>\[\]-]+(?:\(\)[\w.]*)*\s*(?:[-+*/|&]|<<|>>)?=(?!=)")
CALL = re.compile(r"[\w.:>\[\]-]+(?:<[\w:]+>)?\(.*\)$", re.DOTALL)
BOOL_FUNCTION = re.compile(r"\bbool\s+(?:\w+::)*\w+\s*\(|\boperator bool\s*\(")
INNER_BLOCK = re.compile(r"^\s*(?:(?:if|for|while|switch)\b.*|else\b.*|do\s*)?$", re.DOTALL)

COMPILE_SECONDS = 300
LEAST_SECONDS = 20  # that a test may take, however fast it is unchanged
SLOWER = 8  # than unchanged: beyond that it hangs
MEMORY_KIB = 12 << 20  # of address space: a buffer that grows for ever is a failure, and not the machine's


@dataclass(frozen=True)
class Change:
    """What is written in the place of `length` bytes at `offset`."""
    offset: int
    length: int
    text: str
    name: str


@dataclass
class Mutant:
    file: str
    line: int
    code: str  # of the line, its white space made one
    change: Change

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.change.name}\n    {self.code}"


@dataclass
class Verdict:
    name: str  # "killed", "survived", "equivalent" or "does not compile"
    by: str = ""


@dataclass
class Level:
    """An open bracket, and where the statement began that is being read in it."""
    bracket: str
    start: int
    returns_bool: bool = False


def blank(text: str) -> str:
    """As many characters, with the line breaks in their places."""
    return re.sub(r"[^\n]", " ", text)


def closing(code: str, begin: int) -> int:
    """Behind the bracket that closes the one at `begin`."""
    pairs, depth = {"(": ")", "{": "}", "[": "]", "<": ">"}, 0
    opens, closes = code[begin], pairs[code[begin]]
    for i in range(begin, len(code)):
        depth += (code[i] == opens) - (code[i] == closes)
        if depth == 0:
            return i + 1
    raise ValueError(f"no {closes} for the {opens} at {begin}")


def without(code: str, pattern: str) -> str:
    """Blanks whatever begins with `pattern`, up to the bracket that closes the one at the match's end."""
    for match in re.finditer(pattern, code):
        end = closing(code, match.end() - 1)
        code = code[:match.start()] + blank(code[match.start():end]) + code[end:]
    return code


def code_of(text: str) -> str:
    """What may be changed of `text`; all else is blank, and everything stays where it was."""
    code = TOKEN.sub(lambda match: match[0] if match["word"] else blank(match[0]), text)
    code = DIRECTIVE.sub(lambda match: blank(match[0]), code)
    for pattern in (r"\bstatic_assert\s*\(", r"\[(?=\[)", r"\btemplate\s*<", r"\brequires\s*\("):
        code = without(code, pattern)
    return without(code, r"\brequires\s*\{")


def between_spaces(code: str, begin: int, end: int) -> bool:
    return code[begin - 1].isspace() and code[end].isspace() and not re.match(r"\s*[{;]", code[end:end + 3])


def numbers_beside(number: str) -> list[str]:
    found = INTEGER.match(number)
    if not found:
        return []
    value = int(found[1].replace("'", ""), 16 if found[1][:2] in ("0x", "0X") else 10)
    return [f"{other}{found[2]}" for other in sorted({0, 1, value - 1, value + 1} - {value, -1})]


def token_sites(code: str) -> Iterator[list[Change]]:
    for match in PIECE.finditer(code):
        token, begin, end = match[0], match.start(), match.end()
        others: list[str] = []
        if match["number"]:
            others = numbers_beside(token)
        elif token in WORDS:
            others = WORDS[token]
        elif code.endswith("Operation::", 0, begin):
            others = OPERATIONS.get(token, [])
        elif match["operator"] and between_spaces(code, begin, end):
            others = BINARY.get(token, [])
        if others:
            yield [Change(begin, len(token), other, f"{token} -> {other or 'nothing'}") for other in others]


def simple_part(code: str, begin: int, end: int) -> int:
    """Where, behind if (…), else and their kin, the statement itself begins."""
    while found := CONTROL.match(code, begin, end):
        begin = found.end()
        if not found[0].strip().startswith("else"):
            begin = closing(code, begin)
    return begin + len(code[begin:end]) - len(code[begin:end].lstrip())


def statement_sites(text: str, code: str, level: Level, end: int) -> Iterator[list[Change]]:
    begin = simple_part(code, level.start, end)
    statement = code[begin:end]
    if level.returns_bool and statement.startswith("return "):
        value = text[begin + len("return "):end]
        if value not in ("true", "false"):
            yield [Change(begin, end - begin, f"return !({value})", "return of the other bool")]
    elif not OTHER_STATEMENT.match(statement) and (ASSIGNMENT.match(statement) or CALL.match(statement)):
        yield [Change(begin, end - begin, "", "left out: " + " ".join(text[begin:end].split()))]


def block_sites(text: str, code: str) -> Iterator[list[Change]]:
    """The statements: those that end with a semicolon in a brace."""
    levels = [Level("{", 0)]
    for i, c in enumerate(code):
        top = levels[-1]
        if c in "({[":
            head = code[top.start:i] if top.bracket == "{" else "["
            inherits = c == "{" and bool(INNER_BLOCK.match(head))
            levels.append(Level(c, i + 1, top.returns_bool if inherits else bool(BOOL_FUNCTION.search(head))))
        elif c in ")}]":
            levels.pop()
            if c == "}" and not re.match(r"\s*[,;).\]]", code[i + 1:i + 80]):
                levels[-1].start = i + 1
        elif c == ";" and top.bracket == "{":
            yield from statement_sites(text, code, top, i)
            top.start = i + 1


def numbered(changes: list[Change], line_begin: int, seen: dict[tuple[int, str], int]) -> list[Change]:
    """Tells equal changes in one line apart."""
    named = []
    for change in changes:
        nth = seen[line_begin, change.name] = seen.get((line_begin, change.name), 0) + 1
        name = change.name if nth == 1 else f"{change.name} #{nth}"
        named.append(Change(change.offset, change.length, change.text, name))
    return named


def sites_of(root: Path, file: str) -> Iterator[list[Mutant]]:
    """The places in a header that can be changed, each with its changes."""
    text = (root / HEADERS / file).read_text(encoding="utf-8")
    code = code_of(text)
    found = sorted([*token_sites(code), *block_sites(text, code)], key=lambda site: (site[0].offset, site[0].name))
    seen: dict[tuple[int, str], int] = {}
    for site in found:
        line_begin = text.rfind("\n", 0, site[0].offset) + 1
        line = text[line_begin:text.find("\n", line_begin)]
        shown = " ".join(re.sub(r"\s//.*", "", line).split())
        number = text.count("\n", 0, line_begin) + 1
        yield [Mutant(file, number, shown, change) for change in numbered(site, line_begin, seen)]


def explained(path: Path) -> dict[tuple[str, str, str], str]:
    """equivalent.txt: of each change its header and name, its line, and behind them the reason."""
    known = {}
    for entry in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")) if path.exists() else []:
        lines = [line.strip() for line in entry.splitlines() if line.strip() and not line.startswith("#")]
        if not lines:
            continue
        file, _, change = lines[0].partition(": ")
        if len(lines) < 3:
            raise SystemExit(f"{path.name}: no line or no reason for {lines[0]}")
        known[file, change, lines[1]] = " ".join(lines[2:])
    return known


def key(mutant: Mutant) -> tuple[str, str, str]:
    return mutant.file, mutant.change.name, mutant.code


class Failed(Exception):
    """A command that did not end well; its argument is what it wrote."""


def run(command: list[str], seconds: float) -> str:
    """Runs a command in a process group of its own, which is gone when this returns."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          start_new_session=True) as process:
        try:
            output = process.communicate(timeout=seconds)[0].decode(errors="replace")
        except subprocess.TimeoutExpired as late:
            raise Failed("hangs") from late
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)  # also what it left behind
            except ProcessLookupError:
                pass
    if process.returncode != 0:
        raise Failed(output)
    return output


@dataclass
class Bench:
    """What all jobs share: the tree, the scratch folder, and what was compiled once."""
    root: Path
    scratch: Path
    seconds: dict[str, float] = field(default_factory=dict)  # of each test, unchanged

    @property
    def compiler(self) -> list[str]:
        flags = ["-std=gnu++20", "-O0", "-w", "-U_FORTIFY_SOURCE", f"-I{self.root / 'tests'}"]
        return [*shlex.split(os.environ.get("CXX", "g++")), *flags]

    def compile_once(self) -> None:
        """A precompiled catch.hpp, a main() where Catch2 has none, and what some of the fault tests are linked with."""
        (self.scratch / "catch_first.hpp").write_text('#include "catch.hpp"\n')
        commands = [["-x", "c++-header", str(self.scratch / "catch_first.hpp"), "-o",
                     str(self.scratch / "catch_first.hpp.gch")]]
        if not self.has_catch_3:
            commands.append(["-c", str(self.root / "tests/main.cpp"), "-o", str(self.scratch / "main.o")])
        for helper in ("wrap", "no_memory"):
            if (source := self.root / f"tests/faults/{helper}.cpp").exists():
                commands.append(["-c", str(source), "-o", str(self.scratch / f"{helper}.o")])
        for command in commands:
            if not Path(command[-1]).exists():
                run([*self.compiler, *command], COMPILE_SECONDS)

    @property
    def has_catch_3(self) -> bool:
        probe = ["-E", "-x", "c++", "-include", "catch2/catch_test_macros.hpp", "/dev/null"]
        try:
            run([*self.compiler, *probe], COMPILE_SECONDS)
        except Failed:
            return False
        return True

    def link_options(self, test: str) -> list[str]:
        options = ["-lCatch2Main", "-lCatch2"] if self.has_catch_3 else [str(self.scratch / "main.o")]
        if test.startswith("faults/wrapped_"):
            rules = (self.root / "tests/faults/CMakeLists.txt").read_text(encoding="utf-8")
            calls = re.search(r"foreach\(call IN ITEMS\s+(.*?)\)", rules, re.DOTALL)[1].split()
            options += [str(self.scratch / "wrap.o"), *(f"-Wl,--wrap={call}" for call in calls)]
        if test == "faults/exceptions.cpp":
            options.append(str(self.scratch / "no_memory.o"))
        return [*options, "-pthread", "-ldl"]

    def check(self, folder: Path, test: str) -> None:
        """Compiles and runs one test with the headers in `folder`. Failed: the compiler's words, or "test: …"."""
        source, made, program = self.root / "tests" / test, folder / "test.o", folder / "test"
        run([*self.compiler, f"-I{folder / 'include'}", "-include", str(self.scratch / "catch_first.hpp"), "-c",
             str(source), "-o", str(made)], COMPILE_SECONDS)
        run([*self.compiler, str(made), *self.link_options(test), "-o", str(program)], COMPILE_SECONDS)
        allowed = max(LEAST_SECONDS, SLOWER * self.seconds.get(test, COMPILE_SECONDS))
        began = time.monotonic()
        try:
            run(["sh", "-c", f"ulimit -v {MEMORY_KIB}; ulimit -c 0; exec \"$0\"", str(program)], allowed)
        except Failed as failure:
            raise Failed(f"test: {failure}") from failure
        self.seconds.setdefault(test, time.monotonic() - began)

    def judge(self, folder: Path, mutant: Mutant) -> Verdict:
        """What the tests say of a change; the headers in `folder` are as they were when this returns."""
        path = folder / HEADERS / mutant.file
        original, change = path.read_bytes(), mutant.change
        text = original.decode()
        path.write_text(text[:change.offset] + change.text + text[change.offset + change.length:], encoding="utf-8")
        try:
            for test in TESTS[mutant.file]:
                self.check(folder, test)
        except Failed as failure:
            words = str(failure)
            if words.startswith("test: "):
                return Verdict("killed", test + (", which hangs" if words == "test: hangs" else ""))
            return Verdict("killed", "a static_assert") if "static assert" in words else Verdict("does not compile")
        finally:
            path.write_bytes(original)
        return Verdict("survived")


def new_folder(bench: Bench, name: str) -> Path:
    folder = bench.scratch / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(bench.root / "include", folder / "include")
    return folder


def check_unchanged(bench: Bench, tests: list[str]) -> None:
    folder = new_folder(bench, "unchanged")
    for test in tests:
        try:
            bench.check(folder, test)
        except Failed as failure:
            print(failure)
            print(f"{test} fails without any change")
            sys.exit(2)


def judged(bench: Bench, chosen: list[Mutant], known: dict[tuple[str, str, str], str], jobs: int) -> Iterator[Verdict]:
    """The verdicts in the order of `chosen`; each job has a folder of its own."""
    folders: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for job in range(jobs):
        folders.put(new_folder(bench, f"job_{job}"))

    def one(mutant: Mutant) -> Verdict:
        if key(mutant) in known:
            return Verdict("equivalent", known[key(mutant)])
        folder = folders.get()
        try:
            return bench.judge(folder, mutant)
        finally:
            folders.put(folder)

    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(one, chosen)


def chosen_from(sites: list[list[Mutant]], seed: int, count: int) -> list[Mutant]:
    random_ = random.Random(seed)
    picked = random_.sample(sites, min(count, len(sites)))
    chosen = [site[random_.randrange(len(site))] for site in picked]
    return sorted(chosen, key=lambda mutant: (list(TESTS).index(mutant.file), mutant.change.offset))


def report(bench: Bench, chosen: list[Mutant], known: dict[tuple[str, str, str], str], jobs: int) -> float:
    """Prints what becomes of each change; returns the percentage."""
    totals = dict.fromkeys(("killed", "survived", "equivalent", "does not compile"), 0)
    for mutant, verdict in zip(chosen, judged(bench, chosen, known, jobs)):
        totals[verdict.name] += 1
        print(f"{verdict.name}: {mutant}" + (f"\n    {verdict.by}" if verdict.by else ""), flush=True)
    decided = totals["killed"] + totals["survived"]
    percent = 100 * totals["killed"] / decided if decided else 100.0
    print(", ".join(f"{count} {name}" for name, count in totals.items()) + f": {percent:.1f} % killed")
    return percent


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the choice (default: 1)")
    parser.add_argument("--count", type=int, default=50, metavar="N", help="changes to try (default: 50)")
    parser.add_argument("--only", default="", metavar="TEXT", help="headers with this in their name")
    parser.add_argument("--at-least", type=float, default=0, metavar="PERCENT", help="that must be killed")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="at once (default: 2)")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2], metavar="DIR",
                        help="the tree (default: the one of this file)")
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="kept, with what is compiled once")
    parser.add_argument("--list", action="store_true", help="only print the changes")
    return parser.parse_args()


def print_list(sites: list[list[Mutant]], chosen: list[Mutant], known: dict[tuple[str, str, str], str]) -> None:
    for mutant in chosen:
        print(mutant)
    possible = {key(mutant) for site in sites for mutant in site}
    for file, change, code in sorted(set(known) - possible):
        print(f"equivalent.txt explains what is not there: {file}: {change}\n    {code}")
    print(f"{len(chosen)} of {len(sites)} places")


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the tests of the moment end with it
    asked = options()
    files = [file for file in TESTS if asked.only in file]
    sites = [site for file in files for site in sites_of(asked.root, file)]
    chosen = chosen_from(sites, asked.seed, asked.count)
    known = explained(asked.root / "tests/mutation/equivalent.txt")
    if asked.list:
        print_list(sites, chosen, {entry: why for entry, why in known.items() if entry[0] in files})
        return 0
    with tempfile.TemporaryDirectory(prefix="mutation_") as temporary:
        bench = Bench(asked.root.resolve(), (asked.scratch or Path(temporary)).resolve())
        bench.scratch.mkdir(parents=True, exist_ok=True)
        bench.compile_once()
        tests = [test for file in files for test in TESTS[file] if any(mutant.file == file for mutant in chosen)]
        check_unchanged(bench, list(dict.fromkeys(tests)))
        return 1 if report(bench, chosen, known, asked.jobs) < asked.at_least else 0


if __name__ == "__main__":
    sys.exit(main())
