"""Impact: how many accounts, how much revenue, how often, and whether it is still growing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bridge.analysis.cohort import ZERO, Account, unknown
from bridge.analysis.events import DAY, micros, moment
from bridge.analysis.statistics import ALPHA, dispersion, more_than_before, poisson, wilson
from bridge.model.finding import DayCount, Effect, GroupCount, Impact
from bridge.model.impact import NOT_KNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from bridge.analysis.events import Events
    from bridge.model.finding import AffectedAccount, Cohort
    from bridge.model.window import Window

Trend = Literal["rising", "steady", "falling", "too few to tell"]
USERS = ("user_id", "user")
"""Columns of events that name a user."""
GROWTH = 1.5
"""A change of the rate that matters: `steady` means that the interval excludes it, up and down."""
_FEWEST_DAYS = 4
_Z90 = 1.6448536269514722

Array = Any


def impact(
    events: Events, cohort: Cohort, accounts: Mapping[str, Account], window: Window, began: datetime | None, possible: Array
) -> Impact:
    """Add up the affected accounts; `began` is the onset (the first failure, where none was found).

    `possible` (bool, an event row each) are the events that could have failed: they say which part of a day counts.
    """
    codes = {key: index for index, key in enumerate(events.accounts)}
    marked = np.zeros(len(events.accounts), dtype=bool)
    marked[[codes[account.account_id] for account in cohort.affected]] = True
    own = marked[events.account]
    failing = own & events.failed
    first = int(events.at[failing][0]) if began is None else micros(began)
    since = own & (events.at >= first)
    everyone = [accounts.get(key) or unknown(key) for key in sorted(set(accounts) | set(events.accounts))]
    failures = int(np.count_nonzero(failing & since))
    exposure = len(cohort.affected) * max(micros(window.end) - first, 1) / DAY
    return Impact(
        accounts=len(cohort.affected),
        population=cohort.population,
        share=Effect(
            name="share of accounts",
            value=len(cohort.affected) / max(1, cohort.population),
            interval=wilson(len(cohort.affected), cohort.population),
        ),
        silent=sum(account.silent for account in cohort.affected),
        arr=sum((account.arr for account in cohort.affected), ZERO),
        arr_silent=sum((account.arr for account in cohort.affected if account.silent), ZERO),
        population_arr=sum((account.arr for account in everyone), ZERO),
        seats=sum(account.seats for account in cohort.affected),
        plans=_groups(cohort.affected, everyone, lambda account: account.plan),
        regions=_groups(cohort.affected, everyone, lambda account: account.region),
        failures=failures,
        events=int(np.count_nonzero(since)),
        frequency=Effect(
            name="failures per affected account and day since the first",
            value=failures / exposure,
            interval=poisson(failures, exposure),
        ),
        days=_days(events, failing, own, window),
        users=_users(events, failing),
        trend=trend(events.at[failing & since], events.at[own & possible] % DAY, first, micros(window.end)),
    )


def trend(failing: Array, clock: Array, first: int, end: int) -> Trend:
    """Compare failures a day of the later half of the time since `first` with the earlier half (times in microseconds).

    `clock` are the microseconds of the day at which failing is possible: by them the first and last day count in part.
    Counts of days spread more than Poisson ones do: the C-test takes their variance over mean into account.
    `steady` is two one-sided tests at 5 %: the 90 % interval lies within GROWTH.
    """
    start, size = first // DAY, (end - 1) // DAY - first // DAY + 1
    exposure = np.ones(size)
    if len(clock):
        exposure[0] -= np.mean(clock < first % DAY)
        exposure[-1] -= np.mean(clock >= (end - 1) % DAY + 1)
    hits = np.bincount(failing // DAY - start, minlength=size)
    hits, exposure = hits[exposure > 0], exposure[exposure > 0]
    if len(exposure) < _FEWEST_DAYS or not hits.sum():
        return "too few to tell"
    half = len(exposure) // 2
    x0, x1, t0, t1 = int(hits[:half].sum()), int(hits[half:].sum()), float(exposure[:half].sum()), float(exposure[half:].sum())
    expected = np.concatenate([exposure[:half] * (x0 / t0), exposure[half:] * (x1 / t1)])
    ratio = dispersion(hits, expected, cautious=False)
    if more_than_before(x0, t0, x1, t1, ratio=ratio) <= ALPHA / 2:
        return "rising"
    if more_than_before(x1, t1, x0, t0, ratio=ratio) <= ALPHA / 2:
        return "falling"
    spread = _Z90 * np.sqrt(ratio * (1 / max(x0, 0.5) + 1 / max(x1, 0.5)))
    low, high = np.exp(np.log(max(x1, 0.5) / t1 * t0 / max(x0, 0.5)) + np.array([-spread, spread]))
    return "steady" if low > 1 / GROWTH and high < GROWTH else "too few to tell"


def _users(events: Events, failing: Array) -> int | None:
    """Return the different users with a failure; None where the events name none."""
    for name in USERS:
        if name in events.table.column_names:
            known = events.table[name].filter(pa.array(failing)).drop_null()
            return len(pc.unique(known)) if len(known) else None
    return None


def _groups(affected: Sequence[AffectedAccount], everyone: Sequence[Account], of: Callable[[Any], str]) -> tuple[GroupCount, ...]:
    population: dict[str, int] = defaultdict(int)
    for account in everyone:
        population[of(account) or NOT_KNOWN] += 1
    mine: dict[str, list[AffectedAccount]] = defaultdict(list)
    for item in affected:
        mine[of(item) or NOT_KNOWN].append(item)
    made = [
        GroupCount(value=value, affected=len(mine[value]), population=population[value], arr=sum((a.arr for a in mine[value]), ZERO))
        for value in sorted(population)
    ]
    return tuple(sorted(made, key=lambda group: (-group.arr, group.value)))


def _days(events: Events, failing: Array, own: Array, window: Window) -> tuple[DayCount, ...]:
    """Return failing and all events of affected accounts, a row each UTC day of the window, quiet days too."""
    first, last = micros(window.start) // DAY, (micros(window.end) - 1) // DAY
    size = last - first + 1
    hits = np.bincount(events.at[failing] // DAY - first, minlength=size)
    total = np.bincount(events.at[own] // DAY - first, minlength=size)
    return tuple(
        DayCount(day=moment((first + i) * DAY).date().isoformat(), failures=int(hits[i]), events=int(total[i])) for i in range(size)
    )
