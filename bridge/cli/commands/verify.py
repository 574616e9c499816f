"""`bridge verify CASE`: is it fixed? And the answer on the issue."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.cli.commands.reproduce import open_target
from bridge.cli.progress import Progress
from bridge.errors import ExitCode

if TYPE_CHECKING:
    from bridge.model.reproduction import Verification
    from bridge.workflow.context import Context
    from bridge.workflow.verify import Planned

_CODES = {"fixed": ExitCode.DONE, "still failing": ExitCode.NO}


def run(args: argparse.Namespace) -> int:
    """Run the stored scenario again; exit 0 fixed, 1 still failing, 3 can't tell."""
    from bridge.workflow.verify import plan_verify, verify

    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        if args.dry_run:
            return _dry(args, plan_verify(context, args.case, args.target))
        made = verify(context, args.case, args.target, open_target)
        if args.output == "text":
            _show(made)
        made = replace(made, comment=_comment(args, context, made))
    if args.output != "text":
        output.data(args, made)
    return _CODES.get(made.verdict, ExitCode.RETRY)


def _dry(args: argparse.Namespace, planned: Planned) -> int:
    if args.output != "text":
        output.data(args, {"would_send": planned})
        return ExitCode.DONE
    output.say(f"  would run {len(planned.routes)} requests at most {planned.most_runs} times on {output.safe(planned.url)}:")
    for number, shown in enumerate(planned.routes, start=1):
        output.say(f"    {number}. {output.safe(shown)}")
    then = f"then one comment on {planned.issue}, if the verdict is news" if planned.issue else "the case is not filed: no comment"
    output.say(f"  {output.safe(then)}\n  Nothing was sent.")
    return ExitCode.DONE


def _show(made: Verification) -> None:
    output.say(f"\n  {output.bold(output.safe(made.sentence))}")
    for step in made.steps:
        changed = "" if step.before == step.now else "   changed"
        output.say(f"    {step.number}. {output.safe(step.route)}   {step.before} -> {step.now}{changed}")


def _comment(args: argparse.Namespace, context: Context, made: Verification) -> str:
    """Put it on the issue when a person said yes; return what became of it."""
    from bridge.workflow.verify import comment, filed_as, is_commented, note_of

    issue = filed_as(context, made.case_id)
    if made.verdict == "can't tell" or not issue:
        return ""
    if is_commented(context, made):
        output.narrate(f"  {output.safe(issue)} says so already: nothing was written")
        return "already"
    if not args.yes and not _confirmed(args, issue, note_of(made).text):
        output.narrate(f"  no comment was written on {output.safe(issue)}: say --yes")
        return "not written"
    done = comment(context, made, recreate=args.recreate)
    output.narrate(f"  ✓ {output.safe(done.issue)}: {'one comment' if done.writes else 'the comment was there'}")
    return done.state


def _confirmed(args: argparse.Namespace, issue: str, text: str) -> bool:
    if args.output != "text" or not sys.stdin.isatty():
        return False
    output.say(f"\n  Would write on {output.safe(issue)}:")
    for line in text.splitlines():
        output.say(f"    {output.safe(line)}")
    sys.stdout.flush()
    return input("  Write this? [y/N] ").strip().lower() in {"y", "yes"}
