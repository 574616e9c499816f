"""MariaDB and MySQL with PyMySQL: one read-only transaction, one statement, streamed rows, KILL QUERY from outside.

The server is given every limit before the query: time of the statement, waits for locks, idle time. Statements
can't be stacked (the protocol's flag for it stays off), and the server can't ask for a file of this machine
(LOCAL INFILE stays off). `sql_mode` is set to one value, because it decides what a quote and a backslash mean.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pymysql
import pymysql.cursors
from pymysql.constants import ER
from pymysql.converters import encoders

from bridge.adapters.databases.common import NAIVE, Capped, Running, gather, normal, read_options, resolved, timed_out, too_costly
from bridge.adapters.databases.mysql_columns import table_of
from bridge.adapters.databases.role import Role
from bridge.errors import AccessError, BridgeError, InputError, NotFoundError, RefusedError, RetryLaterError
from bridge.model.filing import Check
from bridge.plugins import AdapterOptions
from bridge.ports import BoundItem, BoundQuery, Cut, Keep, Limits, QueryResult
from bridge.sql.paramstyle import Arguments, for_driver

CONNECT_SECONDS = 10
LOCK_SECONDS = 2
_CHUNK = 5_000
_ROW_COST = 0.01
"""What PostgreSQL's planner takes for a row: rows to be examined times this are comparable with its costs."""
_KEYS = ("host", "port", "unix_socket", "dbname", "user", "password", "ssl_ca")
_MODE = "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO"
_READING = frozenset({"USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES"})
_STOPPED = frozenset({1317, 1969, 3024})
"""Interrupted; MariaDB's and MySQL's limit of time."""
_UNKNOWN = frozenset({ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR, ER.SP_DOES_NOT_EXIST, ER.NON_UNIQ_ERROR, ER.PARSE_ERROR})
_DENIED = frozenset({ER.TABLEACCESS_DENIED_ERROR, ER.COLUMNACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.SPECIFIC_ACCESS_DENIED_ERROR,
                     ER.PROCACCESS_DENIED_ERROR, ER.ACCESS_DENIED_ERROR, ER.VIEW_NO_EXPLAIN})  # fmt: skip
_READ_ONLY = frozenset({1792, 1290, 1568})
_LOCKED = frozenset({1205, 1213})
_CLIENT = range(2000, 3000)
"""Codes of the client's side: no connection, or a lost one."""


def open_mariadb(options: AdapterOptions) -> MySQLDatabase:
    """Return the adapter for one MariaDB server; nothing is connected yet. Options: see `open_mysql`."""
    return _open(options, "mariadb")


def open_mysql(options: AdapterOptions) -> MySQLDatabase:
    """Return the adapter for one MySQL server; nothing is connected yet.

    Options: host (or unix_socket), port, dbname, user, password (a reference), ssl_ca, naive_timestamps.
    """
    return _open(options, "mysql")


