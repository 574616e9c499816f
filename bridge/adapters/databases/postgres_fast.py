"""Large results of PostgreSQL as Arrow, through ADBC's driver (extra `postgres-fast`), in the same read-only session.

`DECLARE ... CURSOR FOR` takes exactly one SELECT, by the extended protocol and with bound values; FETCH gives its
rows in binary, which the driver reads into Arrow without a Python object a value. COPY, which the driver takes by
itself, has no parameters, and a text can step out of its parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import pyarrow as pa
import pyarrow.compute as pc

from bridge.adapters.databases.common import MOMENT, Capped, Running, deadline, timed_out
from bridge.adapters.databases.postgres_columns import Columns, unkeepable
from bridge.errors import InputError, RetryLaterError
from bridge.ports import BoundItem
from bridge.sql.paramstyle import Arguments

_ROWS = 8_000
"""Rows a FETCH: the answer of one stays in the processor's cache."""
_READABLE = frozenset({16, 20, 21, 23, 25, 700, 701, 1042, 1043, 1082, 1114, 1184, 1700})
"""Type ids that come out as psycopg's path gives them."""
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


def numbered(text: str, arguments: Arguments) -> tuple[str, list[BoundItem]]:
    """Return a text with %(name)s as PostgreSQL's own $1, and the values in that order."""
    if not isinstance(arguments, dict):
        raise TypeError("pyformat gives arguments by name")
    places: dict[str, int] = {}

    def place(match: re.Match[str]) -> str:
        name = match.group(1)
        return "%" if name is None else f"${places.setdefault(name, len(places) + 1)}"

    return _PLACE.sub(place, text), [arguments[name] for name in places]


def stream(session: Session, columns: Columns, text: str, arguments: Arguments, capped: Capped, *, where: str) -> None:
    """Run one query and hand its rows on; TimedOutError at the limit of seconds, NotThisWay before the first row."""
    import adbc_driver_postgresql.dbapi as adbc

    query, values = numbered(text, arguments)
    started = False
    try:
        with adbc.connect(session.conninfo) as connection, connection.cursor() as cursor:
            # The driver has opened a transaction itself: it is made read only, which the SELECT then makes final.
            cursor.execute("SET TRANSACTION READ ONLY")
            for name, value in (*session.settings, ("cursor_tuple_fraction", "1")):
                cursor.execute(f"SET LOCAL {name} = {value}")
            cursor.execute("SELECT 1")
            cursor.fetchall()
            cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": "false"})
            with deadline(session.seconds, cursor.adbc_cancel) as state, session.running.cancellable(cursor.adbc_cancel):
                try:
                    cursor.execute(f"DECLARE result NO SCROLL CURSOR FOR {query}", values or None)
                    while True:
                        cursor.execute(f"FETCH FORWARD {_ROWS} FROM result")
                        part = cursor.fetch_arrow_table()
                        started = True
                        if not capped.add(_typed(part, columns)) or part.num_rows < _ROWS:
                            break
                except adbc.Error as error:
                    if state.passed or "57014" in str(error):
                        raise timed_out(session.seconds, where=where) from error
                    raise
            connection.rollback()
    except adbc.Error as error:
        if not started:
            raise NotThisWay from error
        raise RetryLaterError(f"the server stopped answering: {str(error).splitlines()[0]}", where=where) from error


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
