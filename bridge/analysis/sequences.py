"""Sequences per trace: the event that normally follows is missing, or comes later than it did.

From the traces before, each kind of event learns what normally comes after it: the nearest kind that follows nearly every
time before the event itself comes again, of any group, and the nearest of its own group. It need not follow directly: what
lies between may differ from trace to trace. Fisher's exact test (one-sided, over traces) asks whether it is missing more often
than before. What would have come after a missing event is not asked for, because its own predecessor is missing too.
An error that goes away breaks nothing.
Idea: expected event patterns per trace, Nezha (FSE 2023), here on logs alone and with a test.
Traces in which the same happened in the same order are one, with their number (`bridge.logs.steps`). Traces that the window
cuts off are the same on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bridge.analysis.statistics import enrichment, larger, weighted_median

NORMAL = 0.8
"""Share of the traces with an event in which its follower comes after it, every time, for the follower to be normal."""
REACH = 20
"""Events after an event among which its follower is looked for."""
FEWEST = 3
"""Traces before that must hold an event for it to have a normal follower."""
_FEWEST_TIMES = 8
_BRANCH = 2
"""Traces before that make what comes instead of the follower a branch of its own."""
_LEARNT = 200_000
"""Events from which followers are learnt: the most frequent ways that have so many together."""

Array = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What happened in the traces of one side, each different way once, the most frequent first."""

    trace: Array
    """For each event the number of its way, ascending; int64."""
    kind: Array
    """What happened, in order inside a way: codes shared by both sides; int64."""
    weight: Array
    """For each way how many traces went it; int64."""
    examples: tuple[tuple[str, str], ...] = ()
    """For each way two of its traces, which may be the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """How long a kind came after another one: in how many traces each rounded wait was the longest."""

    traces: dict[float, float]
    """Microseconds to traces."""
    slowest: str
    """A trace with the longest wait."""


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
    least_p: float
    """The smallest p-value that these margins allow: a step that nothing can show is none that was tried (Tarone 1990)."""
    broken: Array
    """Places (in `Traces` of the window) of the first `first` that its follower does not follow, one a broken way."""
    usual: int
    """Broken traces in which comes next what came next before, too, in traces without the follower."""
    distance: float
    """Events from `first` to its follower, on average, before."""


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
    slowest: str
    """A trace of the window with the longest wait."""


def steps(now: Traces, before: Traces, group: Array, no_followers: Array) -> list[Step]:
    """Return every normal step of the traces before, with its test; steps whose first kind does not occur now are left out.

    `group` (int) and `no_followers` (bool: errors, nothing is wrong when they stay away) have an entry for each kind.
    """
    kinds = len(group)
    ours, theirs = _places(now, kinds), _places(before, kinds)
    found = []
    for first, follower, distance in _followers(before, group, no_followers):
        hits_before, total_before, broken_before = _missing(before, theirs, first, follower)
        hits, total, broken = _missing(now, ours, first, follower)
        if total:
            margins = (hits + hits_before, total + total_before, total)
            p, least = enrichment([hits, min(hits + hits_before, total)], *margins).tolist()
            found.append(
                Step(
                    first=first,
                    follower=follower,
                    missing=hits,
                    traces=total,
                    missing_before=hits_before,
                    traces_before=total_before,
                    p_value=p,
                    least_p=least,
                    broken=broken,
                    usual=_usual(now, broken, before, broken_before, no_followers),
                    distance=distance,
                )
            )
    return found


def turns(now: Traces, before: Traces, group: Array, no_followers: Array) -> list[Step]:
    """Return for each kind the test that what comes directly after it was never seen there before: another branch than any known.

    Before, a trace counts whose follower no other trace has: by as much the unseen is expected (Good and Turing). The
    follower that is named is the most common one before.
    """
    kinds = len(group)
    last = len(before.trace)
    then, then_before = (np.where(at >= 0, side.kind[at], kinds) for side, at in ((now, _after(now)), (before, _after(before))))
    code, code_before = now.kind * (kinds + 1) + then, before.kind * (kinds + 1) + then_before
    known, counts = _held(code_before, before)
    unseen = ~np.isin(code, known)
    single = np.isin(code_before, known[counts == 1])
    usual: dict[int, tuple[int, int]] = {}
    for pair, count in zip(known.tolist(), counts.tolist(), strict=True):
        one, other = divmod(pair, kinds + 1)
        if other < kinds and other != one and not no_followers[other]:
            usual[one] = max(usual.get(one, (0, 0)), (count, other))
    ours, theirs = _places(now, kinds), _places(before, kinds)
    found = []
    for first, (count, follower) in sorted(usual.items()):
        here, there = ours[first], theirs[first]
        total, total_before = _many(now, here), _many(before, there)
        if not total or total_before < FEWEST or count < _BRANCH or last == 0:
            continue
        _, one_each = np.unique(now.trace[here[unseen[here]]], return_index=True)
        broken = here[unseen[here]][one_each]
        hits, hits_before = _many(now, broken), _many(before, there[single[there]])
        p, least = enrichment([hits, min(hits + hits_before, total)], hits + hits_before, total + total_before, total).tolist()
        found.append(
            Step(
                first=first,
                follower=follower,
                missing=hits,
                traces=total,
                missing_before=hits_before,
                traces_before=total_before,
                p_value=p,
                least_p=least,
                broken=broken,
                usual=0,
                distance=1.0,
            )
        )
    return found


def delays(before: Traces, waits: dict[int, Gaps], waits_before: dict[int, Gaps], kinds: int) -> list[Delay]:
    """Return the normal steps whose time can be compared (Mann-Whitney over traces, one-sided: longer now).

    `waits` by the code of a pair of kinds, first * kinds + follower.
    """
    found = []
    for first, follower in sorted(_normal_steps(before, kinds)):
        ours, theirs = waits.get(first * kinds + follower), waits_before.get(first * kinds + follower)
        if ours is None or theirs is None:
            continue
        traces, traces_before = (round(sum(side.traces.values())) for side in (ours, theirs))
        if min(traces, traces_before) < _FEWEST_TIMES:
            continue
        found.append(
            Delay(
                first=first,
                follower=follower,
                median=weighted_median(ours.traces),
                median_before=weighted_median(theirs.traces),
                traces=traces,
                traces_before=traces_before,
                p_value=larger(ours.traces, theirs.traces),
                slowest=ours.slowest,
            )
        )
    return found


def _held(codes: Array, side: Traces) -> tuple[Array, Array]:
    """Return the different codes of events, and how many traces hold each."""
    pairs = np.unique(np.stack([codes, side.trace], axis=1), axis=0)
    known, number = np.unique(pairs[:, 0], return_inverse=True)
    return known, np.bincount(number.ravel(), weights=side.weight[pairs[:, 1]], minlength=len(known)).astype(np.int64)


def _many(side: Traces, places: Array) -> int:
    """Count the traces of these places."""
    return int(side.weight[np.unique(side.trace[places])].sum())


def pairs_of(side: Traces, kinds: int) -> dict[int, int]:
    """Return in how many traces a kind comes directly after another one, by first * kinds + follower."""
    inside = np.flatnonzero(side.trace[1:] == side.trace[:-1])
    ends = Traces(trace=side.trace[inside], kind=side.kind[inside], weight=side.weight)
    known, counts = _held(side.kind[inside] * kinds + side.kind[inside + 1], ends)
    return dict(zip(known.tolist(), counts.tolist(), strict=True))


def _usual(now: Traces, broken: Array, before: Traces, broken_before: Array, no_followers: Array) -> int:
    """Count broken places after which comes what came twice before, where the follower was missing: another branch, no break."""
    then = following(before, broken_before)
    there = then >= 0
    counts = np.bincount(before.kind[then[there]], weights=before.weight[before.trace[broken_before[there]]], minlength=len(no_followers))
    branches = np.flatnonzero((counts >= _BRANCH) & ~no_followers)
    after = following(now, broken)
    usual = broken[after >= 0][np.isin(now.kind[after[after >= 0]], branches)]
    return int(now.weight[now.trace[usual]].sum())


def _after(side: Traces) -> Array:
    """Return the place after each one in the same trace, -1 where the trace ends."""
    return following(side, np.arange(len(side.trace)))


def following(side: Traces, places: Array) -> Array:
    """Return the place of the event after each of these, in the same trace; -1 where the trace ends."""
    after = np.minimum(places + 1, len(side.trace) - 1)
    same = (side.trace[after] == side.trace[places]) & (after != places)
    return np.where(same, after, -1)


def _normal_steps(side: Traces, kinds: int) -> list[tuple[int, int]]:
    """Return (kind, follower) where the follower comes directly after it in nearly all traces that hold the kind."""
    held = dict(zip(*(array.tolist() for array in _held(side.kind, side)), strict=True))
    found = [(*divmod(code, kinds), count) for code, count in pairs_of(side, kinds).items()]
    return [
        (first, follower)
        for first, follower, count in found
        if first != follower and held[first] >= FEWEST and count >= NORMAL * held[first]
    ]


def _followers(side: Traces, group: Array, no_followers: Array) -> list[tuple[int, int, float]]:
    """Return (kind, follower, mean distance): the nearest normal follower of each kind, and the nearest of its own group."""
    kinds = len(group)
    end = len(side.trace)
    if end > _LEARNT:
        end = max(int(np.searchsorted(side.trace, side.trace[_LEARNT])), int(np.searchsorted(side.trace, 1)))
    trace, kind = side.trace[:end], side.kind[:end]
    again = _again(trace, kind)
    place = np.arange(end)
    seen: list[Array] = []
    for distance in range(1, REACH + 1):
        at = place[: max(0, end - distance)]
        at = at[(trace[at + distance] == trace[at]) & (at + distance < again[at])]
        seen.append(np.stack([at, kind[at + distance], np.full(len(at), distance)], axis=1))
    hits = np.concatenate(seen)
    hits = hits[~no_followers[hits[:, 1]]]
    _, nearest = np.unique(hits[:, 0] * kinds + hits[:, 1], return_index=True)  # the first is the nearest: distances ascend
    hits = hits[nearest]
    pair = kind[hits[:, 0]] * kinds + hits[:, 1]
    # In how many traces does every one of the events have this follower?
    by_trace, counts = np.unique(np.stack([pair, trace[hits[:, 0]]], axis=1), axis=0, return_counts=True)
    held, times = np.unique(np.stack([kind, trace], axis=1), axis=0, return_counts=True)
    often = dict(zip(map(tuple, held.tolist()), times.tolist(), strict=True))
    needed = np.array([often[code // kinds, number] for code, number in by_trace.tolist()], dtype=np.int64)
    every = by_trace[counts >= needed]
    codes, number = np.unique(every[:, 0], return_inverse=True)
    whole = np.bincount(number.ravel(), weights=side.weight[every[:, 1]], minlength=len(codes))
    traces = np.bincount(held[:, 0], weights=side.weight[held[:, 1]], minlength=kinds)
    first = codes // kinds
    good = (whole >= NORMAL * traces[first]) & (traces[first] >= FEWEST)
    normal = np.isin(pair, codes)
    which, times = np.searchsorted(codes, pair[normal]), side.weight[trace[hits[normal, 0]]]
    total = np.bincount(which, weights=hits[normal, 2] * times, minlength=len(codes))
    mean = total / np.maximum(np.bincount(which, weights=times, minlength=len(codes)), 1)
    best: dict[tuple[int, bool], tuple[float, int]] = {}
    for code, away in zip(codes[good].tolist(), mean[good].tolist(), strict=True):
        one, other = code // kinds, code % kinds
        for own in (False, True):
            if not own or group[one] == group[other]:
                best[one, own] = min(best.get((one, own), (float("inf"), -1)), (away, other))
    return sorted({(one, other, away) for (one, _), (away, other) in best.items()})


def _again(trace: Array, kind: Array) -> Array:
    """Return, for each place, the next place with the same kind in the same trace; the number of places where there is none."""
    order = np.lexsort((np.arange(len(trace)), trace, kind))
    same = (trace[order][1:] == trace[order][:-1]) & (kind[order][1:] == kind[order][:-1])
    again = np.full(len(trace), len(trace))
    again[order[:-1][same]] = order[1:][same]
    return again


def _places(side: Traces, kinds: int) -> list[Array]:
    """Return the places of each kind, ascending."""
    order = np.argsort(side.kind, kind="stable")
    return np.split(order, np.searchsorted(side.kind[order], np.arange(1, kinds)))


def _missing(side: Traces, places: list[Array], first: int, follower: int) -> tuple[int, int, Array]:
    """Return (traces in which some `first` has no `follower` before the next `first`, traces with `first`, the first such place of each way)."""
    ours, theirs = places[first], places[follower]
    if not len(ours):
        return 0, 0, ours
    trace = side.trace[ours]
    then = np.append(theirs, len(side.trace))[np.searchsorted(theirs, ours)]
    limit = np.append(ours[1:], len(side.trace))
    inside = then < len(side.trace)
    inside[inside] = side.trace[then[inside]] == trace[inside]
    lacking = ~(inside & (then < limit))
    _, one = np.unique(trace[lacking], return_index=True)
    return _many(side, ours[lacking][one]), _many(side, ours), ours[lacking][one]
