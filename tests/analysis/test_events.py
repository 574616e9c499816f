from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from bridge.analysis.events import account_events, changes_of, micros, moment
from bridge.errors import InputError
from bridge.model.window import Window
from tests.analysis.worlds import START, TIME

WINDOW = Window(start=START, end=START + timedelta(days=1))


def events(rows: list[tuple[str | None, float | None, str | None, bool | None]]) -> Any:
    return pa.table(
        {
            "account_id": pa.array([row[0] for row in rows], pa.string()),
            "at": pa.array([None if row[1] is None else START + timedelta(hours=row[1]) for row in rows], TIME),
            "key": pa.array([row[2] for row in rows], pa.string()),
            "failed": pa.array([row[3] for row in rows], pa.bool_()),
        }
    )


def test_rows_outside_without_account_or_repeated_are_left_out_and_named() -> None:
    read = account_events(
        events(
            [
                ("b", 2, "k2", True),
                ("a", 1, "k1", False),
                ("a", 1, "k1", True),
                ("a", 25, "k3", True),
                (None, 3, "k4", True),
                ("a", None, "k5", True),
            ]
        ),
        WINDOW,
        "events",
        0,
    )
    assert read.accounts == ("a", "b")
    assert read.account.tolist() == [0, 1]
    assert read.failed.tolist() == [True, True]
    assert read.notes == (
        "events: 2 rows without account or time were left out",
        "events: 1 rows lie outside the window",
        "events: 1 rows repeat another one's account, key and time, and count once",
    )


def test_rows_without_a_key_are_different_events() -> None:
    assert len(account_events(events([("a", 1, None, True), ("a", 1, None, True)]), WINDOW, "events", 0).at) == 2


def test_an_unknown_outcome_is_no_failure() -> None:
    assert account_events(events([("a", 1, "k", None)]), WINDOW, "events", 0).failed.tolist() == [False]


def test_every_missing_column_is_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        account_events(pa.table({"account_id": ["a"], "id": ["k"]}), WINDOW, "events", 0)
    assert [problem.message for problem in caught.value.problems] == ["no column 'at'", "no column 'key'", "no column 'failed'"]
    assert "account_id, id" in caught.value.problems[0].hint


def test_a_time_without_a_zone_is_refused() -> None:
    naive = events([("a", 1, "k", True)])
    naive = naive.set_column(1, "at", naive["at"].cast(pa.timestamp("us")))
    with pytest.raises(InputError, match="not a time with a zone"):
        account_events(naive, WINDOW, "events", 0)


def test_an_empty_table_is_read() -> None:
    read = account_events(events([]), WINDOW, "events", 0)
    assert (read.accounts, len(read.at)) == ((), 0)


def test_changes_come_sorted_and_each_once() -> None:
    at = pa.array([START + timedelta(hours=2), START, START, None], TIME)
    table = pa.table(
        {"at": at, "kind": ["release", "job", "job", "job"], "name": ["x", "y", "y", "z"], "version": ["1.0", None, None, None]}
    )
    assert [(change.kind, change.version) for change in changes_of(table)] == [("job", None), ("release", "1.0")]
    assert changes_of(None) == ()


def test_times_keep_their_microseconds() -> None:
    at = START + timedelta(microseconds=123_457)
    assert moment(micros(at)) == at
