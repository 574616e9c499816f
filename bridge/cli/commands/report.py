"""`bridge report CASE`: render the report."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.cli.progress import Progress
from bridge.errors import ExitCode

if TYPE_CHECKING:
    from bridge.workflow.report import Reported


def run(args: argparse.Namespace) -> int:
    """Render and say where it lies."""
    from bridge.workflow.report import make_report

    with Progress(quiet=args.output != "text") as progress, compose.context(args, progress) as context:
        reported = make_report(context, args.case, template=args.template)
    if args.output != "text":
        output.data(args, document(reported), records=None)
        return ExitCode.DONE
    show(reported)
    output.say(f"\n  Next: bridge file {reported.case.id} --dry-run")
    return ExitCode.DONE


def document(reported: Reported) -> dict[str, object]:
    """Return the machine output."""
    return {"case": reported.case.id, "title": reported.title, "files": [str(path) for path in reported.files]}


def show(reported: Reported) -> None:
    """Print the title and the report's paths for people."""
    output.say(f"\n  {output.bold(output.safe(reported.title))}")
    for path in reported.files:
        if path.parent.name == "report" and path.suffix in {".md", ".html", ".wiki"}:
            output.say(f"  {output.safe(path)}")
