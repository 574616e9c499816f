"""What the tests of the whole road share: a workspace with everything it talks to, and the result of a command."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.demo.truth import Truth
from bridge.demo.workspace import DemoWorkspace, write_workspace
from bridge.sandbox.seed import from_json
from bridge.sandbox.server import RunningSandbox, start

PLACE = "http://127.0.0.1:1"
"""Stands for the sandbox's address in the shared copy; nobody listens on port 1."""


@dataclass(frozen=True)
class Result:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Workspace:
    """A workspace with everything it talks to."""

    folder: Path
    made: DemoWorkspace
    sandbox: RunningSandbox
    run: Callable[..., Result]

    @property
    def planted(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / ".demo" / "truth.json").read_text())["planted"])

    def case_file(self, name: str, case: str = "BR-0001") -> Path:
        return self.folder / "cases" / case / name


@contextmanager
def placed(source: Path, made: DemoWorkspace, folder: Path) -> Iterator[RunningSandbox]:
    """Copy a workspace and start a sandbox of its own."""
    shutil.copytree(source, folder)
    with start(folder / "sandbox.sqlite", seed=from_json(made.seed)) as sandbox:
        for path in (folder / "bridge.yaml", *folder.glob("cases/*/case.json")):
            path.write_text(path.read_text().replace(PLACE, sandbox.url))
        yield sandbox


def make(folder: Path, truth: Truth, megabytes: float) -> DemoWorkspace:
    return write_workspace(folder, truth, sandbox_url=PLACE, log_megabytes=megabytes)
