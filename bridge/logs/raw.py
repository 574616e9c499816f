"""Answer a question from the bytes of one file: a literal search first, decoding only what may fit.

Three shortcuts, none of which guesses what an event says: every candidate is decoded and judged.
- Bytes that every fitting event must hold (an account, a trace, a level as this file spells it) are looked for
  in blocks; the event around each hit is decoded with the lines that belong to it.
- A plain file whose lines are in time order is entered at the window. The order is judged by lines read at up to
  `PROBES` places; the window is widened by `SLACK`, or by four times the disorder seen. A file out of order is read whole.
- `Question.whole` switches them off.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Final

from bridge.logs.question import Needles
from bridge.logs.records import Event, Format, Joined, Mapper

CHUNK: Final = 2 * 1024 * 1024
"""Bytes searched at once: they stay in the processor's cache."""
PROBES: Final = 96
SLACK: Final = 60 * 1_000_000
_SPACING: Final = 256 * 1024
_LOOK: Final = 4096
_LONGEST_LOOK: Final = 64 * 1024 * 1024
_UNSORTED: Final = 3_600 * 1_000_000
_NEIGHBOURS: Final = 2
_SAMPLED: Final = 500
_HEADLESS: Final = 1_000
"""Lines that one event may have below its first, when it is looked for backwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A line read somewhere in the file: its offset, its time, its level as it is written."""

    offset: int
    at: int
    record: dict[str, Any] = field(hash=False)
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What probing says about a file's time order."""

    probes: tuple[Probe, ...]
    disorder: int
    """Microseconds that a line was seen behind an earlier one."""

    @property
    def sorted(self) -> bool:
        """Tell whether the window may be entered directly."""
        return len(self.probes) > 1 and self.disorder <= _UNSORTED

    def region(self, start: int | None, end: int | None, size: int) -> tuple[int, int]:
        """Return the bytes [begin, end) that may hold [start, end) microseconds; both lie at line starts or the file's ends."""
        slack = max(SLACK, 4 * self.disorder)
        times: list[int] = []
        for probe in self.probes:  # a running maximum: bisecting needs an order
            times.append(max(probe.at, times[-1]) if times else probe.at)
        first = 0 if start is None else bisect_left(times, start - slack) - 1
        last = len(times) if end is None else bisect_left(times, end + slack)
        begin = self.probes[first].offset if first > 0 else 0
        return begin, self.probes[last].offset if last < len(times) else size


