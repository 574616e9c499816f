"""Impact across cases: what a lead decides by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

NOT_KNOWN: Final = "not known"
"""Tier or region of an account that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseImpact:
    """One case as a line of a lead's table. Money is a year, in the workspace's currency; times are UTC."""

    case_id: str
    title: str
    """The report's; the investigation's name before there is one. May hold customers' words: untrusted."""
    investigation: str
    state: str
    """open, investigated, reported; once filed the issue's state as it was followed last."""
    issue: str
    """Key; empty: not filed."""
    issue_url: str
    severity: str
    """S1 to S4; empty: not judged."""
    opened_at: datetime
    age_days: int
    """Since the case was opened."""
    first_failure: datetime | None
    accounts: int
    population: int
    """All accounts at the time of the case."""
    silent: int
    revenue: Decimal
    revenue_silent: Decimal
    seats: int
    tickets: int
    not_told: int
    """Tickets whose customer waits for an answer that is drafted and not sent."""
    failures: int
    trend: str
    """rising, steady, falling, too few to tell; empty: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountImpact:
    """One account, counted once, however many cases it is in."""

    account_id: str
    name: str
    plan: str
    region: str
    revenue: Decimal
    seats: int
    cases: tuple[str, ...]
    tickets: tuple[str, ...]
    """About these defects; empty: silent in all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupImpact:
    """The affected accounts of one tier or region."""

    value: str
    accounts: int
    silent: int
    revenue: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactSummary:
    """Several cases together: an account in two of them counts once."""

    as_of: datetime
    currency: str
    cases: tuple[CaseImpact, ...]
    """Most revenue first."""
    accounts: tuple[AccountImpact, ...]
    """Most revenue first."""
    tiers: tuple[GroupImpact, ...]
    regions: tuple[GroupImpact, ...]
    revenue: Decimal
    silent: int
    tickets: int
    not_analysed: tuple[str, ...]
    """Cases that are not investigated yet: nothing of them is in the figures."""
