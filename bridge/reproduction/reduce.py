"""Shrink a failing sequence to a smallest one: pure search over a run function.

Slice (the failing request's entities), producers' closure, halving from the end (Lithium's algorithm) along groups of
requests that are alike, then a pass that tries every single request until none can go. A failure that does not always show
is shrunk by what clean runs make likely (`likely`), and what is left is confirmed against the whole. Where clean systems
fail too, that does not hold, and a sequential test decides on every candidate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bridge.reproduction import likely
from bridge.reproduction.search import CONFIRM, LEAST_BACKGROUND, LONGEST_TEST, MEASURE, Exhausted, Items, Search, trust
from bridge.reproduction.statistics import sequential, wilson

Unfinished = Literal["", "budget", "can't tell"]
CONTROL = 60
"""Runs of the control, once a false failure was found."""
_SURE = 1.64
_FARTHEST = 0.15
_HALFWAY = 0.4
_NEAREST = 0.6
"""Shares of the whole's rate: a part is tested for the last against the first; undecided, it has to reach the middle one."""
_SMALLEST_TREE = 4


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
    What was measured of exactly this part before counts.
    """
    before, past = search.known.get(part, (0, 0))
    seen, made = search.rate(part, max(0, runs - past))
    seen, made = before + seen, past + made
    if not search.whole[1] or (made and seen == made):
        search.sound = part
        return seen, made
    while True:
        often = (search.whole[0] + 1) / (search.whole[1] + 2)
        word = sequential(seen, made, background=_FARTHEST * often, rate=_NEAREST * often) if made else "more"
        if word == "yes":
            search.sound = part
            return seen, made
        enough = MEASURE if 2 * search.whole[0] > search.whole[1] else 2 * MEASURE
        if word == "no" and search.whole[1] < enough:
            more, further = search.rate(search.closure(items), enough - search.whole[1])
            search.whole = search.whole[0] + more, search.whole[1] + further
        elif word == "no" and wilson(seen, made, z=_SURE)[1] < wilson(*search.whole, z=_SURE)[0]:
            raise _FalseFailureError(seen / made)
        elif made >= LONGEST_TEST:
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
    search.trust = trust(*search.whole, background=min(often * _FARTHEST, max(rate, LEAST_BACKGROUND / 2)))


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
            # The whole's runs count too: what is confirmed is that this part fails about as often.
            seen, runs = _confirmed(search, items, current, CONFIRM // 2)
            rate, measured = likely.cautious(seen + search.whole[0], runs + search.whole[1]), True
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
