"""The queries of `bridge.logs.steps`, in DuckDB's words: only what every product has, once `bridge.sql.clusters` has translated it.

`events` is a query with the columns us (microseconds), grp, lvl, trace, account, line, part, place, key. No names of columns
are used for something else inside one query: ClickHouse would take the one for the other.
"""

from __future__ import annotations

from typing import Final, Literal

from bridge.logs.sql import VALUE, text

KEY_LENGTH: Final = 16
MANY: Final = 50
"""Different words above which a field is no category."""
POSITIONS: Final = ("position", "caller", "logger", "source", "location", "code.function", "code.filepath", "filename", "lineno", "class")
"""Fields that say where in the code an event is written: each template has its own, so they shift with it."""
POD: Final = "-[0-9a-f]{8,10}-[0-9a-z]{5}$"
"""What Kubernetes appends to a deployment's name for its pods."""
_MINUTE: Final = 60_000_000
_UNITS: Final = {"traces": '"trace"', "accounts": '"account"', "minutes": f'CAST("us" - "us" % {_MINUTE} AS VARCHAR)'}
_DECADES: Final = range(-6, 12)
_WHOLE: Final = 2
"""The decade from which on whole numbers are rounded."""

# Everything here is made of our own words; values are bound.
# ruff: noqa: S608


def keyed(events: str, columns: str) -> str:
    """Return events (columns us, grp, lvl, trace, account, line, place and these) with their shrunk text and its key."""
    names = f'"us", "grp", "lvl", "trace", "account", "line", "place"{columns}'
    part = f"regexp_replace(\"line\", {text(VALUE)}, '0', 'g')"
    key = f'substring(md5(concat("grp", \'|\', "lvl", \'|\', "part")), 1, {KEY_LENGTH})'
    return f'SELECT {names}, "part", {key} AS "key" FROM (SELECT {names}, {part} AS "part" FROM ({events}) AS "plain") AS "shrunk"'


def totals(events: str) -> str:
    """Return the query for lines, traced, named, first and last."""
    counts = 'count(*) AS "lines", count("trace") AS "traced", count("account") AS "named"'
    return f'SELECT {counts}, min("us") AS "first", max("us") AS "last" FROM ({events}) AS "events"'


def texts(events: str) -> str:
    """Return the query for the texts: grp, lvl, key, message, place, first, last, events."""
    shown = 'min("line") AS "message", min("place") AS "place", min("us") AS "first", max("us") AS "last", count(*) AS "events"'
    return f'SELECT "grp", "lvl", "key", {shown} FROM (SELECT "grp", "lvl", "key", "part", "line", "place", "us" FROM ({events}) AS "events") AS "texts" GROUP BY "grp", "lvl", "key", "part"'


def ways(events: str, unit: str, order: str, most: int) -> str:
    """Return the query for the ways: way, traces, one, other. Of traces the order of steps, else the set of them."""
    numbered = _numbered(events, order) if unit == "traces" else _members(events, unit)
    joined = f'SELECT "unit", string_agg("step", \'\' ORDER BY "nth") AS "way" FROM ({numbered}) AS "numbered" GROUP BY "unit"'
    counts = 'count(*) AS "traces", min("unit") AS "one", max("unit") AS "other"'
    return f'SELECT "way", {counts} FROM ({joined}) AS "joined" GROUP BY "way" ORDER BY 2 DESC, 1 LIMIT {most}'


def waits(events: str, order: str) -> str:
    """Return the query for the waits: previous, step, cell, traces, one."""
    window = 'OVER (PARTITION BY "unit" ORDER BY "nth" ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING)'
    columns = f'"unit", "step", "nth", "us" - max("us") {window} AS "gap", max("step") {window} AS "previous"'
    after = f'SELECT {columns} FROM ({_numbered(events, order)}) AS "numbered"'
    longest = f'SELECT "unit", "previous", "step", max("gap") AS "wait" FROM ({after}) AS "after" WHERE "nth" > 1 GROUP BY "unit", "previous", "step"'
    cell = rounded('CAST("wait" AS DOUBLE)', whole=True)
    cells = f'SELECT "unit", "previous", "step", {cell} AS "cell" FROM ({longest}) AS "longest"'
    return f'SELECT "previous", "step", "cell", count(*) AS "traces", min("unit") AS "one" FROM ({cells}) AS "cells" GROUP BY "previous", "step", "cell"'


def marks(events: str, unit: str, by: Literal["key", "grp"], start: int | None, length: int) -> str:
    """Return the query for (name, mark, units): the stretch in which `by` came first in a unit, or the part of its account there."""
    firsts = (
        f'SELECT {_UNITS[unit]} AS "unit", "{by}" AS "name", "us", "account" FROM ({events}) AS "events" WHERE {_UNITS[unit]} IS NOT NULL'
    )
    firsts = f'SELECT "unit", "name", min("us") AS "first", min("account") AS "who" FROM ({firsts}) AS "seen" GROUP BY "unit", "name"'
    mark = 'substring(md5("who"), 1, 2)' if start is None else f'"first" - {start} - ("first" - {start}) % {length}'
    known = ' WHERE "who" IS NOT NULL' if start is None else ""
    marked = f'SELECT "name", {mark} AS "mark" FROM ({firsts}) AS "firsts"{known}'
    return f'SELECT "name", "mark", count(*) AS "units" FROM ({marked}) AS "marked" GROUP BY "name", "mark"'


