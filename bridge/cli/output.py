"""Data on stdout, narration on stderr; text for people, one JSON document or JSON lines for programs."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.errors import BridgeError, ExitCode, Problem

if TYPE_CHECKING:
    import argparse

_NARROWEST = 40


def safe(value: object) -> str:
    """Make untrusted text harmless for a terminal: control characters are shown, not run."""
    from bridge.text.terminal import visible

    return visible(str(value))


def width() -> int:
    """Return the columns of the terminal (COLUMNS wins; 100 when it is not a terminal)."""
    return max(_NARROWEST, shutil.get_terminal_size((100, 24)).columns)


def colour(stream: Any) -> bool:
    """Tell whether colours are wanted: a terminal, and NO_COLOR unset."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def hanging(head: str, text: str) -> str:
    """Return `head` and `text`, broken at the terminal's width; later lines stand under the first word of `text`."""
    import textwrap

    room = width() - len(head) - 2
    if room < _NARROWEST:
        head, indent, room = head.rstrip() + "\n      ", " " * 6, width() - 8
    else:
        indent = " " * len(head)
    lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
    return head + f"\n{indent}".join(lines)


def bold(text: str) -> str:
    """Return `text` in bold where colours are wanted on stdout."""
    return f"\x1b[1m{text}\x1b[0m" if colour(sys.stdout) else text


def say(text: str = "") -> None:
    """Print one line of the answer for people; the text is ours or went through `safe`."""
    print(text)


def narrate(text: str) -> None:
    """Tell what is being done, on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table for people."""

    name: str
    title: str
    right: bool = False
    flexible: bool = False
    """May be cut to fit the terminal."""


def table(columns: Sequence[Column], rows: Sequence[dict[str, Any]]) -> None:
    """Print rows as a table that fits the terminal; cells are made harmless here."""
    from rich.cells import cell_len, set_cell_size

    cells = [[" ".join(safe("" if row.get(c.name) is None else row[c.name]).split()) for c in columns] for row in rows]
    widths = [max([cell_len(c.title), *(cell_len(line[i]) for line in cells)]) for i, c in enumerate(columns)]
    spare = width() - 2 - sum(widths) - 2 * (len(columns) - 1)
    flexible = [i for i, c in enumerate(columns) if c.flexible]
    while spare < 0 and flexible:
        widest = max(flexible, key=lambda i: widths[i])
        if widths[widest] <= len("…") + 8:
            break
        widths[widest] -= 1
        spare += 1

    def line(values: Sequence[str]) -> str:
        parts = []
        for value, size, column in zip(values, widths, columns, strict=True):
            short = value if cell_len(value) <= size else set_cell_size(value, size - 1) + "…"
            pad = " " * (size - cell_len(short))
            parts.append(pad + short if column.right else short + pad)
        return ("  " + "  ".join(parts)).rstrip()

    say(bold(line([c.title for c in columns])))
    for values in cells:
        say(line(values))


def data(args: argparse.Namespace, document: Any, *, records: str | None = None) -> None:
    """Print `document` as JSON, or its list `records` one a line for jsonl. Model dataclasses are fine inside."""
    from bridge.workflow.codec import to_plain

    plain = to_plain(document)
    if args.output == "jsonl":
        for row in plain[records] if records else [plain]:
            print(json.dumps(row, ensure_ascii=False))
    else:
        print(json.dumps(plain, indent=2, ensure_ascii=False))


def dry_run(args: argparse.Namespace, writes: Sequence[Any], lines: Sequence[str]) -> None:
    """Print what would be written, and that nothing was."""
    if args.output != "text":
        data(args, {"written": False, "writes": list(writes)}, records="writes")
        return
    for line in lines:
        say(safe(line))


def failure(args: argparse.Namespace, error: BridgeError, code: ExitCode) -> None:
    """Tell what went wrong, where, and what to do: on stderr for people, on stdout as data for programs."""
    if args.output != "text":
        document = {
            "error": {
                "message": error.message,
                "where": error.where,
                "hint": error.hint,
                "exit_code": int(code),
                "problems": [{"message": p.message, "where": p.where, "hint": p.hint} for p in error.problems],
            }
        }
        print(json.dumps(document, ensure_ascii=False, indent=2 if args.output == "json" else None))
        return
    lines = [f"error: {safe(error.message)}"]
    if error.where:
        lines.append(f"       at {safe(error.where)}")
    if [p.message for p in error.problems] != [error.message]:
        lines += [_problem(p) for p in error.problems]
    lines.append(f"       {safe(error.hint)}   (exit {int(code)})" if error.hint else f"       (exit {int(code)})")
    narrate("\n".join(lines))


def _problem(problem: Problem) -> str:
    place = f"{safe(problem.where)}: " if problem.where else ""
    hint = f"   {safe(problem.hint)}" if problem.hint else ""
    return f"       - {place}{safe(problem.message)}{hint}"
