"""`bridge reconcile`: ledger, tracker and help desk side by side."""

from __future__ import annotations

import argparse

from bridge.cli import compose, output
from bridge.cli.commands.file import would
from bridge.cli.progress import Progress
from bridge.errors import ExitCode, PartlyDoneError, Problem


def run(args: argparse.Namespace) -> int:
    """Print every difference and what mends it; with --repair mend it. Exit 1 while differences are left."""
    from bridge.workflow.reconcile import reconcile
    from bridge.workflow.rehearsal import rehearsal

    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        if args.repair and args.dry_run:
            with rehearsal(context) as (dry, writes):
                reconcile(dry, tuple(args.cases), repair=True)
            output.dry_run(args, writes, would(writes))
            return ExitCode.NO if writes else ExitCode.DONE
        done = reconcile(context, tuple(args.cases), repair=args.repair)
    if args.output != "text":
        output.data(args, done)
    else:
        for item in done.differences:
            output.say(f"  {output.bold(item.case_id)}  {output.safe(item.where)}: {output.safe(item.what)}")
            mend = item.mend or "a person has to decide"
            output.say(f"      {'mended: ' if args.repair and item.mend else 'would: ' if item.mend else ''}{output.safe(mend)}")
        if not done.differences and not done.failed:
            output.say("  ledger, tracker and help desk agree")
        elif not args.repair and any(item.mend for item in done.differences):
            output.say("\n  Next: bridge reconcile --repair")
    if done.failed:
        error = PartlyDoneError(f"{len(done.failed)} part(s) could not be compared or mended", hint="run the same command again")
        error.problems = tuple(Problem(message=item) for item in done.failed)
        if args.output == "text":
            raise error
        return error.exit_code
    left = [item for item in done.differences if not (args.repair and item.mend)]
    return ExitCode.NO if left else ExitCode.DONE