def words(fields: str, unit: str) -> str:
    """Return the query for (grp, field, word, units) of fields with few words."""
    counted = f'SELECT "grp", "field", "value" AS "word", count(DISTINCT "unit") AS "units" FROM ({_of_units(fields, unit)}) AS "held" GROUP BY "grp", "field", "value"'
    many = f'SELECT "grp", "field", "word", "units", count(*) OVER (PARTITION BY "grp", "field") AS "many" FROM ({counted}) AS "counted"'
    return f'SELECT "grp", "field", "word", "units" FROM ({many}) AS "some" WHERE "many" <= {MANY}'


def held(fields: str, unit: str) -> str:
    """Return the query for (grp, field, units): how many units have the field at all."""
    return f'SELECT "grp", "field", count(DISTINCT "unit") AS "units" FROM ({_of_units(fields, unit)}) AS "held" GROUP BY "grp", "field"'


def numbers(fields: str, unit: str) -> str:
    """Return the query for (grp, field, cell, units): the largest of each unit, rounded."""
    largest = f'SELECT "grp", "field", "unit", max("value") AS "largest" FROM ({_of_units(fields, unit)}) AS "held" GROUP BY "grp", "field", "unit"'
    cell = rounded('"largest"')
    cells = f'SELECT "grp", "field", {cell} AS "cell" FROM ({largest}) AS "units"'
    return f'SELECT "grp", "field", "cell", count(*) AS "units" FROM ({cells}) AS "cells" GROUP BY "grp", "field", "cell"'


def first_with(fields: str, mark: str, *, rounds: bool) -> str:
    """Return the query for the time of the first event with a value."""
    value = rounded('"value"') if rounds else '"value"'
    return f'SELECT min("us") AS "first" FROM ({fields}) AS "fields" WHERE "grp" = {mark}group AND "field" = {mark}name AND {value} = {mark}value'


def rounded(value: str, *, whole: bool = False) -> str:
    """Return a number (DOUBLE) rounded down to 1 to 2.5 %: steps of 2 from 100 on, of 5 from 200, of 10 from 500, of 20 from 1,000, ...

    Whole numbers stay whole, up to 1e12, and every product computes the same: only products and quotients of whole numbers.
    `whole`: the value is one.
    """
    decades = _DECADES[_DECADES.index(_WHOLE) :] if whole else _DECADES
    least = _decimal(1, decades[0])
    cases = [f"WHEN abs({value}) < {least} THEN {value if whole else 'CAST(0 AS DOUBLE)'}"]
    for decade in decades:
        for limit, step in ((2, 2), (5, 5), (10, 10)):
            times, parts = (10 ** (_WHOLE - decade), step) if decade < _WHOLE else (1, step * 10 ** (decade - _WHOLE))
            cell = f"floor({value} * {times}.0 / {parts}.0) * {parts}.0 / {times}.0"
            cases.append(f"WHEN abs({value}) < {_decimal(limit, decade)} THEN {cell}")
    return f"CASE {' '.join(cases)} ELSE {value} END"


def _decimal(digit: int, decade: int) -> str:
    return f"{digit * 10**decade}.0" if decade >= 0 else f"{digit * 10.0**decade:.{-decade}f}"


def _numbered(events: str, order: str) -> str:
    """Return unit, us, step, nth: the events of each trace in order, without those that repeat another one."""
    tie = f'min("{order}")' if order != "line" else '"line"'
    once = f'SELECT "trace" AS "unit", "us", "grp", {tie} AS "tie", min("key") AS "step" FROM ({events}) AS "events" WHERE "trace" IS NOT NULL GROUP BY "trace", "us", "grp", "line"'
    return (
        f'SELECT "unit", "us", "step", row_number() OVER (PARTITION BY "unit" ORDER BY "us", "tie", "grp") AS "nth" FROM ({once}) AS "once"'
    )


def _members(events: str, unit: str) -> str:
    """Return unit, step, nth: the different texts of each unit."""
    once = f'SELECT DISTINCT {_UNITS[unit]} AS "unit", "key" AS "step" FROM ({events}) AS "events" WHERE {_UNITS[unit]} IS NOT NULL'
    return f'SELECT "unit", "step", row_number() OVER (PARTITION BY "unit" ORDER BY "step") AS "nth" FROM ({once}) AS "once"'


def _of_units(fields: str, unit: str) -> str:
    column = _UNITS[unit]
    return f'SELECT {column} AS "unit", "grp", "field", "value" FROM ({fields}) AS "fields" WHERE {column} IS NOT NULL'
