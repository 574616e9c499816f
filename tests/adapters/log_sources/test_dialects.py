"""The SQL of every product: it passes the guard of its dialect, and what users write is bound, never part of the text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest

from bridge.adapters.log_sources.sql_clusters import SqlLogs
from bridge.logs import steps_sql
from bridge.logs.counting import Counting
from bridge.logs.question import EVER
from bridge.logs.remote import Around
from bridge.logs.steps import Unit
from bridge.logs.steps_there import field_of
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
OF_STEPS = {
    "trino": ("TO_UNIXTIME(", "ARRAY_JOIN(ARRAY_AGG(", "TO_HEX(MD5(TO_UTF8("),
    "spark": ("UNIX_MICROS(", "ARRAY_JOIN(TRANSFORM(ARRAY_SORT(COLLECT_LIST(STRUCT(", "MD5(CONCAT("),
    "bigquery": ("UNIX_MICROS(", "STRING_AGG(`step`, '' ORDER BY `nth`)", "TO_HEX(MD5("),
    "snowflake": ("DATE_PART(EPOCH_MICROSECOND,", 'LISTAGG("step", \'\') WITHIN GROUP (ORDER BY "nth")', "MD5(CONCAT("),
    "clickhouse": ("toUnixTimestamp64Micro(", "arrayStringConcat(arrayMap(", "LOWER(HEX(MD5("),
    "duckdb": ("epoch_us(", 'LISTAGG("step", \'\' ORDER BY "nth")', "MD5(CONCAT("),
}
"""How microseconds are told, steps are put together in order, and a text gets its key."""


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
    events, counts, texts = database.asked
    bucket, position = WORDS[dialect]
    assert "([a-f]{1,16}[0-9]+)*[a-f]{0,16}" in counts.text
    assert bucket in counts.text
    assert position in counts.text
    assert "LIMIT 11" in events.text
    assert "([a-f]{1,16}[0-9]+)*[a-f]{0,16}" in texts.text
    held_to_be_safe(database, evil)


@pytest.mark.parametrize("dialect", sorted(OF_STEPS))
def test_the_queries_of_a_comparison_in_every_dialect(dialect: str) -> None:
    """The guard knows the functions of each product: one that it does not have would be refused."""
    database: Any = Recorder(dialect=dialect)
    columns = {**COLUMNS, "key": "key", "us": "us", "position": "pos", "ms": "ms"}
    source = SqlLogs(name="app", product="x", database=database, table="logs.events", columns=columns)
    evil = "x' OR '1'='1\\"
    asked = contract.question({"accounts": [evil], "levels": ["ERROR"], "grep": [evil], "where": [["region", evil]]}, attributes=True)
    side = source.steps(asked, "region", [(0, 60_000_000), (120_000_000, EVER)])
    assert side.fields() == ("", ""), "no event tells of which type the fields are"
    fields = [field_of(side.events, name, number, kind) for number, (name, kind) in enumerate((("us", "VARCHAR"), ("ms", "DOUBLE")))]
    queries = [steps_sql.totals(side.events), steps_sql.texts(side.events), steps_sql.waits(side.events, side.order)]
    units: tuple[Unit, ...] = ("traces", "accounts", "minutes")
    for unit in units:
        queries += [steps_sql.ways(side.events, unit, side.order, 11), steps_sql.words(fields[0], unit), steps_sql.held(fields[0], unit)]
        queries += [steps_sql.numbers(fields[1], unit), steps_sql.marks(side.events, unit, "key", 5, 7)]
    queries += [steps_sql.marks(side.events, "traces", "grp", None, 1)]
    for query in queries:
        side.run(query, side.bound, 1)
    side.fetch([1, 2], [evil])
    held_to_be_safe(database, evil)
    text = "\n".join(query.text for query in database.asked)
    for words in OF_STEPS[dialect]:
        assert words in text
    for unknown in ("epoch_us(", "STRING_AGG(", "LISTAGG(", "FILTER("):
        assert unknown not in text or any(unknown in words for words in OF_STEPS[dialect])


def held_to_be_safe(database: Recorder, evil: str) -> None:
    for query in database.asked:
        assert guard.verdict(query.text, database.dialect).allowed
        assert "1'='1" not in query.text
        assert evil in query.values.values()
        assert all(f":{name}" in query.text for name in query.values)
