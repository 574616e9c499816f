"""A target's sandbox database that may be overwritten, for shrinking rows. It is named in bridge.yaml, never guessed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from bridge.errors import InputError, NotFoundError, RefusedError

Load = Callable[[Sequence[str], Sequence[str]], None]


@contextmanager
def open_rows(product: str, address: str) -> Iterator[Load]:
    """Give what empties tables (the last first) and runs statements. InputError for a product that can't be written to."""
    if product == "sqlite":
        if not Path(address).is_file():
            raise NotFoundError("the sandbox database is not there", where=address, hint="reproduction.targets.NAME.sandbox.sqlite")
        with closing(sqlite3.connect(address, isolation_level=None, timeout=30)) as lite:
            yield lambda tables, texts: _sqlite(lite, tables, texts)
    elif product == "postgres":
        import psycopg

        try:
            with psycopg.connect(address, autocommit=True, connect_timeout=10) as connection:
                yield lambda tables, texts: _postgres(connection, tables, texts)
        except psycopg.Error as error:
            raise RefusedError(
                f"the sandbox database refused: {type(error).__name__}: {error}", hint="are its tables those of the source?"
            ) from error
    else:
        raise InputError(f"rows can't be loaded into {product}", hint="sqlite or postgres")


def _sqlite(lite: sqlite3.Connection, tables: Sequence[str], texts: Sequence[str]) -> None:
    try:
        lite.execute("PRAGMA foreign_keys = OFF")
        for table in reversed(tables):
            lite.execute(f"DELETE FROM {_quoted(table)}")  # noqa: S608 - quoted
        lite.execute("PRAGMA foreign_keys = ON")
        for text in texts:
            lite.execute(text)
    except sqlite3.Error as error:
        if lite.in_transaction:
            lite.execute("ROLLBACK")
        raise RefusedError(f"the sandbox database refused: {error}", hint="are its tables those of the source?") from error


def _postgres(connection: Any, tables: Sequence[str], texts: Sequence[str]) -> None:
    # All at once: the tables point at each other. What points at them from outside goes, too: it is a sandbox.
    connection.execute(f"TRUNCATE {', '.join(_quoted(table) for table in tables)} CASCADE".encode())
    for text in texts:
        connection.execute(text.encode())


def _quoted(table: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in table.split("."))
