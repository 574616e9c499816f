"""A slice of rows as SQL for PostgreSQL, MySQL, SQLite and DuckDB: one transaction, names and values quoted by the engine's rules."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, Literal, get_args
from uuid import UUID

from bridge.errors import InputError
from bridge.reproduction.rows import Row, RowSlice, Schema

Engine = Literal["postgres", "mysql", "sqlite", "duckdb"]
ENGINES: Final[tuple[Engine, ...]] = get_args(Engine)
_BEGIN: Final[Mapping[Engine, tuple[str, ...]]] = {
    "postgres": ("SET standard_conforming_strings = on;", "SET TIME ZONE 'UTC';", "BEGIN;", "SET CONSTRAINTS ALL DEFERRED;"),
    # Without the mode a backslash would escape, or not, by the server's settings, and an id of 0 would become a new number.
    "mysql": (
        "SET NAMES utf8mb4;",
        "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES';",
        "SET SESSION time_zone = '+00:00';",
        "SET SESSION foreign_key_checks = 0;",
        "START TRANSACTION;",
    ),
    "sqlite": ("BEGIN;", "PRAGMA defer_foreign_keys = ON;"),
    "duckdb": ("SET TimeZone = 'UTC';", "BEGIN TRANSACTION;"),
}
_END: Final[Mapping[Engine, tuple[str, ...]]] = {
    "postgres": ("COMMIT;",),
    "mysql": ("COMMIT;", "SET SESSION foreign_key_checks = 1;"),
    "sqlite": ("COMMIT;",),
    "duckdb": ("COMMIT;",),
}
Mask = Callable[[str, str, Any], Any]
"""(table, column, value) -> what is written instead."""


def statements(slice_: RowSlice, schema: Schema, engine: Engine, mask: Mask = lambda _table, _column, value: value) -> tuple[str, ...]:
    """Return the statements, in order. InputError lists a value that this engine can't hold."""
    out = list(_BEGIN[engine])
    updates = []
    # MySQL and SQLite let constraints wait, so circles need nothing there; DuckDB can't have them between tables.
    broken = slice_.later if engine == "postgres" else frozenset()
    for row in slice_.rows:
        closing = [columns for row_id, columns in broken if row_id == row.id]
        gone = {column for columns in closing for column in columns}
        values = {name: None if name in gone else mask(row.table, name, value) for name, value in row.values.items()}
        names = ", ".join(name_of(name, engine) for name in values)
        system = " OVERRIDING SYSTEM VALUE" if engine == "postgres" else ""
        given = ", ".join(literal(value, engine, where=f"{row.table}.{name}") for name, value in values.items())
        out.append(f"INSERT INTO {table_of(row.table, engine)} ({names}){system} VALUES ({given});")  # noqa: S608 - every name and value is quoted for the engine
        if gone:
            updates.append(_update(row, gone, schema, engine, mask))
    return (*out, *updates, *_END[engine])


def script(slice_: RowSlice, schema: Schema, engine: Engine, mask: Mask, *, title: str) -> str:
    """Return the file: a head that says what it is, then one statement a line."""
    cut = f"-- Only a part of: {', '.join(slice_.cut)}\n" if slice_.cut else ""
    hard = (
        "-- Rows point at each other in a circle without a column that may be NULL: needs DEFERRABLE constraints.\n" if slice_.hard else ""
    )
    head = f"-- {' '.join(title.split())}\n-- For {engine}; {len(slice_.rows)} rows of {len(slice_.tables)} tables. The tables must be there.\n"
    return head + cut + hard + "\n".join(statements(slice_, schema, engine, mask)) + "\n"


def _update(row: Row, columns: set[str], schema: Schema, engine: Engine, mask: Mask) -> str:
    def shown(name: str) -> str:
        return literal(mask(row.table, name, row.values[name]), engine, where=f"{row.table}.{name}")

    sets = ", ".join(f"{name_of(name, engine)} = {shown(name)}" for name in sorted(columns))
    keys = schema[row.table].key or tuple(name for name in row.values if name not in columns)
    where = " AND ".join(f"{name_of(name, engine)} = {shown(name)}" for name in keys if row.values[name] is not None)
    return f"UPDATE {table_of(row.table, engine)} SET {sets} WHERE {where};"  # noqa: S608 - every name and value is quoted for the engine


