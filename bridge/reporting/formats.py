"""Numbers, money, times and intervals as people read them; no locale, the same bytes everywhere."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from bridge.model.finding import Effect, Interval
from bridge.model.window import utc

_MILLION = Decimal(1_000_000)
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def number(value: float | Decimal) -> str:
    """1234 -> 1,234; 1234.50 -> 1,234.5; nan and infinity are a ValueError."""
    exact = Decimal(str(value))
    if not exact.is_finite():
        raise ValueError(f"{value} is not a number to print")
    text = f"{exact:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def significant(value: float, digits: int = 3) -> str:
    """0.123456 -> 0.123; 1234.5 -> 1,234 or 1,235; at least the whole part, nan is a ValueError."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a number to print")
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -4:  # noqa: PLR2004  # smaller is read more easily with an exponent
        return f"{value:.1e}"
    places = max(0, digits - 1 - exponent)
    return number(Decimal(str(value)).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP))


def whole(value: Decimal) -> str:
    """227000.63 -> 227,001."""
    return number(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def money(value: Decimal, currency: str) -> str:
    """1900000 -> 1.9 M EUR from a million on, else 432,100 EUR."""
    if abs(value) >= _MILLION:
        return f"{number((value / _MILLION).quantize(Decimal('0.01'), rounding=ROUND_HALF_UP))} M {currency}"
    return f"{whole(value)} {currency}"


def percent(share: float) -> str:
    """0.0922 -> 9.2%; a small share keeps two digits that count."""
    value = share * 100
    if not math.isfinite(value):
        raise ValueError(f"{share} is not a share")
    if value and abs(value) < 0.1:  # noqa: PLR2004  # below a tenth one decimal says nothing
        return f"{significant(value, 2)}%"
    rounded = Decimal(str(value)).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
    # One decimal, so that columns line up; none and all of them need none.
    return f"{number(rounded)}%" if value in {0, 100} else f"{rounded:,f}%"


def of(count: int, total: int, noun: str = "") -> str:
    """38 of 412 (9.2%); with a noun 38 of 412 accounts (9.2%)."""
    words = f"{number(count)} of {number(total)} {noun}".rstrip()
    return f"{words} ({percent(count / total)})" if total else words


def instant(value: datetime) -> str:
    """2026-03-10 10:05 UTC, with seconds when there are any; a time without a zone is a ValueError."""
    at = utc(value)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at.second else f"{at:%Y-%m-%d %H:%M} UTC"


def minute(value: datetime) -> str:
    """2026-03-11 02:04, for table columns whose head says UTC."""
    return f"{utc(value):%Y-%m-%d %H:%M}"


def stamp(value: datetime) -> str:
    """2026-03-11T02:04:11.113Z, for log lines."""
    return f"{utc(value):%Y-%m-%dT%H:%M:%S}.{utc(value).microsecond // 1000:03d}Z"


def day(value: datetime) -> str:
    """2026-03-11, the UTC day."""
    return f"{utc(value):%Y-%m-%d}"


def clock(minute: int) -> str:
    """Minute of the day -> 02:15; the end of the day is 24:00."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def duration(seconds: float | timedelta) -> str:
    """57480 -> 15 h 58 min; the two largest units that count."""
    total = round(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)
    if total < _MINUTE:
        return f"{total} s"
    if total < _HOUR:
        return _two(total // _MINUTE, "min", total % _MINUTE, "s")
    if total < _DAY:
        return _two(total // _HOUR, "h", total % _HOUR // _MINUTE, "min")
    return _two(total // _DAY, "d", total % _DAY // _HOUR, "h")


def _two(first: int, unit: str, second: int, smaller: str) -> str:
    return f"{first} {unit} {second} {smaller}" if second else f"{first} {unit}"


def interval(value: Interval | None) -> str:
    """7.7 to 10.1, "at least 7.7" when unbounded, empty without one."""
    if value is None:
        return ""
    if value.high is None:
        return f"at least {significant(value.low)}"
    return f"{significant(value.low)} to {significant(value.high)}"


def share_interval(value: Interval | None) -> str:
    """6.8% to 12.4%."""
    if value is None:
        return ""
    return f"at least {percent(value.low)}" if value.high is None else f"{percent(value.low)} to {percent(value.high)}"


def effect(value: Effect) -> str:
    """8.8 (7.7 to 10.1), a share as 9.2% (6.8% to 12.4%); unbounded ratios say so."""
    if value.name.startswith("share") and value.value is not None:
        return f"{percent(value.value)} ({share_interval(value.interval)})" if value.interval else percent(value.value)
    bounds = interval(value.interval)
    if value.value is None:
        return f"unbounded ({bounds})" if bounds else "unbounded"
    return f"{significant(value.value)} ({bounds})" if bounds else significant(value.value)


def probability(value: float | None) -> str:
    """0.012; below a thousandth as a power of ten: <1e-12."""
    if value is None:
        return ""
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a probability")
    if value >= 0.001:  # noqa: PLR2004  # readable without an exponent
        return significant(value, 2)
    exponent = -300 if value <= 0 else math.ceil(math.log10(value))
    return f"<1e{max(exponent, -300)}"
