"""Shrink a failing sequence to a smallest one: pure search over a run function.

Slice (the failing request's entities), producers' closure, halving from the end (Lithium's algorithm), then a pass that
tries every single request until none can go. Failures that do not always fail: one run a candidate while halving, then
repeats by the measured rate; where clean systems fail too (a background rate), a sequential test decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.reproduction.statistics import repeats, sequential, wilson

Items = tuple[int, ...]
Run = Callable[[Items], bool]
"""Run these items once; True: this failure was seen."""
DETECTION = 4
"""Runs of the whole that decide whether it always fails."""
MEASURE = 20
"""Runs that measure the rate of a failure that does not always show."""
CONTROL = 20
"""Runs of the control, which shows whether there are false failures."""
_CAREFUL_MISS = 0.015
_ALPHA = 0.003
"""Of the sequential test: small, because it is asked again and again."""
_LEAST_BACKGROUND = 0.05
_FARTHEST = 0.15
_SURE = 1.96
_SMALLEST_TREE = 4
_LONGEST_TEST = 60
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
        return Trust(quick=2, careful=2, background=max(background, _LEAST_BACKGROUND), rate=rate)
    if seen == runs:
        return Trust()
    return Trust(careful=max(2, repeats(seen / runs, _CAREFUL_MISS)))


@dataclass(slots=True)
class Search:
    """One search; counts what it costs."""

    run: Run
    trust: Trust
    producers: Mapping[int, frozenset[int]]
    fixed: frozenset[int]
    """Items that always stay: the anchor."""
    budget: int = 1_000_000
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
        if self.replays >= self.budget:
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
        for runs in range(1, _LONGEST_TEST + 1):
            seen += self.once(items)
            word = sequential(seen, runs, background=self.trust.background, rate=self.trust.rate, alpha=_ALPHA)
            if word != "more":
                return word == "yes"
        return False

    def rate(self, items: Items, runs: int) -> tuple[int, int]:
        """Measure: failures and runs. Counted apart from the candidates."""
        seen = 0
        for _ in range(runs):
            self.measured += 1
            self.requests += len(items)
            seen += self.run(items)
        return seen, runs

    def note(self, items: Items) -> Items:
        """Remember what was reached."""
        self.history.append(len(items))
        self.last = items
        return items


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """What a search came to."""

    items: Items
    seen: int
    runs: int
    """Fresh runs of exactly these items: the search's own runs would flatter the rate."""
    complete: bool
    """False: the budget ended first; a shorter sequence may exist."""


class _FalseFailureError(Exception):
    """A part was accepted that fails far more rarely than the whole: a false failure let it in."""

    def __init__(self, rate: float) -> None:
        super().__init__(f"fails in {rate:.0%} of runs")
        self.rate = rate


def smallest(
    search: Search,
    items: Sequence[int],
    slices: Sequence[Iterable[int]] = (),
    *,
    measure: int = MEASURE,
) -> Shrunk:
    """Return a smallest failing part of `items` (which are known to fail) and its measured rate.

    `slices` are guesses to try first, narrowest first. A failure that looked certain and then is missed in a measuring run is
    shrunk again as one that is not. A part that fails far more rarely than the whole did (`search.whole`) was accepted on a
    false failure: then there is a background, and all is shrunk once more by the sequential test. No single item can be left
    out of a complete result.
    """
    complete = True
    try:
        try:
            current, seen, runs = _measured(search, items, slices, measure)
        except _FalseFailureError as found:
            # Where the rates lie too near the test could not tell them apart, and would run for ever.
            most = search.whole[0] / search.whole[1] * _FARTHEST
            search.trust = trust(*search.whole, background=min(most, max(found.rate, _LEAST_BACKGROUND / 2)))
            current, seen, runs = _measured(search, items, slices, measure)
    except Exhausted:
        current, complete = search.last, False
        seen, runs = search.rate(current, measure)
    return Shrunk(items=current, seen=seen, runs=runs, complete=complete)


