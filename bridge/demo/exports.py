"""The demo company's exports: an ordinary daily load, the planted defect, and the decoys, as numpy columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from bridge.demo.accounts import Account, Roles
from bridge.demo.truth import Truth

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MINUTE = 60_000_000
DAY = 1440 * MINUTE
NONE = -1
FORMATS = ("csv", "xlsx", "pdf", "json")

ORDINARY, FAILING, FINE_IN_WINDOW, OWN_FILTER, EXPIRED, RERUN = range(6)
"""Why a row is there (`kind`): tests and the log writer use it, no table carries it."""

_SCHEDULES = {"starter": (4, 9), "team": (6, 12), "business": (10, 18), "enterprise": (14, 27)}
_MANUAL_A_DAY = {"starter": 0.3, "team": 0.5, "business": 0.9, "enterprise": 1.6}
_NOON = {"DACH": 10, "UK and Nordics": 11, "North America": 17, "APAC": 3}
"""The UTC hour of the middle of the working day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exports:
    """One element per export in every column, in order of the start. Times are microseconds since 1970 UTC."""

    account: Ints
    """Index into the accounts."""
    report: Ints
    manual: Bools
    format: Ints
    due: Ints
    """NONE for manual ones."""
    start: Ints
    end: Ints
    ok: Bools
    source_rows: Ints
    rows: Ints
    rerun_of: Ints
    """Index of the export that this one repeats, or NONE."""
    kind: Ints
    trace: tuple[str, ...]
    """32 hex digits each."""

    def __len__(self) -> int:
        """Count the exports."""
        return len(self.start)


def microseconds(at: datetime) -> int:
    """Return microseconds since 1970 UTC."""
    return round(at.timestamp() * 1_000_000)


def make_exports(truth: Truth, accounts: Sequence[Account], roles: Roles) -> Exports:
    """Return all exports of the truth's window."""
    rng = np.random.default_rng([truth.seed, 1])
    parts = [_scheduled(rng, truth, accounts), _manual(rng, truth, accounts)]
    _keep_out_of_window(rng, truth, parts, roles)
    parts.append(_nightly(rng, truth, roles))
    parts.append(_once(rng, truth, roles))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    columns = _sorted({name: values[columns["start"] < microseconds(truth.window.end)] for name, values in columns.items()})
    _volumes(rng, columns)
    _decoys(rng, truth, columns, roles)
    columns = _with_reruns(rng, truth, columns, roles)
    traces = rng.bytes(16 * len(columns["start"])).hex()
    return Exports(**columns, trace=tuple(traces[at : at + 32] for at in range(0, len(traces), 32)))


Columns = dict[str, Any]


def _columns(account: Ints, report: Ints, start: Ints, *, due: Ints | None = None, kind: int = ORDINARY) -> Columns:
    count = len(account)
    return {
        "account": account.astype(np.int64),
        "report": report.astype(np.int64),
        "manual": np.full(count, due is None),
        "due": np.full(count, NONE, dtype=np.int64) if due is None else due.astype(np.int64),
        "start": start.astype(np.int64),
        "kind": np.full(count, kind, dtype=np.int64),
    }


