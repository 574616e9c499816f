"""Tables, keys and foreign keys of a database, read through its adapter and the guard like every other query."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bridge.errors import InputError
from bridge.ports import Limits
from bridge.reproduction.rows import ForeignKey, Table
from bridge.sql.prepare import prepare

if TYPE_CHECKING:
    from bridge.ports import Database

_MOST: Final = 50_000
_PLAIN: Final = frozenset({"public", "main", "dbo"})
"""Schemas that need not be written where there are several."""
_PLAIN_TYPE: Final = re.compile(
    r"(?i)(tiny|small|medium|big|huge|u)*(int|integer|serial)\d*\b|(var)?char|character|string|(tiny|medium|long)?text|bool|numeric|decimal"
    r"|real|float|double|bit\b|u?int\d|$"
)
"""Types of columns that are read as they are; SQLite's may have none."""
_BINARY: Final = re.compile(r"(?i)bytea|blob|binary")
_SYSTEM: Final = "('information_schema', 'pg_catalog', 'pg_toast', 'sys', 'mysql', 'performance_schema')"
# A read-only role sees no constraints in PostgreSQL's information_schema: it shows those of writers only.
_POSTGRES_KEYS: Final = """
SELECT n.nspname AS table_schema, t.relname AS table_name, c.conname AS name, c.contype AS kind, s.i AS position, a.attname AS column_name,
    rn.nspname AS ref_schema, r.relname AS ref_table, b.attname AS ref_column
FROM pg_catalog.pg_constraint AS c
JOIN pg_catalog.pg_class AS t ON t.oid = c.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
CROSS JOIN (SELECT 1 AS i UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6) AS s
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[s.i]
LEFT JOIN pg_catalog.pg_class AS r ON r.oid = c.confrelid
LEFT JOIN pg_catalog.pg_namespace AS rn ON rn.oid = r.relnamespace
LEFT JOIN pg_catalog.pg_attribute AS b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[s.i]
WHERE c.contype IN ('p', 'f')
"""
_MYSQL_KEYS: Final = """
SELECT k.table_schema AS table_schema, k.table_name AS table_name, k.constraint_name AS name,
    CASE WHEN k.referenced_table_name IS NULL THEN 'p' ELSE 'f' END AS kind, k.ordinal_position AS position, k.column_name AS column_name,
    k.referenced_table_schema AS ref_schema, k.referenced_table_name AS ref_table, k.referenced_column_name AS ref_column
FROM information_schema.key_column_usage AS k
WHERE k.constraint_name = 'PRIMARY' OR k.referenced_table_name IS NOT NULL
"""
_DUCKDB_KEYS: Final = """
SELECT k.table_schema AS table_schema, k.table_name AS table_name, k.constraint_name AS name,
    CASE WHEN r.constraint_name IS NULL THEN 'p' ELSE 'f' END AS kind, k.ordinal_position AS position, k.column_name AS column_name,
    u.table_schema AS ref_schema, u.table_name AS ref_table, u.column_name AS ref_column
FROM information_schema.key_column_usage AS k
LEFT JOIN information_schema.referential_constraints AS r
    ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name
LEFT JOIN information_schema.key_column_usage AS u
    ON u.constraint_schema = r.unique_constraint_schema AND u.constraint_name = r.unique_constraint_name
    AND u.ordinal_position = k.position_in_unique_constraint
WHERE r.constraint_name IS NOT NULL OR k.constraint_name LIKE '%_pkey'
"""
_SQLITE_KEYS: Final = """
SELECT 'main' AS table_schema, m.name AS table_name, 'p' AS name, 'p' AS kind, p.pk AS position, p.name AS column_name,
    NULL AS ref_schema, NULL AS ref_table, NULL AS ref_column
FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p ON p.pk > 0 WHERE m.type = 'table'
UNION ALL
SELECT 'main', m.name, 'f' || f.id, 'f', f.seq, f."from", 'main', f."table", f."to"
FROM sqlite_master AS m JOIN pragma_foreign_key_list(m.name) AS f ON f.id >= 0 WHERE m.type = 'table'
"""
_KEYS: Final = {"postgres": _POSTGRES_KEYS, "mysql": _MYSQL_KEYS, "duckdb": _DUCKDB_KEYS, "sqlite": _SQLITE_KEYS}
_GENERATED: Final = {
    "postgres": "c.is_generated <> 'NEVER'",
    "mysql": "c.generation_expression IS NOT NULL AND c.generation_expression <> ''",
    "duckdb": "c.is_generated = 'ALWAYS'",
}
_SQLITE_COLUMNS: Final = """
SELECT 'main' AS table_schema, m.name AS table_name, p.name AS column_name, CASE WHEN p."notnull" = 1 THEN 'NO' ELSE 'YES' END AS is_nullable,
    p.type AS data_type, CASE WHEN p.hidden > 0 THEN 1 ELSE 0 END AS generated
FROM sqlite_master AS m JOIN pragma_table_xinfo(m.name) AS p ON p.cid >= 0
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, p.cid
"""


