"""`bridge logs ingest FILE...`: keep the events as Parquet, so that broad questions and compressed files are answered fast."""

from __future__ import annotations

import argparse
import json
from typing import Any

from bridge.cli import log_questions, output
from bridge.errors import ExitCode

_COLUMNS = (
    output.Column(name="file", title="file", flexible=True),
    *(output.Column(name=name, title=name, right=True) for name in ("lines", "parsed", "joined", "rejected", "read")),
)


def run(args: argparse.Namespace) -> int:
    """Bring the cache of each file up to date; a file that can't be read is told and the others are kept."""
    from bridge.logs import cache, reading

    files, problems = log_questions.files(args)
    base = log_questions.cache_folder()
    rows: list[dict[str, Any]] = []
    for file in files:
        try:
            entry, read = cache.ingest(file, base)
        except (OSError, reading.ReadError) as error:
            problems.append(f"{file.name}: {getattr(error, 'strerror', None) or error}")
            continue
        tally = entry.tally()
        rows.append(
            {
                "file": file.name,
                "lines": tally.lines,
                "parsed": tally.parsed,
                "joined": tally.joined,
                "rejected": tally.rejected,
                "read": read,
            }
        )
    if args.output == "text":
        output.table(_COLUMNS, [{**row, **{name: f"{row[name]:,}" for name in row if name != "file"}} for row in rows])
    elif args.output == "jsonl":
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
    else:
        print(json.dumps({"files": rows, "cache": str(base), "problems": problems}, ensure_ascii=False, indent=2))
    for problem in problems:
        output.narrate(f"  ! {output.safe(problem)}")
    output.narrate(f"{len(rows)} files in {output.safe(base)}")
    return ExitCode.NO if problems else ExitCode.DONE
