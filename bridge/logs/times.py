"""Times as logs write them, to microseconds since 1970 in UTC; never a guess.

A time without a zone is read in the declared one; without a declaration, or in the hour that a zone has
twice, it is an error that says so (`TimeError`), and its line is rejected.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
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
_EARLIEST: Final = 946_684_800_000_000
"""2000-01-01: a number below is no time but something else, such as seconds since a start."""
_FIRST: Final = -2_208_988_800_000_000  # 1900-01-01
_LAST: Final = 7_258_118_400_000_000  # 2200-01-01
_LATEST: Final = 4_102_444_800_000_000  # 2100-01-01: what lies beyond is no log time

_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2}):(?P<second>\d{1,2})(?:[.,](?P<fraction>\d{1,9})\d*|:(?P<millis>\d{1,3})(?!\d))?"
    r"(?:\s?(?P<half>[AaPp][Mm])\b)?"
)
# Listed, because `2026-03-10 02:00:01 GET /` names no zone.
_NAMES = (
    "ACST|AEDT|AEST|AKST|AWST|BRT|BST|CDT|CEST|CET|CST|EDT|EEST|EET|EST|HKT|HST|IST|JST|KST|MDT|MSK|MST|NZDT|NZST|PDT|PST|SAST|SGT|WEST|WET"
)
# Behind a blank, ` -12` is a number; `GMT+1` is an offset as JavaScript writes it.
_END = (
    r"(?:(?P<offset>(?:\s?(?:UTC|GMT)[+-]\d{1,2}(?::?\d{2})?|[+-]\d{2}(?::?\d{2})?|\s[+-]\d{2}:?\d{2}))(?!\d|:\d)"
    r"(?:\s(?:UTC|GMT|" + _NAMES + r")\b)?(?:\sm=[+-]\d[\d.]*)?"  # as Go prints a time: +0100 CET m=+0.001
    r"|\s?(?P<zone>Z|UTC|GMT|" + _NAMES + r")\b|\s(?P<place>[A-Z][A-Za-z]+(?:/[A-Z][A-Za-z_-]+){1,2})(?=\]))?"
)
_DAYS = r"(?i:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*)"
_MONTH = r"(?i:(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*)"

_SHORT = r"(?P<year>\d{2})(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])"  # only what can be a date: six digits are much else

# The offset in minutes, as three digits.
_DB2 = (
    r"(?P<year>\d{4})[-.](?P<month>\d{2})[-.](?P<day>\d{2})-(?P<hour>\d{2})\.(?P<minute>\d{2})\.(?P<second>\d{2})[.:](?P<fraction>\d{1,9})"
    r"(?P<minutes>[+-]\d{3}(?!\d))?"
)
_DIGITS = (
    r"(?P<year>(?:19|20)\d{2})(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)(?P<second>[0-5]\d)"
    r"(?:[.,](?P<fraction>\d{1,9}))?(?![\d.])" + _END
)

_SHAPES: Final = (
    r"(?:" + _DAYS + r"\s)?(?P<year>\d{4})[-/.](?P<month>\d{2})[-/.](?P<day>\d{2})(?:[T_]|,? {1,2}T?)" + _CLOCK + _END,
    r"(?P<day>\d{2})/" + _MONTH + r"/(?P<year>\d{4})[: ]" + _CLOCK + _END,
    _DB2,
    _DIGITS,
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})[-T ]" + _CLOCK + _END,
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})[T:](?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?"
    + _END,
    r"(?:" + _DAYS + r",?\s)?(?P<day>\d{1,2})[ -]" + _MONTH + r"[ -](?P<year>\d{4}|\d{2})(?:[ T]|::)" + _CLOCK + _END,
    r"(?:" + _DAYS + r"\s)?" + _MONTH + r"\s+(?P<day>\d{1,2}),?\s(?P<year>\d{4}),?\s" + _CLOCK + _END,
    r"(?:"
    + _DAYS
    + r"\s)?"
    + _MONTH
    + r"\s+(?P<day>\d{1,2})\s"
    + _CLOCK
    + r"(?:\s(?P<abbreviation>[A-Z]{3,4}))?\s(?P<year>(?:19|20)\d{2})\b",
    r"(?:" + _DAYS + r"\s)?" + _MONTH + r"\s+(?P<day>\d{1,2})\s" + _CLOCK,
    r"(?P<month>\d{2})-(?P<day>\d{2})[\s|]" + _CLOCK + r"(?![^\s\]])",
    r"(?P<month>\d{2})/(?P<day>\d{2})-" + _CLOCK + r"(?!\S)",
    r"(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])/(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)(?P<second>[0-5]\d)\.(?P<fraction>\d{3,6})(?!\d)",
    _SHORT + r"\s{1,2}" + _CLOCK + r"(?!\S)",
    _SHORT + r" (?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)(?P<second>[0-5]\d)(?!\S)",
    r"(?P<first>\d{1,4})(?P<sign>[/.-])(?P<second_part>\d{1,2})(?P=sign)(?P<third>\d{4}|\d{2})(?:,?[ T]| - )" + _CLOCK + _END,
    r"(?P<year>\d{4})-W(?P<week>\d{2})-(?P<weekday>[1-7])[T ]" + _CLOCK + _END,
    r"(?P<year>\d{4})-(?P<ordinal>\d{3})[T ]" + _CLOCK + _END,
)
_PAIRS: Final = (("seconds", "nanos"), ("epochSecond", "nanoOfSecond"), ("_seconds", "_nanoseconds"))
_NOON: Final = 12
_LEAP: Final = 60
_SECOND: Final = 1_000_000
_KEPT: Final = 1_000
_DAY: Final = 86_400 * _SECOND
_FARTHEST: Final = timedelta(days=1)
_WHOLE: Final = re.compile(r"\d{1,12}", re.ASCII)
_COMPACT: Final = re.compile(r"(?:19|20)\d{12}(?!\d)", re.ASCII)
"""A date and a time in fourteen digits: as a number of any unit it would lie before 2000, or behind 2600."""
_NUMBER: Final = re.compile(r"-?\d{1,19}(?:\.\d+)?(?:[eE]\+?\d+)?", re.ASCII)
_FAST: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})", re.ASCII)
_HEAD: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d{1,9})?(?:(?P<offset>(?:Z|[+-]\d{2}:?\d{2})(?!\w|:\d))|(?=\]|\s\[|\s+-\s|\s+(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\s))",
    re.ASCII,
)
"""The commonest times at the beginning of lines, where what follows can't belong to them: a bracket, a level."""


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
    order: str | None = None
    """Of day, month and year where they are numbers and none tells which it is: ymd, dmy or mdy."""
    inferred: set[int] = field(default_factory=set, compare=False)
    """Years that times got so: to be told."""
    read: dict[str, int] = field(default_factory=dict, init=False, compare=False)
    """Times that were read already: the lines of an access log of one second have the same. A cache, bounded."""


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
    if isinstance(value, dict):
        return _of_object(value, clockwork)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TimeError(f"time not understood: {_shown(value)}")
    return _epoch(value)


