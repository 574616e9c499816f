"""`bridge init`: make a workspace."""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli import output
from bridge.errors import ExitCode


def run(args: argparse.Namespace) -> int:
    """Write the files of a new workspace; nothing that exists is touched."""
    from bridge.config.scaffold import scaffold

    folder = Path(args.workspace or args.folder).resolve()
    made = [str(path.relative_to(folder)) for path in scaffold(folder)]
    if args.output != "text":
        output.data(args, {"workspace": str(folder), "files": made}, records="files")
        return ExitCode.DONE
    for name in made:
        output.say(f"  ✓ {output.safe(name)}")
    output.say(f"\n  a workspace in {output.safe(folder)}")
    output.say("  Next: fill in bridge.yaml (help desk, tracker, database, logs), then: bridge doctor")
    return ExitCode.DONE
