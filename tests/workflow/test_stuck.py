"""What counts as stuck, from a ledger and case folders alone."""

from __future__ import annotations

from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from bridge.filing import memory
from bridge.filing.ledger import Filing, Ledger
from bridge.filing.settings import DEFAULT_STUCK_DAYS
from bridge.filing.words import Word
from bridge.model.filing import IssueRef
from bridge.workflow.stuck import _filed
from tests.filing.world import START, FakeClock

FILING = Filing(fingerprint="f", marker="bridge-f", project="REP", case_id="BR-0001")
ISSUE = IssueRef(id="1", key="REP-1", url="http://tracker/browse/REP-1")


def found(
    folder: Path, *, word: str, seen_ago: timedelta, changed_ago: timedelta, due: date | None = None, draft: bool = False
) -> list[str]:
    clock = FakeClock()
    now = clock.now()
    with closing(Ledger(folder / "ledger.sqlite", clock)) as ledger:
        with ledger.hold(FILING):
            write = ledger.intend(FILING, "issue", "")
            ledger.outcome(FILING, write, "done", "created", issue=ISSUE)
            seen = memory.Seen(
                seen_at=now - seen_ago,
                changed_at=now - changed_ago,
                word=cast("Word", word),
                detail="",
                status="Status",
                cycle=0,
                due=due,
            )
            memory.remember(ledger, FILING, seen)
            if draft:
                memory.keep_draft(ledger, FILING, ticket_id="ZD-1", occasion="0|released|1.1", language="en", body="b", at=now)
        return [item.what for item in _filed(ledger, FILING, DEFAULT_STUCK_DAYS["S2"], now)]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"word": "in progress", "changed_ago": timedelta(days=2)}, []),
        ({"word": "in progress", "changed_ago": timedelta(days=4)}, ["REP-1 is 'in progress' (Status) for 4 days (3 days are allowed)"]),
        ({"word": "released", "changed_ago": timedelta(days=40)}, []),
        (
            {"word": "released", "changed_ago": timedelta(hours=1), "draft": True},
            ["REP-1 is released, and the customer of ZD-1 was not told"],
        ),
        ({"word": "in progress", "changed_ago": timedelta(hours=1), "seen_ago": timedelta(days=3)}, ["REP-1 was not followed for 3 days"]),
        (
            {"word": "waiting", "changed_ago": timedelta(hours=1), "due": START.date() + timedelta(days=1)},
            ["REP-1 is promised for 2026-03-18, and it is 'waiting'"],
        ),
        ({"word": "waiting", "changed_ago": timedelta(hours=1), "due": START.date() + timedelta(days=9)}, []),
    ],
)
def test_stuck(tmp_path: Path, values: dict[str, Any], wanted: list[str]) -> None:
    assert found(tmp_path, **{"seen_ago": timedelta(minutes=5), **values}) == wanted


@pytest.mark.parametrize(("ago", "wanted"), [(timedelta(hours=1), []), (timedelta(days=3), ["REP-1 was not followed for 3 days"])])
def test_an_issue_that_nobody_followed_yet(tmp_path: Path, ago: timedelta, wanted: list[str]) -> None:
    clock = FakeClock()
    with closing(Ledger(tmp_path / "ledger.sqlite", clock)) as ledger:
        with ledger.hold(FILING):
            ledger.outcome(FILING, ledger.intend(FILING, "issue", ""), "done", "created", issue=ISSUE)
        assert [item.what for item in _filed(ledger, FILING, 3, clock.now() + ago)] == wanted


def test_what_broke_off_or_was_refused_is_stuck(tmp_path: Path) -> None:
    clock = FakeClock()
    with closing(Ledger(tmp_path / "ledger.sqlite", clock)) as ledger:
        with ledger.hold(FILING):
            ledger.outcome(FILING, ledger.intend(FILING, "issue", ""), "done", "created", issue=ISSUE)
            ledger.intend(FILING, "attachment", "a.csv", target="REP-1")
            ledger.outcome(FILING, ledger.intend(FILING, "note", "ZD-1", target="ZD-1"), "refused", "422: closed")
        assert [item.what for item in _filed(ledger, FILING, 3, clock.now())] == [
            "not done: attachment REP-1: it broke off before it was sent",
            "refused: note ZD-1: 422: closed",
        ]


def test_what_may_have_happened_is_stuck(tmp_path: Path) -> None:
    clock = FakeClock()
    with closing(Ledger(tmp_path / "ledger.sqlite", clock)) as ledger:
        with ledger.hold(FILING):
            write = ledger.intend(FILING, "issue", "")
            ledger.outcome(FILING, write, "unknown", "no answer")
        assert [item.what for item in _filed(ledger, FILING, 3, clock.now())] == ["maybe done: issue : no answer"]
