"""`bridge completions SHELL`: a completion script, made from the parser itself."""

from __future__ import annotations

import argparse

from bridge.cli.parser import build
from bridge.errors import ExitCode


def run(args: argparse.Namespace) -> int:
    """Print the script; the shell loads it with `eval "$(bridge completions bash)"`."""
    import shtab

    print(shtab.complete(build(), shell=args.shell))
    return ExitCode.DONE
