"""Trend: is something told of more often now, or since a change, than before; or are there too few to tell?

What is counted are distinct units (accounts; tickets or traces where no account is known) by stretches of seven days
that end now: a loud customer counts once a week. Tried for each series are the last one, two and three weeks against the weeks
before, and the time since each recent change before which there was none. The test is the conditional test of two Poisson counts
(C-test, Przyborowski and Wilenski 1940), beta-binomial with the upper quartile of variance over mean that few weeks allow;
with three years of weeks the flexible Farrington bound judges this week as well (`seasonal`). Benjamini-Hochberg goes over
everything that was tried. Three answers: rising (or new), flat, too few to tell, the last with the count that would be enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from scipy import stats

from bridge.analysis.seasonal import bound
from bridge.analysis.statistics import corrected, dispersion, more_than_before
from bridge.model.change import Change
from bridge.model.finding import Effect, Interval, Trend

WEEK = timedelta(days=7)
ALPHA = 0.01
"""The look is repeated every day, so less than the 5 % of a case. Twelve weeks can't support smaller values."""
SEASON_ALPHA = 0.001
"""With some years of weeks: one false alarm in twenty years of a series."""
WEEKS = 12
"""Weeks before that this week is compared with, as far as they were observed."""
LOOKS = (1, 2, 3)
"""Recent weeks that are taken together."""
GROWTH = 1.5
"""A change that matters: `flat` means that the 90 % interval of the ratio excludes it, up and down."""
FLOOR = 1.1
"""`rising` asks that the lower bound of the ratio reaches this."""
FEWEST = 3
"""Units below which nothing rises."""
_FEWEST_WEEKS = 4
"""Weeks from which their variance can be told."""
_SUPPOSED = 2.0
"""Variance over mean that is supposed where it can't be told."""
_CHANGES = 5
_SINCE = timedelta(days=28)
"""Changes older than this are not tried."""
_MOST = 500
_Z95, _Z90 = 1.959963984540054, 1.6448536269514722


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What was told of one thing: a symptom, a group of words, an error of the logs."""

    subject: str
    kind: str
    """symptom, words, signal, error."""
    told: tuple[tuple[datetime, str], ...]
    """When, and by which unit, in any order."""
    unit: str = "accounts"
    words: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    """Ids behind `told`, in its order: tickets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Try:
    """One comparison of two stretches of time."""

    recent: int
    recent_days: float
    before: int
    before_days: float
    p_value: float
    ratio: float
    change: Change | None = None
    expected: float | None = None
    """By the season, where some years are known."""


def trends(
    series: Sequence[Series], *, now: datetime, since: datetime, changes: Sequence[Change] = (), weeks: int = WEEKS, alpha: float = ALPHA
) -> tuple[Trend, ...]:
    """Judge every series; `since` is when observation began (nothing is known before). What rises comes first, by q-value."""
    observed = max(0.0, (now - since) / WEEK)
    recent = sorted((c for c in changes if max(since, now - _SINCE) < c.at < now), key=lambda c: c.at)
    once: dict[tuple[str, str, str | None], Change] = {}
    repeated = {(c.kind, c.name, c.version) for c in changes if c.at < now - _SINCE}
    for change in recent:
        key = change.kind, change.name, change.version
        repeated |= {key} if key in once else set()
        once.setdefault(key, change)
    single = [change for key, change in once.items() if key not in repeated][-_CHANGES:]
    counts = [weekly(item.told, now, observed) for item in series]
    baseline = min(weeks, int(observed) - 1)
    pooled = _pooled(counts, baseline)
    tries = [_tries(item, own, (now, since), single, baseline, pooled) for item, own in zip(series, counts, strict=True)]
    flat = [(number, one) for number, own in enumerate(tries) for one in own]
    q = corrected([one.p_value for _, one in flat])
    judged = []
    for number, item in enumerate(series):
        own_tries = [(one, float(value)) for (at, one), value in zip(flat, q, strict=True) if at == number]
        judged.append(_judge(item, counts[number], own_tries, len(flat), now, alpha))
    order = {"new": 0, "rising": 0, "too few to tell": 1, "flat": 2}
    return tuple(sorted(judged, key=lambda t: (order[t.answer], t.q_value, -t.recent, t.subject)))


def weekly(told: Sequence[tuple[datetime, str]], now: datetime, observed: float) -> tuple[int, ...]:
    """Return distinct units by whole week, oldest first; the last week ends now. Weeks that were not observed as a whole are left out."""
    size = max(1, int(observed))
    units: list[set[str]] = [set() for _ in range(size)]
    for at, unit in told:
        age = int((now - at) / WEEK) if at <= now else -1
        if 0 <= age < size:
            units[size - 1 - age].add(unit)
    return tuple(len(found) for found in units)