def probe(stream: IO[bytes], size: int, form: Format, mapper: Mapper) -> Order:
    """Read lines at places spread evenly over a plain file."""
    descriptor = stream.fileno()
    step = max(_SPACING, size // PROBES)
    probes: list[Probe] = []
    latest = disorder = 0
    for position in range(0, size, step):
        for found in _lines_at(descriptor, position, min(position + step, size), form, mapper):
            disorder = max(disorder, latest - found.at)
            latest = max(latest, found.at)
            probes.append(found)
    return Order(probes=tuple(probes), disorder=disorder)


def refine(
    stream: IO[bytes], order: Order, region: tuple[int, int], window: tuple[int | None, int | None], reader: tuple[Format, Mapper]
) -> tuple[int, int]:
    """Narrow a region of a file in order by bisecting between its first and last probes."""
    begin, end = region
    start, stop = window
    slack = max(SLACK, 4 * order.disorder)
    places = [found.offset for found in order.probes]
    if start is not None:
        after = bisect_left(places, begin + 1)
        begin = _bisect(stream, begin, places[after] if after < len(places) else end, start - slack, reader, low=True)
    if stop is not None:
        before = bisect_left(places, end) - 1
        end = _bisect(stream, places[before] if before >= 0 else begin, end, stop + slack, reader, low=False)
    return begin, max(begin, end)


def _bisect(stream: IO[bytes], low_end: int, high_end: int, at: int, reader: tuple[Format, Mapper], *, low: bool) -> int:
    """Return a line start before (low) or behind (not low) all lines of that time, to `_SPACING` / 4 exact."""
    begin, end = low_end, high_end
    while end - begin > _SPACING // 4:
        middle = (begin + end) // 2
        found = next(_lines_at(stream.fileno(), middle, end, *reader), None)
        if found is None or found.offset >= end:
            break
        if found.at < at:
            begin = found.offset
        else:
            end = found.offset
    return begin if low else end


def _lines_at(descriptor: int, position: int, limit: int, form: Format, mapper: Mapper) -> Iterator[Probe]:
    """Yield up to `_NEIGHBOURS` events whose lines begin at or behind a position."""
    length = _LOOK
    while True:
        data = os.pread(descriptor, length, position)
        begin = 0 if position == 0 else data.find(b"\n") + 1
        found = list(_events_of(data, begin, position, form, mapper)) if begin or position == 0 else []
        if found or length >= _LONGEST_LOOK or position + length >= limit:
            yield from (one for one in found if one.offset < limit)
            return
        length *= 8


def _events_of(data: bytes, begin: int, position: int, form: Format, mapper: Mapper, most: int = _NEIGHBOURS) -> Iterator[Probe]:
    count = 0
    while count < most:
        end = data.find(b"\n", begin)
        if end < 0:
            return
        raw = data[begin:end]
        outcome = form.decode(raw.decode("utf-8", "replace").rstrip("\r").replace("\0", "")) if raw.strip() else None
        if type(outcome) is dict:
            made = mapper.event(outcome, position + begin)
            if isinstance(made, Event):
                yield Probe(offset=made.offset, at=made.at, record=outcome, raw=raw)
                count += 1
        begin = end + 1


def chunks(stream: IO[bytes], begin: int, end: int | None, form: Format, size: int = CHUNK) -> Iterator[tuple[int, bytearray, int]]:
    """Yield (offset, buffer, length): whole events of the bytes [begin, end); the buffer is used again.

    A chunk ends before a line that begins an event, so that no event lies in two.
    """
    if begin:
        stream.seek(begin)
    buffer = bytearray(size)
    filled, offset = 0, begin
    while True:
        room = len(buffer) - filled if end is None else min(len(buffer) - filled, end - offset - filled)
        with memoryview(buffer) as view:
            got = stream.readinto(view[filled : filled + room]) if room else 0  # type: ignore[attr-defined]  # all five kinds have it, IO does not
        filled += got
        if not got and filled < len(buffer):
            if filled:
                yield offset, buffer, filled
            return
        if filled < len(buffer):
            continue
        cut = _cut(buffer, filled, form)
        if not cut:
            buffer.extend(bytes(len(buffer)))  # a line, or an event, longer than the chunk
            continue
        yield offset, buffer, cut
        buffer[: filled - cut] = buffer[cut:filled]
        offset += cut
        filled -= cut


def _cut(buffer: bytearray, filled: int, form: Format) -> int:
    """Return where the last line that begins an event starts; 0 for nowhere."""
    end = buffer.rfind(b"\n", 0, filled) + 1
    for _ in range(_HEADLESS):
        start = buffer.rfind(b"\n", 0, end - 1) + 1 if end else 0
        if not start:
            return 0 if len(buffer) < _LONGEST_LOOK else end
        if begins(form, bytes(buffer[start:end])):
            return start
        end = start
    return end


def event_start(descriptor: int, position: int, limit: int, form: Format) -> int:
    """Return where the first event begins at or behind a position; `limit` where none does."""
    length = _LOOK
    while position < limit:
        data = os.pread(descriptor, min(length, limit - position), position)
        begin = data.find(b"\n") + 1
        while begin and (end := data.find(b"\n", begin) + 1):
            # An object that is whole stands for itself; `{` may belong to one printed over several lines.
            line = data[begin:end]
            if begins(form, line) and (form.name != "json" or type(form.decode(line.decode("utf-8", "replace").rstrip())) is dict):
                return position + begin
            begin = end
        if len(data) < length or length >= _LONGEST_LOOK:
            return limit
        length *= 8
    return limit


def last_event(buffer: bytearray, length: int, form: Format) -> int:
    """Return where the last event of a chunk begins; 0 when it holds one only."""
    return _cut(buffer, length, form)


def begins(form: Format, raw: bytes) -> bool:
    """Tell whether a line begins an event (or is rejected by itself): it is not joined to the one before it."""
    if not raw.strip():
        return False
    if form.name == "json":
        # An indented object may be a part of one printed over several lines; the scanner tells them apart.
        return raw.startswith(b"{")
    outcome = form.decode(raw.decode("utf-8", "replace").rstrip("\r\n").replace("\0", ""))
    return not isinstance(outcome, Joined)


@dataclass(slots=True)
class Finder:
    """Looks for any of some needles in a buffer, forwards."""

    buffer: bytearray
    length: int
    needles: Needles
    spots: list[int] = field(default_factory=list)

    def after(self, position: int) -> int:
        """Return where the next needle stands at or behind a position, -1 for none."""
        if len(self.needles) == 1:
            return self.buffer.find(self.needles[0], position, self.length)
        if not self.spots:
            self.spots = [-1] * len(self.needles)
        for number, spot in enumerate(self.spots):
            if spot < position:
                found = self.buffer.find(self.needles[number], position, self.length)
                self.spots[number] = found if found >= 0 else self.length
        nearest = min(self.spots)
        return nearest if nearest < self.length else -1


def event_around(buffer: bytearray, length: int, position: int, form: Format) -> tuple[int, int]:
    """Return [start, end) of the lines of the event that a position lies in."""
    start = buffer.rfind(b"\n", 0, position) + 1
    end = buffer.find(b"\n", position, length) + 1 or length
    if form.name == "json" and buffer[start] == _BRACE and (end == length or buffer[end] == _BRACE) and end - start > _WRAPPED:
        return start, end
    line_end = end
    for _ in range(_HEADLESS):
        if not start or begins(form, bytes(buffer[start:line_end])):
            break
        line_end = start
        start = buffer.rfind(b"\n", 0, start - 1) + 1
    stop = buffer.find(b"\n", start, length) + 1 or length
    while stop < length:
        after = buffer.find(b"\n", stop, length) + 1 or length
        if begins(form, bytes(buffer[stop:after])):
            break
        stop = after
    return start, max(stop, end)


_BRACE: Final = ord("{")
_WRAPPED: Final = 3
"""Bytes of a line that only opens an object printed over several lines."""


def holds(data: bytes, conditions: Sequence[Needles]) -> bool:
    """Tell whether the bytes hold one needle of every condition."""
    return all(any(needle in data for needle in needles) for needles in conditions)


def sample(head: bytes, form: Format, mapper: Mapper) -> Iterator[Probe]:
    """Yield the events of the first lines of a file: what a compressed one is judged by."""
    return _events_of(head, 0, 0, form, mapper, most=_SAMPLED)
