"""`bridge impact`: what the cases are worth, for a meeting and for a spreadsheet."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.errors import ExitCode, InputError

if TYPE_CHECKING:
    from bridge.model.impact import CaseImpact, GroupImpact, ImpactSummary

_COLUMNS = (
    output.Column(name="case", title="case"),
    output.Column(name="title", title="what", flexible=True),
    output.Column(name="state", title="state"),
    output.Column(name="issue", title="issue"),
    output.Column(name="severity", title="sev"),
    output.Column(name="accounts", title="accounts", right=True),
    output.Column(name="silent", title="silent", right=True),
    output.Column(name="revenue", title="revenue", right=True),
    output.Column(name="tickets", title="tickets", right=True),
    output.Column(name="age", title="age", right=True),
    output.Column(name="trend", title="trend"),
)
_MOST = 6
"""Tiers and regions of one line."""


def run(args: argparse.Namespace) -> int:
    """Print the table, or write the document to stdout."""
    from bridge.workflow.impact import impact

    if args.output in {"xlsx", "parquet"} and sys.stdout.isatty():
        hint = f"bridge impact --output {args.output} > impact.{args.output}"
        raise InputError(f"{args.output} is no text for a terminal", hint=hint)
    with compose.context(args, lambda _event: None) as context:
        summary = impact(context, args.cases)
    if args.output in {"json", "jsonl"}:
        output.data(args, summary, records="cases")
        return ExitCode.DONE
    if args.output != "text":
        _document(args.output, summary)
        return ExitCode.DONE
    _text(summary)
    return ExitCode.DONE


def _document(form: str, summary: ImpactSummary) -> None:
    from bridge import __version__
    from bridge.reporting import impact as table

    match form:
        case "csv":
            content = table.csv_of(table.sheets(summary)[0])
        case "xlsx":
            content = table.xlsx_of(summary)
        case "parquet":
            content = table.parquet_of(summary)
        case _:
            content = table.page_of(summary, f"Written by bridge {__version__}.").encode()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _text(summary: ImpactSummary) -> None:
    from bridge.reporting.impact import sentence

    if summary.cases:
        output.table(_COLUMNS, [_row(row, summary.currency) for row in summary.cases])
        output.say()
        output.say(f"  {sentence(summary)}")
        output.say(f"  tiers: {_groups(summary.tiers)}")
        output.say(f"  regions: {_groups(summary.regions)}")
    else:
        output.say("  no investigated case yet")
    if summary.not_analysed:
        output.say(f"  not investigated yet, and not in the figures: {', '.join(summary.not_analysed)}")
    following = "bridge impact --output xlsx > impact.xlsx" if summary.cases else "bridge investigate TICKET --with INVESTIGATION"
    output.say(f"  Next: {following}")


def _row(row: CaseImpact, currency: str) -> dict[str, object]:
    from bridge.reporting import formats

    return {
        "case": row.case_id,
        "title": row.title,
        "state": row.state,
        "issue": row.issue or "-",
        "severity": row.severity or "-",
        "accounts": formats.number(row.accounts),
        "silent": formats.number(row.silent),
        "revenue": formats.money(row.revenue, currency),
        "tickets": formats.number(row.tickets),
        "age": f"{row.age_days} d",
        "trend": row.trend or "-",
    }


def _groups(groups: tuple[GroupImpact, ...]) -> str:
    shown = ", ".join(f"{output.safe(group.value)} {group.accounts}" for group in groups[:_MOST])
    rest = len(groups) - _MOST
    return f"{shown}, {rest} more" if rest > 0 else shown or "none"