def _pooled(counts: Sequence[Sequence[int]], weeks: int) -> float:
    """Return variance over mean of the weeks before, all series together: one series of few weeks says little about it."""
    pearson, degrees = 0.0, 0
    for own in counts:
        before = np.array(own[:-1][-weeks:] if weeks > 0 else [])
        if len(before) >= _FEWEST_WEEKS and before.sum():
            pearson += dispersion(before, np.ones(len(before)), cautious=False, least=0.0) * (len(before) - 1)
            degrees += len(before) - 1
    return max(1.0, pearson / degrees) if degrees else _SUPPOSED


def _tries(
    item: Series, counts: Sequence[int], times: tuple[datetime, datetime], changes: Sequence[Change], weeks: int, pooled: float
) -> list[_Try]:
    """Return every comparison of a series; `times` are now and the begin of observation."""
    now, since = times
    found = []
    for look in LOOKS:
        before = np.array(counts[:-look][-weeks:] if weeks > 0 else [])
        if len(before) < look:
            continue
        recent = int(sum(counts[-look:]))
        ratio = max(pooled, dispersion(before, np.ones(len(before))) if len(before) >= _FEWEST_WEEKS else _SUPPOSED)
        p = more_than_before(int(before.sum()), len(before), recent, look, ratio=ratio)
        found.append(
            _Try(recent=recent, recent_days=7.0 * look, before=int(before.sum()), before_days=7.0 * len(before), p_value=p, ratio=ratio)
        )
    season = bound(np.array(counts), alpha=SEASON_ALPHA)
    if season is not None:  # it knows the time of the year; twelve weeks would take a season for a rise
        found = [
            _Try(
                recent=counts[-1],
                recent_days=7.0,
                before=round(season.expected),
                before_days=7.0,
                p_value=season.p_value if season.enough else 1.0,
                ratio=season.ratio,
                expected=season.expected,
            )
        ]
    for change in changes:
        early = {unit for at, unit in item.told if since <= at < change.at}
        late = {unit for at, unit in item.told if change.at <= at <= now}
        after, exposed = (now - change.at) / timedelta(days=1), (change.at - since) / timedelta(days=1)
        if early or exposed < after / 2 or not late:  # distinct units of unequal stretches can't be compared, but for none
            continue
        ratio = max(pooled, _SUPPOSED)
        p = more_than_before(0, exposed, len(late), after, ratio=ratio)
        found.append(_Try(recent=len(late), recent_days=after, before=0, before_days=exposed, p_value=p, ratio=ratio, change=change))
    return found


def _judge(item: Series, counts: tuple[int, ...], tries: list[tuple[_Try, float]], tried: int, now: datetime, alpha: float) -> Trend:
    """Say new, rising, flat or too few to tell."""
    made = _undecided(item, counts, tried, now)
    if not tries:
        return replace(
            made,
            statement=f"Too few to tell: {_said(counts[-1], item.unit)} this week, and no whole week before to compare with; two weeks are needed.",
        )
    holding = [(one, q) for one, q in tries if _holds(one, q, alpha)]
    # What is new since a change says more than that it rose; else the surest, and of equally sure ones the longest.
    best, q = min(
        holding or tries,
        key=lambda pair: (pair[0].change is None, pair[1], -pair[0].recent_days) if holding else (pair[0].p_value,),
    )
    made = replace(
        made,
        recent=best.recent,
        recent_days=best.recent_days,
        before=best.before,
        before_days=best.before_days,
        change=best.change,
        effect=Effect(name="ratio of rates", value=_ratio(best), interval=_interval(best, _Z95)),
        dispersion=best.ratio,
        p_value=best.p_value,
        q_value=q,
    )
    if holding:
        answer: Literal["new", "rising"] = "new" if best.before == 0 and best.expected is None else "rising"
        return replace(made, answer=answer, statement=_rise(best, item.unit))
    calm = [one for one, _ in tries if _calm(one)]
    if calm:
        return replace(made, answer="flat", statement=_flat(max(calm, key=lambda one: one.recent_days)))
    week = next((one for one, _ in tries if one.change is None), tries[0][0])
    needed = _needed(week, tried, alpha)
    enough = f"{needed} in {_weeks(week.recent_days)} would be enough" if needed else "no count would be enough with so little time before"
    return replace(
        made,
        needed=needed,
        statement=f"Too few to tell: {_said(week.recent, item.unit)} this week against {_rate(week)} a week before; {enough}.",
    )


