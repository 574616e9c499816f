"""The questions about logs as SQL over the columns of events, in DuckDB's words: for the cache, and for clusters once translated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.logs.question import Question
from bridge.text.mask import PASSES

LONGEST: Final = 2_000
"""Characters of a message that a template is made of, as in `bridge.logs.templates`."""
_COSTLY: Final = 2
"""Passes of the mask that run on every event; the others run on what they left different."""


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
    columns = (("level", question.levels), ("service", question.services), ("account_id", question.accounts), ("trace_id", question.traces))
    words += [f"{name} IN ({', '.join(values.add(one) for one in sorted(wanted))})" for name, wanted in columns if wanted]
    words += [f"contains(message, {values.add(part)})" for part in question.grep]
    return " AND ".join(words) or "1 = 1"


def counts(source: str, where: str, bucket: str | None, fields: Iterable[str], template: bool) -> str:  # noqa: FBT001 - one of five parts
    """Return the query that counts: columns bucket (if any), the fields, `whole` and `template` (if asked for), events.

    A message of several lines, or too long, comes back as `whole` and gets its template here; of all others only the
    template comes back, but for blanks around it.
    """
    groups = [*([f"{bucket} AS bucket"] if bucket else []), *fields]
    names = [*(["bucket"] if bucket else []), *fields]
    if not template:
        by = f" GROUP BY {', '.join(str(number + 1) for number in range(len(groups)))}" if groups else ""
        return f"SELECT {', '.join([*groups, 'count(*) AS events'])} FROM {source} WHERE {where}{by}"  # noqa: S608 - made of our own words; values are bound
    odd = f"contains(message, chr(10)) OR length(message) > {LONGEST}"
    first = [
        f"CASE WHEN {odd} THEN message END AS whole",
        f"CASE WHEN {odd} THEN '' ELSE {_masked('message', PASSES[:_COSTLY])} END AS part",
    ]
    inner = ", ".join([*groups, *first, "count(*) AS events"])
    by = ", ".join(str(number + 1) for number in range(len(groups) + len(first)))
    rest = ", ".join([*names, "whole", f"{_masked('part', PASSES[_COSTLY:])} AS template", "events"])
    return f"SELECT {rest} FROM (SELECT {inner} FROM {source} WHERE {where} GROUP BY {by}) AS parts"  # noqa: S608 - as above


def _masked(column: str, passes: Iterable[tuple[str, str]]) -> str:
    for pattern, replacement in passes:
        column = f"regexp_replace({column}, {text(pattern)}, {text(replacement)}, 'g')"
    return column
