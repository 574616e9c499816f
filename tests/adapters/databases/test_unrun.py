"""Products that our tests can't run: their keys, their session's statements as data, and what they print."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from bridge.adapters.databases import bigquery, clickhouse, redshift, sqlserver
from bridge.adapters.databases.unrun import NOT_RUN, Product, UnrunDatabase, table_of
from bridge.errors import InputError, RefusedError
from bridge.plugins import AdapterOptions, names
from bridge.ports import BoundQuery, Limits

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "cases" / "adapters" / "unrun.json").read_text())
LIMITS = Limits(rows=1000, seconds=60, cost=1000)


def opened(product: str, values: dict[str, Any]) -> UnrunDatabase:
    module = import_module(f"bridge.adapters.databases.{product}")
    options = AdapterOptions(
        name="app",
        values=values,
        root=Path("/"),
        where="bridge.yaml:7",
        secret=lambda key: f"resolved-{key}",
        now=lambda: datetime.now(UTC),
    )
    database: UnrunDatabase = module.open_database(options)
    return database


def product(name: str) -> Product:
    found: Product = import_module(f"bridge.adapters.databases.{name}").PRODUCT
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["product"])
def test_session_and_grants_are_these(case: dict[str, Any]) -> None:
    database = opened(case["product"], case["options"])
    made = product(case["product"])
    assert list(made.session(database.target, LIMITS)) == case["session"]
    assert made.grants(database.target).splitlines() == case["grants"]
    assert database.dialect == case["dialect"]
    assert case["product"] in names("databases")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["product"])
def test_missing_and_unknown_keys_are_told_at_once(case: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        opened(case["product"], {"colour": "red", "naive_timestamps": "Berlin"})
    said = [problem.message for problem in caught.value.problems]
    assert "unknown key 'colour' of database 'app'" in said
    assert "naive_timestamps is 'Berlin'" in said
    assert len(said) == 2 + len(product(case["product"]).required)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["product"])
def test_doctor_says_that_it_was_not_run_and_what_to_install(case: dict[str, Any]) -> None:
    checks = {check.what: check for check in opened(case["product"], case["options"]).check()}
    assert checks["tested"].detail == NOT_RUN
    assert not checks["reachable"].ok
    assert "is not installed" in checks["reachable"].detail
    assert "pip install 'ticket-bridge[" in checks["reachable"].hint


def test_secrets_are_resolved_and_never_shown() -> None:
    database = opened("sqlserver", {"host": "h", "dbname": "d", "user": "u", "password": "env:WORD"})
    assert database.target["password"] == "resolved-password"
    assert "resolved-password" not in repr(database)


def test_a_value_can_t_end_its_part_of_the_address_early() -> None:
    text = sqlserver.connection_string({"host": "h", "dbname": "d};UID={sa", "user": "u"})
    assert "Database={d}};UID={sa};" in text
    assert text.endswith("ApplicationIntent={ReadOnly}")


@pytest.mark.parametrize(
    ("kind", "scanned", "word"),
    [("INSERT", 0, "reads it as INSERT"), ("SCRIPT", 0, "SCRIPT"), ("SELECT", 11, "reads 11 bytes, the limit is 10")],
)
def test_bigquery_s_dry_run_refuses(kind: str, scanned: int, word: str) -> None:
    with pytest.raises(RefusedError, match=word):
        bigquery.refuse(kind, scanned, 10, where="here")
    bigquery.refuse("SELECT", 10, 10, where="here")


def test_bigquery_s_job_has_its_limits() -> None:
    settings = bigquery.settings({"project": "p", "dataset": "d", "maximum_bytes_billed": "5"}, 1.5)
    assert (settings["maximum_bytes_billed"], settings["job_timeout_ms"], settings["use_legacy_sql"]) == (5, 1500, False)
    assert bigquery.settings({"project": "p", "dataset": "d"}, 1)["maximum_bytes_billed"] == bigquery.BILLED


class Recorded:
    """A PEP 249 cursor and connection over SQLite that notes what it is told: only what our side sends is looked at."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.ended: list[str] = []
        self.description = [("N",), ("LABEL",)]
        self.rows = [(1, "a"), (2, None)]
        self.rights: list[tuple[Any, ...]] = []

    def cursor(self) -> Recorded:
        return self

    def execute(self, text: str, arguments: object = None) -> None:
        self.told.append(text)
        self.arguments = arguments

    def fetchall(self) -> list[tuple[Any, ...]]:
        if "pg_user" in self.told[-1]:
            return self.rights
        return [("XN Seq Scan on t  (cost=0.00..5000.00 rows=1 width=1)",)]

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        taken, self.rows = self.rows[:size], self.rows[size:]
        return taken

    def rollback(self) -> None:
        self.ended.append("rollback")

    def close(self) -> None:
        self.ended.append("close")


