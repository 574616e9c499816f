"""What happened when, counted where the events lie: the one thing that a comparison is made of.

A comparison needs the different texts, in which order they come in each trace, how long the waits are, and which values
fields have. All of it is counted by SQL (`bridge.logs.steps_sql`): by the cluster that keeps the events, or by a DuckDB in
memory over events of files. So what comes back grows with the number of different things, not with the number of events,
and files and clusters answer alike.

- texts: the messages of one group and level whose values shrink to the same text; each has a key and one message as it was written;
- ways: the order of texts in a trace (for accounts and minutes: the set of texts), with how many traces went that way;
- waits: between neighbours, the longest of each pair in each trace, rounded to 1 to 2.5 %, with how many traces waited so long;
- marks: in how many traces a text, or a group, came first in which stretch of time, or with which of 256 parts of the accounts;
- values of fields, and numbers, rounded in the same way, with how many traces had them.

The few lines that are shown are fetched afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import pyarrow as pa

from bridge.errors import RefusedError
from bridge.logs import steps_sql as sql

Unit = Literal["traces", "accounts", "minutes"]
Run = Callable[[str, Mapping[str, Any], int], tuple[pa.Table, bool]]
"""Runs a query in DuckDB's words with its values, at most so many rows; True: there were more."""
MOST: Final = 200_000
"""Rows of one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How much there is."""

    lines: int
    traced: int
    """Lines with a trace."""
    named: int
    """Lines with an account."""
    first: int
    """Microseconds."""
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Messages of one group and level that differ in their values only."""

    key: str
    group: str
    level: str
    message: str
    """One of them as it was written: untrusted."""
    place: str | None
    """Where in the code it is written, where a field says so."""
    first: int
    """Microseconds."""
    last: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What happened in some traces, all of them in the same order."""

    steps: tuple[str, ...]
    """Keys of texts."""
    traces: int
    one: str
    """One of them, and another one where there are more."""
    other: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How long one text came after another one: the longest in each trace."""

    first: str
    follower: str
    wait: float
    """Microseconds, rounded."""
    traces: int
    one: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """In how many units a field has a value, by group and field."""

    words: Mapping[tuple[str, str], Mapping[str, int]]
    """Only of fields with few different values."""
    units: Mapping[tuple[str, str], int]
    numbers: Mapping[tuple[str, str], Mapping[float, int]]
    """The largest of each unit, rounded."""


@dataclass(slots=True, kw_only=True)
class Steps:
    """One side of a comparison."""

    name: str
    run: Run
    events: str
    """The query of the events, in DuckDB's words: columns us, grp, lvl, trace, account, line, part, place, key, and `order`."""
    order: str
    """The column that puts events of the same time in order."""
    fields: Callable[[], tuple[str, str]]
    """Queries of words and of numbers: columns us, grp, trace, account, field, value; empty where there are none."""
    fetch: Callable[[Collection[int], Collection[str]], pa.Table]
    """Returns events of these times, and of these traces, in order: `bridge.logs.store.events_table`, `service` is the group."""
    bound: Mapping[str, Any] = field(default_factory=dict)
    """Values of `events`."""
    mark: str = ":"
    """What a placeholder begins with."""
    most: int = MOST
    problems: list[str] = field(default_factory=list)
    counted: Totals | None = None
    """What was counted already."""

    def totals(self) -> Totals:
        """Count the lines."""
        if self.counted is None:
            row = self._rows("", sql.totals(self.events), 1)[0]
            self.counted = Totals(**{name: row[name] or 0 for name in Totals.__slots__})
        return self.counted

    def texts(self) -> list[Text]:
        """Return the different texts; RefusedError where two of them have one key, which no two of a billion have by chance."""
        rows = self._rows("texts: templates are missing", sql.texts(self.events))
        if len({row["key"] for row in rows}) < len(rows):
            raise RefusedError(f"{self.name}: two texts have the same key", where=self.name, hint="narrow the question")
        return [
            Text(
                key=row["key"],
                group=row["grp"],
                level=row["lvl"],
                message=row["message"],
                place=row["place"] or None,
                first=row["first"],
                last=row["last"],
                events=row["events"],
            )
            for row in rows
        ]

    def ways(self, unit: Unit) -> list[Way]:
        """Return what happened in each unit, the most frequent first."""
        rows = self._rows(f"sequences: rare ones of the {unit} are not counted", sql.ways(self.events, unit, self.order, self.most + 1))
        size = sql.KEY_LENGTH
        return [
            Way(
                steps=tuple(row["way"][place : place + size] for place in range(0, len(row["way"]), size)),
                traces=row["traces"],
                one=row["one"],
                other=row["other"],
            )
            for row in rows
        ]

    def waits(self) -> list[Wait]:
        """Return how long texts came after each other in traces."""
        rows = self._rows("waits: some are not compared", sql.waits(self.events, self.order))
        return [Wait(first=row["previous"], follower=row["step"], wait=row["cell"], traces=row["traces"], one=row["one"]) for row in rows]

    def marks(self, unit: Unit, *, by: Literal["key", "grp"], start: int | None, length: int = 1) -> list[tuple[str, Any, int]]:
        """Return (key or group, stretch of time or part of the accounts, units). Without a start it is the parts of the accounts."""
        rows = self._rows("counts by time", sql.marks(self.events, unit, by, start, length))
        return [(row["name"], row["mark"] if start is None else row["mark"] // length, row["units"]) for row in rows]

    def values(self, unit: Unit) -> Values:
        """Return the values of the fields."""
        words: dict[tuple[str, str], dict[str, int]] = {}
        numbers: dict[tuple[str, str], dict[float, int]] = {}
        of_words, of_numbers = self.fields()
        for row in self._rows("values: some are not compared", sql.words(of_words, unit)) if of_words else ():
            words.setdefault((row["grp"], row["field"]), {})[row["word"]] = row["units"]
        totals = self._rows("fields", sql.held(of_words, unit)) if words else []
        for row in self._rows("numbers: some are not compared", sql.numbers(of_numbers, unit)) if of_numbers else ():
            numbers.setdefault((row["grp"], row["field"]), {})[row["cell"]] = row["units"]
        return Values(words=words, units={(row["grp"], row["field"]): row["units"] for row in totals}, numbers=numbers)

    def first_with(self, group: str, name: str, value: str | float) -> int | None:
        """Return the time of the first event of a group whose field has this value (numbers: rounded to it)."""
        words, numbers = self.fields()
        found = {"group": group, "name": name, "value": value}
        text = sql.first_with(words if isinstance(value, str) else numbers, self.mark, rounds=not isinstance(value, str))
        table, _ = self.run(text, {**self.bound, **found}, 1)
        at: int | None = table["first"][0].as_py() if table.num_rows else None
        return at

    def _rows(self, what: str, text: str, most: int | None = None) -> list[dict[str, Any]]:
        table, cut = self.run(text, self.bound, most or self.most)
        if cut and most is None:
            self.problems.append(f"{self.name}: cut at the cap of {self.most:,} {what}; narrow the question")
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows
