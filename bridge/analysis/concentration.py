"""Concentration: failures pile up at a time of day, or some minutes after a recurring event, beyond the load.

The test counts affected accounts, one failing event each (a random but repeatable one), so that an account that fails
all the time is one witness. The load is what one event of each account would look like if failing had
nothing to do with the time: each account weighs as much as its number of events makes a failure likely.
The figures that are printed (inside, total, ratio) count all events.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import xlogy
from scipy.stats import binom

from bridge.analysis.events import DAY, MICROSECONDS, micros
from bridge.analysis.scan import REPLICATES, Scan, scan, smallest_seen
from bridge.analysis.statistics import ALPHA, ratio_effect
from bridge.model.finding import Concentration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.analysis.events import Events
    from bridge.model.change import Change

MINUTE = 60 * MICROSECONDS
DAY_MINUTES = 1440
STEP = 5
"""Minutes a bin; edges are found by the minute afterwards."""
WIDTHS = (5, 10, 15, 20, 30, 45, 60)
FEWEST = 5
"""Affected accounts below which no concentration can be told."""
RUNS = 3
"""A job with fewer runs does not recur."""
_AXES = 12
"""Recurring events that are tried, those with most runs on different days first."""
_SLACK = 15
"""Minutes beyond the scan's window in which the edges are looked for."""
_NEARLY_ALL = 0.9

