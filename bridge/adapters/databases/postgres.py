"""PostgreSQL with psycopg 3: one read-only transaction, one query by the extended protocol, rollback, close.

The order of a run is the one that was measured (docs/sql-safety.md): BEGIN READ ONLY; SET LOCAL of every
limit; SELECT 1, because only before a first query may a transaction be set back to READ WRITE; the query,
always by the extended protocol, which takes one statement; ROLLBACK; close, so that nothing of a session
stays. Rows are streamed and reading stops one row past the cap.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.string import TextLoader

from bridge.adapters.databases.common import MOMENT, NAIVE, normal, read_options, timed_out, to_json
from bridge.errors import AccessError, BridgeError, InputError, NotFoundError, RefusedError, RetryLaterError
from bridge.model.filing import Check
from bridge.plugins import AdapterOptions
from bridge.ports import BoundQuery, Limits, QueryResult
from bridge.sql.paramstyle import Arguments, for_driver

CONNECT_SECONDS = 10
LOCK_SECONDS = 2
_CHUNK = 5_000
_NUMERIC = 1700
_WIDEST = 38
_REFERENCE = re.compile(r"(env|file|keyring):.+", re.DOTALL)
_KEYS = ("url", "host", "port", "dbname", "user", "password", "sslmode", "sslrootcert", "search_path")
_TYPES = {
    16: pa.bool_(), 21: pa.int64(), 23: pa.int64(), 20: pa.int64(), 26: pa.int64(), 700: pa.float64(), 701: pa.float64(),
    1082: pa.date32(), 1184: MOMENT, 1114: pa.timestamp("us"), 17: pa.binary(),
}  # fmt: skip
"""Arrow types by type id; everything else but numeric and arrays is text as PostgreSQL writes it."""
_AS_TEXT = ("json", "jsonb", "uuid", "time", "timetz", "interval", "inet", "cidr", "name", "int4range", "int8range", "numrange", "tsrange",
            "tstzrange", "daterange")  # fmt: skip

_ROLE = """
SELECT r.rolsuper,
       r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls,
       (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname !~ '^(pg_|information_schema)' AND pg_has_role(c.relowner, 'USAGE')),
       (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema)'
           AND (has_table_privilege(c.oid, 'INSERT') OR has_table_privilege(c.oid, 'UPDATE')
                OR has_table_privilege(c.oid, 'DELETE') OR has_table_privilege(c.oid, 'TRUNCATE'))),
       (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^(pg_|information_schema)'
           AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')),
       current_user, current_database(), current_setting('server_version')
  FROM pg_roles r WHERE r.rolname = current_user
"""


def open_database(options: AdapterOptions) -> PostgresDatabase:
    """Return the adapter for one server; nothing is connected yet.

    Options: `url`, or host, port, dbname, user, password, sslmode, sslrootcert; `password` and `url` may be
    references to secrets. `search_path` is one schema or a list; `naive_timestamps: UTC` as everywhere.
    """
    values = read_options(options, required=(), optional=_KEYS)
    given = {key: _secret(options, key, value) for key, value in values.items() if key in _KEYS and key != "search_path"}
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


def _secret(options: AdapterOptions, key: str, value: object) -> str:
    return options.secret(key) if isinstance(value, str) and _REFERENCE.fullmatch(value) else str(value)


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

    def run(self, query: BoundQuery, limits: Limits) -> QueryResult:
        """Run one query in a session of its own; RetryLaterError when the server cancelled it at the limit of seconds."""
        text, arguments = for_driver(query, "pyformat")
        where = f"database '{self.name}'"
        connection = self._connect(limits.seconds)
        try:
            self._limit(connection, limits.seconds)
            table, truncated = _stream(connection, text, arguments, limits.rows)
            connection.rollback()
        except errors.QueryCanceled as error:
            raise timed_out(limits.seconds, where=where) from error
        except psycopg.Error as error:
            raise self._translated(error, where) from error
        finally:
            connection.close()
        return QueryResult(table=normal(table, naive_utc=self.naive_utc, where=where), truncated=truncated)

    def check(self) -> Sequence[Check]:
        """Tell whether it is reachable, and whether the role can do no more than read."""
        name = f"database {self.name}"
        try:
            connection = self._connect(CONNECT_SECONDS)
            try:
                self._limit(connection, CONNECT_SECONDS)
                row = connection.execute(_ROLE).fetchone()
            finally:
                connection.close()
        except psycopg.Error as error:
            broken = self._translated(error, self.where)
            return (Check(connection=name, what="reachable", ok=False, detail=broken.message, hint=broken.hint),)
        except BridgeError as error:
            return (Check(connection=name, what="reachable", ok=False, detail=error.message, hint=error.hint),)
        if row is None:
            return (Check(connection=name, what="read only", ok=False, detail="the server does not show the role"),)
        return self._checks(name, row)

    def close(self) -> None:
        """Do nothing: every query closes its own session."""

    def _checks(self, name: str, row: tuple[Any, ...]) -> tuple[Check, ...]:
        superuser, administers, owned, writable, readable, role, database, version = row
        faults = [
            text
            for wrong, text in (
                (superuser, "it is a superuser"),
                (administers, "it may create roles or databases, replicate, or pass row security"),
                (owned, f"it owns {owned} tables or views"),
                (writable, f"it can write {writable} tables"),
            )
            if wrong
        ]
        schemas = self.search_path or ("public",)
        return (
            Check(connection=name, what="reachable", ok=True, detail=f"PostgreSQL {version}, database {database}, role {role}"),
            Check(
                connection=name,
                what="read only",
                ok=not faults,
                detail=f"role {role}: {'; '.join(faults)}" if faults else f"role {role} can only read",
                hint=grants(str(database), schemas) if faults else "",
            ),
            Check(
                connection=name,
                what="tables",
                ok=readable > 0,
                detail=f"{readable} tables and views can be read",
                hint="" if readable else grants(str(database), schemas),
            ),
        )

    def _connect(self, seconds: float) -> psycopg.Connection[tuple[Any, ...]]:
        fixed: dict[str, str | int] = {
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "ticket-bridge",
            # Behind the server's own timeout: a server that went away must not hold the analyst for hours.
            "tcp_user_timeout": int((seconds + CONNECT_SECONDS) * 1000),
            "keepalives_idle": 30,
            "options": "-c default_transaction_read_only=on -c client_encoding=UTF8",
        }
        try:
            return psycopg.connect(**{**self.target, **fixed})  # type: ignore[arg-type] # libpq's parameters by name
        except psycopg.Error as error:
            raise self._translated(error, self.where) from error

    def _limit(self, connection: psycopg.Connection[tuple[Any, ...]], seconds: float) -> None:
        connection.read_only = True
        connection.prepare_threshold = None
        for kind in _AS_TEXT:
            connection.adapters.register_loader(kind, TextLoader)
        milliseconds = max(1, int(seconds * 1000))
        settings = {
            "statement_timeout": str(milliseconds),
            "lock_timeout": str(min(milliseconds, LOCK_SECONDS * 1000)),
            "idle_in_transaction_session_timeout": str(milliseconds + 10_000),
            "TimeZone": "UTC",
            "standard_conforming_strings": "on",
        }
        for setting, value in settings.items():
            connection.execute(sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(setting), sql.Literal(value)))
        if self.search_path:
            path = sql.SQL(", ").join(sql.Identifier(part) for part in self.search_path)
            connection.execute(sql.SQL("SET LOCAL search_path = {}").format(path))
        connection.execute("SELECT 1")

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


def _stream(connection: psycopg.Connection[tuple[Any, ...]], text: str, arguments: Arguments, rows: int) -> tuple[pa.Table, bool]:
    """Read at most `rows` rows in chunks; psycopg's stream is one statement by the extended protocol, and cancels when left early."""
    columns: _Columns | None = None
    truncated = False
    with connection.cursor() as cursor:
        chunk: list[tuple[Any, ...]] = []
        # Arguments are always given, also none: without them psycopg would not read %% as %.
        stream = cursor.stream(text.encode(), arguments, size=_CHUNK)
        for count, row in enumerate(stream):
            if columns is None:
                columns = _Columns.of(cursor.description or [])
            if count == rows:
                truncated = True
                with suppress(psycopg.Error):
                    stream.close()  # type: ignore[attr-defined] # an Iterator by type, a generator in fact
                break
            chunk.append(row)
            if len(chunk) == _CHUNK:
                columns.add(chunk)
                chunk = []
        if columns is None:
            # An empty stream does not say its columns. LIMIT 0 plans and runs nothing; prepare keeps the extended protocol.
            cursor.execute(b"SELECT * FROM (" + text.encode() + b"\n) AS q LIMIT 0", arguments, prepare=True)
            columns = _Columns.of(cursor.description or [])
        columns.add(chunk)
    return columns.table(), truncated


@dataclass(slots=True, kw_only=True)
class _Columns:
    """The rows so far as Arrow arrays, column by column."""

    names: list[str]
    types: list[pa.DataType | None]
    """None: a numeric without declared scale, decided at the end."""
    arrays: list[list[Any]]

    @classmethod
    def of(cls, description: Sequence[psycopg.Column]) -> _Columns:
        return cls(
            names=[column.name for column in description], types=[_type(column) for column in description], arrays=[[] for _ in description]
        )

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add rows; a value that its type can't hold (a numeric NaN, a far date) is an InputError that names the column."""
        for name, kind, arrays, values in zip(self.names, self.types, self.arrays, zip(*rows, strict=True), strict=False):
            if kind is None:
                arrays.extend(values)
                continue
            try:
                arrays.append(pa.array(_plain(values) if kind == pa.string() else values, type=kind))
            except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
                raise InputError(f"column '{name}' holds a value that can't be kept: {error}", hint="cast it in the view") from error

    def table(self) -> pa.Table:
        """Return everything that was added."""
        finished = [
            _decimals(name, arrays) if kind is None else pa.chunked_array(arrays, type=kind)
            for name, kind, arrays in zip(self.names, self.types, self.arrays, strict=True)
        ]
        return pa.Table.from_arrays(finished, names=self.names)


def _type(column: psycopg.Column) -> pa.DataType | None:
    if column.type_code != _NUMERIC:
        return _TYPES.get(column.type_code, pa.string())
    if column.precision is None or column.scale is None or not 0 <= column.scale <= column.precision <= _WIDEST:
        return None
    return pa.decimal128(column.precision, column.scale)


def _decimals(name: str, values: Sequence[Any]) -> pa.ChunkedArray:
    """Numeric without declared scale (sum, avg): the widest scale that occurs."""
    given = [value for value in values if value is not None]
    if any(not value.is_finite() for value in given):
        raise InputError(f"column '{name}' holds NaN or infinity", hint="turn it into NULL in the view: NULLIF(x, 'NaN')")
    scale = max((-int(value.as_tuple().exponent) for value in given), default=0)
    try:
        return pa.chunked_array([pa.array(values, type=pa.decimal128(_WIDEST, min(_WIDEST, max(0, scale))))])
    except pa.ArrowInvalid as error:
        raise InputError(f"column '{name}' holds numbers of more than {_WIDEST} digits", hint="round() it in the view") from error


def _plain(values: Sequence[Any]) -> list[str | None]:
    return [value if value is None or isinstance(value, str) else to_json(value) for value in values]
