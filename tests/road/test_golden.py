"""Whole command runs as people see them: exit code, stdout and stderr, with times, paths and ports made equal.

After a wanted change: BRIDGE_UPDATE=1 pytest tests/road/test_golden.py, and read the difference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.road.kit import Result, Workspace

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests" / "cases" / "cli"

RUNS: dict[str, tuple[tuple[str, ...], ...]] = {
    "doctor": (("doctor",),),
    "tickets": (
        ("tickets", "--limit", "5"),
        ("tickets", "--query", "leer", "--limit", "3"),
        ("tickets", "--limit", "2", "--output", "jsonl"),
    ),
    "trends": (("trends", "--no-logs"),),
    "road": (
        ("cases",),
        ("investigate", "ZD-1003", "ZD-1004", "--with", "empty-exports"),
        ("investigate", "ZD-1003", "ZD-1004", "--with", "empty-exports", "--include-found"),
        ("show", "BR-0001", "--evidence", "reruns", "--limit", "3"),
        ("report", "BR-0001"),
        ("file", "BR-0001", "--dry-run"),
        ("file", "BR-0001"),
        ("file", "BR-0001", "--yes"),
        ("file", "BR-0001", "--yes"),
        ("file", "BR-0001", "--dry-run"),
        ("show", "BR-0001"),
        ("cases",),
        ("cases", "--output", "json"),
    ),
    "mistakes": (
        ("investigate", "ZD-9999", "--with", "empty-exports"),
        ("investigate", "ZD-1003", "--with", "empty-export"),
        ("investigate", "ZD-1003", "--with", "empty-exports", "-p", "windw=last 3 days", "-p", "minimum_events=many"),
        ("investigate", "ZD-9999", "--with", "empty-exports", "--output", "json"),
        ("show", "BR-0007"),
        ("report", "BR-7"),
        ("file", "BR-0002"),
        ("investigations", "show", "empty"),
        ("investigations", "show"),
    ),
}


def made_equal(workspace: Workspace, text: str) -> str:
    """Replace what differs from run to run, and nothing else."""
    text = text.replace(str(ROOT), "<bridge>").replace(str(workspace.folder), "<workspace>").replace(workspace.sandbox.url, "<sandbox>")
    text = text.replace(workspace.sandbox.url.removeprefix("http://"), "<sandbox>")
    text = re.sub(r"\n {20,}<workspace>", " <workspace>", text)  # how long the folder's name is decides where a line breaks
    text = re.sub(r" +\d+\.\d s\b", " <n> s", text)
    now = r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?"
    text = re.sub(rf"(filed as REP-1 at |\"created\": \"){now}", r"\1<now>", text)
    text = re.sub(rf"(filed|open|reported|investigated)(  +){now} UTC", r"\1  <now> UTC", text)
    text = re.sub(rf"(duckdb app, ){now} UTC, \d+\.\d+ s", r"\1<now> UTC, <n> s", text)
    text = re.sub(r"\"took_seconds\": [\d.]+", '"took_seconds": "<n>"', text)
    # The report holds the sandbox's address, whose port has four or five digits.
    text = re.sub(r"bridge-[0-9a-f]{12}-(\S+) \([\d,]+ bytes\)", r"bridge-<sha>-\1 (<n> bytes)", text)
    text = re.sub(r"description [\d,]+ characters", "description <n> characters", text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def shown(workspace: Workspace, words: tuple[str, ...], done: Result) -> str:
    """Return one run as it stands in the file."""
    command = " ".join(f"'{word}'" if " " in word else word for word in words)
    parts = [f"$ bridge {command}", made_equal(workspace, done.err), made_equal(workspace, done.out), f"exit {done.code}"]
    return "\n".join(part for part in parts if part) + "\n"


@pytest.mark.parametrize("name", RUNS)
def test_the_commands_print_what_they_printed(name: str, workspace: Workspace) -> None:
    text = "\n".join(shown(workspace, words, workspace.run(*words)) for words in RUNS[name])
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("BRIDGE_UPDATE"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "wanted? BRIDGE_UPDATE=1 pytest tests/road/test_golden.py"


def test_nothing_is_wider_than_the_terminal(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for words in (("tickets",), ("cases",), ("investigations", "list")):
        done = workspace.run(*words)
        assert done.code == 0, done.err
        # The last line of `tickets` is a command to copy; cutting it would break it.
        assert [line for line in done.out.splitlines() if len(line) > 80 and "Next:" not in line] == []