def _slot_weights(noon: int) -> npt.NDArray[np.float64]:
    """Return the load profile of schedules over the 96 quarter hours of the UTC day: a night batch and a working day."""
    hours = np.arange(96) / 4
    distance = np.minimum((hours - noon) % 24, (noon - hours) % 24)
    day = np.exp(-((distance / 4.0) ** 2))
    morning = np.exp(-((((hours - noon + 4 + 12) % 24 - 12) / 1.2) ** 2)) * 1.6
    night = ((hours >= 0) & (hours < 6)) * 0.55
    on_the_hour = np.where(np.arange(96) % 4 == 0, 2.2, 1.0)
    weights = (day + morning + night + 0.08) * on_the_hour
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _scheduled(rng: np.random.Generator, truth: Truth, accounts: Sequence[Account]) -> Columns:
    low, high = np.array([_SCHEDULES[account.plan] for account in accounts]).T
    per_account = rng.integers(low, high + 1)
    owner = np.repeat(np.arange(len(accounts)), per_account)
    weights = {region: _slot_weights(noon) for region, noon in _NOON.items()}
    slots = np.concatenate([rng.choice(96, count, p=weights[accounts[at].region]) for at, count in enumerate(per_account)])
    minute = slots * 15 + np.where(rng.random(len(owner)) < 0.2, rng.integers(0, 15, len(owner)), 0)
    weekdays_only = rng.random(len(owner)) < 0.3
    report = np.concatenate([np.arange(count) for count in per_account])
    days = np.arange(truth.days)
    weekend = np.array([(truth.start + timedelta(days=int(day))).weekday() >= 5 for day in days])
    runs = ~(weekdays_only[:, None] & weekend[None, :])
    schedule, day = np.nonzero(runs)
    due = microseconds(truth.start) + days[day] * DAY + minute[schedule] * MINUTE
    delay = np.minimum(rng.exponential(35e6, len(due)), 540e6) + rng.integers(200_000, 2_000_000, len(due))
    return _columns(owner[schedule], report[schedule], due + delay.astype(np.int64), due=due)


def _manual(rng: np.random.Generator, truth: Truth, accounts: Sequence[Account]) -> Columns:
    rate = np.array([_MANUAL_A_DAY[account.plan] for account in accounts])
    counts = rng.poisson(rate[:, None], (len(accounts), truth.days))
    owner, day = (np.repeat(axis, counts.ravel()) for axis in np.divmod(np.arange(counts.size), truth.days))
    noon = np.array([_NOON[account.region] for account in accounts])[owner] * 60
    minute = (noon + rng.normal(0, 150, len(owner))) % 1440
    start = microseconds(truth.start) + day * DAY + (minute * MINUTE).astype(np.int64)
    return _columns(owner, rng.integers(40, 60, len(owner)), start)


def in_window(truth: Truth, start: Ints) -> Bools:
    """Tell which starts lie in the minutes of the refresh, on any day."""
    into_day = (start - microseconds(truth.start)) % DAY
    low = truth.refresh_minute * MINUTE
    return np.asarray((into_day >= low) & (into_day < low + truth.width_minutes * MINUTE))


