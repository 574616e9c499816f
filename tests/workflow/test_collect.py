"""Asking databases side by side: what is audited, and how a run that ended otherwise is told apart."""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from bridge.cli import compose
from bridge.errors import TimedOutError
from bridge.model.case import Case
from bridge.model.filing import Check
from bridge.model.window import Window
from bridge.ports import BoundQuery, Cut, Keep, Limits, QueryResult
from bridge.sql.parameters import resolve
from bridge.workflow.clock import SystemClock
from bridge.workflow.collect import Collected, collect
from bridge.workflow.events import Event, StepDone, StepStarted
from bridge.workflow.side_by_side import Question, asked

AT = datetime(2026, 3, 17, tzinfo=UTC)
ACCOUNTS = """SELECT a.id AS account_id, a.id AS name, 'team' AS plan, 'UK' AS region, CAST(1 AS DECIMAL(18, 2)) AS arr, 1 AS seats,
       CAST(NULL AS timestamptz) AS created_at FROM things AS a{endless}"""
RECORDS = "SELECT r.id AS account_id, 'thing' AS kind, r.id AS record_id, CAST('2026-03-16' AS timestamptz) AS changed_at, r.{column} AS fingerprint FROM things AS r"
CHANGES = "SELECT CAST('2026-03-05' AS timestamptz) AS \"at\", 'release' AS kind, 'app' AS name, '1' AS version FROM things AS t WHERE t.id = 'none'"
ENDLESS = " WHERE (WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n) > 0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("app", "second"):
        with duckdb.connect(str(tmp_path / f"{name}.duckdb")) as connection:
            connection.execute(
                "CREATE TABLE things (id VARCHAR, one VARCHAR, two VARCHAR); INSERT INTO things VALUES ('a', 'x', 'x'), ('b', 'x', 'y')"
            )
    (tmp_path / "views").mkdir()
    settings(tmp_path)
    view(tmp_path, "accounts", ACCOUNTS.format(endless=""))
    view(tmp_path, "changes", CHANGES)
    view(tmp_path, "first_records", RECORDS.format(column="one"))
    view(tmp_path, "second_records", RECORDS.format(column="two"))
    return tmp_path


def settings(folder: Path, limits: str = "") -> None:
    text = "format: 1\ndatabases:\n  app: {product: duckdb, path: app.duckdb}\n  second: {product: duckdb, path: second.duckdb}\n"
    text += "views: {database: app, folder: views}\n" + (f"limits: {{{limits}}}\n" if limits else "")
    (folder / "bridge.yaml").write_text(text, encoding="utf-8")


def view(folder: Path, name: str, sql: str) -> None:
    (folder / "views" / f"{name}.sql").write_text(sql, encoding="utf-8")


def collected(folder: Path, case_id: str = "", events: list[Event] | None = None) -> tuple[str, Collected]:
    seen: list[Event] = [] if events is None else events
    with compose.context(argparse.Namespace(workspace=str(folder)), seen.append) as context:
        investigation = context.catalog.get("store-differences")
        values = resolve(investigation.parameters, {"window": "last 14 days"}, now=AT)
        window = Window(start=datetime(2026, 3, 3, tzinfo=UTC), end=AT)
        case = Case(id=case_id, format=1, created_at=AT, as_of=AT, state="open", tickets=(), requested=(), investigation=investigation.id,
                    investigation_version=1, investigation_digest=investigation.digest, given={}, parameters={"window": window, "minimum_events": 1},
                    window=window, bridge_version="0")  # fmt: skip
        case = case if case_id else context.cases.create(case)
        return case.id, collect(context, case, investigation, values, refresh=False)


def audited(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "audit.jsonl").read_text(encoding="utf-8").splitlines()]


