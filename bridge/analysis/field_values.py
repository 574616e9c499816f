"""Fields of events whose values shifted: a value that is more common now (Fisher), or numbers that are larger (Mann-Whitney).

Counted over units (traces, accounts), one a unit and value; for numbers the largest of each unit. Fields with more
different words than `MANY` (ids, texts) are no categories and are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bridge.analysis.statistics import enrichment, larger, weighted_median
from bridge.logs.steps import Values
from bridge.logs.steps_sql import MANY

_HEAD = 200
"""Characters of a message in which a place in the code is the event's own; later ones are of stack traces."""
_FEWEST = 8

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
    largest: float | None
    """The largest number of the window, rounded."""


def shifts(now: Values, before: Values) -> list[Shift]:
    """Compare two sides."""
    found = []
    for key in sorted(now.words.keys() & before.words.keys()):
        mine, other = now.words[key], before.words[key]
        if len(mine.keys() | other.keys()) > MANY:
            continue
        units, units_before = now.units.get(key, 0), before.units.get(key, 0)
        for value, hits in sorted(mine.items()):
            hits_before = other.get(value, 0)
            p = float(enrichment(hits, hits + hits_before, units + units_before, units))
            found.append(_shift(key, value, (hits, hits_before), (units, units_before), p))
    for key in sorted(now.numbers.keys() & before.numbers.keys()):
        large, small = now.numbers[key], before.numbers[key]
        counts = (sum(large.values()), sum(small.values()))
        if min(counts) < _FEWEST:
            continue
        found.append(_shift(key, None, (weighted_median(large), weighted_median(small)), counts, larger(large, small), max(large)))
    return found


def _shift(
    key: Key, value: str | None, counts: tuple[float, float], units: tuple[int, int], p: float, largest: float | None = None
) -> Shift:
    return Shift(
        group=key[0],
        field=key[1],
        value=value,
        now=counts[0],
        before=counts[1],
        units=units[0],
        units_before=units[1],
        p_value=p,
        largest=largest,
    )


def line_of_code(text: str) -> str | None:
    """Return the first place in the code that a text names with its line, `p.c.PriceController#46`; None: it names none."""
    found = _LINE_OF_CODE.search(text[:_HEAD])
    return found[0] if found else None
