"""Small worlds with or without a defect in them, for the tests and the calibration runs. Seeded; nothing else decides them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from bridge.analysis.inputs import AnalysisInputs
from bridge.model.investigation import CohortRule, Investigation, LogEvidence, Parameter, SqlEvidence, WorkaroundCheck
from bridge.model.ticket import Ticket
from bridge.model.window import Window

START = datetime(2026, 3, 3, tzinfo=UTC)
DAY = 86_400_000_000
MINUTE = 60_000_000
TIME = pa.timestamp("us", tz="UTC")
JOBS = (("nightly-backup", 3 * 60 + 30), ("cache-refresh", 120), ("report-mail", 7 * 60), ("rollup", 22 * 60))

Array = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a world is like; the defaults are one without a defect."""

    seed: int
    accounts: int = 300
    days: int = 14
    events_a_day: float = 4.0
    """Mean by account; accounts differ much (log-normal)."""
    failing: float = 0.02
    """Share of events that fail for no reason, on average; accounts differ (gamma, variance over mean about 2 by account)."""
    bursts: int = 2
    """Stretches of half an hour in which many events fail."""
    attributes: int = 12
    cause: tuple[tuple[str, str], ...] = ()
    """Attribute values that an affected account needs; empty: no defect."""
    window: tuple[int, int] = (120, 135)
    """Minutes of the day in which the defect strikes."""
    began: float = 7.4
    """Days after the start."""


def load_profile() -> Array:
    """Return the share of the load by minute of the day: little at two at night, most at two in the afternoon."""
    load = 1 - 0.9 * np.cos((np.arange(1440) - 120) / 1440 * 2 * np.pi)
    return load / load.sum()


def attribute_table(generator: np.random.Generator, units: int, attributes: int) -> dict[str, Array]:
    """Return columns a0, a1, ... with two to eight values of uneven frequency."""
    columns = {}
    for number in range(attributes):
        size = int(generator.integers(2, 9))
        values = np.array([f"v{value}" for value in range(size)])
        columns[f"a{number}"] = values[generator.choice(size, units, p=generator.dirichlet(np.full(size, 1.5)))]
    return columns


def world(shape: Shape) -> AnalysisInputs:
    """Return a case's inputs: events, population, changes; the rule asks for two failing events."""
    generator = np.random.default_rng([shape.seed, 1])
    columns = attribute_table(generator, shape.accounts, shape.attributes)
    ids = np.array([f"ac-{number:04d}" for number in range(shape.accounts)])
    rate = generator.lognormal(np.log(shape.events_a_day) - 0.5, 1.0, shape.accounts)
    count = generator.poisson(rate * shape.days)
    account = np.repeat(np.arange(shape.accounts), count)
    minute = generator.choice(1440, len(account), p=load_profile())
    day = generator.integers(0, shape.days, len(account))
    at = day * DAY + minute * MINUTE + generator.integers(0, MINUTE, len(account))
    loud = generator.gamma(0.5, 2.0, shape.accounts)
    failed = generator.random(len(account)) < np.minimum(shape.failing * loud, 0.9)[account]
    for _ in range(shape.bursts):
        begin = int(generator.integers(0, shape.days * 1440 - 30)) * MINUTE
        inside = (at >= begin) & (at < begin + 30 * MINUTE)
        failed |= inside & (generator.random(len(account)) < 0.5)
    if shape.cause:
        prone = np.logical_and.reduce([columns[name] == value for name, value in shape.cause])
        low, high = shape.window
        # Nightly runs of every third account: comparable events, with and without the cause.
        nightly = np.flatnonzero(generator.random(shape.accounts) < 0.35)
        extra = np.repeat(nightly, shape.days)
        extra_at = np.tile(np.arange(shape.days), len(nightly)) * DAY + generator.integers(low * MINUTE, high * MINUTE, len(extra))
        account, at, failed = (
            np.concatenate([account, extra]),
            np.concatenate([at, extra_at]),
            np.concatenate([failed, np.zeros(len(extra), bool)]),
        )
        strikes = (at % DAY >= low * MINUTE) & (at % DAY < high * MINUTE) & (at >= shape.began * DAY) & prone[account]
        failed |= strikes
    base = int(START.timestamp()) * 1_000_000
    events = pa.table(
        {
            "account_id": ids[account],
            "at": pa.array(base + at, pa.int64()).cast(TIME),
            "key": [f"k{number}" for number in range(len(account))],
            "failed": failed,
            "version": np.where(at >= (shape.began - 0.3) * DAY, "4.18.0", "4.17.3"),
            "channel": np.array(["mail", "web", "api"])[generator.choice(3, len(account), p=[0.5, 0.4, 0.1])],
        }
    )
    return inputs(events, _population(generator, ids, columns), _changes(shape), days=shape.days, seed=shape.seed)


