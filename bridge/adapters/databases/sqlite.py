"""SQLite files, read only: mode=ro, query_only, an authorizer that knows SELECT, a handler that ends long queries.

SQLite has no types for times, booleans and money, so the names of the standard views decide: `at` and `*_at`
that hold ISO text become times, `failed` and `worked` that hold 0 and 1 become booleans, `arr` becomes money.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from sys import getsizeof
from urllib.parse import quote

import pyarrow as pa

from bridge.adapters.databases.common import BOOLEANS, MOMENT, NAIVE, Capped, Running, gather, normal, read_options, timed_out
from bridge.errors import AccessError, BridgeError, InputError, NotFoundError, RetryLaterError
from bridge.model.filing import Check
from bridge.plugins import AdapterOptions
from bridge.ports import BoundItem, BoundQuery, Cut, Keep, Limits, QueryResult
from bridge.sql.paramstyle import Arguments, for_driver

_STEPS = 10_000
"""Virtual machine steps between two looks at the clock: a few milliseconds."""
_BATCH = 50_000
_READABLE_PRAGMAS = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "index_info", "foreign_key_list"})
_READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
_UNSAFE_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})
Scalar = str | int | float | bytes | None


def open_database(options: AdapterOptions) -> SQLiteDatabase:
    """Return the adapter for one file; options: path, naive_timestamps. The file is opened per query."""
    values = read_options(options, required=("path",), optional=())
    path = options.root / str(values["path"])
    return SQLiteDatabase(name=options.name, path=path, naive_utc=NAIVE in values, where=options.where)


@dataclass(frozen=True, slots=True, kw_only=True)
class SQLiteDatabase:
    """One SQLite file behind the port `Database`."""

    name: str
    path: Path
    naive_utc: bool
    where: str
    dialect: str = "sqlite"
    product: str = "sqlite"
    running: Running = field(default_factory=Running, repr=False, compare=False)

    def run(self, query: BoundQuery, limits: Limits) -> QueryResult:
        """Run one query on a connection of its own; TimedOutError when the limit of seconds was reached."""
        return gather(lambda keep: self.stream(query, limits, keep))

    def stream(self, query: BoundQuery, limits: Limits, keep: Keep) -> Cut:
        """Hand all rows on at once: SQLite's columns have no types, so that the values of all rows decide."""
        text, arguments = for_driver(query, "named-colon")
        where = f"database '{self.name}'"
        connection = self._connect()
        end = time.monotonic() + limits.seconds
        try:
            connection.set_progress_handler(lambda: int(time.monotonic() > end), _STEPS)
            with self.running.cancellable(connection.interrupt):
                cursor = connection.execute(text, _bound(arguments))
                names = [column[0] for column in cursor.description or ()]
                rows, full = _fetch(cursor, limits)
        except sqlite3.Error as error:
            if time.monotonic() > end:
                raise timed_out(limits.seconds, where=where) from error
            raise _translated(error, where) from error
        finally:
            connection.close()
        capped = Capped(limits=limits, keep=keep, cut=full)
        capped.add(normal(self._table(names, rows, where), naive_utc=self.naive_utc, where=where))
        return capped.cut

    def cancel(self) -> None:
        """Interrupt what runs."""
        self.running.cancel()

    def check(self) -> Sequence[Check]:
        """Tell whether the file opens, and how many tables it has. It is always read only."""
        connection = f"database {self.name}"
        try:
            opened = self._connect()
            try:
                count = opened.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]
            finally:
                opened.close()
        except sqlite3.Error as error:
            broken = _translated(error, self.where)
            return (Check(connection=connection, what="reachable", ok=False, detail=broken.message, hint=broken.hint),)
        except BridgeError as error:
            return (Check(connection=connection, what="reachable", ok=False, detail=error.message, hint=error.hint),)
        return (
            Check(connection=connection, what="reachable", ok=True, detail=f"SQLite {sqlite3.sqlite_version}, {self.path}"),
            Check(connection=connection, what="read only", ok=True, detail="opened mode=ro, query_only, only SELECT authorized"),
            Check(
                connection=connection,
                what="tables",
                ok=count > 0,
                detail=f"{count} tables",
                hint="" if count else "is this the right file?",
            ),
        )

    def close(self) -> None:
        """Do nothing: every query closes its own connection."""

    def _connect(self) -> sqlite3.Connection:
        if not self.path.is_file():
            raise NotFoundError(f"no file {self.path}", where=self.where, hint="correct `path` of the database, or make the file")
        try:
            # Ctrl-C and the cap on time interrupt from another thread.
            connection = sqlite3.connect(
                f"file:{quote(str(self.path))}?mode=ro", uri=True, timeout=5, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.set_authorizer(_authorize)
        except sqlite3.Error as error:
            raise _translated(error, self.where) from error
        return connection

    def _table(self, names: Sequence[str], rows: Sequence[tuple[Scalar, ...]], where: str) -> pa.Table:
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        arrays = [self._array(name, values, where) for name, values in zip(names, columns, strict=True)]
        return pa.Table.from_arrays(arrays, names=list(names))

    def _array(self, name: str, values: Sequence[Scalar], where: str) -> pa.Array:
        kinds = {type(value) for value in values if value is not None}
        if name in BOOLEANS and kinds <= {int} and {value for value in values if value is not None} <= {0, 1}:
            return pa.array([None if value is None else bool(value) for value in values], type=pa.bool_())
        if (name == "at" or name.endswith("_at")) and kinds <= {str}:
            return self._times(name, [value if isinstance(value, str) else None for value in values], where)
        if kinds == {int}:
            return pa.array(values, type=pa.int64())
        if kinds <= {int, float} and kinds:
            return pa.array([None if value is None else float(value) for value in values], type=pa.float64())
        if kinds == {bytes}:
            return pa.array(values, type=pa.binary())
        return pa.array([_as_text(value) for value in values], type=pa.string())

    def _times(self, name: str, values: Sequence[str | None], where: str) -> pa.Array:
        try:
            moments = [None if value is None else datetime.fromisoformat(value) for value in values]
        except ValueError:
            return pa.array(values, type=pa.string())
        if any(moment is not None and moment.tzinfo is None for moment in moments):
            if not self.naive_utc:
                hint = f"add 'Z' in the view (strftime('%Y-%m-%dT%H:%M:%SZ', {name})), or declare {NAIVE}: UTC for this database"
                raise InputError(f"column '{name}' holds times without a zone", where=where, hint=hint)
            moments = [moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC) for moment in moments]
        return pa.array(moments, type=MOMENT)


