"""What every database adapter does alike: read its options, keep types, tell a timeout from an answer.

Types of a result, whatever the product (docs/databases.md has the table): times are timestamp[us, UTC], a
time without a zone is refused unless the workspace says `naive_timestamps: UTC`; numeric keeps its own
precision and scale; the column `arr`, the money of the standard views, is decimal128(18, 2); arrays, structs,
maps and JSON are JSON text; uuid, enum, time and interval are text; bytes are hex text.
"""

from __future__ import annotations

import difflib
import json
import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bridge.errors import InputError, Problem, RefusedError, TimedOutError
from bridge.plugins import AdapterOptions
from bridge.ports import Cut, Keep, Limits, QueryResult

NAIVE = "naive_timestamps"
MONEY_COLUMN = "arr"
BOOLEANS = frozenset({"failed", "worked"})
"""Truth values of the standard views, where the product has no type for them."""
MONEY = pa.decimal128(18, 2)
MOMENT = pa.timestamp("us", tz="UTC")
_WIDEST = 38
_REFERENCE = re.compile(r"(env|file|keyring):.+", re.DOTALL)


def read_options(options: AdapterOptions, *, required: Collection[str], optional: Collection[str]) -> dict[str, Any]:
    """Return the adapter's own values; InputError lists every unknown and missing key at once."""
    known = [*required, *optional, NAIVE]
    problems = []
    for key in options.values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
            problems.append(Problem(message=f"unknown key '{key}' of database '{options.name}'", where=options.where, hint=hint))
    problems += [
        Problem(message=f"database '{options.name}' has no '{key}'", where=options.where, hint=f"add {key}: ... under databases")
        for key in required
        if not options.values.get(key)
    ]
    naive = options.values.get(NAIVE)
    if naive is not None and naive != "UTC":
        problems.append(Problem(message=f"{NAIVE} is '{naive}'", where=options.where, hint=f"{NAIVE}: UTC, or leave it out"))
    if problems:
        raise InputError(problems[0].message, where=options.where, hint=problems[0].hint, problems=tuple(problems))
    return dict(options.values)


def resolved(options: AdapterOptions, key: str, value: object) -> str:
    """Return a value of bridge.yaml as text, a reference to a secret resolved."""
    return options.secret(key) if isinstance(value, str) and _REFERENCE.fullmatch(value) else str(value)


@dataclass(slots=True)
class Deadline:
    """Whether the time was up; set by the timer's thread."""

    passed: bool = False


@contextmanager
def deadline(seconds: float, cancel: Callable[[], object]) -> Iterator[Deadline]:
    """Call `cancel` from another thread after `seconds`, unless the block is done before."""
    state = Deadline()

    def stop() -> None:
        state.passed = True
        cancel()

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield state
    finally:
        timer.cancel()


