"""The time of each line of a block, read from the raw bytes without decoding them.

It is a prefilter, so it never guesses: a line whose time does not stand where the format puts it, in a
shape that is checked byte by byte, is UNKNOWN and gets decoded. Days from civil dates: Howard Hinnant,
"chrono-Compatible Low-Level Date Algorithms" (2013).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bridge.logs.records import Locator
from bridge.logs.times import EPOCH

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

UNKNOWN: Final = np.iinfo(np.int64).min
SECOND: Final = 1_000_000
_PAD: Final = 64
_MONTHS: Final = {name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_EPOCH_SCALES: Final = {10: (10, 0), 13: (10, 3), 16: (10, 6), 19: (10, 9)}


def line_starts(data: bytes) -> Ints:
    """Return the offsets of all lines of a block."""
    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n")).astype(np.int64) + 1
    starts = np.concatenate((np.zeros(1, dtype=np.int64), ends))
    found: Ints = starts[:-1] if starts[-1] == len(data) else starts
    return found


def line_times(data: bytes, starts: Ints, locator: Locator, zone: tzinfo | None) -> Ints:
    """Return for each line the microseconds of its time, cut to the second, or UNKNOWN."""
    raw = np.concatenate((np.frombuffer(data, dtype=np.uint8), np.zeros(_PAD, dtype=np.uint8)))
    positions = _positions(data, raw, starts, locator)
    times = np.full(len(starts), UNKNOWN, dtype=np.int64)
    for read in (_iso, _access, _epoch):
        todo = np.flatnonzero((positions >= 0) & (times == UNKNOWN))
        if len(todo):
            times[todo] = read(raw, positions[todo], zone)
    return times


def candidates(times: Ints, wanted: Sequence[tuple[int, int]]) -> Mask:
    """Tell which lines may lie in the sorted, disjoint [start, end) microseconds; UNKNOWN ones may."""
    if not wanted:
        return np.zeros(len(times), dtype=np.bool_)
    first = np.array([start for start, _ in wanted], dtype=np.int64)
    last = np.array([end for _, end in wanted], dtype=np.int64)
    index = np.searchsorted(last, times, side="right")
    found = np.minimum(index, len(wanted) - 1)
    inside: Mask = (index < len(wanted)) & (first[found] < times + SECOND)
    inside |= times == UNKNOWN
    return inside


def chosen(mask: Mask, starts: Ints, size: int) -> tuple[list[int], list[int], list[int]]:
    """Return (number, begin, end) of the lines that the mask takes, as three lists."""
    numbers = np.flatnonzero(mask)
    ends = np.append(starts[1:], size)
    return numbers.tolist(), starts[numbers].tolist(), ends[numbers].tolist()


def has_open_quotes(block: bytes, starts: Ints) -> bool:
    """Tell whether a csv block holds a value that goes over lines: then a line's first bytes prove nothing."""
    quotes = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord('"'))
    counts = np.bincount(np.searchsorted(starts, quotes, side="right") - 1, minlength=len(starts))
    return bool((counts % 2).any())


def follow_heads(mask: Mask, block: bytes, starts: Ints, times: Ints, *, initial: bool) -> None:
    """Give indented lines without a time the choice of the line they follow: they belong to it."""
    first = np.frombuffer(block, dtype=np.uint8)[starts]
    follows = (times == UNKNOWN) & ((first == ord(" ")) | (first == ord("\t")))
    heads = np.maximum.accumulate(np.where(follows, -1, np.arange(len(starts))))
    mask[follows] = np.where(heads >= 0, mask[heads], initial)[follows]


