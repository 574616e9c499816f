"""`bridge logs search FILE...`: the events that fit, of all files, in time order."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from bridge.cli import log_questions, log_templates, output
from bridge.errors import InputError

if TYPE_CHECKING:
    from bridge.logs.ask import Answer


def run(args: argparse.Namespace) -> int:
    """Print the events; the account of what was read goes to stderr."""
    if args.output == "parquet" and sys.stdout.isatty():
        raise InputError("Parquet is no text for a terminal", hint="bridge logs search ... --output parquet > events.parquet")
    files, problems = log_questions.files(args)
    question = log_questions.question(args, attributes=args.output != "text")
    answer, skews = log_questions.ask_clocks(args, files, question)
    numbers, truncated = log_questions.ordered(answer, args.limit)
    about = {"truncated": truncated, "problems": [*problems, *answer.problems()]}
    _print(args, answer, numbers, about | ({"skew": log_questions.skew_records(skews)} if skews else {}))
    log_questions.tell_clocks(args, skews)
    code = log_questions.account(args, answer, problems, len(numbers))
    if truncated:
        output.narrate(f"  the first {args.limit:,} in time order: narrow the question, or raise --limit")
    return code


def _print(args: argparse.Namespace, answer: Answer, numbers: list[int], about: dict[str, Any]) -> None:
    if args.output == "parquet":
        from bridge.logs.store import write_parquet

        write_parquet(answer.rows, numbers, sys.stdout.buffer, log_templates.known(args))
    elif args.output == "jsonl":
        for event in log_questions.events(answer, numbers):
            print(json.dumps(event, ensure_ascii=False))
    elif args.output == "json":
        document = {
            "events": list(log_questions.events(answer, numbers)),
            "counts": answer.counts(),
            "rejected": log_questions.rejects(answer),
            **about,
        }
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        _text(answer, numbers)


def _text(answer: Answer, numbers: list[int]) -> None:
    rows = answer.rows
    width = max((len(rows.service[number]) for number in numbers), default=0)
    for number in numbers:
        where = f"{rows.files[rows.file[number]]}:{rows.offset[number]}"
        account = rows.account_id[number] or "-"
        line = f"{log_questions.stamp(rows.at[number])}  {rows.level[number] or '-':5}  {rows.service[number]:{width}}  {account}  "
        output.say(output.safe(line + rows.message[number].partition("\n")[0] + f"  [{where}]"))
