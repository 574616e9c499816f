"""A small demo company, made once for all workers, and a copy of its workspace with a sandbox of its own for each test."""

from __future__ import annotations

import fcntl
import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from bridge.cli.main import main
from bridge.demo.truth import DEFAULT_TRUTH
from bridge.demo.workspace import DemoWorkspace
from bridge.sandbox.seed import from_json
from bridge.sandbox.server import start
from tests.road.kit import PLACE, Result, Workspace, make, placed


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoWorkspace]:
    """The default company with 2 MB of logs; one worker makes it, the others wait and use it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    folder = shared / "demo-company"
    with (shared / "demo-company.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        note = shared / "demo-company.pickle"
        if not note.exists():
            note.write_bytes(pickle.dumps(make(folder, DEFAULT_TRUTH, 2.0)))
        made: DemoWorkspace = pickle.loads(note.read_bytes())  # noqa: S301 - our own file of a moment ago
    return folder, made


@pytest.fixture(scope="session")
def reported(company: tuple[Path, DemoWorkspace]) -> tuple[Path, DemoWorkspace]:
    """The company's workspace with a case that is investigated and reported, BR-0001; made once as well."""
    source, made = company
    folder = source.with_name("reported-company")
    with source.with_name("reported-company.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            shutil.copytree(source, folder, dirs_exist_ok=True)
            settings = folder / "bridge.yaml"
            with start(folder / "sandbox.sqlite", seed=from_json(made.seed)) as sandbox, redirect_stdout(StringIO()):
                settings.write_text(settings.read_text().replace(PLACE, sandbox.url))
                for words in (["investigate", "ZD-1003", "ZD-1004", "--with", "empty-exports"], ["report", "BR-0001"]):
                    assert main([*words, "--workspace", str(folder)]) == 0, words
                for path in (settings, folder / "cases" / "BR-0001" / "case.json"):
                    path.write_text(path.read_text().replace(sandbox.url, PLACE))
            for path in folder.glob("sandbox.sqlite*"):
                path.unlink()
            (folder / "done").touch()
    return folder, made


@pytest.fixture
def case(reported: tuple[Path, DemoWorkspace], open_workspace: Callable[[Path, DemoWorkspace], Workspace]) -> Workspace:
    """A workspace whose case BR-0001 can be filed."""
    return open_workspace(*reported)


@pytest.fixture
def open_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[[Path, DemoWorkspace], Workspace]]:
    """Copy a workspace, start its sandbox, and give a way to run commands in it."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    with ExitStack() as stack:

        def open_one(source: Path, made: DemoWorkspace) -> Workspace:
            folder = tmp_path / "workspace"
            sandbox = stack.enter_context(placed(source, made, folder))

            def run(*words: str) -> Result:
                capfd.readouterr()
                try:
                    code = main([*words, "--workspace", str(folder)])
                except SystemExit as stop:
                    code = int(stop.code or 0)
                seen = capfd.readouterr()
                return Result(code=int(code), out=seen.out, err=seen.err)

            return Workspace(folder=folder, made=made, sandbox=sandbox, run=run)

        yield open_one


@pytest.fixture
def workspace(company: tuple[Path, DemoWorkspace], open_workspace: Callable[[Path, DemoWorkspace], Workspace]) -> Workspace:
    """The default company, ready to work with."""
    return open_workspace(*company)