def _positions(data: bytes, raw: Bytes, starts: Ints, locator: Locator) -> Ints:
    """Return where the time of each line begins, -1 where it is not found exactly once."""
    if locator.kind == "start":
        opening = np.isin(raw[starts], np.frombuffer(b'["', dtype=np.uint8))
        return np.add(starts, opening, dtype=np.int64)
    if locator.kind == "bracket":
        return _first_after(np.flatnonzero(raw == ord("[")).astype(np.int64), starts, len(data))
    quote = re.escape(locator.key.encode())
    pattern = rb'"' + quote + rb'"\s*:\s*"?' if locator.json else rb"(?<![^\s])" + quote + rb'="?'
    ends = np.fromiter((match.end() for match in re.finditer(pattern, data)), dtype=np.int64)
    result = np.full(len(starts), -1, dtype=np.int64)
    if not len(ends):
        return result
    lines = np.searchsorted(starts, ends - 1, side="right") - 1
    counts = np.bincount(lines, minlength=len(starts))
    result[lines] = ends
    result[counts != 1] = -1
    if locator.json:
        # A brace between the line's first byte and the time: the key may be an inner one.
        braces = np.flatnonzero(raw == ord("{")).astype(np.int64)
        known = np.flatnonzero(result >= 0)
        inner = np.searchsorted(braces, result[known]) - np.searchsorted(braces, starts[known], side="right")
        result[known[(inner > 0) | (raw[starts[known]] != ord("{"))]] = -1
    for key in locator.keys_before:
        needle = b'"' + key.encode() + b'"' if locator.json else key.encode() + b"="
        result[np.searchsorted(starts, np.array(_occurrences(data, needle), dtype=np.int64), side="right") - 1] = -1
    return result


def _occurrences(data: bytes, needle: bytes) -> list[int]:
    found = []
    position = data.find(needle)
    while position >= 0:
        found.append(position)
        position = data.find(needle, position + 1)
    return found


def _first_after(marks: Ints, starts: Ints, size: int) -> Ints:
    """Return one past the first mark of each line, -1 for none."""
    index = np.searchsorted(marks, starts)
    ends = np.append(starts[1:], size)
    found = np.append(marks, size)[index]
    return np.where(found < ends, found + 1, -1).astype(np.int64)


def _digits(raw: Bytes, at: Ints, count: int) -> tuple[Ints, Mask]:
    """Return the number of `count` digits at each position, and where they all are digits."""
    value = np.zeros(len(at), dtype=np.int64)
    fine = np.ones(len(at), dtype=np.bool_)
    for step in range(count):
        digit = raw[np.minimum(at + step, len(raw) - 1)].astype(np.int64) - ord("0")
        fine &= (digit >= 0) & (digit <= 9)  # noqa: PLR2004 - a digit
        value = value * 10 + digit
    return value, fine


def _is(raw: Bytes, at: Ints, characters: bytes) -> Mask:
    found: Mask = np.isin(raw[np.minimum(at, len(raw) - 1)], np.frombuffer(characters, dtype=np.uint8))
    return found


def _days(year: Ints, month: Ints, day: Ints) -> Ints:
    """Return days since 1970-01-01 of civil dates."""
    shifted = year - (month <= 2)  # noqa: PLR2004 - the algorithm's year begins in March
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days: Ints = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return days


def _clock(raw: Bytes, at: Ints) -> tuple[Ints, Mask]:
    """Return the seconds of HH:MM:SS at each position."""
    hour, fine = _digits(raw, at, 2)
    minute, fine2 = _digits(raw, at + 3, 2)
    second, fine3 = _digits(raw, at + 6, 2)
    fine &= fine2 & fine3 & _is(raw, at + 2, b":") & _is(raw, at + 5, b":")
    fine &= (hour < 24) & (minute < 60) & (second < 60)  # noqa: PLR2004 - a time of day
    return hour * 3_600 + minute * 60 + second, fine


def _iso(raw: Bytes, at: Ints, zone: tzinfo | None) -> Ints:
    year, fine = _digits(raw, at, 4)
    month, fine2 = _digits(raw, at + 5, 2)
    day, fine3 = _digits(raw, at + 8, 2)
    clock, fine4 = _clock(raw, at + 11)
    fine &= fine2 & fine3 & fine4 & _is(raw, at + 4, b"-/") & _is(raw, at + 7, b"-/") & _is(raw, at + 10, b"T ")
    fine &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)  # noqa: PLR2004 - a date
    end = at + 19
    fraction = _is(raw, end, b".,")
    end = end + fraction
    running = fraction & fine
    for _ in range(9):
        running &= _is(raw, end, b"0123456789")
        if not running.any():
            break
        end = end + running
    return _on_axis(raw, (_days(year, month, day) * 86_400 + clock), end, fine, zone)


