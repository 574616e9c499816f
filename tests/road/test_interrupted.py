"""Ctrl-C at any point leaves a case that the same command continues to the same result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bridge.cli import progress
from bridge.workflow.events import Event
from tests.road.kit import Workspace

WITH = ("--with", "empty-exports", "--include-found")


STEPS = range(1, 80) if os.environ.get("BRIDGE_STOPS") else (6, 21, 40)
"""Where Ctrl-C is pressed: at each of a run's steps (`make faults-long`), or while reading tickets, asking, and filing."""


def stopped_at(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Run the road and press Ctrl-C when its n-th step begins or ends (there are some 78)."""
    shown = progress.Progress.__call__
    count = 0

    def counted(self: progress.Progress, event: Event) -> None:
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGINT)
        shown(self, event)

    with monkeypatch.context() as patched:
        patched.setattr(progress.Progress, "__call__", counted)
        done = workspace.run("run", *workspace.made.tickets, *WITH, "--yes")
    assert "Traceback" not in done.err, done.err
    assert done.code == (130 if count >= number else 0), (number, count)


@pytest.mark.parametrize("first", STEPS)
def test_stopped_at_any_step_and_run_again(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    stopped_at(workspace, monkeypatch, first)
    done = workspace.run("run", *workspace.made.tickets, *WITH, "--yes")
    assert done.code == 0, done.err
    cases = sorted(p.name for p in (workspace.folder / "cases").iterdir())
    assert cases == ["BR-0001"]
    found = json.loads(workspace.case_file("findings.json").read_text())
    assert len(found["cohort"]["affected"]) == 38
    made = [e for e in workspace.sandbox.journal() if e.method == "POST" and e.path.rstrip("/").endswith("/issue") and e.status == 201]
    assert len(made) == 1
    notes = [e for e in workspace.sandbox.journal() if e.method == "PUT" and "/tickets/" in e.path]
    again = workspace.run("file", "BR-0001", "--yes")
    assert "23 of 23 tickets linked" in again.out
    assert [e for e in workspace.sandbox.journal() if e.method == "PUT" and "/tickets/" in e.path] == notes


def test_a_real_ctrl_c(workspace: Workspace) -> None:
    command = [
        str(Path(sys.executable).with_name("bridge")),
        "run",
        *workspace.made.tickets,
        *WITH,
        "--yes",
        "--workspace",
        str(workspace.folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(1.8)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in {0, 130, -2}, err
    if process.returncode == 130:
        assert "continues" in err
    assert workspace.run("run", *workspace.made.tickets, *WITH, "--yes").code == 0
    assert "23 of 23 tickets linked" in workspace.run("file", "BR-0001", "--yes").out
