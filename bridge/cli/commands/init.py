"""`bridge init`: make a workspace, or propose its views from the schema of a database."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.errors import ExitCode

if TYPE_CHECKING:
    from bridge.catalog.propose import Proposal


def run(args: argparse.Namespace) -> int:
    """Write the files of a new workspace; nothing that exists is touched."""
    from bridge.config.scaffold import scaffold

    folder = Path(args.workspace or args.folder).resolve()
    if args.database:
        return _from(args, folder)
    made = [str(path.relative_to(folder)) for path in scaffold(folder)]
    if args.output != "text":
        output.data(args, {"workspace": str(folder), "files": made}, records="files")
        return ExitCode.DONE
    for name in made:
        output.say(f"  ✓ {output.safe(name)}")
    output.say(f"\n  a workspace in {output.safe(folder)}")
    output.say("  Next: fill in bridge.yaml (help desk, tracker, database, logs), then: bridge doctor")
    return ExitCode.DONE


def _from(args: argparse.Namespace, folder: Path) -> int:
    """Propose views; where there is no workspace yet, make one around them."""
    from bridge.catalog.propose import propose
    from bridge.config.scaffold import scaffold
    from bridge.workflow.clock import SystemClock
    from bridge.workflow.schema_of import schema_of

    new = not (folder / "bridge.yaml").exists()
    with compose.database(args.database, folder) as database:
        folder.mkdir(parents=True, exist_ok=True)
        tables = schema_of(database, folder, SystemClock())
    proposals = propose(tables)
    written, kept = _write(folder / "views", proposals)
    named = compose.file_keys(args.database)
    made = [str(path.relative_to(folder)) for path in scaffold(folder, views=False, database=named)] if new else []
    if args.output != "text":
        told = [
            {"view": p.view, "table": p.table, "confidence": p.confidence, "missing": p.missing, "written": p.view in written}
            for p in proposals
        ]
        output.data(args, {"workspace": str(folder), "tables": len(tables), "proposals": told, "files": made}, records="proposals")
        return ExitCode.DONE
    for name in made:
        output.say(f"  ✓ {output.safe(name)}")
    for proposal in proposals:
        lacks = f", not found: {', '.join(proposal.missing)}" if proposal.missing else ""
        mark = "✓" if proposal.view in written else "·"
        tail = "" if proposal.view in written else "   (views/ has one already: kept)"
        output.say(
            f"  {mark} views/{proposal.view}.sql from {output.safe(proposal.table)}, confidence {proposal.confidence:.2f}{lacks}{tail}"
        )
    output.say(f"\n  {len(written)} views proposed from {len(tables)} tables, {len(kept)} kept as they are")
    output.say("  They are guesses by name. Next: read each one, then: bridge views check")
    return ExitCode.DONE


def _write(folder: Path, proposals: tuple[Proposal, ...]) -> tuple[list[str], list[str]]:
    """Write each proposal into a file that is not there yet; return the names that were written and that were kept.

    An example of `bridge init` that nobody changed makes room.
    """
    from bridge.config.scaffold import FILES
    from bridge.errors import InputError

    written, kept = [], []
    for proposal in proposals:
        path = folder / f"{proposal.view}.sql"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if path.is_file() and path.read_bytes() == FILES.get(f"views/{path.name}", "").encode():
                path.unlink()
            with path.open("x", encoding="utf-8") as file:
                file.write(proposal.sql)
        except FileExistsError:
            kept.append(proposal.view)
            continue
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}", where=str(path)) from error
        written.append(proposal.view)
    return written, kept
