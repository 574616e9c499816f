"""`bridge file CASE`: one issue, linked with every ticket."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.cli.progress import Progress
from bridge.errors import ExitCode, InputError, Problem, RefusedError

if TYPE_CHECKING:
    from bridge.filing.file import FilingResult
    from bridge.workflow.context import Context
    from bridge.workflow.filing import Planned


def run(args: argparse.Namespace) -> int:
    """File, or show what would be written."""
    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        return work(args, context, args.case)


def work(args: argparse.Namespace, context: Context, case_id: str) -> int:
    """Do it; shared with `bridge run`."""
    from bridge.workflow.filing import file, plan_filing

    planned = plan_filing(context, case_id)
    if args.dry_run:
        return _dry_run(args, planned)
    if planned.preflight:
        raise _refusal(planned)
    if not args.yes and not planned.already and not _confirmed(args, planned):
        output.narrate("  nothing was written")
        return ExitCode.NO
    result = file(context, case_id, recreate=args.recreate)
    show(args, result)
    if result.error:
        raise result.error
    return ExitCode.DONE


def show(args: argparse.Namespace, result: FilingResult) -> None:
    """Print the result."""
    if args.output != "text":
        output.data(
            args,
            {
                "case": result.case_id,
                "issue": result.issue,
                "created": result.created,
                "writes": result.writes,
                "linked": result.linked,
                "tickets": result.tickets,
                "undone": list(result.undone),
            },
        )
        return
    mark = "✓ " if result.writes else ""
    output.say(f"\n  {mark}{output.safe(result.sentence)}")


def _dry_run(args: argparse.Namespace, planned: Planned) -> int:
    code = ExitCode.NO if planned.preflight else ExitCode.DONE
    if args.output != "text":
        output.data(
            args,
            {
                "would_write": not planned.already,
                "already": planned.already,
                "draft": planned.plan.draft,
                "attachments": [a.name for a in planned.plan.attachments],
                "tickets": [t.ticket_id for t in planned.plan.tickets],
                "refused": list(planned.preflight),
            },
        )
        return code
    if planned.already:
        output.say(f"  {output.safe(planned.already)}")
        output.say("  It would look for what is missing, and write only that:")
    else:
        output.say("  Would write:")
    for line in planned.lines:
        output.say(f"    {output.safe(line)}")
    for check in planned.preflight:
        output.say(f"  ✗ {output.safe(check.what)}: {output.safe(check.detail)}")
        for line in check.hint.splitlines():
            output.say(f"      {output.safe(line)}")
    if not planned.preflight:
        output.say(f"\n  The tracker would take it.   Next: bridge file {planned.plan.case_id}")
    return code


def _refusal(planned: Planned) -> RefusedError:
    problems = tuple(Problem(message=f"{c.what}: {c.detail}", where=c.connection, hint=c.hint) for c in planned.preflight)
    error = RefusedError(
        "the tracker would refuse this issue; nothing was written", hint=f"mend it, then: bridge file {planned.plan.case_id}"
    )
    error.problems = problems
    return error


def _confirmed(args: argparse.Namespace, planned: Planned) -> bool:
    """Ask before anything is written outside; without a terminal only --yes is a yes."""
    if args.output != "text" or not sys.stdin.isatty():
        raise InputError(
            "this writes to the tracker and the help desk", hint=f"look first: bridge file {planned.plan.case_id} --dry-run; then say --yes"
        )
    output.say("  Will write:")
    for line in planned.lines:
        output.say(f"    {output.safe(line)}")
    sys.stdout.flush()
    return input("  Write this? [y/N] ").strip().lower() in {"y", "yes"}
