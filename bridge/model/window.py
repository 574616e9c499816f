"""Half-open windows in UTC, and the one rule about time: a datetime always has a zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


def utc(value: datetime) -> datetime:
    """Return `value` in UTC; a naive datetime is a ValueError, because guessing its zone shifts evidence."""
    if value.tzinfo is None:
        raise ValueError(f"datetime without a zone: {value.isoformat()}")
    return value.astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A half-open span [start, end) in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Normalise both ends to UTC; an empty or inverted window is a ValueError."""
        object.__setattr__(self, "start", utc(self.start))
        object.__setattr__(self, "end", utc(self.end))
        if self.end <= self.start:
            raise ValueError(f"window ends at {self.end.isoformat()}, not after its start {self.start.isoformat()}")

    @property
    def length(self) -> timedelta:
        """The length of the window."""
        return self.end - self.start

    def contains(self, at: datetime) -> bool:
        """Tell whether `at` lies in [start, end)."""
        return self.start <= at < self.end
