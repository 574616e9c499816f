"""Shrink a failing sequence to a smallest one: pure search over a run function.

Slice (the failing request's entities), producers' closure, halving from the end (Lithium's algorithm), then a pass that
tries every single request until none can go. Failures that do not always fail: one run a candidate while halving, then
repeats by the measured rate; where clean systems fail too (a background rate), a sequential test decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bridge.reproduction import likely
from bridge.reproduction.statistics import repeats, sequential, wilson

Items = tuple[int, ...]
Unfinished = Literal["", "budget", "can't tell"]
Run = Callable[[Items], bool]
"""Run these items once; True: this failure was seen."""
DETECTION = 4
"""Runs of the whole that decide whether it always fails."""
MEASURE = 20
"""Runs that measure a rate where it matters: of the whole, when a part seems to fail more rarely."""
CONFIRM = 8
"""Runs of what is left: so many in a row, and it is taken to fail always."""
CONTROL = 60
"""Runs of the control, once a false failure was found."""
_CAREFUL_MISS = 0.015
_ALPHA = 0.003
"""Of the sequential test: small, because it is asked again and again."""
_LEAST_BACKGROUND = 0.05
_SURE = 1.96
_FARTHEST = 0.15
_HALFWAY = 0.35
_NEAREST = 0.6
"""A part that fails with less than this share of the whole's rate is doubted, with less than the other one refused."""
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
        for runs in range(1, _LONGEST_TEST + 1):
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
    """Fresh runs of exactly these items, none where the search did not end: the search's own runs would flatter the rate."""
    why: Unfinished = ""
    """Why a shorter sequence may exist: the budget ended first, or true failures can't be told from false ones."""

    @property
    def complete(self) -> bool:
        """Tell whether no single item can be left out."""
        return not self.why


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
    measure: int = CONFIRM,
) -> Shrunk:
    """Return a smallest failing part of `items` (which are known to fail) and its measured rate.

    `slices` are guesses to try first, narrowest first. A failure that looked certain and then is missed in a measuring run is
    shrunk again as one that is not. A part that fails far more rarely than the whole did (`search.whole`) was accepted on a
    false failure: then there is a background, and all is shrunk once more by the sequential test. What even that can't tell
    is not claimed: the last part that surely fails like the whole is returned. No single item can be left out of a complete
    result.
    """
    why: Unfinished = ""
    try:
        try:
            current, seen, runs = _measured(search, items, slices, measure)
        except _FalseFailureError as found:
            _with_background(search, items, found.rate)
            current, seen, runs = _measured(search, items, slices, measure)
    except Exhausted:
        # Where a single failure proves nothing, only what is known to fail like the whole stands.
        current = search.sound or search.closure(items) if search.trust.background > 0 else search.last
        why, seen, runs = "budget", 0, 0
    except _FalseFailureError:
        current, why, seen, runs = search.sound or search.closure(items), "can't tell", 0, 0
    return Shrunk(items=current, seen=seen, runs=runs, why=why)


def _measured(search: Search, items: Sequence[int], slices: Sequence[Iterable[int]], measure: int) -> tuple[Items, int, int]:
    current = shrink(search, items, slices)
    while True:
        seen, runs = _confirmed(search, items, current, measure if search.trust.certain else 0)
        if seen == runs or not search.trust.certain:
            return current, seen, runs
        search.trust = trust(max(1, seen), runs)
        smaller = _likely(search, current, items)
        if smaller == current:
            return current, seen, runs
        current = smaller


def _confirmed(search: Search, items: Sequence[int], part: Items, runs: int) -> tuple[int, int]:
    """Run a part until it is told whether it fails about as often as the whole; return seen and runs.

    Raises where it fails far more rarely. The whole is run again only where that seems so and it was run too rarely to tell.
    """
    seen, made = search.rate(part, runs)
    if not search.whole[1] or (made and seen == made):
        search.sound = part
        return seen, made
    while True:
        often = (search.whole[0] + 1) / (search.whole[1] + 2)
        word = sequential(seen, made, background=_FARTHEST * often, rate=_NEAREST * often) if made else "more"
        if word == "yes":
            search.sound = part
            return seen, made
        if word == "no" and search.whole[1] < MEASURE:
            more, further = search.rate(search.closure(items), MEASURE - search.whole[1])
            search.whole = search.whole[0] + more, search.whole[1] + further
        elif word == "no" and wilson(seen, made, z=_SURE)[1] < wilson(*search.whole, z=_SURE)[0]:
            raise _FalseFailureError(seen / made)
        elif made >= _LONGEST_TEST:
            if seen / made < _HALFWAY * search.whole[0] / search.whole[1]:
                raise _FalseFailureError(seen / made)
            search.sound = part
            return seen, made
        more, further = search.rate(part, 1)
        seen, made = seen + more, made + further