@dataclass(slots=True)
class Running:
    """What an adapter runs now, and how each is ended on the server; safe to use from several threads."""

    _cancels: dict[object, Callable[[], object]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def cancellable(self, cancel: Callable[[], object]) -> Iterator[None]:
        """Let `cancel()` end what the block runs."""
        key = object()
        with self._lock:
            self._cancels[key] = cancel
        try:
            yield
        finally:
            with self._lock:
                self._cancels.pop(key, None)

    def cancel(self) -> None:
        """End everything that runs now."""
        with self._lock:
            cancels = list(self._cancels.values())
        for cancel in cancels:
            cancel()


@dataclass(slots=True, kw_only=True)
class Capped:
    """Hands rows on until a cap is reached."""

    limits: Limits
    keep: Keep
    cut: Cut = ""
    rows: int = 0
    bytes: int = 0

    def add(self, part: pa.Table) -> bool:
        """Hand on what the caps allow; False when one is reached and reading may end."""
        room = self.limits.rows - self.rows
        if part.num_rows > room:
            part, self.cut = part.slice(0, room), "rows"
        size = part.nbytes
        if self.bytes + size > self.limits.bytes:
            # Rows are taken as equally large: the cap is a guard, not an account.
            fitting = int(part.num_rows * (self.limits.bytes - self.bytes) / size)
            part, self.cut = part.slice(0, fitting), "bytes"
        self.rows += part.num_rows
        self.bytes += part.nbytes
        self.keep(part)
        return not self.cut


def gather(stream: Callable[[Keep], Cut]) -> QueryResult:
    """Return everything that a stream hands on as one table; decimals get the widest scale that occurred."""
    parts: list[pa.Table] = []
    cut = stream(parts.append)
    schema = parts[0].schema
    for position, known in enumerate(schema):
        if len({part.schema.field(position).type for part in parts}) > 1:
            schema = schema.set(position, known.with_type(_common(known.name, [part.column(position) for part in parts])))
    table = pa.concat_tables([part.cast(schema) for part in parts])
    return QueryResult(table=table, truncated=bool(cut), cut=cut)


def _common(name: str, columns: Sequence[pa.ChunkedArray]) -> pa.DataType:
    """Return the type of a column whose parts differ: that of the parts with values, decimals with the widest scale."""
    kinds = {column.type for column in columns if column.null_count < len(column)} or {columns[0].type}
    if len(kinds) == 1:
        return kinds.pop()
    if all(pa.types.is_decimal(kind) for kind in kinds):
        return pa.decimal128(_WIDEST, max(kind.scale for kind in kinds))
    shown = ", ".join(sorted(str(kind) for kind in kinds))
    raise InputError(f"column '{name}' holds values of several types: {shown}", hint="cast it in the view")


def too_costly(cost: float, limit: float, *, where: str) -> RefusedError:
    """Return the error for a plan that is above the gate; nothing ran."""
    return RefusedError(
        f"refused before it ran: the server's plan costs {cost:,.0f}, the limit is {limit:,.0f}",
        where=where,
        hint="bound the time column, take a shorter window, or raise limits.cost in bridge.yaml",
    )


def timed_out(seconds: float, *, where: str) -> TimedOutError:
    """Return the error for a query that was cancelled by our limit: neither `no rows` nor `cut`."""
    return TimedOutError(
        f"timed out: the query was cancelled after {seconds:g} s and returned nothing",
        where=where,
        hint="take a shorter window, or raise limits.seconds in bridge.yaml",
    )


def normal(table: pa.Table, *, naive_utc: bool, where: str) -> pa.Table:
    """Return the table with the types that the core reads; InputError names every column that can't have one."""
    problems: list[Problem] = []
    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            columns.append(_column(name, column, naive_utc=naive_utc))
        except _ColumnError as error:
            problems.append(Problem(message=error.message, where=where, hint=error.hint))
    duplicates = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    problems += [
        Problem(message=f"two columns are named '{name}'", where=where, hint="give one of them AS another name") for name in duplicates
    ]
    if problems:
        raise InputError(problems[0].message, where=where, hint=problems[0].hint, problems=tuple(problems))
    return pa.table(dict(zip(table.column_names, columns, strict=True))) if columns else table


class _ColumnError(Exception):
    """A column whose type the core can't read."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def _column(name: str, column: pa.ChunkedArray, *, naive_utc: bool) -> pa.ChunkedArray:
    kind = column.type
    types = pa.types
    if name == MONEY_COLUMN and (types.is_decimal(kind) or types.is_integer(kind) or types.is_floating(kind)):
        return _money(name, column)
    if types.is_timestamp(kind):
        return _moments(name, column, naive_utc=naive_utc)
    if types.is_dictionary(kind) or types.is_large_string(kind) or types.is_null(kind):
        return column.cast(pa.string())
    for belongs, text in _AS_TEXT:
        if belongs(kind):
            return _texts(column, text)
    return column.cast(pa.decimal128(_WIDEST, kind.scale)) if types.is_decimal256(kind) else column


def _moments(name: str, column: pa.ChunkedArray, *, naive_utc: bool) -> pa.ChunkedArray:
    if column.type.tz is not None:
        return column.cast(MOMENT)
    if not naive_utc:
        hint = f"convert it in the view (AT TIME ZONE), or declare {NAIVE}: UTC for this database"
        raise _ColumnError(f"column '{name}' is a timestamp without a zone", hint)
    return pc.assume_timezone(column.cast(pa.timestamp("us")), "UTC")


def _money(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        # An integer of 64 bits may need more digits than money has, whatever the values are: first the widest, then ours.
        wide = (
            column.cast(pa.decimal128(_WIDEST, MONEY.scale)) if pa.types.is_integer(column.type) else pc.round(column, ndigits=MONEY.scale)
        )
        return wide.cast(MONEY)
    except pa.ArrowInvalid as error:
        raise _ColumnError(f"column '{name}' holds money that decimal(18,2) can't: {error}", "check the unit in the view") from error


def _texts(column: pa.ChunkedArray, text: Callable[[Any], str]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array([None if value is None else text(value) for value in column.to_pylist()], type=pa.string())])


def to_json(value: object) -> str:
    """Return a value of an array, struct, map or JSON column as JSON text, keys in the order the database gave."""
    return json.dumps(value, default=_json, ensure_ascii=False, separators=(",", ":"))


def _json(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


_AS_TEXT: tuple[tuple[Callable[[Any], bool], Callable[[Any], str]], ...] = (
    (pa.types.is_nested, to_json),
    (pa.types.is_binary, bytes.hex),
    (pa.types.is_large_binary, bytes.hex),
    (pa.types.is_fixed_size_binary, bytes.hex),
    (pa.types.is_time, str),
    (pa.types.is_interval, str),
    (pa.types.is_duration, str),
)
