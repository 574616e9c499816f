"""Steps of events that are in memory: a DuckDB of our own answers the queries that a cluster answers for its tables."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bridge.logs.steps import Steps
from bridge.logs.steps_sql import POD, POSITIONS, keyed

_SEVEN: Final = ("level", "service", "account_id", "trace_id", "message", "attributes", "file")
_POSITION: Final = '"(' + "|".join(re.escape(name) for name in POSITIONS) + ')"'
_WORDS: Final = 'SELECT "us", "grp", "trace", "account", "field", "word" AS "value" FROM "events" JOIN "fields" USING ("shape") WHERE "word" IS NOT NULL'
_NUMBERS: Final = 'SELECT "us", "grp", "trace", "account", "field", "number" AS "value" FROM "events" JOIN "fields" USING ("shape") WHERE "number" IS NOT NULL'


def steps_of(table: pa.Table, *, by: str, name: str = "events", problems: Collection[str] = ()) -> Steps:
    """Return the steps of an events table (at, level, service, message at least); `by` is a column, or a field of the attributes."""
    import duckdb

    shown = _complete(table, by)
    encoded = _encoded(shown)
    plain = pa.table(
        {
            "us": pc.cast(shown["at"], pa.int64()),
            "grp": shown["service"],
            "lvl": shown["level"],
            "trace": shown["trace_id"],
            "account": shown["account_id"],
            "line": shown["message"],
            "place": _places(encoded),
            "shape": encoded.indices,
            "tie": pa.array(np.arange(shown.num_rows)),
        }
    )
    connection = duckdb.connect()
    connection.register("plain_rows", plain)
    made = keyed("FROM plain_rows", ', "shape", "tie"')
    connection.execute(f'CREATE TABLE "events" AS {made}')
    connection.unregister("plain_rows")
    taken: list[str] = []

    def fields() -> tuple[str, str]:
        if not taken:  # not every question asks for them, and attributes are mostly different in each event
            connection.register("fields_rows", _fields(_encoded(shown).dictionary.to_pylist()))
            connection.execute('CREATE TABLE "fields" AS FROM fields_rows')
            connection.unregister("fields_rows")
            taken.append("fields")
        return _WORDS, _NUMBERS

    def run(text: str, values: Mapping[str, Any], most: int) -> tuple[pa.Table, bool]:
        found = connection.sql(text, params=dict(values)).to_arrow_table()
        return found.slice(0, most), found.num_rows > most

    def fetch(times: Collection[int], traces: Collection[str]) -> pa.Table:
        at = pc.is_in(pc.cast(shown["at"], pa.int64()), value_set=pa.array(sorted(times), pa.int64()))
        of = pc.is_in(shown["trace_id"], value_set=pa.array(sorted(traces), pa.string()))
        return shown.filter(pc.or_(at, of))

    return Steps(
        name=name,
        run=run,
        events='FROM "events"',
        order="tie",
        fields=fields,
        fetch=fetch,
        mark="$",
        most=table.num_rows + 1,
        problems=list(problems),
    )


def within(table: pa.Table, windows: Collection[tuple[int, int]]) -> pa.Table:
    """Return the events of these stretches of time, [start, end) in microseconds; of all times where there are none."""
    if not windows:
        return table
    at = pc.cast(table["at"], pa.int64()).to_numpy()
    return table.filter(pa.array(np.any([(at >= start) & (at < end) for start, end in windows], axis=0)))


def _complete(table: pa.Table, by: str) -> pa.Table:
    """Return all columns of events, in time order; `service` is the group."""
    rows = table.num_rows
    columns = {name: pc.cast(table[name], pa.string()) if name in table.column_names else pa.nulls(rows, pa.string()) for name in _SEVEN}
    group = columns[by] if by in columns else _field(columns["attributes"], by)
    columns |= {name: pc.fill_null(columns[name], "") for name in ("level", "message", "file")}
    columns["level"] = pc.utf8_upper(columns["level"])
    # A deployment's pods are one service, and a new rollout gives them new names.
    columns["service"] = pc.replace_substring_regex(pc.fill_null(group, ""), pattern=POD, replacement="")
    columns["at"] = pc.cast(table["at"], pa.timestamp("us", tz="UTC"))
    columns["offset"] = pc.cast(table["offset"], pa.int64()) if "offset" in table.column_names else pa.nulls(rows, pa.int64())
    found = pa.table(columns)
    return found.sort_by([(name, "ascending") for name in ("at", "file", "offset", "message")]) if rows else found


def attribute(text: str | None, name: str) -> str:
    """Return one field of a row's attributes as text; empty where it has none."""
    return _as_text(_object(text).get(name))


def _as_text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _field(attributes: Any, name: str) -> Any:
    encoded = pc.dictionary_encode(attributes, null_encoding="encode").combine_chunks()
    return pa.array([attribute(text, name) for text in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


def _encoded(shown: pa.Table) -> Any:
    """Return the attributes, each different text once, in the order of their first events."""
    return shown["attributes"].combine_chunks().dictionary_encode()


def _places(encoded: Any) -> Any:
    """Return where in the code each event is written, as far as its attributes tell."""
    telling = pc.fill_null(pc.match_substring_regex(encoded.dictionary, pattern=_POSITION), fill_value=False)
    places: list[str | None] = [None] * len(encoded.dictionary)
    for number, text in zip(np.flatnonzero(telling).tolist(), encoded.dictionary.filter(telling).to_pylist(), strict=True):
        found = _object(text)
        places[number] = next((place for name in POSITIONS if (place := _as_text(found.get(name)))), None)
    return pa.array(places, pa.string()).take(encoded.indices)


def _fields(shapes: list[str | None]) -> pa.Table:
    """Return shape, field, word, number: one row a field of each different attributes text."""
    rows: list[tuple[int, str, str | None, float | None]] = []
    for shape, text in enumerate(shapes):
        for field, value in _object(text).items():
            if field in POSITIONS:
                continue
            if isinstance(value, bool):
                rows.append((shape, field, str(value).lower(), None))
            elif isinstance(value, str):
                rows.append((shape, field, value, None))
            elif isinstance(value, (int, float)) and math.isfinite(value):
                rows.append((shape, field, None, float(value)))
    types = (("shape", pa.int32()), ("field", pa.string()), ("word", pa.string()), ("number", pa.float64()))
    return pa.table({name: pa.array([row[place] for row in rows], kind) for place, (name, kind) in enumerate(types)})


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text) if text else {}
    except msgspec.DecodeError:
        try:
            value = json.loads(text or "")  # takes what is no JSON, but is written: NaN, half of a pair of surrogates
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}
