"""`bridge logs templates FILE...`: the kinds of messages, and the kind of each line."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import output
from bridge.errors import ExitCode, InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLUMNS = (
    output.Column(name="template_id", title="template"),
    output.Column(name="lines", title="lines", right=True),
    output.Column(name="template", title="text", flexible=True),
)


def run(args: argparse.Namespace) -> int:
    """Mine the templates of the files; print them by frequency, and write one JSON line a line where asked."""
    from bridge.logs.templates import ALGORITHM, Templates

    if not args.files:
        raise InputError("which files?", hint="bridge logs templates FILE...   (- reads stdin)")
    messages = [message for name in args.files for message in _messages(name, args.field, args.content_column)]
    templates = Templates()
    ids = templates.assign(messages)
    if args.assign:
        _write(args.assign, ids, templates.texts)
    counts: dict[str, int] = {}
    for identity in ids:
        counts[identity] = counts.get(identity, 0) + 1
    rows = [
        {"template_id": identity, "lines": count, "template": templates.texts[identity]}
        for identity, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    if args.output != "text":
        output.data(args, {"algorithm": ALGORITHM, "lines": len(ids), "templates": rows}, records="templates")
    elif args.assign != "-":
        output.table(_COLUMNS, rows)
        output.say(f"\n  {len(rows):,} templates in {len(ids):,} lines")
    return ExitCode.DONE


def _messages(name: str, field: str, column: str | None) -> Iterator[str]:
    """Yield the message of each line of a file; without a field or column, the line itself."""
    if column is not None:
        yield from _column(name, column)
        return
    for line in _lines(name):
        yield _field(line, field) if line.startswith("{") else line


def _lines(name: str) -> Iterator[str]:
    from bridge.logs import reading

    if name == "-":
        yield from (line.decode("utf-8", "replace").rstrip("\r\n") for line in sys.stdin.buffer)
        return
    path = Path(name)
    if not path.is_file():
        raise NotFoundError(f"there is no file {name}")
    for _, block in reading.blocks(path):
        for line in block.decode("utf-8", "replace").removesuffix("\n").split("\n"):
            yield line.removesuffix("\r")


def _field(line: str, field: str) -> str:
    try:
        value = json.loads(line)
    except ValueError:
        return line
    found = value.get(field, line) if isinstance(value, dict) else line
    return found if isinstance(found, str) else json.dumps(found)


def _column(name: str, column: str) -> Iterator[str]:
    rows = csv.reader(f"{line}\n" for line in _lines(name))
    header = next(rows, [])
    if column not in header:
        raise InputError(f"{name} has no column '{column}'", where=f"{name}:1", hint=f"its columns: {', '.join(header)}")
    place = header.index(column)
    yield from (row[place] if place < len(row) else "" for row in rows)


def _write(name: str, ids: list[str], texts: dict[str, str]) -> None:
    lines = (
        json.dumps({"line": number, "template_id": identity, "template": texts[identity]}, ensure_ascii=False)
        for number, identity in enumerate(ids, 1)
    )
    if name == "-":
        for line in lines:
            print(line)
        return
    with Path(name).open("w", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for line in lines)
