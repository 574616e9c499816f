"""`bridge sandbox start`: a tracker and a help desk on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.errors import ExitCode, InputError, NotFoundError, RetryLaterError

if TYPE_CHECKING:
    from bridge.sandbox.seed import SandboxSeed


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C, which is the way to end it."""
    if args.action != "start":
        return _set_fixed(args, fixed=args.action == "fix")
    from bridge.sandbox.server import serve

    state = _state(args)

    def ready(url: str) -> None:
        output.say(f"  sandbox on {url}   state in {output.safe(state)}")
        output.say(f"  tracker (Jira-compatible, {args.personality})   {url}/jira")
        output.say(f"  help desk (Zendesk-compatible)     {url}/zendesk/agent/tickets")
        output.say(f"  product with the demo's defect     {url}/product   (bridge sandbox fix takes it out)")
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


def _set_fixed(args: argparse.Namespace, *, fixed: bool) -> int:
    """Tell the running sandbox to take the defect out of its product, or to plant it again."""
    import json
    from urllib.request import Request, urlopen

    url = f"http://127.0.0.1:{args.port}/_control/product"
    request = Request(url, data=json.dumps({"fixed": fixed}).encode(), headers={"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=10) as response:  # noqa: S310  the same
            answer = json.load(response)
    except (OSError, ValueError) as error:
        raise RetryLaterError(f"no sandbox answers on port {args.port}", where=url, hint="start one: bridge sandbox start") from error
    if args.output != "text":
        output.data(args, answer)
    else:
        output.say("  the product is fixed" if answer["fixed"] else "  the product has its defect again")
    return ExitCode.DONE
