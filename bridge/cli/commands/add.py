"""`bridge add CASE TICKET...`: more tickets for a case; linked at once where it is filed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.cli.commands.file import Outcome, finish, outcome, would
from bridge.cli.progress import Progress
from bridge.errors import ExitCode

if TYPE_CHECKING:
    from bridge.workflow.add import Added


def run(args: argparse.Namespace) -> int:
    """Link, tell, count; nothing else is repeated."""
    from bridge.workflow.add import add
    from bridge.workflow.rehearsal import rehearsal

    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        if args.dry_run:
            with rehearsal(context) as (dry, writes):
                added = add(dry, args.case, tuple(args.tickets))
            output.dry_run(args, writes, would(writes) if added.result else _kept(args.case, added, "would keep").lines)
            return ExitCode.DONE
        added = add(context, args.case, tuple(args.tickets))
    ended = outcome(added.result) if added.result else _kept(args.case, added, "keeps")
    if args.output != "text":
        output.data(args, {**ended.document, "new": added.new, "known": added.known, "doubtful": added.doubtful})
    elif added.known:
        output.say(f"  {', '.join(added.known)} belonged to {args.case} before")
    return finish(args, ended)


def _kept(case_id: str, added: Added, verb: str) -> Outcome:
    """Say that a case which is not filed only keeps the tickets, and what links them."""
    kept = (f"  {case_id} {verb} {', '.join(added.new)}",) if added.new else ()
    return Outcome(
        code=ExitCode.DONE,
        document={"case": case_id, "issue": None, "created": False, "writes": 0, "linked": 0, "undone": []},
        lines=(
            *kept,
            f"  {case_id} is not filed: nothing is linked and nobody was told",
            "",
            f"  Next: bridge report {case_id}      then, for the issue and all links: bridge file {case_id} --dry-run",
        ),
    )
