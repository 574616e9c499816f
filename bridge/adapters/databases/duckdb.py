"""DuckDB files, read only: no other file, no network, no extension, no change of configuration."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from bridge.adapters.databases.common import NAIVE, Capped, Running, deadline, gather, normal, read_options, timed_out
from bridge.errors import AccessError, BridgeError, InputError, NotFoundError, RetryLaterError
from bridge.model.filing import Check
from bridge.plugins import AdapterOptions
from bridge.ports import BoundQuery, Cut, Keep, Limits, QueryResult
from bridge.sql.paramstyle import for_driver

_LOCKED = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
}
_BATCH = 65_536
_GUARD = threading.Lock()
_LOCKS: dict[Path, threading.Lock] = {}


def open_database(options: AdapterOptions) -> DuckDBDatabase:
    """Return the adapter for one file; options: path, naive_timestamps. The file is opened per query."""
    values = read_options(options, required=("path",), optional=())
    path = options.root / str(values["path"])
    return DuckDBDatabase(name=options.name, path=path, naive_utc=NAIVE in values, where=options.where)


@dataclass(frozen=True, slots=True, kw_only=True)
class DuckDBDatabase:
    """One DuckDB file behind the port `Database`."""

    name: str
    path: Path
    naive_utc: bool
    where: str
    dialect: str = "duckdb"
    product: str = "duckdb"
    serial: bool = True
    running: Running = field(default_factory=Running, repr=False, compare=False)

    def run(self, query: BoundQuery, limits: Limits) -> QueryResult:
        """Run one query on a connection of its own; TimedOutError when the limit of seconds was reached."""
        return gather(lambda keep: self.stream(query, limits, keep))

    def stream(self, query: BoundQuery, limits: Limits, keep: Keep) -> Cut:
        """Hand rows on as DuckDB gives them."""
        text, arguments = for_driver(query, "named-dollar")
        where = f"database '{self.name}'"
        capped = Capped(limits=limits, keep=lambda part: keep(normal(part, naive_utc=self.naive_utc, where=where)))
        with self._connection() as connection:
            try:
                with deadline(limits.seconds, connection.interrupt) as state, self.running.cancellable(connection.interrupt):
                    try:
                        _fetch(connection, text, arguments, capped)
                    except duckdb.InterruptException:
                        if state.passed:
                            raise timed_out(limits.seconds, where=where) from None
                        raise
            except duckdb.Error as error:
                raise _translated(error, where) from error
        return capped.cut

    def cancel(self) -> None:
        """Interrupt what runs."""
        self.running.cancel()

    def check(self) -> Sequence[Check]:
        """Tell whether the file opens, and how many tables it has. It is always read only."""
        connection = f"database {self.name}"
        try:
            with self._connection() as opened:
                row = opened.execute("SELECT count(*) FROM duckdb_tables() WHERE NOT internal").fetchone()
        except BridgeError as error:
            return (Check(connection=connection, what="reachable", ok=False, detail=error.message, hint=error.hint),)
        count = row[0] if row else 0
        return (
            Check(connection=connection, what="reachable", ok=True, detail=f"DuckDB {duckdb.__version__}, {self.path}"),
            Check(connection=connection, what="read only", ok=True, detail="opened read only, no other files, configuration locked"),
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

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One connection a file and process: connections to one file share its configuration, which the first one locks."""
        with _held(self.path.resolve()):
            connection = self._connect()
            try:
                yield connection
            finally:
                connection.close()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        if not self.path.is_file():
            raise NotFoundError(f"no file {self.path}", where=self.where, hint="correct `path` of the database, or make the file")
        try:
            connection = duckdb.connect(str(self.path), read_only=True, config=dict(_LOCKED))
            # The time zone belongs to an extension that is not there yet when the configuration is read.
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET lock_configuration = true")
        except duckdb.Error as error:
            raise _translated(error, self.where) from error
        return connection


@contextmanager
def _held(path: Path) -> Iterator[None]:
    with _GUARD:
        lock = _LOCKS.setdefault(path, threading.Lock())
    with lock:
        yield


def _fetch(connection: duckdb.DuckDBPyConnection, text: str, arguments: object, capped: Capped) -> None:
    # One row past the cap tells a cut from an end.
    reader = connection.sql(text, params=arguments).to_arrow_reader(min(_BATCH, capped.limits.rows + 1))
    try:
        capped.add(reader.schema.empty_table())
        for batch in reader:
            if not capped.add(pa.Table.from_batches([batch])):
                break
    finally:
        # An error's traceback would keep it open, and the next connect to this file waits until it is closed.
        reader.close()


def _translated(error: duckdb.Error, where: str) -> BridgeError:
    message = str(error).strip()
    first, _, rest = message.partition("\n")
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
        near = next((line for line in rest.splitlines() if line.startswith(("Did you mean", "Candidate bindings"))), "")
        return InputError(first, where=where, hint=near or "check the names in the view or query")
    if isinstance(error, duckdb.PermissionException):
        return AccessError(first, where=where)
    if isinstance(error, duckdb.IOException):
        if "lock" in message.lower():
            return RetryLaterError(f"another process has the file open for writing: {first}", where=where, hint="try again when it is done")
        return InputError(first, where=where, hint="is this a DuckDB file, and readable?")
    if isinstance(error, duckdb.ConnectionException):
        return RetryLaterError(f"the file is open in this process with other settings: {first}", where=where)
    return InputError(first, where=where, hint="run the query on a smaller window to find the row")
