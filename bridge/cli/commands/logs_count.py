"""`bridge logs count FILE...`: how many events fit, by time and by fields; memory grows with the groups only."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from bridge.cli import log_questions, log_templates, output
from bridge.errors import InputError

if TYPE_CHECKING:
    from bridge.logs.counting import Counting


def run(args: argparse.Namespace) -> int:
    """Count, and print the groups: by time first, then by size."""
    from bridge.logs.counting import Counting
    from bridge.logs.question import CORE

    every = _every(args.every)
    fields = tuple(args.per)
    if "" in fields:
        raise InputError("--per needs the name of a field", hint="--per level   --per template   --per http.status")
    parts = frozenset({"at", *(field for field in fields if field in CORE), *(("message",) if "template" in fields else ())})
    files, problems = log_questions.files(args)
    question = log_questions.question(args, attributes=any(field not in {*CORE, "template", "file"} for field in fields), parts=parts)
    counting = Counting(fields=fields, every=every, known=log_templates.known(args) if "template" in fields else None)
    answer = log_questions.ask_files(args, files, question, counting=counting)
    groups = counting.groups()
    rows = [_row(at, values, counting, count) for (at, values), count in groups]
    algorithm = _algorithm() if "template" in fields else ""
    if args.output == "parquet":
        log_questions.parquet(rows, "count", templates=algorithm)
    elif args.output == "jsonl":
        for row in rows:
            print(json.dumps({**row, "algorithm": algorithm} if algorithm else row, ensure_ascii=False))
    elif args.output == "json":
        document = {
            **({"algorithm": algorithm} if algorithm else {}),
            "groups": rows,
            "events": counting.total,
            "counts": answer.counts(),
            "rejected": log_questions.rejects(answer),
            "problems": [*problems, *answer.problems()],
        }
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        _text(rows, fields, every)
    for number, field in enumerate(fields):
        if counting.total and field not in CORE and all(values[number] is None for (_, values), _ in groups):
            problems = [*problems, f"no event has a field '{field}'"]
    return log_questions.account(args, answer, problems, counting.total)


def _every(text: str | None) -> int | None:
    if text is None:
        return None
    from bridge.config.durations import duration

    seconds = int(duration(text).total_seconds())
    if seconds <= 0:
        raise InputError(f"--every {text} is no length to count by", hint="--every 15m")
    return seconds * 1_000_000


def _algorithm() -> str:
    from bridge.logs.miner import ALGORITHM

    return ALGORITHM


def _row(at: int, values: tuple[str | None, ...], counting: Counting, count: int) -> dict[str, Any]:
    row: dict[str, Any] = {"at": log_questions.stamp(at)} if counting.every is not None else {}
    for field, value in zip(counting.fields, values, strict=True):
        row[field] = value
        if field == "template":
            row["template_id"], row["template"] = value, counting.templates.get(value or "", value)
            if counting.known is not None:
                row["aliases"] = list(counting.aliases.get(value or "", ()))
    return {**row, "events": count}


def _text(rows: list[dict[str, Any]], fields: tuple[str, ...], every: int | None) -> None:
    columns = [output.Column(name="at", title="from")] if every is not None else []
    for field in fields:
        columns += [output.Column(name="ids", title="template, before")] if field == "template" else []
        columns.append(output.Column(name=field, title="text" if field == "template" else field, flexible=field in {"template", "message"}))
    shown = [{**row, "ids": " ".join([row["template_id"], *row.get("aliases", ())])} if "template" in fields else row for row in rows]
    output.table([*columns, output.Column(name="events", title="events", right=True)], shown)
