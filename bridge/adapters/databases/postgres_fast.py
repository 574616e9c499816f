"""Large results of PostgreSQL as Arrow, through ADBC's driver (extra `postgres-fast`), in the same read-only session.

The rows come by COPY in binary, which the driver reads into Arrow without a Python object a value, while the server
goes on making them. COPY takes no values, so each is first bound, by the driver, to a setting that ends with the
transaction, and read from there with the type that the server itself gives its place: `current_setting(...)::type`,
once a query where that leaves its plan as it is, else for each row (an index needs to know what it is compared with).
Only a text that the server has just planned and described as one query comes here; so it can't end COPY's parentheses.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from bridge.adapters.databases.common import MOMENT, Capped, Running, deadline, timed_out
from bridge.adapters.databases.postgres_columns import Columns, unkeepable
from bridge.errors import InputError, RetryLaterError
from bridge.sql.paramstyle import Arguments

if TYPE_CHECKING:
    import psycopg

_BATCH = 1 << 20
"""Bytes of a batch as the server sends it: small enough for the processor's cache."""
_READABLE = frozenset({16, 20, 21, 23, 25, 700, 701, 1042, 1043, 1082, 1114, 1184, 1700})
"""Type ids that come out as psycopg's path gives them."""
_FEW = 8
"""Values that are tried to be read once a query; long lists are not."""
_DOES = ("Node Type", "Relation Name", "Index Name", "Join Type", "Strategy", "Workers Planned", "Scan Direction")
_PLACE = re.compile(r"%%|%\((\w+)\)s")
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""Microseconds of the years 1 and 9999: outside lie infinity and what Python has no time for."""


class NotThisWay(Exception):  # noqa: N818 - not a fault: the caller takes the other way
    """The driver can't run this query as it is; nothing was handed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """How to connect, and what to set first."""

    conninfo: str
    settings: Sequence[tuple[str, str]]
    seconds: float
    running: Running


def installed() -> bool:
    """Tell whether the driver is there."""
    return find_spec("adbc_driver_postgresql") is not None


