"""The events of a table elsewhere as `bridge.logs.steps` counts them, in DuckDB's words: names, levels and texts as ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from bridge.logs.names import LEVELS, level_of, words_of
from bridge.logs.sql import text
from bridge.logs.steps_sql import POD, POSITIONS, keyed

HIDDEN: Final = "bridge_field_"
"""What fields are called inside the queries: their own names may be those of our columns."""
_NOTHING: Final = ("", "-", "null", "None", "none", "nil")

# Everything here is made of our own words; values are bound.
# ruff: noqa: S608


def events_of(plain: str, by: str, extra: Sequence[str]) -> str:
    """Return the query of events for `Steps`, and each field; `plain` has at, the core, and the fields by their hidden names."""
    columns = {name: f'"{HIDDEN}{number}"' for number, name in enumerate(extra)}
    level = _level()
    group = level if by == "level" else f"CAST({columns[by]} AS VARCHAR)" if by in columns else name_of(by)
    places = [f"nullif(CAST({columns[name]} AS VARCHAR), '')" for name in POSITIONS if name in columns]
    place = f"coalesce({', '.join(places)}, '')" if places else "''"
    group = f"regexp_replace(coalesce({group}, ''), {text(POD)}, '', 'g')"
    named = f'epoch_us("at") AS "us", {group} AS "grp", {level} AS "lvl", {name_of("trace_id")} AS "trace", {name_of("account_id")} AS "account"'
    fields = "".join(f", {column}" for column in columns.values())
    return keyed(f'SELECT {named}, coalesce("message", \'\') AS "line", {place} AS "place"{fields} FROM ({plain}) AS "rows"', fields)


def field_of(events: str, name: str, number: int, kind: str) -> str:
    """Return the query of one field's values: us, grp, trace, account, field, value."""
    column = f'"{HIDDEN}{number}"'
    names = f'"us", "grp", "trace", "account", {text(name)} AS "field", CAST({column} AS {kind}) AS "value"'
    return f'SELECT {names} FROM ({events}) AS "events" WHERE {column} IS NOT NULL'


def name_of(column: str) -> str:
    """Return a name or an id, NULL where it says nothing."""
    return f'CASE WHEN trim("{column}") IN ({", ".join(map(text, _NOTHING))}) THEN NULL ELSE trim("{column}") END'


def type_of(kind: Any) -> str | None:
    """Return what values of a type are compared as; None: as nothing."""
    import pyarrow.types as known

    if known.is_integer(kind) or known.is_floating(kind) or known.is_decimal(kind):
        return "DOUBLE"
    simple = known.is_string(kind) or known.is_large_string(kind) or known.is_boolean(kind) or known.is_temporal(kind)
    return "VARCHAR" if simple or known.is_dictionary(kind) else None


def _level() -> str:
    """Return the canonical name of a level."""
    word = 'upper(trim("level"))'
    cases = " ".join(f"WHEN {word} IN ({', '.join(map(text, words_of({name})))}) THEN {text(level_of(name))}" for name in LEVELS)
    return f"CASE {cases} ELSE coalesce({word}, '') END"


_TAIL: Final = re.compile(POD)


def without_pod(name: str) -> str:
    """Return a service's name without what Kubernetes appends for a pod."""
    return _TAIL.sub("", name)