def _population(generator: np.random.Generator, ids: Array, columns: dict[str, Array]) -> pa.Table:
    size = len(ids)
    return pa.table(
        {
            "account_id": ids,
            "name": [f"Company {number}" for number in range(size)],
            "plan": np.array(["starter", "team", "enterprise"])[generator.choice(3, size, p=[0.5, 0.4, 0.1])],
            "region": np.array(["north", "south"])[generator.choice(2, size)],
            "arr": pa.array([Decimal(int(value)) for value in generator.integers(1_000, 90_000, size)], pa.decimal128(18, 2)),
            "seats": generator.integers(1, 500, size),
            "created_at": pa.array([START - timedelta(days=int(value)) for value in generator.integers(30, 2_000, size)], TIME),
            **columns,
        }
    )


def _changes(shape: Shape) -> pa.Table:
    rows: list[tuple[datetime, str, str, str | None]] = [
        (START + timedelta(days=day, minutes=minute), "job", name, None) for name, minute in JOBS for day in range(shape.days)
    ]
    rows.append((START + timedelta(days=shape.began - 0.3), "release", "reporting", "4.18.0"))
    rows.append((START + timedelta(days=max(0.5, shape.began - 2)), "release", "gateway", "2.3.0"))
    return pa.table(
        {
            "at": pa.array([row[0] for row in rows], TIME),
            "kind": [row[1] for row in rows],
            "name": [row[2] for row in rows],
            "version": pa.array([row[3] for row in rows], pa.string()),
        }
    )


def investigation(**changed: Any) -> Investigation:
    """Return an investigation over `events`, `population`, `changes`, `reruns`, and two log selections."""
    base = Investigation(
        id="failing-things",
        version=1,
        question="Which accounts have failing things?",
        approach="Count.",
        cannot_tell="Nothing else.",
        subject="things",
        observed="The thing fails.",
        expected=None,
        action="Do the thing",
        workaround=WorkaroundCheck(statement="Do it again", evidence="reruns"),
        data_loss=False,
        parameters=(Parameter(name="minimum", type="integer", default=2),),
        evidence=(
            _sql("events", "account-events"),
            replace(_sql("population", "view"), view="accounts"),
            replace(_sql("changes", "view"), view="changes"),
            _sql("reruns", "table"),
            LogEvidence(name="logs", logs="app", where={}, during="window"),
            LogEvidence(name="quiet_logs", logs="app", where={}, during="baseline"),
        ),
        cohort=CohortRule(source="events", failing="minimum"),
        findings=("impact", "onset", "concentration", "contrast", "workaround", "severity"),
        symptoms=("thing fails", "Ding kaputt"),
        not_causes=("status",),
        report="bug_report",
        folder="",
        digest="",
    )
    return replace(base, **changed)


def _sql(name: str, kind: Any) -> SqlEvidence:
    return SqlEvidence(name=name, kind=kind, database="app", sql="SELECT 1", file=f"{name}.sql")


def inputs(events: pa.Table, population: pa.Table, changes: pa.Table, *, days: int = 14, seed: int = 0, **further: Any) -> AnalysisInputs:
    """Return a case of these tables."""
    return AnalysisInputs(
        investigation=further.pop("investigation", investigation()),
        window=Window(start=START, end=START + timedelta(days=days)),
        parameters={"minimum": 2},
        tables={"events": events, "population": population, "changes": changes, **further.pop("tables", {})},
        evidence_ids={"events": "E1", "population": "E2", "changes": "E3", "reruns": "E4", "logs": "E5", "quiet_logs": "E6"},
        tickets=further.pop("tickets", ()),
        candidate_tickets=further.pop("candidate_tickets", ()),
        seed=seed,
        case_id="BR-0001",
    )


def ticket(number: int, account_id: str | None, subject: str, *, day: float = 13.0) -> Ticket:
    """Return a ticket written some days after the start."""
    at = START + timedelta(days=day)
    return Ticket(
        id=f"T-{number}",
        system="desk",
        native_id=str(number),
        url="",
        subject=subject,
        body="",
        requester_name="",
        requester_email="",
        account_id=account_id,
        account_name=None,
        status="open",
        priority=None,
        created_at=at,
        updated_at=at,
    )


def contrast_world(
    seed: int, parts: int, share: float, *, units: int = 2000, affected: int = 40
) -> tuple[pa.Table, Array, frozenset[tuple[str, str]]]:
    """Return attributes, who is affected, and the planted rule: `share` of the affected carry it; parts 0: nothing planted.

    The rule holds for 2 to 15 % of the units, and each part of a pair for clearly more than the pair.
    """
    generator = np.random.default_rng([seed, parts, round(share * 100)])
    marked = np.zeros(units, dtype=bool)
    if parts == 0:
        columns = attribute_table(generator, units, 25)
        marked[generator.choice(units, affected, replace=False)] = True
        return pa.table(columns), marked, frozenset()
    while True:
        columns = attribute_table(generator, units, 25)
        names = [f"a{number}" for number in generator.choice(25, parts, replace=False)]
        rule = {name: str(generator.choice(np.unique(columns[name]))) for name in names}
        single = [columns[name] == value for name, value in rule.items()]
        holds = np.logical_and.reduce(single)
        inside = round(affected * share)
        clear = parts == 1 or all(part.mean() >= 1.6 * holds.mean() for part in single)
        if 0.02 <= holds.mean() <= 0.15 and clear and holds.sum() >= inside:
            break
    marked[generator.choice(np.flatnonzero(holds), inside, replace=False)] = True
    marked[generator.choice(np.flatnonzero(~holds), affected - inside, replace=False)] = True
    return pa.table(columns), marked, frozenset(rule.items())


