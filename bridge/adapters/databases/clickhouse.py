"""ClickHouse: a server over its HTTP interface (clickhouse-connect), or a local folder through chdb.

Every query runs with readonly=1 and limits of time, rows and bytes that the server holds; a setting in the
query's own text can't lift them then. DESCRIBE of the query runs first: it takes one SELECT only, and tells the
types, which the Arrow format loses for DateTime. Times are instants in ClickHouse: none is without a zone.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa

from bridge.adapters.databases.common import BOOLEANS, Capped, Running, gather, normal, read_options, resolved, timed_out
from bridge.adapters.databases.role import Role
from bridge.errors import AccessError, BridgeError, InputError, NotFoundError, RefusedError, RetryLaterError
from bridge.model.filing import Check
from bridge.plugins import AdapterOptions
from bridge.ports import BoundItem, BoundQuery, Cut, Keep, Limits, QueryResult
from bridge.sql.paramstyle import Arguments, for_driver

CONNECT_SECONDS = 10
_ONE = threading.Lock()
"""chdb has one engine a process."""
_KEYS = ("path", "host", "port", "dbname", "user", "password", "secure")
_PLACE = re.compile(r"%%|%\((\w+)\)s")
_CODE = re.compile(r"Code: (\d+)\.|code (\d+)")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f"})
_TIMED_OUT, _CANCELLED = frozenset({159, 160}), frozenset({394, 735})
_DENIED = frozenset({497, 516, 192, 193, 194})
_READ_ONLY = frozenset({164, 452})
_TOO_MUCH = frozenset({158, 241, 307, 396})
_READING: Final = ("SELECT", "SHOW", "CHECK", "DICTGET", "USAGE", "NONE")


_AS_IN_THE_STANDARD: Final = {
    "join_use_nulls": "1",
    "group_by_use_nulls": "1",
    "aggregate_functions_null_for_empty": "1",
    "prefer_column_name_to_alias": "1",
    "cast_keep_nullable": "1",
    "union_default_mode": "DISTINCT",
}
"""Without these a LEFT JOIN without a match gives 0 and '', SUM of nothing 0, and WHERE reads an alias instead of the column."""


class Engine(Protocol):
    """One way to ask ClickHouse."""

    def ask(self, text: str, values: Mapping[str, str]) -> Iterator[pa.Table]:
        """Yield the rows of one query, at least one table."""
        ...


def open_database(options: AdapterOptions) -> ClickHouseDatabase:
    """Return the adapter; nothing is opened yet.

    Options: host, port, dbname, user, password (a reference), secure (default true); or path: the folder of a
    local engine (chdb), one such folder a process.
    """
    values = read_options(options, required=("dbname",), optional=_KEYS)
    if bool(values.get("host")) == bool(values.get("path")):
        raise InputError(
            f"database '{options.name}' needs 'host' or 'path'", where=options.where, hint="host: a server, path: a local folder"
        )
    return ClickHouseDatabase(
        name=options.name,
        target={key: resolved(options, key, value) for key, value in values.items() if key in _KEYS},
        path=options.root / str(values["path"]) if values.get("path") else None,
        where=options.where,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickHouseDatabase:
    """One ClickHouse behind the port `Database`."""

    name: str
    target: Mapping[str, str] = field(repr=False)
    path: Path | None
    where: str
    dialect: str = "clickhouse"
    product: str = "clickhouse"
    running: Running = field(default_factory=Running, repr=False, compare=False)
    role: Role = field(default_factory=Role, repr=False, compare=False)

    def run(self, query: BoundQuery, limits: Limits) -> QueryResult:
        """Run one query; TimedOutError when the server ended it at the limit of seconds."""
        return gather(lambda keep: self.stream(query, limits, keep))

    def stream(self, query: BoundQuery, limits: Limits, keep: Keep) -> Cut:
        """Hand rows on block by block."""
        text, values = with_types(*for_driver(query, "pyformat"))
        where = f"database '{self.name}'"
        capped = Capped(limits=limits, keep=lambda part: keep(normal(part, naive_utc=True, where=where)))
        with self._engine(limits, where) as engine:
            if self.path is None:
                self.role.require_reader(lambda: _faults(engine), where=where, grants=grants(self.target["dbname"]))
            types = _described(engine, text, values)
            for part in engine.ask(text, values):
                if not capped.add(_typed(part, types)):
                    break
        return capped.cut

    @property
    def serial(self) -> bool:
        """Whether it takes one query at a time."""
        return self.path is not None

    def cancel(self) -> None:
        """End what runs; a local engine can't be interrupted and ends at its limit of seconds."""
        self.running.cancel()

    def check(self) -> Sequence[Check]:
        """Tell whether it is reachable, and whether the account can do no more than read."""
        name = f"database {self.name}"
        try:
            with self._engine(Limits(rows=1000, seconds=CONNECT_SECONDS), self.where) as engine:
                (version,) = _rows(engine, "SELECT version() AS v")
                faults = [] if self.path else _faults(engine)
                (count,) = _rows(engine, "SELECT toString(count()) AS v FROM system.tables WHERE database = currentDatabase()")
        except BridgeError as error:
            return (Check(connection=name, what="reachable", ok=False, detail=error.message, hint=error.hint),)
        hint = "" if self.path else grants(self.target["dbname"])
        detail = f"{'; '.join(faults)}; no query will run" if faults else "readonly = 1, set by bridge"
        return (
            Check(connection=name, what="reachable", ok=True, detail=f"ClickHouse {version}, database {self.target['dbname']}"),
            Check(connection=name, what="read only", ok=not faults, detail=detail, hint=hint),
            Check(connection=name, what="tables", ok=count != "0", detail=f"{count} tables can be read", hint="" if count != "0" else "is this the right database?"),
        )  # fmt: skip

    def close(self) -> None:
        """Do nothing: every query closes its own session."""

    @contextmanager
    def _engine(self, limits: Limits, where: str) -> Iterator[Engine]:
        try:
            opened = _local(self.path, self.target["dbname"], limits) if self.path else _server(self.target, limits, self.running)
            with opened as engine:
                yield engine
        except BridgeError:
            raise
        except ImportError as error:
            raise InputError(
                f"the driver is not installed: {error}", where=self.where, hint="pip install 'ticket-bridge[clickhouse]'"
            ) from error
        except Exception as error:  # both drivers raise their own classes, and plain ones
            raise _translated(error, where, limits.seconds, self.target["dbname"]) from error


