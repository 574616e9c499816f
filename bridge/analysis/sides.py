"""Two sets of log events made comparable: one set of templates, groups, kinds of events, and traces in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bridge.analysis.field_values import attribute, line_of_code, position
from bridge.analysis.log_tables import ERRORS, log_lines
from bridge.analysis.sequences import Traces
from bridge.logs.store import with_templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.logs.template_store import KnownTemplates

_POD = r"-[0-9a-f]{8,10}-[0-9a-z]{5}$"
"""What Kubernetes appends to a deployment's name for its pods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """`now` and `before` in time order without repeated rows; `service` holds the group."""

    now: pa.Table
    before: pa.Table
    texts: Mapping[str, str]
    """Template id to template."""
    aliases: Mapping[str, tuple[str, ...]]
    """Template id to the ids that it had before."""
    kinds: list[tuple[str, str]]
    """Code of what happened to (group, template id)."""
    traces: Traces
    traces_before: Traces
    spots: Any
    """For each kind the kind that stands for it in sequences: the first one written at the same line of code."""


def sides_of(
    before: pa.Table, after: pa.Table, by: str, *, known: KnownTemplates | None = None, texts: Mapping[str, str] | None = None
) -> Sides:
    """Return both sides; `by` names a column, or a field of the attributes, that becomes the group.

    `texts`: of the template ids that the tables have already. Without them templates are mined, of both sides together and
    what is `known`.
    """
    tables = []
    for table in (before, after):
        group = pc.fill_null(pc.cast(table[by], pa.string()), "") if by in table.column_names else _field(table, by)
        # A deployment's pods are one service, and a new rollout gives them new names.
        group = pc.replace_substring_regex(group, pattern=_POD, replacement="")
        place = table.column_names.index("service")
        tables.append(table.set_column(place, "service", group))
    aliases: Mapping[str, tuple[str, ...]] = {}
    if texts is None:
        tables, found = with_templates(tables, known)
        texts, aliases = dict(zip(found.ids, found.texts, strict=True)), found.templates.aliases()
    lines = [_ordered(table) for table in tables]
    pairs = [list(zip(table["service"].to_pylist(), table["template_id"].to_pylist(), strict=True)) for table in lines]
    kinds = sorted({*pairs[0], *pairs[1]})
    code = {pair: number for number, pair in enumerate(kinds)}
    codes = [np.array([code[pair] for pair in side], dtype=np.int64) for side in pairs]
    return Sides(
        now=lines[1],
        before=lines[0],
        texts=texts,
        aliases=aliases,
        kinds=kinds,
        traces=_traces(lines[1], codes[1]),
        traces_before=_traces(lines[0], codes[0]),
        spots=_spots(kinds, list(zip(reversed(lines), reversed(codes), strict=True))),
    )


def _spots(kinds: list[tuple[str, str]], sides: list[tuple[pa.Table, Any]]) -> Any:
    """Return for each kind the first kind of its group that is written at the same line of code, itself where the logs don't say.

    Values that are in few of the messages make several templates of one statement; for what follows what it is one.
    """
    spots = np.arange(len(kinds))
    known: dict[tuple[str, str], int] = {}
    places: dict[int, str] = {}
    for table, codes in sides:
        found, rows = np.unique(codes, return_index=True)
        for kind, row in zip(found.tolist(), rows.tolist(), strict=True):
            place = position(table["attributes"][row].as_py(), table["message"][row].as_py())
            if place and line_of_code(place) == place:
                places[kind] = place
    for kind, place in sorted(places.items()):
        spots[kind] = known.setdefault((kinds[kind][0], place), kind)
    return spots


def _field(table: pa.Table, name: str) -> pa.Array:
    texts = table["attributes"].to_pylist() if "attributes" in table.column_names else [None] * table.num_rows
    return pa.array([attribute(text, name) for text in texts], pa.string())


def _ordered(table: pa.Table) -> pa.Table:
    """Return the columns of `log_lines` in time order, with the attributes."""
    lines = log_lines([("logs", table.append_column("row", pa.array(range(table.num_rows), pa.int64())))])
    keys = [("at", "ascending"), ("file", "ascending"), ("offset", "ascending"), ("message", "ascending")]
    texts = table["attributes"] if "attributes" in table.column_names else pa.nulls(table.num_rows, pa.string())
    sortable = (
        table.select([])
        if not table.num_rows
        else pa.table(
            {
                "at": pc.cast(table["at"], pa.timestamp("us", tz="UTC")),
                "file": table["file"] if "file" in table.column_names else pa.nulls(table.num_rows, pa.string()),
                "offset": table["offset"] if "offset" in table.column_names else pa.nulls(table.num_rows, pa.int64()),
                "message": pc.fill_null(table["message"], ""),
            }
        )
    )
    order = pc.sort_indices(sortable, sort_keys=keys) if table.num_rows else pa.array([], pa.uint64())
    return _once(lines.append_column("attributes", pc.cast(texts, pa.string()).take(order)))


def _once(table: pa.Table) -> pa.Table:
    """Return the rows (in time order) without those that repeat another one: files overlap, and collectors send twice.

    The same time to the microsecond, group, trace and message are one event.
    """
    if not table.num_rows:
        return table
    codes = [
        np.asarray(pc.fill_null(pc.dictionary_encode(table[name]).combine_chunks().indices, -1))
        for name in ("service", "trace_id", "message")
    ]
    rows = np.stack([pc.cast(table["at"], pa.int64()).to_numpy(), *codes], axis=1)
    _, first = np.unique(rows, axis=0, return_index=True)
    return table if len(first) == len(rows) else table.take(pa.array(np.sort(first)))


def _traces(table: pa.Table, kind: Any) -> Traces:
    known = pc.dictionary_encode(table["trace_id"]).combine_chunks()
    trace = np.array([-1 if index is None else index for index in known.indices.to_pylist()], dtype=np.int64)
    at = pc.cast(table["at"], pa.int64()).to_numpy()
    rows = np.flatnonzero(trace >= 0)
    order = rows[np.lexsort((rows, at[rows], trace[rows]))]
    return Traces(trace=trace[order], at=at[order], kind=kind[order], row=order)


def place_of(table: pa.Table, kind: int, sides: Sides) -> str | None:
    """Return where in the code a kind of event is written, from the first event of it."""
    group, identity = sides.kinds[kind]
    places = pc.indices_nonzero(pc.and_(pc.equal(table["service"], group), pc.equal(table["template_id"], identity)))
    return position(table["attributes"][places[0].as_py()].as_py(), table["message"][places[0].as_py()].as_py()) if len(places) else None


def is_error(sides: Sides, kind: int) -> bool:
    """Tell whether a kind is an error, by its level where lines have one, else by the exceptions it names."""
    place = np.flatnonzero(sides.traces_before.kind == kind)[:1]
    level = sides.before["level"][int(sides.traces_before.row[place[0]])].as_py() if len(place) else ""
    text = sides.texts[sides.kinds[kind][1]]
    return level in ERRORS or "Exception" in text or "Traceback" in text or any(word in text.split() for word in ERRORS)
