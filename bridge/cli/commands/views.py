"""`bridge views check`: what the workspace's views lack for the catalogue, with types, before anything runs."""

from __future__ import annotations

import argparse

from bridge.cli import compose, output
from bridge.cli.progress import Progress
from bridge.errors import ExitCode

_COLUMNS = (
    output.Column(name="name", title="view"),
    output.Column(name="state", title=""),
    output.Column(name="database", title="database"),
    output.Column(name="columns", title="columns", right=True),
    output.Column(name="users", title="needed by", flexible=True),
)


def run(args: argparse.Namespace) -> int:
    """Run each view for a few rows and hold it against what its name promises; exit 1 when something is lacking."""
    from bridge.workflow.view_check import check_views

    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        states = check_views(context, args.id)
    lacking = [state for state in states if state.problems]
    if args.output != "text":
        output.data(args, {"views": states}, records="views")
        return ExitCode.NO if lacking else ExitCode.DONE
    rows = [
        {"name": s.name, "state": s.state, "database": s.database, "columns": len(s.columns) or "", "users": ", ".join(s.needed_by)}
        for s in states
    ]
    output.table(_COLUMNS, rows)
    for state in lacking:
        output.say(f"\n  {output.bold(output.safe(state.name))}")
        for problem in state.problems:
            output.say(f"    - {output.safe(problem.message)}")
            if problem.hint:
                output.say(f"      {output.safe(problem.hint)}")
    output.say(f"\n  {len(states) - len(lacking)} of {len(states)} views are well; columns and types: docs/standard-views.md")
    return ExitCode.NO if lacking else ExitCode.DONE
