"""The same questions to files, DuckDB and ClickHouse give the same answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.adapters.log_sources.sql_clusters import SqlLogs, open_source
from bridge.errors import InputError
from bridge.logs.counting import Counting
from bridge.logs.remote import answer_from
from bridge.logs.selection import select
from bridge.model.window import Window
from bridge.plugins import AdapterOptions
from bridge.ports import LogRequest, Span
from tests.adapters.log_sources import contract

COLUMNS = {"at": "ts", "level": "lvl", "service": "svc", "account_id": "account", "trace_id": "trace", "message": "msg", "region": "region"}


def options(root: Path, **values: Any) -> AdapterOptions:
    return AdapterOptions(
        name="app", values=values, root=root, where="bridge.yaml:7", secret=lambda key: key, now=lambda: datetime.now(UTC)
    )


def duckdb_logs(root: Path) -> SqlLogs:
    import duckdb

    with duckdb.connect(str(root / "store.duckdb")) as connection:
        connection.execute("CREATE SCHEMA logs")
        connection.execute("CREATE TABLE logs.events (ts TIMESTAMPTZ, lvl TEXT, svc TEXT, account TEXT, trace TEXT, msg TEXT, region TEXT)")
        for event in contract.EVENTS:
            connection.execute("INSERT INTO logs.events VALUES (?, ?, ?, ?, ?, ?, ?)", [event[name] for name in contract.NAMES])
    return open_source(options(root, path="store.duckdb", table="logs.events", columns=COLUMNS), product="duckdb")


def clickhouse_logs(root: Path) -> SqlLogs:
    from chdb.session import Session

    folder = root / "clickhouse"
    folder.mkdir()
    session: Any = Session(str(folder))  # type: ignore[no-untyped-call]
    try:
        session.query("CREATE DATABASE logs")
        session.query(
            "CREATE TABLE logs.events (ts DateTime64(6, 'Asia/Kolkata'), lvl LowCardinality(String), svc String, account Nullable(String), "
            "trace Nullable(String), msg String, region String) ENGINE = MergeTree ORDER BY ts"
        )
        for event in contract.EVENTS:
            words = ", ".join("NULL" if event[name] is None else _literal(event[name]) for name in contract.NAMES[1:])
            session.query(f"INSERT INTO logs.events SELECT parseDateTime64BestEffort('{event['at']}', 6, 'UTC'), {words}")
    finally:
        session.close()
    return open_source(options(root, path="clickhouse", dbname="logs", table="logs.events", columns=COLUMNS), product="clickhouse")


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@pytest.mark.parametrize("make", [duckdb_logs, clickhouse_logs])
def test_the_answers_are_those_of_files(make: Any, tmp_path: Path) -> None:
    source = make(tmp_path)
    contract.check(source, tmp_path)
    spans(source, tmp_path)
    caps(source)
    assert all(check.ok for check in source.check())


def spans(source: SqlLogs, folder: Path) -> None:
    """What an investigation asks: around an account's failures, with what names no account."""
    start = datetime(2026, 3, 10, 2, tzinfo=UTC)
    hour = Window(start=start, end=start + timedelta(minutes=30))
    file = contract.as_files(folder)
    for request in (
        LogRequest(window=hour),
        LogRequest(window=hour, levels=("ERROR",)),
        LogRequest(window=hour, spans=(Span(window=hour, account_id="acc_1"), Span(window=hour, trace_id="t5"))),
        LogRequest(window=hour, services=("checkout",), limit=2),
    ):
        right, found = select([file], request), source.select(request)
        names = ["at", "level", "service", "account_id", "trace_id", "message"]
        assert sorted(found.table.select(names).to_pylist(), key=str) == sorted(right.table.select(names).to_pylist(), key=str)
        assert found.truncated == right.truncated


def caps(source: SqlLogs) -> None:
    """What a cap leaves out is said."""
    from dataclasses import replace

    small = replace(source, caps=(3, 2))
    answer = answer_from(small, contract.question({}))
    assert len(answer.rows.at) == 3
    assert answer.cut
    assert answer.problems() == ["app: cut at the cap of 3 events"]
    counting = Counting(fields=("message",))
    assert "too low" in answer_from(small, contract.question({}), counting=counting).problems()[0]


def test_of_stack_traces_that_differ_in_values_one_comes_back(tmp_path: Path) -> None:
    import duckdb

    source = duckdb_logs(tmp_path)
    with duckdb.connect(str(tmp_path / "store.duckdb")) as connection:
        connection.execute(
            "INSERT INTO logs.events SELECT TIMESTAMPTZ '2026-03-10T04:00:00Z', 'ERROR', 'jobs', NULL, NULL, "
            "'job ' || i || ' failed' || chr(10) || 'Caused by: a.b.LostException: row ' || i, 'eu' FROM range(500) AS t(i)"
        )
    texts = source.texts(contract.question({"services": ["jobs"]}))
    assert list(texts.whole.values()) == [500]
    counting = Counting(fields=("template",))
    answer_from(source, contract.question({"services": ["jobs"]}), counting=counting)
    assert [count for _, count in counting.groups()] == [500]
    assert list(counting.templates.values()) == ["job <*> failed | a.b.LostException"]


def test_a_wrong_part_of_bridge_yaml_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        open_source(options(tmp_path, path="x", table="a; drop", columns={"at": "ts", "x": 'a"b'}), product="duckdb")
    assert [problem.message.split(": ")[1][:14] for problem in caught.value.problems] == ["table must be ", "columns must m"]
    with pytest.raises(InputError, match="columns has no 'message'"):
        open_source(options(tmp_path, path="x", table="a", columns={"at": "ts"}), product="duckdb")


def test_an_unknown_field_names_the_known_ones(tmp_path: Path) -> None:
    source = duckdb_logs(tmp_path)
    with pytest.raises(InputError, match="no column for the field 'zone'"):
        answer_from(source, contract.question({"where": [["zone", "x"]]}))
