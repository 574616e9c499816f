"""What every database adapter must do, against the real engine of each."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from bridge.errors import BridgeError, InputError, RetryLaterError
from bridge.model.window import Window
from bridge.ports import Database, Limits
from bridge.sql.parameters import Value
from bridge.sql.prepare import prepare

Open = Callable[..., Database]
VIEWS = {
    "big": "SELECT * FROM accounts WHERE seats >= 5",
    "people": "SELECT account_id, name FROM big",
}


def run(database: Database, sql: str, limits: Limits | None = None, values: Mapping[str, Value] | None = None) -> Any:
    values = values or {}
    query = prepare(
        sql, dialect=database.dialect, views=VIEWS, values=values, declared=list(values), where="events.sql", comment="bridge test BR-0001"
    )
    return database.run(query, limits or Limits(rows=1000, seconds=20))


def rows(database: Database, sql: str, **values: Value) -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = run(database, sql, values=values).table.to_pylist()
    return table


def test_types_are_the_core_s(open_app: Open) -> None:
    table = run(open_app(), "SELECT account_id, arr, seats, created_at FROM accounts ORDER BY account_id").table
    assert table.schema.field("account_id").type == pa.string()
    assert table.schema.field("arr").type == pa.decimal128(18, 2)
    assert pa.types.is_integer(table.schema.field("seats").type)
    assert table.schema.field("created_at").type == pa.timestamp("us", tz="UTC")
    assert table.to_pylist()[0] == {
        "account_id": "acc-1", "arr": Decimal("120000.50"), "seats": 40, "created_at": datetime(2026, 3, 1, tzinfo=UTC),
    }  # fmt: skip


def test_a_value_is_bound_and_never_read_as_sql(open_app: Open) -> None:
    found = rows(open_app(), "SELECT account_id FROM accounts WHERE name = :name", name="O'Brien; DROP TABLE accounts --")
    assert found == [{"account_id": "acc-3"}]
    assert rows(open_app(), "SELECT account_id FROM accounts WHERE name = :name", name="x' OR '1'='1") == []


def test_a_percent_sign_is_a_percent_sign(open_app: Open) -> None:
    assert rows(open_app(), "SELECT name, 7 % 4 AS rest FROM accounts WHERE name LIKE '100%'") == [{"name": "100% Data", "rest": 3}]


def test_a_list_is_expanded_and_an_empty_one_matches_nothing(open_app: Open) -> None:
    sql = "SELECT account_id FROM accounts WHERE plan IN (:plans) ORDER BY 1"
    assert rows(open_app(), sql, plans=["free", "pro"]) == [{"account_id": "acc-2"}, {"account_id": "acc-3"}]
    assert rows(open_app(), sql, plans=[]) == []
    assert len(rows(open_app(), "SELECT account_id FROM accounts WHERE NOT plan IN (:plans)", plans=[])) == 3


def test_numbers_dates_and_windows_are_bound(open_app: Open) -> None:
    database = open_app()
    window = Window(start=datetime(2026, 3, 2, tzinfo=UTC), end=datetime(2026, 3, 3, 23, 59, 59, tzinfo=UTC))
    sql = "SELECT account_id FROM accounts WHERE created_at >= :window_start AND created_at < :window_end AND arr > :least AND seats >= :seats"
    if database.dialect == "sqlite":
        sql = re.sub(r"(created_at|:window_\w+)", r"datetime(\1)", sql)
    assert rows(database, sql, window=window, least=Decimal("10.5"), seats=5) == [{"account_id": "acc-2"}]


def test_views_may_read_views(open_app: Open) -> None:
    assert [row["account_id"] for row in rows(open_app(), "SELECT * FROM people ORDER BY account_id")] == ["acc-1", "acc-2"]


def test_cut_at_the_cap_is_not_complete_and_not_empty(open_app: Open) -> None:
    result = run(open_app(), "SELECT account_id FROM accounts ORDER BY 1", Limits(rows=2, seconds=20))
    assert (result.table.num_rows, result.truncated) == (2, True)
    result = run(open_app(), "SELECT account_id FROM accounts ORDER BY 1", Limits(rows=3, seconds=20))
    assert (result.table.num_rows, result.truncated) == (3, False)


def test_no_rows_still_have_columns(open_app: Open) -> None:
    result = run(open_app(), "SELECT account_id, seats FROM accounts WHERE 1 = 0")
    assert (result.table.num_rows, result.truncated, result.table.column_names) == (0, False, ["account_id", "seats"])


def test_cancelling_from_another_thread_ends_it_within_two_seconds(open_app: Open) -> None:
    database = open_app()
    if database.dialect == "clickhouse":
        pytest.skip("chdb can't be interrupted: it ends at its limit of seconds")
    endless = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS c FROM n"
    cancelled: list[float] = []

    def cancel() -> None:
        cancelled.append(time.monotonic())
        database.cancel()

    timer = threading.Timer(0.7, cancel)
    timer.start()
    with pytest.raises(BridgeError):
        run(database, endless, Limits(rows=10, seconds=30))
    assert time.monotonic() - cancelled[0] < 2
    timer.join()


def test_a_runaway_ends_on_time_and_says_so(open_app: Open) -> None:
    endless = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS c FROM n"
    begun = time.monotonic()
    with pytest.raises(RetryLaterError, match=r"timed out: .* after 0\.3 s"):
        run(open_app(), endless, Limits(rows=10, seconds=0.3))
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(("sql", "word"), [("SELECT * FROM no_such_table", "no_such_table"), ("SELECT no_such FROM accounts", "no_such")])
def test_a_wrong_name_is_named(open_app: Open, sql: str, word: str) -> None:
    with pytest.raises(InputError) as caught:
        run(open_app(), sql)
    assert word in caught.value.message
    assert caught.value.where == "database 'app'"
    assert caught.value.hint


def test_two_columns_of_one_name_are_refused(open_app: Open) -> None:
    if open_app().dialect == "clickhouse":
        pytest.skip("ClickHouse names the second one b.account_id itself")
    with pytest.raises(BridgeError, match="two columns are named 'account_id'"):
        run(open_app(), "SELECT a.account_id, b.account_id FROM accounts a CROSS JOIN accounts b")


def test_unknown_and_wrong_options_are_told_at_once(open_app: Open) -> None:
    with pytest.raises(InputError) as caught:
        open_app(pathh="x", naive_timestamps="Berlin")
    assert [problem.message for problem in caught.value.problems] == [
        "unknown key 'pathh' of database 'app'", "naive_timestamps is 'Berlin'",
    ]  # fmt: skip


def test_doctor_sees_a_healthy_database(open_app: Open) -> None:
    checks = open_app().check()
    assert [(check.what, check.ok) for check in checks] == [("reachable", True), ("read only", True), ("tables", True)]


def test_naive_times_are_refused_unless_declared(open_app: Open) -> None:
    database = open_app()
    if database.dialect == "clickhouse":
        pytest.skip("ClickHouse has no time without a zone: DateTime is an instant")
    sql = {
        "sqlite": "SELECT '2026-03-01 10:00:00' AS seen_at",
        "duckdb": "SELECT TIMESTAMP '2026-03-01 10:00:00' AS seen_at",
        "postgres": "SELECT TIMESTAMP '2026-03-01 10:00:00' AS seen_at",
        "mysql": "SELECT CAST('2026-03-01 10:00:00' AS DATETIME) AS seen_at",
    }[database.dialect]
    with pytest.raises(InputError, match="'seen_at'") as caught:
        run(database, sql)
    assert "naive_timestamps: UTC" in caught.value.hint
    assert rows(open_app(naive_timestamps="UTC"), sql) == [{"seen_at": datetime(2026, 3, 1, 10, tzinfo=UTC)}]
