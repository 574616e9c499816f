"""Excerpts: the log lines of one or two exemplar failures, with what the system did meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bridge.analysis.events import MICROSECONDS, moment
from bridge.analysis.log_tables import line
from bridge.model.finding import Excerpt

if TYPE_CHECKING:
    from bridge.analysis.events import Events
    from bridge.model.finding import Cohort

_LINES = 25
"""Lines of the failure itself that are shown; what is left out is counted."""
_SYSTEM = 12
"""Lines without an account or trace that are shown with it, the nearest ones."""
_SLACK = 60 * MICROSECONDS
"""Around the failure's own lines: the system's lines from here count as meanwhile."""
_BEFORE = 30 * 60 * MICROSECONDS

Array = Any


def excerpts(events: Events, cohort: Cohort, lines: pa.Table, rows: Array | None = None) -> tuple[Excerpt, ...]:
    """Show the newest failure of the biggest affected account, and the newest failure of all; `rows` (bool) prefers some."""
    shown: list[Excerpt] = []
    seen: set[int] = set()
    if not lines.num_rows or "trace_id" not in events.table.column_names:
        return ()
    traces = set(pc.unique(pc.drop_null(lines["trace_id"])).to_pylist())
    for row, why in _exemplars(events, cohort, traces, rows):
        if row not in seen:
            seen.add(row)
            shown.append(_excerpt(events, row, why, lines))
    return tuple(shown)


def _exemplars(events: Events, cohort: Cohort, traces: set[str], rows: Array | None) -> list[tuple[int, str]]:
    """Return failing rows whose trace has lines, with the reason for each."""
    affected = {account.account_id for account in cohort.affected}
    wanted = np.flatnonzero(events.failed if rows is None or not (events.failed & rows).any() else events.failed & rows)
    names = pc.cast(events.table["trace_id"].take(pa.array(wanted)), pa.string()).to_pylist()
    owner = {row: events.accounts[events.account[row]] for row in wanted.tolist()}
    usable = [row for row, name in zip(owner, names, strict=True) if name in traces and owner[row] in affected]
    if not usable:
        return []
    have = {owner[row] for row in usable}
    biggest = next(account for account in cohort.affected if account.account_id in have)
    newest = max(row for row in usable if owner[row] == biggest.account_id)
    return [
        (newest, f"the newest failure of {biggest.name}, the affected account with the highest revenue"),
        (usable[-1], "the newest failure of all"),
    ]


def _excerpt(events: Events, row: int, why: str, lines: pa.Table) -> Excerpt:
    trace = str(events.table["trace_id"][row].as_py())
    own = np.flatnonzero(pc.fill_null(pc.equal(lines["trace_id"], trace), False).to_numpy())
    at = pc.cast(lines["at"], pa.int64()).to_numpy()
    kept = _ends(own)
    meanwhile = _meanwhile(lines, at, int(at[own[0]]), int(at[own[-1]]))
    chosen = sorted({*kept.tolist(), *meanwhile.tolist()})
    return Excerpt(
        key=str(events.table["key"][row].as_py() or trace),
        why=f"{why}, at {moment(events.at[row]):%Y-%m-%d %H:%M:%S} UTC",
        lines=tuple(line(lines, item) for item in chosen),
        left_out=len(own) - len(kept),
    )


def _ends(rows: Array) -> Array:
    """Return the first and last lines when there are too many: how it began and how it ended."""
    return rows if len(rows) <= _LINES else np.concatenate([rows[: _LINES // 2], rows[-(_LINES - _LINES // 2) :]])


def _meanwhile(lines: pa.Table, at: Array, first: int, last: int) -> Array:
    """Return the system's own lines nearest to the failure."""
    nobody = pc.and_(pc.is_null(lines["account_id"]), pc.is_null(lines["trace_id"])).to_numpy()
    near = np.flatnonzero(nobody & (at >= first - _BEFORE) & (at <= last + _SLACK))
    if len(near) <= _SYSTEM:
        return near
    distance = np.maximum(np.maximum(first - at[near], at[near] - last), 0)
    return near[np.argsort(distance, kind="stable")[:_SYSTEM]]
