"""`bridge investigations list|show|check|test|new|docs`: the catalogue."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import compose, output
from bridge.errors import BridgeError, ExitCode, InputError

if TYPE_CHECKING:
    from bridge.catalog.catalog import Catalog
    from bridge.catalog.testing import Engine, TestResult
    from bridge.model.investigation import Investigation

_COLUMNS = (
    output.Column(name="id", title="investigation"),
    output.Column(name="version", title="v", right=True),
    output.Column(name="origin", title="from"),
    output.Column(name="question", title="question", flexible=True),
)


def run(args: argparse.Namespace) -> int:
    """Do what `action` says."""
    catalog = compose.catalog(args)
    if args.action in {"show", "new"} and not args.id:
        raise InputError("which investigation?", hint=f"bridge investigations {args.action} ID; all: bridge investigations list")
    if args.action == "list":
        return _list(args, catalog)
    if args.action == "show":
        return _show(args, catalog.get(args.id))
    if args.action == "test":
        return _test(args, catalog)
    if args.action == "new":
        return _new(args, catalog)
    return _docs(args, catalog) if args.action == "docs" else _check(args, catalog)


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
    from bridge.catalog import verified

    if args.output != "text":
        output.data(args, entry)
        return ExitCode.DONE
    output.say(f"  {output.bold(entry.id)} v{entry.version}   {output.safe(entry.folder)}\n")
    for title, text in (("question", entry.question), ("approach", entry.approach), ("can't tell", entry.cannot_tell)):
        for line in textwrap.wrap(f"{title}: {output.safe(text)}", output.width() - 4):
            output.say(f"  {line}")
    output.say("\n  parameters")
    for p in entry.parameters:
        words = ", ".join(map(str, p.default)) if isinstance(p.default, tuple) else p.default
        default = "required" if p.default is None else f"default {words}"
        known = "   (values from a query)" if p.values else ""
        output.say(f"    {p.name:<18} {p.type:<9} {output.safe(default)}   {output.safe(p.description)}{known}")
    output.say(f"\n  evidence: {', '.join(e.name for e in entry.evidence)}")
    output.say(f"  findings: {', '.join(entry.findings) or 'none'}")
    output.say(f"  verified on: {', '.join(sorted(verified.dialects(entry))) or 'nothing yet'}")
    return ExitCode.DONE


def _check(args: argparse.Namespace, catalog: Catalog) -> int:
    """Load every entry (or one) strictly and run its own tests; tell all faults, exit 1 when there are any."""
    from bridge.catalog.testing import run_tests

    failures: list[tuple[str, BridgeError]] = []
    ids = _ids(args, catalog)
    for name in ids:
        try:
            failures += _failed(name, run_tests(catalog.get(name)))
        except BridgeError as error:
            failures.append((name, error))
    if args.output != "text":
        output.data(args, {"checked": ids, "failed": _plain(failures)})
    else:
        _tell(args, failures)
        output.say(f"  {len(ids) - len({name for name, _ in failures})} of {len(ids)} investigations are well")
    return ExitCode.NO if failures else ExitCode.DONE


def _test(args: argparse.Namespace, catalog: Catalog) -> int:
    """Run the tests of every entry (or one) on every engine at hand; with --record, keep what passed."""
    from bridge.demo.engines import NAMES, at_hand, missing, opened

    names = tuple(dict.fromkeys(args.engine)) or at_hand()
    failures: list[tuple[str, BridgeError]] = []
    rows = []
    with opened(names) as engines:
        for name in _ids(args, catalog):
            try:
                entry = catalog.get(name)
                passed = _test_one(entry, engines, failures)
            except BridgeError as error:
                failures.append((name, error))
                continue
            if args.record:
                _record(entry, passed, engines)
            rows.append({"id": name, **{engine.name: "passed" if engine.name in passed else "failed" for engine in engines}})
    absent = {} if args.engine else {name: missing(name) for name in NAMES if missing(name)}
    if args.output != "text":
        output.data(args, {"tested": rows, "failed": _plain(failures), "not_at_hand": absent}, records="tested")
    else:
        columns = [output.Column(name="id", title="investigation"), *(output.Column(name=name, title=name) for name in names)]
        output.table(columns, rows)
        _tell(args, failures)
        output.say(f"\n  {len(rows)} investigations on {', '.join(names)}: {len(failures)} tests failed")
        for name, hint in absent.items():
            output.say(f"  not at hand: {name} ({hint})")
    return ExitCode.NO if failures else ExitCode.DONE


def _test_one(entry: Investigation, engines: tuple[Engine, ...], failures: list[tuple[str, BridgeError]]) -> list[str]:
    """Return the engines on which all tests of an entry pass; an entry without tests passes nowhere."""
    from bridge.catalog.testing import run_tests

    passed = []
    for engine in engines:
        results = run_tests(entry, engine=engine)
        failed = _failed(f"{entry.id} on {engine.name}", results)
        failures += failed
        if results and not failed:
            passed.append(engine.name)
    return passed


def _record(entry: Investigation, passed: list[str], engines: tuple[Engine, ...]) -> None:
    from bridge.catalog import verified
    from bridge.disk import write_text

    folder = Path(entry.folder).parent
    records = verified.read(folder)
    held = [engine.dialect for engine in engines if engine.name in passed]
    failed = [engine.dialect for engine in engines if engine.name not in passed]
    records[entry.id] = verified.updated(records.get(entry.id), entry, held, failed)
    write_text(folder / verified.FILE, verified.text(records))


def _new(args: argparse.Namespace, catalog: Catalog) -> int:
    """Write a new entry into the workspace; it passes `check` as it is."""
    from bridge.catalog.new import new

    if catalog.workspace is None:
        raise InputError("there is no workspace here", hint="bridge init, or name one: --workspace DIR")
    made = [str(path) for path in new(catalog.workspace, args.id)]
    if args.output != "text":
        output.data(args, {"investigation": args.id, "files": made}, records="files")
        return ExitCode.DONE
    for path in made:
        output.say(f"  ✓ {output.safe(path)}")
    output.say(f"\n  Next: change it (docs/investigations.md), then: bridge investigations check {output.safe(args.id)}")
    return ExitCode.DONE


def _docs(args: argparse.Namespace, catalog: Catalog) -> int:
    """Write the index page, and the example of every README, where they changed."""
    from bridge.workflow.catalog_pages import write

    written = [str(path) for path in write(catalog)]
    if args.output != "text":
        output.data(args, {"written": written}, records="written")
        return ExitCode.DONE
    for path in written:
        output.say(f"  ✓ {output.safe(path)}")
    output.say(f"  {len(written)} pages written" if written else "  every page is up to date")
    return ExitCode.DONE


def _ids(args: argparse.Namespace, catalog: Catalog) -> list[str]:
    return [args.id] if args.id else [entry.id for entry in catalog.list()]


def _failed(name: str, results: tuple[TestResult, ...]) -> list[tuple[str, BridgeError]]:
    failed = [result for result in results if not result.passed]
    return [(name, InputError(f"test '{r.about}' fails", where=r.file, problems=r.problems)) for r in failed]


def _plain(failures: list[tuple[str, BridgeError]]) -> list[dict[str, object]]:
    return [{"id": name, "message": error.message, "problems": list(error.problems)} for name, error in failures]


def _tell(args: argparse.Namespace, failures: list[tuple[str, BridgeError]]) -> None:
    for name, fault in failures:
        output.failure(args, fault, ExitCode.NO)
        output.narrate(f"       in {output.safe(name)}")
