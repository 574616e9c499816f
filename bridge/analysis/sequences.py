"""Sequences per trace: the event that normally follows is missing, or comes later than it did.

From the traces before, each kind of event learns what normally comes after it: the nearest kind that follows nearly every
time before the event itself comes again, of any group, and the nearest of its own group. It need not follow directly: what
lies between may differ from trace to trace. Fisher's exact test (one-sided, over traces) asks whether it is missing more often
than before. What would have come after a missing event is not asked for, because its own predecessor is missing too.
An error that goes away breaks nothing.
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
"""Share of the traces with an event in which its follower comes after it, every time, for the follower to be normal."""
REACH = 20
"""Events after an event among which its follower is looked for."""
FEWEST = 3
"""Traces before that must hold an event for it to have a normal follower."""
_FEWEST_TIMES = 8
_BRANCH = 2
"""Traces before that make what comes instead of the follower a branch of its own."""
_LEARNT = 200_000
"""Events from which followers are learnt: the first traces that have so many."""

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
    least_p: float
    """The smallest p-value that these margins allow: a step that nothing can show is none that was tried (Tarone 1990)."""
    broken: Array
    """Places (in `Traces` of the window) of the first `first` that its follower does not follow, one a broken trace."""
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
    slowest: int
    """Place (in `Traces` of the window) of the follower after the longest wait."""


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
    known, counts = np.unique(np.unique(np.stack([code_before, before.trace], axis=1), axis=0)[:, 0], return_counts=True)
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
        total, total_before = len(np.unique(now.trace[here])), len(np.unique(before.trace[there]))
        if not total or total_before < FEWEST or count < _BRANCH or last == 0:
            continue
        _, one_each = np.unique(now.trace[here[unseen[here]]], return_index=True)
        broken = here[unseen[here]][one_each]
        hits, hits_before = len(broken), len(np.unique(before.trace[there[single[there]]]))
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


def _usual(now: Traces, broken: Array, before: Traces, broken_before: Array, no_followers: Array) -> int:
    """Count broken places after which comes what came twice before, where the follower was missing: another branch, no break."""
    then = following(before, broken_before)
    kinds, counts = np.unique(before.kind[then[then >= 0]], return_counts=True)
    branches = kinds[(counts >= _BRANCH) & ~no_followers[kinds]]
    after = following(now, broken)
    return int(np.isin(now.kind[after[after >= 0]], branches).sum())


def _after(side: Traces) -> Array:
    """Return the place after each one in the same trace, -1 where the trace ends."""
    return following(side, np.arange(len(side.trace)))


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


def _followers(side: Traces, group: Array, no_followers: Array) -> list[tuple[int, int, float]]:
    """Return (kind, follower, mean distance): the nearest normal follower of each kind, and the nearest of its own group."""
    kinds = len(group)
    end = len(side.trace)
    if end > _LEARNT:
        end = int(np.searchsorted(side.trace, side.trace[_LEARNT]))
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
    codes, whole = np.unique(by_trace[counts >= needed, 0], return_counts=True)
    traces = np.bincount(held[:, 0], minlength=kinds)
    first = codes // kinds
    good = (whole >= NORMAL * traces[first]) & (traces[first] >= FEWEST)
    total = np.bincount(np.searchsorted(codes, pair[np.isin(pair, codes)]), weights=hits[np.isin(pair, codes), 2], minlength=len(codes))
    number = np.bincount(np.searchsorted(codes, pair[np.isin(pair, codes)]), minlength=len(codes))
    mean = total / np.maximum(number, 1)
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
    """Return (traces in which some `first` has no `follower` before the next `first`, traces with `first`, places of the first such)."""
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
    return len(one), len(np.unique(trace)), ours[lacking][one]


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
