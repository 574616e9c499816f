"""`bridge doctor`: every connection, what is missing and what to do."""

from __future__ import annotations

import argparse

from bridge.cli import compose, output
from bridge.cli.progress import Progress
from bridge.errors import ExitCode


def run(args: argparse.Namespace) -> int:
    """Print one line a check, with what to do where it is not well (--verbose: everywhere, with the grants of each role); exit 1 when one is not."""
    from bridge.workflow.doctor import examine

    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        checks = examine(context)
    bad = [check for check in checks if not check.ok]
    if args.output != "text":
        output.data(args, {"ok": not bad, "checks": checks}, records="checks")
        return ExitCode.NO if bad else ExitCode.DONE
    for check in checks:
        head = f"  {'✓' if check.ok else '✗'} {output.safe(check.connection):<14} {output.safe(check.what):<24} "
        output.say(output.hanging(head, output.safe(check.detail)))
        if check.hint and (args.verbose or not check.ok):
            for line in check.hint.splitlines():
                output.say(f"      {output.safe(line)}")
    output.say(f"\n  {len(checks) - len(bad)} of {len(checks)} well" + ("" if bad else "   Next: bridge tickets"))
    return ExitCode.NO if bad else ExitCode.DONE