def checked(at: int) -> int:
    """Return an instant that a log can have; TimeError for one that no calendar can show."""
    if not _FIRST <= at < _LAST:
        raise TimeError("no time of a log: its year lies before 1900, or behind 2199")
    return at


def parse_text(text: str, clockwork: Clockwork) -> int:
    """Return microseconds of a text that is a time and nothing else; TimeError otherwise."""
    fast = _iso(text)
    if fast is not None:
        return fast
    known = clockwork.read.get(text)
    if known is not None:
        return known
    if _NUMBER.fullmatch(text) and not _COMPACT.match(text):
        return _epoch(int(text) if text.lstrip("-").isdigit() else float(text))
    for pattern in _patterns():
        match = pattern.match(text)
        if match and not text[match.end() :].strip():
            if len(clockwork.read) >= _KEPT:
                clockwork.read.clear()
            return clockwork.read.setdefault(text, _from_match(match, clockwork))
    raise TimeError(f"time not understood: {_shown(text)}")


def parse_head(text: str, start: int, clockwork: Clockwork) -> tuple[int, int] | None:
    """Return (microseconds, end) of the time that begins at `start`, None when there is none.

    TimeError: there is one, but it can't be read without guessing.
    """
    fast = _HEAD.match(text, start)
    if fast and (fast["offset"] or clockwork.zone is UTC):
        try:
            value = datetime.fromisoformat(fast[0])
        except ValueError:
            pass  # the shapes name the reason
        else:
            return micros(value if value.tzinfo else value.replace(tzinfo=UTC)), fast.end()
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
        raise TimeError(f"number is no time between 2000 and 2100: {_shown(value)}")
    return result


def _of_object(value: dict[str, object], clockwork: Clockwork) -> int:
    """Read a time that is an object: MongoDB's, protobuf's, log4j's."""
    date = value.get("$date")
    if date is not None:
        return parse_value(date.get("$numberLong") if isinstance(date, dict) else date, clockwork)
    for whole, part in _PAIRS:
        seconds, nanos = value.get(whole), value.get(part, 0)
        if _WHOLE.fullmatch(str(seconds)) and isinstance(nanos, int) and 0 <= nanos < 1_000_000_000:  # noqa: PLR2004 - a second of them
            return _epoch(int(str(seconds))) + nanos // 1_000
    raise TimeError(f"time not understood: {_shown(value)}")


