"""Fields of events whose values shifted: a value that is more common now (Fisher), or numbers that are larger (Mann-Whitney).

Counted over units (traces, accounts), one a unit and value; for numbers the largest of each unit. Fields with more
different words than `MANY` (ids, texts) are no categories and are left out.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from bridge.analysis.statistics import enrichment

MANY = 50
_HEAD = 200
"""Characters of a message in which a place in the code is the event's own; later ones are of stack traces."""
_FEWEST = 8
POSITIONS = ("position", "caller", "logger", "source", "location", "code.function", "code.filepath", "filename", "lineno", "class")
"""Fields that say where in the code an event is written: each template has its own, so they shift with it."""

_LINE_OF_CODE = re.compile(
    r"(?<![\w.$/])(?:[\w$]+\.)*[A-Za-z_$][\w$.\[\]]*#\d+\b|\b[\w/$.-]+\.(?:java|kt|scala|py|rb|go|js|ts|php|rs|cs|cpp|cc|c):\d+\b"
)
"""`p.c.PriceController#46`, `orders/price.py:46`."""

Key = tuple[str, str]
"""Group and field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One field of one group: the share of a value, or the median of its numbers."""

    group: str
    field: str
    value: str | None
    """None: numbers; `now` and `before` are medians then, else units with the value."""
    now: float
    before: float
    units: int
    units_before: int
    p_value: float
    row: int
    """A row of the window that shows it."""


@dataclass(slots=True, kw_only=True)
class _Side:
    words: dict[Key, dict[str, dict[int, int]]]
    """Field to value to unit to row."""
    numbers: dict[Key, dict[int, tuple[float, int]]]
    """Field to unit to its largest number and the row of it."""


def shifts(now: tuple[list[str], Any, list[str | None]], before: tuple[list[str], Any, list[str | None]]) -> list[Shift]:
    """Compare two sides, each (group of each row, unit code of each row or -1, attributes of each row as JSON text)."""
    ours, theirs = _read(*now), _read(*before)
    found = []
    for key in sorted(ours.words.keys() & theirs.words.keys()):
        mine, other = ours.words[key], theirs.words[key]
        if len(mine.keys() | other.keys()) > MANY:
            continue
        units, units_before = (len({unit for value in side.values() for unit in value}) for side in (mine, other))
        for value in sorted(mine):
            hits, hits_before = len(mine[value]), len(other.get(value, {}))
            p = float(enrichment(hits, hits + hits_before, units + units_before, units))
            row = min(mine[value].values())
            found.append(_shift(key, value, (hits, hits_before), (units, units_before), p, row))
    for key in sorted(ours.numbers.keys() & theirs.numbers.keys()):
        large, small = ours.numbers[key], theirs.numbers[key]
        if min(len(large), len(small)) < _FEWEST:
            continue
        a, b = np.array([value for value, _ in large.values()]), np.array([value for value, _ in small.values()])
        p = float(stats.mannwhitneyu(a, b, alternative="greater").pvalue)
        found.append(_shift(key, None, (float(np.median(a)), float(np.median(b))), (len(a), len(b)), p, max(large.values())[1]))
    return found


def _shift(key: Key, value: str | None, counts: tuple[float, float], units: tuple[int, int], p: float, row: int) -> Shift:
    return Shift(
        group=key[0],
        field=key[1],
        value=value,
        now=counts[0],
        before=counts[1],
        units=units[0],
        units_before=units[1],
        p_value=p,
        row=row,
    )


def _read(groups: list[str], units: Any, attributes: list[str | None]) -> _Side:
    side = _Side(words=defaultdict(lambda: defaultdict(dict)), numbers=defaultdict(dict))
    parsed: dict[str, dict[str, Any]] = {}
    for row, (group, unit, text) in enumerate(zip(groups, units.tolist(), attributes, strict=True)):
        if unit < 0 or not text or text == "{}":
            continue
        if text not in parsed:
            parsed[text] = _object(text)
        for field, value in parsed[text].items():
            if field in POSITIONS:
                continue
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                known = side.numbers[group, field].get(unit)
                if known is None or value > known[0]:
                    side.numbers[group, field][unit] = (float(value), row)
            elif isinstance(value, (str, bool)):
                values = side.words[group, field]
                if str(value) in values or len(values) <= MANY:
                    values[str(value)].setdefault(unit, row)
    return side


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def attribute(text: str | None, name: str) -> str:
    """Return one field of a row's attributes as text; empty where it has none."""
    value = _object(text).get(name) if text else None
    return "" if value is None else str(value)


def position(text: str | None, message: str | None = None) -> str | None:
    """Return where in the code an event is written: by its attributes, else by its message; None where neither says."""
    found = next((found for name in POSITIONS if (found := attribute(text, name))), None)
    return found or line_of_code(message or "")


def line_of_code(text: str) -> str | None:
    """Return the first place in the code that a text names with its line, `p.c.PriceController#46`; None: it names none."""
    found = _LINE_OF_CODE.search(text[:_HEAD])
    return found[0] if found else None