def settings(limits: Limits) -> dict[str, str]:
    """Return the settings that every query runs with; the last one makes them final."""
    return {
        "max_execution_time": f"{limits.seconds:g}",
        "timeout_before_checking_execution_speed": "0",
        "max_result_rows": str(limits.rows + 1),
        "result_overflow_mode": "break",
        "max_threads": "4",
        "max_recursive_cte_evaluation_depth": "1000000000",
        "lock_acquire_timeout": "2",
        "output_format_arrow_string_as_string": "1",
        "session_timezone": "UTC",
        **_AS_IN_THE_STANDARD,
        "readonly": "1",
    }


def grants(database: str) -> str:
    """Return the statements that make an account which can only read; for an administrator to run."""
    name = "`" + database.replace("`", "\\`") + "`"
    return (
        "CREATE SETTINGS PROFILE bridge_reading SETTINGS max_execution_time = 60 MAX 60, max_memory_usage = 4000000000, readonly = 2;\n"
        "CREATE USER bridge_reader IDENTIFIED BY '...' SETTINGS PROFILE bridge_reading;\n"
        f"GRANT SELECT, SHOW ON {name}.* TO bridge_reader;"
    )


@contextmanager
def _server(target: Mapping[str, str], limits: Limits, running: Running) -> Iterator[Engine]:
    import clickhouse_connect

    client = clickhouse_connect.get_client(
        host=target["host"],
        port=int(target.get("port", 0)),
        username=target.get("user"),
        password=target.get("password", ""),
        database=target["dbname"],
        secure=target.get("secure", "True") == "True",
        connect_timeout=CONNECT_SECONDS,
        send_receive_timeout=int(limits.seconds) + CONNECT_SECONDS,
        autogenerate_session_id=False,
        # A request whose reader goes away is ended by the server.
        settings={"cancel_http_readonly_queries_on_client_close": 1, **settings(limits)},
    )
    try:
        with running.cancellable(client.close):
            yield _Server(client=client)
    finally:
        client.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    client: Any

    def ask(self, text: str, values: Mapping[str, str]) -> Iterator[pa.Table]:
        """Ask over HTTP; values go beside the text."""
        with self.client.raw_stream(text, parameters=dict(values), fmt="ArrowStream") as raw, pa.ipc.open_stream(raw) as stream:
            # An answer without rows has no batch, and still its columns.
            yield stream.schema.empty_table()
            for batch in stream:
                yield pa.Table.from_batches([batch])


@contextmanager
def _local(path: Path, database: str, limits: Limits) -> Iterator[Engine]:
    from chdb.session import Session

    if not path.is_dir():
        raise NotFoundError(f"no folder {path}", hint="correct `path` of the database")
    with _ONE:
        session: Any = Session(str(path))  # type: ignore[no-untyped-call] # chdb's classes are untyped
        try:
            session.query(f"USE `{database}`")
            session.query("SET " + ", ".join(f"{setting} = '{value}'" for setting, value in settings(limits).items()))
            yield _Local(session=session)
        finally:
            session.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Local:
    session: Any

    def ask(self, text: str, values: Mapping[str, str]) -> Iterator[pa.Table]:
        """Ask the engine in this process."""
        answer = self.session.query(text, "ArrowStream", params={name: value.translate(_ESCAPES) for name, value in values.items()})
        yield pa.ipc.open_stream(answer.bytes()).read_all()


