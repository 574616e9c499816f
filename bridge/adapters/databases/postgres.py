"""PostgreSQL with psycopg 3: one read-only transaction, one query by the extended protocol, rollback, close.

The order of a run is the one that was measured (docs/sql-safety.md): BEGIN READ ONLY; SET LOCAL of every
limit; SELECT 1, because only before a first query may a transaction be set back to READ WRITE; the query,
always by the extended protocol, which takes one statement; ROLLBACK; close, so that nothing of a session
stays. Rows are streamed and reading stops one row past the cap.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.string import TextLoader

from bridge.adapters.databases import postgres_fast
from bridge.adapters.databases.common import NAIVE, Capped, Running, gather, normal, read_options, resolved, timed_out, too_costly
from bridge.adapters.databases.postgres_columns import Columns
from bridge.adapters.databases.role import Role
from bridge.errors import AccessError, BridgeError, InputError, NotFoundError, RefusedError, RetryLaterError
from bridge.model.filing import Check
from bridge.plugins import AdapterOptions
from bridge.ports import BoundQuery, Cut, Keep, Limits, QueryResult
from bridge.sql.paramstyle import Arguments, for_driver

CONNECT_SECONDS = 10
LOCK_SECONDS = 2
_CHUNK = 5_000
MANY_ROWS = 50_000
"""From this estimate on a result is read through ADBC, in a second session; below, that is not worth it."""
_KEYS = ("url", "host", "port", "dbname", "user", "password", "sslmode", "sslrootcert", "search_path")
_AS_TEXT = ("json", "jsonb", "uuid", "time", "timetz", "interval", "inet", "cidr", "name", "int4range", "int8range", "numrange", "tsrange",
            "tstzrange", "daterange")  # fmt: skip

_ROLE = """
WITH me AS (SELECT oid, rolname FROM pg_roles
             WHERE rolname = current_user OR NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AND pg_has_role(oid, 'MEMBER')),
     own AS (SELECT c.oid, c.relkind, c.relowner, n.oid AS schema FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname !~ '^(pg_|information_schema)')
