"""`bridge logs ingest FILE...`: keep the events as Parquet, so that broad questions and compressed files are answered fast."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from bridge.cli import log_questions, output
from bridge.errors import ExitCode, InputError

if TYPE_CHECKING:
    from bridge.logs.paths import LogFile

_COLUMNS = (
    output.Column(name="file", title="file", flexible=True),
    *(output.Column(name=name, title=name, right=True) for name in ("lines", "parsed", "joined", "rejected", "read")),
)


def run(args: argparse.Namespace) -> int:
    """Bring the cache of each file up to date; a file that can't be read is told and the others are kept."""
    from bridge.logs.ingesting import ingest_all

    if log_questions.cluster(args) is not None:
        raise InputError(f"logs {args.source} are no files: they are asked where they live", hint="bridge logs search --source ...")
    files, problems = log_questions.files(args)
    base = log_questions.cache_folder()
    rows: list[dict[str, Any]] = []
    for file, outcome in zip(files, ingest_all(files, base), strict=True):
        if isinstance(outcome, Exception):
            problems.append(f"{file.name}: {getattr(outcome, 'strerror', None) or outcome}")
            continue
        entry, read = outcome
        tally = entry.tally()
        row = {"file": file.name, **{name: getattr(tally, name) for name in ("lines", "parsed", "joined", "rejected")}, "read": read}
        rows.append(row | ({"fit": _fitting(args, file)} if log_questions.fewer(args) else {}))
    if args.output == "text":
        fit = [output.Column(name="fit", title="fit", right=True)] if log_questions.fewer(args) else []
        output.table([*_COLUMNS, *fit], [{**row, **{name: f"{row[name]:,}" for name in row if name != "file"}} for row in rows])
    elif args.output == "parquet":
        log_questions.parquet(rows, "ingest")
    elif args.output == "jsonl":
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
    else:
        print(json.dumps({"files": rows, "cache": str(base), "problems": problems}, ensure_ascii=False, indent=2))
    for problem in problems:
        output.narrate(f"  ! {output.safe(problem)}")
    output.narrate(f"{len(rows)} files in {output.safe(base)}")
    return ExitCode.NO if problems else ExitCode.DONE


def _fitting(args: argparse.Namespace, file: LogFile) -> int:
    """Return how many of a file's events fit the flags: all are kept, whatever is asked."""
    asked = log_questions.question(args, attributes=False, parts=frozenset({"at"}))
    return len(log_questions.ask_files(args, [file], asked).rows.at)
