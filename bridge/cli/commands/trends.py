"""`bridge trends`: the daily look over tickets and errors: what is told of more often than before."""

from __future__ import annotations

import argparse
import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.cli.progress import Progress
from bridge.errors import ExitCode, InputError

if TYPE_CHECKING:
    from bridge.model.finding import Trend
    from bridge.workflow.trends import Look

_BARS = " ▁▂▃▄▅▆▇█"
_SHOWN = 13
_COLUMNS = (
    output.Column(name="answer", title="answer"),
    output.Column(name="bars", title="weeks"),
    output.Column(name="now", title="this week", right=True),
    output.Column(name="before", title="before", right=True),
    output.Column(name="q", title="q", right=True),
    output.Column(name="subject", title="what", flexible=True),
    output.Column(name="words", title="words", flexible=True),
)


def run(args: argparse.Namespace) -> int:
    """Look, and print a table with the statements under it."""
    from bridge.workflow.trends import look

    if args.counts:
        return _counted(args)
    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        found = look(context, weeks=args.weeks, logs=[] if args.no_logs else args.source or None)
    if args.output != "text":
        output.data(args, _document(found), records="trends")
        return ExitCode.DONE
    _show(found, everything=args.all)
    return ExitCode.DONE


def _document(found: Look) -> dict[str, object]:
    return {
        "now": found.now,
        "since": found.since,
        "tickets": found.tickets,
        "trends": list(found.trends),
        "searched": list(found.searched),
        "alone": found.alone,
    }


def _show(found: Look, *, everything: bool) -> None:
    rising = [one for one in found.trends if one.answer in {"new", "rising"}]
    shown = [one for one in found.trends if everything or one in rising or one.recent] or list(found.trends)
    if shown:
        output.say()
        output.table(_COLUMNS, [_row(one) for one in shown])
        output.say()
    for one in rising:
        output.say(output.hanging("  ● ", f"{output.safe(one.subject)}: {output.safe(one.statement)}"))
        if one.members:
            output.say(f"    tickets of this week: {output.safe(', '.join(one.members[:_SHOWN]))}")
    if not rising:
        tried = max((one.tried for one in found.trends), default=0)
        output.say(f"  Nothing rises: {tried} comparisons of {len(found.trends)} things that were told of.")
    for one in [one for one in shown if one.answer == "too few to tell"][:_SHOWN]:
        output.say(output.hanging("  · ", f"{output.safe(one.subject)}: {output.safe(one.statement)}"))
    alone = f"; {found.alone} tickets are like no other" if found.alone else ""
    since = f"; known since {found.since:%Y-%m-%d}" if found.since else ""
    output.say()
    output.say(output.hanging("  Searched: ", f"{output.safe('; '.join(found.searched))}{since}{alone}"))


def _row(one: Trend) -> dict[str, object]:
    return {
        "answer": one.answer,
        "bars": bars(one.counts[-_SHOWN:]),
        "now": one.counts[-1] if one.counts else 0,
        "before": f"{sum(one.counts[:-1]) / (len(one.counts) - 1):.1f}" if len(one.counts) > 1 else "-",
        "q": f"{one.q_value:.1e}",
        "subject": one.subject,
        "words": ", ".join(one.words) if one.kind == "symptom" else "",
    }


def bars(counts: tuple[int, ...]) -> str:
    """Return counts as small bars, the largest the highest; a blank is none."""
    most = max([*counts, 1])
    return "".join(_BARS[0 if not count else max(1, round(count / most * (len(_BARS) - 1)))] for count in counts)


def _counted(args: argparse.Namespace) -> int:
    """Judge weekly counts of a CSV file: its last week, or every week with enough of them before."""
    from bridge.analysis.trend import WEEK, WEEKS, Series, trends

    counts = _weeks(Path(args.counts), args.column)
    end = datetime(2000, 1, 3, tzinfo=UTC)
    made = []
    for last in range(WEEKS, len(counts)) if args.each else [len(counts) - 1]:
        told = tuple(
            (end - WEEK * (last - at) - timedelta(hours=1), f"{number}")
            for at, (_, count) in enumerate(counts[: last + 1])
            for number in range(count)
        )
        series = Series(subject=args.column, kind="counts", told=told, unit="counts")
        found = trends([series], now=end, since=end - WEEK * (last + 1), weeks=args.weeks)[0]
        made.append(
            {
                "week": counts[last][0],
                "count": counts[last][1],
                "answer": found.answer,
                "p_value": found.p_value,
                "statement": found.statement,
            }
        )
    if args.output != "text":
        output.data(args, {"weeks": made}, records="weeks")
        return ExitCode.DONE
    shown = made if len(made) == 1 else [one for one in made if one["answer"] in {"new", "rising"}]
    for one in shown:
        output.say(f"  {output.safe(one['week'])}  {one['answer']}: {output.safe(one['statement'])}")
    if len(made) > 1:
        output.say(f"\n  {len(shown)} of {len(made)} weeks rise")
    return ExitCode.DONE


def _weeks(path: Path, column: str) -> list[tuple[str, int]]:
    """Read weeks (the first column) and counts (the named one), in the order of the file."""
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"not UTF-8: byte {error.start}"
        raise InputError(f"{path} can't be read: {reason}", hint="a CSV file with a header, a row a week") from error
    if not rows or column not in rows[0]:
        raise InputError(
            f"{path.name} has no column '{column}'", where=str(path), hint=f"--column; it has: {', '.join(rows[0]) if rows else 'no rows'}"
        )
    found = []
    for number, row in enumerate(rows, 2):
        value = row[column] or ""
        if not value.isdigit():
            raise InputError(f"'{value}' is not a count", where=f"{path}:{number}", hint="whole numbers from 0 up")
        found.append((next(iter(row.values())) or str(number), int(value)))
    return found
