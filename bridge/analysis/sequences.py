"""Sequences per trace: the event that normally follows is missing, or comes later than it did.

From the traces before, each kind of event learns the kind that normally comes directly after it. Then, for the traces
that hold the first kind, Fisher's exact test (one-sided, over traces) asks whether the follower is missing more often
than before. Only the first break of a trace shows: what would have come after the missing event is not asked for,
because its own predecessor is missing too. An error that goes away breaks nothing.
Idea: expected event patterns per trace, Nezha (FSE 2023), here on logs alone and with a test.
Rows may come in any order; equal times keep the order of file and offset. Traces that the window cuts off are the same
on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from bridge.analysis.statistics import enrichment

NORMAL = 0.8
"""Share of the traces with an event in which its follower comes directly after it, for the follower to be normal."""
FEWEST = 3
"""Traces before that must hold an event for it to have a normal follower."""
_FEWEST_TIMES = 8

Array = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """Events of one side in order: trace codes ascending, time ascending inside a trace; all int64 arrays of one length."""

    trace: Array
    at: Array
    """Microseconds."""
    kind: Array
    """What happened: codes shared by both sides."""
    row: Array
    """Row numbers in the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A kind and its normal follower, counted over traces on both sides."""

    first: int
    follower: int
    missing: int
    traces: int
    missing_before: int
    traces_before: int
    p_value: float
    broken: Array
    """Places (in `Traces` of the window) of the last `first` that nothing normal follows, one a broken trace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """A kind and its follower, and the time between them: medians in microseconds, one value a trace."""

    first: int
    follower: int
    median: float
    median_before: float
    traces: int
    traces_before: int
    p_value: float
    slowest: int
    """Place (in `Traces` of the window) of the follower after the longest wait."""


def steps(now: Traces, before: Traces, kinds: int) -> list[Step]:
    """Return every normal step of the traces before, with its test; steps whose first kind does not occur now are left out."""
    last_now, last_before = _last(now, kinds), _last(before, kinds)
    found = []
    for first, follower in _normal_steps(before, kinds):
        hits_before, total_before, _ = _missing(last_before, first, follower)
        hits, total, broken = _missing(last_now, first, follower)
        if total:
            p = float(enrichment(hits, hits + hits_before, total + total_before, total))
            found.append(
                Step(
                    first=first,
                    follower=follower,
                    missing=hits,
                    traces=total,
                    missing_before=hits_before,
                    traces_before=total_before,
                    p_value=p,
                    broken=broken,
                )
            )
    return found


def delays(now: Traces, before: Traces, kinds: int) -> list[Delay]:
    """Return the normal steps whose time can be compared (Mann-Whitney over traces, one-sided: longer now)."""
    found = []
    gaps_now, gaps_before = _gaps(now, kinds), _gaps(before, kinds)
    for pair in sorted(_normal_steps(before, kinds)):
        code = pair[0] * kinds + pair[1]
        (ours, places), (theirs, _) = gaps_now.get(code, _NONE), gaps_before.get(code, _NONE)
        if min(len(ours), len(theirs)) < _FEWEST_TIMES:
            continue
        p = float(stats.mannwhitneyu(ours, theirs, alternative="greater").pvalue)
        found.append(
            Delay(
                first=pair[0],
                follower=pair[1],
                median=float(np.median(ours)),
                median_before=float(np.median(theirs)),
                traces=len(ours),
                traces_before=len(theirs),
                p_value=p,
                slowest=int(places[int(np.argmax(ours))]),
            )
        )
    return found


def following(side: Traces, places: Array) -> Array:
    """Return the place of the event after each of these, in the same trace; -1 where the trace ends."""
    after = np.minimum(places + 1, len(side.trace) - 1)
    same = (side.trace[after] == side.trace[places]) & (after != places)
    return np.where(same, after, -1)


_NONE: tuple[Array, Array] = (np.zeros(0), np.zeros(0, dtype=np.int64))


def _normal_steps(side: Traces, kinds: int) -> list[tuple[int, int]]:
    """Return (kind, follower) where the follower comes directly after it in nearly all traces that hold the kind."""
    if len(side.trace) < 2:  # noqa: PLR2004 - a step has two ends
        return []
    inside = side.trace[1:] == side.trace[:-1]
    pairs = side.kind[:-1][inside] * kinds + side.kind[1:][inside]
    seen, counts = np.unique(np.unique(np.stack([pairs, side.trace[1:][inside]], axis=1), axis=0)[:, 0], return_counts=True)
    held = np.bincount(np.unique(np.stack([side.kind, side.trace], axis=1), axis=0)[:, 0], minlength=kinds)
    first, follower = seen // kinds, seen % kinds
    good = (counts >= NORMAL * held[first]) & (held[first] >= FEWEST) & (first != follower)
    return list(zip(first[good].tolist(), follower[good].tolist(), strict=True))


def _last(side: Traces, kinds: int) -> dict[int, tuple[Array, Array]]:
    """Return for each kind the traces that hold it (ascending) and the place of its last event in each."""
    code = side.kind * (int(side.trace.max(initial=0)) + 1) + side.trace
    _, first_from_end = np.unique(code[::-1], return_index=True)
    places = len(code) - 1 - first_from_end
    kind = side.kind[places]
    ends = np.searchsorted(kind, np.arange(kinds + 1))
    return {k: (side.trace[places[ends[k] : ends[k + 1]]], places[ends[k] : ends[k + 1]]) for k in range(kinds) if ends[k] < ends[k + 1]}


def _missing(last: dict[int, tuple[Array, Array]], first: int, follower: int) -> tuple[int, int, Array]:
    """Return (traces whose last `first` no `follower` comes after, traces with `first`, places of those firsts)."""
    if first not in last:
        return 0, 0, np.zeros(0, dtype=np.int64)
    traces, places = last[first]
    after = np.full(len(traces), -1, dtype=np.int64)
    if follower in last:
        theirs, their_places = last[follower]
        at = np.minimum(np.searchsorted(theirs, traces), len(theirs) - 1)
        after = np.where(theirs[at] == traces, their_places[at], -1)
    broken = places[after < places]
    return len(broken), len(traces), broken


def _gaps(side: Traces, kinds: int) -> dict[int, tuple[Array, Array]]:
    """Return for each pair of neighbours the longest time between them in each trace, and the place of the second."""
    inside = np.flatnonzero(side.trace[1:] == side.trace[:-1])
    if not len(inside):
        return {}
    pair = side.kind[inside] * kinds + side.kind[inside + 1]
    gap = (side.at[inside + 1] - side.at[inside]).astype(float)
    order = np.lexsort((-gap, side.trace[inside], pair))
    pair, trace, gap, place = pair[order], side.trace[inside][order], gap[order], inside[order] + 1
    new = np.r_[True, (pair[1:] != pair[:-1]) | (trace[1:] != trace[:-1])]
    pair, gap, place = pair[new], gap[new], place[new]
    starts = np.flatnonzero(np.r_[True, pair[1:] != pair[:-1]])
    ends = np.r_[starts[1:], len(pair)]
    return {int(pair[start]): (gap[start:end], place[start:end]) for start, end in zip(starts, ends, strict=True)}
