"""Recorded gaps between requests: kept, compressed or stretched, and which of them matter.

For targets whose clock can't be set. Time that has to pass is real time, so it is looked for only when the requests, one
after the other at once, don't show the failure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bridge.model.exchange import Exchange
from bridge.reproduction.reduce import shrink
from bridge.reproduction.search import Items, Search, Trust

Waits = Mapping[int, float]
"""Seconds that pass before a step, by its index; that of a step which is left out passes before the next one."""
Try = Callable[[Waits], bool]
"""Run once with these waits; True: the failure was seen."""
STRETCHED = 2.0
NOT_KEPT = "recorded gaps were not kept: the requests followed each other at once"
LEAST = 1.0
"""Seconds; shorter gaps are the network's."""
_HALVINGS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """The waits that have to stay."""

    waits: Waits
    too_short: Waits
    """For each of them the longest wait that was tried and did not show the failure; missing: none was too short."""


def gaps(steps: Sequence[Exchange], factor: float = 1.0) -> dict[int, float]:
    """Return the recorded gaps of a second and more, times `factor`; steps without a time have none."""
    found = {}
    for before, after in pairwise(steps):
        if before.at is not None and after.at is not None:
            seconds = (after.at - before.at).total_seconds()
            if seconds >= LEAST:
                found[after.index] = seconds * factor
    return {index: seconds for index, seconds in found.items() if seconds > 0}


def least(waits: Waits, run: Try, trust: Trust) -> Needed:
    """Return the waits without which the failure does not show, each as short as a few halvings make it.

    `waits` are known to show it. First whole gaps go, the longest tried first because they cost most, then those that are left
    are halved while the failure shows.
    """
    order = sorted(waits, key=lambda index: (waits[index], -index))
    numbers = dict(enumerate(order))

    def with_these(items: Items) -> bool:
        return run({numbers[item]: waits[numbers[item]] for item in items})

    search = Search(run=with_these, trust=trust, producers={}, fixed=frozenset())
    if not waits or search.fails((), trust.careful):
        return Needed(waits={}, too_short={})
    current = {numbers[item]: waits[numbers[item]] for item in shrink(search, tuple(numbers))}
    too_short: dict[int, float] = {}
    for index in list(current):
        for _ in range(_HALVINGS):
            shorter = current[index] / 2
            if shorter < LEAST:
                break
            if not any(run({**current, index: shorter}) for _ in range(trust.careful)):
                too_short[index] = shorter
                break
            current[index] = shorter
    return Needed(waits=dict(sorted(current.items())), too_short=too_short)


def moved(waits: Waits, kept: Sequence[int]) -> dict[int, float]:
    """Return the waits by the kept steps before which they pass."""
    found: dict[int, float] = {}
    for index, seconds in waits.items():
        after = next((step for step in kept if step >= index), None)
        if after is not None:
            found[after] = found.get(after, 0.0) + seconds
    return found


def told(seconds: float) -> str:
    """Say a length of time: `40 s`, `16 min`, `2.5 h`."""
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"  # noqa: PLR2004 - two hours


def sentence(count: int, needed: Needed, factor: float) -> str:
    """Say which of the recorded gaps matter."""
    how = "kept" if factor == 1 else f"stretched {factor:g} times" if factor > 1 else f"compressed to {factor:.2g} of their length"
    if not needed.waits:
        return f"no recorded gap matters ({count} of a second and more): it fails with the requests following each other at once"
    parts = [
        f"{told(seconds)} before request {index + 1}"
        + (f" ({told(needed.too_short[index])} are too short)" if index in needed.too_short else "")
        for index, seconds in needed.waits.items()
    ]
    return f"{len(parts)} of {count} recorded gaps matter ({how}): {', '.join(parts)}; the others were left out"
