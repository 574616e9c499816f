"""Samples of what real programs write, with what each line is; ␛ is the escape character: `tests/cases/log_programs/*.txt`.

    === NAME | FORMAT that is sniffed | OPTIONS of the source, as YAML      (a declared format is among the options)
    lines of the log
    --- rejected N        (N lines that are no event; none: left out)
    SECONDS LEVEL [+JOINED] MESSAGE

SECONDS are those after 2026-03-10T02:00:00Z; `-` is no level; a message that ends with `…` is told by its beginning.
Below the line that begins the event, JOINED further ones belong to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from bridge.logs import sniff
from bridge.logs.options import parse_sources
from bridge.logs.paths import LogFile
from bridge.logs.selection import read_all
from bridge.ports import LogResult

CASES = Path(__file__).parents[1] / "cases" / "log_programs"
_START = datetime(2026, 3, 10, 2, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One sample."""

    name: str
    format: str
    options: dict[str, Any]
    text: str
    rejected: int
    events: tuple[tuple[float, str, int, str], ...]
    """Seconds, level, joined lines, message."""


def programs() -> list[Program]:
    """Return all samples."""
    return [program for path in sorted(CASES.glob("*.txt")) for program in _file(path.read_text(encoding="utf-8"))]


def _file(text: str) -> list[Program]:
    found = []
    for part in f"\n{text}".split("\n=== ")[1:]:
        head, _, rest = part.partition("\n")
        name, kind, *options = (cell.strip() for cell in head.split(" | "))
        lines, mark, answer = rest.rpartition("\n---")
        assert mark, name
        first, _, below = answer.partition("\n")
        events = [re.fullmatch(r"(\S+) (\S+)(?: \+(\d+))?(?: (.*))?", line) for line in below.splitlines()]
        found.append(
            Program(
                name=name,
                format=kind,
                options=yaml.safe_load("{" + "".join(options) + "}") or {},
                text=lines.replace("␛", "\x1b") + "\n",
                rejected=int(first.removeprefix(" rejected ")) if first.strip() else 0,
                events=tuple(
                    (float(one[1]), one[2].replace("-", "", 1) if one[2] == "-" else one[2], int(one[3] or 0), one[4] or "")
                    for one in events
                    if one
                ),
            )
        )
    return found


def read(program: Program, *, without: str = "") -> LogResult:
    """Return what is read of a sample, one of its options left out."""
    options = {key: value for key, value in program.options.items() if key != without}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.log"
        path.write_text(program.text, encoding="utf-8")
        source = parse_sources({"sources": [{"paths": ["x"], **options}]}, "")[0]
        return read_all([LogFile(path=path, name="a.log", options=source)])


def wrong(program: Program) -> list[str]:
    """Return what is not as the sample says."""
    result = read(program)
    found = []
    if "format" not in program.options:
        kind = sniff.sniff(program.text.encode()).name
        if kind != program.format:
            found.append(f"sniffed as {kind}, not {program.format}")
    counts = result.counts
    if counts["lines"] != program.text.count("\n") or counts["lines"] != counts["parsed"] + counts["joined"] + counts["rejected"]:
        found.append(f"the account: {counts}")
    if counts["rejected"] != program.rejected:
        assert result.rejects is not None
        why = [(row["reason"], row["raw"][:60]) for row in result.rejects.to_pylist()[:3]]
        found.append(f"{counts['rejected']} rejected, not {program.rejected}: {why}")
    rows = sorted(result.table.to_pylist(), key=lambda row: (row["offset"], row["at"]))
    if len(rows) != len(program.events):
        found.append(f"{len(rows)} events, not {len(program.events)}")
    for row, (seconds, level, _, message) in zip(rows, program.events, strict=False):
        first = row["message"].partition("\n")[0]
        at = round(row["at"].timestamp() - _START, 6)
        fits = first.startswith(message[:-1]) if message.endswith("…") else first == message
        if (at, row["level"]) != (seconds, level) or not fits:
            found.append(f"{at} {row['level'] or '-'} {first!r}, not {seconds} {level or '-'} {message!r}")
    total = sum(joined for _, _, joined, _ in program.events)
    if counts["joined"] != total:
        found.append(f"{counts['joined']} lines joined, not {total}")
    return found