def _open(options: AdapterOptions, product: str) -> MySQLDatabase:
    values = read_options(options, required=("dbname", "user"), optional=_KEYS)
    if not values.get("host") and not values.get("unix_socket"):
        raise InputError(f"database '{options.name}' has no 'host'", where=options.where, hint="give host, or unix_socket")
    return MySQLDatabase(
        name=options.name,
        target={key: resolved(options, key, value) for key, value in values.items() if key in _KEYS},
        naive_utc=NAIVE in values,
        where=options.where,
        product=product,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MySQLDatabase:
    """One MariaDB or MySQL server behind the port `Database`; a session per query."""

    name: str
    target: Mapping[str, str] = field(repr=False)
    """Password included: never shown."""
    naive_utc: bool
    where: str
    product: str
    dialect: str = "mysql"
    running: Running = field(default_factory=Running, repr=False, compare=False)
    role: Role = field(default_factory=Role, repr=False, compare=False)

    def run(self, query: BoundQuery, limits: Limits) -> QueryResult:
        """Run one query in a session of its own; TimedOutError when the server ended it at the limit of seconds."""
        return gather(lambda keep: self.stream(query, limits, keep))

    def stream(self, query: BoundQuery, limits: Limits, keep: Keep) -> Cut:
        """Hand rows on as the server sends them, unbuffered."""
        text, arguments = for_driver(query, "pyformat")
        where = f"database '{self.name}'"
        capped = Capped(limits=limits, keep=lambda part: keep(normal(part, naive_utc=self.naive_utc, where=where)))
        self.role.require_reader(self._faults, where=where, grants=grants(self.target["dbname"], self.product))
        with self._session(limits.seconds, where) as connection:
            _gate(connection, text, arguments, limits, where)
            _stream(connection, text, arguments, capped, lambda: self._kill(_thread(connection)))
        return capped.cut

    def cancel(self) -> None:
        """End what runs, on the server."""
        self.running.cancel()

    def _faults(self) -> list[str]:
        """Ask in a session of its own, because roles are taken to see what they may do."""
        with self._session(CONNECT_SECONDS, self.where) as connection, connection.cursor() as cursor:
            return faults_of(list(_held(cursor, self.product)))

    def check(self) -> Sequence[Check]:
        """Tell whether it is reachable, and whether the account can do no more than read."""
        name = f"database {self.name}"
        try:
            with self._session(CONNECT_SECONDS, self.where) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT version(), current_user(), database()")
                version, account, database = cursor.fetchone() or ("", "", "")
                held = list(_held(cursor, self.product))
                cursor.execute(
                    "SELECT count(*) FROM information_schema.tables WHERE table_schema NOT IN ('information_schema', 'performance_schema')"
                )
                readable = int((cursor.fetchone() or (0,))[0])
        except BridgeError as error:
            wanted = grants(self.target["dbname"], self.product)
            hint = (
                f"{error.hint}; an administrator makes one that can only read:\n{wanted}" if isinstance(error, AccessError) else error.hint
            )
            return (Check(connection=name, what="reachable", ok=False, detail=error.message, hint=hint),)
        faults = faults_of(held)
        return (
            Check(connection=name, what="reachable", ok=True, detail=f"{version}, database {database}, account {account}"),
            Check(
                connection=name,
                what="read only",
                ok=not faults,
                detail=f"account {account}: {'; '.join(faults)}; no query will run" if faults else f"account {account} can only read",
                hint=grants(str(database), self.product),
            ),
            Check(
                connection=name,
                what="tables",
                ok=readable > 0,
                detail=f"{readable} tables and views can be read",
                hint="" if readable else grants(str(database), self.product),
            ),
        )

    def close(self) -> None:
        """Do nothing: every query closes its own session."""

    @contextmanager
    def _session(self, seconds: float, where: str) -> Iterator[pymysql.Connection[Any]]:
        connection = self._connect(seconds)
        thread = _thread(connection)
        try:
            with connection.cursor() as cursor:
                for statement in session(self.product, seconds):
                    cursor.execute(statement)
            with self.running.cancellable(lambda: self._kill(thread)):
                yield connection
        except (pymysql.Error, UnicodeDecodeError, TimeoutError) as error:
            raise self._translated(error, where, seconds) from error
        except BaseException:
            # Ctrl-C, or a row that can't be kept: nobody reads on, so the server shall not work on.
            self._kill(thread)
            raise
        finally:
            with suppress(pymysql.Error, OSError):
                connection._force_close()  # type: ignore[attr-defined] # noqa: SLF001 - close() would first read what is left of a stream

    def _connect(self, seconds: float) -> pymysql.Connection[Any]:
        target = self.target
        ca = target.get("ssl_ca")
        opened: socket.socket | None = None
        try:
            # The driver leaves its socket open when it can't connect: so it is given one.
            opened = _socket(target)
            connection: pymysql.Connection[Any] = pymysql.connect(
                host=target.get("host") or None,
                unix_socket=target.get("unix_socket"),
                database=target["dbname"],
                user=target["user"],
                password=target.get("password", ""),
                charset="utf8mb4",
                read_timeout=int(seconds) + CONNECT_SECONDS,
                write_timeout=CONNECT_SECONDS,
                local_infile=False,
                ssl=ssl.create_default_context(cafile=ca) if ca else None,
                # A socket of this machine needs no TLS, and loading the authorities takes longer than most queries.
                ssl_disabled=target.get("unix_socket") is not None,
                program_name="ticket-bridge",
                # Values go out encoded by the driver; rows come in as the server's text, which Arrow reads.
                conv=dict[Any, Any](encoders),
                autocommit=True,
                defer_connect=True,
            )
            connection.connect(opened)
        except (pymysql.Error, OSError) as error:
            if opened is not None:
                opened.close()
            raise self._translated(error, self.where, seconds) from error
        return connection

    def _kill(self, thread: int) -> None:
        """End the statement of a session from another one; an account may always end its own."""
        with suppress(pymysql.Error, OSError, BridgeError):
            connection = self._connect(LOCK_SECONDS)
            try:
                with connection.cursor() as cursor:
                    cursor.execute(f"KILL QUERY {thread:d}")
            finally:
                connection.close()

    def _translated(self, error: Exception, where: str, seconds: float) -> BridgeError:
        code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        detail = str(error.args[1] if len(error.args) > 1 else error)
        spot = self.target.get("unix_socket") or f"{self.target.get('host')}:{self.target.get('port', 3306)}"
        kinds: tuple[tuple[bool, Callable[[], BridgeError]], ...] = (
            (code in _STOPPED, lambda: timed_out(seconds, where=where)),
            (code == ER.BAD_DB_ERROR, lambda: NotFoundError(f"{spot} has no database '{self.target['dbname']}'", where=where, hint="correct dbname")),
            (code == ER.ACCESS_DENIED_ERROR, lambda: AccessError(f"{spot} refuses the credentials: {detail}", where=where, hint="check user and password of the database")),
            (code in _DENIED, lambda: AccessError(detail, where=where, hint=grants(self.target["dbname"], self.product))),
            (code in _READ_ONLY, lambda: RefusedError(f"refused by the read-only transaction: {detail}", where=where)),
            (code in _LOCKED, lambda: RetryLaterError(f"a table stayed locked for {LOCK_SECONDS} s: {detail}", where=where, hint="try again after the migration")),
            (code in _UNKNOWN, lambda: InputError(detail, where=where, hint="check the names in the view or query")),
            (code in _CLIENT or isinstance(error, OSError), lambda: RetryLaterError(f"{spot} can't be reached: {detail}", where=where, hint="is the server running, and reachable from here?")),
        )  # fmt: skip
        return next((make() for holds, make in kinds if holds), InputError(detail, where=where, hint="check the query on a smaller window"))


def session(product: str, seconds: float) -> tuple[str, ...]:
    """Return the statements that a session begins with, in order; the last one runs a query, so that the mode is final."""
    waits = max(1, min(int(seconds), LOCK_SECONDS))
    own = (
        # MariaDB stops a recursion after 1,000 rounds with a warning only: that is a wrong result, not a limit.
        (f"SET SESSION max_statement_time = {max(seconds, 0.001):g}", "SET SESSION max_recursive_iterations = 4294967295")
        if product == "mariadb"
        else (f"SET SESSION MAX_EXECUTION_TIME = {max(1, int(seconds * 1000))}",)
    )
    return (
        f"SET SESSION sql_mode = '{_MODE}'",
        "SET SESSION time_zone = '+00:00'",
        *own,
        f"SET SESSION lock_wait_timeout = {waits}",
        f"SET SESSION innodb_lock_wait_timeout = {waits}",
        f"SET SESSION wait_timeout = {int(seconds) + CONNECT_SECONDS}",
        "SET SESSION TRANSACTION READ ONLY",
        "START TRANSACTION READ ONLY",
        "SELECT 1",
    )


def grants(database: str, product: str) -> str:
    """Return the statements that make an account which can only read; for an administrator to run."""
    name = "`" + database.replace("`", "``") + "`"
    limits = "MAX_USER_CONNECTIONS 3 MAX_STATEMENT_TIME 60" if product == "mariadb" else "MAX_USER_CONNECTIONS 3"
    return f"CREATE USER bridge_reader IDENTIFIED BY '...' WITH {limits};\nGRANT SELECT, SHOW VIEW ON {name}.* TO bridge_reader;"


def faults_of(held: Sequence[str]) -> list[str]:
    """Return what an account may do beyond reading, from its lines of SHOW GRANTS."""
    faults = []
    for line in held:
        match = re.match(r"GRANT (.+?) ON (.+?) TO ", line)
        if match is None:
            continue
        rights = {re.sub(r"\s*\(.*", "", right).strip() for right in re.sub(r"\([^)]*\)", "", match.group(1)).split(",")}
        if "ALL PRIVILEGES" in rights and match.group(2) == "*.*":
            faults.append("it is an administrator: it holds all privileges")
        elif rights - _READING:
            faults.append(f"it may {', '.join(sorted(rights - _READING))} on {match.group(2)}")
        if "WITH GRANT OPTION" in line:
            faults.append(f"it may hand on its rights on {match.group(2)}")
    return list(dict.fromkeys(faults))


def _held(cursor: pymysql.cursors.Cursor, product: str) -> Iterator[str]:
    """Yield the grants of the account and of the roles that it may take, which is done: the session is its own."""
    cursor.execute("SHOW GRANTS")
    lines = [str(row[0]) for row in cursor.fetchall()]
    yield from lines
    for line in lines:
        role = re.match(r"GRANT (`[^`]+`(?:@`[^`]*`)?) TO ", line)
        if role is None:
            continue
        if product == "mariadb":
            cursor.execute(f"SET ROLE {role.group(1)}")
            cursor.execute("SHOW GRANTS")
        else:
            cursor.execute(f"SHOW GRANTS FOR CURRENT_USER() USING {role.group(1)}")
        yield from (str(row[0]) for row in cursor.fetchall())


def _gate(connection: pymysql.Connection[Any], text: str, arguments: Arguments, limits: Limits, where: str) -> None:
    if limits.cost is None:
        return
    with connection.cursor() as cursor:
        # As a table, not as JSON: there the server writes conditions with their values, which can end a string and set numbers.
        cursor.execute(f"EXPLAIN FORMAT=TRADITIONAL {text}", _bound(arguments))
        if cursor.description is None:
            raise RefusedError("refused before it ran: the server has no plan for it, so it is no query", where=where)
        names = [column[0] for column in cursor.description]
        plan = [(row[names.index("id")], row[names.index("rows")]) for row in cursor.fetchall()]
    cost = examined(plan) * _ROW_COST
    if cost > limits.cost:
        raise too_costly(cost, limits.cost, where=where)


def examined(plan: Sequence[tuple[object, object]]) -> float:
    """Return how many rows a plan (select's number, rows of a table) will look at: tables of one select are joined in loops, selects add up."""
    loops: dict[str, float] = {}
    total = 0.0
    for select, rows in plan:
        loops[str(select)] = loops.get(str(select), 1.0) * max(1.0, float(str(rows)) if rows is not None else 1.0)
        total += loops[str(select)]
    return total


def _stream(connection: pymysql.Connection[Any], text: str, arguments: Arguments, capped: Capped, stop: Callable[[], object]) -> None:
    cursor: Any = connection.cursor(pymysql.cursors.SSCursor)
    try:
        # Arguments are always given, also none: without them the driver would not read %% as %.
        cursor.execute(text, _bound(arguments))
        # Type, length and flags of a column are told by the driver's own result only.
        fields = getattr(cursor._result, "fields", None)  # noqa: SLF001
        if not fields:
            raise RefusedError("it ran and gave no result, so it is no query: nothing of it stays", where="MariaDB or MySQL")
        capped.add(table_of(fields, []))
        while rows := cursor.fetchmany(_CHUNK):
            if not capped.add(table_of(fields, rows)):
                stop()
                return
    finally:
        # Closing an unbuffered cursor would first read all that the server still sends.
        if cursor._result is not None:  # noqa: SLF001
            cursor._result.unbuffered_active = False  # noqa: SLF001
        cursor._result = cursor.connection = None  # noqa: SLF001


def _socket(target: Mapping[str, str]) -> socket.socket:
    path = target.get("unix_socket")
    if path is None:
        opened = socket.create_connection((target["host"], int(target.get("port", 3306))), timeout=CONNECT_SECONDS)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return opened
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    opened.settimeout(CONNECT_SECONDS)
    try:
        opened.connect(path)
    except OSError:
        opened.close()
        raise
    return opened


def _thread(connection: pymysql.Connection[Any]) -> int:
    return int(connection.thread_id())  # type: ignore[no-untyped-call]


def _bound(arguments: Arguments) -> dict[str, BoundItem]:
    """Times go in as UTC without a zone: the session's time_zone is UTC."""
    if not isinstance(arguments, dict):
        raise TypeError("pyformat gives arguments by name")
    return {
        name: value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) and value.tzinfo else value
        for name, value in arguments.items()
    }
