"""On a terminal the analyst sees what would be written and is asked; anything but yes writes nothing."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.road.kit import Workspace


def on_a_terminal(workspace: Workspace, words: list[str], answer: str) -> tuple[int, str]:
    """Run a command with a terminal as stdin and stdout, type the answer when it asks; return exit code and screen."""
    master, slave = pty.openpty()
    bridge = str(Path(sys.executable).with_name("bridge"))
    process = subprocess.Popen(
        [bridge, *words, "--workspace", str(workspace.folder)], stdin=slave, stdout=slave, stderr=slave, close_fds=True
    )
    os.close(slave)
    screen = b""
    typed = False
    while True:
        try:
            read = os.read(master, 65_536)
        except OSError:  # Linux answers EIO when the other side has closed the terminal
            break
        if not read:
            break
        screen += read
        if b"[y/N]" in screen and not typed:
            os.write(master, f"{answer}\n".encode())
            typed = True
    os.close(master)
    return process.wait(timeout=60), screen.decode(errors="replace")


@pytest.mark.parametrize(("answer", "code", "created"), [("n", 1, 0), ("", 1, 0), ("y", 0, 1)])
def test_the_analyst_decides(case: Workspace, answer: str, code: int, created: int) -> None:
    got, screen = on_a_terminal(case, ["file", "BR-0001"], answer)
    assert got == code, screen
    assert "Will write:" in screen
    assert "nothing public" in screen
    assert ("nothing was written" in screen) == (not created)
    made = [e for e in case.sandbox.journal() if e.method == "POST" and e.path.rstrip("/").endswith("/issue")]
    assert len(made) == created
    if not created:
        assert not case.sandbox.journal()
