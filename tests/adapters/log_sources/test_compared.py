"""Templates, comparisons and a whole investigation: a store that does the work itself gives what files give."""

from __future__ import annotations

import argparse
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bridge.analysis.analyse import analyse
from bridge.analysis.inputs import AnalysisInputs
from bridge.cli import compose
from bridge.cli.main import main
from bridge.model.case import Case
from bridge.model.window import Window
from bridge.sql.parameters import resolve
from bridge.workflow.codec import to_plain
from bridge.workflow.collect import collect
from bridge.workflow.investigate import recorded

START = datetime(2026, 3, 10, tzinfo=UTC)
NAMES = ("at", "level", "service", "account_id", "trace_id", "message", "region", "ms")
COLUMNS = "{at: ts, level: lvl, service: svc, account_id: acc, trace_id: tr, message: msg, region: region, ms: ms}"
TABLE = {"at": "ts", "service": "svc", "account_id": "acc", "message": "msg"}
SOURCES = {
    "files": "{product: files, sources: [{paths: [events.jsonl]}]}",
    "duckdb": f"{{product: duckdb, path: store.duckdb, table: events, columns: {COLUMNS}}}",
    "clickhouse": f"{{product: clickhouse, path: store, dbname: logs, table: logs.events, columns: {COLUMNS}}}",
}
ACCOUNTS = """SELECT a.id AS account_id, a.id AS name, 'team' AS plan, 'UK' AS region, CAST(1 AS DECIMAL(18, 2)) AS arr, 1 AS seats,
       CAST(NULL AS timestamptz) AS created_at FROM customers AS a"""
SIDES = ("--before", "2026-03-10T00:00Z..2026-03-11T00:00Z", "--after", "2026-03-11T00:00Z..2026-03-12T00:00Z")


def events(orders: int = 150) -> list[tuple[Any, ...]]:
    """Two days of orders; on the second some are not loaded, so that the step after it is missing, and others come later."""
    chance = random.Random(4)
    rows: list[tuple[Any, ...]] = []
    for day in (0, 1):
        for n in range(orders):
            start = START + timedelta(days=day, seconds=60 * n)
            wait = 10 + 30 * day + chance.randrange(9)
            steps = [
                (0, "INFO", "gateway", f"GET /orders/{n} started", "eu"),
                (5, "info", "orders-7d4b9c6f5d-x2x9z", f"loading order {n} for acc_{n % 30}", "eu"),
            ]
            if day and n % 3 == 0:
                why = f"order {n} not loaded: timeout after {chance.randrange(100, 999)} ms\nCaused by: java.io.IOException: closed"
                steps.append((wait, "SEVERE", "orders-6c8dd5f7b9-abcde", why, "us"))
            else:
                steps.append((wait, "INFO", "orders-7d4b9c6f5d-x2x9z", f"order {n} loaded in {chance.randrange(99)} ms", "eu"))
                # Two at the same time that differ in a value, and one that was sent twice: three lines, two events.
                steps += [(wait + 3, "INFO", "billing", f"priced order {n + more} at Price.java:{n % 2}", "eu") for more in (0, 1, 1)]
            steps.append((wait + 9, "INFO", "gateway", f"GET /orders/{n} done", "us" if day and n % 2 else "eu"))
            rows += [
                (start + timedelta(milliseconds=at), level, service, f"acc_{n % 30}", f"t{day}x{n}", text, region, at)
                for at, level, service, text, region in steps
            ]
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = stores(tmp_path_factory.mktemp("stores"))
    with duckdb.connect(str(root / "accounts.duckdb")) as connection:
        connection.execute("CREATE TABLE customers AS SELECT 'acc_' || range AS id FROM range(30)")
    (root / "views").mkdir()
    (root / "views" / "accounts.sql").write_text(ACCOUNTS, encoding="utf-8")
    return root


