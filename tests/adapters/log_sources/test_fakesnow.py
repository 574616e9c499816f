"""The same questions in Snowflake's SQL, answered by fakesnow: `make fakesnow` (it lives in an environment of its own).

It is no Snowflake: it puts Snowflake's SQL into DuckDB's. What neither knows, and what Snowflake alone refuses, it can't show.
"""

from __future__ import annotations

import os
import pickle
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bridge.adapters.log_sources.sql_clusters import SqlLogs
from bridge.ports import BoundQuery, Limits, QueryResult
from bridge.sql.paramstyle import for_driver
from tests.adapters.log_sources import contract
from tests.adapters.log_sources.test_contract import COLUMNS

WORKER = Path(__file__).with_name("fakesnow_worker.py")


@dataclass
class Fakesnow:
    """What our adapter asks of a database, answered by the worker."""

    worker: subprocess.Popen[bytes]
    dialect: str = "snowflake"
    product: str = "snowflake"

    def ask(self, text: str, arguments: Any = None) -> tuple[list[str], list[list[Any]]]:
        assert self.worker.stdin is not None
        assert self.worker.stdout is not None
        pickle.dump((text, arguments), self.worker.stdin)
        self.worker.stdin.flush()
        error, names, rows = pickle.load(self.worker.stdout)  # noqa: S301 - our own worker writes it
        assert not error, (error, text)
        return names, rows

    def run(self, query: BoundQuery, limits: Limits) -> QueryResult:
        text, arguments = for_driver(query, "pyformat")
        names, rows = self.ask(text, arguments)
        columns = {name: pa.array([row[place] for row in rows]) for place, name in enumerate(names)}
        if "at" in columns and rows:
            zoned = [at if at.tzinfo else at.replace(tzinfo=UTC) for at in columns["at"].to_pylist()]
            columns["at"] = pa.array(zoned).cast(pa.timestamp("us", "UTC"))
        table = pa.table(columns)
        return QueryResult(table=table.slice(0, limits.rows), truncated=table.num_rows > limits.rows)


@contextmanager
def fakesnow(python: str) -> Iterator[Fakesnow]:
    with subprocess.Popen([python, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        yield Fakesnow(worker=worker)
        assert worker.stdin is not None
        worker.stdin.close()


@pytest.mark.skipif(not os.environ.get("BRIDGE_FAKESNOW"), reason="make fakesnow runs it: an environment with fakesnow")
def test_the_answers_are_those_of_files(tmp_path: Path) -> None:
    with fakesnow(os.environ["BRIDGE_FAKESNOW"]) as found:
        found.ask(
            'CREATE TABLE "events" ("ts" TIMESTAMP_TZ, "lvl" TEXT, "svc" TEXT, "account" TEXT, "trace" TEXT, "msg" TEXT, "region" TEXT)'
        )
        for event in contract.EVENTS:
            found.ask('INSERT INTO "events" VALUES (%s, %s, %s, %s, %s, %s, %s)', [event[name] for name in contract.NAMES])
        database: Any = found
        contract.check(SqlLogs(name="app", product="snowflake", database=database, table="events", columns=COLUMNS), tmp_path)
    print(f"fakesnow: {len(contract.CASES['questions'])} questions and {len(contract.CASES['counts'])} counts, as from files")
