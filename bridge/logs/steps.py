"""What happened when, from a store that keeps its texts: each event's time, ids and the number of its text.

A comparison needs the order of events in each trace and which of them are of one kind, not what they say. So a store
shrinks the values of its messages and numbers the texts that are left (`bridge.logs.sql.steps`); of each text only the first
message in each group comes back. It stands for all messages of that text until the few that are shown are fetched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bridge.logs.collapse import collapse
from bridge.logs.remote import event_of

NAMES: Final = ("level", "service", "account_id", "trace_id")
Spot = tuple[int, str, str | None]
"""Time in microseconds, service and trace of an event."""
Fetch = Callable[[Sequence[int]], Iterable[tuple[Spot, str]]]
"""Returns the events of these times with their messages, by message."""


@dataclass(slots=True, kw_only=True)
class Steps:
    """Events as `bridge.analysis.compare` takes them."""

    table: pa.Table
    """`offset` is the number of the row."""
    problems: list[str] = field(default_factory=list)
    copies: Any = None
    """For each row which of the different messages of its text, time, service and trace it has (numpy); None: the messages are its own."""
    fetch: Fetch | None = None

    def messages(self, rows: Iterable[int]) -> dict[int, str]:
        """Return the messages of these rows themselves; one that is not found any more is missing."""
        wanted = sorted(set(rows))
        if self.fetch is None or not wanted:
            return {}
        at = pc.cast(self.table["at"], pa.int64())
        spots: dict[int, Spot] = {
            row: (at[row].as_py(), self.table["service"][row].as_py(), self.table["trace_id"][row].as_py()) for row in wanted
        }
        there: dict[tuple[Spot, str], list[str]] = {}
        found = list(dict.fromkeys(self.fetch(sorted({spot[0] for spot in spots.values()}))))
        for (spot, message), text in zip(found, _collapsed([message for _, message in found]), strict=True):
            there.setdefault((spot, text), []).append(message)
        texts = _collapsed([self.table["message"][row].as_py().rstrip(" ") for row in wanted])
        result = {}
        for row, text in zip(wanted, texts, strict=True):
            same = there.get((spots[row], text), [])
            if same:
                result[row] = same[min(int(self.copies[row]) - 1, len(same) - 1)]
        return result


def steps_of(found: pa.Table, name: str, *, by: str, extra: Sequence[str], fetch: Fetch) -> Steps:
    """Return the steps of a store's answer to `bridge.logs.sql.steps`: at, level, service, ..., text, copy, message."""
    columns: dict[str, Any] = {"at": pc.cast(found["at"], pa.timestamp("us", tz="UTC"))}
    columns |= {known: _mapped(found[known], partial(_usual, known)) for known in NAMES}
    copies = found["copy"].to_numpy().astype(np.int64)
    columns["message"] = pa.array(_messages(found, by, copies), pa.string())
    columns["attributes"] = pa.array(_attributes({key: found[key].to_pylist() for key in extra}, found.num_rows), pa.string())
    columns["file"] = pa.array([name] * found.num_rows, pa.string())
    columns["offset"] = pa.array(range(found.num_rows), pa.int64())
    return Steps(table=pa.table(columns), copies=copies, fetch=fetch)


def _usual(name: str, value: Any) -> str | None:
    found: str | None = getattr(event_of(0, {name: value}), name)
    return found


def _messages(found: pa.Table, by: str, copies: Any) -> list[str]:
    """Return for each row the message of its text, with a blank more for each further message at the same time and place."""
    groups = found[by].to_pylist()
    numbers = found["text"].to_pylist()
    first: dict[tuple[Any, int], str] = {}
    for group, number, message in zip(groups, numbers, found["message"].to_pylist(), strict=True):
        if message is not None:
            first[group, number] = event_of(0, {"message": message}).message
    # Events that differ in their values only are not one event that was sent twice: blanks at the end are no part of a template.
    return [first.get((group, number), "") + " " * (copy - 1) for group, number, copy in zip(groups, numbers, copies.tolist(), strict=True)]


def _attributes(columns: Mapping[str, Sequence[Any]], rows: int) -> list[str]:
    if not columns:
        return ["{}"] * rows
    made: dict[tuple[Any, ...], str] = {}
    result = []
    for values in zip(*columns.values(), strict=True):
        if values not in made:
            known = {key: value for key, value in zip(columns, values, strict=True) if value is not None}
            made[values] = json.dumps(known, default=str, ensure_ascii=False)
        result.append(made[values])
    return result


def _mapped(column: Any, change: Callable[[Any], Any]) -> Any:
    """Return a column of texts with each different value changed once."""
    encoded = pc.dictionary_encode(column, null_encoding="encode").combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    return pa.array([change(value) for value in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


def _collapsed(messages: Sequence[str]) -> list[str]:
    texts, rows = collapse(messages)
    return [texts[row] for row in rows.tolist()]
