"""`bridge investigations list|show|check`: the catalogue."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.errors import BridgeError, ExitCode, InputError

if TYPE_CHECKING:
    from bridge.catalog.catalog import Catalog
    from bridge.model.investigation import Investigation

_COLUMNS = (
    output.Column(name="id", title="investigation"),
    output.Column(name="version", title="v", right=True),
    output.Column(name="origin", title="from"),
    output.Column(name="question", title="question", flexible=True),
)


def run(args: argparse.Namespace) -> int:
    """List the catalogue, show one entry, or check entries for faults."""
    catalog = compose.catalog(args)
    if args.action == "list":
        return _list(args, catalog)
    if args.action == "show":
        if not args.id:
            raise InputError("which investigation?", hint="bridge investigations show ID; all: bridge investigations list")
        return _show(args, catalog.get(args.id))
    return _check(args, catalog)


def _list(args: argparse.Namespace, catalog: Catalog) -> int:
    entries = [
        {"id": e.id, "version": e.version, "question": e.problem or e.question, "origin": e.origin, "usable": not e.problem}
        for e in catalog.list()
    ]
    if args.output != "text":
        output.data(args, {"investigations": entries}, records="investigations")
    else:
        output.table(_COLUMNS, entries)
        output.say("\n  Next: bridge investigations show ID      bridge investigate TICKET --with ID")
    return ExitCode.DONE


def _show(args: argparse.Namespace, entry: Investigation) -> int:
    if args.output != "text":
        output.data(args, entry)
        return ExitCode.DONE
    output.say(f"  {output.bold(entry.id)} v{entry.version}   {output.safe(entry.folder)}\n")
    for title, text in (("question", entry.question), ("approach", entry.approach), ("can't tell", entry.cannot_tell)):
        for line in textwrap.wrap(f"{title}: {output.safe(text)}", output.width() - 4):
            output.say(f"  {line}")
    output.say("\n  parameters")
    for p in entry.parameters:
        default = "required" if p.default is None else f"default {p.default}"
        output.say(f"    {p.name:<18} {p.type:<9} {output.safe(default)}   {output.safe(p.description)}")
    output.say(f"\n  evidence: {', '.join(e.name for e in entry.evidence)}")
    output.say(f"  findings: {', '.join(entry.findings)}")
    return ExitCode.DONE


def _check(args: argparse.Namespace, catalog: Catalog) -> int:
    """Load every entry (or one) strictly and run its own tests; tell all faults, exit 1 when there are any."""
    from bridge.catalog.testing import run_tests

    failures: list[tuple[str, BridgeError]] = []
    ids = [args.id] if args.id else [entry.id for entry in catalog.list()]
    for name in ids:
        try:
            failed = [result for result in run_tests(catalog.get(name)) if not result.passed]
        except BridgeError as error:
            failures.append((name, error))
            continue
        failures += [(name, InputError(f"test '{r.about}' fails", where=r.file, problems=r.problems)) for r in failed]
    if args.output != "text":
        output.data(args, {"checked": ids, "failed": [{"id": n, "message": e.message, "problems": list(e.problems)} for n, e in failures]})
    else:
        for name, fault in failures:
            output.failure(args, fault, ExitCode.NO)
            output.narrate(f"       in {output.safe(name)}")
        output.say(f"  {len(ids) - len(failures)} of {len(ids)} investigations are well")
    return ExitCode.NO if failures else ExitCode.DONE