def with_types(text: str, arguments: Arguments) -> tuple[str, dict[str, str]]:
    """Return a text with %(name)s as {name:Type}, and the values as ClickHouse reads them."""
    if not isinstance(arguments, dict):
        raise TypeError("pyformat gives arguments by name")
    kinds = {name: _kind(value) for name, value in arguments.items()}
    typed = _PLACE.sub(lambda m: "%" if m.group(1) is None else f"{{{m.group(1)}:{kinds[m.group(1)][0]}}}", text)
    return typed, {name: shown for name, (_, shown) in kinds.items()}


def _kind(value: BoundItem) -> tuple[str, str]:
    if isinstance(value, datetime):
        return "DateTime64(6, 'UTC')", value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, bool):
        return "Bool", str(value).lower()
    if isinstance(value, Decimal):
        return f"Decimal(38, {max(0, -int(value.as_tuple().exponent))})", format(value, "f")
    kinds: dict[type, str] = {date: "Date32", int: "Int64", float: "Float64", type(None): "Nullable(String)"}
    return kinds.get(type(value), "String"), "\\N" if value is None else str(value)


def _described(engine: Engine, text: str, values: Mapping[str, str]) -> dict[str, str]:
    described = pa.concat_tables(list(engine.ask(f"DESCRIBE TABLE ({text}\n)", values)))
    return dict(zip(described["name"].to_pylist(), described["type"].to_pylist(), strict=True))


def _typed(part: pa.Table, types: Mapping[str, str]) -> pa.Table:
    columns = [_column(name, column, types.get(name, "")) for name, column in zip(part.column_names, part.columns, strict=True)]
    return pa.Table.from_arrays(columns, names=part.column_names)


def _column(name: str, column: pa.ChunkedArray, kind: str) -> pa.ChunkedArray:
    if re.match(r"(Nullable\()?DateTime($|\(|\))", kind):
        return column.cast(pa.int64()).cast(pa.timestamp("s", tz="UTC"))
    if isinstance(column.type, pa.BaseExtensionType):
        return pa.chunked_array([pa.array([None if value is None else str(value) for value in column.to_pylist()], type=pa.string())])
    if name in BOOLEANS and column.type == pa.uint8():
        return column.cast(pa.bool_())
    return column.cast(pa.int64()) if pa.types.is_integer(column.type) else column


def _rows(engine: Engine, text: str) -> list[str]:
    return [str(value) for part in engine.ask(text, {}) for value in part.column(0).to_pylist()]


def _faults(engine: Engine) -> list[str]:
    # Rights of roles included; system.grants is closed to an account that can only read.
    return faults_of(_rows(engine, "SHOW GRANTS FINAL"))


def faults_of(lines: Sequence[str]) -> list[str]:
    """Return what an account may do beyond reading, from its lines of SHOW GRANTS."""
    faults = []
    for line in lines:
        match = re.match(r"GRANT (.+?) ON (.+?) TO ", line)
        if match is None:
            faults.append(f"it holds: {line}")
            continue
        rights = [right.strip() for right in re.sub(r"\([^)]*\)", "", match.group(1)).split(",")]
        beyond = [right for right in rights if not right.upper().startswith(_READING)]
        if beyond:
            faults.append(f"it may {', '.join(beyond)} on {match.group(2)}")
        if "WITH GRANT OPTION" in line:
            faults.append(f"it may hand on its rights on {match.group(2)}")
    return list(dict.fromkeys(faults))


def _translated(error: Exception, where: str, seconds: float, database: str) -> BridgeError:
    message = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    match = _CODE.search(message)
    code = int(match.group(1) or match.group(2)) if match else 0
    detail = re.sub(r"^.*?DB::Exception: ", "", message)
    if code in _TIMED_OUT | _CANCELLED:
        return timed_out(seconds, where=where)
    if code in _READ_ONLY:
        return RefusedError(f"refused by the read-only session: {detail}", where=where)
    if code in _DENIED:
        return AccessError(detail, where=where, hint=grants(database))
    if code in _TOO_MUCH:
        return RefusedError(f"the server's limit ended it: {detail}", where=where, hint="take a shorter window")
    if code:
        return InputError(detail, where=where, hint="check the names in the view or query")
    return RetryLaterError(f"can't be reached: {detail}", where=where, hint="is the server running, and reachable from here?")
