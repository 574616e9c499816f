"""`bridge demo`: the main job on a made-up company, with a tracker and a help desk of its own on this machine."""

from __future__ import annotations

import argparse
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli import output
from bridge.errors import BridgeError, ExitCode, InputError, NotFoundError

if TYPE_CHECKING:
    from bridge.demo.workspace import DemoWorkspace

_ASIDE = ".demo"
"""What the demo leaves beside the workspace; its presence allows the folder to be made anew."""


def run(args: argparse.Namespace) -> int:
    """Make the company, start the sandbox, and run the commands that an analyst would."""
    folder = Path(args.folder).resolve()
    if args.real:
        from bridge.demo.real import logs_folder

        try:
            logs_folder()
        except NotFoundError as error:
            output.say(f"SKIPPED: {output.safe(error.message)}; {output.safe(error.hint)}")
            return ExitCode.DONE
    _empty(folder)
    url = f"http://127.0.0.1:{_port(args.port)}"
    with _database(args) as postgres:
        made = _company(args, folder, url, postgres)
        return _road(args, made, url)


def _empty(folder: Path) -> None:
    """Remove what an earlier demo made, and nothing else."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / _ASIDE).is_dir():
        raise InputError(f"{folder} exists and is not a demo's workspace", hint="name another folder: bridge demo --folder NAME")
    shutil.rmtree(folder)


def _port(wanted: int) -> int:
    """Return the wanted port, or a free one when somebody else has it."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                output.narrate(f"  ! port {port} is taken, another one is used")
                continue
            return int(probe.getsockname()[1])
    raise BridgeError("no free port on 127.0.0.1")


@contextmanager
def _database(args: argparse.Namespace) -> Iterator[object]:
    """Run a PostgreSQL from its wheel where one is wanted; its data lies in a temporary folder and goes with the demo."""
    if args.database != "postgres" and not args.real:
        yield None
        return
    from bridge.demo.embedded_postgres import running

    with tempfile.TemporaryDirectory(prefix="bridge-pg-", ignore_cleanup_errors=True) as name:
        output.narrate("==> starting a PostgreSQL of its own (Unix socket only)")
        with running(Path(name) / "data") as urls:
            yield urls


def _company(args: argparse.Namespace, folder: Path, url: str, postgres: object) -> DemoWorkspace:
    started = time.monotonic()
    if args.real:
        from bridge.demo.real import write_real_workspace

        output.narrate("==> a workspace over the recorded logs of a real system, read in place")
        made = write_real_workspace(folder, postgres=postgres, sandbox_url=url)  # type: ignore[arg-type] # _database gives it for --real
    else:
        from bridge.demo.truth import DEFAULT_TRUTH
        from bridge.demo.workspace import write_workspace

        output.narrate("==> making up a company: 412 accounts, 14 days of exports, 60 MB of logs, 31 tickets")
        made = write_workspace(folder, DEFAULT_TRUTH, sandbox_url=url, database=args.database, postgres=postgres)  # type: ignore[arg-type] # _database gives it for postgres
    output.narrate(f"    {folder}   {time.monotonic() - started:.1f} s")
    return made


def _road(args: argparse.Namespace, made: DemoWorkspace, url: str) -> int:
    """Run the commands against the sandbox; the first that fails ends the demo with its exit code."""
    from bridge.sandbox.seed import from_json
    from bridge.sandbox.server import start

    port = int(url.rpartition(":")[2])
    output.narrate(f"==> a tracker and a help desk on {url}")
    with start(made.folder / "sandbox.sqlite", port=port, seed=from_json(made.seed)) as running:
        for command in _commands(args, made, port):
            code = _run(command, made.folder)
            if code != ExitCode.DONE:
                return code
        _end(made, running.url)
    return ExitCode.DONE


def _commands(args: argparse.Namespace, made: DemoWorkspace, port: int) -> tuple[list[str], ...]:
    """Return what an analyst would type. The real logs have no system to run the steps against, so there it is shorter."""
    start = [*made.tickets, "--with", made.investigation]
    if args.real:
        parameters = [word for name, value in made.parameters.items() for word in ("-p", f"{name}={value}")]
        return (
            ["doctor"],
            ["tickets"],
            ["run", *start, *parameters, "--yes"],
            ["report", "score", "BR-0001"],
            ["file", "BR-0001", "--yes"],
            ["cases"],
        )
    return (
        ["doctor"],
        ["tickets"],
        ["investigate", *start, "--include-found"],
        ["reproduce", "BR-0001", "--target", "staging", "--send"],
        ["report", "BR-0001"],
        ["report", "score", "BR-0001"],
        ["file", "BR-0001", "--yes"],
        ["file", "BR-0001", "--yes"],
        ["cases"],
        ["sandbox", "fix", "--port", str(port)],
        ["verify", "BR-0001", "--target", "staging", "--yes"],
    )


def _run(command: list[str], folder: Path) -> int:
    from bridge.cli.main import main

    shown = " ".join(f"'{word}'" if " " in word else word for word in command)
    output.say(f"\n{output.bold(f'$ bridge {shown}')}")
    started = time.monotonic()
    code = main([*command, "--workspace", str(folder)])
    output.narrate(f"    ({time.monotonic() - started:.1f} s)")
    return code


def _end(made: DemoWorkspace, url: str) -> None:
    """Say what came out of it and how to look at it."""
    from bridge.filing.ledger import Ledger
    from bridge.filing.status import status
    from bridge.workflow.clock import SystemClock

    ledger = Ledger(made.folder / "ledger.sqlite", SystemClock())
    try:
        filed = status("BR-0001", ledger)
    finally:
        ledger.close()
    output.say(f"\n{output.bold('The whole road:')} tickets, case, evidence, findings, report, issue")
    output.say(f"  report   {made.folder / 'cases' / 'BR-0001' / 'report' / 'report.html'}")
    if filed.issue is not None:
        output.say(f"  issue    {filed.issue.url}")
    output.say(f"  tickets  {len(filed.linked)} linked: {', '.join(filed.linked)}")
    bridge = _bridge()
    output.say(f"\n  Look around: {bridge} sandbox start --workspace {made.folder}")
    output.say(f"  then open {url}   and try: {bridge} show BR-0001 --workspace {made.folder}")


def _bridge() -> str:
    """Return how this program is called from here: `make demo` puts it into an environment that no PATH has."""
    own = Path(sys.executable).with_name("bridge")
    if shutil.which("bridge") or not own.exists():
        return "bridge"
    return str(own.relative_to(Path.cwd())) if own.is_relative_to(Path.cwd()) else str(own)
