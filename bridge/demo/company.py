"""The demo company as values: accounts, exports, changes, and what is planted in them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from bridge.demo.accounts import Account, Roles, make_accounts, make_roles
from bridge.demo.exports import Exports, make_exports
from bridge.demo.truth import REFRESH_JOB, RELEASE_SERVICE, Truth
from bridge.model.change import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """One run of a scheduled job."""

    job: str
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """Everything the tables, logs and tickets are written from."""

    truth: Truth
    accounts: tuple[Account, ...]
    roles: Roles
    exports: Exports
    changes: tuple[Change, ...]
    """Without job runs, oldest first."""
    jobs: tuple[JobRun, ...]
    """Oldest first."""


@lru_cache(maxsize=2)
def build(truth: Truth) -> Company:
    """Make the company; about a second. The last two are kept, because tables, logs and tickets share them."""
    roles = make_roles(truth)
    accounts = make_accounts(truth, roles)
    return Company(
        truth=truth,
        accounts=accounts,
        roles=roles,
        exports=make_exports(truth, accounts, roles),
        changes=_changes(truth),
        jobs=_jobs(truth),
    )


def _changes(truth: Truth) -> tuple[Change, ...]:
    """The release, and harmless changes that keep a day or more away from it on both sides."""
    draw = random.Random(f"changes {truth.seed}")
    others = (
        ("release", "gateway", "2.31.0"),
        ("release", "worker", "7.3.2"),
        ("release", "dashboard", "11.0.4"),
        ("flag", "compact_headers", "10 accounts on"),
        ("flag", "new_navigation", "25 percent"),
        ("migration", "add-report-owner-index", None),
        ("migration", "drop-legacy-shares", None),
        ("config", "worker.pool_size", "24"),
    )
    made = [Change(at=truth.released_at, kind="release", name=RELEASE_SERVICE, version=truth.release_version)]
    free = [day for day in range(truth.days) if abs((truth.start + timedelta(days=day, hours=12) - truth.released_at).days) >= 2]
    for kind, name, version in others:
        at = truth.start + timedelta(days=draw.choice(free), minutes=draw.randint(7 * 60, 17 * 60), seconds=draw.randint(0, 59))
        made.append(Change(at=at, kind=kind, name=name, version=version))
    return tuple(sorted(made, key=lambda change: (change.at, change.name)))


def _jobs(truth: Truth) -> tuple[JobRun, ...]:
    """The daily cache refresh, and other jobs that have nothing to do with it."""
    draw = random.Random(f"jobs {truth.seed}")
    plan = [(REFRESH_JOB, truth.refresh_minute, truth.width_minutes, 1)]
    for name, minute, takes, every in (
        ("usage-rollup", 35, 4, 1),
        ("invoice-run", 3 * 60 + 30, 22, 1),
        ("dashboard-warmup", 5 * 60 + 10, 9, 1),
        ("retention-sweep", 4 * 60, 31, 7),
    ):
        # Another job at the same minute could not be told from the refresh by anyone.
        clear = abs(minute - truth.refresh_minute) > 45
        plan.append((name, minute if clear else (minute + 600) % 1440, takes, every))
    runs = []
    for name, minute, takes, every in plan:
        for day in range(0, truth.days, every):
            started = truth.start + timedelta(days=day, minutes=minute)
            runs.append(JobRun(job=name, started_at=started, finished_at=started + timedelta(minutes=takes, seconds=-draw.randint(1, 9))))
    return tuple(sorted(runs, key=lambda run: (run.started_at, run.job)))
