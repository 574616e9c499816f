"""`bridge add CASE TICKET...`: more tickets for a case that is filed."""

from __future__ import annotations

import argparse

from bridge.cli import compose, output
from bridge.cli.commands.file import finish, outcome, would
from bridge.cli.progress import Progress
from bridge.errors import ExitCode


def run(args: argparse.Namespace) -> int:
    """Link, tell, count; nothing else is repeated."""
    from bridge.workflow.add import add
    from bridge.workflow.rehearsal import rehearsal

    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        if args.dry_run:
            with rehearsal(context) as (dry, writes):
                add(dry, args.case, tuple(args.tickets))
            output.dry_run(args, writes, would(writes))
            return ExitCode.DONE
        added = add(context, args.case, tuple(args.tickets))
    ended = outcome(added.result)
    if args.output != "text":
        output.data(args, {**ended.document, "new": added.new, "known": added.known, "doubtful": added.doubtful})
    elif added.known:
        output.say(f"  {', '.join(added.known)} belonged to {args.case} before")
    return finish(args, ended)
