"""Which events could have failed, and which accounts are comparable: the conditions that findings share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Collection

    from bridge.analysis.attributes import Items
    from bridge.analysis.cohort import Membership
    from bridge.analysis.events import Events
    from bridge.model.finding import Contrast

FEWEST_CONTROLS = 10
OWN = frozenset({"account_id", "at", "key", "failed", "trace_id"})
"""Columns of the events that are no attributes."""
EVENT_PREFIX = "event "
"""Before an event attribute whose name the accounts view has, too."""

Array = Any


def comparable(events: Events, members: Membership, possible: Array) -> tuple[Array, bool]:
    """Return the control accounts (bool by account) with an event among the `possible` ones; all of them, and False, if too few."""
    with_event = np.zeros(len(events.accounts), dtype=bool)
    with_event[events.account[possible]] = True
    chosen = members.control & with_event
    enough = int(chosen.sum()) >= FEWEST_CONTROLS
    return (chosen, True) if enough else (members.control, False)


def units(
    events: Events, members: Membership, control: Array, possible: Array, population: pa.Table | None, exclude: Collection[str]
) -> tuple[pa.Table, Array, Array, frozenset[str]]:
    """Return a row of attributes for each affected and control account, who is affected, their indices, and which are events'.

    Event attributes come from one event an account, picked at random and repeatably: a failing one of affected
    accounts, a possible one of controls. So an account with many events is still one witness. Affected accounts that
    failed elsewhere only are left out, as controls without a possible event are.
    """
    failing = np.zeros(len(events.accounts), dtype=bool)
    failing[events.account[events.failed & possible]] = True
    chosen = np.flatnonzero((members.affected & failing) | control)
    names = [events.accounts[i] for i in chosen]
    columns: dict[str, Any] = {}
    if population is not None:
        where = pc.index_in(pa.array(names, pa.string()), value_set=pc.cast(population["account_id"], pa.string()).combine_chunks())
        rows = population.take(where)
        columns |= {name: rows[name] for name in population.column_names if name not in {"account_id", "name"} and name not in exclude}
    picked = _picked(events, members, possible)[chosen]
    rows = events.table.take(pa.array(picked, mask=picked < 0))
    own = set()
    for name in events.table.column_names:
        if name in OWN or name in exclude or pa.types.is_temporal(events.table[name].type):
            continue
        shown = f"{EVENT_PREFIX}{name}" if name in columns else name
        columns[shown] = rows[name]
        own.add(shown)
    table = pa.table(columns) if columns else pa.table({"none": pa.nulls(len(chosen), pa.string())})
    return table, members.affected[chosen], chosen, frozenset(own)


def _picked(events: Events, members: Membership, possible: Array) -> Array:
    """Return a row by account: the one with the smallest hash among its failing (affected) or possible (others) ones; -1: none."""
    result = np.full(len(events.accounts), -1, dtype=np.int64)
    is_affected = members.affected[events.account]
    for rows in (events.failed & is_affected & possible, ~events.failed & ~is_affected & possible):
        index = np.flatnonzero(rows)
        order = index[np.lexsort((events.pick[index], events.account[index]))]
        accounts, first = np.unique(events.account[order], return_index=True)
        result[accounts] = order[first]
    return result


def sharing(events: Events, chosen: Array, items: Items, found: Contrast, event_attributes: frozenset[str]) -> Array:
    """Return the rows (bool) that meet the conditions of a contrast: by account, and by the row's own attribute."""
    rows = np.ones(len(events.at), dtype=bool)
    for condition in found.conditions:
        if condition.attribute in event_attributes:
            column = (
                condition.attribute.removeprefix(EVENT_PREFIX)
                if condition.attribute not in events.table.column_names
                else condition.attribute
            )
            values = pc.cast(events.table[column], pa.string())
            if not condition.value.startswith((">= ", "< ", "not set")):
                rows &= pc.fill_null(pc.equal(values, condition.value), False).to_numpy()
            continue
        marked = np.zeros(len(events.accounts), dtype=bool)
        marked[chosen] = items.matrix[items.conditions.index(condition)]
        # Accounts that were not compared (below the rule's minimum) are no opportunities here.
        rows &= marked[events.account]
    return rows
