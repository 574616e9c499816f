"""What the tests of the whole road share: a workspace with everything it talks to, and the result of a command."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.demo.truth import Truth
from bridge.demo.workspace import DemoWorkspace, write_workspace
from bridge.sandbox.server import RunningSandbox

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


def make(folder: Path, truth: Truth, megabytes: float) -> DemoWorkspace:
    return write_workspace(folder, truth, sandbox_url=PLACE, log_megabytes=megabytes)
