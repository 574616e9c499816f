"""Every figure of the truth, counted by SQL from the tables alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.demo.tables import tables
from bridge.demo.truth import DEFAULT_TRUTH, Truth, random_truth, to_builtins
from bridge.demo.workspace import planted

Query = Callable[..., list[tuple[object, ...]]]
Database = Callable[[Truth], Query]

TEN_SEEDS = range(101, 111)
RELEASE = datetime(2026, 3, 10, 10, 5, tzinfo=UTC)


def number(rows: list[tuple[object, ...]]) -> int:
    [(value,)] = rows
    assert isinstance(value, int)
    return value


def test_default_figures(database: Database) -> None:
    query = database(DEFAULT_TRUTH)
    assert query("SELECT count(*), count(DISTINCT account_id) FROM accounts") == [(412, 412)]
    assert query("SELECT count(*) FILTER (n >= 2), count(*) FILTER (n = 1) FROM failures") == [(38, 9)]
    assert query("SELECT count(DISTINCT account_id), max(rows_written) FROM exports WHERE source_rows = 0") == [(6, 0)]
    assert query("SELECT count(DISTINCT account_id) FROM exports WHERE status = 'failed'") == [(1,)]
    released = query("""SELECT epoch("at"), version FROM changes WHERE kind = 'release' AND "name" = 'reporting'""")
    assert released == [(RELEASE.timestamp(), "4.18.0")]
    assert number(query("SELECT count(*) FROM exports WHERE started_at < ?", RELEASE)) == 31_072
    inside = "SELECT count(*) FROM exports WHERE started_at >= '2026-03-03 00:00:00+00' AND started_at < '2026-03-17 00:00:00+00'"
    assert number(query(inside)) == number(query("SELECT count(*) FROM exports")) == 56_835


def test_default_defect_lies_where_it_is_said(database: Database) -> None:
    query = database(DEFAULT_TRUTH)
    assert query("SELECT count(*) FROM runs WHERE failing AND started_at < ?", RELEASE) == [(0,)]
    assert query("SELECT min(minute), max(minute) FROM runs WHERE failing") == [(120, 134)]
    assert query("SELECT count(*) FROM runs WHERE failing AND NOT snapshot_cache_v2") == [(0,)]
    # The decoys that make the cause hard to guess are really there.
    in_window = "SELECT count(DISTINCT account_id), count(*) FROM runs WHERE minute BETWEEN 120 AND 134 AND rows_written > 0"
    [(_, before)] = query(in_window + " AND started_at < ? AND snapshot_cache_v2", RELEASE)
    [(flag_off, _)] = query(in_window + " AND started_at > ? AND NOT snapshot_cache_v2", RELEASE)
    assert isinstance(before, int)
    assert isinstance(flag_off, int)
    assert before > 100
    assert flag_off >= 60
    idle = "SELECT count(*) FROM accounts WHERE snapshot_cache_v2 AND account_id NOT IN (SELECT account_id FROM failures)"
    assert number(query(idle)) == 30


def test_workaround_always_worked(database: Database) -> None:
    query = database(DEFAULT_TRUTH)
    [(tried, worked, accounts)] = query(
        """SELECT count(*),
                  count(*) FILTER (again.rows_written > 0 AND again.started_at > first.finished_at AND again."trigger" = 'manual'),
                  count(DISTINCT again.account_id)
           FROM runs AS again JOIN runs AS first ON again.rerun_of = first.export_id AND again.account_id = first.account_id
           WHERE first.failing"""
    )
    assert isinstance(tried, int)
    assert isinstance(accounts, int)
    assert tried == worked
    assert tried >= 20
    assert accounts >= 15
    assert number(query("SELECT count(*) FROM exports WHERE rerun_of IS NOT NULL")) > tried


def test_ids_point_somewhere(database: Database) -> None:
    query = database(DEFAULT_TRUTH)
    assert query("SELECT count(*) - count(DISTINCT export_id), count(*) - count(DISTINCT trace_id) FROM exports") == [(0, 0)]
    assert query("SELECT count(*) FROM exports WHERE account_id NOT IN (SELECT account_id FROM accounts)") == [(0,)]
    assert query("SELECT count(*) FROM exports WHERE rerun_of NOT IN (SELECT export_id FROM exports)") == [(0,)]
    assert query("SELECT count(*) FROM exports WHERE (\"trigger\" = 'manual') != (scheduled_at IS NULL)") == [(0,)]
    assert query("SELECT count(*) FROM exports WHERE finished_at <= started_at OR scheduled_at > started_at") == [(0,)]
    assert query("SELECT count(*) FROM accounts WHERE arr <= 0 OR seats < 1 OR created_at > '2026-03-03'") == [(0,)]


def test_version_changes_with_the_release(database: Database) -> None:
    query = database(DEFAULT_TRUTH)
    rows = query("SELECT version, min(started_at) >= ? FROM exports GROUP BY version ORDER BY version", RELEASE)
    assert rows == [("4.17.3", False), ("4.18.0", True)]


@pytest.mark.parametrize("seed", TEN_SEEDS)
def test_other_seeds_have_their_truth(database: Database, seed: int) -> None:
    truth = random_truth(seed)
    query = database(truth)
    assert query("SELECT count(*) FILTER (n >= 2), count(*) FILTER (n = 1) FROM failures") == [(truth.affected, truth.once)]
    assert query("SELECT count(DISTINCT account_id) FROM exports WHERE source_rows = 0") == [(truth.empty_filter,)]
    assert query("SELECT count(DISTINCT account_id) FROM exports WHERE status = 'failed'") == [(truth.expired,)]
    # Fails exactly where cause, window and release meet: no export more, none less.
    differ = """SELECT count(*) FROM runs JOIN holders USING (account_id)
                WHERE failing != (holds AND started_at >= ? AND minute >= ? AND minute < ?)"""
    assert query(differ, truth.released_at, truth.refresh_minute, truth.refresh_minute + truth.width_minutes) == [(0,)]
    # The release is alone in its day, but for the jobs that run every day.
    near = "SELECT count(*) FROM changes WHERE kind != 'job' AND abs(epoch(\"at\") - epoch(?)) < 86400"
    assert query(near, truth.released_at) == [(1,)]
    accounts = {row[0] for row in query("SELECT account_id FROM failures WHERE n >= 2")}
    assert accounts == set(planted(truth)["affected"])
    # One part of a pair alone is common: only both together explain it.
    both = number(query("SELECT count(*) FROM holders WHERE holds"))
    for part in range(len(truth.cause)):
        alone = number(query(f"SELECT count(*) FROM part_{part}"))  # noqa: S608 - a number
        assert alone == both if len(truth.cause) == 1 else alone > both * 1.5


def test_ten_seeds_vary_everything() -> None:
    truths = [random_truth(seed) for seed in TEN_SEEDS]
    for name in ("affected", "refresh_minute", "released_at", "release_version", "cause", "width_minutes"):
        assert len({getattr(truth, name) for truth in truths}) >= 4, name
    assert any(len(truth.cause) == 2 for truth in truths)


@given(seed=st.integers(0, 2**40))
def test_random_truths_are_possible(seed: int) -> None:
    truth = random_truth(seed)
    assert 20 <= truth.affected <= 60
    assert 10 <= truth.width_minutes <= 30
    assert truth.wrote < truth.affected
    assert truth.wrote <= truth.tickets <= 46
    assert len(truth.failing_days) >= 4
    assert truth.window.contains(truth.released_at)
    into_day = (truth.released_at - truth.start) % timedelta(days=1)
    edges = (truth.refresh_minute, truth.refresh_minute + truth.width_minutes)
    assert all((into_day - timedelta(minutes=edge)) % timedelta(days=1) > timedelta(minutes=30) for edge in edges)
    assert random_truth(seed) == truth


def test_truth_as_json_values() -> None:
    values = to_builtins(DEFAULT_TRUTH)
    assert values["released_at"] == "2026-03-10T10:05:00+00:00"
    assert values["cause"] == [{"attribute": "snapshot_cache_v2", "value": "true"}]


def test_planted_adds_up() -> None:
    found = planted(DEFAULT_TRUTH)
    assert (len(found["affected"]), len(found["wrote"]), len(found["silent"])) == (38, 19, 19)
    assert sorted([*found["wrote"], *found["silent"]]) == sorted(found["affected"])
    parts = [found[name] for name in ("affected", "once", "empty_filter", "expired", "in_window_without_cause", "cause_outside_window")]
    assert len({account for part in parts for account in part}) == sum(len(part) for part in parts)


def test_the_page_tells_the_figures() -> None:
    page = (Path(__file__).parents[2] / "docs" / "demo.md").read_text()
    found = planted(DEFAULT_TRUTH)
    for value in (found["exports"], found["exports_before_release"]):
        assert f"{value:,}" in page
    assert f"empty exports of the 38 | {len(found['failing_exports'])} |" in page
    assert f"{len(found['cause_outside_window'])} accounts have the flag" in page
    assert f"{len(found['in_window_without_cause'])} accounts export in the window" in page
    for table in tables(DEFAULT_TRUTH):
        assert f"`{table}`" in page
