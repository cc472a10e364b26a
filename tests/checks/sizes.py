#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sizes.py [--root DIR]

Names what has grown too large under DIR/include: a file, the body of a function, or all files together.
"""
from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

FILE_LINES = 300
BODY_LINES = 40
ALL_LINES = 7_600  # the core with its resolver, log, formats and guesses at wrong peers; a new layer brings its own

# Words and numbers are tokens too, so that no literal begins inside of one: 1'000'000 holds no character.
TOKEN = re.compile(r"""
      (?: u8 | [uUL] )? R"(?P<mark>[^()\\\s]*)\( .*? \)(?P=mark)"
    | //[^\n]* | /\*.*?\*/
    | "(?: \\. | [^"\\\n] )*"
    | (?P<word> [A-Za-z_]\w* | \.?\d(?: '\w | [eEpP][+-] | [\w.] )* )
    | '(?: \\. | [^'\\\n] )+'
    """, re.VERBOSE | re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*\#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
PIECE = re.compile(r"[{};\n]|[^{};\n]+")

# A head is the text ahead of a brace. It is flattened before it is read: @ is what stood in parentheses, $ in braces.
OPERATOR = re.compile(r"\boperator\s*(?:\(\s*\)|[^\w\s(]+)")
ATTRIBUTE = re.compile(r"\[\[.*?\]\]")
PARENTHESES = re.compile(r"\([^()]*\)")
ANGLES = re.compile(r"<[^<>]*>")
NO_PARAMETERS = re.compile(r"\b(?:alignas|decltype|explicit|noexcept|sizeof)\s*@")
REQUIREMENTS = re.compile(r"(?:=|&&|\|\||!|\brequires)\s*requires\s*@?$")
TYPE = re.compile(r"\b(namespace|class|struct|union|enum)\b[^@]*$")
INITIALISERS = re.compile(r"@[^?]*:")
NAME = re.compile(r"(operator\s*(?:\(\s*\)|[^\w\s(]+|\w+)|~?\w+)\s*\(")
NOT_A_NAME = {"alignas", "decltype", "explicit", "noexcept", "requires", "sizeof"}


@dataclass
class Offender:
    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


@dataclass
class Scope:
    """What a brace opened: "outer" (a namespace or class), "function", or "block" (all else)."""
    kind: str
    name: str
    line: int
    head: str = ""  # of what may come next in it


@dataclass
class Body:
    name: str
    line: int
    lines: int


class Unbalanced(Exception):
    """The braces of a file; its argument is the line."""


def plain(match: re.Match[str]) -> str:
    """What is left of a token: the word, or the line breaks of a literal or comment."""
    if match["word"]:
        return match[0]
    return " " + "\n" * match[0].count("\n")


def code_of(text: str) -> str:
    """`text` without comments, literals and directives; each line stays where it was."""
    return DIRECTIVE.sub(lambda match: "\n" * match[0].count("\n"), TOKEN.sub(plain, text))


def until_stable(pattern: re.Pattern[str], replacement: str, text: str) -> str:
    """Replaces from the innermost outwards."""
    while True:
        text, count = pattern.subn(replacement, text)
        if count == 0:
            return text


def flattened(head: str) -> str:
    flat = ATTRIBUTE.sub(" ", OPERATOR.sub("operator_", head))
    flat = flat.replace("->", " ").replace("::", "_")
    return until_stable(ANGLES, " ", until_stable(PARENTHESES, "@", flat)).strip()


def kind_of(head: str) -> str:
    """What the brace behind `head` opens in a namespace or class."""
    flat = flattened(head)
    if "(" in flat or flat.endswith(("=", ",")) or REQUIREMENTS.search(flat):
        return "block"  # an argument, a value, or what a concept asks for
    flat = NO_PARAMETERS.sub("", flat).strip()
    if found := TYPE.search(flat):
        return "block" if found[1] == "enum" else "outer"
    if "@" not in flat:
        return "outer" if flat == "extern" else "block"  # extern "C", or the value of a variable
    if INITIALISERS.search(flat) and not flat.endswith(("@", "$", "...")):
        return "block"  # the value of a member, in the initialisers of a constructor
    return "function"


def name_of(head: str) -> str:
    for found in NAME.finditer(head):
        if found[1] not in NOT_A_NAME:
            return found[1]
    return "a function"


def opened(outer: Scope, line: int) -> Scope:
    """The scope of a brace on `line` inside of `outer`."""
    if outer.kind != "outer":
        return Scope("block", "", line)
    return Scope(kind_of(outer.head), name_of(outer.head), line)


def bodies(code: str) -> Iterator[Body]:
    """The functions of namespaces and classes; what is inside of a function is part of it."""
    scopes = [Scope("outer", "", 1)]
    line = 1
    for piece in PIECE.findall(code):
        if piece == "{":
            scopes.append(opened(scopes[-1], line))
        elif piece == "}":
            scope = scopes.pop()
            if not scopes:
                raise Unbalanced(line)
            scopes[-1].head = scopes[-1].head + "$" if scope.kind == "block" else ""
            if scope.kind == "function":
                yield Body(scope.name, scope.line, line - scope.line + 1)
        elif piece == ";":
            scopes[-1].head = ""
        else:
            line += piece == "\n"
            scopes[-1].head += " " if piece == "\n" else piece
    if len(scopes) > 1:
        raise Unbalanced(scopes[-1].line)


def offenders_in(file: str, text: str) -> Iterator[Offender]:
    lines = len(text.splitlines())
    if lines > FILE_LINES:
        yield Offender(file, FILE_LINES + 1, f"the file has {lines} lines, {FILE_LINES} are allowed")
    try:
        for body in bodies(code_of(text)):
            if body.lines > BODY_LINES:
                yield Offender(file, body.line, f"{body.name} has {body.lines} lines, {BODY_LINES} are allowed")
    except Unbalanced as error:
        yield Offender(file, error.args[0], "a brace has no partner: branches of #if share one, or sizes.py errs")


def offenders(root: Path) -> Iterator[Offender]:
    files = sorted(path for path in (root / "include").rglob("*") if path.is_file())
    if not files:
        yield Offender("include", 1, "there are no files")
    total = 0
    for path in files:
        text = path.read_text(encoding="utf-8")
        total += len(text.splitlines())
        yield from offenders_in(path.relative_to(root).as_posix(), text)
    if total > ALL_LINES:
        yield Offender("include", 1, f"the files have {total} lines in total, {ALL_LINES} are allowed")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2], metavar="DIR",
                        help="the tree (default: the one of this file)")
    found = list(offenders(parser.parse_args().root))
    for offender in found:
        print(offender)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