def _with_background(search: Search, items: Sequence[int], rate: float) -> None:
    """Run a control (what always stays, with what it needs) and set how much a failure is worth from now on.

    A control that is the whole, or that fails about as often, is none: then the rate of the falsely accepted part stands.
    """
    sequence = search.closure(search.fixed)
    often = search.whole[0] / search.whole[1]
    if len(sequence) < len(search.closure(items)):
        search.control = search.rate(sequence, CONTROL)
        rate = max(rate, search.control[0] / search.control[1])
    # Where the rates lie too near the test could not tell them apart, and would run for ever.
    search.trust = trust(*search.whole, background=min(often * _FARTHEST, max(rate, _LEAST_BACKGROUND / 2)))


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
    if search.trust.certain or search.trust.background > 0:
        return _minimal(search, _halved(search, current, needed=tried))
    return _likely(search, current, items)


def _likely(search: Search, current: Items, items: Sequence[int]) -> Items:
    """Shrink a failure that does not always show, and has no background: every clean run makes what was left out likelier needed.

    Once candidates are down to single items a run is cheap: then the rate is measured, which decides how many clean runs an
    item takes. What a clean run says is not thrown away, as repeats of one candidate would.
    """
    needs = {item: frozenset(search.closure((item,))) for item in current}
    wanted = frozenset(search.closure(search.fixed))
    clean: list[Items] = []
    rate, measured = min(likely.ASSUMED, search.trust.rate), False
    chances = likely.beliefs((item for item in current if item not in wanted), clean, rate)
    while chosen := likely.choose(chances, needs):
        if len(chosen) <= likely.FEW and not measured:
            seen, runs = _confirmed(search, items, current, CONFIRM)
            rate, measured = likely.cautious(seen, runs), True
            chances = likely.beliefs(chances, clean, rate)
        elif search.fails(candidate := _without(search, current, chosen), 1):
            current = search.note(candidate)
            kept = frozenset(current)
            chances = {item: chance for item, chance in chances.items() if item in kept}
        else:
            clean.append(chosen)
            likely.learn(chances, chosen, rate)
    return current


def _halved(search: Search, current: Items, *, needed: bool) -> Items:
    """Remove chunks, biggest first and from the end; a chunk that can't go is split in two.

    Items that are alike and need the same lie together, and a chunk is split where such a group ends: noise goes in few
    runs. When the right half of a chunk that can't go does go, the left half can't: it is split without a run. That is
    right where more requests never hide the failure; the last pass checks every single request whatever was concluded here.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for item in current:
        if item not in search.fixed:
            groups.setdefault(_group(search, item), []).append(item)
    chunks = [tuple(item for group in sorted(groups.values(), key=lambda group: group[-1]) for item in group)]
    if not chunks[0]:
        return current
    if not needed:
        candidate = search.closure(search.fixed)
        if len(candidate) < len(current) and search.fails(candidate, search.trust.quick):
            return search.note(candidate)
    while chunks := [chunk for chunk in chunks if len(chunk) > 1]:
        halves: list[Items] = []
        for chunk in chunks:
            middle = _middle(search, chunk)
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


def _group(search: Search, item: int) -> tuple[object, ...]:
    return tuple(sorted(search.producers.get(item, ()))), search.alike.get(item, "")


def _middle(search: Search, chunk: Items) -> int:
    """Return where a chunk is split: where a group ends, nearest to its middle; within one group in its middle."""
    half = len(chunk) // 2
    ends = (at for at in range(1, len(chunk)) if _group(search, chunk[at - 1]) != _group(search, chunk[at]))
    return min(ends, key=lambda at: abs(at - half), default=half)


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
    """Try every single item from the end until a whole pass removes none; a candidate that ran clean is not run again."""
    clean: set[Items] = set()
    while True:
        before = current
        for item in reversed(before):
            candidate = _without(search, current, (item,))
            if item in search.fixed or item not in current or len(candidate) == len(current) or candidate in clean:
                continue
            if search.fails(candidate, search.trust.careful):
                current = search.note(candidate)
            else:
                clean.add(candidate)
        if current == before:
            return current