def test_every_run_is_in_the_audit_once(folder: Path) -> None:
    case, found = collected(folder)
    lines = audited(folder)
    asked_ = [p for p in found.provenances if p.source != "case"]
    assert sorted(line["evidence"] for line in lines) == sorted(f"{p.id} {p.name}" for p in asked_)
    by_evidence = {line["evidence"]: line for line in lines}
    for provenance in asked_:
        line = by_evidence[f"{provenance.id} {provenance.name}"]
        assert (line["digest"], line["rows"], line["query"], line["source"]) == (
            provenance.digest,
            provenance.rows,
            provenance.query,
            provenance.source,
        )
        assert line["case"] == case
        assert line["who"]
        assert line["host"]
        assert line["at"].endswith("Z")
        assert line["investigation"].startswith("store-differences v")
    collected(folder, case)
    assert audited(folder) == lines, "what is kept is not asked again, so nothing ran"
    assert (folder / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_no_rows_cut_and_timed_out_are_different(folder: Path) -> None:
    view(folder, "accounts", ACCOUNTS.format(endless=" CROSS JOIN things AS b CROSS JOIN things AS c"))
    settings(folder, "rows: 2")
    _, found = collected(folder)
    outcomes = {p.name: p.outcome for p in found.provenances}
    assert outcomes["population"] == "cut-rows"
    assert outcomes["changes"] == "empty"
    settings(folder, "bytes: 300")
    _, found = collected(folder)
    assert {p.name: p.outcome for p in found.provenances}["population"] == "cut-bytes"


def test_what_timed_out_is_unknown_not_empty_and_is_asked_again(folder: Path) -> None:
    view(folder, "changes", CHANGES + ENDLESS.replace("WHERE", "AND"))
    settings(folder, "seconds: 1")
    case, found = collected(folder)
    assert {p.name: p.outcome for p in found.provenances}["changes"] == "timed-out"
    assert "changes" not in found.tables
    assert any("'changes' timed out" in problem for problem in found.problems)
    (line,) = [line for line in audited(folder) if line["evidence"].endswith("changes")]
    assert (line["outcome"], line["rows"], line["digest"]) == ("timed-out", None, "")
    view(folder, "changes", CHANGES)
    _, found = collected(folder, case)
    assert {p.name: p.outcome for p in found.provenances}["changes"] == "empty"
    assert found.problems == ()


def test_without_the_accounts_nothing_is_said(folder: Path) -> None:
    view(folder, "accounts", ACCOUNTS.format(endless=ENDLESS))
    settings(folder, "seconds: 1")
    with pytest.raises(TimedOutError):
        collected(folder)
    assert [line["outcome"] for line in audited(folder) if line["evidence"].endswith("population")] == ["timed-out"]


def test_steps_are_told_in_order(folder: Path) -> None:
    events: list[Event] = []
    collected(folder, events=events)
    told = [event.what for event in events if isinstance(event, StepDone)]
    begun = [event.what for event in events if isinstance(event, StepStarted)]
    assert begun == told


class Slow:
    """A database that takes a while, and knows how many asked it at once."""

    dialect = "duckdb"
    product = "slow"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.now = self.most = self.runs = 0
        self.stop = threading.Event()
        self.lock = threading.Lock()

    def run(self, query: BoundQuery, limits: Limits) -> QueryResult:
        del query, limits
        with self.lock:
            self.now, self.runs = self.now + 1, self.runs + 1
            self.most = max(self.most, self.now)
        self.stop.wait(self.seconds)
        with self.lock:
            self.now -= 1
        return QueryResult(table=pa.table({"a": [1]}), truncated=False)

    def stream(self, query: BoundQuery, limits: Limits, keep: Keep) -> Cut:
        raise NotImplementedError

    def cancel(self) -> None:
        self.stop.set()

    def check(self) -> Sequence[Check]:
        return ()

    def close(self) -> None:
        pass


def questions(**databases: Slow) -> dict[str, Question]:
    query = BoundQuery(text="SELECT 1 AS one", dialect="duckdb")
    return {
        f"{source}{n}": Question(source=source, database=database, query=query) for source, database in databases.items() for n in range(4)
    }


def test_databases_are_asked_at_the_same_time_each_within_its_cap() -> None:
    first, second = Slow(0.2), Slow(0.2)
    begun = time.monotonic()
    with asked(questions(a=first, b=second), Limits(), concurrent=2, clock=SystemClock()) as answers:
        assert all(future.result().result is not None for future in answers.values())
    assert (first.most, second.most) == (2, 2)
    assert time.monotonic() - begun < 1.2, "8 times 0.2 s one after the other are 1.6 s"


def test_an_interrupt_cancels_on_every_server_and_asks_no_more() -> None:
    first, second = Slow(60), Slow(60)
    begun = time.monotonic()

    def interrupted() -> None:
        with asked(questions(a=first, b=second), Limits(), concurrent=1, clock=SystemClock()):
            time.sleep(0.2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - begun < 2
    assert (first.runs, second.runs) == (1, 1)
