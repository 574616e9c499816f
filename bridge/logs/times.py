"""Times as logs write them, to microseconds since 1970 in UTC; never a guess.

A time without a zone is read in the declared one; without a declaration, or in the hour that a zone has
twice, it is an error that says so (`TimeError`), and its line is rejected.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MONTHS: Final = {
    name: number for number, name in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)
}
_ZERO_ZONES: Final = frozenset({"z", "utc", "gmt"})
_EARLIEST: Final = 0
_LATEST: Final = 4_102_444_800_000_000  # 2100-01-01: what lies beyond is no log time

_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2}):(?P<second>\d{1,2})(?:[.,](?P<fraction>\d{1,9})\d*|:(?P<millis>\d{1,3})(?!\d))?"
# Listed, because `2026-03-10 02:00:01 GET /` names no zone.
_NAMES = (
    "ACST|AEDT|AEST|AKST|AWST|BRT|BST|CDT|CEST|CET|CST|EDT|EEST|EET|EST|HKT|HST|IST|JST|KST|MDT|MSK|MST|NZDT|NZST|PDT|PST|SAST|SGT|WEST|WET"
)
_END = r"(?:\s?(?P<offset>[+-]\d{2}(?::?\d{2})?)(?!\d)|\s?(?P<zone>Z|UTC|GMT|" + _NAMES + r")\b)?"
_DAYS = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = r"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"

_SHAPES: Final = (
    r"(?P<year>\d{4})[-/.](?P<month>\d{2})[-/.](?P<day>\d{2})[T _](?:T)?" + _CLOCK + _END,
    r"(?P<day>\d{2})/" + _MONTH + r"/(?P<year>\d{4}):" + _CLOCK + _END,
    r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})-(?P<hour>\d{2})\.(?P<minute>\d{2})\.(?P<second>\d{2})\.(?P<fraction>\d{1,9})",
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})[-T ]" + _CLOCK + _END,
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})T(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?" + _END,
    r"(?:" + _DAYS + r",?\s)?(?P<day>\d{1,2})[ -]" + _MONTH + r"[ -](?P<year>\d{4})[ T]" + _CLOCK + _END,
    r"(?:" + _DAYS + r"\s)?" + _MONTH + r"\s+(?P<day>\d{1,2}),?\s(?P<year>\d{4}),?\s" + _CLOCK + r"(?:\s(?P<half>[AP]M)\b)?" + _END,
    r"(?:" + _DAYS + r"\s)?" + _MONTH + r"\s+(?P<day>\d{1,2})\s" + _CLOCK + r"(?:\s(?P<abbreviation>[A-Z]{3,4}))?\s(?P<year>\d{4})\b",
    r"(?:" + _DAYS + r"\s)?" + _MONTH + r"\s+(?P<day>\d{1,2})\s" + _CLOCK,
    r"(?P<month>\d{2})-(?P<day>\d{2})\s" + _CLOCK + r"(?!\S)",
)
_NUMBER: Final = re.compile(r"-?\d{1,19}(?:\.\d+)?(?:[eE]\+?\d+)?", re.ASCII)
_FAST: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})", re.ASCII)


class TimeError(ValueError):
    """A time that can't be read without guessing; the text is the reason, for the reject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clockwork:
    """What is declared about the times of a source."""

    zone: tzinfo | None = None
    """For times that carry none; None: such times are errors."""
    year: int | None = None
    """For times that carry none."""
    date: date | None = None
    """Of the first line, where lines carry the time of day only; it goes on when the clock passes midnight."""
    latest: datetime | None = None
    """The file's modification time: without `year`, a time gets the last year that puts it before."""
    inferred: set[int] = field(default_factory=set, compare=False)
    """Years that times got so: to be told."""


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """Return the shapes compiled: most files need only the first, which has its own fast path."""
    return tuple(re.compile(shape, re.ASCII) for shape in _SHAPES)


def zone_of(name: str) -> tzinfo:
    """Return the zone for `UTC`, `Europe/Berlin` or `+02:00`; ValueError says what is known."""
    if name.lower() in _ZERO_ZONES:
        return UTC
    offset = re.fullmatch(r"([+-])(\d{2}):?(\d{2})?", name)
    if offset:
        return timezone(_offset(name))
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"'{name}' is no known zone") from error


def micros(value: datetime) -> int:
    """Return microseconds since 1970 of an aware datetime."""
    return (value - EPOCH) // _MICROSECOND


def parse_value(value: object, clockwork: Clockwork) -> int:
    """Return microseconds of a field's value: a text or an epoch number; TimeError otherwise."""
    if isinstance(value, str):
        return parse_text(value.strip(), clockwork)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TimeError(f"time not understood: {_shown(value)}")
    return _epoch(value)


def parse_text(text: str, clockwork: Clockwork) -> int:
    """Return microseconds of a text that is a time and nothing else; TimeError otherwise."""
    fast = _iso(text)
    if fast is not None:
        return fast
    if _NUMBER.fullmatch(text):
        return _epoch(int(text) if text.lstrip("-").isdigit() else float(text))
    for pattern in _patterns():
        match = pattern.match(text)
        if match and not text[match.end() :].strip():
            return _from_match(match, clockwork)
    raise TimeError(f"time not understood: {_shown(text)}")


