"""`bridge sandbox start`: a tracker and a help desk on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from bridge.cli import compose, output
from bridge.errors import ExitCode, InputError, NotFoundError


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from bridge.sandbox.server import start

    state = _state(args)
    seed = _seed(args)
    with start(state, port=args.port, personality=args.personality, seed=seed) as running:
        output.say(f"  sandbox on {running.url}   state in {output.safe(state)}")
        output.say(f"  tracker (Jira-compatible, {args.personality})      {running.url}/jira")
        output.say(f"  help desk (Zendesk-compatible)        {running.url}/zendesk/agent/tickets")
        output.say("  Ctrl-C stops it; the state stays.")
        running.wait()
    return ExitCode.DONE


def _state(args: argparse.Namespace) -> Path:
    if args.state:
        return Path(args.state).resolve()
    try:
        return compose.workspace(args).root / "sandbox.sqlite"
    except NotFoundError:
        return Path("sandbox.sqlite").resolve()


def _seed(args: argparse.Namespace) -> object:
    if not args.seed:
        return None
    from bridge.sandbox.seed import from_json

    try:
        return from_json(Path(args.seed).read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"the seed can't be read: {error}", where=args.seed, hint="its format: docs/sandbox.md") from error
