"""What a clean run says when the failure does not always show: each item's chance of being needed.

Noisy group testing with independent beliefs: choose what is likeliest to take most away (as ProbDD does: Wang and others,
FSE 2021), and learn by Bayes from runs that did not fail. A run that fails proves that what was left out is not needed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

FIRST: Final = 0.05
"""Chance of an item of being needed, before anything is known."""
DOUBT: Final = 0.0005
"""An item is taken as needed when the chance that it is not is below this."""
ASSUMED: Final = 0.6
"""Rate of the failure until it is measured; a wrong one only costs runs, or makes them less."""
FEW: Final = 2
"""From candidates of so many items on a run is cheap, and the rate is measured."""
_MOST: Final = 0.7


def cautious(seen: int, runs: int) -> float:
    """Return the rate to calculate with: not above .7, because a rate that is assumed too high takes misses for proof."""
    return min(_MOST, max(1, seen) / runs)


def beliefs(items: Iterable[int], clean: Sequence[Collection[int]], rate: float) -> dict[int, float]:
    """Return each item's chance of being needed after these clean runs (what each left out; of other items it is known)."""
    chances = dict.fromkeys(items, FIRST)
    for gone in clean:
        learn(chances, [item for item in gone if item in chances], rate)
    return chances


def choose(chances: Mapping[int, float], needs: Mapping[int, frozenset[int]]) -> tuple[int, ...]:
    """Return the items whose removal takes most away on average; none when each that is left is surely needed.

    An item goes with all that need it (`needs`: an item with everything it needs), so nothing chosen comes back.
    """
    highest = dict(chances)
    for item, chance in chances.items():
        for producer in needs[item]:
            if producer in highest:
                highest[producer] = max(highest[producer], chance)
    order = sorted((item for item in chances if highest[item] < 1 - DOUBT), key=lambda item: (highest[item], -item))
    best, most, all_free = 0, 0.0, 1.0
    for count, item in enumerate(order, start=1):
        all_free *= 1 - chances[item]
        if count * all_free <= most:
            break
        best, most = count, count * all_free
    return tuple(order[:best])


def learn(chances: dict[int, float], gone: Collection[int], rate: float) -> None:
    """Update the beliefs after a clean run without these items, in place."""
    all_free = 1.0
    for item in gone:
        all_free *= 1 - chances[item]
    clean = 1 - all_free * rate
    for item in gone:
        free = 1 - chances[item]
        chances[item] = 1 - free * (1 - all_free / free * rate) / clean
