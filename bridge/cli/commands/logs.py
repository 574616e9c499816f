"""`bridge logs ACTION`: questions to log files; each action is a module of its own."""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import sys
from importlib import import_module

_OFTEN = 50_000
"""New objects between two looks for cycles: reading logs makes many objects and hardly a cycle."""


def run(args: argparse.Namespace) -> int:
    """Run the action's module: `logs_templates`, `logs_compare`, ..."""
    # Nothing here multiplies matrices: numpy's threads would cost half as much as a whole narrow question.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(_OFTEN, 50, 100)
    atexit.register(_keep_all)
    return int(import_module(f"bridge.cli.commands.logs_{args.action}").run(args))


def _keep_all() -> None:
    """Spare the last look through all that was read; DuckDB's binding would take what is kept for lost, and say so on stderr."""
    if "duckdb" not in sys.modules:
        gc.freeze()
