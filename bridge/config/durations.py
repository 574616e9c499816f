"""Lengths of time and fixed moments as configuration files have them: `30m`, `1h30m`, `14 days`; `2026-03-10T10:05:00Z`.

Relative moments and windows belong to parameters (`bridge.sql.parameters`).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from bridge.errors import InputError
from bridge.model.window import utc

_SECONDS: Final[dict[str, int]] = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_NAMES: Final[dict[str, str]] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("w", "week", "weeks"), "w"),
}
_PART = re.compile(r"\s*([0-9]{1,9})\s*([a-zA-Z]+)\s*")
_LONGEST: Final = timedelta(days=3660)
_EXAMPLES: Final = "for example 30m, 2h, 14d, 1h30m"


def duration(text: str) -> timedelta:
    """Return the length that `text` names, at most ten years; InputError shows the text and examples.

    A bare number is refused (30 what?), and so are months and years, which have no fixed length.
    """
    total = 0
    spot = 0
    while spot < len(text):
        match = _PART.match(text, spot)
        unit = _NAMES.get(match[2].lower()) if match else None
        if match is None or unit is None:
            raise InputError(f"'{text}' is not a length of time", hint=_EXAMPLES)
        total += int(match[1]) * _SECONDS[unit]
        spot = match.end()
    if not text.strip():
        raise InputError("an empty text is not a length of time", hint=_EXAMPLES)
    if total > _LONGEST.total_seconds():
        raise InputError(f"'{text}' is longer than ten years", hint=_EXAMPLES)
    return timedelta(seconds=total)


def show(length: timedelta) -> str:
    """Return the shortest text that `duration` reads as this length: `1h30m`; whole seconds, not negative."""
    left = int(length.total_seconds())
    if left < 0 or length.microseconds:
        raise ValueError(f"not a whole number of seconds from 0 up: {length}")
    parts: list[str] = []
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, _SECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def moment(text: str) -> datetime:
    """Return a fixed moment in UTC: ISO 8601 with a zone, or a date (its UTC midnight).

    A time without a zone is an InputError: guessing its zone would shift evidence.
    """
    word = text.strip()
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", word):
            return datetime.combine(date.fromisoformat(word), time(), tzinfo=UTC)
        parsed = datetime.fromisoformat(word)
    except ValueError as error:
        raise InputError(f"'{text}' is not a time", hint="2026-03-10T10:05:00Z or 2026-03-10") from error
    if parsed.tzinfo is None:
        raise InputError(f"'{text}' has no zone", hint=f"add one: {word}Z or {word}+01:00")
    try:
        return utc(parsed)
    except OverflowError as error:
        raise InputError(f"'{text}' lies outside the calendar", hint="2026-03-10T10:05:00Z") from error