SELECT (SELECT bool_or(rolsuper) FROM pg_roles r JOIN me USING (oid)),
       (SELECT bool_or(rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls) FROM pg_roles r JOIN me USING (oid)),
       (SELECT count(*) FROM own WHERE relowner IN (SELECT oid FROM me))
         + (SELECT count(*) FROM pg_database WHERE datname = current_database() AND datdba IN (SELECT oid FROM me)),
       (SELECT count(*) FROM own WHERE relkind <> 'S' AND EXISTS (SELECT FROM me WHERE
           has_table_privilege(me.oid, own.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') OR has_any_column_privilege(me.oid, own.oid, 'INSERT, UPDATE'))),
       (SELECT count(*) FROM own WHERE relkind = 'S' AND EXISTS (SELECT FROM me WHERE has_sequence_privilege(me.oid, own.oid, 'USAGE, UPDATE'))),
       (SELECT string_agg(rolname, ', ' ORDER BY rolname) FROM me WHERE rolname IN
           ('pg_write_all_data', 'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program', 'pg_signal_backend',
            'pg_maintain', 'pg_checkpoint', 'pg_create_subscription', 'pg_use_reserved_connections')),
       (SELECT array_agg(nspname ORDER BY nspname) FROM pg_namespace n WHERE nspname !~ '^(pg_|information_schema)'
           AND EXISTS (SELECT FROM me WHERE has_schema_privilege(me.oid, n.oid, 'CREATE'))),
       EXISTS (SELECT FROM me WHERE has_database_privilege(me.oid, current_database(), 'CREATE')),
       (SELECT count(*) FROM own WHERE relkind <> 'S' AND has_schema_privilege(schema, 'USAGE') AND has_table_privilege(oid, 'SELECT')),
       current_user, current_database(), current_setting('server_version')
"""
"""What the role, and every role that it could become, may do beyond reading; and how many tables it may read."""


def open_database(options: AdapterOptions) -> PostgresDatabase:
    """Return the adapter for one server; nothing is connected yet.

    Options: `url`, or host, port, dbname, user, password, sslmode, sslrootcert; `password` and `url` may be
    references to secrets. `search_path` is one schema or a list; `naive_timestamps: UTC` as everywhere.
    """
    values = read_options(options, required=(), optional=_KEYS)
    given = {key: resolved(options, key, value) for key, value in values.items() if key in _KEYS and key != "search_path"}
    url = given.pop("url", "")
    try:
        target = {**(conninfo_to_dict(url) if url else {}), **given}
    except psycopg.ProgrammingError:
        # The text may hold a password: say where, not what.
        raise InputError("the database url can't be read", where=options.where, hint="postgresql://user@host:5432/name") from None
    if not target.get("host") or not target.get("dbname"):
        missing = "host" if not target.get("host") else "dbname"
        raise InputError(f"database '{options.name}' has no '{missing}'", where=options.where, hint="give url, or host and dbname")
    path = values.get("search_path", ())
    return PostgresDatabase(
        name=options.name,
        target={key: str(value) for key, value in target.items()},
        search_path=(path,) if isinstance(path, str) else tuple(str(part) for part in path),
        naive_utc=NAIVE in values,
        where=options.where,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresDatabase:
    """One PostgreSQL server behind the port `Database`; a session per query."""

    name: str
    target: Mapping[str, str] = field(repr=False)
    """libpq's parameters, password included: never shown."""
    search_path: tuple[str, ...]
    naive_utc: bool
    where: str
    dialect: str = "postgres"
    product: str = "postgres"
    running: Running = field(default_factory=Running, repr=False, compare=False)
    role: Role = field(default_factory=Role, repr=False, compare=False)

    def run(self, query: BoundQuery, limits: Limits) -> QueryResult:
        """Run one query in a session of its own; TimedOutError when the server cancelled it at the limit of seconds."""
        return gather(lambda keep: self.stream(query, limits, keep))

    def stream(self, query: BoundQuery, limits: Limits, keep: Keep) -> Cut:
        """Hand rows on as they come; large results (by the plan) come through the driver adbc-driver-postgresql where it is installed."""
        text, arguments = for_driver(query, "pyformat")
        where = f"database '{self.name}'"
        capped = Capped(limits=limits, keep=lambda part: keep(normal(part, naive_utc=self.naive_utc, where=where)))
        with self._session(limits.seconds, where) as connection:
            self.role.require_reader(
                lambda: _role(connection).faults, where=where, grants=grants(self.target["dbname"], self.search_path or ("public",))
            )
            asked = _gate(connection, text, arguments, limits, where)
            if asked is None:
                _stream(connection, text, arguments, capped)
        if asked is not None:
            conninfo = make_conninfo("", **{**self.target, **_fixed(limits.seconds)})
            session = postgres_fast.Session(
                conninfo=conninfo, settings=self._settings(limits.seconds), seconds=limits.seconds, running=self.running
            )
            try:
                postgres_fast.stream(session, asked, capped, where=where)
            except postgres_fast.NotThisWay:
                with self._session(limits.seconds, where) as connection:
                    _stream(connection, text, arguments, capped)
        return capped.cut

    def cancel(self) -> None:
        """End what runs, on the server."""
        self.running.cancel()

    @contextmanager
    def _session(self, seconds: float, where: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A session with every limit set, rolled back and closed at the end; errors in it become ours."""
        connection = self._connect(seconds)
        try:
            self._limit(connection, seconds)
            with self.running.cancellable(connection.cancel_safe):
                yield connection
            connection.rollback()
        except errors.QueryCanceled as error:
            raise timed_out(seconds, where=where) from error
        except psycopg.Error as error:
            raise self._translated(error, where) from error
        finally:
            connection.close()

    def check(self) -> Sequence[Check]:
        """Tell whether it is reachable, and whether the role can do no more than read."""
        name = f"database {self.name}"
        try:
            connection = self._connect(CONNECT_SECONDS)
            try:
                self._limit(connection, CONNECT_SECONDS)
                role = _role(connection)
            finally:
                connection.close()
        except psycopg.Error as error:
            return (self._unreached(name, self._translated(error, self.where)),)
        except BridgeError as error:
            return (self._unreached(name, error),)
        return self._checks(name, role)

    def close(self) -> None:
        """Do nothing: every query closes its own session."""

    def _unreached(self, name: str, error: BridgeError) -> Check:
        wanted = grants(self.target["dbname"], self.search_path or ("public",))
        hint = f"{error.hint}; an administrator makes one that can only read:\n{wanted}" if isinstance(error, AccessError) else error.hint
        return Check(connection=name, what="reachable", ok=False, detail=error.message, hint=hint)

    def _checks(self, name: str, role: _RoleFacts) -> tuple[Check, ...]:
        schemas = self.search_path or ("public",)
        wanted = grants(role.database, schemas)
        return (
            Check(
                connection=name, what="reachable", ok=True, detail=f"PostgreSQL {role.version}, database {role.database}, role {role.name}"
            ),
            Check(
                connection=name,
                what="read only",
                ok=not role.faults,
                detail=f"role {role.name}: {'; '.join(role.faults)}; no query will run"
                if role.faults
                else f"role {role.name} can only read",
                hint=wanted,
            ),
            Check(
                connection=name,
                what="tables",
                ok=role.readable > 0,
                detail=f"{role.readable} tables and views can be read",
                hint="" if role.readable else wanted,
            ),
        )

    def _connect(self, seconds: float) -> psycopg.Connection[tuple[Any, ...]]:
        try:
            return psycopg.connect(**{**self.target, **_fixed(seconds)})  # type: ignore[arg-type] # libpq's parameters by name
        except psycopg.Error as error:
            raise self._translated(error, self.where) from error

    def _limit(self, connection: psycopg.Connection[tuple[Any, ...]], seconds: float) -> None:
        connection.read_only = True
        connection.prepare_threshold = None
        for kind in _AS_TEXT:
            connection.adapters.register_loader(kind, TextLoader)
        for setting, value in self._settings(seconds):
            connection.execute(sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(setting), sql.SQL(value)))
        connection.execute("SELECT 1")

    def _settings(self, seconds: float) -> list[tuple[str, str]]:
        """Return what every transaction sets first: names, and values as SQL."""
        milliseconds = max(1, int(seconds * 1000))
        settings = [
            ("statement_timeout", str(milliseconds)),
            ("lock_timeout", str(min(milliseconds, LOCK_SECONDS * 1000))),
            ("idle_in_transaction_session_timeout", str(milliseconds + 10_000)),
            ("TimeZone", "'UTC'"),
            ("standard_conforming_strings", "on"),
        ]
        if self.search_path:
            settings.append(("search_path", ", ".join(_quoted(part) for part in self.search_path)))
        return settings

    def _translated(self, error: psycopg.Error, where: str) -> BridgeError:
        detail = error.diag.message_primary or str(error).strip().splitlines()[-1]
        hint = error.diag.message_hint or ""
        if isinstance(error, errors.UndefinedTable | errors.UndefinedColumn | errors.UndefinedFunction | errors.InvalidSchemaName):
            return InputError(detail, where=where, hint=hint or "check the names in the view or query, and search_path")
        if isinstance(error, errors.InsufficientPrivilege):
            return AccessError(detail, where=where, hint=grants(self.target["dbname"], self.search_path or ("public",)))
        if isinstance(error, errors.ReadOnlySqlTransaction):
            return RefusedError(f"refused by the read-only transaction: {detail}", where=where)
        if isinstance(error, errors.LockNotAvailable):
            return RetryLaterError(
                f"a table stayed locked for {LOCK_SECONDS} s: {detail}", where=where, hint="try again after the migration"
            )
        if isinstance(error, psycopg.OperationalError):
            return _unreachable(str(error), self.target, where)
        return InputError(detail, where=where, hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class _RoleFacts:
    """What the server tells about the role of a session."""

    faults: tuple[str, ...]
    readable: int
    name: str
    database: str
    version: str


def _role(connection: psycopg.Connection[tuple[Any, ...]]) -> _RoleFacts:
    row = connection.execute(_ROLE).fetchone()
    if row is None:
        raise AccessError("the server does not show the role", hint="may it read pg_roles?")
    superuser, administers, owned, writable, sequences, member, schemas, creates, readable, name, database, version = row
    revoked = ", ".join(f"REVOKE CREATE ON SCHEMA {_quoted(schema)} FROM PUBLIC, {_quoted(name)}" for schema in schemas or ())
    faults = (
        (superuser, "it is a superuser"),
        (administers, "it may create roles or databases, replicate, or pass row security"),
        (owned, f"it owns {owned} tables, views, sequences or the database"),
        (writable, f"it can write {writable} tables"),
        (sequences, f"it can take numbers of {sequences} sequences"),
        (member, f"it is a member of {member}"),
        (schemas, f"it can create tables in the schema {', '.join(schemas or ())}: {revoked}"),
        (creates, f"it can create schemas: REVOKE CREATE ON DATABASE {_quoted(database)} FROM PUBLIC, {_quoted(name)}"),
    )
    return _RoleFacts(
        faults=tuple(text for wrong, text in faults if wrong),
        readable=int(readable),
        name=str(name),
        database=str(database),
        version=str(version),
    )


def grants(database: str, schemas: Sequence[str]) -> str:
    """Return the statements that make a role which can only read; for an administrator to run."""
    lines = [
        "CREATE ROLE bridge_reader LOGIN CONNECTION LIMIT 3;",
        f"GRANT CONNECT ON DATABASE {_quoted(database)} TO bridge_reader;",
    ]
    for schema in schemas:
        lines.append(f"GRANT USAGE ON SCHEMA {_quoted(schema)} TO bridge_reader;")
        lines.append(f"GRANT SELECT ON ALL TABLES IN SCHEMA {_quoted(schema)} TO bridge_reader;")
    lines += [
        "ALTER ROLE bridge_reader SET default_transaction_read_only = on;",
        "ALTER ROLE bridge_reader SET statement_timeout = '60s';",
        "ALTER ROLE bridge_reader SET idle_in_transaction_session_timeout = '60s';",
    ]
    return "\n".join(lines)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _unreachable(message: str, target: Mapping[str, str], where: str) -> BridgeError:
    """Sort the ways a connection fails; libpq gives a text and no code before there is a session."""
    spot = f"{target.get('host')}:{target.get('port', '5432')}"
    last = message.strip().splitlines()[-1] if message.strip() else "no answer"
    if "authentication failed" in message or "no password supplied" in message or "no pg_hba.conf entry" in message:
        return AccessError(f"{spot} refuses the credentials: {last}", where=where, hint="check user and password of the database")
    if re.search(r'database ".*" does not exist', message):
        return NotFoundError(f"{spot} has no database '{target.get('dbname')}'", where=where, hint="correct dbname")
    if re.search(r'role ".*" does not exist', message):
        return AccessError(f"{spot} has no role '{target.get('user')}'", where=where, hint="correct user, or create the role")
    return RetryLaterError(f"{spot} can't be reached: {last}", where=where, hint="is the server running, and reachable from here?")


def _fixed(seconds: float) -> dict[str, str | int]:
    """Return what bridge.yaml can't change of a connection."""
    return {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "ticket-bridge",
        # Behind the server's own timeout: a server that went away must not hold the analyst for hours.
        "tcp_user_timeout": int((seconds + CONNECT_SECONDS) * 1000),
        "keepalives_idle": 30,
        "options": "-c default_transaction_read_only=on -c client_encoding=UTF8",
    }


def _gate(
    connection: psycopg.Connection[tuple[Any, ...]], text: str, arguments: Arguments, limits: Limits, where: str
) -> postgres_fast.Question | None:
    """Refuse a plan above the limit; return what to ask ADBC when the plan expects so many rows that it pays."""
    if limits.cost is None:
        return None
    row = connection.execute(b"EXPLAIN (FORMAT JSON) " + text.encode(), arguments, prepare=True).fetchone()
    (shown,) = json.loads(row[0]) if row else [None]
    if not isinstance(shown, dict):
        raise RefusedError("refused before it ran: PostgreSQL has no plan for it, so it is no query", where=where)
    plan = shown["Plan"]
    if plan.get("Total Cost", 0) > limits.cost:
        raise too_costly(plan["Total Cost"], limits.cost, where=where)
    if min(plan.get("Plan Rows", 0), limits.rows) < MANY_ROWS or not postgres_fast.installed():
        return None
    return postgres_fast.question(connection, text, arguments, _described(connection, text, arguments))


def _stream(connection: psycopg.Connection[tuple[Any, ...]], text: str, arguments: Arguments, capped: Capped) -> None:
    """Hand rows on in chunks; psycopg's stream is one statement by the extended protocol, and cancels when left early."""
    columns: Columns | None = None
    chunk: list[tuple[Any, ...]] = []
    with connection.cursor() as cursor:
        # Arguments are always given, also none: without them psycopg would not read %% as %.
        stream = cursor.stream(text.encode(), arguments, size=_CHUNK)
        for row in stream:
            if columns is None:
                columns = Columns.of(cursor.description or [])
            chunk.append(row)
            if len(chunk) == _CHUNK:
                if not capped.add(columns.table(chunk)):
                    with suppress(psycopg.Error):
                        stream.close()  # type: ignore[attr-defined] # an Iterator by type, a generator in fact
                    return
                chunk = []
        if columns is None:
            # An empty stream does not say its columns.
            columns = _described(connection, text, arguments)
        capped.add(columns.table(chunk))


def _described(connection: psycopg.Connection[tuple[Any, ...]], text: str, arguments: Arguments) -> Columns:
    """Return the columns of a query; LIMIT 0 plans and runs nothing, prepare keeps the extended protocol."""
    with connection.cursor() as cursor:
        cursor.execute(b"SELECT * FROM (" + text.encode() + b"\n) AS q LIMIT 0", arguments, prepare=True)
        return Columns.of(cursor.description or [])
