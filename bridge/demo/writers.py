"""Write the demo's tables into a DuckDB file, a PostgreSQL database (with a role that can only read), or a SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import AccessError

if TYPE_CHECKING:
    import pyarrow as pa

READER = "bridge_reader"

POSTGRES_TYPES = {
    "string": "text",
    "int64": "bigint",
    "int32": "integer",
    "bool": "boolean",
    "timestamp[us, tz=UTC]": "timestamptz",
    "decimal128(18, 2)": "numeric(18,2)",
}
_SQLITE_TYPES = {"string": "TEXT", "int64": "INTEGER", "int32": "INTEGER", "bool": "BOOLEAN", "decimal128(18, 2)": "DECIMAL(18,2)"}
_KEYS = {
    "customers": ("customer_no",),
    "contracts": ("contract_no",),
    "report_exports": ("export_no",),
    "feature_flags": ("customer_no", "flag"),
}


def write_duckdb(path: Path, tables: Mapping[str, pa.Table]) -> None:
    """Write a new DuckDB file; one that is there is replaced."""
    import duckdb

    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        for name, table in tables.items():
            connection.register("incoming", table)
            connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM incoming')  # noqa: S608  our own table names
            connection.unregister("incoming")


def write_sqlite(path: Path, tables: Mapping[str, pa.Table]) -> None:
    """Write a new SQLite file: times as ISO 8601 UTC text, money as decimal text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    try:
        for name, table in tables.items():
            columns = ", ".join(f'"{part.name}" {_SQLITE_TYPES.get(str(part.type), "TIMESTAMP")}' for part in table.schema)
            connection.execute(f'CREATE TABLE "{name}" ({columns})')
            marks = ", ".join("?" for _ in table.schema)
            connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', _plain_rows(table))  # noqa: S608  our own names
        connection.commit()
    finally:
        connection.close()


def write_postgres(owner_url: str, tables: Mapping[str, pa.Table]) -> None:
    """Write the tables into an empty database, and the role `bridge_reader` that can read them and nothing else.

    Args:
        owner_url: a connection string of a role that may create tables and roles.
        tables: by name.

    Raises:
        AccessError: the database is unreachable or refuses.
    """
    import psycopg

    try:
        with psycopg.connect(owner_url, connect_timeout=10) as connection, connection.cursor() as cursor:
            for name, table in tables.items():
                _copy(cursor, name, table)
            _make_reader(cursor)
    except psycopg.Error as error:
        raise AccessError(f"can't write the demo's tables: {error}", where="the demo's PostgreSQL") from error


def _copy(cursor: object, name: str, table: pa.Table) -> None:
    """COPY one table; the bytes are CSV made by Arrow, so no row passes through Python."""
    import psycopg
    import pyarrow as pa
    from psycopg import sql
    from pyarrow import csv

    assert isinstance(cursor, psycopg.Cursor)  # noqa: S101  narrows the type; psycopg can't be imported at the top
    columns = [sql.SQL("{} {}").format(sql.Identifier(part.name), sql.SQL(POSTGRES_TYPES[str(part.type)])) for part in table.schema]
    key = _KEYS.get(name)
    if key:
        columns.append(sql.SQL("PRIMARY KEY ({})").format(sql.SQL(", ").join(map(sql.Identifier, key))))
    cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(name), sql.SQL(", ").join(columns)))
    buffer = pa.BufferOutputStream()
    csv.write_csv(table, buffer, csv.WriteOptions(include_header=False))
    with cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(sql.Identifier(name))) as copy:
        copy.write(buffer.getvalue().to_pybytes())
    cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(name)))


def _make_reader(cursor: object) -> None:
    import psycopg
    from psycopg import sql

    assert isinstance(cursor, psycopg.Cursor)  # noqa: S101  as above
    role = sql.Identifier(READER)
    exists = cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (READER,)).fetchone()
    if exists is None:
        cursor.execute(sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE").format(role))
    row = cursor.execute("SELECT current_database()").fetchone()
    database = sql.Identifier(str(row[0]) if row else "")
    for statement in (
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "GRANT CONNECT ON DATABASE {database} TO {role}",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO {role}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
        "ALTER ROLE {role} SET default_transaction_read_only = on",
        "ALTER ROLE {role} SET statement_timeout = '60s'",
        "ALTER ROLE {role} SET timezone = 'UTC'",
    ):
        cursor.execute(sql.SQL(statement).format(database=database, role=role))


def _plain_rows(table: pa.Table) -> Iterator[tuple[object, ...]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = []
    for part, values in zip(table.schema, table.columns, strict=True):
        if pa.types.is_timestamp(part.type):
            columns.append(pc.strftime(values, "%Y-%m-%dT%H:%M:%SZ").to_pylist())
        elif pa.types.is_decimal(part.type):
            columns.append(values.cast(pa.string()).to_pylist())
        else:
            columns.append(values.to_pylist())
    return zip(*columns, strict=True)