def stores(root: Path, orders: int = 150, engines: tuple[str, ...] = ("duckdb", "clickhouse")) -> Path:
    """Write the events as a file and into each engine."""
    rows = events(orders)
    lines = [json.dumps(dict(zip(NAMES, (row[0].isoformat(), *row[1:]), strict=True))) for row in rows]
    (root / "events.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with duckdb.connect(str(root / "store.duckdb")) as connection:
        connection.execute("CREATE TABLE events (ts TIMESTAMPTZ, lvl TEXT, svc TEXT, acc TEXT, tr TEXT, msg TEXT, region TEXT, ms BIGINT)")
        connection.execute(
            f"INSERT INTO events SELECT \"at\", level, service, account_id, trace_id, message, region, ms FROM read_json('{root}/events.jsonl', columns={{'at': 'TIMESTAMPTZ', level: 'VARCHAR', service: 'VARCHAR', account_id: 'VARCHAR', trace_id: 'VARCHAR', message: 'VARCHAR', region: 'VARCHAR', ms: 'BIGINT'}})"  # noqa: S608 - a folder of the test
        )
    if "clickhouse" in engines:
        _clickhouse(root, rows)
    return root


def _clickhouse(root: Path, rows: list[tuple[Any, ...]]) -> None:
    from chdb.session import Session

    (root / "store").mkdir()
    session: Any = Session(str(root / "store"))  # type: ignore[no-untyped-call]
    try:
        session.query("CREATE DATABASE logs")
        session.query(
            "CREATE TABLE logs.events (ts DateTime64(6, 'Asia/Kolkata'), lvl String, svc LowCardinality(String), acc Nullable(String), tr String, msg String, region String, ms Int64) ENGINE = MergeTree ORDER BY ts"
        )
        values = ", ".join(
            f"(parseDateTime64BestEffort('{row[0].isoformat()}', 6, 'UTC'), {', '.join(map(_literal, row[1:]))})" for row in rows
        )
        session.query(f"INSERT INTO logs.events VALUES {values}")  # noqa: S608 - rows of the test
    finally:
        session.close()


def _literal(value: Any) -> str:
    return str(value) if isinstance(value, int) else "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def configured(folder: Path, product: str) -> None:
    database = "databases: {app: {product: duckdb, path: accounts.duckdb}}\nviews: {database: app, folder: views}"
    (folder / "bridge.yaml").write_text(f"format: 1\n{database}\nlogs:\n  app: {SOURCES[product]}\n", encoding="utf-8")


def answer(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[Any, str]:
    assert main(["logs", *words, "--source", "app", "--workspace", str(folder), "--output", "json"]) == 0
    shown = capsys.readouterr()
    return json.loads(shown.out), shown.err


def placeless(value: Any) -> Any:
    """Return it without file and offset: a store has none."""
    if isinstance(value, dict):
        return {key: placeless(part) for key, part in value.items() if key not in {"file", "offset"}}
    return [placeless(part) for part in value] if isinstance(value, list | tuple) else value


def test_templates_and_what_is_different(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers: dict[str, list[Any]] = {}
    for product in SOURCES:
        configured(folder, product)
        templates, said = answer(folder, capsys, "templates")
        narrow, _ = answer(folder, capsys, "templates", "--level", "ERROR", "--account", "acc_3")
        by_service, _ = answer(folder, capsys, "compare", *SIDES)
        answers[product] = [templates, narrow, placeless(by_service)]
        assert product == "files" or "different texts" in said
    templates, narrow, by_service = answers["files"]
    assert templates["lines"] == len(events())
    assert [(row["lines"], row["template"]) for row in narrow["templates"]] == [
        (5, "order <*> not loaded: timeout after <*> ms | java.io.IOException")
    ]
    assert {item["kind"] for item in by_service["findings"]} >= {"missing", "new", "value"}
    assert "not loaded: timeout after" in json.dumps(by_service), "the exemplars are real messages"
    assert answers["duckdb"] == answers["files"]
    assert answers["clickhouse"] == answers["files"]


def test_every_group_and_several_stretches_of_time(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = ("--before", "2026-03-10T00:00Z..2026-03-10T01:00Z", "2026-03-10T01:10Z..2026-03-10T23:00Z", "--after", "2026-03-11T00:00Z..")
    answers: dict[str, Any] = {}
    for product in ("files", "duckdb"):
        configured(folder, product)
        answers[product] = placeless(answer(folder, capsys, "compare", *parts, "--by", "region")[0])
    assert answers["duckdb"] == answers["files"]
    assert answers["files"]["lines_before"] < sum(row[0] < START + timedelta(days=1) for row in events())


@pytest.mark.parametrize(("names", "unit"), [(("account_id",), "accounts"), ((), "minutes")])
def test_without_traces(names: tuple[str, ...], unit: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = ("at", "service", "message", *names)
    rows = [dict(zip(NAMES, (row[0].isoformat(), *row[1:]), strict=True)) for row in events()]
    (folder / "few.jsonl").write_text("".join(json.dumps({name: row[name] for name in kept}) + "\n" for row in rows), encoding="utf-8")
    columns = ", ".join(f"{name}: {TABLE[name]}" for name in kept)
    found = []
    for source in (
        "{product: files, sources: [{paths: [few.jsonl]}]}",
        f"{{product: duckdb, path: store.duckdb, table: events, columns: {{{columns}}}}}",
    ):
        (folder / "bridge.yaml").write_text(f"format: 1\nlogs:\n  app: {source}\n", encoding="utf-8")
        found.append(placeless(answer(folder, capsys, "compare", *SIDES)[0]))
    assert found[1] == found[0]
    assert found[0]["unit"] == unit
    assert "not loaded" in found[0]["findings"][0]["template"]


def test_an_unknown_group_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configured(folder, "duckdb")
    assert main(["logs", "compare", *SIDES, "--by", "zone", "--source", "app", "--workspace", str(folder)]) == 2
    assert "no column for the field 'zone'" in capsys.readouterr().err


def test_an_investigation_finds_the_same(folder: Path) -> None:
    found = {}
    for product in SOURCES:
        configured(folder, product)
        found[product] = placeless(investigated(folder))
    assert any(item["level"] == "finding" and "not loaded" in item["statement"] for item in found["files"]["findings"])
    assert found["duckdb"] == found["files"]
    assert found["clickhouse"] == found["files"]


def investigated(folder: Path) -> Any:
    at = START + timedelta(days=2)
    with compose.context(argparse.Namespace(workspace=str(folder)), lambda _: None) as context:
        investigation = context.catalog.get("new-errors")
        values = resolve(investigation.parameters, {"window": "last 1 day"}, now=at)
        window = values["window"]
        assert isinstance(window, Window)
        case = Case(
            id="", format=1, created_at=at, as_of=at, state="open", tickets=(), requested=(), investigation=investigation.id,
            investigation_version=investigation.version, investigation_digest=investigation.digest, given={}, parameters=recorded(values),
            window=window, bridge_version="0",
        )  # fmt: skip
        case = context.cases.create(case)
        collected = collect(context, case, investigation, values, refresh=False)
        inputs = AnalysisInputs(
            investigation=investigation, window=window, parameters=case.parameters, tables=collected.tables,
            evidence_ids={p.name: p.id for p in collected.provenances}, tickets=(), case_id="BR-0001",
        )  # fmt: skip
        return to_plain(analyse(inputs))
