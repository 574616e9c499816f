"""Recorded gaps on a target whose clock can't be set: which of them matter, and how long they must be."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bridge.cli import compose
from bridge.model.exchange import Exchange, Request, Response
from bridge.model.reproduction import Reproduction
from bridge.reproduction.search import Trust
from bridge.reproduction.times import gaps, least, moved, sentence
from bridge.workflow.reproduce import reproduce
from bridge.workflow.reproduce_plan import Wanted
from tests.reproduction.kit import JSON, START, answer, workspace

MINUTE = 60.0


@dataclass
class Clock:
    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Session:
    """A session of 20 minutes that is forgotten without a word: what is saved after it is empty."""

    clock: Clock
    lasts: float = 20 * MINUTE
    opened: datetime | None = None
    url: str = "http://staging.example.test"

    def send(self, request: Request) -> Response:
        self.clock.sleep(0.01)
        if request.path == "/reset":
            self.opened = None
        if request.path == "/open":
            self.opened = self.clock.at
        alive = self.opened is None or (self.clock.at - self.opened).total_seconds() < self.lasts
        return answer(200, {"rows": 3 if alive or request.path != "/save" else 0})


PATHS = ("/open", "/look", "/look", "/pause", "/look", "/save")
AT = (0, 5, 40, 95, 95 + 31 * MINUTE, 100 + 31 * MINUTE)


def recorded() -> tuple[Exchange, ...]:
    clock = Clock()
    target = Session(clock)
    found = []
    for index, (path, seconds) in enumerate(zip(PATHS, AT, strict=True)):
        clock.at = START + timedelta(seconds=seconds)
        request = Request(method="POST", path=path, headers=JSON, body="{}")
        found.append(Exchange(index=index, request=request, response=target.send(request), at=START + timedelta(seconds=seconds)))
    return tuple(found)


def ran(folder: Path, target: Callable[[Clock], Session], **wanted: float | None) -> Reproduction:
    clock = Clock()
    made = workspace(folder, recorded(), "http://staging.example.test", requests=9000, seconds=500_000, reset="/reset")
    arguments = argparse.Namespace(workspace=str(made))
    with compose.context(arguments, lambda _: None) as context:
        return reproduce(
            replace(context, clock=clock),
            "BR-0001",
            Wanted(target="staging", anchor=6, checks=("rows == 0",), runs=4, **wanted),  # type: ignore[arg-type] # gaps only
            lambda *_: target(clock),
        )


def test_the_one_gap_that_matters_is_found_and_compressed(tmp_path: Path) -> None:
    made = ran(tmp_path / "w", Session)
    assert made.verdict == "reproduced"
    assert [step.route for step in made.steps] == ["/open", "/save"]
    assert [step.wait for step in made.steps] == [0, 31 * MINUTE]
    assert made.times.startswith("1 of 5 recorded gaps matter (kept): 31 min before request 5 (15.5 min are too short)")
    script = (tmp_path / "w" / "cases" / "BR-0001" / "reproduction" / "test_reproduction.py").read_text()
    assert "time.sleep(1860)" in script
    assert "import time" in script
    assert "\nsleep 1860\n" in (tmp_path / "w" / "cases" / "BR-0001" / "reproduction" / "reproduce.sh").read_text()


def test_a_gap_is_as_short_as_it_may_be(tmp_path: Path) -> None:
    made = ran(tmp_path / "w", lambda clock: Session(clock, lasts=5 * MINUTE))
    assert [step.wait for step in made.steps] == [0, 31 * MINUTE / 4]
    assert "7.75 min before request 5 (3.88 min are too short)" in made.times


def test_a_slower_target_needs_the_gaps_stretched(tmp_path: Path) -> None:
    made = ran(tmp_path / "w", lambda clock: Session(clock, lasts=50 * MINUTE))
    assert made.verdict == "reproduced"
    assert "stretched 2 times" in made.times
    assert [step.wait for step in made.steps] == [0, 62 * MINUTE]


@pytest.mark.parametrize(("factor", "words"), [(0.0, "recorded gaps were not kept"), (0.1, "were also tried times 0.1")])
def test_gaps_that_were_asked_away_are_told_when_nothing_is_seen(tmp_path: Path, factor: float, words: str) -> None:
    made = ran(tmp_path / "w", Session, gaps=factor)
    assert made.verdict == "not reproduced"
    assert any(words in text for text in made.differences), made.differences


def test_a_failure_without_gaps_says_that_none_matters(tmp_path: Path) -> None:
    made = ran(tmp_path / "w", lambda clock: Session(clock, lasts=-1))
    assert made.times.startswith("no recorded gap matters")


def test_gaps_of_a_recording() -> None:
    assert gaps(recorded()) == {1: 5.0, 2: 35.0, 3: 55.0, 4: 31 * MINUTE, 5: 5.0}
    assert gaps(recorded(), 0.5)[4] == 15.5 * MINUTE
    assert moved({3: 2.0, 4: 3.0}, [0, 2, 5]) == {5: 5.0}
    assert moved({3: 2.0}, [0, 2]) == {}


def test_two_gaps_that_matter_together() -> None:
    needed = least({1: 8.0, 2: 100.0, 3: 64.0}, lambda waits: waits.get(1, 0) >= 8 and waits.get(3, 0) >= 10, Trust())
    assert dict(needed.waits) == {1: 8.0, 3: 16.0}
    assert dict(needed.too_short) == {1: 4.0, 3: 8.0}
    assert "2 of 3 recorded gaps matter" in sentence(3, needed, 1)
