"""What a search runs, counts and believes; how it shrinks is in `reduce`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from bridge.reproduction.statistics import repeats, sequential

Items = tuple[int, ...]
Run = Callable[[Items], bool]
"""Run these items once; True: this failure was seen."""
DETECTION = 4
"""Runs of the whole that decide whether it always fails."""
MEASURE = 20
"""Runs that measure a rate where it matters: of the whole, when a part seems to fail more rarely."""
CONFIRM = 8
"""Runs of what is left: so many in a row, and it is taken to fail always."""
_CAREFUL_MISS = 0.015
_ALPHA = 0.003
"""Of the sequential test: small, because it is asked again and again."""
LEAST_BACKGROUND = 0.05
"""What the sequential test takes as the rate of false failures, at least."""
LONGEST_TEST = 60
"""Runs after which the sequential test gives up on a candidate."""


class Exhausted(Exception):  # noqa: N818 - a stop, no error
    """The budget of runs is used up; what is reached so far stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How much one run is worth."""

    quick: int = 1
    """Runs of a candidate while halving; the first failure accepts."""
    careful: int = 1
    """The same in the last pass."""
    background: float = 0.0
    """Rate of the same failure without its cause; above 0 a single failure proves nothing."""
    rate: float = 1.0
    """What the sequential test takes as the failure's rate: below the measured one."""

    @property
    def certain(self) -> bool:
        """Tell whether one run decides."""
        return self.careful == 1 and self.background <= 0


def trust(seen: int, runs: int, background: float = 0.0) -> Trust:
    """Choose by the first runs of the whole: all failed and no background, then one run is enough."""
    if seen <= 0:
        raise ValueError(f"nothing to shrink: 0 of {runs} runs failed")
    if background > 0:
        # Well below what was measured: a rate that is assumed too high makes the test wander.
        rate = min(0.9, max(4 * background, 0.6 * seen / runs))
        return Trust(quick=2, careful=2, background=max(background, LEAST_BACKGROUND), rate=rate)
    if seen == runs:
        return Trust()
    return Trust(careful=max(2, repeats(seen / runs, _CAREFUL_MISS)), rate=seen / runs)


@dataclass(slots=True)
class Search:
    """One search; counts what it costs."""

    run: Run
    trust: Trust
    producers: Mapping[int, frozenset[int]]
    fixed: frozenset[int]
    """Items that always stay: the anchor."""
    budget: int = 1_000_000
    """Runs of candidates, at most."""
    allowed: Callable[[Items, Items], bool] = lambda _items, _last: True
    """Tell whether these items may be run once more, given what would stand then."""
    whole: tuple[int, int] = (0, 0)
    """How often all items failed: seen and runs; none: it is not compared with what is left."""
    replays: int = 0
    """Runs of candidates."""
    measured: int = 0
    """Runs of an accepted sequence to learn its rate."""
    requests: int = 0
    history: list[int] = field(default_factory=list)
    """Sizes that were reached, biggest first."""
    last: Items = ()
    """The smallest that failed so far: what stands when the budget ends."""
    sound: Items = ()
    """The smallest that is known to fail about as often as the whole."""
    control: tuple[int, int] = (0, 0)
    """How often the control failed, once a false failure was found: seen and runs."""
    known: dict[Items, tuple[int, int]] = field(default_factory=dict)
    """What was measured of each sequence: seen and runs. Runs that decided about a candidate are not in it: they would flatter."""
    alike: Mapping[int, str] = field(default_factory=dict)
    """What items have in common (their route): those with the same word are tried together."""
    _needs: dict[int, frozenset[int]] = field(default_factory=dict)

    def closure(self, items: Iterable[int]) -> Items:
        """Return the items with everything they need, in order."""
        found: set[int] = set()
        for item in items:
            found |= self._closed(item)
        return tuple(sorted(found))

    def _closed(self, item: int) -> frozenset[int]:
        if item not in self._needs:
            needed = {item}
            for producer in self.producers.get(item, frozenset()):
                needed |= self._closed(producer)
            self._needs[item] = frozenset(needed)
        return self._needs[item]

    def once(self, items: Items) -> bool:
        """Run once; Exhausted when the budget is used up."""
        if self.replays >= self.budget or not self.allowed(items, self.last):
            raise Exhausted
        self.replays += 1
        self.requests += len(items)
        return self.run(items)

    def fails(self, items: Items, times: int) -> bool:
        """Tell whether the candidate still shows the failure: in one of `times` runs, and where there is a background, by a test."""
        for _ in range(times):
            if self.once(items):
                return self.trust.background <= 0 or self._holds(items)
        return False

    def _holds(self, items: Items) -> bool:
        """Test from the start: the run that called for the test was picked for failing and counts for nothing."""
        seen = 0
        for runs in range(1, LONGEST_TEST + 1):
            seen += self.once(items)
            word = sequential(seen, runs, background=self.trust.background, rate=self.trust.rate, alpha=_ALPHA)
            if word != "more":
                return word == "yes"
        return False

    def rate(self, items: Items, runs: int) -> tuple[int, int]:
        """Measure: failures and runs. Counted apart from the candidates; Exhausted when there is no budget for it."""
        seen = 0
        for _ in range(runs):
            if not self.allowed(items, self.last):
                raise Exhausted
            self.measured += 1
            self.requests += len(items)
            seen += self.run(items)
        before = self.known.get(items, (0, 0))
        self.known[items] = before[0] + seen, before[1] + runs
        return seen, runs

    def note(self, items: Items) -> Items:
        """Remember what was reached."""
        self.history.append(len(items))
        self.last = items
        return items
