"""`bridge investigate`: from tickets to findings."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.cli.progress import Progress
from bridge.errors import ExitCode, InputError, Problem

if TYPE_CHECKING:
    from bridge.model.finding import Finding
    from bridge.workflow.context import Context
    from bridge.workflow.investigate import Investigated

_SHOWN_NOTES = 3


def run(args: argparse.Namespace) -> int:
    """Investigate and print what was found."""
    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        result = work(args, context)
    if args.output != "text":
        output.data(args, document(result))
        return ExitCode.DONE
    summary(result)
    output.say(f"\n  Next: bridge report {result.case.id}      bridge show {result.case.id}")
    return ExitCode.DONE


def work(args: argparse.Namespace, context: Context) -> Investigated:
    """Do it; shared with `bridge run`."""
    from bridge.workflow.investigate import investigate

    return investigate(
        context,
        tickets=args.tickets,
        investigation_id=args.investigation,
        given=given(args.parameters),
        include_found=args.include_found,
        refresh=args.refresh,
        new=args.new,
        unverified=args.unverified,
    )


def given(pairs: list[str]) -> dict[str, str]:
    """Split NAME=VALUE; every bad one is named, and a name given twice is a fault."""
    values: dict[str, str] = {}
    problems = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            problems.append(Problem(message=f"'{pair}' is not NAME=VALUE", where="-p", hint="-p window='last 7 days'"))
        elif name.strip() in values:
            problems.append(Problem(message=f"'{name.strip()}' is given twice", where="-p"))
        else:
            values[name.strip()] = value
    if problems:
        raise InputError("parameters can't be read", problems=tuple(problems))
    return values


def document(result: Investigated) -> dict[str, object]:
    """Return the machine output."""
    return {
        "case": result.case.id,
        "continued": result.continued,
        "state": result.case.state,
        "window": result.case.window,
        "evidence": list(result.collected.provenances),
        "problems": list(result.case.problems),
        "analysis": result.analysis,
    }


def summary(result: Investigated) -> None:
    """Print the findings for people."""
    output.say()
    statements(result.analysis.findings)
    related = [r for r in result.analysis.related if not r.included]
    if related:
        shown = ", ".join(output.safe(r.ticket_id) for r in related[:6]) + (f" and {len(related) - 6} more" if len(related) > 6 else "")  # noqa: PLR2004 - fits a line
        output.say(f"\n  {len(related)} more tickets of affected accounts tell of it: {shown}")
        output.say("  Take them into the case: the same command with --include-found")


def statements(findings: tuple[Finding, ...]) -> None:
    """Print one line a finding, wrapped to the terminal: what holds first, then notes, then what was not found."""
    marks = {"finding": "●", "note": "○", "nothing": "·"}
    notes = [f for f in findings if f.level == "note"]
    for finding in findings:
        if finding in notes[_SHOWN_NOTES:]:
            continue
        output.say(output.hanging(f"  {marks[finding.level]} ", output.safe(finding.statement)))
    if len(notes) > _SHOWN_NOTES:
        output.say(f"  ○ and {len(notes) - _SHOWN_NOTES} more notes: in the report, and with --output json")
