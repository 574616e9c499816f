"""The differences between dialects that raise no error: each is rewritten, or refused, and run where an engine is at hand."""

from __future__ import annotations

import sqlite3
from typing import Any

import duckdb
import pytest

from bridge.catalog.queries import COLUMNS
from bridge.errors import RefusedError
from bridge.sql.guard import DIALECTS
from bridge.sql.translate import translated


def rows(sql: str) -> list[Any]:
    return duckdb.connect().execute(sql).fetchall()


def to(sql: str, dialect: str) -> str:
    return translated(sql, "postgres", dialect, columns=COLUMNS, where="events.sql")


def test_integer_division_drops_the_fraction_everywhere() -> None:
    assert rows(to("SELECT 7 / 2 AS half", "duckdb")) == [(3,)]
    assert sqlite3.connect(":memory:").execute(to("SELECT 7 / 2 AS half", "sqlite")).fetchall() == [(3,)]
    assert "DIV" in to("SELECT e.source_rows / NULLIF(e.rows_written, 0) AS half FROM exports AS e", "mysql")
    assert "DIV" in to("SELECT COUNT(*) / 2 AS half FROM anything AS a", "bigquery")
    assert "intDiv(7, 2)" in to("SELECT 7 / 2 AS half", "clickhouse")


def test_a_division_of_decimals_keeps_the_fraction() -> None:
    for sql in ("SELECT 7 / 2.0 AS half", "SELECT CAST(7 AS numeric) / 2 AS half"):
        assert [float(value) for (value,) in rows(to(sql, "duckdb"))] == [3.5]
    assert "DIV" not in to("SELECT a.arr / 2 AS half FROM accounts AS a", "mysql")


@pytest.mark.parametrize("dialect", ["duckdb", "mysql", "clickhouse", "bigquery", "snowflake"])
def test_a_division_of_unknown_types_is_refused(dialect: str) -> None:
    with pytest.raises(RefusedError, match="division of unknown types") as caught:
        to("SELECT a / NULLIF(b, 0) AS share FROM things AS t", dialect)
    assert "CAST(a AS numeric)" in caught.value.hint


def test_a_name_that_a_with_part_gives_another_type_tells_nothing() -> None:
    sql = "WITH p AS (SELECT e.source_rows * 0.5 AS source_rows FROM exports AS e) SELECT p.source_rows / 2 AS half FROM p"
    with pytest.raises(RefusedError, match="unknown types"):
        to(sql, "mysql")


def test_minutes_stay_minutes_in_clickhouse() -> None:
    text = to("SELECT TO_CHAR(x.at, 'YYYY-MM-DD HH24:MI') AS minute FROM things AS x", "clickhouse")
    assert "'%Y-%m-%d %H:%i'" in text
    assert "%M" not in text


def test_minutes_of_a_text_with_the_call_in_a_string_stay() -> None:
    assert "'%M'" in to("SELECT '%M' AS text FROM things AS x", "clickhouse")


@pytest.mark.parametrize("grouping", ["GROUPING SETS ((a), ())", "CUBE (a)", "ROLLUP (a)"])
def test_grouping_sets_are_refused_where_null_becomes_a_text(grouping: str) -> None:
    sql = f"SELECT a, COUNT(*) AS n FROM things AS t GROUP BY {grouping}"  # noqa: S608 - test data
    for dialect in ("clickhouse", "mysql", "sqlite"):
        with pytest.raises(RefusedError, match=r"UNION ALL|gives ''"):
            to(sql, dialect)
    assert "GROUP BY" in to(sql, "duckdb")


def test_a_series_is_a_column_and_no_struct() -> None:
    assert rows(to("SELECT g FROM generate_series(1, 3) AS g", "duckdb")) == [(1,), (2,), (3,)]
    for dialect in ("mysql", "sqlite", "clickhouse"):
        with pytest.raises(RefusedError, match="GENERATE_SERIES"):
            to("SELECT g FROM generate_series(1, 3) AS g", dialect)


def test_filter_is_written_out_where_there_is_none() -> None:
    sql = "SELECT COUNT(*) FILTER (WHERE a > 1) AS n, SUM(b) FILTER (WHERE a > 1) AS total FROM things AS t"
    text = to(sql, "mysql")
    assert "FILTER" not in text
    assert text.count("CASE WHEN") == 2
    assert "FILTER" in to(sql, "duckdb")


def test_seconds_between_times() -> None:
    sql = "SELECT EXTRACT(EPOCH FROM (CAST('2026-03-10 01:00:30' AS timestamp) - CAST('2026-03-10 00:00:00' AS timestamp))) AS s"
    assert rows(to(sql, "duckdb")) == [(3630.0,)]
    assert "TIMESTAMPDIFF(MICROSECOND" in to("SELECT EXTRACT(EPOCH FROM (t.a - t.b)) AS s FROM things AS t", "mysql")
    text = to("SELECT EXTRACT(EPOCH FROM (t.a - t.b)) AS s FROM things AS t", "sqlite").replace(
        '"things"', "(SELECT '2026-03-10 01:00:30' AS a, '2026-03-10' AS b)"
    )
    assert sqlite3.connect(":memory:").execute(text).fetchone()[0] == pytest.approx(3630)
    with pytest.raises(RefusedError, match="EPOCH"):
        to("SELECT EXTRACT(EPOCH FROM t.a) AS s FROM things AS t", "mysql")


def test_days_of_the_week_are_refused_where_they_count_otherwise() -> None:
    sql = "SELECT EXTRACT(DOW FROM CAST('2026-03-15' AS date)) AS day"
    assert rows(to(sql, "duckdb")) == [(0,)]
    with pytest.raises(RefusedError, match="DOW"):
        to(sql, "mysql")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_placeholders_stay(dialect: str) -> None:
    text = to('SELECT e."at" AS "at" FROM things AS e WHERE e.x >= :window_start AND e.y IN (:words)', dialect)
    assert ":window_start" in text
    assert "(:words)" in text


def test_what_the_guard_refuses_is_not_translated() -> None:
    with pytest.raises(RefusedError, match="guard"):
        to("SELECT pg_sleep(10) AS x", "mysql")
