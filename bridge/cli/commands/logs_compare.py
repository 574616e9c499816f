"""`bridge logs compare --before FILE... --after FILE...`: what is different now."""

from __future__ import annotations

import argparse

from bridge.errors import InputError


def run(args: argparse.Namespace) -> int:
    """Compare two sets of logs."""
    if not args.before or not args.after:
        raise InputError("which logs are compared?", hint="bridge logs compare --before FILE... --after FILE...")
    raise InputError("compare is not there yet")
