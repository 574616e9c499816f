"""The lines that are shown: fetched once all is compared, a few of each side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from bridge.analysis.log_tables import line
from bridge.analysis.sides import Side
from bridge.logs.collapse import collapse
from bridge.logs.steps_here import attribute

if TYPE_CHECKING:
    import pyarrow as pa

    from bridge.model.finding import LogLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event of a kind at a time, or of a group and with a value of a field."""

    at: int
    kind: int | None = None
    group: str = ""
    field: str = ""
    value: str | None = None
    """None: whatever number it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An event of a trace, and the one after it: by its number in the trace, or before the longest wait for `follower`."""

    trace: str
    number: int = 0
    kind: int = -1
    follower: int | None = None


Spot = Event | Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The events of one side that were fetched."""

    table: pa.Table
    kinds: list[int | None]
    """By row."""
    at: dict[int, list[int]]
    """Rows by time."""
    traces: dict[str, list[int]]
    """Rows by trace, in order, without those that repeat another one."""

    def shown(self, spots: Iterable[Spot]) -> tuple[LogLine, ...]:
        """Return the lines of these spots, each once; what is not there any more is left out."""
        rows = [row for spot in spots for row in (self._event(spot) if isinstance(spot, Event) else self._place(spot))]
        return tuple(line(self.table, row) for row in dict.fromkeys(rows))

    def kind(self, spot: Event) -> int | None:
        """Return the kind of an event."""
        return next((self.kinds[row] for row in self._event(spot)), None)

    def _event(self, spot: Event) -> list[int]:
        fits = [row for row in self.at.get(spot.at, ()) if self._fits(spot, row)]
        return sorted(fits, key=lambda row: self.table["message"][row].as_py())[:1]

    def _fits(self, spot: Event, row: int) -> bool:
        if spot.kind is not None:
            return self.kinds[row] == spot.kind
        if self.table["service"][row].as_py() != spot.group:
            return False
        value = attribute(self.table["attributes"][row].as_py(), spot.field)
        return value == spot.value if spot.value is not None else value != ""

    def _place(self, spot: Place) -> list[int]:
        rows = self.traces.get(spot.trace, [])
        if spot.follower is None:
            return rows[spot.number : spot.number + 2]
        at = self.table["at"]
        waits = [
            (at[then].as_py() - at[row].as_py(), -place) for place, (row, then) in enumerate(pairwise(rows)) if self._pair(spot, row, then)
        ]
        return [rows[1 - max(waits)[1]]] if waits else []

    def _pair(self, spot: Place, row: int, then: int) -> bool:
        return self.kinds[row] == spot.kind and self.kinds[then] == spot.follower


def fetched(side: Side, kinds: dict[tuple[str, str], int], spots: Iterable[Spot]) -> Lines:
    """Fetch what these spots name; `kinds` by group and collapsed text."""
    wanted = list(spots)
    times = {spot.at for spot in wanted if isinstance(spot, Event)}
    table = side.steps.fetch(times, {spot.trace for spot in wanted if isinstance(spot, Place)})
    texts, numbers = collapse(table["message"].to_pylist())
    of = [texts[number] for number in numbers.tolist()]
    us, services = pc.cast(table["at"], "int64").to_pylist(), table["service"].to_pylist()
    at: dict[int, list[int]] = {}
    traces: dict[str, list[int]] = {}
    seen: set[Any] = set()
    for row, (trace, message) in enumerate(zip(table["trace_id"].to_pylist(), table["message"].to_pylist(), strict=True)):
        at.setdefault(us[row], []).append(row)
        known = (us[row], services[row], trace, message)
        if trace is not None and known not in seen:
            seen.add(known)
            traces.setdefault(trace, []).append(row)
    return Lines(table=table, kinds=[kinds.get(pair) for pair in zip(services, of, strict=True)], at=at, traces=traces)


def event_spots(side: Side, kind: int) -> tuple[Spot, ...]:
    """Return the first and the last event of a kind."""
    known = side.kinds.get(kind)
    return () if known is None else tuple(Event(at=at, kind=kind) for at in dict.fromkeys((known.first, known.last)))
