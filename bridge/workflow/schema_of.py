"""Read which tables and columns a database has, through its adapter and the guard like every other query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.catalog.propose import Table
from bridge.errors import InputError
from bridge.ports import Limits
from bridge.sql.prepare import prepare

if TYPE_CHECKING:
    from bridge.ports import Database

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


def schema_of(database: Database) -> tuple[Table, ...]:
    """Return the tables and views of a database, by name; InputError when it has none that this role may see."""
    tables = _sqlite(database) if database.dialect == "sqlite" else _information_schema(database)
    if not tables:
        raise InputError("the database shows no table", where=database.product, hint="is it the right database, and may the role SELECT?")
    return tables


def _information_schema(database: Database) -> tuple[Table, ...]:
    found: dict[str, list[tuple[str, str]]] = {}
    for row in _rows(database, _COLUMNS):
        schema, name = str(row["table_schema"]), str(row["table_name"])
        found.setdefault(name if schema in _PLAIN else f"{schema}.{name}", []).append((str(row["column_name"]), str(row["data_type"])))
    return tuple(Table(name=name, columns=tuple(columns)) for name, columns in sorted(found.items()))


def _sqlite(database: Database) -> tuple[Table, ...]:
    from bridge.sql.created import columns_of

    text = "SELECT m.name AS name, m.sql AS text FROM sqlite_master AS m WHERE m.type = 'table' AND m.sql IS NOT NULL ORDER BY 1"
    return tuple(
        Table(name=str(row["name"]), columns=columns_of(str(row["text"]), "sqlite"))
        for row in _rows(database, text)
        if not str(row["name"]).startswith("sqlite_")
    )


def _rows(database: Database, text: str) -> list[dict[str, object]]:
    query = prepare(
        text, dialect=database.dialect, views={}, values={}, declared=(), where="the database's own catalog", comment="bridge init"
    )
    rows: list[dict[str, object]] = database.run(query, Limits(rows=_MOST, seconds=30)).table.to_pylist()
    return [{name.lower(): value for name, value in row.items()} for row in rows]
