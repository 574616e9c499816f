"""`bridge tickets`: the queue."""

from __future__ import annotations

import argparse

from bridge.cli import compose, output
from bridge.cli.progress import Progress
from bridge.errors import ExitCode

_COLUMNS = (
    output.Column(name="id", title="ticket"),
    output.Column(name="created", title="created"),
    output.Column(name="priority", title="priority"),
    output.Column(name="account", title="account", flexible=True),
    output.Column(name="subject", title="subject", flexible=True),
    output.Column(name="issue", title="issue"),
)


def run(args: argparse.Namespace) -> int:
    """Print unsolved tickets, newest first."""
    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        found = list(context.connections.tickets().queue(query=args.query, limit=args.limit))
    if args.output != "text":
        output.data(args, {"tickets": found}, records="tickets")
        return ExitCode.DONE
    if not found:
        output.say(f"  no unsolved tickets{f' with {output.safe(args.query)!r}' if args.query else ''}")
        return ExitCode.DONE
    rows = [
        {
            "id": t.id,
            "created": f"{t.created_at:%d %b %H:%M}",
            "priority": t.priority,
            "account": t.account_name or "(no account)",
            "subject": t.subject,
            "issue": t.issue_key,
        }
        for t in found
    ]
    output.table(_COLUMNS, rows)
    accounts = len({t.account_id for t in found if t.account_id})
    cut = f" (the newest {args.limit}; more with --limit)" if len(found) == args.limit else ""
    output.say(f"\n  {len(found)} tickets, {accounts} accounts{cut}   times in UTC")
    output.say(f"  Next: bridge investigate {found[0].id} --with INVESTIGATION      bridge investigations list")
    return ExitCode.DONE
