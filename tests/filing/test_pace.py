"""At the pace that the rate limits allow, and no slower: many tickets on one issue, many cases; no request before its Retry-After.

Time is virtual: it passes by a request's own time and by what the adapters wait. So limits by the minute, as real
ones are, can be played in seconds, and what is measured does not depend on the machine.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.adapters.retry import PATIENCE_SECONDS
from bridge.filing.file import FilingResult, file_case
from bridge.filing.ledger import Ledger
from bridge.filing.plan import FilingPlan
from bridge.sandbox.server import RunningSandbox
from tests.adapters import running
from tests.adapters.trackers.test_jira import control
from tests.filing.process import TICKETS, plan_of
from tests.filing.world import FakeClock

pytestmark = pytest.mark.timeout(1800)  # for the long targets; a default run takes seconds
WHOLE = os.environ.get("BRIDGE_PACE") == "1"
LINKED, FILED = (200, 100) if WHOLE else (20, 8)
ISSUE_WRITES, DESK_WRITES = (100, 100) if WHOLE else (12, 20)
"""Writes a minute: of one issue, and of the help desk (Zendesk: 100 updates)."""
REQUEST = 0.02
"""Seconds that a write takes."""


@dataclass(slots=True)
class Time:
    """Virtual seconds; what servers asked for and when requests left."""

    at: float = 1000.0
    waited: float = 0.0
    waits: int = 0
    asked: list[tuple[str, float, float]] = field(default_factory=list)
    """Product, when it said 429, and how long it asked for."""
    sent: list[tuple[str, float]] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        self.waited += seconds
        self.waits += 1

    def seen(self, product: str, response: Any) -> None:
        self.sent.append((product, self.at))
        self.at += REQUEST if response.request.method != "GET" else 0
        if response.status_code == 429:
            self.asked.append((product, self.at, float(response.headers["Retry-After"])))


@contextmanager
def limited(folder: Path, tickets: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[RunningSandbox, Time]]:
    time = Time()
    monkeypatch.setattr("bridge.sandbox.limits.time", SimpleNamespace(monotonic=time.monotonic))
    (folder / "affected.csv").write_text("account_id\n", encoding="utf-8")
    with running.sandbox(folder, start=running.seed(tickets=tickets)) as sandbox:
        control(sandbox, "limits", issue_writes=ISSUE_WRITES, desk_writes=DESK_WRITES, seconds=60)
        yield sandbox, time


def filed(sandbox: RunningSandbox, time: Time, folder: Path, plans: list[FilingPlan]) -> tuple[list[FilingResult], float]:
    with (
        running.tracker(sandbox.jira_url, folder, patience=PATIENCE_SECONDS) as tracker,
        running.desk(sandbox.zendesk_url, folder, patience=PATIENCE_SECONDS) as desk,
        closing(Ledger(folder / "ledger.sqlite", clock := FakeClock())) as ledger,
    ):
        for name, session in (("jira", tracker._connected()._session), ("zendesk", desk._session)):
            session.hooks["response"] = [lambda response, *_, name=name, **__: time.seen(name, response)]
        for caller in (tracker._client._caller, desk._caller):
            caller._sleep, caller._monotonic = time.sleep, time.monotonic
        began = time.at
        results = [file_case(plan, ledger=ledger, tracker=tracker, tickets=desk, clock=clock) for plan in plans]
        return results, time.at - began


def check_pace(time: Time, took: float, what: str, writes: int, least: float) -> None:
    """No request to a product before the wait that it named; and nothing is waited for that nobody named."""
    for product, at, wait in time.asked:
        later = next((sent for name, sent in time.sent if name == product and sent > at), None)
        assert later is None or later >= at + wait - 1e-6, (product, at, wait, later)
    named = sum(wait for _, _, wait in time.asked)
    print(f"\n{what}: {writes} writes in {took:.0f} s, the limits allow {least:.0f} s at best;"
          f" {len(time.asked)} times told to wait, {named:.0f} s in all, waited {time.waited:.0f} s")  # fmt: skip
    assert time.waited <= named + 1e-6
    # Retry-After is whole seconds: a second is lost with each at most.
    assert least <= took <= least + len(time.asked) + (writes + len(time.asked)) * REQUEST


def bound(writes: int, limit: int) -> float:
    """Return the least seconds for so many writes under a limit by the minute."""
    return 60.0 * (math.ceil(writes / limit) - 1)


def test_many_tickets_on_one_issue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with limited(tmp_path, LINKED, monkeypatch) as (sandbox, time):
        (result,), took = filed(sandbox, time, tmp_path, [plan_of("BR-1", tmp_path, tickets=LINKED)])
        assert (result.linked, result.undone) == (LINKED, ())
        writes = len([entry for entry in sandbox.journal() if entry.status != 429])
        # Links of the issue and words on the tickets come side by side: the slower limit counts, not both.
        least = max(bound(LINKED + 1, ISSUE_WRITES), bound(3 * LINKED, DESK_WRITES))
        check_pace(time, took, f"{LINKED} tickets linked", writes, least)


def test_many_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with limited(tmp_path, max(TICKETS, 2 * FILED), monkeypatch) as (sandbox, time):
        plans = [plan_of(f"BR-{number}", tmp_path, tickets=2) for number in range(1, FILED + 1)]
        results, took = filed(sandbox, time, tmp_path, plans)
        assert {result.linked for result in results} == {2}
        assert len({result.issue.key for result in results}) == FILED
        writes = len([entry for entry in sandbox.journal() if entry.status != 429])
        check_pace(time, took, f"{FILED} cases filed", writes, bound(6 * FILED, DESK_WRITES))
