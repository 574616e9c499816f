"""`bridge logs templates FILE...`: the kinds of messages, and the kind of each line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bridge.cli import log_questions, log_templates, output
from bridge.errors import ExitCode, InputError

if TYPE_CHECKING:
    from bridge.logs.miner import Mined

_COLUMNS = (
    output.Column(name="template_id", title="template"),
    output.Column(name="lines", title="lines", right=True),
    output.Column(name="template", title="text", flexible=True),
)
_BEFORE = output.Column(name="before", title="before")
_BATCH = 100_000


def run(args: argparse.Namespace) -> int:
    """Mine the templates of the files; print them by frequency, and write one JSON line a line where asked."""
    from bridge.logs.miner import ALGORITHM, Miner
    from bridge.logs.template_store import KnownTemplates, save_known

    if not args.files and not log_questions.narrowed(args) and not _has_sources(args):
        raise InputError("which files?", hint="bridge logs templates FILE...   (- reads stdin)")
    known = log_templates.known(args)
    miner = Miner(known=known or KnownTemplates(algorithm=ALGORITHM))
    remote = log_questions.cluster(args)
    if remote is not None and not args.assign:  # what the lines are is not needed: the different texts come back with their counts
        from bridge.logs.remote import told

        found = remote.texts(log_questions.question(args, attributes=False))
        miner.add_counted(found.collapsed, collapsed=True)
        miner.add_counted(found.whole)
        output.narrate(f"{found.events:,} events   {len(found.collapsed) + len(found.whole):,} different texts read from {remote.name}")
        for problem in found.problems:
            output.narrate(f"  ! {output.safe(problem)}")
        for note in told(remote) if args.verbose else ():
            output.narrate(f"  {output.safe(note)}")
    else:
        for batch in _messages(args):
            miner.add(batch)
    mined = miner.finish()
    if args.assign:
        _assign(args.assign, mined)
        output.narrate(f"  {len(mined.numbers):,} lines to {output.safe(args.assign)}; ids by {ALGORITHM}")
    if args.known:
        save_known(Path(args.known), mined.templates)
    if args.assign != "-":
        _show(args, mined, ALGORITHM, compared=bool(args.known) or known is not None)
    return ExitCode.DONE


def _has_sources(args: argparse.Namespace) -> bool:
    from bridge.cli import compose
    from bridge.errors import NotFoundError

    try:
        return bool(compose.workspace(args).logs)
    except NotFoundError:
        return False


def _messages(args: argparse.Namespace) -> Iterator[list[str]]:
    """Yield the messages: of every line of the files, or, where flags ask for certain events, of those."""
    if not args.files or log_questions.narrowed(args):
        yield _of_events(args)
        return
    from bridge.logs.messages import messages
    from bridge.logs.paths import matches

    fields = (args.field,) if args.field else ()
    here = Path.cwd()
    for name in args.files:
        for path in [None] if name == "-" else matches(name, here) or [Path(name)]:
            yield from messages(path, fields=fields, column=args.content_column, stdin=sys.stdin.buffer)


def _of_events(args: argparse.Namespace) -> list[str]:
    """Return the messages of the events that fit, in the order of their files and lines."""
    files, problems = log_questions.files(args)
    asked = log_questions.question(args, attributes=False, parts=frozenset({"at", "message"}))
    answer = log_questions.ask_files(args, files, asked)
    log_questions.account(args, answer, problems, len(answer.rows.at))
    rows = answer.rows
    order = sorted(range(len(rows.at)), key=lambda number: (rows.file[number], rows.offset[number]))
    return [rows.message[number] for number in order]


def _show(args: argparse.Namespace, mined: Mined, algorithm: str, *, compared: bool) -> None:
    """Print the templates; `compared`: with what was known before."""
    aliases = mined.templates.aliases()
    rows: list[dict[str, Any]] = [
        {"template_id": identity, "lines": lines, "template": text} | ({"new": not known, "aliases": aliases[identity]} if compared else {})
        for identity, lines, text, known in zip(mined.ids, mined.lines, mined.texts, mined.known, strict=True)
    ]
    if args.output == "parquet":
        log_questions.parquet(rows, "templates", templates=algorithm)
        return
    if args.output == "jsonl":
        output.data(args, {"templates": [{**row, "algorithm": algorithm} for row in rows]}, records="templates")
        return
    if args.output != "text":
        output.data(args, {"algorithm": algorithm, "lines": sum(mined.lines), "templates": rows}, records="templates")
        return
    before = [_BEFORE] if any(row.get("aliases") for row in rows) else []
    output.table([*_COLUMNS[:1], *before, *_COLUMNS[1:]], [{**row, "before": " ".join(row.get("aliases", ()))} for row in rows])
    new = f", {mined.known.count(False):,} of them new" if compared else ""
    output.say(f"\n  {len(rows):,} templates in {sum(mined.lines):,} lines{new}; ids by {algorithm}")


def _assign(name: str, mined: Mined) -> None:
    """Write one JSON line a line of input, in order."""
    if name == "-":
        _write(sys.stdout, mined)
        return
    try:
        with Path(name).open("w", encoding="utf-8") as stream:
            _write(stream, mined)
    except OSError as error:
        raise InputError(f"{name} can't be written: {error.strerror}", where=name) from error


def _write(stream: IO[str], mined: Mined) -> None:
    ends = [
        f', "template_id": "{identity}", "template": {json.dumps(text, ensure_ascii=False)}}}\n'
        for identity, text in zip(mined.ids, mined.texts, strict=True)
    ]
    for start in range(0, len(mined.numbers), _BATCH):
        numbers = mined.numbers[start : start + _BATCH].tolist()
        stream.write("".join([f'{{"line": {line}{ends[number]}' for line, number in enumerate(numbers, start + 1)]))
