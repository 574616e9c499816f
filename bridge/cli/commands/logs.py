"""`bridge logs ACTION`: questions to log files; each action is a module of its own."""

from __future__ import annotations

import argparse
from importlib import import_module


def run(args: argparse.Namespace) -> int:
    """Run the action's module: `logs_templates`, `logs_compare`, ..."""
    return int(import_module(f"bridge.cli.commands.logs_{args.action}").run(args))
