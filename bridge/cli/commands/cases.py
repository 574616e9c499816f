"""`bridge cases`: the cases of the workspace."""

from __future__ import annotations

import argparse

from bridge.cli import compose, output
from bridge.errors import ExitCode

_COLUMNS = (
    output.Column(name="id", title="case"),
    output.Column(name="state", title="state"),
    output.Column(name="created", title="opened"),
    output.Column(name="investigation", title="investigation", flexible=True),
    output.Column(name="tickets", title="tickets", right=True),
    output.Column(name="accounts", title="accounts", right=True),
    output.Column(name="issue", title="issue"),
)


def run(args: argparse.Namespace) -> int:
    """Print every case, newest first."""
    from bridge.workflow.overview import rows

    with compose.context(args, lambda _event: None) as context:
        found = rows(context)
    if args.output != "text":
        output.data(args, {"cases": found}, records="cases")
        return ExitCode.DONE
    if not found:
        output.say("  no cases yet")
        output.say("  Next: bridge tickets      bridge investigate TICKET --with INVESTIGATION")
        return ExitCode.DONE
    output.table(_COLUMNS, found)
    return ExitCode.DONE
