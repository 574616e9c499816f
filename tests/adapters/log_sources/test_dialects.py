"""The SQL of every product: it passes the guard of its dialect, and what users write is bound, never part of the text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest

from bridge.adapters.log_sources.sql_clusters import SqlLogs
from bridge.logs.counting import Counting
from bridge.logs.remote import Around
from bridge.ports import BoundQuery, Limits, QueryResult
from bridge.sql import guard
from tests.adapters.log_sources import contract
from tests.adapters.log_sources.test_contract import COLUMNS

WORDS = {
    "trino": ("DATE_TRUNC('MINUTE', \"at\")", "STRPOS("),
    "spark": ("DATE_TRUNC('MINUTE', `at`)", "LOCATE("),
    "bigquery": ("TIMESTAMP_TRUNC(`at`, MINUTE)", "INSTR("),
    "snowflake": ("DATE_TRUNC('MINUTE', \"at\")", "CHARINDEX("),
    "clickhouse": ("toTimeZone(\"at\", 'UTC')", "POSITION("),
    "duckdb": ("DATE_TRUNC('MINUTE', \"at\")", "STRPOS("),
}


@dataclass
class Recorder:
    """A database that keeps what it is asked and has no rows."""

    dialect: str
    product: str = "recorder"
    asked: list[BoundQuery] = field(default_factory=list)

    def run(self, query: BoundQuery, _limits: Limits) -> QueryResult:
        self.asked.append(query)
        return QueryResult(table=pa.table({"at": []}), truncated=False)


@pytest.mark.parametrize("dialect", sorted(WORDS))
def test_the_questions_in_every_dialect(dialect: str) -> None:
    database: Any = Recorder(dialect=dialect)
    source = SqlLogs(name="app", product="x", database=database, table="logs.events", columns=COLUMNS)
    evil = "x' OR '1'='1\\"
    ask = {"start": "2026-03-10T02:00:00Z", "accounts": [evil], "levels": ["ERROR"], "grep": [evil], "where": [["region", evil]]}
    asked = contract.question(ask, attributes=True)
    source.events(asked, 10, Around(accounts=frozenset({evil}), traces=frozenset({evil})))
    source.count(asked, Counting(fields=("template", "service"), every=900_000_000))
    source.texts(asked)
    with pytest.raises(KeyError):
        source.steps(asked, "region")  # the recorder has no rows to make steps of
    events, counts, texts, steps = database.asked
    for query in (events, counts, texts, steps):
        assert guard.verdict(query.text, dialect).allowed
        assert "1'='1" not in query.text
        assert evil in query.values.values()
        assert all(f":{name}" in query.text for name in query.values)
    bucket, position = WORDS[dialect]
    assert "([a-f]{1,16}[0-9]+)*[a-f]{0,16}" in counts.text
    assert bucket in counts.text
    assert position in counts.text
    assert "LIMIT 11" in events.text
    assert "([a-f]{1,16}[0-9]+)*[a-f]{0,16}" in texts.text
    assert steps.text.count(" OVER (") == 3
    assert "LIMIT 1000001" in steps.text