def _measured(search: Search, items: Sequence[int], slices: Sequence[Iterable[int]], measure: int) -> tuple[Items, int, int]:
    current = shrink(search, items, slices)
    while True:
        seen, runs = search.rate(current, measure)
        doubtful = search.trust.certain or 2 * seen * search.whole[1] <= runs * search.whole[0]
        if seen < runs and search.trust.background <= 0 and doubtful:
            more, further = search.rate(current, max(0, MEASURE - runs))
            seen, runs = seen + more, runs + further
            _check(search, items, seen, runs)
        if seen == runs or not search.trust.certain:
            return current, seen, runs
        search.trust = trust(max(1, seen), runs)
        search.whole = (seen, runs) if search.whole[1] else search.whole
        smaller = _minimal(search, current)
        if smaller == current:
            return current, seen, runs
        current = smaller


def _check(search: Search, items: Sequence[int], seen: int, runs: int) -> None:
    """Raise when a part fails more rarely than the whole; the whole is run again where too few runs were made to tell."""
    if search.trust.background > 0 or not search.whole[1] or seen == runs:
        return
    search.whole = _remeasured(search, items, search.whole, (seen, runs))
    if _rarer((seen, runs), search.whole):
        raise _FalseFailureError(seen / runs)


def _rarer(part: tuple[int, int], whole: tuple[int, int]) -> bool:
    """Tell whether the part surely fails more rarely: the 95 % intervals do not meet."""
    return wilson(*part, z=_SURE)[1] < wilson(*whole, z=_SURE)[0]


def _remeasured(search: Search, items: Sequence[int], whole: tuple[int, int], part: tuple[int, int]) -> tuple[int, int]:
    """Return the whole's rate, measured again where it seems to be another one and too few runs were made to tell."""
    seen, runs = whole
    if runs >= MEASURE or _rarer(part, whole) or part[0] / part[1] > seen / runs / 2:
        return whole
    more, further = search.rate(search.closure(items), MEASURE - runs)
    return seen + more, runs + further


def background(search: Search, items: Sequence[int], control: Iterable[int]) -> tuple[int, int]:
    """Run a control (the failing request with only what it needs) and set how much a failure is worth; return seen and runs.

    A control that fails about as often as the whole is no control: then the failing request alone is enough. More runs are
    made where the whole itself does not always fail: there a false failure is easily taken for a true one.
    """
    sequence = search.closure((*control, *search.fixed))
    runs = CONTROL if search.whole[0] == search.whole[1] else _LONGEST_TEST
    if len(sequence) >= len(search.closure(items)):
        return 0, 0
    seen, _ = search.rate(sequence, runs)
    if seen and seen < runs:
        search.whole = _remeasured(search, items, search.whole, (seen, runs))
        if _rarer((seen, runs), search.whole):
            search.trust = trust(*search.whole, background=seen / runs)
    return seen, runs


def shrink(search: Search, items: Sequence[int], slices: Sequence[Iterable[int]] = ()) -> Items:
    """Return a failing part of `items` from which no single one can be left out; Exhausted at the end of the budget."""
    current = search.note(search.closure(items))
    tried = False
    for guess in slices:
        candidate = search.closure((*guess, *search.fixed))
        if len(candidate) < len(current):
            if search.fails(candidate, search.trust.careful):
                current, tried = search.note(candidate), False
                break
            tried = True
    current = _without_trees(search, current)
    current = _halved(search, current, needed=tried)
    if not search.trust.certain and search.trust.background <= 0:
        # Now that a run is cheap the rate is measured, and decides how often each last candidate is run.
        seen, runs = search.rate(current, MEASURE)
        _check(search, items, seen, runs)
        if search.whole[1]:
            search.whole = seen, runs
        search.trust = trust(max(1, min(seen, runs - 1)), runs)
    return _minimal(search, current)