def _access(raw: Bytes, at: Ints, zone: tzinfo | None) -> Ints:
    day, fine = _digits(raw, at, 2)
    year, fine2 = _digits(raw, at + 7, 4)
    clock, fine3 = _clock(raw, at + 12)
    fine &= fine2 & fine3 & _is(raw, at + 2, b"/") & _is(raw, at + 6, b"/") & _is(raw, at + 11, b":")
    last = len(raw) - 1
    code = sum(raw[np.minimum(at + 3 + step, last)].astype(np.int64) << (8 * step) for step in range(3))
    month = np.zeros(len(at), dtype=np.int64)
    for name, number in _MONTHS.items():
        month[code == int.from_bytes(name, "little")] = number
    fine &= (month > 0) & (day >= 1) & (day <= 31)  # noqa: PLR2004 - a date
    return _on_axis(raw, (_days(year, np.maximum(month, 1), day) * 86_400 + clock), at + 20, fine, zone)


def _on_axis(raw: Bytes, local: Ints, end: Ints, fine: Mask, zone: tzinfo | None) -> Ints:
    """Apply the offset that follows at `end`, else the declared zone where it has a fixed offset around that time."""
    blank = _is(raw, end, b" ") & _is(raw, end + 1, b"+-")
    end = end + blank
    sign = np.where(_is(raw, end, b"+"), 1, np.where(_is(raw, end, b"-"), -1, 0))
    hours, fine_hours = _digits(raw, end + 1, 2)
    colon = _is(raw, end + 3, b":")
    minutes, fine_minutes = _digits(raw, end + 3 + colon, 2)
    offset = sign * (hours * 3_600 + np.where(fine_minutes, minutes, 0) * 60)
    zulu = _is(raw, end, b"Z")
    # Behind a blank, two digits are a number and no offset.
    explicit = fine & (zulu | ((sign != 0) & fine_hours & (~blank | fine_minutes)))
    result = np.full(len(local), UNKNOWN, dtype=np.int64)
    result[explicit] = (local[explicit] - np.where(zulu, 0, offset)[explicit]) * SECOND
    # Blank, quote, bracket or comma: no zone follows. `2026-03-10 02:00:01 CET` is decoded.
    named = _is(raw, end, b" ") & _is(raw, end + 1, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    named &= ~_levels(raw, end + 1)
    named |= _is(raw, end, b" ") & _is(raw, end + 1, b"ap") & _is(raw, end + 2, b"m")
    bare = fine & ~explicit & (sign == 0) & _is(raw, end, b' "],|\t\n') & ~named
    if zone is not None and bare.any():
        result[bare] = _declared(local[bare], zone)
    return result


def _levels(raw: Bytes, at: Ints) -> Mask:
    """Tell where a level stands, by its first three letters: none of them begins a zone's name."""
    last = len(raw) - 1
    code = sum(raw[np.minimum(at + step, last)].astype(np.int64) << (8 * step) for step in range(3))
    known = [int.from_bytes(word, "little") for word in (b"INF", b"WAR", b"ERR", b"DEB", b"TRA", b"FAT", b"CRI", b"NOT", b"SEV")]
    found: Mask = np.isin(code, np.array(known, dtype=np.int64))
    return found


def _declared(local: Ints, zone: tzinfo) -> Ints:
    """Return the microseconds of local seconds; UNKNOWN on days on which the zone's offset changes."""
    days = local // 86_400
    result = np.full(len(local), UNKNOWN, dtype=np.int64)
    for day in np.unique(days).tolist():
        midnight = EPOCH + timedelta(days=day)
        offsets = {_offset(midnight + timedelta(hours=hours), zone) for hours in (-26, 0, 26, 50)}
        if len(offsets) == 1:
            here = days == day
            result[here] = (local[here] - offsets.pop()) * SECOND
    return result


def _offset(at: datetime, zone: tzinfo) -> int:
    offset: Any = at.astimezone(zone).utcoffset()
    return int(offset.total_seconds())


def _epoch(raw: Bytes, at: Ints, zone: tzinfo | None) -> Ints:  # noqa: ARG001 - an epoch number has its zone
    seconds, fine = _digits(raw, at, 10)
    length = np.full(len(at), 10, dtype=np.int64)
    running = fine.copy()
    for _ in range(10):
        running &= _is(raw, at + length, b"0123456789")
        length = length + running
    fine &= np.isin(length, np.array(list(_EPOCH_SCALES), dtype=np.int64)) & (seconds >= 1_000_000_000)  # noqa: PLR2004 - ten digits
    fine &= ~_is(raw, at + length, b"eE+-") & (seconds < 4_102_444_800)  # noqa: PLR2004 - the year 2100
    return np.where(fine, seconds * SECOND, UNKNOWN)
