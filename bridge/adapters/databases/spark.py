"""Spark through its own client: a server by Spark Connect (`remote: sc://host:15002`), or a local session (`master: local[2]`).

Values are bound by name. Spark has no read-only session: what may run is what the guard lets through, so give it an account
that can only read. Extra: spark.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from bridge.adapters.databases.common import Capped, Running, deadline, gather, normal, read_options, resolved, timed_out
from bridge.errors import BridgeError, InputError, RetryLaterError
from bridge.model.filing import Check
from bridge.plugins import AdapterOptions
from bridge.ports import BoundQuery, Cut, Keep, Limits, QueryResult


def open_database(options: AdapterOptions) -> SparkDatabase:
    """Return the adapter; nothing is opened yet. Options: remote (sc://...) or master (local[2], ...)."""
    values = read_options(options, required=(), optional=("remote", "master"))
    if bool(values.get("remote")) == bool(values.get("master")):
        raise InputError(
            f"database '{options.name}' needs 'remote' or 'master'", where=options.where, hint="remote: sc://spark.example.com:15002"
        )
    kind = "remote" if values.get("remote") else "master"
    return SparkDatabase(name=options.name, target={kind: resolved(options, kind, values[kind])}, where=options.where)


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkDatabase:
    """One Spark behind the port `Database`."""

    name: str
    target: Mapping[str, str] = field(repr=False)
    where: str
    dialect: str = "spark"
    product: str = "spark"
    serial: bool = True
    running: Running = field(default_factory=Running, repr=False, compare=False)

    def run(self, query: BoundQuery, limits: Limits) -> QueryResult:
        """Run one query; TimedOutError when the limit of seconds was reached."""
        return gather(lambda keep: self.stream(query, limits, keep))

    def stream(self, query: BoundQuery, limits: Limits, keep: Keep) -> Cut:
        """Hand on the rows, at most one more than the limit is fetched."""
        where = f"database '{self.name}'"
        capped = Capped(limits=limits, keep=lambda part: keep(normal(part, naive_utc=True, where=where)))
        with self._session(where) as session, deadline(limits.seconds, session.interruptAll) as state:
            with self.running.cancellable(session.interruptAll):
                try:
                    table = session.sql(query.text, args=dict(query.values)).limit(limits.rows + 1).toArrow()
                except Exception:
                    if state.passed:
                        raise timed_out(limits.seconds, where=where) from None
                    raise
            capped.add(pa.Table.from_batches(table.to_batches(), schema=table.schema))
        return capped.cut

    def cancel(self) -> None:
        """Interrupt what runs."""
        self.running.cancel()

    def check(self) -> Sequence[Check]:
        """Tell whether it answers; it can't tell what the account may do."""
        connection = f"database {self.name}"
        try:
            with self._session(self.where) as session:
                version = session.version
        except BridgeError as error:
            return (Check(connection=connection, what="reachable", ok=False, detail=error.message, hint=error.hint),)
        return (Check(connection=connection, what="reachable", ok=True, detail=f"Spark {version}; only the guard keeps it read only"),)

    def close(self) -> None:
        """Do nothing: the session is the process's."""

    @contextmanager
    def _session(self, where: str) -> Iterator[Any]:
        try:
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise InputError(
                f"the driver is not installed: {error}", where=self.where, hint="pip install 'ticket-bridge[spark]'"
            ) from error
        try:
            builder = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").config("spark.sql.ansi.enabled", "true")
            (kind,) = self.target
            session = getattr(builder, kind)(self.target[kind]).getOrCreate()
            yield session
        except BridgeError:
            raise
        except Exception as error:  # its client raises classes of py4j, of gRPC and its own
            raise _translated(error, where) from error


def _translated(error: Exception, where: str) -> BridgeError:
    message = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if type(error).__name__ in {"AnalysisException", "ParseException", "IllegalArgumentException", "UnsupportedOperationException"}:
        return InputError(message, where=where, hint="check the names in the view or query")
    return RetryLaterError(
        f"can't be reached, or ended the query: {message}", where=where, hint="is the server running, and reachable from here?"
    )