Array = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Minutes since something: the day's beginning, or the last run of a recurring event."""

    name: str | None
    """None: the time of day; else the event, `job cache-refresh`."""
    minutes: Array
    """int64, a row each; -1 where there was no run before."""
    length: int
    """Minutes of the circle or the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentrations:
    """What was found, what was tried, and which rows lie inside."""

    found: tuple[Concentration, ...] = ()
    """The time of day first; corrected over the axes that were tried."""
    inside: Array | None = None
    """bool, an event row each: inside the window that explains most failures. None when none was found."""
    tried: tuple[str, ...] = ()
    accounts: int = 0
    """Accounts with enough failures: the size of the sample."""
    seen: int | None = None
    """How many of them, in one quarter of an hour of average load, would have been seen."""
    best_p: float = field(default=1.0)


def concentrations(
    events: Events, changes: Sequence[Change], *, minimum: int, seed: int, replicates: int = REPLICATES, methods: int = 1
) -> Concentrations:
    """Scan the time of day and the minutes after each recurring change, over accounts with at least `minimum` failures.

    `methods` shares the 5 % with other methods.
    """
    chosen = _witnesses(events, minimum)
    if len(chosen) < FEWEST:
        return Concentrations(accounts=len(chosen))
    weights = _weights(events, minimum)
    axes = [_time_of_day(events), *_after_events(events, changes)]
    results: list[tuple[Axis, Scan]] = []
    for number, axis in enumerate(axes):
        result = _scan(axis, events, chosen, weights, np.random.default_rng([seed, number]), replicates)
        if result is not None:
            results.append((axis, result))
    count = len(results)
    holding = [(axis, result) for axis, result in results if result.p_value * count * methods <= ALPHA]
    described = [(axis, _describe(axis, events, result, min(1.0, result.p_value * count))) for axis, result in holding]
    described = [(axis, item) for axis, item in described if item.days > 1]
    kept = _best(described)
    by_day = next((result for axis, result in results if axis.name is None), None)
    return Concentrations(
        found=tuple(item for _, item in kept),
        inside=_inside(*kept[0]) if kept else None,
        tried=tuple(axis.name or "time of day" for axis, _ in results),
        accounts=len(chosen),
        seen=None if by_day is None else smallest_seen(len(chosen), 15 / DAY_MINUTES, by_day.critical),
        best_p=min((min(1.0, result.p_value * count) for _, result in results), default=1.0),
    )


def _witnesses(events: Events, minimum: int) -> Array:
    """Return one failing row for each account with enough of them: the one with the smallest hash."""
    rows = np.flatnonzero(events.failed & (events.per_account(events.failed) >= minimum)[events.account])
    order = rows[np.lexsort((events.pick[rows], events.account[rows]))]
    _, first = np.unique(events.account[order], return_index=True)
    return np.sort(order[first])


def _weights(events: Events, minimum: int) -> Array:
    """Return each row's weight in the load: P(its account fails often enough) spread over the account's events."""
    count = events.per_account()
    rate = np.count_nonzero(events.failed) / max(1, len(events.failed))
    return (binom.sf(minimum - 1, count, rate) / np.maximum(count, 1))[events.account]


def _time_of_day(events: Events) -> Axis:
    return Axis(name=None, minutes=(events.at % DAY) // MINUTE, length=DAY_MINUTES)


def _after_events(events: Events, changes: Sequence[Change]) -> list[Axis]:
    runs: dict[tuple[str, str], list[int]] = defaultdict(list)
    for change in changes:
        runs[change.kind, change.name].append(micros(change.at))
    recurring = sorted(
        ((len({at // DAY for at in times}), key, times) for key, times in runs.items() if len({at // DAY for at in times}) >= RUNS),
        key=lambda item: (-item[0], item[1]),
    )
    axes = []
    for _, (kind, name), times in recurring[:_AXES]:
        starts = np.sort(np.array(times, dtype=np.int64))
        length = int(min(np.median(np.diff(starts)), DAY) // MINUTE)
        if length < 2 * STEP:
            continue
        latest = np.searchsorted(starts, events.at, side="right") - 1
        minutes = np.where(latest >= 0, (events.at - starts[np.maximum(latest, 0)]) // MINUTE, -1)
        axes.append(Axis(name=f"{kind} {name}", minutes=np.where(minutes < length, minutes, -1), length=length))
    return axes


def _scan(axis: Axis, events: Events, chosen: Array, weights: Array, generator: np.random.Generator, replicates: int) -> Scan | None:
    step = STEP if axis.length >= 24 * STEP else 1
    size = -(-axis.length // step)
    known = axis.minutes >= 0
    load = np.bincount(axis.minutes[known] // step, weights=weights[known], minlength=size)
    rows = chosen[known[chosen]]
    if len(rows) < FEWEST:
        return None
    return scan(
        axis.minutes[rows] // step,
        events.at[rows] // DAY,
        load,
        widths=tuple(max(1, width // step) for width in WIDTHS if width < axis.length),
        generator=generator,
        circular=axis.name is None,
        replicates=replicates,
    )


def _describe(axis: Axis, events: Events, result: Scan, p_value: float) -> Concentration:
    step = STEP if axis.length >= 24 * STEP else 1
    start, end = _edges(axis, events, result.start * step, result.width * step)
    inside = _between(axis, start, end)
    failing = np.count_nonzero(events.failed)
    caught, load = int(np.count_nonzero(inside & events.failed)), int(np.count_nonzero(inside))
    return Concentration(
        axis="time of day" if axis.name is None else "after event",
        start_minute=start,
        end_minute=end,
        event=axis.name,
        inside=caught,
        total=int(failing),
        load_share=load / len(events.at),
        days=len(np.unique(events.at[inside & events.failed] // DAY)),
        ratio=ratio_effect("failure rate inside to outside", caught, load, int(failing) - caught, len(events.at) - load),
        p_value=p_value,
    )


def _edges(axis: Axis, events: Events, start: int, width: int) -> tuple[int, int]:
    """Return the minutes [start, end) around the scan's window with the greatest likelihood ratio, all failures counted.

    An edge one minute inside a multiple of five moves out to it: clocks and schedules are round.
    """
    low, size = start - _SLACK, width + 2 * _SLACK
    if axis.name is not None:
        low = max(0, low)
        size = min(size, axis.length - low)
    known = axis.minutes >= 0
    offset = (axis.minutes - low) % axis.length
    near = known & (offset < size)
    load = np.bincount(offset[near], minlength=size)
    total, everything = int(np.count_nonzero(events.failed)), len(events.at)
    n = np.concatenate([[0], np.cumsum(load)])
    first, last = np.triu_indices(size + 1, 1)
    # As in the scan, the day with most failures counts no more than the second: a burst beside must not move an edge.
    days, day = np.unique(events.at[near & events.failed] // DAY, return_inverse=True)
    by_day = np.zeros((len(days), size + 1), dtype=np.int64)
    np.add.at(by_day, (day.ravel(), offset[near & events.failed] + 1), 1)
    caught = np.cumsum(by_day, axis=1)[:, last] - np.cumsum(by_day, axis=1)[:, first]
    top = np.partition(caught, len(days) - 2, axis=0)[-2:] if len(days) > 1 else np.concatenate([caught * 0, caught])
    excess = top[1] - top[0]
    total = total - excess
    inside, share = (caught.sum(axis=0) - excess).astype(float), (n[last] - n[first]) / everything
    expected = np.maximum(share * total, 1e-9)
    outside = total - inside
    value = xlogy(inside, np.maximum(inside, 1e-9) / expected) + xlogy(
        outside, np.maximum(outside, 1e-9) / np.maximum(total - expected, 1e-9)
    )
    value = np.where(inside > expected, value, -1.0) - 1e-6 * (last - first)
    best = int(np.argmax(value))
    begin, end = low + int(first[best]), low + int(last[best])
    begin -= 1 if begin % STEP == 1 else 0
    end += 1 if end % STEP == STEP - 1 else 0
    return begin % axis.length, begin % axis.length + (end - begin)


def _between(axis: Axis, start: int, end: int) -> Array:
    known = axis.minutes >= 0
    return known & ((axis.minutes - start) % axis.length < end - start)


def _inside(axis: Axis, found: Concentration) -> Array:
    return _between(axis, found.start_minute, found.end_minute)


def _best(described: list[tuple[Axis, Concentration]]) -> list[tuple[Axis, Concentration]]:
    """Keep the time of day and one event: among those that hold nearly as many failures, the one that came last before."""
    days = [(axis, item) for axis, item in described if axis.name is None]
    after = [(axis, item) for axis, item in described if axis.name is not None]
    if after:
        most = max(item.inside for _, item in after)
        after = [(axis, item) for axis, item in after if item.inside >= _NEARLY_ALL * most]
        after = [min(after, key=lambda pair: (pair[1].start_minute, -pair[1].inside, pair[1].event or ""))]
    if days and after and days[0][1].inside < _NEARLY_ALL * after[0][1].inside:
        return after + days
    return days + after
