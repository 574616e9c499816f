"""What is different now: two sets of log events, before and after, ranked by what broke first.

Built on `novelty` (templates that are new or more frequent), `sequences` (the event that normally follows is missing,
waits that grew) and `field_values`. Templates are mined from both sides together. Everything is tested over traces (over
accounts or minutes where lines carry no trace), and corrected over all that was tried.

Order: 1. what breaks first in its traces (`first`): an event that is missing, or an error that is new or more frequent,
2. other events that are, and that come first, and a missing event in whose place another one comes that came there before,
too (a different mix of requests looks the same), 3. what comes after something
named before it, 4. waits and values that shifted, 5. what is gone or fewer: an error that goes away is no cause. Inside by
p-value. A group (a service) is blamed for the event that is missing, or that is new, not for the one that waits for it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bridge.analysis.comparison import BrokenSteps, Comparison, Difference, GroupRank, Kind
from bridge.analysis.exemplars import Event, Place, Spot, event_spots, fetched
from bridge.analysis.field_values import shifts
from bridge.analysis.log_tables import ERRORS
from bridge.analysis.novelty import Tested, tested
from bridge.analysis.sequences import Step, Traces, delays, following, steps, turns
from bridge.analysis.sides import Sides, counted, gaps, is_error, level_of, place_of, sides_of
from bridge.analysis.statistics import ALPHA, RATIO_FLOOR, corrected, corrected_discrete, enrichment, matters, ratio_effect
from bridge.logs.miner import ALGORITHM
from bridge.logs.steps import Steps, Unit
from bridge.logs.steps_here import steps_of
from bridge.model.finding import BrokenStep, Effect

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from bridge.logs.template_store import KnownTemplates

_FEWEST = 3
_LISTED = 20
_EXEMPLARS = 3
_PRICE = {"missing": 2, "up": 4, "waits": 10, "values": 10, "down": 20}
"""What a kind's q-values are multiplied by: the 5 % are shared, most of them goes to what breaks (the parts add up to one)."""
_ORDER: dict[str, int] = {"missing": 0, "new": 0, "more": 0, "latency": 3, "value": 3, "gone": 4, "fewer": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A difference, and which lines show it."""

    item: Difference
    now: tuple[Spot, ...] = ()
    before: tuple[Spot, ...] = ()
    broken: Any = None
    """missing: for each way now that breaks (numpy) ..."""
    places: Any = None
    """... the place in it where the event is missed, and of other kinds where they come."""
    sure: bool = False
    """Whether it is wrong for certain: a missing event with no usual one instead, an error."""


def compare(before: pa.Table, after: pa.Table, *, by: str = "service", known: KnownTemplates | None = None) -> Comparison:
    """Compare events tables (at, level, service, message at least); `by` names a column, or a field of the attributes.

    `known` are templates of earlier runs.
    """
    return compare_steps(steps_of(before, by=by), steps_of(after, by=by), by=by, known=known)


def compare_steps(before: Steps, after: Steps, *, by: str, known: KnownTemplates | None = None) -> Comparison:
    """Compare what happened on two sides, wherever their events lie; `by` is the field that made the groups."""
    sides = sides_of(before, after, known=known)
    found, tried, skipped = _templates(sides)
    broken: list[_Found] = []
    if len(sides.now.traces.trace) and len(sides.before.traces.trace):
        broken, more, _ = _missing(sides, ALPHA / _PRICE["missing"])
        broken = [replace(one, item=replace(one.item, q_value=_shared("missing", one.item.q_value))) for one in broken]
        waits, more_waits = _waits(sides)
        tried += more + more_waits
        found += waits
    else:
        skipped = (*skipped, "sequences and waits: one side has no trace ids")
    values, more_values = _values(sides)
    ranked = _shown(sides, _ranked(sides, [*found, *values], broken))
    return Comparison(
        by=by,
        unit=sides.unit,
        algorithm=ALGORITHM,
        groups=_groups(ranked),
        findings=tuple(replace(item, aliases=sides.aliases.get(item.template_id, ())) for item in ranked[:_LISTED]),
        lines=sides.now.totals.lines,
        lines_before=sides.before.totals.lines,
        units=int(sides.now.units.weight.sum()),
        units_before=int(sides.before.units.weight.sum()),
        tried=tried + more_values,
        not_compared=skipped,
    )


def _templates(sides: Sides) -> tuple[list[_Found], int, tuple[str, ...]]:
    """Return templates that are new or more frequent, and those that are gone or fewer: the same test the other way round."""
    now, before = counted(sides)
    if not now.hits.any() or not before.hits.any():
        return [], 0, ()
    up = tested(now, before, sides.group, _PRICE["up"])
    down = tested(before, now, sides.group, _PRICE["down"])
    names = [identity for _, identity in sides.kinds]
    found = [_novel(sides, up, place, gone=False) for place in up.found(names)[:_LISTED]]
    found += [_novel(sides, down, place, gone=True) for place in down.found(names)[:_LISTED]]
    skipped = tuple(f"group '{name}' has no lines before" for name in _unseen(sides, up))
    skipped += tuple(f"group '{name}' has no lines now" for name in _unseen(sides, down))
    return found, up.tried + down.tried, skipped


def _unseen(sides: Sides, result: Tested) -> list[str]:
    return [sides.groups[number] for number in np.unique(sides.group[result.groups[~result.usable]])]


def _novel(sides: Sides, result: Tested, place: int, *, gone: bool) -> _Found:
    kind, q = int(result.groups[place]), float(result.q[place])
    k1, n1, k0, n0 = result.counts[place].tolist()
    what: Kind = ("fewer" if k0 else "gone") if gone else "more" if k0 else "new"
    now, before = ((k0, n0), (k1, n1)) if gone else ((k1, n1), (k0, n0))
    group, identity = sides.kinds[kind]
    text = sides.texts[identity]
    words = {"new": "is new", "more": "comes more often", "gone": "does not come any more", "fewer": "comes less often"}[what]
    side = sides.before if gone else sides.now
    item = Difference(
        kind=what,
        group=group,
        statement=f"{group}: '{text}' {words}: {now[0]} of {now[1]}, before {before[0]} of {before[1]}",
        template_id=identity,
        template=text,
        count=now[0],
        total=now[1],
        count_before=before[0],
        total_before=before[1],
        effect=ratio_effect(f"ratio of shares of {sides.unit}", k1, n1, k0, n0),
        p_value=q,
        q_value=_shared("down" if gone else "up", q),
        position=place_of(side, kind),
    )
    spots = event_spots(side, kind)
    if gone:
        return _Found(item=item, before=spots)
    places = np.flatnonzero(sides.now.traces.kind == kind)
    return _Found(item=item, now=spots, broken=sides.now.traces.trace[places], places=places, sure=level_of(side, kind) in ERRORS)


def broken_steps(before: pa.Table, after: pa.Table, *, methods: int = 1, texts: Mapping[str, str] | None = None) -> BrokenSteps:
    """Return the steps that break, what breaks first at the front; `methods` shares the 5 % with other methods.

    `texts`: of the template ids that the tables have; None: they have none.
    """
    given = None
    if texts is not None:
        given = {message: name for table in (before, after) for message, name in _named(table).items()}
    sides = sides_of(steps_of(before, by="service"), steps_of(after, by="service"), given=given, texts=texts)
    units, units_before = (int(side.traces.weight.sum()) for side in (sides.now, sides.before))
    if not units or not units_before:
        return BrokenSteps(traces=units, traces_before=units_before)
    broken, tried, best = _missing(sides, ALPHA / methods)
    ranked = _shown(sides, _ranked(sides, [], broken))[:_LISTED]
    level = ALPHA / methods / max(1, tried)
    hits = np.arange(1, min(units, units_before) + 1)
    able = np.flatnonzero(enrichment(hits, hits, units + units_before, units) <= level)
    return BrokenSteps(
        found=tuple(_step(item) for item in ranked),
        tried=tried,
        traces=units,
        traces_before=units_before,
        best_q=best,
        seen=int(hits[able[0]]) if len(able) else None,
    )


def _named(table: pa.Table) -> dict[str, str]:
    """Return the template id of each message."""
    different = table.select(["message", "template_id"]).group_by(["message", "template_id"]).aggregate([])
    columns = (different[name].to_pylist() for name in ("message", "template_id"))
    return {message or "": name for message, name in zip(*columns, strict=True)}


def _step(item: Difference) -> BrokenStep:
    return BrokenStep(
        service=item.group,
        missing=item.template,
        follows=item.follows or "",
        follows_service=item.follows_group or "",
        instead=item.instead,
        usual=item.usual,
        position=item.position,
        follows_position=item.follows_position,
        traces=int(item.count),
        traces_total=item.total,
        traces_before=int(item.count_before),
        traces_before_total=item.total_before,
        first=item.first,
        ratio=item.effect,
        p_value=item.p_value,
        q_value=item.q_value,
        exemplars=item.exemplars,
        exemplars_before=item.exemplars_before,
    )


def _missing(sides: Sides, level: float) -> tuple[list[_Found], int, float]:
    """Return broken steps whose q-value is at most `level`, how many were tried, and the least q-value.

    An error that does not follow any more is no broken step.
    """
    errors = np.array([is_error(sides, kind) for kind in range(len(sides.kinds))], dtype=bool)
    now, before = (replace(side.traces, kind=sides.spots[side.traces.kind]) for side in (sides.now, sides.before))
    every = [*steps(now, before, sides.group, errors), *turns(now, before, sides.group, errors)]
    q = corrected_discrete([step.p_value for step in every], [step.least_p for step in every])
    found, shown = [], list[Step]()
    for step, value in zip(every, q.tolist(), strict=True):
        counts = (step.missing, step.traces, step.missing_before, step.traces_before)
        if value <= level and step.missing >= _FEWEST and bool(matters(*counts)):
            if any(item.first == step.first and item.follower == step.follower for item in shown):
                continue
            shown.append(step)
            found.append(_broken(sides, step, value))
    return found, len(every), float(q.min()) if len(q) else 1.0


def _broken(sides: Sides, step: Step, q: float) -> _Found:
    traces = sides.now.traces
    (from_group, from_id), (group, identity) = sides.kinds[step.first], sides.kinds[step.follower]
    after = following(traces, step.broken)
    there = after >= 0
    times = np.bincount(traces.kind[after[there]], weights=traces.weight[traces.trace[step.broken[there]]])
    instead = int(times.argmax()) if len(times) else None
    text, before = sides.texts[identity], sides.texts[from_id]
    other = sides.texts[sides.kinds[instead][1]] if instead is not None else None
    item = Difference(
        kind="missing",
        group=group,
        statement=f"{group}: '{text}' is missing after '{before}' ({from_group}): {step.missing} of {step.traces}, "
        f"before {step.missing_before} of {step.traces_before}" + (f"; instead: '{other}'" if other else "; nothing comes instead"),
        template_id=identity,
        template=text,
        follows=before,
        follows_group=from_group,
        instead=other,
        usual=2 * step.usual > step.missing,
        position=place_of(sides.before, step.follower),
        follows_position=place_of(sides.now, step.first),
        instead_position=place_of(sides.now, instead) if instead is not None else None,
        count=step.missing,
        total=step.traces,
        count_before=step.missing_before,
        total_before=step.traces_before,
        effect=ratio_effect("ratio of shares of traces", step.missing, step.traces, step.missing_before, step.traces_before),
        p_value=step.p_value,
        q_value=q,
    )
    return _Found(
        item=item,
        now=_in_traces(traces, step.broken),
        before=event_spots(sides.before, step.follower),
        broken=traces.trace[step.broken],
        places=step.broken + step.distance,  # Where it would have come: what is missed earlier is missed first.
        sure=not item.usual,
    )


def _in_traces(traces: Traces, places: Any) -> tuple[Spot, ...]:
    """Return places in a few traces: of each way one, then another one."""
    found: dict[str, int] = {}
    for example in (0, 1):
        for place in places[:_EXEMPLARS].tolist():
            way = int(traces.trace[place])
            found.setdefault(traces.examples[way][example], place - int(np.searchsorted(traces.trace, way)))
    return tuple(Place(trace=trace, number=number) for trace, number in list(found.items())[:_EXEMPLARS])


def _shared(kind: str, q: float) -> float:
    """Return a kind's q-value corrected for the other kinds, too."""
    return min(1.0, q * _PRICE[kind])


def _waits(sides: Sides) -> tuple[list[_Found], int]:
    every = delays(sides.before.traces, gaps(sides, sides.now), gaps(sides, sides.before), len(sides.kinds))
    found = []
    for item, own in zip(every, corrected([item.p_value for item in every]).tolist(), strict=True):
        q = _shared("waits", own)
        ratio = item.median / max(item.median_before, 1.0)
        if q > ALPHA or ratio < RATIO_FLOOR:
            continue
        (from_group, from_id), (group, identity) = sides.kinds[item.first], sides.kinds[item.follower]
        text, before = sides.texts[identity], sides.texts[from_id]
        found.append(
            _of_now(
                Place(trace=item.slowest, kind=item.first, follower=item.follower),
                kind="latency",
                group=group,
                statement=f"{group}: '{text}' comes {item.median / 1e3:.1f} ms after '{before}' ({from_group}), before {item.median_before / 1e3:.1f} ms (medians)",
                template_id=identity,
                template=text,
                follows=before,
                follows_group=from_group,
                position=place_of(sides.now, item.follower),
                follows_position=place_of(sides.now, item.first),
                count=item.median,
                total=item.traces,
                count_before=item.median_before,
                total_before=item.traces_before,
                effect=Effect(name="ratio of medians", value=ratio),
                p_value=item.p_value,
                q_value=q,
            )
        )
    return found, len(every)


def _of_now(spot: Spot, **values: Any) -> _Found:
    return _Found(item=Difference(**values), now=(spot,))


def _values(sides: Sides) -> tuple[list[_Found], int]:
    unit: Unit = "accounts" if sides.unit == "minutes" else sides.unit
    every = shifts(sides.now.steps.values(unit), sides.before.steps.values(unit))
    found = []
    for item, own in zip(every, corrected([item.p_value for item in every]).tolist(), strict=True):
        q = _shared("values", own)
        if item.value is None:
            ratio = item.now / item.before if item.before > 0 else None
            effect, good = Effect(name="ratio of medians", value=ratio), ratio is not None and ratio >= RATIO_FLOOR
            what = f"{item.field} has the median {item.now:g}, before {item.before:g}"
        else:
            counts = (int(item.now), item.units, int(item.before), item.units_before)
            effect, good = ratio_effect("ratio of shares", *counts), bool(matters(*counts)) and item.now >= _FEWEST
            what = f"{item.field} is '{item.value}' in {counts[0]} of {counts[1]}, before {counts[2]} of {counts[3]}"
        if q <= ALPHA and good:
            at = sides.now.steps.first_with(item.group, item.field, item.value if item.value is not None else item.largest or 0.0)
            found.append(
                _of_now(
                    Event(at=at or 0, group=item.group, field=item.field, value=item.value),
                    kind="value",
                    group=item.group,
                    statement=f"{item.group}: {what}",
                    template_id="",
                    template="",
                    field=item.field,
                    count=item.now,
                    total=item.units,
                    count_before=item.before,
                    total_before=item.units_before,
                    effect=effect,
                    p_value=item.p_value,
                    q_value=q,
                )
            )
    return found, len(every)


def _ranked(sides: Sides, found: list[_Found], broken: list[_Found]) -> list[_Found]:
    """Put in order; `first` counts the traces in which a finding is the earliest of all that are causes."""
    weight = sides.now.traces.weight
    causes = [*broken, *(one for one in found if _ORDER[one.item.kind] == 0)]
    # An ordinary event may be new because other things are asked for: it does not take the first place from what is wrong.
    earliest: tuple[dict[int, tuple[float, int]], dict[int, tuple[float, int]]] = ({}, {})
    for number, one in enumerate(causes):
        for way, place in zip(one.broken.tolist(), one.places.tolist(), strict=True):
            for known in earliest if one.sure else earliest[1:]:
                known[way] = min(known.get(way, (math.inf, 0)), (place, number))
    firsts: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
    for counts, known in zip(firsts, earliest, strict=True):
        for way, (_, number) in known.items():
            counts[number] += int(weight[way])
    listed: list[tuple[int, _Found]] = []
    for number, one in enumerate(causes):
        first, touched = firsts[0 if one.sure else 1][number], int(weight[np.unique(one.broken)].sum())
        leads = 2 * first >= touched
        listed.append(((0 if one.sure else 1) if leads else 2, replace(one, item=replace(one.item, first=first))))
    listed += [(_ORDER[one.item.kind], one) for one in found if _ORDER[one.item.kind]]
    order = sorted(listed, key=lambda entry: (entry[0], entry[1].item.p_value, -entry[1].item.first, entry[1].item.statement))
    return [one for _, one in order]


def _shown(sides: Sides, ranked: list[_Found]) -> list[Difference]:
    """Return the differences, those that are listed with the lines that show them."""
    some = ranked[:_LISTED]
    now = fetched(sides.now, sides.shrunk, [spot for one in some for spot in one.now])
    before = fetched(sides.before, sides.shrunk, [spot for one in some for spot in one.before])
    listed = []
    for one in some:
        item = replace(one.item, exemplars=now.shown(one.now), exemplars_before=before.shown(one.before))
        if item.kind == "value":
            kind = now.kind(next(spot for spot in one.now if isinstance(spot, Event)))
            identity = "" if kind is None else sides.kinds[kind][1]
            item = replace(item, template_id=identity, template=sides.texts.get(identity, ""))
        listed.append(item)
    return [*listed, *(one.item for one in ranked[_LISTED:])]


def _groups(ranked: list[Difference]) -> tuple[GroupRank, ...]:
    """Rank the groups by their best finding that may be a cause; groups that only lost events are not suspects."""
    groups: dict[str, list[Difference]] = {}
    for item in ranked:
        if _ORDER[item.kind] < _ORDER["gone"]:
            groups.setdefault(item.group, []).append(item)
    return tuple(
        GroupRank(group=name, first=sum(item.first for item in items), findings=len(items), q_value=min(item.q_value for item in items))
        for name, items in groups.items()
    )
