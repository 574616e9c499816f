"""`bridge file CASE`: one issue, linked with every ticket."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.cli.progress import Progress
from bridge.errors import BridgeError, ExitCode, InputError, Problem, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.filing.file import FilingResult
    from bridge.filing.rehearsal import Noted
    from bridge.workflow.context import Context
    from bridge.workflow.filing import Candidate, Planned

_SHOWN = 5
"""Candidates that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What filing came to: printed at the end, by `bridge file` and `bridge run` alike."""

    code: ExitCode
    document: dict[str, object]
    """For programs."""
    lines: tuple[str, ...]
    """For people."""
    error: BridgeError | None = None
    """Raised after the rest was printed."""


def run(args: argparse.Namespace) -> int:
    """File, or show what would be written."""
    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        outcome = work(args, context, args.case)
    if args.output != "text":
        output.data(args, outcome.document)
    return finish(args, outcome)


def finish(args: argparse.Namespace, outcome: Outcome) -> int:
    """Print the lines for people, and let the error out."""
    if args.output == "text":
        for line in outcome.lines:
            output.say(output.safe(line))
        if outcome.error:
            raise outcome.error
    return outcome.error.exit_code if outcome.error else outcome.code


def work(args: argparse.Namespace, context: Context, case_id: str) -> Outcome:
    """Do it; shared with `bridge run`."""
    from bridge.workflow.filing import file, plan_filing, rehearse

    planned = plan_filing(context, case_id, join=args.join, anew=args.anew)
    if args.dry_run:
        return _dry_run(rehearse(context, planned, recreate=args.recreate, join=args.join, anew=args.anew))
    if planned.preflight:
        raise _refusal(planned)
    exact = [candidate for candidate in planned.candidates if candidate.exact]
    if exact:
        raise _choice(planned, exact)
    for line in _candidates(planned) if args.yes else []:
        output.narrate(output.safe(line))
    if not args.yes and not planned.already and not _confirmed(args, planned):
        return Outcome(code=ExitCode.NO, document={"case": case_id, "written": False}, lines=("  nothing was written",))
    result = file(context, case_id, recreate=args.recreate, join=args.join, anew=args.anew)
    return outcome(result)


def outcome(result: FilingResult) -> Outcome:
    """Return what a filing came to, for people and programs; shared with `bridge add`."""
    document = {
        "case": result.case_id,
        "issue": result.issue,
        "created": result.created,
        "writes": result.writes,
        "linked": result.linked,
        "tickets": result.tickets,
        "undone": list(result.undone),
    }
    mark = "✓ " if result.writes else ""
    return Outcome(code=ExitCode.DONE, document=document, lines=("", f"  {mark}{result.sentence}"), error=result.error)


def _dry_run(planned: Planned) -> Outcome:
    document = {
        "would_write": not planned.complete,
        "already": planned.already,
        "draft": planned.plan.draft,
        "attachments": [a.name for a in planned.plan.attachments],
        "tickets": [t.ticket_id for t in planned.plan.tickets],
        "refused": list(planned.preflight),
        "candidates": list(planned.candidates),
        "writes": list(planned.writes),
    }
    if planned.complete:
        return Outcome(code=ExitCode.DONE, document=document, lines=(f"  Nothing to do: {planned.already}",))
    lines = [f"  {planned.already}", "  It would look for what is missing, and write only that:"] if planned.already else ["  Would write:"]
    lines += [f"    {line}" for line in planned.lines]
    lines += [f"  {counted(planned.writes)}"] if planned.writes else []
    lines += _candidates(planned)
    for check in planned.preflight:
        lines += [f"  ✗ {check.what}: {check.detail}", *(f"      {line}" for line in check.hint.splitlines())]
    if not planned.preflight:
        lines += ["", f"  The tracker would take it.   Next: bridge file {planned.plan.case_id}"]
    return Outcome(code=ExitCode.NO if planned.preflight else ExitCode.DONE, document=document, lines=tuple(lines))


def counted(writes: Sequence[Noted]) -> str:
    """Say how many writes these are, by kind."""
    kinds = ", ".join(f"{number} {kind}" for kind, number in Counter(item.kind for item in writes).items())
    return f"{len(writes)} write(s): {kinds}" if writes else "nothing would be written"


def would(writes: Sequence[Noted]) -> tuple[str, ...]:
    """Return lines about what would be written; shared with the other commands that write."""
    lines = [f"    {item.kind:<13} {item.target}  {item.text}".rstrip() for item in writes]
    return ("  Would write:", *lines, f"  {counted(writes)}") if writes else ("  Nothing would be written",)


def _candidates(planned: Planned) -> list[str]:
    """Return lines about issues that may be the same."""
    if not planned.candidates:
        return []
    lines = ["  Issues that may be about the same thing:"]
    for candidate in planned.candidates[:_SHOWN]:
        issue = candidate.issue
        state = f"{issue.status}{f', {issue.resolution}' if issue.resolution else ''}"
        lines.append(f"    {issue.ref.key}  {state}  {issue.summary}  ({candidate.why})")
    return [*lines, f"    join one: bridge file {planned.plan.case_id} --join KEY"]


def _choice(planned: Planned, exact: list[Candidate]) -> InputError:
    case_id = planned.plan.case_id
    error = InputError(
        f"{len(exact)} open issue(s) seem to be about the same defect; nothing was written",
        hint=f"decide: bridge file {case_id} --join {exact[0].issue.ref.key}   or: bridge file {case_id} --anew",
    )
    error.problems = tuple(Problem(message=f"{item.issue.summary}: {item.why}", where=item.issue.ref.key) for item in exact)
    return error


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
    for line in _candidates(planned):
        output.say(output.safe(line))
    sys.stdout.flush()
    return input("  Write this? [y/N] ").strip().lower() in {"y", "yes"}