def _from_match(match: re.Match[str], clockwork: Clockwork) -> int:
    parts = match.groupdict()
    hour, minute, second = int(parts["hour"]), int(parts["minute"]), int(parts["second"])
    # After a colon stand milliseconds as a number: `22:15:35:11` is 0.011 s.
    micro = int(parts.get("millis") or 0) * 1_000 + int((parts.get("fraction") or "0").ljust(6, "0")[:6])
    more = 0
    try:
        if parts.get("half"):
            hour = _whole_day(hour, str(parts["half"]))
        leap = second == _LEAP
        if leap:
            second, more = _LEAP - 1, 1
        elif (hour, minute, second, micro) == (24, 0, 0, 0):  # ISO 8601: the end of the day
            hour, more = 0, 86_400
        clock = (hour, minute, second, micro)
        local = _day_of(parts, match.group(), clockwork, clock)
        local += timedelta(seconds=more)
    except (ValueError, OverflowError) as error:
        if isinstance(error, TimeError):
            raise
        raise TimeError(f"no such time: {_shown(match.group())} ({error})") from error
    at = _located(local, parts, match.group(), clockwork)
    if leap and at % _DAY >= _SECOND:
        raise TimeError(f"no such time: {_shown(match.group())} (a leap second is the last one of a day in UTC)")
    return at


def _whole_day(hour: int, half: str) -> int:
    """Return the hour of the day; ValueError: half days have no such hour."""
    if not 1 <= hour <= _NOON:
        raise ValueError("hour of a half day must be in 1..12")
    return hour % _NOON + (_NOON if half[0] in "Pp" else 0)


def _day_of(parts: dict[str, str | None], shown: str, clockwork: Clockwork, clock: tuple[int, int, int, int]) -> datetime:
    """Return the local time; ValueError: there is none such."""
    year = parts.get("year")
    if parts.get("first"):
        return datetime(*_ordered(parts, shown, clockwork), *clock)  # noqa: DTZ001 - its zone follows
    if parts.get("week"):
        day = date.fromisocalendar(int(str(year)), int(str(parts["week"])), int(str(parts["weekday"])))
    elif parts.get("ordinal"):
        day = date(int(str(year)), 1, 1) + timedelta(days=int(str(parts["ordinal"])) - 1)
        if day.year != int(str(year)) or parts["ordinal"] == "000":
            raise ValueError("day of the year is out of range")
    else:
        name, number = str(parts["month"]), int(str(parts["day"]))
        month = _MONTHS.get(name[:3].lower()) or int(name)
        if not year:
            return _with_year((month, number, *clock), clockwork)
        day = date(_century(year), month, number)
    return datetime(day.year, day.month, day.day, *clock)  # noqa: DTZ001 - its zone follows


def _century(year: str) -> int:
    """Return a year of four digits; of two, 69 to 99 are 1969 to 1999 (POSIX)."""
    number = int(year)
    return number if len(year) != 2 else number + (1900 if number >= 69 else 2000)  # noqa: PLR2004 - two digits, the standard's year


def _ordered(parts: dict[str, str | None], shown: str, clockwork: Clockwork) -> tuple[int, int, int]:
    """Return year, month and day of a date like 03/10/2026: as declared, or the only way that it can be read."""
    texts = (str(parts["first"]), str(parts["second_part"]), str(parts["third"]))
    found = {}
    for order in ("ymd", "dmy", "mdy") if clockwork.order is None else (clockwork.order,):
        named = dict(zip(order, texts, strict=True))
        if len(named["y"]) not in {2, 4} or max(len(named["m"]), len(named["d"])) > 2:  # noqa: PLR2004 - digits
            continue
        with suppress(ValueError):
            day = date(_century(named["y"]), int(named["m"]), int(named["d"]))
            found[day] = order
    if len(found) == 1:
        day = next(iter(found))
        return day.year, day.month, day.day
    if not found:
        raise ValueError("no order of day, month and year fits" if clockwork.order is None else f"does not fit dates: {clockwork.order}")
    raise TimeError(f"day, month or year first in {_shown(shown)}? declare `dates` for this source: {', '.join(found.values())}")


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
    if parts.get("minutes"):
        return micros((local - timedelta(minutes=int(str(parts["minutes"])))).replace(tzinfo=UTC))
    offset = parts.get("offset")
    if offset:
        delta = _offset(offset.strip().removeprefix("UTC").removeprefix("GMT"))
        if abs(delta) >= _FARTHEST:
            raise TimeError(f"no such offset: {_shown(shown)}")
        return micros((local - delta).replace(tzinfo=UTC))
    name = parts.get("zone") or parts.get("abbreviation")
    if name and name.lower() in _ZERO_ZONES:
        return micros(local.replace(tzinfo=UTC))
    zone = _placed(parts["place"]) if parts.get("place") else clockwork.zone
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


def _placed(name: str | None) -> tzinfo:
    """Return the zone that a line names."""
    try:
        return zone_of(str(name))
    except ValueError as error:
        raise TimeError(str(error)) from error


def _offset(text: str) -> timedelta:
    digits = text[1:].replace(":", "")
    digits = (digits if len(digits) > 1 else f"0{digits}").ljust(4, "0")
    delta = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]))
    return -delta if text[0] == "-" else delta


def _shown(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= 60 else text[:57] + "...")  # noqa: PLR2004 - fits a line of a report