def test_the_order_of_a_run_is_session_gate_query_rollback_close(monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    recorded = Recorded()
    made = dataclasses.replace(redshift.PRODUCT, connect=lambda _target, _seconds: recorded)
    monkeypatch.setattr(redshift, "PRODUCT", made)
    database = opened("redshift", {"host": "h", "dbname": "d", "user": "u"})
    query = BoundQuery(text="SELECT n, label FROM t WHERE n > :least", dialect="redshift", values={"least": 0})
    with pytest.raises(RefusedError, match="costs 5,000"):
        database.run(query, LIMITS)
    text = 'SELECT "n", "label" FROM "t" WHERE "n" > %(least)s'
    assert (recorded.told[-3], recorded.told[-1]) == ("SELECT 1", "EXPLAIN " + text)
    assert recorded.ended == ["rollback", "close"]
    result = database.run(query, Limits(rows=1, seconds=5, cost=1e6))
    assert (result.table.to_pylist(), result.cut) == ([{"n": 1, "label": "a"}], "rows")
    assert recorded.told[-1] == text
    assert recorded.arguments == {"least": 0}


def test_an_account_that_could_write_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    recorded = Recorded()
    recorded.rights = [("write orders",), ("be superuser",)]
    monkeypatch.setattr(redshift, "PRODUCT", dataclasses.replace(redshift.PRODUCT, connect=lambda _target, _seconds: recorded))
    database = opened("redshift", {"host": "h", "dbname": "d", "user": "u"})
    with pytest.raises(RefusedError, match="can do more than read: be superuser; write orders") as caught:
        database.run(BoundQuery(text="SELECT n FROM t", dialect="redshift"), LIMITS)
    assert "GRANT SELECT" in caught.value.hint
    assert not any("FROM t" in text and "pg_user" not in text for text in recorded.told)


def test_types_are_those_of_the_values() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    table = table_of(
        ["AT", "n", "money", "Mixed", "nothing"], [(at, 1, Decimal("1.50"), {"a": 1}, None), (None, None, Decimal(2), "x", None)]
    )
    assert [str(field.type) for field in table.schema] == ["timestamp[us, tz=UTC]", "int64", "decimal128(38, 2)", "string", "string"]
    assert table.to_pylist()[0] == {"at": at, "n": 1, "money": Decimal("1.50"), "Mixed": '{"a":1}', "nothing": None}
    with pytest.raises(InputError, match="mixes times"):
        table_of(["at"], [(at,), (at.replace(tzinfo=None),)])


def test_clickhouse_s_rights_are_read_from_grants() -> None:
    reads = ["GRANT SELECT, SHOW ON app.* TO r", "GRANT SELECT(a, b) ON x.y TO r", "GRANT dictGet ON *.* TO r"]
    assert clickhouse.faults_of(reads) == []
    assert clickhouse.faults_of(
        [*reads, "GRANT SELECT, INSERT(a, b), ALTER UPDATE ON app.t TO r", "GRANT SOURCES ON *.* TO r WITH GRANT OPTION"]
    ) == [
        "it may INSERT, ALTER UPDATE on app.t",
        "it may SOURCES on *.*",
        "it may hand on its rights on *.*",
    ]
    assert clickhouse.faults_of(["something else"]) == ["it holds: something else"]


def test_the_grants_of_clickhouse_s_own_user_are_understood(tmp_path: Path) -> None:
    session_of = pytest.importorskip("chdb.session", reason="needs chdb-core")
    session = session_of.Session(str(tmp_path))
    try:
        shown = str(session.query("SHOW GRANTS FINAL", "TSV")).splitlines()
    finally:
        session.close()
    faults = clickhouse.faults_of(shown)
    assert any("INSERT" in fault and "CREATE" in fault for fault in faults)
    assert not any(fault.startswith("it holds") for fault in faults)
