"""What the steps tell while they work; the command line turns it into progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """A step begins."""

    source: str
    """app, logs, findings, report, tracker, ZD-1042."""
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """A step ended well."""

    source: str
    what: str
    detail: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something went wrong that does not stop the work; it is kept in the case."""

    message: str


Event = StepStarted | StepDone | Warned
Emit = Callable[[Event], None]
