"""The rows that a scenario needs from a database, found by foreign keys; and the smallest part of them that still fails.

From the rows of one account: everything that hangs on them (rows of other tables that point at them, and so on), and
whatever any of these rows points at. Rows are shrunk as requests are: a row always carries the rows that it points at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bridge.reproduction.reduce import smallest
from bridge.reproduction.search import Items, Search, trust

Values = Mapping[str, Any]
BATCH: Final = 500
"""Values that one query asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """Columns of one table that point at those of another."""

    columns: tuple[str, ...]
    table: str
    """Pointed at."""
    referenced: tuple[str, ...]
    nullable: bool
    """Every column may be NULL: the row can be written first and be pointed later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as far as a slice needs it."""

    name: str
    """With its schema where that must be written: `sales.orders`."""
    columns: tuple[str, ...]
    """That can be written: generated ones are left out."""
    key: tuple[str, ...]
    """Of the primary key; empty: it has none."""
    foreign: tuple[ForeignKey, ...] = ()
    texts: frozenset[str] = frozenset()
    """Columns that are read as the database writes them: times, documents, and whatever else has no plain form."""
    binary: frozenset[str] = frozenset()


Schema = Mapping[str, Table]
Fetch = Callable[[Table, str, Sequence[Any], int], Sequence[Values]]
"""Return rows of a table where a column has one of these values, at most so many, in the order of the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row."""

    table: str
    values: Values
    id: tuple[str, ...]
    """Table and key, or table and all values where there is no key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSlice:
    """Rows in an order in which each comes after those it points at, as far as they do not point in a circle."""

    rows: tuple[Row, ...]
    later: frozenset[tuple[tuple[str, ...], tuple[str, ...]]] = frozenset()
    """(row, columns) that close a circle: written as NULL first and set at the end."""
    hard: bool = False
    """A circle has no column that may be NULL: constraints must wait until the end."""
    cut: tuple[str, ...] = ()
    """Tables of which only a part was taken."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Return the tables, in the order of the rows."""
        return tuple(dict.fromkeys(row.table for row in self.rows))


@dataclass(slots=True)
class _Found:
    schema: Schema
    fetch: Fetch
    most: int
    per_table: int
    rows: dict[tuple[str, ...], Row] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)

    def take(self, table: Table, column: str, values: Sequence[Any], *, limit: int) -> list[Row]:
        new: list[Row] = []
        for at in range(0, len(values), BATCH):
            for got in self.fetch(table, column, values[at : at + BATCH], limit + 1):
                row = row_of(table, got)
                if row.id in self.rows:
                    continue
                if len(new) >= limit or len(self.rows) >= self.most:
                    self.cut.add(table.name)
                    return new
                self.rows[row.id] = row
                new.append(row)
        return new


def row_of(table: Table, values: Values) -> Row:
    """Return a row with its identity."""
    key = table.key or table.columns
    return Row(
        table=table.name, values={name: values.get(name) for name in table.columns}, id=(table.name, *(repr(values.get(k)) for k in key))
    )


def collect(
    schema: Schema, start: Iterable[tuple[str, str, Sequence[Any]]], fetch: Fetch, *, most: int = 5000, per_table: int = 500
) -> RowSlice:
    """Return the slice from the start rows: (table, column, values).

    At most `per_table` rows of a table hang on one step down, and at most `most` rows are taken in all; what was cut is told.
    Rows that are pointed at always come, also beyond the limit: without them nothing could be written.
    """
    found = _Found(schema, fetch, most, per_table)
    waiting: list[Row] = []
    for table, column, values in start:
        waiting += found.take(schema[table], column, values, limit=per_table)
    pointing = _pointing(schema)
    while waiting:
        below: list[Row] = []
        by_table: dict[str, list[Row]] = {}
        for row in waiting:
            by_table.setdefault(row.table, []).append(row)
        for name, rows in by_table.items():
            for child, key in pointing.get(name, ()):
                values = list(
                    dict.fromkeys(row.values.get(key.referenced[0]) for row in rows if row.values.get(key.referenced[0]) is not None)
                )
                below += found.take(child, key.columns[0], values, limit=per_table)
        waiting = below
    _parents(found)
    return ordered(schema, found.rows.values(), cut=tuple(sorted(found.cut)))


def _pointing(schema: Schema) -> dict[str, list[tuple[Table, ForeignKey]]]:
    found: dict[str, list[tuple[Table, ForeignKey]]] = {}
    for table in schema.values():
        for key in table.foreign:
            found.setdefault(key.table, []).append((table, key))
    return found


