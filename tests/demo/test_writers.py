"""The same rows in every database, and a PostgreSQL role that can only read."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from bridge.demo.company import build
from bridge.demo.embedded_postgres import PostgresUrls, _without_spaces, running
from bridge.demo.files import DEMO_VIEWS
from bridge.demo.tables import digest, tables
from bridge.demo.truth import DEFAULT_TRUTH, random_truth
from bridge.demo.writers import write_duckdb, write_postgres, write_sqlite
from bridge.errors import AccessError

SUMS = {
    "accounts": 'SELECT count(*), sum(arr), sum(seats), count(DISTINCT "name"), sum(CASE WHEN snapshot_cache_v2 THEN 1 ELSE 0 END) FROM v',
    "changes": 'SELECT count(*), count(version), count(DISTINCT "name") FROM v',
    "exports": 'SELECT count(*), sum(rows_written), sum(source_rows), count(rerun_of), count(scheduled_at), max(export_id), min("trigger") FROM v',
}


def summed(name: str) -> str:
    return f"WITH v AS ({DEMO_VIEWS[name]}) {SUMS[name]}"


def expected(name: str) -> list[str]:
    with duckdb.connect() as connection:
        for table, rows in tables(DEFAULT_TRUTH).items():
            connection.register(table, rows)
        row = connection.execute(summed(name)).fetchone()
        assert row is not None
        return [str(value) for value in row]


@pytest.fixture(scope="module")
def postgres(server_folder: Callable[[str], Path]) -> Iterator[PostgresUrls]:
    with running(server_folder("shared")) as urls:
        write_postgres(urls.owner, tables(DEFAULT_TRUTH))
        yield urls


def test_duckdb(tmp_path: Path) -> None:
    path = tmp_path / "data" / "app.duckdb"
    write_duckdb(path, tables(random_truth(1)))
    write_duckdb(path, tables(DEFAULT_TRUTH))
    with duckdb.connect(str(path), read_only=True) as connection:
        for name in SUMS:
            row = connection.execute(summed(name)).fetchone()
            assert row is not None
            assert [str(value) for value in row] == expected(name)


def test_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "app.sqlite"
    write_sqlite(path, tables(DEFAULT_TRUTH))
    connection = sqlite3.connect(path)
    try:
        for name in SUMS:
            row = connection.execute(summed(name)).fetchone()
            for value, wanted in zip(row, expected(name), strict=True):
                # A sum of decimals is a float there.
                assert round(value, 2) == float(wanted) if isinstance(value, float) else str(value) == wanted
        assert connection.execute(
            "SELECT count(*) FROM report_exports WHERE began_at NOT LIKE '2026-03-__T__:__:__.______Z'"
        ).fetchone() == (0,)
    finally:
        connection.close()


@pytest.mark.postgres
@pytest.mark.parametrize("name", sorted(SUMS))
def test_postgres_views(postgres: PostgresUrls, name: str) -> None:
    import psycopg

    with psycopg.connect(postgres.reader) as connection:
        row = connection.execute(summed(name).encode()).fetchone()
        assert row is not None
        assert [str(value) for value in row] == expected(name)


@pytest.mark.postgres
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE x (a int)",
        "SET default_transaction_read_only = off; DELETE FROM customers",
        "SET default_transaction_read_only = off; CREATE TABLE x (a int)",
        "SET default_transaction_read_only = off; CREATE TEMP TABLE x (a int)",
        "SET ROLE postgres",
        "COPY customers TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/hostname')",
    ],
)
def test_postgres_reader_can_only_read(postgres: PostgresUrls, statement: str) -> None:
    import psycopg

    with psycopg.connect(postgres.reader, autocommit=True) as connection:
        *before, last = statement.split("; ")
        for part in before:
            connection.execute(part.encode())
        with pytest.raises(psycopg.Error):
            connection.execute(last.encode())
        row = connection.execute("SELECT count(*) FROM customers").fetchone()
        assert row == (412,)


@pytest.mark.postgres
def test_postgres_server_is_found_again(server_folder: Callable[[str], Path]) -> None:
    import psycopg

    with running(server_folder("again")) as urls:
        write_postgres(urls.owner, {"customers": tables(DEFAULT_TRUTH)["customers"]})
        with pytest.raises(AccessError, match="already exists"):
            write_postgres(urls.owner, {"customers": tables(DEFAULT_TRUTH)["customers"]})
    with running(server_folder("again")) as urls, psycopg.connect(urls.reader) as connection:
        assert connection.execute("SELECT count(*) FROM customers").fetchone() == (412,)


def test_path_with_spaces_is_not_used_by_the_server(tmp_path: Path) -> None:
    plain, spaced = tmp_path / "data", tmp_path / "My Work" / "data"
    assert _without_spaces(plain) == plain
    assert " " not in str(_without_spaces(spaced))
    assert _without_spaces(spaced) == _without_spaces(spaced) != _without_spaces(tmp_path / "My Other Work" / "data")


def test_same_truth_same_tables_in_another_process() -> None:
    code = (
        "from bridge.demo.tables import digest, tables; from bridge.demo.truth import DEFAULT_TRUTH; print(digest(tables(DEFAULT_TRUTH)))"
    )
    env = {**os.environ, "PYTHONHASHSEED": "77"}
    answer = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True, timeout=60)
    build.cache_clear()
    assert answer.stdout.strip() == digest(tables(DEFAULT_TRUTH)) != digest(tables(random_truth(3)))
