"""What the products have in common that are written to their vendor's documentation and were not run by our tests.

Each of them is a thin file: its keys, its session's statements as data, its way to connect. The run itself is here:
session statements, plan or dry run where the product has one, one query with bound values, rows in chunks, rollback, close.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

from bridge.adapters.databases.common import (
    MOMENT,
    NAIVE,
    Capped,
    Running,
    deadline,
    gather,
    normal,
    read_options,
    resolved,
    timed_out,
    to_json,
)
from bridge.adapters.databases.role import Role
from bridge.errors import BridgeError, InputError, RetryLaterError
from bridge.model.filing import Check
from bridge.plugins import AdapterOptions
from bridge.ports import BoundQuery, Cut, Keep, Limits, QueryResult
from bridge.sql.paramstyle import Arguments, Style, for_driver

NOT_RUN: Final = "not run here: written to the vendor's documentation; try it on a copy first"
CONNECT_SECONDS: Final = 10
_CHUNK: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """How one product is spoken to; everything that differs."""

    name: str
    title: str
    dialect: str
    extra: str
    style: Style
    required: Collection[str]
    optional: Collection[str]
    connect: Callable[[Mapping[str, str], float], Any]
    """Options and the limit of seconds to a PEP 249 connection."""
    session: Callable[[Mapping[str, str], Limits], Sequence[str]]
    """Statements before the query, in order."""
    grants: Callable[[Mapping[str, str]], str]
    """Statements that make an account which can only read."""
    faults: str = ""
    """A query that gives one text for each right beyond reading; empty: the product does not tell."""
    gate: Callable[[Any, str, Any, Limits, str], None] | None = None
    """Refuse a query by its plan before it runs: cursor, text, arguments, limits, where."""
    cancel: Callable[[Any, Any], object] = lambda _connection, cursor: cursor.cancel()
    """End what runs, from another thread: connection and cursor."""


def database(product: Product, options: AdapterOptions) -> UnrunDatabase:
    """Return the adapter for one product; nothing is connected yet. InputError lists all wrong and missing keys."""
    values = read_options(options, required=product.required, optional=product.optional)
    return UnrunDatabase(
        name=options.name,
        made_of=product,
        target={key: resolved(options, key, value) for key, value in values.items() if key != NAIVE},
        naive_utc=NAIVE in values,
        where=options.where,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnrunDatabase:
    """One server of such a product behind the port `Database`; a session per query."""

    name: str
    made_of: Product
    target: Mapping[str, str] = field(repr=False)
    naive_utc: bool
    where: str
    running: Running = field(default_factory=Running, repr=False, compare=False)
    role: Role = field(default_factory=Role, repr=False, compare=False)

    @property
    def dialect(self) -> str:
        """SQL dialect."""
        return self.made_of.dialect

    @property
    def product(self) -> str:
        """Name of the product, as in bridge.yaml."""
        return self.made_of.name

    def run(self, query: BoundQuery, limits: Limits) -> QueryResult:
        """Run one query in a session of its own."""
        return gather(lambda keep: self.stream(query, limits, keep))

    def stream(self, query: BoundQuery, limits: Limits, keep: Keep) -> Cut:
        """Hand rows on in chunks."""
        text, arguments = for_driver(query, self.made_of.style)
        where = f"database '{self.name}'"
        capped = Capped(limits=limits, keep=lambda part: keep(normal(part, naive_utc=self.naive_utc, where=where)))
        with self._session(limits, where) as (connection, cursor):
            self.role.require_reader(lambda: self._faults(cursor), where=where, grants=self.made_of.grants(self.target))
            if self.made_of.gate is not None:
                self.made_of.gate(cursor, text, arguments, limits, where)

            def stop() -> None:
                # The server is asked to end it; what the driver says to that is of no use here.
                with suppress(Exception):
                    self.made_of.cancel(connection, cursor)

            with deadline(limits.seconds, stop) as state, self.running.cancellable(stop):
                try:
                    _fetch(cursor, text, arguments, capped)
                except BridgeError:
                    raise
                except Exception as error:
                    if state.passed:
                        raise timed_out(limits.seconds, where=where) from error
                    raise
                except BaseException:
                    stop()
                    raise
        return capped.cut

    def cancel(self) -> None:
        """End what runs, on the server."""
        self.running.cancel()

    def check(self) -> Sequence[Check]:
        """Tell whether it is reachable, what the account may do beyond reading, and that our tests never ran it."""
        name = f"database {self.name}"
        grants = self.made_of.grants(self.target)
        tested = Check(connection=name, what="tested", ok=True, detail=NOT_RUN)
        try:
            with self._session(Limits(rows=1000, seconds=CONNECT_SECONDS), self.where) as (_, cursor):
                found = self._faults(cursor)
        except BridgeError as error:
            return (Check(connection=name, what="reachable", ok=False, detail=error.message, hint=error.hint), tested)
        known = f"the account may {', '.join(found)}; no query will run" if found else "the account can only read"
        detail = (
            known if self.made_of.faults else "the product does not tell what the account may do; make it with the statements in the hint"
        )
        return (
            Check(connection=name, what="reachable", ok=True, detail=self.made_of.title),
            Check(connection=name, what="read only", ok=not found, detail=detail, hint=grants),
            tested,
        )

    def _faults(self, cursor: Any) -> list[str]:
        if not self.made_of.faults:
            return []
        cursor.execute(self.made_of.faults)
        return sorted({str(row[0]) for row in cursor.fetchall()})

    def close(self) -> None:
        """Do nothing: every query closes its own session."""

    @contextmanager
    def _session(self, limits: Limits, where: str) -> Iterator[tuple[Any, Any]]:
        connection = None
        try:
            connection = self.made_of.connect(self.target, limits.seconds)
            cursor = connection.cursor()
            for statement in self.made_of.session(self.target, limits):
                cursor.execute(statement)
            yield connection, cursor
        except ImportError as error:
            message = f"the driver of {self.made_of.title} is not installed: {error}"
            raise InputError(message, where=self.where, hint=f"pip install 'ticket-bridge[{self.made_of.extra}]'") from error
        except BridgeError:
            raise
        except Exception as error:
            # Every driver has classes of its own; PEP 249 names two that mean the server's state.
            first = next(iter(str(error).strip().splitlines()), type(error).__name__)
            if type(error).__name__ in {"OperationalError", "InterfaceError"} or isinstance(error, OSError):
                raise RetryLaterError(
                    f"{self.made_of.title}: {first}", where=where, hint="is the server running, and reachable from here?"
                ) from error
            raise InputError(first, where=where, hint="check the names in the view or query") from error
        finally:
            if connection is not None:
                for end in ("rollback", "close"):
                    # Some drivers have no transactions, and a session that is gone can't be closed.
                    with suppress(Exception):
                        getattr(connection, end)()


def _fetch(cursor: Any, text: str, arguments: Arguments, capped: Capped) -> None:
    cursor.execute(text, arguments or None)
    names = [column[0] for column in cursor.description]
    # No rows still have columns.
    capped.add(table_of(names, []))
    while rows := cursor.fetchmany(_CHUNK):
        if not capped.add(table_of(names, rows)):
            return


def table_of(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return rows as a table; types are those of the Python values, because every driver names them otherwise."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    arrays = [_array(name, values) for name, values in zip(names, columns, strict=True)]
    return pa.Table.from_arrays(arrays, names=[name.lower() if name.isupper() else name for name in names])


def _array(name: str, values: Sequence[Any]) -> pa.Array:
    given = [value for value in values if value is not None]
    kinds = {type(value) for value in given}
    try:
        if kinds == {datetime}:
            aware = {value.tzinfo is not None for value in given}
            if len(aware) > 1:
                raise InputError(f"column '{name}' mixes times with and without a zone", hint="cast it in the view")
            return pa.array(values, type=MOMENT if aware == {True} else pa.timestamp("us"))
        plain = {
            frozenset({bool}): pa.bool_(),
            frozenset({int}): pa.int64(),
            frozenset({float}): pa.float64(),
            frozenset({date}): pa.date32(),
        }
        kind = plain.get(frozenset(kinds))
        if kind is not None:
            return pa.array(values, type=kind)
        if kinds and kinds <= {Decimal, int}:
            scale = max((max(0, -int(value.as_tuple().exponent)) for value in given if isinstance(value, Decimal)), default=0)
            return pa.array([None if value is None else Decimal(value) for value in values], type=pa.decimal128(38, min(scale, 38)))
        return pa.array([value if value is None or isinstance(value, str) else to_json(value) for value in values], type=pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
        raise InputError(f"column '{name}' holds a value that can't be kept: {error}", hint="cast it in the view") from error
