"""`bridge tracker map`: a starting point for `tracker.fields` from the tracker's create screen."""

from __future__ import annotations

import argparse

from bridge.cli import compose, output
from bridge.errors import ExitCode


def run(args: argparse.Namespace) -> int:
    """Print lines for bridge.yaml."""
    from bridge.workflow.mapping import suggestion

    with compose.context(args, lambda _event: None) as context:
        lines = suggestion(context)
    if args.output != "text":
        output.data(args, {"lines": list(lines)}, records="lines")
        return ExitCode.DONE
    for line in lines:
        output.say(output.safe(line))
    return ExitCode.DONE
