"""`bridge stuck`: what waits for somebody longer than it may."""

from __future__ import annotations

import argparse

from bridge.cli import compose, output
from bridge.errors import ExitCode


def run(args: argparse.Namespace) -> int:
    """Print what is stuck, oldest first; exit 1 when something is."""
    from bridge.workflow.stuck import stuck

    with compose.context(args, lambda _event: None) as context:
        found = stuck(context)
    code = ExitCode.NO if found else ExitCode.DONE
    if args.output != "text":
        output.data(args, {"stuck": list(found)}, records="stuck")
        return code
    for item in found:
        output.say(f"  {output.bold(item.case_id)}  {output.safe(item.what)}   since {item.since:%Y-%m-%d %H:%M} UTC")
        output.say(f"      {output.safe(item.next)}")
    output.say("  nothing is stuck" if not found else f"\n  {len(found)} thing(s) wait for somebody")
    return code
