"""`bridge verify CASE`: is it fixed?"""

from __future__ import annotations

import argparse

from bridge.cli import compose, output
from bridge.cli.commands.reproduce import open_target
from bridge.cli.progress import Progress
from bridge.errors import ExitCode


def run(args: argparse.Namespace) -> int:
    """Run the stored scenario again; exit 0 fixed, 1 still failing, 3 can't tell."""
    from bridge.workflow.reproduce import verify

    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        made = verify(context, args.case, args.target, open_target)
    if args.output != "text":
        output.data(args, made)
    else:
        output.say(f"\n  {output.bold(output.safe(made.sentence))}")
        for step in made.steps:
            changed = "" if step.before == step.now else "   changed"
            output.say(f"    {step.number}. {output.safe(step.route)}   {step.before} -> {step.now}{changed}")
    return {"fixed": ExitCode.DONE, "still failing": ExitCode.NO}.get(made.verdict, ExitCode.RETRY)
