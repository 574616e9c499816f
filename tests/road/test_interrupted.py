"""Ctrl-C at any point leaves a case that the same command continues to the same result."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.road.kit import Workspace

WITH = ("--with", "empty-exports", "--include-found")


def stopped_at(workspace: Workspace, number: int) -> int:
    """Run the road in a process of its own and press Ctrl-C when its n-th step begins or ends; return the exit code."""
    words = ["run", *workspace.made.tickets, *WITH, "--yes", "--workspace", str(workspace.folder)]
    script = f"""
import os, signal, sys
from bridge.cli import progress
from bridge.cli.main import main
count = 0
shown = progress.Progress.__call__
def counted(self, event):
    global count
    count += 1
    if count == {number}:
        os.kill(os.getpid(), signal.SIGINT)
    shown(self, event)
progress.Progress.__call__ = counted
sys.exit(main({words!r}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode


@pytest.mark.parametrize("first", [1, 6, 11, 16, 21, 26, 40, 70])
def test_stopped_at_any_step_and_run_again(workspace: Workspace, first: int) -> None:
    code = stopped_at(workspace, first)
    assert code in {0, 130}
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


@pytest.mark.parametrize("after", [0.8, 1.8])
def test_a_real_ctrl_c(workspace: Workspace, after: float) -> None:
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
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in {0, 130, -2}, err
    if process.returncode == 130:
        assert "continues" in err
    assert workspace.run("run", *workspace.made.tickets, *WITH, "--yes").code == 0
    assert "23 of 23 tickets linked" in workspace.run("file", "BR-0001", "--yes").out
