"""The product's state: one JSON document beside the other products', its own clock, and the data it reports on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from bridge.sandbox.state import State

KEY: Final = "product"
REFRESH_AT: Final = time(2, 0)
REFRESH_TAKES: Final = timedelta(minutes=15)
FLAG: Final = "snapshot_cache_v2"
TABLES: Final = ("sessions", "dashboards", "filters", "reports", "exports", "shares")
_SOURCE: Final = tuple((f"C{number:04d}", ("EMEA", "APAC", "AMER", "LATAM")[number * 7 % 4], number * 37 % 900) for number in range(600))
"""The table behind every report: customer, region, amount."""


@dataclass(frozen=True, slots=True)
class Store:
    """The product's document, for one request."""

    state: State
    document: dict[str, Any]

    def save(self) -> None:
        """Keep the changes of this request."""
        self.state.put(KEY, self.document)

    def table(self, name: str) -> dict[str, dict[str, Any]]:
        """Return the rows of a table by id."""
        rows: dict[str, dict[str, Any]] = self.document[name]
        return rows

    def new_id(self, kind: str) -> str:
        """Return an id that no other run of the product gave: kind and ten hex digits."""
        number = self.state.next_number(f"product:{kind}")
        salt = f"{self.document['salt']} {kind} {number}"
        return f"{kind}_{hashlib.sha256(salt.encode()).hexdigest()[:10]}"

    @property
    def now(self) -> datetime:
        """The product's clock: real time, unless a test has set it."""
        real = self.state.now()
        shift: float = self.document["shift"]
        return real + timedelta(seconds=shift)

    def set_clock(self, at: datetime | None) -> None:
        """Let the clock show `at` and go on from there; None: real time again."""
        self.document["shift"] = 0.0 if at is None else (at - self.state.now()).total_seconds()


def opened(state: State) -> Store:
    """Return the product's document, a new one on first use."""
    document = state.get(KEY)
    return Store(state, document or empty(str(state.now().timestamp())))


def empty(salt: str, *, fixed: bool = False) -> dict[str, Any]:
    """Return a product without data."""
    return {"salt": salt, "shift": 0.0, "fixed": fixed, "flags": {}, **{table: {} for table in TABLES}}


def refreshing(now: datetime) -> bool:
    """Tell whether the daily cache refresh is under way: 02:00 to 02:15 UTC."""
    utc = now.astimezone(UTC)
    start = datetime.combine(utc.date(), REFRESH_AT, tzinfo=UTC)
    return start <= utc < start + REFRESH_TAKES


def source_rows(condition: dict[str, Any] | None) -> list[tuple[str, str, int]]:
    """Return what the database has for a filter, or everything."""
    if condition is None:
        return list(_SOURCE)
    field = {"customer": 0, "region": 1, "amount": 2}.get(str(condition.get("field")), 1)
    return [row for row in _SOURCE if str(row[field]) == str(condition.get("value"))]


def exported_rows(store: Store, account: str, condition: dict[str, Any] | None) -> int:
    """Return how many rows an export writes now.

    Reports with a saved filter are read from the snapshot. With the flag, accounts read the new cache, whose current
    generation is the one being built while the refresh runs: it holds no rows yet. That is the planted defect; the fix
    reads the last finished generation.
    """
    full = len(source_rows(condition))
    uses_snapshot = condition is not None and store.document["flags"].get(account, {}).get(FLAG, False)
    if uses_snapshot and refreshing(store.now) and not store.document["fixed"]:
        return 0
    return full
