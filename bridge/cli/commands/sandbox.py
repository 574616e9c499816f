"""`bridge sandbox start`: a tracker and a help desk on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.errors import ExitCode, InputError, NotFoundError

if TYPE_CHECKING:
    from bridge.sandbox.seed import SandboxSeed


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C, which is the way to end it."""
    from bridge.sandbox.server import serve

    state = _state(args)

    def ready(url: str) -> None:
        output.say(f"  sandbox on {url}   state in {output.safe(state)}")
        output.say(f"  tracker (Jira-compatible, {args.personality})   {url}/jira")
        output.say(f"  help desk (Zendesk-compatible)     {url}/zendesk/agent/tickets")
        output.say("  Ctrl-C stops it; the state stays.")

    try:
        serve(state, args.port, args.personality, seed=_seed(args), ready=ready)
    except KeyboardInterrupt:
        output.narrate("  stopped")
    return ExitCode.DONE


def _state(args: argparse.Namespace) -> Path:
    if args.state:
        return Path(args.state).resolve()
    try:
        return compose.workspace(args).root / "sandbox.sqlite"
    except NotFoundError:
        return Path("sandbox.sqlite").resolve()


def _seed(args: argparse.Namespace) -> SandboxSeed | None:
    if not args.seed:
        return None
    from bridge.sandbox.seed import from_json

    try:
        return from_json(Path(args.seed).read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"the seed can't be read: {error}", where=args.seed, hint="its format: docs/sandbox.md") from error
