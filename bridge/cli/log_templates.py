"""Which templates `bridge logs` knows already: those of --known FILE, else those of the workspace."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import output
from bridge.config.nearest import find
from bridge.errors import NotFoundError

if TYPE_CHECKING:
    from bridge.logs.template_store import KnownTemplates


def known(args: argparse.Namespace) -> KnownTemplates | None:
    """Return the known templates; None: there are none.

    InputError: --known FILE was made by another algorithm. A workspace's file that was is passed over, and that is said.
    """
    path = Path(args.known) if args.known else _of_workspace(args)
    if path is None or not path.is_file():
        return None
    from bridge.logs.miner import ALGORITHM
    from bridge.logs.template_store import load_known

    if args.known:
        return load_known(path, ALGORITHM)
    found = load_known(path)
    if found.algorithm != ALGORITHM:
        output.narrate(f"  ! {path.name} was made by '{output.safe(found.algorithm)}', ids are made by '{ALGORITHM}' now: not used")
        return None
    return found


def _of_workspace(args: argparse.Namespace) -> Path | None:
    """Return the file beside the nearest bridge.yaml. Its settings are not read: a question to files needs none of them."""
    from bridge.logs.template_store import FILE

    if args.workspace:
        return Path(args.workspace) / FILE
    try:
        return find(Path.cwd()) / FILE
    except NotFoundError:
        return None
