"""One DuckDB database with the tables and the standard views of a truth."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from bridge.demo.files import DEMO_VIEWS
from bridge.demo.tables import tables
from bridge.demo.truth import Truth

HELPERS = (
    """CREATE VIEW runs AS
       SELECT *, status = 'success' AND rows_written = 0 AND source_rows > 0 AS failing,
              date_part('hour', started_at) * 60 + date_part('minute', started_at) AS minute
       FROM exports JOIN accounts USING (account_id)""",
    "CREATE VIEW failures AS SELECT account_id, count(*) AS n FROM runs WHERE failing GROUP BY account_id",
)
"""For the tests: each export with its account, whether it shows the defect, and its minute of the UTC day."""

Query = Callable[..., list[tuple[object, ...]]]


@pytest.fixture
def database() -> Iterator[Callable[[Truth], Query]]:
    connections: list[duckdb.DuckDBPyConnection] = []

    def opened(truth: Truth) -> Query:
        connection = duckdb.connect()
        connections.append(connection)
        connection.execute("SET TimeZone = 'UTC'")
        for name, table in tables(truth).items():
            connection.from_arrow(table).create(name)
        for name, sql in DEMO_VIEWS.items():
            connection.sql(sql).create_view(name)
        for sql in HELPERS:
            connection.execute(sql)
        holds = " AND ".join(f"CAST({part.attribute} AS VARCHAR) = '{part.value}'" for part in truth.cause)
        connection.view("accounts").select(f"account_id, {holds} AS holds").create("holders")
        for number, part in enumerate(truth.cause):
            connection.view("accounts").filter(f"CAST({part.attribute} AS VARCHAR) = '{part.value}'").create(f"part_{number}")

        def query(sql: str, *values: object) -> list[tuple[object, ...]]:
            return connection.execute(sql, list(values)).fetchall()

        return query

    yield opened
    for connection in connections:
        connection.close()


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Callable[[str], Path]]:
    """Folders for PostgreSQL's data that no other pytest closes to the server's user, as it does with tmp_path's parents."""
    with tempfile.TemporaryDirectory(prefix="bridge-pg-", ignore_cleanup_errors=True) as name:
        yield lambda part: Path(name) / part
