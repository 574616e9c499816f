"""What the two file databases refuse when no guard stands in front of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from bridge.adapters.databases.duckdb import open_database as open_duckdb
from bridge.adapters.databases.sqlite import open_database as open_sqlite
from bridge.errors import BridgeError, InputError, NotFoundError
from bridge.plugins import AdapterOptions
from bridge.ports import BoundQuery, Database, Limits

LIMITS = Limits(rows=100, seconds=20)


def options(path: Path) -> AdapterOptions:
    return AdapterOptions(
        name="app",
        values={"path": path.name},
        root=path.parent,
        where="bridge.yaml:7",
        secret=str,
        now=lambda: datetime(2026, 3, 17, tzinfo=UTC),
    )


@pytest.mark.parametrize("text", ["SELECT * FROM read_text('{other}')", "SELECT * FROM glob('*')", "SELECT nextval('s')"])
def test_duckdb_reaches_no_other_file_and_writes_nothing(duckdb_file: Path, tmp_path: Path, text: str) -> None:
    other = tmp_path / "other.txt"
    other.write_text("secret")
    with duckdb.connect(str(duckdb_file)) as connection:
        connection.execute("CREATE SEQUENCE s")
    with pytest.raises(BridgeError):
        open_duckdb(options(duckdb_file)).run(BoundQuery(text=text.format(other=other), dialect="duckdb"), LIMITS)


def test_duckdb_nested_values_become_json(duckdb_file: Path) -> None:
    text = (
        "SELECT [1, 2] AS l, {'a': DATE '2026-03-01', 'b': 1.5} AS s, MAP {'k': 1} AS m, 'x'::BLOB AS b, INTERVAL 1 DAY AS i, uuid() AS u"
    )
    (row,) = open_duckdb(options(duckdb_file)).run(BoundQuery(text=text, dialect="duckdb"), LIMITS).table.to_pylist()
    assert json.loads(row["l"]) == [1, 2]
    assert json.loads(row["s"]) == {"a": "2026-03-01", "b": "1.5"}
    assert row["b"] == "78"
    assert isinstance(row["u"], str)


def test_sqlite_json_and_pragma_tables_are_readable_and_attach_is_not(sqlite_file: Path) -> None:
    database = open_sqlite(options(sqlite_file))
    text = "SELECT value AS v FROM json_each('[1,2]')"
    assert database.run(BoundQuery(text=text, dialect="sqlite"), LIMITS).table.to_pylist() == [{"v": 1}, {"v": 2}]
    text = "SELECT name AS n FROM pragma_table_info('accounts') LIMIT 1"
    assert database.run(BoundQuery(text=text, dialect="sqlite"), LIMITS).table.to_pylist() == [{"n": "account_id"}]
    for refused in ("SELECT load_extension('x') AS x", "SELECT * FROM pragma_database_list"):
        with pytest.raises(BridgeError):
            database.run(BoundQuery(text=refused, dialect="sqlite"), LIMITS)


def test_sqlite_names_decide_where_types_are_missing(sqlite_file: Path) -> None:
    text = "SELECT 1 AS failed, '2026-03-01T10:00:00+01:00' AS at, 'soon' AS due_at, 1.005 AS arr, NULL AS gone, 1 AS n UNION ALL SELECT 0, NULL, 'x', 2, NULL, 2.5"
    table = open_sqlite(options(sqlite_file)).run(BoundQuery(text=text, dialect="sqlite"), LIMITS).table
    assert table.column("failed").to_pylist() == [True, False]
    assert table.column("at").to_pylist() == [datetime(2026, 3, 1, 9, tzinfo=UTC), None]
    assert table.column("due_at").to_pylist() == ["soon", "x"]
    assert str(table.schema.field("arr").type) == "decimal128(18, 2)"
    assert table.column("n").to_pylist() == [1.0, 2.5]


@pytest.mark.parametrize("product", ["duckdb", "sqlite"])
def test_a_missing_and_a_foreign_file_are_told_apart(tmp_path: Path, product: str) -> None:
    openers: dict[str, Callable[[AdapterOptions], Database]] = {"duckdb": open_duckdb, "sqlite": open_sqlite}
    opener = openers[product]
    database = opener(options(tmp_path / "none"))
    with pytest.raises(NotFoundError, match="no file"):
        database.run(BoundQuery(text="SELECT 1 AS one", dialect=product), LIMITS)
    assert [check.ok for check in database.check()] == [False]
    (tmp_path / "text").write_text("hello " * 1000)
    database = opener(options(tmp_path / "text"))
    with pytest.raises(InputError):
        database.run(BoundQuery(text="SELECT 1 AS one FROM t", dialect=product), LIMITS)
    assert [check.ok for check in database.check()] == [False]


def test_a_path_with_odd_letters_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a?mode=rwc#ü.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    assert open_sqlite(options(path)).run(BoundQuery(text="SELECT * FROM t", dialect="sqlite"), LIMITS).table.num_rows == 0
