"""At the pace that the rate limits allow, and no slower: many tickets on one issue, many cases; no request before its Retry-After."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from bridge.filing.file import FilingResult, file_case
from bridge.filing.ledger import Ledger
from bridge.filing.plan import FilingPlan
from bridge.sandbox.server import RunningSandbox
from tests.adapters import running
from tests.filing.process import TICKETS, plan_of
from tests.filing.world import FakeClock

pytestmark = pytest.mark.timeout(1800)  # for the long targets; a default run takes seconds
WHOLE = os.environ.get("BRIDGE_PACE") == "1"
LINKED, FILED = (200, 100) if WHOLE else (20, 8)
ISSUE_WRITES, DESK_WRITES = (50, 100) if WHOLE else (12, 30)
"""Writes a second: of one issue, and of the help desk."""


@contextmanager
def limited(folder: Path, tickets: int) -> Iterator[RunningSandbox]:
    (folder / "affected.csv").write_text("account_id\n", encoding="utf-8")
    with running.sandbox(folder, start=running.seed(tickets=tickets)) as sandbox:
        body = json.dumps({"issue_writes": ISSUE_WRITES, "desk_writes": DESK_WRITES, "seconds": 1}).encode()
        order = Request(f"{sandbox.url}/_control/limits", data=body, headers={"Content-Type": "application/json"})  # noqa: S310 - loopback
        with urlopen(order, timeout=5) as answer:  # noqa: S310 - loopback
            assert json.load(answer)["issue_writes"] == ISSUE_WRITES
        yield sandbox


def filed(sandbox: RunningSandbox, folder: Path, plans: list[FilingPlan]) -> tuple[list[FilingResult], float]:
    clock = FakeClock()
    with (
        running.tracker(sandbox.jira_url, folder, patience=120) as tracker,
        running.desk(sandbox.zendesk_url, folder, patience=120) as desk,
        closing(Ledger(folder / "ledger.sqlite", clock)) as ledger,
    ):
        began = time.monotonic()
        results = [file_case(plan, ledger=ledger, tracker=tracker, tickets=desk, clock=clock) for plan in plans]
        return results, time.monotonic() - began


def check_waits(sandbox: RunningSandbox) -> int:
    """No request to a product before the wait that its 429 named; return how many there were."""
    entries: list[Any] = list(sandbox.journal(everything=True))
    busy = [(number, entry) for number, entry in enumerate(entries) if entry.status == 429]
    for number, entry in busy:
        product = entry.path.split("/")[1]
        later = next((item for item in entries[number + 1 :] if item.path.split("/")[1] == product), None)
        assert later is None or later.at - entry.at >= timedelta(seconds=0.95), (entry, later)
    return len(busy)


def test_many_tickets_on_one_issue(tmp_path: Path) -> None:
    with limited(tmp_path, LINKED) as sandbox:
        plan = plan_of("BR-1", tmp_path, tickets=LINKED)
        (result,), took = filed(sandbox, tmp_path, [plan])
        assert (result.linked, result.undone) == (LINKED, ())
        writes = len([entry for entry in sandbox.journal() if entry.status != 429])
        # The waits come one after the other: first the issue's links, then the tickets.
        least = LINKED // ISSUE_WRITES - 1 + 3 * LINKED // DESK_WRITES - 1
        busy = check_waits(sandbox)
        print(f"\n{LINKED} tickets linked: {writes} writes in {took:.1f} s, the limits allow {least} s at best; {busy} times told to wait")
        assert took < 2 * least + 0.05 * writes + 5


def test_many_cases(tmp_path: Path) -> None:
    with limited(tmp_path, TICKETS) as sandbox:
        plans = [plan_of(f"BR-{number}", tmp_path, tickets=2) for number in range(1, FILED + 1)]
        results, took = filed(sandbox, tmp_path, plans)
        assert {result.linked for result in results} == {2}
        writes = len([entry for entry in sandbox.journal() if entry.status != 429])
        least = 6 * FILED // DESK_WRITES - 1
        busy = check_waits(sandbox)
        print(f"\n{FILED} cases filed: {writes} writes in {took:.1f} s, the limits allow {least} s at best; {busy} times told to wait")
        assert len({result.issue.key for result in results}) == FILED
        assert took < 2 * least + 0.1 * writes + 5
