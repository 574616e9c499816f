"""`bridge run TICKET...`: investigate, report and file in one go."""

from __future__ import annotations

import argparse

from bridge.cli import compose, output
from bridge.cli.commands import file, investigate, report
from bridge.cli.progress import Progress
from bridge.errors import ExitCode


def run(args: argparse.Namespace) -> int:
    """Walk the whole road; each stage can be run again alone."""
    from bridge.workflow.report import make_report

    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        found = investigate.work(args, context)
        if args.output == "text":
            investigate.summary(found)
        reported = make_report(context, found.case.id)
        if args.output == "text":
            report.show(reported)
        outcome = file.work(args, context, found.case.id)
    if args.output != "text":
        output.data(args, {"investigated": investigate.document(found), "report": report.document(reported), "filed": outcome.document})
    code = file.finish(args, outcome)
    if args.output == "text" and code == ExitCode.DONE:
        output.say(f"\n  Next: bridge show {found.case.id}")
    return code