def parse_head(text: str, start: int, clockwork: Clockwork) -> tuple[int, int] | None:
    """Return (microseconds, end) of the time that begins at `start`, None when there is none.

    TimeError: there is one, but it can't be read without guessing.
    """
    for pattern in _patterns():
        match = pattern.match(text, start)
        if match:
            return _from_match(match, clockwork), match.end()
    return None


def on_day(day: date, clock: str, clockwork: Clockwork) -> int:
    """Return microseconds of a time of day (`HH:MM:SS`, a fraction behind `.` or `,`) on a day; TimeError as `parse_text`."""
    return parse_text(f"{day.isoformat()} {clock}", clockwork)


def _iso(text: str) -> int | None:
    """Read the commonest shape fast; None leaves it to the shapes, which name the reason (second 60, 31 April)."""
    if not _FAST.fullmatch(text):
        return None
    try:
        return micros(datetime.fromisoformat(text))
    except ValueError:
        return None


def _epoch(value: float) -> int:
    """Scale an epoch number by its magnitude: seconds, milliseconds, microseconds, nanoseconds."""
    if not math.isfinite(value):
        raise TimeError(f"time not understood: {value}")
    for limit, scale in ((100_000_000_000, 1_000_000), (100_000_000_000_000, 1_000), (100_000_000_000_000_000, 1)):
        if abs(value) < limit:
            result = int(value) * scale + round((value - int(value)) * scale)
            break
    else:
        result = int(value) // 1_000
    if not _EARLIEST < result < _LATEST:
        raise TimeError(f"number is no time between 1970 and 2100: {_shown(value)}")
    return result


def _from_match(match: re.Match[str], clockwork: Clockwork) -> int:
    parts = match.groupdict()
    month = _MONTHS.get(parts["month"][:3].lower()) or int(parts["month"])
    hour = int(parts["hour"])
    if parts.get("half"):
        hour = hour % 12 + (12 if parts["half"] == "PM" else 0)
    second = int(parts["second"])
    leap = second == 60  # noqa: PLR2004 - a leap second counts as the first of the next minute
    # After a colon stand milliseconds as a number: `22:15:35:11` is 0.011 s.
    micro = int(parts.get("millis") or 0) * 1_000 + int((parts.get("fraction") or "0").ljust(6, "0")[:6])
    year, day = parts.get("year"), int(parts["day"])
    try:
        if year:
            local = datetime(int(year), month, day, hour, int(parts["minute"]), 59 if leap else second, micro)  # noqa: DTZ001 - its zone follows
        else:
            local = _with_year((month, day, hour, int(parts["minute"]), 59 if leap else second, micro), clockwork)
    except ValueError as error:
        if isinstance(error, TimeError):
            raise
        raise TimeError(f"no such time: {_shown(match.group())} ({error})") from error
    if leap:
        local += timedelta(seconds=1)
    return _located(local, parts, match.group(), clockwork)


def _with_year(parts: tuple[int, int, int, int, int, int], clockwork: Clockwork) -> datetime:
    """Return the local time in the declared year, or in the last one that puts it before the file's end."""
    month, day, hour, minute, second, micro = parts
    if clockwork.year is not None:
        return datetime(clockwork.year, month, day, hour, minute, second, micro)  # noqa: DTZ001 - its zone follows
    if clockwork.latest is None:
        raise TimeError("time without a year: declare `year`")
    bound = (clockwork.latest + timedelta(days=1)).replace(tzinfo=None)
    for year in range(bound.year, bound.year - 5, -1):
        try:
            local = datetime(year, month, day, hour, minute, second, micro)  # noqa: DTZ001 - its zone follows
        except ValueError:
            continue  # 29 February of a common year
        if local <= bound:
            clockwork.inferred.add(year)
            return local
    raise TimeError("no such day in the years before the file's modification time")


def _located(local: datetime, parts: dict[str, str | None], shown: str, clockwork: Clockwork) -> int:
    """Put the local time on the UTC axis."""
    offset = parts.get("offset")
    if offset:
        return micros((local - _offset(offset)).replace(tzinfo=UTC))
    name = parts.get("zone") or parts.get("abbreviation")
    if name and name.lower() in _ZERO_ZONES:
        return micros(local.replace(tzinfo=UTC))
    zone = clockwork.zone
    if zone is None:
        why = f"zone '{name}' is ambiguous" if name else "time without a zone"
        raise TimeError(f"{why}: declare `zone` for this source")
    if zone is UTC and not name:
        return micros(local.replace(tzinfo=UTC))
    first, second = local.replace(tzinfo=zone, fold=0), local.replace(tzinfo=zone, fold=1)
    if name:
        for candidate in (first, second):
            if candidate.tzname() == name:
                return micros(candidate)
        raise TimeError(f"zone '{name}' in {_shown(shown)} is not {zone}: the declared zone does not fit")
    if first.utcoffset() == second.utcoffset():
        return micros(first)
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) != local:
        raise TimeError(f"no such time in {zone}: {_shown(shown)} falls into the hour that is skipped")
    raise TimeError(f"ambiguous in {zone}: {_shown(shown)} happens twice, the clocks go back")


def _offset(text: str) -> timedelta:
    digits = text[1:].replace(":", "").ljust(4, "0")
    delta = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]))
    return -delta if text[0] == "-" else delta


def _shown(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= 60 else text[:57] + "...")  # noqa: PLR2004 - fits a line of a report
