"""The questions about logs as SQL over the columns of events, in DuckDB's words: for the cache, and for clusters once translated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.logs.question import Question

VALUE: Final = "[0-9]+([a-f]{1,16}[0-9]+)*[a-f]{0,16}"
"""What `bridge.logs.collapse` makes `0` of, as a regular expression that every product understands."""


def text(value: str) -> str:
    """Return a text as an SQL literal of DuckDB, which knows no escapes in it."""
    return "'" + value.replace("'", "''") + "'"


@dataclass(slots=True)
class Values:
    """The values of a query, by name."""

    place: Callable[[str], str]
    """How a placeholder is written: `$name`, `:name`."""
    found: dict[str, Any] = field(default_factory=dict)

    def add(self, value: Any) -> str:
        """Keep a value and return its placeholder."""
        name = f"v{len(self.found)}"
        self.found[name] = value
        return self.place(name)


def condition(question: Question, values: Values, moment: Callable[[str], str]) -> str:
    """Return which events fit (all but `where`); `moment` makes a time of a placeholder for microseconds."""
    words = [
        f'"at" {sign} {moment(values.add(bound))}' for bound, sign in ((question.start, ">="), (question.end, "<")) if bound is not None
    ]
    words += [one_of('"level"', question.levels, values)] if question.levels else []
    words += members(question, values)
    return " AND ".join(words) or "1 = 1"


def members(question: Question, values: Values) -> list[str]:
    """Return the conditions on services, accounts, traces and texts."""
    columns = (("service", question.services), ("account_id", question.accounts), ("trace_id", question.traces))
    words = [one_of(f'"{name}"', wanted, values) for name, wanted in columns if wanted]
    return words + [f'strpos("message", {values.add(part)}) > 0' for part in question.grep]


def one_of(column: str, wanted: Iterable[str], values: Values) -> str:
    """Return that a column has one of these values."""
    return f"{column} IN ({', '.join(values.add(one) for one in sorted(wanted))})"


def counts(source: str, where: str, bucket: str | None, fields: Iterable[str], *, template: bool) -> str:
    """Return the query that counts: columns bucket (if any), the fields, whole and part (for templates, as in `texts`), events."""
    fields = [f'"{name}"' for name in fields]
    groups = [*([f'{bucket} AS "bucket"'] if bucket else []), *fields]
    if template:
        return _texts(source, where, groups, [*(['"bucket"'] if bucket else []), *fields])
    by = f" GROUP BY {', '.join(str(number + 1) for number in range(len(groups)))}" if groups else ""
    columns = ", ".join([*groups, 'count(*) AS "events"'])
    return f"SELECT {columns} FROM {source} WHERE {where}{by}"  # noqa: S608 - made of our own words; values are bound


def texts(source: str, where: str) -> str:
    """Return the query for the messages that differ in more than their values: columns whole, part, events.

    Of messages of several lines one comes back as `whole`, of all others only `part`, what `bridge.logs.collapse` leaves of them.
    """
    return _texts(source, where, [], [])


def _texts(source: str, where: str, groups: list[str], names: list[str]) -> str:
    part = f"regexp_replace(\"message\", {text(VALUE)}, '0', 'g')"
    columns = ", ".join([*groups, '"message" AS "bridge_said"', f'{part} AS "bridge_shrunk"'])
    inner = f"SELECT {columns} FROM {source} WHERE {where}"  # noqa: S608 - made of our own words; values are bound
    lines = 'strpos("bridge_shrunk", chr(10)) > 0'
    shown = (
        *names,
        f'CASE WHEN {lines} THEN min("bridge_said") END AS "whole"',
        f'CASE WHEN {lines} THEN \'\' ELSE "bridge_shrunk" END AS "part"',
        'count(*) AS "events"',
    )
    by = ", ".join([*names, '"bridge_shrunk"'])
    return f'SELECT {", ".join(shown)} FROM ({inner}) AS "shrunk" GROUP BY {by}'  # noqa: S608 - as above