def _parents(found: _Found) -> None:
    """Take what the rows point at, and what that points at, until nothing is missing."""
    found.most = len(found.rows) + 1_000_000
    waiting = list(found.rows.values())
    while waiting:
        wanted: dict[tuple[str, str], dict[Any, None]] = {}
        for row in waiting:
            for key in found.schema[row.table].foreign:
                values = [row.values.get(column) for column in key.columns]
                if key.table in found.schema and all(value is not None for value in values):
                    wanted.setdefault((key.table, key.referenced[0]), {})[values[0]] = None
        waiting = []
        for (table, column), values_of in wanted.items():
            waiting += found.take(found.schema[table], column, list(values_of), limit=1_000_000)


def needs(schema: Schema, rows: Sequence[Row]) -> dict[int, dict[tuple[str, ...], int]]:
    """Return for each row by its number the rows that it points at: columns -> number. Rows outside are left out."""
    places: dict[tuple[str, tuple[str, ...], tuple[Any, ...]], int] = {}
    for number, row in enumerate(rows):
        wanted = {key.referenced for table in schema.values() for key in table.foreign if key.table == row.table}
        for columns in wanted:
            places[row.table, columns, tuple(row.values.get(column) for column in columns)] = number
    found: dict[int, dict[tuple[str, ...], int]] = {}
    for number, row in enumerate(rows):
        found[number] = {}
        for key in schema[row.table].foreign:
            values = tuple(row.values.get(column) for column in key.columns)
            at = places.get((key.table, key.referenced, values))
            if at is not None and at != number and None not in values:
                found[number][key.columns] = at
    return found


def ordered(schema: Schema, rows: Iterable[Row], *, cut: tuple[str, ...] = ()) -> RowSlice:
    """Put each row after those that it points at; where they point in a circle, break it at columns that may be NULL."""
    left = list(rows)
    edges = needs(schema, left)
    open_ = {number: dict(targets) for number, targets in edges.items()}
    later: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
    done: list[Row] = []
    hard = False
    while open_:
        free = [number for number, targets in open_.items() if not any(at in open_ for at in targets.values())]
        for number in free:
            done.append(left[number])
            del open_[number]
        if free:
            continue
        found = _breakable(schema, left, open_)
        if found is None:
            # No column may be NULL: any order does, the constraints have to wait.
            hard = True
            number = min(open_)
            done.append(left[number])
            del open_[number]
            continue
        number, columns = found
        later.add((left[number].id, columns))
        del open_[number][columns]
    return RowSlice(rows=tuple(done), later=frozenset(later), hard=hard, cut=cut)


def _breakable(
    schema: Schema, rows: Sequence[Row], open_: Mapping[int, Mapping[tuple[str, ...], int]]
) -> tuple[int, tuple[str, ...]] | None:
    for number in sorted(open_, key=lambda n: (len(open_[n]), n)):
        nullable = {key.columns for key in schema[rows[number].table].foreign if key.nullable}
        for columns, at in open_[number].items():
            if columns in nullable and at in open_:
                return number, columns
    return None


def shrunk(
    schema: Schema, whole: RowSlice, fails: Callable[[RowSlice], bool], *, first: tuple[int, int] = (1, 1), budget: int = 2_000
) -> RowSlice:
    """Return the smallest part of a slice on which the failure still shows, by the same search as for requests.

    `fails` puts a slice into a sandbox database, runs the scenario, and tells whether it was seen; `first` is how often it
    was on the whole slice. A row carries the rows that it points at; rows that point at each other go or stay together.
    """
    rows = whole.rows
    edges = {number: frozenset(targets.values()) for number, targets in needs(schema, rows).items()}
    groups = _together(edges)
    members: dict[int, list[int]] = {}
    for number, group in groups.items():
        members.setdefault(group, []).append(number)
    producers = {
        group: frozenset(groups[at] for number in numbers for at in edges[number] if groups[at] != group)
        for group, numbers in members.items()
    }

    def of(items: Items) -> RowSlice:
        kept = sorted(number for group in items for number in members[group])
        return replace(ordered(schema, [rows[number] for number in kept]), cut=whole.cut)

    search = Search(run=lambda items: fails(of(items)), trust=trust(*first), producers=producers, fixed=frozenset(), budget=budget)
    if search.fails((), search.trust.careful):
        return of(())
    return of(smallest(search, sorted(members), measure=1).items)


def _together(edges: Mapping[int, frozenset[int]]) -> dict[int, int]:
    """Return for each row the first row of its circle: strongly connected components (Tarjan 1972, without recursion)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    group: dict[int, int] = {}
    for root in edges:
        if root in index:
            continue
        work = [(root, iter(sorted(edges[root])))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        group[member] = node
                        if member == node:
                            break
            elif following not in index:
                index[following] = low[following] = len(index)
                stack.append(following)
                on_stack.add(following)
                work.append((following, iter(sorted(edges[following]))))
            elif following in on_stack:
                low[node] = min(low[node], index[following])
    return group
