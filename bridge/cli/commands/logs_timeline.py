"""`bridge logs timeline FILE...`: services and formats in one order, with tickets, failing events, changes and gaps marked."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli import log_questions, output
from bridge.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.logs.ask import Answer
    from bridge.logs.paths import LogFile
    from bridge.logs.question import Question
    from bridge.logs.skew import Skew
    from bridge.logs.timeline import Entry

_NAMED = 5


def run(args: argparse.Namespace) -> int:
    """Print the timeline, and draw it where --picture asks."""
    from bridge.config.durations import duration
    from bridge.logs import timeline

    files, problems = log_questions.files(args)
    question = log_questions.question(args, attributes=False)
    marks = _changes(args.changes) if args.changes else []
    if args.case:
        question, more = _of_case(args, question)
        marks += more
    if args.ticket:
        question, more = _of_tickets(args, question)
        marks += more
    answer, skews = log_questions.ask_clocks(args, files, question)
    if args.around and not args.ticket:
        answer, question = _neighbours(args, files, question, answer)
    numbers, truncated = log_questions.ordered(answer, args.limit)
    events = _events(answer, numbers)
    entries = timeline.merge([*events, *_inside(marks, events, question)], duration(args.gap).total_seconds())
    if args.picture:
        from bridge.logs.timeline_picture import picture

        _draw(args.picture, picture(entries, _title(question)))
    about = {"counts": answer.counts(), "truncated": truncated, "problems": [*problems, *answer.problems()]}
    _print(args, entries, {**about, "rejected": log_questions.rejects(answer), "skew": log_questions.skew_records(skews)})
    log_questions.tell_clocks(args, skews or _noticed(answer))
    code = log_questions.account(args, answer, problems, len(numbers))
    if truncated:
        output.narrate(f"  the first {args.limit:,} in time order: narrow the question, or raise --limit")
    return code


def _print(args: argparse.Namespace, entries: list[Entry], about: dict[str, Any]) -> None:
    from bridge.logs import timeline

    if args.output == "text":
        fitted = sys.stdout.isatty() or "COLUMNS" in os.environ
        for line in timeline.lines(entries, output.width() if fitted else None):
            output.say(line)
        return
    rows = [_record(entry) for entry in entries]
    if args.output == "parquet":
        log_questions.parquet(rows, "timeline")
    elif args.output == "json":
        print(json.dumps({"entries": rows, **about}, ensure_ascii=False, indent=2))
    else:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))


def _draw(name: str, picture: str) -> None:
    if Path(name).suffix.lower() != ".svg":
        raise InputError(f"--picture {name}: the picture is SVG", hint=f"--picture {Path(name).stem}.svg")
    try:
        Path(name).write_text(picture, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{name} can't be written: {error.strerror}", where=name) from error


def _noticed(answer: Answer) -> list[Skew]:
    """Return the clocks that certainly differ, as far as the events at hand tell."""
    from bridge.logs.skew import estimate

    return [skew for skew in estimate(answer.rows.at, answer.rows.service, answer.rows.trace_id) if skew.shift]


def _neighbours(args: argparse.Namespace, files: list[LogFile], question: Question, answer: Answer) -> tuple[Answer, Question]:
    """Return all events near those that fit, whatever account, trace, service and level they are of."""
    from bridge.config.durations import duration
    from bridge.logs.question import Question

    near = int(duration(args.around).total_seconds() * 1_000_000)
    found = sorted(answer.rows.at)
    if not found:
        return answer, question
    wide = Question(start=found[0] - near, end=found[-1] + near + 1, attributes=False, whole=question.whole)
    around = log_questions.ask_files(args, files, wide)
    rows = around.rows
    rows.keep([number for number, at in enumerate(rows.at) if _near(found, at, near)])
    return around, wide


def _near(found: list[int], at: int, near: int) -> bool:
    from bisect import bisect_left

    place = bisect_left(found, at)
    return any(abs(found[index] - at) <= near for index in (place - 1, place) if 0 <= index < len(found))


def _of_tickets(args: argparse.Namespace, question: Question) -> tuple[Question, list[Entry]]:
    """Return the question around tickets (their accounts, before and after they were written) and the tickets as marks."""
    from datetime import timedelta

    from bridge.cli import compose
    from bridge.config.durations import duration
    from bridge.logs.times import micros

    with compose.context(args, lambda _event: None) as context:
        tickets = [context.connections.tickets().get(ticket_id) for ticket_id in args.ticket]
    around = duration(args.around) if args.around else timedelta(hours=1)
    created = [ticket.created_at for ticket in tickets]
    accounts = question.accounts or frozenset(ticket.account_id for ticket in tickets if ticket.account_id)
    start = micros(min(created) - around) if question.start is None else question.start
    end = micros(max(created) + around) if question.end is None else question.end
    marks = [_mark("ticket", ticket.created_at, f"{ticket.id} {ticket.subject}") for ticket in tickets]
    return replace(question, accounts=accounts if not question.traces else question.accounts, start=start, end=end), marks


def _record(entry: Entry) -> dict[str, Any]:
    return {**asdict(entry), "at": log_questions.stamp(entry.at)}


def _events(answer: Answer, numbers: list[int]) -> list[Entry]:
    from bridge.logs.timeline import Entry

    rows = answer.rows
    return [
        Entry(
            at=rows.at[number],
            kind="event",
            text=rows.message[number],
            level=rows.level[number],
            service=rows.service[number],
            account_id=rows.account_id[number],
            trace_id=rows.trace_id[number],
            place=f"{rows.files[rows.file[number]]}:{rows.offset[number]}",
        )
        for number in numbers
    ]


def _inside(marks: list[Entry], events: list[Entry], question: Question) -> list[Entry]:
    """Return the marks inside the asked window, or an hour around the events where none was asked."""
    hour = 3_600_000_000
    start = question.start if question.start is not None else min((entry.at for entry in events), default=0) - hour
    end = question.end if question.end is not None else max((entry.at for entry in events), default=0) + hour
    return [mark for mark in marks if start <= mark.at < end]


def _title(question: Question) -> str:
    about = [f"trace {', '.join(sorted(question.traces))}"] if question.traces else []
    accounts = sorted(question.accounts)
    more = f" and {len(accounts) - _NAMED} more" if len(accounts) > _NAMED else ""
    about += [f"account {', '.join(accounts[:_NAMED])}{more}"] if accounts else []
    return "Timeline" + (f": {'; '.join(about)}" if about else "")


def _changes(name: str) -> list[Entry]:
    from bridge.config.durations import moment

    path = Path(name)
    if not path.is_file():
        raise InputError(
            f"there is no file {name}", hint='JSON lines: {"at": "2026-03-10T10:05:00Z", "kind": "release", "name": "reporting 4.18.0"}'
        )
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            found.append(
                _mark("change", moment(value["at"]), f"{value.get('kind', 'change')} {value['name']} {value.get('version') or ''}".rstrip())
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"no change: {line[:80]!r}", where=f"{name}:{number}", hint="each line is {at, kind, name}") from error
    return found


def _mark(kind: str, at: datetime, text: str) -> Entry:
    from bridge.logs.timeline import Entry
    from bridge.logs.times import micros

    return Entry(at=micros(at), kind=kind, text=text)


def _of_case(args: argparse.Namespace, question: Question) -> tuple[Question, list[Entry]]:
    """Return the question around a case (its window, its accounts) and its tickets, failing events and changes as marks."""
    from bridge.cli import compose
    from bridge.errors import NotFoundError
    from bridge.logs.times import micros
    from bridge.workflow.personal import table_of

    with compose.context(args, lambda _event: None) as context:
        case = context.cases.load(args.case)
        tables: dict[str, list[dict[str, Any]]] = {}
        for name in ("changes", "events"):
            try:
                tables[name] = table_of(context, args.case, name)[1].to_pylist()
            except NotFoundError:
                tables[name] = []  # an investigation without that evidence has nothing to mark
    accounts = question.accounts or frozenset(ticket.account_id for ticket in case.tickets if ticket.account_id)
    marks = [_mark("ticket", ticket.created_at, f"{ticket.id} {ticket.subject}") for ticket in case.tickets]
    marks += [
        _mark("change", row["at"], " ".join(str(row[key]) for key in ("kind", "name", "version") if row.get(key)))
        for row in tables["changes"]
        if row.get("kind") != "job" or question.start is not None
    ]
    failing = [row for row in tables["events"] if row.get("failed") and row.get("account_id") in accounts]
    marks += [_mark("failing", row["at"], f"{row['account_id']} {row.get('key', '')}") for row in failing]
    start = micros(case.window.start) if question.start is None else question.start
    end = micros(case.window.end) if question.end is None else question.end
    return replace(question, accounts=accounts if not question.traces else question.accounts, start=start, end=end), marks
