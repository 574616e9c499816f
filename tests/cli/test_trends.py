"""`bridge trends` on weekly counts, as a person and a program run it; the look over a workspace is in tests/road."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.cli.commands.trends import bars
from bridge.cli.main import main
from bridge.errors import ExitCode


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    path = tmp_path / "weeks.csv"
    path.write_text("week,count,other\n" + "".join(f"w{n},{5 + n % 2},x\n" for n in range(13)) + "w13,40,x\n", encoding="utf-8")
    return path


def test_the_last_week_is_judged(counts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trends", "--counts", str(counts)]) == ExitCode.DONE
    shown = capsys.readouterr().out
    assert "w13  rising: " in shown
    assert "40 counts against 5.5 a week before" in shown


def test_every_week_is_judged_by_those_before(counts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trends", "--counts", str(counts), "--each", "--output", "jsonl"]) == ExitCode.DONE
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["week"], row["answer"]) for row in rows] == [("w12", "too few to tell"), ("w13", "rising")]


@pytest.mark.parametrize(("text", "column"), [("a,b\n1,2\n", "count"), ("", "count"), ("week,count\nw,-3\n", "count")])
def test_what_is_no_count_is_told(tmp_path: Path, text: str, column: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    assert main(["trends", "--counts", str(path), "--column", column]) == ExitCode.INPUT
    assert "error:" in capsys.readouterr().err
    assert main(["trends", "--counts", str(tmp_path / "none.csv")]) == ExitCode.INPUT


def test_bars() -> None:
    assert bars((0, 1, 4, 8)) == " ▁▄█"
    assert bars(()) == ""
    assert bars((0, 0)) == "  "
