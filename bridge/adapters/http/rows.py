"""A target's sandbox database that may be overwritten, for shrinking rows. It is named in bridge.yaml, never guessed.

Each product's client is opened for one load where the file can have one user only (DuckDB), else kept for the search.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from bridge.errors import BridgeError, InputError, NotFoundError, RefusedError
from bridge.reproduction.rows_sql import table_of

Load = Callable[[Sequence[str], Sequence[str]], None]
_SECONDS: Final = 10
_MYSQL_PORT: Final = 3306
_PASSES: Final = 100
"""Of emptying tables of DuckDB: as many as rows of one table point at each other in a line."""


@contextmanager
def open_rows(product: str, address: str) -> Iterator[Load]:
    """Give what empties tables (the last first) and runs statements. InputError for a product that can't be written to."""
    if product not in _PRODUCTS:
        raise InputError(f"rows can't be loaded into {product}", hint=", ".join(_PRODUCTS))
    with _PRODUCTS[product](address) as load:
        yield load


def _file(product: str, address: str) -> None:
    if not Path(address).is_file():
        raise NotFoundError("the sandbox database is not there", where=address, hint=f"reproduction.targets.NAME.sandbox.{product}")


def _refused(error: Exception) -> BridgeError:
    return RefusedError(
        f"the sandbox database refused: {type(error).__name__}: {error}", hint="are its tables those of the source, and is it free?"
    )


@contextmanager
def _sqlite(address: str) -> Iterator[Load]:
    _file("sqlite", address)

    def load(tables: Sequence[str], texts: Sequence[str]) -> None:
        try:
            lite.execute("PRAGMA foreign_keys = OFF")
            for table in reversed(tables):
                lite.execute(f"DELETE FROM {table_of(table, 'sqlite')}")  # noqa: S608 - quoted
            lite.execute("PRAGMA foreign_keys = ON")
            for text in texts:
                lite.execute(text)
        except sqlite3.Error as error:
            if lite.in_transaction:
                lite.execute("ROLLBACK")
            raise _refused(error) from error

    with closing(sqlite3.connect(address, isolation_level=None, timeout=30)) as lite:
        yield load


@contextmanager
def _postgres(address: str) -> Iterator[Load]:
    import psycopg

    def load(tables: Sequence[str], texts: Sequence[str]) -> None:
        # All at once: the tables point at each other. What points at them from outside goes, too: it is a sandbox.
        try:
            connection.execute(f"TRUNCATE {', '.join(table_of(table, 'postgres') for table in tables)} CASCADE".encode())
            for text in texts:
                connection.execute(text.encode())
        except psycopg.Error as error:
            connection.rollback()
            raise _refused(error) from error

    try:
        connection = psycopg.connect(address, autocommit=True, connect_timeout=_SECONDS)
    except psycopg.Error as error:
        raise _refused(error) from error
    with closing(connection):
        yield load


@contextmanager
def _mysql(address: str) -> Iterator[Load]:
    import pymysql

    def load(tables: Sequence[str], texts: Sequence[str]) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET SESSION foreign_key_checks = 0")
                for table in reversed(tables):
                    cursor.execute(f"DELETE FROM {table_of(table, 'mysql')}")  # noqa: S608 - quoted
                for text in texts:
                    cursor.execute(text)
        except pymysql.Error as error:
            connection.rollback()
            raise _refused(error) from error

    parts = urlsplit(address)
    if parts.scheme not in {"mysql", "mariadb"} or not parts.path.strip("/"):
        raise InputError("the address of the sandbox database names no database", hint="mysql://user:password@host:3306/database")
    socket = parse_qs(parts.query).get("unix_socket", [None])[0]
    try:
        connection = pymysql.connect(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or _MYSQL_PORT,
            unix_socket=socket,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=unquote(parts.path.strip("/")),
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=_SECONDS,
            read_timeout=60,
            write_timeout=60,
        )
    except pymysql.Error as error:
        raise _refused(error) from error
    with closing(connection):
        yield load


@contextmanager
def _duckdb(address: str) -> Iterator[Load]:
    import duckdb

    _file("duckdb", address)

    def load(tables: Sequence[str], texts: Sequence[str]) -> None:
        # Opened for each load: DuckDB lets one process write, and the target has to read in between.
        try:
            with duckdb.connect(address) as connection:
                for table in reversed(tables):
                    _emptied(connection, table_of(table, "duckdb"))
                for text in texts:
                    connection.execute(text)
        except duckdb.Error as error:
            raise _refused(error) from error

    yield load


def _emptied(connection: Any, table: str) -> None:
    """Empty a table. DuckDB checks each row of one whose rows point at each other, so they go one by one, the free ones first."""
    import duckdb

    try:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - quoted
    except duckdb.ConstraintException:
        for _ in range(_PASSES):
            left = [row[0] for row in connection.execute(f"SELECT rowid FROM {table}").fetchall()]  # noqa: S608 - quoted
            if not left:
                return
            gone = 0
            for row in left:
                try:
                    connection.execute(f"DELETE FROM {table} WHERE rowid = {int(row)}")  # noqa: S608 - quoted, and a number
                    gone += 1
                except duckdb.ConstraintException:
                    continue
            if not gone:
                raise


_PRODUCTS: Final[Mapping[str, Callable[[str], AbstractContextManager[Load]]]] = {
    "sqlite": _sqlite,
    "postgres": _postgres,
    "mysql": _mysql,
    "duckdb": _duckdb,
}
