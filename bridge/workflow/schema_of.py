"""Read which tables and columns a database has, through its adapter and the guard like every other query."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from bridge.catalog.propose import Table
from bridge.errors import InputError
from bridge.ports import Limits
from bridge.sql.prepare import prepare
from bridge.workflow import audited

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.ports import Clock, Database

Rows = Callable[[str], list[dict[str, object]]]

_MOST: Final = 50_000
"""Columns that are read; a database with more is cut, and told so."""
_COLUMNS: Final = """
SELECT c.table_schema AS table_schema, c.table_name AS table_name, c.column_name AS column_name, c.data_type AS data_type
FROM information_schema.columns AS c
WHERE c.table_schema NOT IN
    ('information_schema', 'INFORMATION_SCHEMA', 'pg_catalog', 'pg_toast', 'sys', 'mysql', 'performance_schema', 'system')
ORDER BY c.table_schema, c.table_name, c.ordinal_position
"""
_PLAIN: Final = frozenset({"public", "main", "dbo"})
"""Schemas that need not be written."""


def schema_of(database: Database, root: Path, clock: Clock) -> tuple[Table, ...]:
    """Return the tables and views of a database, by name; InputError when it has none that this role may see.

    `root` is the workspace's folder, whose audit notes the query.
    """

    def rows(text: str) -> list[dict[str, object]]:
        return _rows(database, text, root, clock)

    tables = _sqlite(rows) if database.dialect == "sqlite" else _information_schema(rows)
    if not tables:
        raise InputError("the database shows no table", where=database.product, hint="is it the right database, and may the role SELECT?")
    return tables


def _information_schema(rows: Rows) -> tuple[Table, ...]:
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows(_COLUMNS):
        schema, name = str(row["table_schema"]), str(row["table_name"])
        found.setdefault(name if schema in _PLAIN else f"{schema}.{name}", []).append((str(row["column_name"]), str(row["data_type"])))
    return tuple(Table(name=name, columns=tuple(columns)) for name, columns in sorted(found.items()))


def _sqlite(rows: Rows) -> tuple[Table, ...]:
    from bridge.sql.created import columns_of

    text = "SELECT m.name AS name, m.sql AS text FROM sqlite_master AS m WHERE m.type = 'table' AND m.sql IS NOT NULL ORDER BY 1"
    return tuple(
        Table(name=str(row["name"]), columns=columns_of(str(row["text"]), "sqlite"))
        for row in rows(text)
        if not str(row["name"]).startswith("sqlite_")
    )


def _rows(database: Database, text: str, root: Path, clock: Clock) -> list[dict[str, object]]:
    query = prepare(
        text, dialect=database.dialect, views={}, values={}, declared=(), where="the database's own catalog", comment="bridge init"
    )
    limits = Limits(rows=_MOST, seconds=30)
    found = audited.run(
        database, query, limits, root=root, clock=clock, command="init", what="the database's own catalog", source=database.product
    )
    rows: list[dict[str, object]] = found.table.to_pylist()
    return [{name.lower(): value for name, value in row.items()} for row in rows]