def table_of(name: str, engine: Engine) -> str:
    """Return a table's quoted name; `schema.table` is two names."""
    return ".".join(name_of(part, engine) for part in name.split("."))


def name_of(name: str, engine: Engine) -> str:
    """Return a quoted identifier."""
    mark = "`" if engine == "mysql" else '"'
    return f"{mark}{name.replace(mark, mark * 2)}{mark}"


def literal(value: Any, engine: Engine, *, where: str = "") -> str:  # noqa: PLR0911 - one line a type
    """Return a value as the engine writes it; InputError for one it can't hold."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return ("TRUE" if value else "FALSE") if engine in {"postgres", "duckdb"} else ("1" if value else "0")
    if isinstance(value, int | Decimal):
        if isinstance(value, Decimal) and not value.is_finite():
            return _special(str(value), engine, where)
        return str(value) if isinstance(value, int) else f"{value:f}"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else _special(str(value), engine, where)
    if isinstance(value, bytes | bytearray | memoryview):
        return _bytes(bytes(value).hex(), engine)
    if isinstance(value, list | tuple) and engine == "postgres":
        return _text(_array(value), engine, where)
    return _text(_plain(value, engine), engine, where)


def _plain(value: Any, engine: Engine) -> str:
    if isinstance(value, datetime):
        moved = value.astimezone(UTC) if value.tzinfo else value
        shown = moved.replace(tzinfo=None).isoformat(sep=" ")
        return shown + ("+00" if value.tzinfo and engine in {"postgres", "duckdb"} else "")
    if isinstance(value, date | time | UUID):
        return str(value)
    if isinstance(value, timedelta):
        return f"{value.total_seconds():f} seconds" if engine in {"postgres", "duckdb"} else str(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _special(text: str, engine: Engine, where: str) -> str:
    word = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(text.lower(), text)
    if engine == "postgres":
        return f"'{word}'"
    if engine == "duckdb":
        return f"'{word}'::DOUBLE"
    raise InputError(
        f"{where} holds {word}, which {engine} can't hold", where=where, hint="leave the column out: reproduction.data.leave_out"
    )


def _bytes(digits: str, engine: Engine) -> str:
    return {"postgres": f"'\\x{digits}'::bytea", "duckdb": f"from_hex('{digits}')"}.get(engine, f"X'{digits}'")


def _text(text: str, engine: Engine, where: str) -> str:
    if "\0" in text:
        if engine in {"postgres", "duckdb"}:
            raise InputError(f"{where} holds a zero character, which {engine} can't write", where=where)
        digits = text.encode("utf-8", "surrogatepass").hex()
        return f"CAST(X'{digits}' AS TEXT)" if engine == "sqlite" else f"CONVERT(X'{digits}' USING utf8mb4)"
    quoted = "'" + text.replace("'", "''") + "'"
    # A line of its own could be taken for a command by the engines' shells (`.read`, `\\!`).
    if "\n" in text or "\r" in text:
        return _lines(text, engine)
    return quoted


def _lines(text: str, engine: Engine) -> str:
    """Return a text of several lines as one line of SQL."""
    if engine == "mysql":
        return f"CONVERT(X'{text.encode().hex()}' USING utf8mb4)"
    if engine == "sqlite":
        return f"CAST(X'{text.encode().hex()}' AS TEXT)"
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n").replace("\r", "\\r")
    return f"E'{escaped}'"


def _array(values: list[Any] | tuple[Any, ...]) -> str:
    """Return PostgreSQL's text of an array."""
    parts = []
    for value in values:
        if value is None:
            parts.append("NULL")
        elif isinstance(value, list | tuple):
            parts.append(_array(value))
        else:
            text = _plain(value, "postgres") if not isinstance(value, bool | int | float | Decimal) else str(value).lower()
            parts.append('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
    return "{" + ",".join(parts) + "}"
