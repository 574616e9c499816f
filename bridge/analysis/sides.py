"""Two sets of log events made comparable: one set of templates, groups, kinds of events, and the ways that traces went."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from bridge.analysis.field_values import line_of_code
from bridge.analysis.log_tables import ERRORS
from bridge.analysis.novelty import Counted, Marks, block_of
from bridge.analysis.sequences import Gaps, Traces, pairs_of
from bridge.logs.collapse import collapse
from bridge.logs.miner import mined
from bridge.logs.steps import Steps, Text, Totals, Unit

if TYPE_CHECKING:
    from bridge.logs.template_store import KnownTemplates


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What one side knows of one kind of event: a template in a group."""

    level: str
    """The most frequent one."""
    place: str | None
    """Where in the code it is written."""
    first: int
    """Microseconds."""
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side; kinds are codes that both sides share."""

    steps: Steps
    totals: Totals
    kind: dict[str, int]
    """By the key of a text."""
    kinds: dict[int, Kind]
    traces: Traces
    units: Traces
    """The same where traces are what is counted, else what happened in accounts or minutes, in no order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both sides."""

    now: Side
    before: Side
    unit: Unit
    texts: Mapping[str, str]
    """Template by its id."""
    aliases: Mapping[str, tuple[str, ...]]
    """Template id to the ids that it had before."""
    shrunk: dict[tuple[str, str], int]
    """Kind by group and collapsed text."""
    kinds: list[tuple[str, str]]
    """Code of what happened to (group, template id)."""
    groups: list[str]
    group: Any
    """For each kind the number of its group."""
    spots: Any
    """For each kind the kind that stands for it in sequences: the first one written at the same line of code."""


def sides_of(
    before: Steps,
    now: Steps,
    *,
    known: KnownTemplates | None = None,
    given: Mapping[str, str] | None = None,
    texts: Mapping[str, str] | None = None,
) -> Sides:
    """Ask both sides what happened, and in which order.

    `given` is the template id of each message, `texts` the template of each id. Without them templates are mined, of both
    sides together and what is `known`.
    """
    totals = (before.totals(), now.totals())
    unit = _unit(totals)
    seen = (before.texts(), now.texts())
    every = [text for side in seen for text in side]
    aliases: Mapping[str, tuple[str, ...]] = {}
    if given is not None and texts is not None:
        ids = [given[text.message] for text in every]
    else:
        found = mined([text.message for text in every], known)
        ids, texts, aliases = found.assigned(), dict(zip(found.ids, found.texts, strict=True)), found.templates.aliases()
    shrunk, numbers = collapse([text.message for text in every])
    own = (ids[: len(seen[0])], ids[len(seen[0]) :])
    pairs = [[(text.group, name) for text, name in zip(side, names, strict=True)] for side, names in zip(seen, own, strict=True)]
    kinds = sorted({*pairs[0], *pairs[1]})
    code = {pair: number for number, pair in enumerate(kinds)}
    made = []
    for steps, total, side, pair in zip((before, now), totals, seen, pairs, strict=True):
        kind = {text.key: code[one] for text, one in zip(side, pair, strict=True)}
        traces = _traces(steps, "traces" if total.traced else None, kind)
        units = traces if unit == "traces" else _traces(steps, unit, kind)
        made.append(Side(steps=steps, totals=total, kind=kind, kinds=_known(side, kind), traces=traces, units=units))
    groups = sorted({group for group, _ in kinds})
    number = {name: place for place, name in enumerate(groups)}
    return Sides(
        now=made[1],
        before=made[0],
        unit=unit,
        texts=texts,
        aliases=aliases,
        shrunk={(text.group, shrunk[row]): code[text.group, name] for text, row, name in zip(every, numbers.tolist(), ids, strict=True)},
        kinds=kinds,
        groups=groups,
        group=np.array([number[group] for group, _ in kinds], dtype=np.int64),
        spots=_spots(kinds, (made[0].kinds, made[1].kinds)),
    )


def _unit(sides: Iterable[Totals]) -> Unit:
    """Return what is counted: traces where half of the lines carry one on both sides, else accounts, else minutes."""
    known = list(sides)
    if all(2 * side.traced >= max(1, side.lines) for side in known):
        return "traces"
    return "accounts" if all(2 * side.named >= max(1, side.lines) for side in known) else "minutes"


def _known(texts: list[Text], kind: dict[str, int]) -> dict[int, Kind]:
    members: dict[int, list[Text]] = {}
    for text in texts:
        members.setdefault(kind[text.key], []).append(text)
    found = {}
    for code, own in members.items():
        levels: dict[str, int] = {}
        for text in own:
            levels[text.level] = levels.get(text.level, 0) + text.events
        earliest = min(own, key=lambda text: (text.first, text.message))
        found[code] = Kind(
            level=max(levels, key=lambda level: (levels[level], level)),
            place=earliest.place or line_of_code(earliest.message),
            first=earliest.first,
            last=max(text.last for text in own),
        )
    return found


def _traces(side: Steps, unit: Unit | None, kind: dict[str, int]) -> Traces:
    """Return the ways in kinds, the most frequent first. Those with a text that came between two queries are left out, and told."""
    known: dict[tuple[int, ...], tuple[int, str, str]] = {}
    lost = 0
    for way in side.ways(unit) if unit else ():
        if not all(step in kind for step in way.steps):
            lost += way.traces
            continue
        steps = tuple(kind[step] for step in way.steps)
        traces, one, other = known.get(steps, (0, way.one, way.other))
        known[steps] = (traces + way.traces, min(one, way.one), max(other, way.other))
    if lost:
        side.problems.append(f"{side.name}: {lost:,} {unit} hold texts that were not there a moment before: they are not compared")
    order = sorted(known.items(), key=lambda item: (-item[1][0], item[0]))
    return Traces(
        trace=np.repeat(np.arange(len(order)), [len(steps) for steps, _ in order]),
        kind=np.array([step for steps, _ in order for step in steps], dtype=np.int64),
        weight=np.array([traces for _, (traces, _, _) in order], dtype=np.int64),
        examples=tuple((one, other) for _, (_, one, other) in order),
    )


def _spots(kinds: list[tuple[str, str]], sides: Iterable[dict[int, Kind]]) -> Any:
    """Return for each kind the first kind of its group that is written at the same line of code, itself where the logs don't say.

    Values that are in few of the messages make several templates of one statement; for what follows what it is one.
    """
    spots = np.arange(len(kinds))
    first: dict[tuple[str, str], int] = {}
    for kind in range(len(kinds)):
        place = next((known[kind].place for known in sides if kind in known), None)
        if place and line_of_code(place) == place:
            spots[kind] = first.setdefault((kinds[kind][0], place), kind)
    return spots


def level_of(side: Side, kind: int) -> str:
    """Return the level of a kind on one side; empty where it does not occur."""
    return side.kinds[kind].level if kind in side.kinds else ""


def place_of(side: Side, kind: int) -> str | None:
    """Return where in the code a kind of event is written."""
    return side.kinds[kind].place if kind in side.kinds else None


def is_error(sides: Sides, kind: int) -> bool:
    """Tell whether a kind is an error, by its level where lines have one, else by the exceptions it names."""
    text = sides.texts[sides.kinds[kind][1]]
    level = level_of(sides.before, kind)
    return level in ERRORS or "Exception" in text or "Traceback" in text or any(word in text.split() for word in ERRORS)


def gaps(sides: Sides, side: Side) -> dict[int, Gaps]:
    """Return how long kinds came after each other, by first * kinds + follower.

    Of a trace with several texts of one pair of kinds each counts a part, so that all count as many traces as there are.
    """
    kinds = len(sides.kinds)
    cells: dict[int, dict[float, float]] = {}
    slowest: dict[int, tuple[float, str]] = {}
    for wait in side.steps.waits():
        if wait.first in side.kind and wait.follower in side.kind:
            pair = side.kind[wait.first] * kinds + side.kind[wait.follower]
            own = cells.setdefault(pair, {})
            own[wait.wait] = own.get(wait.wait, 0) + wait.traces
            # Of the longest waits the trace that comes first by its name.
            if pair not in slowest or (-wait.wait, wait.one) < (-slowest[pair][0], slowest[pair][1]):
                slowest[pair] = (wait.wait, wait.one)
    held = pairs_of(side.traces, kinds)
    found = {}
    for pair, own in cells.items():
        share = held.get(pair, 0) / sum(own.values())
        found[pair] = Gaps(traces={wait: traces * share for wait, traces in own.items()}, slowest=slowest[pair][1])
    return found


def counted(sides: Sides) -> tuple[Counted, Counted]:
    """Return the units of each kind, and of each group, now and before."""
    block = block_of(sides.now.totals.last - sides.now.totals.first + 1)
    now, before = (_counted(sides, side, block) for side in (sides.now, sides.before))
    return now, before


def _counted(sides: Sides, side: Side, block: int) -> Counted:
    traces = side.units
    return Counted(
        hits=_units(traces, traces.kind, len(sides.kinds)),
        totals=_units(traces, sides.group[traces.kind], len(sides.groups)),
        marks=cache(lambda: _marks(sides, side, block)),
    )


def _units(side: Traces, codes: Any, size: int) -> Any:
    pairs = np.unique(np.stack([codes, side.trace], axis=1), axis=0)
    return np.bincount(pairs[:, 0], weights=side.weight[pairs[:, 1]], minlength=size).astype(np.int64)


def _marks(sides: Sides, side: Side, block: int) -> Marks:
    number = {name: place for place, name in enumerate(sides.groups)}
    named = sides.unit != "accounts" and 2 * side.totals.named >= side.totals.lines
    steps, start = side.steps, side.totals.first
    return Marks(
        blocks=_coded(steps.marks(sides.unit, by="key", start=start, length=block), side.kind.get),
        exposed=_coded(steps.marks(sides.unit, by="grp", start=start, length=block), number.get),
        accounts=_coded(steps.marks(sides.unit, by="key", start=None), side.kind.get, parts=True) if named else None,
        exposed_accounts=_coded(steps.marks(sides.unit, by="grp", start=None), number.get, parts=True) if named else None,
    )


def _coded(marks: list[tuple[str, Any, int]], code: Callable[[str], int | None], *, parts: bool = False) -> tuple[Any, Any, Any]:
    rows = [(code(name), int(mark, 16) if parts else mark, units) for name, mark, units in marks if code(name) is not None]
    found = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return found[:, 0], found[:, 1], found[:, 2]
