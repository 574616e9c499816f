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
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bridge.analysis.field_values import shifts
from bridge.analysis.log_tables import ERRORS, line
from bridge.analysis.novelty import novelties
from bridge.analysis.sequences import Step, Traces, delays, following, steps, turns
from bridge.analysis.sides import Sides, is_error, place_of, sides_of
from bridge.analysis.statistics import ALPHA, RATIO_FLOOR, corrected, corrected_discrete, enrichment, matters, ratio_effect
from bridge.logs.miner import ALGORITHM
from bridge.model.finding import BrokenStep, Effect, LogLine, NovelTemplate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.logs.template_store import KnownTemplates

Kind = Literal["missing", "new", "more", "latency", "value", "gone", "fewer"]
_FEWEST = 3
_LISTED = 20
_EXEMPLARS = 3
_PRICE = {"missing": 2, "up": 4, "waits": 10, "values": 10, "down": 20}
"""What a kind's q-values are multiplied by: the 5 % are shared, most of them goes to what breaks (the parts add up to one)."""
_ORDER: dict[str, int] = {"missing": 0, "new": 0, "more": 0, "latency": 3, "value": 3, "gone": 4, "fewer": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is different now. Counts are of the comparison's unit; `group` is who it points to."""

    kind: Kind
    group: str
    statement: str
    """May hold log text: untrusted."""
    template_id: str
    template: str
    aliases: tuple[str, ...] = ()
    """Ids that the template had before it widened, as far as they were recorded."""
    follows: str | None = None
    """missing, latency: the template that it normally comes directly after."""
    follows_group: str | None = None
    instead: str | None = None
    """missing: the template that most often comes in its place; None: nothing comes."""
    field: str | None = None
    position: str | None = None
    """Where in the code the event is written, when the logs say so."""
    follows_position: str | None = None
    instead_position: str | None = None
    count: float
    total: int
    count_before: float
    total_before: int
    effect: Effect
    p_value: float
    q_value: float
    first: int = 0
    """Units in which nothing else of this list went wrong earlier."""
    usual: bool = False
    """missing: what comes instead came there before, too, only less often: maybe other things are asked for."""
    exemplars: tuple[LogLine, ...] = ()
    exemplars_before: tuple[LogLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRank:
    """A group and how much points to it, the most suspicious first."""

    group: str
    first: int
    """Units that broke here first."""
    findings: int
    q_value: float
    """Of its best finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The answer, and what it was looked for in."""

    by: str
    unit: str
    algorithm: str
    groups: tuple[GroupRank, ...]
    findings: tuple[Difference, ...]
    lines: int
    lines_before: int
    units: int
    units_before: int
    tried: int
    """Hypotheses of all kinds."""
    not_compared: tuple[str, ...] = ()
    """Groups that only one side holds, and questions that need traces where there are none."""


def compare(before: pa.Table, after: pa.Table, *, by: str = "service", known: KnownTemplates | None = None) -> Comparison:
    """Compare events tables (at, level, service, message at least); `by` names a column, or a field of the attributes.

    `known` are templates of earlier runs.
    """
    sides = sides_of(before, after, by, known=known)
    found, tried, skipped = _templates(sides)
    broken: list[tuple[Difference, Any, Any]] = []
    if len(sides.traces.trace) and len(sides.traces_before.trace):
        broken, more, _ = _missing(sides, ALPHA / _PRICE["missing"])
        broken = [(replace(item, q_value=_shared("missing", item.q_value)), *rest) for item, *rest in broken]
        waits, more_waits = _waits(sides)
        tried += more + more_waits
        found += waits
    else:
        skipped = (*skipped, "sequences and waits: one side has no trace ids")
    values, more_values = _values(sides)
    ranked = _ranked(sides, [*found, *values], broken)
    return Comparison(
        by=by,
        unit=_unit(sides),
        algorithm=ALGORITHM,
        groups=_groups(ranked),
        findings=tuple(replace(item, aliases=sides.aliases.get(item.template_id, ())) for item in ranked[:_LISTED]),
        lines=after.num_rows,
        lines_before=before.num_rows,
        units=len(np.unique(sides.traces.trace)),
        units_before=len(np.unique(sides.traces_before.trace)),
        tried=tried + more_values,
        not_compared=skipped,
    )


def _unit(sides: Sides) -> str:
    for column, unit in (("trace_id", "traces"), ("account_id", "accounts")):
        if all(2 * (table.num_rows - table[column].null_count) >= max(1, table.num_rows) for table in (sides.now, sides.before)):
            return unit
    return "minutes"


def _templates(sides: Sides) -> tuple[list[Difference], int, tuple[str, ...]]:
    """Return templates that are new or more frequent, and those that are gone or fewer: the same test the other way round."""
    up = novelties(sides.now, sides.before, methods=_PRICE["up"], texts=sides.texts)
    down = novelties(sides.before, sides.now, methods=_PRICE["down"], texts=sides.texts)
    found = [_novel(sides, item, "new" if not item.traces_before else "more") for item in up.found]
    found += [_novel(sides, item, "gone" if not item.traces_before else "fewer") for item in down.found]
    skipped = tuple(f"group '{name}' has no lines before" for name in up.unseen_services)
    skipped += tuple(f"group '{name}' has no lines now" for name in down.unseen_services)
    return found, up.tried + down.tried, skipped


def _novel(sides: Sides, item: NovelTemplate, kind: Kind) -> Difference:
    gone = kind in {"gone", "fewer"}
    now, before = (item.traces, item.traces_total), (item.traces_before, item.traces_before_total)
    if gone:
        now, before = before, now
    text = sides.texts[item.template_id]
    words = {"new": "is new", "more": "comes more often", "gone": "does not come any more", "fewer": "comes less often"}[kind]
    return Difference(
        kind=kind,
        group=item.service,
        statement=f"{item.service}: '{text}' {words}: {now[0]} of {now[1]}, before {before[0]} of {before[1]}",
        template_id=item.template_id,
        template=text,
        count=now[0],
        total=now[1],
        count_before=before[0],
        total_before=before[1],
        effect=item.ratio,
        p_value=item.q_value,
        q_value=_shared("down" if gone else "up", item.q_value),
        position=place_of(sides.before if gone else sides.now, sides.kinds.index((item.service, item.template_id)), sides),
        exemplars=() if gone else item.exemplars,
        exemplars_before=item.exemplars if gone else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenSteps:
    """What breaks in the traces of a case's logs, and what was tried."""

    found: tuple[BrokenStep, ...] = ()
    tried: int = 0
    traces: int = 0
    traces_before: int = 0
    best_q: float = 1.0
    seen: int | None = None
    """Traces with a step that never broke before which would have been seen broken."""


def broken_steps(before: pa.Table, after: pa.Table, *, methods: int = 1, texts: Mapping[str, str] | None = None) -> BrokenSteps:
    """Return the steps that break, what breaks first at the front; `methods` shares the 5 % with other methods.

    `texts`: of the template ids that the tables have; None: they have none.
    """
    sides = sides_of(before, after, "service", texts=texts)
    units, units_before = (len(np.unique(side.trace)) for side in (sides.traces, sides.traces_before))
    if not units or not units_before:
        return BrokenSteps(traces=units, traces_before=units_before)
    broken, tried, best = _missing(sides, ALPHA / methods)
    ranked = _ranked(sides, [], broken)[:_LISTED]
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


def _missing(sides: Sides, level: float) -> tuple[list[tuple[Difference, Any, Any]], int, float]:
    """Return broken steps whose q-value is at most `level`, each with its traces and the places where it is missed.

    With them how many were tried, and the least q-value. An error that does not follow any more is no broken step.
    """
    groups = {name: number for number, name in enumerate(sorted({group for group, _ in sides.kinds}))}
    group = np.array([groups[name] for name, _ in sides.kinds], dtype=np.int64)
    errors = np.array([is_error(sides, kind) for kind in range(len(sides.kinds))], dtype=bool)
    now, before = (replace(side, kind=sides.spots[side.kind]) for side in (sides.traces, sides.traces_before))
    every = [*steps(now, before, group, errors), *turns(now, before, group, errors)]
    q = corrected_discrete([step.p_value for step in every], [step.least_p for step in every])
    found, shown = [], list[Step]()
    for step, value in zip(every, q.tolist(), strict=True):
        counts = (step.missing, step.traces, step.missing_before, step.traces_before)
        if value <= level and step.missing >= _FEWEST and bool(matters(*counts)):
            if any(item.first == step.first and item.follower == step.follower for item in shown):
                continue
            shown.append(step)
            # Where it would have come: what is missed earlier is missed first.
            found.append((_broken(sides, step, value), now.trace[step.broken], step.broken + step.distance))
    return found, len(every), float(q.min()) if len(q) else 1.0


def _broken(sides: Sides, step: Step, q: float) -> Difference:
    (from_group, from_id), (group, identity) = sides.kinds[step.first], sides.kinds[step.follower]
    after = following(sides.traces, step.broken)
    instead = Counter(sides.traces.kind[after[after >= 0]].tolist()).most_common(1)
    text, before, other = sides.texts[identity], sides.texts[from_id], sides.texts[sides.kinds[instead[0][0]][1]] if instead else None
    places = step.broken[:: max(1, len(step.broken) // _EXEMPLARS)][:_EXEMPLARS]
    rows = [row for place, then in zip(places, following(sides.traces, places), strict=True) for row in _rows(sides.traces, place, then)]
    normal = np.flatnonzero(sides.traces_before.kind == step.follower)[:_EXEMPLARS]
    return Difference(
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
        position=place_of(sides.before, step.follower, sides),
        follows_position=place_of(sides.now, step.first, sides),
        instead_position=place_of(sides.now, instead[0][0], sides) if instead else None,
        count=step.missing,
        total=step.traces,
        count_before=step.missing_before,
        total_before=step.traces_before,
        effect=ratio_effect("ratio of shares of traces", step.missing, step.traces, step.missing_before, step.traces_before),
        p_value=step.p_value,
        q_value=q,
        exemplars=tuple(line(sides.now, int(row)) for row in rows),
        exemplars_before=tuple(line(sides.before, int(sides.traces_before.row[place])) for place in normal),
    )


def _shared(kind: str, q: float) -> float:
    """Return a kind's q-value corrected for the other kinds, too."""
    return min(1.0, q * _PRICE[kind])


def _rows(side: Traces, place: int, then: int) -> list[int]:
    return [int(side.row[place]), *([int(side.row[then])] if then >= 0 else [])]


def _waits(sides: Sides) -> tuple[list[Difference], int]:
    every = delays(sides.traces, sides.traces_before, len(sides.kinds))
    found = []
    for item, own in zip(every, corrected([item.p_value for item in every]).tolist(), strict=True):
        q = _shared("waits", own)
        ratio = item.median / max(item.median_before, 1.0)
        if q > ALPHA or ratio < RATIO_FLOOR:
            continue
        (from_group, from_id), (group, identity) = sides.kinds[item.first], sides.kinds[item.follower]
        text, before = sides.texts[identity], sides.texts[from_id]
        found.append(
            Difference(
                kind="latency",
                group=group,
                statement=f"{group}: '{text}' comes {item.median / 1e3:.1f} ms after '{before}' ({from_group}), before {item.median_before / 1e3:.1f} ms (medians)",
                template_id=identity,
                template=text,
                follows=before,
                follows_group=from_group,
                position=place_of(sides.now, item.follower, sides),
                follows_position=place_of(sides.now, item.first, sides),
                count=item.median,
                total=item.traces,
                count_before=item.median_before,
                total_before=item.traces_before,
                effect=Effect(name="ratio of medians", value=ratio),
                p_value=item.p_value,
                q_value=q,
                exemplars=(line(sides.now, int(sides.traces.row[item.slowest])),),
            )
        )
    return found, len(every)


def _values(sides: Sides) -> tuple[list[Difference], int]:
    every = shifts(_fields(sides.now), _fields(sides.before))
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
            identity = sides.now["template_id"][item.row].as_py()
            found.append(
                Difference(
                    kind="value",
                    group=item.group,
                    statement=f"{item.group}: {what}",
                    template_id=identity,
                    template=sides.texts[identity],
                    field=item.field,
                    count=item.now,
                    total=item.units,
                    count_before=item.before,
                    total_before=item.units_before,
                    effect=effect,
                    p_value=item.p_value,
                    q_value=q,
                    exemplars=(line(sides.now, item.row),),
                )
            )
    return found, len(every)


def _fields(table: pa.Table) -> tuple[list[str], Any, list[str | None]]:
    column = table["trace_id"] if 2 * table["trace_id"].null_count <= table.num_rows else table["account_id"]
    known = pc.dictionary_encode(column).combine_chunks()
    units = np.array([-1 if index is None else index for index in known.indices.to_pylist()], dtype=np.int64)
    return table["service"].to_pylist(), units, table["attributes"].to_pylist()


def _ranked(sides: Sides, found: list[Difference], broken: list[tuple[Difference, Any, Any]]) -> list[Difference]:
    """Put in order; `first` counts the traces in which a finding is the earliest of all that are causes."""
    code = {pair: number for number, pair in enumerate(sides.kinds)}
    causes = list(broken)
    for item in found:
        if _ORDER[item.kind] == 0:
            places = np.flatnonzero(sides.traces.kind == code[item.group, item.template_id])
            causes.append((item, sides.traces.trace[places], places.astype(float)))
    sure = [item.kind == "missing" or any(shown.level in ERRORS for shown in item.exemplars) for item, _, _ in causes]
    for number in range(len(broken)):
        sure[number] = not broken[number][0].usual
    # An ordinary event may be new because other things are asked for: it does not take the first place from what is wrong.
    earliest: tuple[dict[int, tuple[float, int]], dict[int, tuple[float, int]]] = ({}, {})
    for number, (_, traces, places) in enumerate(causes):
        for trace, place in zip(traces.tolist(), places.tolist(), strict=True):
            for known in earliest if sure[number] else earliest[1:]:
                known[trace] = min(known.get(trace, (math.inf, 0)), (place, number))
    firsts = [Counter(number for _, number in known.values()) for known in earliest]
    listed: list[tuple[int, float, Difference]] = []
    for number, (item, traces, _) in enumerate(causes):
        first, touched = firsts[0 if sure[number] else 1][number], len(set(traces.tolist()))
        leads = 2 * first >= touched
        listed.append(((0 if sure[number] else 1) if leads else 2, item.p_value, replace(item, first=first)))
    listed += [(_ORDER[item.kind], item.p_value, item) for item in found if _ORDER[item.kind]]
    return [item for _, _, item in sorted(listed, key=lambda entry: (entry[0], entry[1], -entry[2].first, entry[2].statement))]


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