def _halved(search: Search, current: Items, *, needed: bool) -> Items:
    """Remove chunks, biggest first and from the end; a chunk that can't go is split in two.

    When the right half of a chunk that can't go does go, the left half can't: it is split without a run. That is right
    where more requests never hide the failure; the last pass checks every single request whatever was concluded here.
    """
    chunks = [tuple(item for item in current if item not in search.fixed)]
    if not chunks[0]:
        return current
    if not needed:
        candidate = search.closure(search.fixed)
        if len(candidate) < len(current) and search.fails(candidate, search.trust.quick):
            return search.note(candidate)
    while chunks := [chunk for chunk in chunks if len(chunk) > 1]:
        halves: list[Items] = []
        for chunk in chunks:
            middle = len(chunk) // 2
            left, right = chunk[:middle], chunk[middle:]
            smaller = _attempt(search, current, right)
            if smaller is not None:
                # What came back of it is needed by requests further left: it may go when they have gone.
                current = smaller
                halves.append(_still(current, right))
                if search.trust.certain:
                    halves.append(left)
                    continue
            else:
                halves.append(right)
            smaller = _attempt(search, current, left)
            current = current if smaller is None else smaller
            halves.append(_still(current, left))
        chunks = halves
    return current


def _still(current: Items, chunk: Items) -> Items:
    kept = frozenset(current)
    return tuple(item for item in chunk if item in kept)


def _without_trees(search: Search, current: Items) -> Items:
    """Remove what hangs on one producer (a sign-in, a cart) together with it, biggest trees first.

    One run may so remove all requests of a user. Trees smaller than a sixteenth are left to the halving.
    """
    least = max(_SMALLEST_TREE, len(current) // 16)
    tried: set[int] = set()
    while True:
        trees = _trees(search, current)
        roots = [item for item in trees if item not in tried and len(trees[item]) >= least and not trees[item] & search.fixed]
        if not roots:
            return current
        root = max(roots, key=lambda item: (len(trees[item]), -item))
        tried.add(root)
        smaller = _attempt(search, current, tuple(trees[root]))
        current = current if smaller is None else smaller


def _trees(search: Search, current: Items) -> dict[int, frozenset[int]]:
    """Return for each item itself and everything that needs it."""
    trees: dict[int, set[int]] = {item: {item} for item in current}
    for item in current:
        for needed in search.closure((item,)):
            trees[needed].add(item)
    return {item: frozenset(found) for item, found in trees.items()}


def _attempt(search: Search, current: Items, chunk: Items) -> Items | None:
    """Return what is left without the chunk if it still fails, else None; costs nothing when the rest needs all of it."""
    candidate = _without(search, current, chunk)
    if len(candidate) == len(current) or not search.fails(candidate, search.trust.quick):
        return None
    return search.note(candidate)


def _without(search: Search, current: Items, chunk: Iterable[int]) -> Items:
    """Return what is left without the chunk; producers that the rest needs come back."""
    gone = frozenset(chunk) - search.fixed
    return search.closure(item for item in current if item not in gone)


def _minimal(search: Search, current: Items) -> Items:
    """Try every single item from the end until a whole pass removes none; the last pass takes the full number of runs.

    Clean runs of a candidate count: what the first pass ran is not run again by the last.
    """
    times = search.trust.careful if search.trust.background > 0 else max(1, search.trust.careful // 3)
    clean: dict[Items, int] = {}
    while True:
        before = current
        for item in reversed(before):
            if item in search.fixed or item not in current:
                continue
            candidate = _without(search, current, (item,))
            more = times - clean.get(candidate, 0)
            if len(candidate) == len(current) or more <= 0:
                continue
            if search.fails(candidate, more):
                current = search.note(candidate)
            else:
                clean[candidate] = times
        if current == before and times == search.trust.careful:
            return current
        times = search.trust.careful