def scan_world(generator: np.random.Generator, failures: int, share: float, *, start: int = 120, days: int = 14) -> tuple[Array, Array]:
    """Return minutes of the day and days of failures, a share of them in the quarter of an hour from `start` on."""
    inside = round(failures * share)
    minutes = np.concatenate([generator.integers(start, start + 15, inside), generator.choice(1440, failures - inside, p=load_profile())])
    return minutes % 1440, generator.integers(0, days, failures)


def log_world(
    seed: int, *, templates: int = 60, traces: int = 400, days: int = 8, planted: float = 0.0, burst: bool = True
) -> tuple[pa.Table, pa.Table]:
    """Return log tables of the last day and of the days before: rates vary by day, one unrelated error comes in bursts.

    `planted`: share of the last day's traces that carry an error which never occurred before.
    """
    generator = np.random.default_rng([seed, 3])
    rates = generator.uniform(0.005, 0.5, templates)
    base = int(START.timestamp()) * 1_000_000
    rows: list[tuple[int, str, str, str]] = []
    for day in range(days):
        varied = np.minimum(rates * generator.lognormal(0, 0.3, templates), 1)
        at = base + day * DAY + generator.choice(1440, traces, p=load_profile()) * MINUTE
        has = generator.random((traces, templates)) < varied
        rows += [
            (int(at[t]) + n, "INFO", f"{_word(n)} was followed by {_word(n + 1)}", f"t{day}-{t}") for t, n in np.argwhere(has).tolist()
        ]
        if burst and generator.random() < 0.2:
            begin = base + day * DAY + int(generator.integers(0, 1400)) * MINUTE
            near = np.flatnonzero((at >= begin) & (at < begin + 60 * MINUTE))
            rows += [(int(at[t]) + 99, "ERROR", "unrelated outage of a neighbour", f"t{day}-{t}") for t in near.tolist()]
        if planted and day == days - 1:
            hit = np.flatnonzero(generator.random(traces) < planted)
            rows += [(int(at[t]) + 98, "ERROR", "snapshot was not finished", f"t{day}-{t}") for t in hit.tolist()]
    border = base + (days - 1) * DAY
    return log_table([row for row in rows if row[0] >= border]), log_table([row for row in rows if row[0] < border])


def _word(number: int) -> str:
    """Return another word for each number: two texts differ in two places, so that no place of them is taken for a value."""
    return f"{'abcdefghij'[number % 10]}o{'klmnopqrst'[number // 10 % 10]}a"


def log_table(rows: list[tuple[int, str, str, str]], *, service: str = "worker") -> pa.Table:
    """Return log events of rows (microseconds, level, message, trace)."""
    size = len(rows)
    return pa.table(
        {
            "at": pa.array([row[0] for row in rows], pa.int64()).cast(TIME),
            "level": pa.array([row[1] for row in rows], pa.string()),
            "service": pa.array([service] * size, pa.string()),
            "account_id": pa.nulls(size, pa.string()),
            "trace_id": pa.array([row[3] for row in rows], pa.string()),
            "message": pa.array([row[2] for row in rows], pa.string()),
            "template_id": pa.nulls(size, pa.string()),
            "attributes": pa.array(["{}"] * size, pa.string()),
            "file": pa.array(["app.log"] * size, pa.string()),
            "offset": pa.array(range(size), pa.int64()),
        }
    )


def step_world(seed: int, *, factor: float, days: int = 14, a_day: int = 400) -> tuple[AnalysisInputs, int]:
    """Return events of which 20 a day fail, and from one day on `factor` times as many."""
    generator = np.random.default_rng([seed, 5])
    step = int(generator.integers(3, days - 3))
    at = generator.integers(0, days * DAY, days * a_day)
    rate = np.where(at >= step * DAY, 20 * factor, 20) / a_day
    base = int(START.timestamp()) * 1_000_000
    events = pa.table(
        {
            "account_id": np.array([f"ac-{number}" for number in generator.integers(0, 200, len(at))]),
            "at": pa.array(base + at, pa.int64()).cast(TIME),
            "key": [f"k{number}" for number in range(len(at))],
            "failed": generator.random(len(at)) < rate,
        }
    )
    nobody = pa.table({"account_id": pa.array([], pa.string())})
    quiet = pa.table({"at": pa.array([], TIME), "kind": pa.array([], pa.string()), "name": pa.array([], pa.string())})
    return inputs(events, nobody, quiet, days=days), step
