"""What only a ClickHouse server has: accounts with rights, and answers in pieces. The real client asks the real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.adapters.databases.clickhouse import ClickHouseDatabase, open_database
from bridge.errors import InputError, RefusedError, RetryLaterError, TimedOutError
from bridge.ports import BoundQuery, Limits
from tests.adapters.databases.conftest import options


def opened(port: int, user: str = "reader") -> ClickHouseDatabase:
    values = {"host": "127.0.0.1", "port": port, "dbname": "app", "user": user, "secure": False}
    return open_database(options(values, Path("/")))


def asked(database: ClickHouseDatabase, sql: str, *, rows: int = 1000, seconds: float = 10) -> list[dict[str, object]]:
    found: list[dict[str, object]] = database.run(
        BoundQuery(text=sql, dialect="clickhouse", values={}), Limits(rows=rows, seconds=seconds)
    ).table.to_pylist()
    return found


def test_an_account_that_can_write_is_refused_with_the_grants(clickhouse_port: int) -> None:
    with pytest.raises(RefusedError, match="can do more than read") as caught:
        asked(opened(clickhouse_port, "default"), "SELECT 1 AS n")
    assert "GRANT SELECT, SHOW ON `app`.* TO bridge_reader" in caught.value.message + str(caught.value.hint)
    read_only = opened(clickhouse_port, "default").check()[1]
    assert not read_only.ok
    assert [check.ok for check in opened(clickhouse_port).check()] == [True, True, True]


@pytest.mark.parametrize(
    "sql", ["INSERT INTO accounts (account_id) VALUES ('x')", "DROP TABLE accounts", "CREATE TABLE t (a Int8) ENGINE = Memory"]
)
def test_the_session_is_read_only_past_the_guard(sql: str, clickhouse_port: int) -> None:
    before = asked(opened(clickhouse_port), "SELECT count() AS n FROM accounts")
    with pytest.raises((RefusedError, InputError)):
        asked(opened(clickhouse_port), sql)
    assert asked(opened(clickhouse_port), "SELECT count() AS n FROM accounts") == before


def test_the_server_ends_what_takes_too_long(clickhouse_port: int) -> None:
    with pytest.raises(TimedOutError):
        asked(opened(clickhouse_port), "SELECT count() AS n FROM system.numbers WHERE NOT ignore(sipHash64(number))", seconds=0.5)


def test_many_rows_come_in_pieces_and_are_cut_at_the_cap(clickhouse_port: int) -> None:
    query = BoundQuery(text="SELECT number AS n, toString(number) AS s FROM numbers(300000)", dialect="clickhouse", values={})
    sizes: list[int] = []
    cut = opened(clickhouse_port).stream(query, Limits(rows=250_000, seconds=20), lambda part: sizes.append(part.num_rows))
    assert sum(sizes) == 250_000
    assert len(sizes) > 1
    assert cut == "rows"


def test_nobody_there_is_told_as_such() -> None:
    with pytest.raises(RetryLaterError, match="can't be reached"):
        asked(opened(1), "SELECT 1 AS n")