def _undecided(item: Series, counts: tuple[int, ...], tried: int, now: datetime) -> Trend:
    return Trend(
        subject=item.subject,
        kind=item.kind,
        unit=item.unit,
        words=item.words,
        counts=counts,
        members=tuple(member for (at, _), member in zip(item.told, item.members, strict=False) if now - WEEK < at <= now),
        answer="too few to tell",
        statement="",
        recent=counts[-1],
        recent_days=7.0,
        before=sum(counts[:-1]),
        before_days=7.0 * (len(counts) - 1),
        change=None,
        effect=Effect(name="ratio of rates", value=None),
        dispersion=1.0,
        p_value=1.0,
        q_value=1.0,
        tried=tried,
        needed=None,
    )


def _holds(one: _Try, q: float, alpha: float) -> bool:
    level = alpha if one.expected is None else min(alpha, SEASON_ALPHA)
    return q <= level and one.recent >= FEWEST and _interval(one, _Z95).low >= FLOOR


def _calm(one: _Try) -> bool:
    inside = _interval(one, _Z90)
    return one.change is None and inside.low >= 1 / GROWTH and (inside.high or 9) <= GROWTH


def _flat(one: _Try) -> str:
    inside = _interval(one, _Z90)
    return f"Flat: {_ratio(one) or 0:.2f} times the baseline for {_weeks(one.recent_days)} (90 %: {inside.low:.2f} to {inside.high:.2f})."


def _rise(one: _Try, unit: str) -> str:
    if one.expected is not None:
        return f"{_said(one.recent, unit)} this week where {one.expected:.1f} were expected for the season."
    if one.change is not None:
        change = " ".join(part for part in (one.change.kind, one.change.name, one.change.version or "") if part)
        return f"{_said(one.recent, unit)} since {change} of {one.change.at:%A, %Y-%m-%d %H:%M} UTC, none in the {one.before_days:.0f} days before."
    if one.before == 0:
        return f"{_said(one.recent, unit)} in {_weeks(one.recent_days)}, none in the {_weeks(one.before_days)} before."
    ratio = _ratio(one) or 0
    inside = _interval(one, _Z95)
    much = f"{ratio - 1:.0%} above baseline" if ratio < 2 else f"{ratio:.1f} times the baseline"  # noqa: PLR2004  people say twice, not 100 % above
    return f"{much.replace('%', ' %')} for {_weeks(one.recent_days)}: {_said(one.recent, unit)} against {_rate(one)} a week before (95 %: {inside.low:.1f} to {inside.high:.1f} times)."


def _said(count: int, unit: str) -> str:
    return f"{count:,} {unit[:-1] if count == 1 else unit}"


def _weeks(days: float) -> str:
    weeks = round(days / 7)
    return {1: "one week", 2: "two weeks", 3: "three weeks"}.get(weeks, f"{weeks} weeks")


def _rate(one: _Try) -> str:
    return f"{one.before / max(one.before_days, 1e-9) * 7:.2g}"


def _ratio(one: _Try) -> float | None:
    before = one.expected if one.expected is not None else one.before
    return None if not before else (one.recent / one.recent_days) / (before / one.before_days)


def _interval(one: _Try, z: float) -> Interval:
    """Return the interval of the ratio of rates on the log scale, widened by variance over mean; half a count for none."""
    level = 0.95 if z == _Z95 else 0.9
    before = one.expected if one.expected is not None else one.before
    x1, x0 = max(one.recent, 0.5), max(before, 0.5)
    # The season's level is known much better than one week.
    spread = z * np.sqrt(one.ratio * (1 / x1 + (0 if one.expected is not None else 1 / x0)))
    centre = np.log(x1 / one.recent_days * one.before_days / x0)
    return Interval(low=float(np.exp(centre - spread)), high=None if not before else float(np.exp(centre + spread)), level=level)


def _needed(one: _Try, tried: int, alpha: float) -> int | None:
    """Return the smallest recent count that would hold after correction (as if it were the only one); None: not even 500."""
    for count in range(max(FEWEST, one.recent + 1), _MOST):
        much = replace(one, recent=count)
        p = more_than_before(one.before, one.before_days, count, one.recent_days, ratio=one.ratio)
        if p * max(1, tried) <= alpha and _interval(much, _Z95).low >= FLOOR:
            return count
    return None


def power(weekly_before: float, growth: float, *, weeks: int = WEEKS, look: int = 3, level: float = ALPHA, ratio: float = 1.0) -> float:
    """Return the chance to see a growth: the C-test with the expected count before; recent counts Poisson or negative binomial."""
    before = round(weekly_before * weeks)
    mean = weekly_before * look * growth
    counts = np.arange(0, int(mean * 4) + 60)
    p = np.array([more_than_before(before, weeks, int(count), look, ratio=ratio) for count in counts])
    law = stats.poisson(mean) if ratio <= 1 else stats.nbinom(mean / (ratio - 1), 1 / ratio)
    return float(law.pmf(counts)[p <= level].sum())