def _keep_out_of_window(rng: np.random.Generator, truth: Truth, parts: Sequence[Columns], roles: Roles) -> None:
    """Whoever meets the cause exports in the window only where it is planted: others wait in the queue a little longer."""
    holders = np.array(roles.holders)
    for part in parts:
        late = in_window(truth, part["start"]) & np.isin(part["account"], holders)
        shift = truth.width_minutes * MINUTE + rng.integers(MINUTE // 4, 20 * MINUTE, int(late.sum()))
        part["start"][late] += shift


def _window_start(rng: np.random.Generator, truth: Truth, day: Ints) -> Ints:
    within = rng.integers(0, truth.width_minutes * MINUTE, len(day))
    return np.asarray(microseconds(truth.start) + day * DAY + truth.refresh_minute * MINUTE + within, dtype=np.int64)


def _nightly(rng: np.random.Generator, truth: Truth, roles: Roles) -> Columns:
    """Return the daily exports near the refresh: now and then inside its minutes, on other days just after."""
    failing_days = truth.failing_days
    owners, days, inside, kinds = [], [], [], []
    for account in (*roles.affected, *roles.in_window):
        affected = account in roles.affected
        failures = int(rng.integers(2, len(failing_days) + 1)) if affected else 0
        hit = {int(day) for day in rng.choice(failing_days, failures, replace=False)}
        for day in range(truth.days):
            owners.append(account)
            days.append(day)
            fails = affected and day in failing_days
            within = day in hit if fails else bool(rng.random() < 0.75)
            inside.append(within)
            kinds.append((FAILING if fails else FINE_IN_WINDOW) if within else ORDINARY)
    day_column, within_column = np.array(days, dtype=np.int64), np.array(inside)
    early = _window_start(rng, truth, day_column)
    late = truth.width_minutes * MINUTE + rng.integers(MINUTE // 4, 20 * MINUTE, len(day_column))
    due = early - early % MINUTE
    start = np.where(within_column, early, early + late)
    columns = _columns(np.array(owners), np.full(len(owners), 30), start, due=due)
    columns["kind"] = np.array(kinds, dtype=np.int64)
    return columns


def _once(rng: np.random.Generator, truth: Truth, roles: Roles) -> Columns:
    day = rng.choice(truth.failing_days, len(roles.once))
    return _columns(np.array(roles.once), np.full(len(day), 41), _window_start(rng, truth, day), kind=FAILING)


def _sorted(columns: Columns) -> Columns:
    order = np.argsort(columns["start"], kind="stable")
    return {name: values[order] for name, values in columns.items()}


def _volumes(rng: np.random.Generator, columns: Columns) -> None:
    """Every report has its usual size, which changes a little from day to day."""
    report = columns["account"] * 64 + columns["report"]
    size = np.exp(rng.normal(6.6, 1.3, int(report.max()) + 1))[report]
    count = len(report)
    columns["format"] = rng.choice(len(FORMATS), int(report.max()) + 1, p=(0.55, 0.3, 0.1, 0.05))[report]
    columns["source_rows"] = np.maximum(3, (size * np.exp(rng.normal(0, 0.12, count))).astype(np.int64))
    columns["rows"] = np.where(columns["kind"] == FAILING, 0, columns["source_rows"])
    columns["ok"] = np.full(count, fill_value=True)
    took = 300_000 + columns["source_rows"] * 450 * np.exp(rng.normal(0, 0.3, count))
    columns["end"] = columns["start"] + np.minimum(took, 400e6).astype(np.int64)
    columns["rerun_of"] = np.full(count, NONE, dtype=np.int64)


def _decoys(rng: np.random.Generator, truth: Truth, columns: Columns, roles: Roles) -> None:
    scheduled = ~columns["manual"]
    own_filter = np.isin(columns["account"], np.array(roles.empty_filter)) & scheduled & (columns["report"] < 2)
    for name in ("source_rows", "rows"):
        columns[name][own_filter] = 0
    columns["kind"][own_filter] = OWN_FILTER
    since = microseconds(truth.released_at) + int(rng.integers(12 * 60, 40 * 60)) * MINUTE
    expired = np.isin(columns["account"], np.array(roles.expired)) & (columns["start"] >= since)
    columns["rows"][expired] = 0
    columns["ok"][expired] = False
    columns["kind"][expired] = EXPIRED


def _with_reruns(rng: np.random.Generator, truth: Truth, columns: Columns, roles: Roles) -> Columns:
    """Who noticed ran the export again by hand, hours later and outside the window; and a few repeat without any reason."""
    noticing = np.array(sorted({*roles.writers, *rng.choice(roles.affected, 5).tolist()}))
    failing = (columns["kind"] == FAILING) & np.isin(columns["account"], noticing) & (rng.random(len(columns["kind"])) < 0.6)
    habit = (columns["kind"] == ORDINARY) & ~np.isin(columns["account"], np.array(roles.holders)) & (rng.random(len(failing)) < 0.0006)
    origin = np.nonzero(failing | habit)[0]
    start = columns["start"][origin] + rng.integers(150 * MINUTE, 10 * 60 * MINUTE, len(origin))
    start = np.where(in_window(truth, start), start + (truth.width_minutes + 5) * MINUTE, start)
    kept = start < microseconds(truth.window.end) - 10 * MINUTE
    origin, start = origin[kept], start[kept]
    added: Columns = {name: values[origin].copy() for name, values in columns.items()}
    added["start"], added["rerun_of"] = start, origin
    added["end"] = start + columns["end"][origin] - columns["start"][origin]
    added["manual"][:], added["due"][:], added["kind"][:] = True, NONE, RERUN
    added["rows"] = added["source_rows"].copy()
    joined = {name: np.concatenate([columns[name], added[name]]) for name in columns}
    order = np.argsort(joined["start"], kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    again = joined["rerun_of"]
    joined["rerun_of"] = np.where(again == NONE, NONE, place[again])
    return {name: values[order] for name, values in joined.items()}