@dataclass(slots=True)
class _Key:
    columns: dict[int, str] = field(default_factory=dict)
    referenced: dict[int, str] = field(default_factory=dict)
    table: str = ""


def tables_of(database: Database, leave_out: Collection[str] = ()) -> dict[str, Table]:
    """Return the tables by name; InputError for a database whose foreign keys we can't read."""
    dialect = database.dialect
    if dialect not in _KEYS:
        raise InputError(f"foreign keys of {database.product} can't be read", hint=f"data slices know {', '.join(_KEYS)}")
    columns: dict[str, dict[str, bool]] = {}
    texts: dict[str, set[str]] = defaultdict(set)
    binary: dict[str, set[str]] = defaultdict(set)
    listed = _rows(database, _columns_query(dialect))
    schemas = {str(row["table_schema"]) for row in listed}
    plain = schemas if len(schemas) == 1 else _PLAIN

    def named(schema: object, table: object) -> str:
        return str(table) if str(schema) in plain else f"{schema}.{table}"

    for row in listed:
        name = named(row["table_schema"], row["table_name"])
        if name not in leave_out and not row["generated"]:
            columns.setdefault(name, {})[str(row["column_name"])] = str(row["is_nullable"]).upper() in {"YES", "TRUE", "1"}
            if _BINARY.search(str(row["data_type"])):
                binary[name].add(str(row["column_name"]))
            elif not _PLAIN_TYPE.match(str(row["data_type"])):
                texts[name].add(str(row["column_name"]))
    primary: dict[str, dict[int, str]] = defaultdict(dict)
    foreign: dict[tuple[str, str], _Key] = defaultdict(_Key)
    for row in _rows(database, _KEYS[dialect]):
        name, position = named(row["table_schema"], row["table_name"]), int(str(row["position"]))
        if str(row["kind"]) == "p":
            primary[name][position] = str(row["column_name"])
            continue
        key = foreign[name, str(row["name"])]
        key.table = named(row["ref_schema"], row["ref_table"])
        key.columns[position] = str(row["column_name"])
        key.referenced[position] = str(row["ref_column"]) if row["ref_column"] is not None else ""
    made = {}
    for name, own in columns.items():
        keys = [key for (table, _), key in sorted(foreign.items()) if table == name and key.table in columns]
        made[name] = Table(
            name=name,
            columns=tuple(own),
            key=_sorted(primary[name]),
            foreign=tuple(_foreign(key, own, primary) for key in keys),
            texts=frozenset(texts[name]),
            binary=frozenset(binary[name]),
        )
    return made


def _foreign(key: _Key, columns: dict[str, bool], primary: dict[str, dict[int, str]]) -> ForeignKey:
    # SQLite leaves the columns out where the primary key is meant.
    referenced = _sorted(key.referenced) if all(key.referenced.values()) else _sorted(primary[key.table])
    own = _sorted(key.columns)
    return ForeignKey(columns=own, table=key.table, referenced=referenced, nullable=all(columns.get(column, False) for column in own))


def _sorted(by_position: dict[int, str]) -> tuple[str, ...]:
    return tuple(by_position[position] for position in sorted(by_position))


def _columns_query(dialect: str) -> str:
    if dialect == "sqlite":
        return _SQLITE_COLUMNS
    return f"""
SELECT c.table_schema AS table_schema, c.table_name AS table_name, c.column_name AS column_name, c.is_nullable AS is_nullable,
    c.data_type AS data_type, CASE WHEN {_GENERATED[dialect]} THEN 1 ELSE 0 END AS generated
FROM information_schema.columns AS c
JOIN information_schema.tables AS t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN {_SYSTEM}
ORDER BY c.table_schema, c.table_name, c.ordinal_position
"""  # noqa: S608 - constants of this module


def _rows(database: Database, text: str) -> list[dict[str, object]]:
    query = prepare(
        text, dialect=database.dialect, views={}, values={}, declared=(), where="the database's own catalog", comment="bridge reproduce"
    )
    rows: list[dict[str, object]] = database.run(query, Limits(rows=_MOST, seconds=30)).table.to_pylist()
    return [{name.lower(): value for name, value in row.items()} for row in rows]
