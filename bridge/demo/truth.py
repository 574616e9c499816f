"""The truth that a demo company is made with: what a correct investigation has to find, and the decoys beside it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.model.finding import Condition
from bridge.model.window import Window

RELEASE_SERVICE = "reporting"
REFRESH_JOB = "cache-refresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Parameters of the generator; the same Truth always gives the same bytes. Times are UTC."""

    seed: int = 20260303
    start: datetime = datetime(2026, 3, 3, tzinfo=UTC)
    days: int = 14
    accounts: int = 412
    affected: int = 38
    """Accounts with two or more failing exports."""
    wrote: int = 19
    """Affected accounts that opened tickets about it; the others are silent."""
    tickets: int = 23
    """Tickets about the defect, by the accounts that wrote."""
    once: int = 9
    """Decoys: accounts with exactly one failing export, an ad hoc one."""
    empty_filter: int = 6
    """Decoys: accounts whose own filter matches nothing (the source has no rows either)."""
    expired: int = 1
    """Decoys: accounts whose exports fail openly, with expired storage credentials."""
    other_tickets: int = 8
    """Tickets about other things, two of them by affected accounts."""
    refresh_minute: int = 120
    """Minute of the UTC day at which the cache refresh starts."""
    width_minutes: int = 15
    """How long the refresh takes: exports that start meanwhile read the unfinished snapshot."""
    release_version: str = "4.18.0"
    version_before: str = "4.17.3"
    released_at: datetime = datetime(2026, 3, 10, 10, 5, tzinfo=UTC)
    cause: tuple[Condition, ...] = field(default=(Condition(attribute="snapshot_cache_v2", value="true"),))
    """What an account needs for the defect: one attribute value, or two at once. Booleans are `true` and `false`."""

    @property
    def window(self) -> Window:
        """All the data."""
        return Window(start=self.start, end=self.start + timedelta(days=self.days))

    @property
    def as_of(self) -> datetime:
        """The workspace's now: the moment at which the data ends, so that "the last 14 days" are all of it."""
        return self.window.end

    @property
    def failing_days(self) -> tuple[int, ...]:
        """Days (0 is the first) whose refresh comes after the release."""
        refresh = timedelta(minutes=self.refresh_minute)
        return tuple(day for day in range(self.days) if self.start + timedelta(days=day) + refresh > self.released_at)


DEFAULT_TRUTH = Truth()

_CAUSES: tuple[tuple[Condition, ...], ...] = (
    (Condition(attribute="snapshot_cache_v2", value="true"),),
    (Condition(attribute="storage_provider", value="azure-blob"),),
    (Condition(attribute="data_center", value="fra2"),),
    (Condition(attribute="plan", value="business"),),
    (Condition(attribute="parallel_upload", value="true"),),
    (Condition(attribute="snapshot_cache_v2", value="true"), Condition(attribute="storage_provider", value="azure-blob")),
    (Condition(attribute="data_center", value="fra2"), Condition(attribute="parallel_upload", value="true")),
)


def random_truth(seed: int) -> Truth:
    """Return another truth: hour, width, counts, cause, release. Seven seeds in a row have seven causes, two of them pairs."""
    draw = random.Random(seed)
    affected = draw.randint(20, 60)
    wrote = max(4, round(affected * draw.uniform(0.35, 0.6)))
    width = draw.choice((10, 12, 15, 20, 25, 30))
    refresh_minute = draw.choice((0, 1, 2, 3, 4, 5, 9, 11, 13, 16, 19, 22)) * 60 + draw.choice((0, 10, 20, 30))
    # The release stays clear of the window, so that no export of its day is half before and half after it.
    gap = draw.randint(90, 20 * 60)
    release_minute = (refresh_minute + width + gap) % 1440
    day = draw.randint(4, 8)
    major, minor, patch = draw.randint(2, 9), draw.randint(1, 40), draw.randint(0, 5)
    start = DEFAULT_TRUTH.start
    return replace(
        DEFAULT_TRUTH,
        seed=seed,
        affected=affected,
        wrote=wrote,
        tickets=wrote + draw.randint(0, min(6, wrote)),
        once=draw.randint(4, 12),
        empty_filter=draw.randint(3, 9),
        refresh_minute=refresh_minute,
        width_minutes=width,
        release_version=f"{major}.{minor}.{patch}",
        version_before=f"{major}.{minor - 1}.{draw.randint(0, 5)}",
        released_at=start + timedelta(days=day, minutes=release_minute),
        cause=_CAUSES[seed % len(_CAUSES)],
    )


def to_builtins(truth: Truth) -> dict[str, Any]:
    """Return the truth as JSON-able values: times as ISO 8601 UTC, the cause as a list of attribute and value."""
    values: dict[str, Any] = {name: getattr(truth, name) for name in Truth.__dataclass_fields__}
    values["start"] = truth.start.isoformat()
    values["released_at"] = truth.released_at.isoformat()
    values["cause"] = [{"attribute": part.attribute, "value": part.value} for part in truth.cause]
    return values
