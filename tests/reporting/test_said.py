"""Promises and overrides: what people say about a report is kept, and an override passes only what was seen."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.errors import GateError, InputError, Problem
from bridge.workflow import audit, said

NOW = datetime(2026, 3, 17, tzinfo=UTC)
SCORE = Problem(message="60 of the 100 points", where="score")
TIME = Problem(message="the time '02:15' has no zone", where="G4")
NAME = Problem(message="1 name in the report", where="G1")


def test_an_override_passes_what_was_seen_and_is_in_the_audit(tmp_path: Path) -> None:
    folder = tmp_path / "BR-0001"
    assert said.let_pass(folder, [SCORE, TIME]) == ((SCORE, TIME), ())
    said.override(tmp_path, folder, [SCORE, TIME], "the customer\nwaits", NOW)
    assert said.let_pass(folder, [TIME, SCORE]) == ((), (TIME, SCORE))
    (line,) = audit.overrides(tmp_path)
    assert (line["case"], line["reason"]) == ("BR-0001", "the customer waits")
    assert "has no zone" in line["problems"]
    assert json.loads((tmp_path / "audit.jsonl").read_text(encoding="utf-8"))["who"]
    assert audit.overrides(tmp_path, "BR-0002") == []


def test_an_override_does_not_pass_what_came_later(tmp_path: Path) -> None:
    folder = tmp_path / "BR-0001"
    said.override(tmp_path, folder, [SCORE], "steps follow", NOW)
    assert said.let_pass(folder, [SCORE, TIME]) == ((SCORE, TIME), ())


def test_personal_data_is_never_let_pass(tmp_path: Path) -> None:
    with pytest.raises(GateError, match="never leave"):
        said.override(tmp_path, tmp_path / "BR-0001", [NAME, TIME], "please", NOW)
    assert not (tmp_path / "audit.jsonl").exists()


@pytest.mark.parametrize(("gates", "reason"), [([SCORE], "  "), ([], "why not")])
def test_an_override_needs_a_reason_and_something_to_override(tmp_path: Path, gates: list[Problem], reason: str) -> None:
    with pytest.raises(InputError):
        said.override(tmp_path, tmp_path / "BR-0001", gates, reason, NOW)


def test_a_promise_and_an_override_live_side_by_side(tmp_path: Path) -> None:
    folder = tmp_path / "BR-0001"
    said.keep_promise(folder, "an answer\nby Friday")
    said.override(tmp_path, folder, [SCORE], "steps follow", NOW)
    assert said.promise(folder) == "an answer by Friday"
    said.keep_promise(folder, "none")
    assert said.let_pass(folder, [SCORE]) == ((), (SCORE,))