def _fetch(cursor: sqlite3.Cursor, limits: Limits) -> tuple[list[tuple[Scalar, ...]], Cut]:
    """Return one row past the cap of rows, or what fits the cap of bytes: as Python's values rows take several times Arrow's room."""
    fetched: list[tuple[Scalar, ...]] = []
    size = 0
    while len(fetched) <= limits.rows:
        batch = cursor.fetchmany(min(_BATCH, limits.rows + 1 - len(fetched)))
        if not batch:
            break
        fetched.extend(batch)
        size += len(batch) * (getsizeof(batch[0]) + sum(getsizeof(value) for value in batch[0]))
        if size > limits.bytes:
            return fetched, "bytes" if cursor.fetchone() else ""
    return fetched, ""


def _bound(arguments: Arguments) -> dict[str, str | int | float | None]:
    if not isinstance(arguments, dict):
        raise TypeError("SQLite is given arguments by name")
    return {name: _bound_item(value) for name, value in arguments.items()}


def _bound_item(value: BoundItem) -> str | int | float | None:
    """Times as ISO text with Z: compare them through datetime() or unixepoch(), which read every stored form."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value


def _as_text(value: Scalar) -> str | None:
    return value.hex() if isinstance(value, bytes) else None if value is None else str(value)


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _trigger: str | None) -> int:
    """Allow what a SELECT needs; everything else makes the statement fail before it runs."""
    allowed: dict[int, Callable[[], bool]] = {
        sqlite3.SQLITE_FUNCTION: lambda: (second or "").lower() not in _UNSAFE_FUNCTIONS,
        # SQLite asks this while it declares json_each and other built-in virtual tables; the file itself is open read only.
        sqlite3.SQLITE_UPDATE: lambda: first == "sqlite_master",
        sqlite3.SQLITE_PRAGMA: lambda: (first or "").lower() in _READABLE_PRAGMAS,
    }
    if action in _READS:
        return sqlite3.SQLITE_OK
    permitted = allowed.get(action)
    return sqlite3.SQLITE_OK if permitted is not None and permitted() else sqlite3.SQLITE_DENY


def _translated(error: sqlite3.Error, where: str) -> BridgeError:
    message = str(error)
    if "locked" in message or "busy" in message:
        return RetryLaterError(f"the file is locked by a writer: {message}", where=where, hint="try again when it is done")
    if "not authorized" in message or "readonly" in message or "prohibited" in message:
        return AccessError(f"refused by the read-only session: {message}", where=where)
    if "not a database" in message or "malformed" in message or "unable to open" in message:
        return InputError(message, where=where, hint="is this a SQLite file, and readable?")
    return InputError(message, where=where, hint="check the names in the view or query")