def can_read(columns: Columns) -> bool:
    """Tell whether all columns have types that come out the same."""
    return _READABLE.issuperset(columns.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query that the server has planned and described: what to ask, and what comes back."""

    text: str
    """Values stand in it as reads of settings."""
    values: Sequence[str]
    """The values of bridge.v1, bridge.v2, ... as PostgreSQL writes them."""
    columns: Columns


def question(connection: psycopg.Connection[tuple[Any, ...]], text: str, arguments: Arguments, columns: Columns) -> Question | None:
    """Return the query with its values as settings, typed as this server types their places; None when this way can't take it."""
    from psycopg.adapt import PyFormat, Transformer

    if not isinstance(arguments, dict):
        raise TypeError("pyformat gives arguments by name")
    names = list(dict.fromkeys(match.group(1) for match in _PLACE.finditer(text) if match.group(1)))
    dumper = Transformer(connection)
    dumped = dumper.dump_sequence([arguments[name] for name in names], [PyFormat.TEXT] * len(names))
    if any(value is None for value in dumped) or not can_read(columns):
        return None
    places = {name: f"${number}" for number, name in enumerate(names, 1)}
    connection.pgconn.prepare(b"", _placed(text, places).encode(), dumper.types)
    described = connection.pgconn.describe_prepared(b"")
    if described.nparams != len(names):
        return None
    kinds = [connection.execute("SELECT format_type(%s, -1)", [described.param_type(number)]).fetchone() for number in range(len(names))]
    if any(kind is None for kind in kinds):
        return None
    reads = {
        name: f"(current_setting('bridge.v{number}')::{kind[0]})"
        for number, (name, kind) in enumerate(zip(names, kinds, strict=True), 1)
        if kind
    }
    values = [bytes(value).decode() for value in dumped if value is not None]
    return Question(text=_cheaper(connection, text, reads, values), values=values, columns=columns)


def _cheaper(connection: psycopg.Connection[tuple[Any, ...]], text: str, reads: dict[str, str], values: Sequence[str]) -> str:
    """Return the text that reads each value once a query, where the server plans it the same way; else once a row.

    A sub-select is computed once, and its value is unknown to the planner: what it would take an index for by the
    value may become a scan. So both are planned, and compared node by node.
    """
    by_row = _placed(text, reads)
    if not 0 < len(reads) <= _FEW:
        return by_row
    import psycopg

    once = _placed(text, {name: f"(SELECT {read})" for name, read in reads.items()})
    try:
        with connection.transaction():
            for number, value in enumerate(values, 1):
                connection.execute("SELECT set_config(%s, %s, true)", [f"bridge.v{number}", value])
            shapes = [
                _shape(connection.execute(b"EXPLAIN (FORMAT JSON) " + each.encode(), prepare=True).fetchone()) for each in (by_row, once)
            ]
    except psycopg.Error:
        return by_row
    return once if shapes[0] == shapes[1] else by_row


def _shape(row: tuple[Any, ...] | None) -> list[object]:
    """Return what a plan does, node by node, without its numbers and the values that are computed first."""
    waiting = [(0, json.loads(row[0])[0]["Plan"])] if row else []
    found: list[object] = []
    while waiting:
        depth, node = waiting.pop()
        if node.get("Parent Relationship") != "InitPlan":
            found.append((depth, *(node.get(key) for key in _DOES)))
            waiting += [(depth + 1, child) for child in node.get("Plans", ())]
    return found


def _placed(text: str, places: dict[str, str]) -> str:
    return _PLACE.sub(lambda match: places[match.group(1)] if match.group(1) else "%", text)


def stream(session: Session, asked: Question, capped: Capped, *, where: str) -> None:
    """Run one query and hand its rows on; TimedOutError at the limit of seconds, NotThisWay before the first row."""
    import adbc_driver_postgresql.dbapi as adbc

    state = _State()
    try:
        with adbc.connect(session.conninfo) as connection, connection.cursor() as cursor:
            _begin(cursor, session, asked.values)

            def stop() -> None:
                state.stopped = True
                cursor.adbc_cancel()

            # The server's own timeout speaks the server's language and no code once rows flow: ours is a little later.
            with deadline(session.seconds + 0.2, stop), session.running.cancellable(stop):
                begun = time.monotonic()
                try:
                    cursor.execute(asked.text)
                    _read(cursor, asked.columns, capped, state)
                except (adbc.Error, pa.ArrowException, OSError) as error:
                    if state.stopped or time.monotonic() - begun >= session.seconds:
                        raise timed_out(session.seconds, where=where) from error
                    raise
                except BaseException:
                    # Nobody reads on, so the server shall not work on.
                    stop()
                    raise
            connection.rollback()
    except (adbc.Error, pa.ArrowException, OSError) as error:
        if not state.started:
            raise NotThisWay from error
        if not state.cut:
            raise RetryLaterError(f"the server stopped answering: {str(error).splitlines()[0]}", where=where) from error


@dataclass(slots=True)
class _State:
    """How far a run came."""

    started: bool = False
    """Rows were handed on."""
    stopped: bool = False
    """Ended from outside, or by the limit of seconds."""
    cut: bool = False


def _read(cursor: Any, columns: Columns, capped: Capped, state: _State) -> None:
    for batch in cursor.fetch_record_batch():
        part = _typed(pa.Table.from_batches([batch]), columns)
        state.started = True
        if not capped.add(part):
            state.cut = True
            cursor.adbc_cancel()
            return
    if not state.started:
        state.started = True
        capped.add(columns.table([]))


def _begin(cursor: Any, session: Session, values: Sequence[str]) -> None:
    """Make the transaction, which the driver has opened itself, read only with every limit; the first SELECT makes that final."""
    cursor.execute("SET TRANSACTION READ ONLY")
    for name, value in session.settings:
        cursor.execute(f"SET LOCAL {name} = {value}")
    cursor.execute("SELECT 1")
    cursor.fetchall()
    for number, value in enumerate(values, 1):
        cursor.execute(f"SELECT set_config('bridge.v{number}', $1, true)", [value])
        cursor.fetchall()
    cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(_BATCH)})


def _typed(part: pa.Table, columns: Columns) -> pa.Table:
    return pa.Table.from_arrays(
        [_column(name, kind, column) for name, kind, column in zip(columns.names, columns.types, part.columns, strict=True)],
        names=list(columns.names),
    )


def _column(name: str, kind: pa.DataType | None, column: pa.ChunkedArray) -> pa.ChunkedArray:
    if isinstance(column.type, pa.BaseExtensionType):
        # Numeric comes as text that is marked as numeric.
        column = column.cast(column.type.storage_type)
    if kind is None:
        kind = pa.decimal128(38, _scale(column))
    try:
        if pa.types.is_timestamp(kind):
            column = column.cast(MOMENT if kind.tz else pa.timestamp("us"))
            ends = pc.min_max(column.cast(pa.int64())).as_py()
            if ends["min"] is not None and not _FIRST <= ends["min"] <= ends["max"] <= _LAST:
                raise InputError(f"column '{name}' holds a time outside the years 1 to 9999", hint="cast it in the view")
        return column if column.type == kind else column.cast(kind)
    except pa.ArrowInvalid as error:
        raise unkeepable(name, error) from error


def _scale(column: pa.ChunkedArray) -> int:
    """The widest scale of numbers written as text."""
    point = pc.find_substring(column, ".")
    digits = pc.if_else(pc.less(point, 0), 0, pc.subtract(pc.subtract(pc.utf8_length(column), point), 1))
    return int(pc.max(digits).as_py() or 0)
