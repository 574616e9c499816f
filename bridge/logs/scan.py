"""One file to events: every line is parsed, joined, rejected with a reason, or skipped by its time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

from bridge.logs import reading, sniff
from bridge.logs.options import SourceOptions
from bridge.logs.records import (
    HEADER,
    MESSAGE_LIMIT,
    Event,
    Format,
    Header,
    Joined,
    Locator,
    Mapper,
    Open,
    Outcome,
    Parsed,
    Record,
    Rejected,
    mapper,
)
from bridge.logs.store import Rejects, Rows
from bridge.logs.times import Clockwork

_RAW_KEPT: Final = 1_000
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_AROUND: Final = ("no event begins here, and none is before it", "goes on a rejected line")
_ALIKE: Final = 50
"""Rejected lines that are looked at for what to declare."""
_OPEN_CHARACTERS: Final = 4_000_000

Wanted = Sequence[tuple[int, int]]
"""Sorted, disjoint [start, end) in microseconds."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of each line of a file: lines = parsed + joined + rejected + skipped."""

    lines: int = 0
    parsed: int = 0
    joined: int = 0
    rejected: int = 0
    skipped: int = 0
    """Not decoded: their time lies outside what was asked for."""
    repaired: int = 0
    """Parsed or joined although some bytes were wrong: invalid UTF-8, NUL, text behind the record."""
    events: int = 0
    """All events of the parsed lines, in the window or not."""

    def add(self, other: Tally) -> None:
        """Add another file's figures."""
        for name in Tally.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What one file gave."""

    name: str
    format: str
    tally: Tally
    first: int | None = None
    """Earliest and latest event that was decoded, in microseconds."""
    last: int | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What was assumed."""

    @property
    def unread(self) -> bool:
        """Tell whether nothing of the file could be read."""
        return bool(self.problems) and not self.tally.lines


@dataclass(slots=True, kw_only=True)
class _Held:
    """A record whose lines are still coming."""

    outcome: Outcome
    offset: int
    lines: list[tuple[int, int, str]]
    """(offset, length, head of the text) of its line and of the joined ones."""
    extra: list[str] = field(default_factory=list)
    extra_size: int = 0


def scan_file(
    path: Path,
    name: str,
    options: SourceOptions,
    *,
    keep: Callable[[Event], bool],
    rows: Rows,
    rejects: Rejects,
    wanted: Wanted | None = None,
    pieces: Iterable[tuple[int, bytes]] | None = None,
    inode: int | None = None,
    lead: int = 0,
    tail: tuple[str, bytes] = ("", b""),
    attributes: bool = True,
    parts: frozenset[str] | None = None,
) -> FileReport:
    """Read a file (or only these pieces of it) into `rows` and `rejects`; `wanted` None decodes every line.

    `lead` bytes at its beginning belong to the file before, `tail` are (name, lines) of the next file that belong to its end.
    Without `attributes`, or with only some `parts`, the rest of each event is left empty.

    With `wanted`, lines whose time lies outside are counted as skipped without decoding them. A file that
    is damaged inside gives its lines up to there and a problem; one that can't be opened only the problem.
    """
    tally = Tally()
    problems: list[str] = []
    scanner: Scanner | None = None
    index = len(rows.files)
    rows.files.append(name)
    try:
        for offset, block in pieces if pieces is not None else reading.texts(path, inode=inode):
            if scanner is None:
                scanner = scanner_of(
                    path, name, options, block, keep, rows, index, rejects, tally,
                    narrow=wanted is not None, attributes=attributes, parts=parts,
                )  # fmt: skip
            own = block[max(0, lead - offset) :]
            if own:
                _feed(scanner, own, max(offset, lead), wanted, options)
    except reading.ReadError as error:
        problems.append(f"{name}: {error}")
    if scanner is None:
        return FileReport(name=name, format=options.format or "", tally=tally, problems=tuple(problems))
    if tail[1]:
        scanner.name = tail[0]
        _feed_all(scanner, tail[1], 0)
        scanner.name = name
    scanner.close()
    problems.extend(scanner.complaints())
    return FileReport(
        name=name,
        format=scanner.form.name,
        tally=tally,
        first=scanner.first,
        last=scanner.last,
        problems=tuple(problems),
        notes=tuple(scanner.notes()),
    )


def scanner_of(
    path: Path,
    name: str,
    options: SourceOptions,
    block: bytes,
    keep: Callable[[Event], bool],
    rows: Rows,
    index: int,
    rejects: Rejects,
    tally: Tally,
    *,
    narrow: bool,
    attributes: bool = True,
    parts: frozenset[str] | None = None,
) -> Scanner:
    """Return the scanner of a file that begins with this block; `narrow`: lines will be skipped by their time."""
    clockwork = clockwork_of(path, options)
    kind = options.format or sniff.sniff(block).name
    form = sniff.make(kind, options, clockwork, block)
    locator = sniff.locator(kind, options, block) if narrow and form.located else None
    return Scanner(
        name=name,
        index=index,
        form=form,
        mapper=mapper(options, form, clockwork, attributes=attributes, parts=parts),
        locator=locator,
        keep=keep,
        rows=rows,
        rejects=rejects,
        tally=tally,
    )


def clockwork_of(path: Path, options: SourceOptions) -> Clockwork:
    """Return what is declared about the times of a file; a year that is missing comes from its modification time."""
    try:
        latest = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
    except OSError:
        latest = None
    return Clockwork(zone=options.zone, year=options.year, date=options.date, order=options.dates, latest=latest)


def _feed(scanner: Scanner, block: bytes, offset: int, wanted: Wanted | None, options: SourceOptions) -> None:
    if wanted is None or scanner.locator is None:
        _feed_all(scanner, block, offset)
        return
    from bridge.logs import time_index  # numpy: a question that reads whole lines does not pay for it

    starts = time_index.line_starts(block)
    if scanner.form.name == "csv" and time_index.has_open_quotes(block, starts):
        _feed_all(scanner, block, offset)
        return
    scanner.tally.lines += len(starts)
    times = time_index.line_times(block, starts, scanner.locator, options.zone)
    mask = time_index.candidates(times, wanted)
    if scanner.form.name == "text":
        time_index.follow_heads(mask, block, starts, times, initial=not scanner.skipping)
    if scanner.fresh:
        mask[0] = True  # a header, or what sniffing needs to see
    numbers, begins, ends = time_index.chosen(mask, starts, len(block))
    scanner.tally.skipped += len(starts) - len(numbers)
    previous = -1
    for number, start, end in zip(numbers, begins, ends, strict=True):
        if number != previous + 1:
            scanner.skip()
        scanner.line(block[start:end].removesuffix(b"\n"), offset + start)
        previous = number
    if previous != len(starts) - 1:
        scanner.skip()


def _feed_all(scanner: Scanner, block: bytes, offset: int) -> None:
    lines = block.split(b"\n")
    if not lines[-1]:
        lines.pop()
    scanner.tally.lines += len(lines)
    for raw in lines:
        scanner.line(raw, offset)
        offset += len(raw) + 1


class Scanner:
    """The state of one file's scan: the event whose lines are still coming, and what came before."""

    def __init__(
        self,
        *,
        name: str,
        index: int,
        form: Format,
        mapper: Mapper,
        locator: Locator | None,
        keep: Callable[[Event], bool],
        rows: Rows,
        rejects: Rejects,
        tally: Tally,
    ) -> None:
        self.name, self.index, self.form, self.mapper, self.locator = name, index, form, mapper, locator
        self.keep, self.rows, self.rejects, self.tally = keep, rows, rejects, tally
        self.first: int | None = None
        self.last: int | None = None
        self.skipping = False
        self.fresh = True
        self.rejecting = False
        self.held: _Held | None = None
        self.open: _Held | None = None
        self.reasons: dict[str, int] = {}

    def line(self, raw: bytes, offset: int) -> None:
        """Take the next line, without its end."""
        self.fresh = False
        text = self._decoded(raw)
        place = (offset, len(raw), text[:_RAW_KEPT])
        if self.open is not None:
            if self._continue_open(text, place):
                return
        elif not text or text.isspace():
            self._join("", place, blank=True)
            return
        outcome = self.form.decode(text)
        if type(outcome) is dict or isinstance(outcome, Parsed):
            self._flush()
            self.held, self.skipping = _Held(outcome=outcome, offset=offset, lines=[place]), False
        elif isinstance(outcome, Joined):
            self._join(text if outcome.text is None else outcome.text, place)
        elif isinstance(outcome, Open):
            self._flush()
            self.open = _Held(outcome=outcome, offset=offset, lines=[place], extra=[text], extra_size=len(text))
        elif isinstance(outcome, Header):
            self._flush()
            self.tally.parsed += 1
        elif isinstance(outcome, Rejected):
            self._flush()
            self._reject([place], outcome.reason)

    def alone(self, raw: bytes, offset: int) -> None:
        """Take a line that no other line belongs to, as `skip` and `line` would, at a third of the cost."""
        try:
            outcome = self.form.decode(raw.removesuffix(b"\r").decode())
        except UnicodeDecodeError:
            outcome = Rejected("")
        if type(outcome) is dict and b"\0" not in raw and self.held is None and self.open is None:
            event = self.mapper.event(outcome, offset)
            if isinstance(event, Event):
                self.skipping, self.rejecting, self.fresh = True, False, False
                self._count(1, 1)
                self._take(event)
                return
        self.skip()
        self.line(raw, offset)
        self.skip()

    def take_all(self, events: Iterable[Event]) -> None:
        """Count and judge events that were decoded elsewhere, each from one line."""
        for event in events:
            self._count(1, 1)
            self._take(event)

    def count_all(self, lines: int, first: int, last: int) -> None:
        """Count lines of one event each that were decoded and judged elsewhere; their first and last time."""
        self.tally.parsed += lines
        self.tally.events += lines
        self.first = first if self.first is None else min(first, self.first)
        self.last = last if self.last is None else max(last, self.last)

    def skip(self) -> None:
        """Note that lines in between were not decoded."""
        self._flush()
        self._give_up()
        self.skipping, self.rejecting = True, False

    def close(self) -> None:
        """Finish the last event."""
        self._flush()
        self._give_up()

    def complaints(self) -> list[str]:
        """Return a text when most of what was decoded was rejected: then the format or zone is wrong, not the lines."""
        decoded = self.tally.parsed + self.tally.joined + self.tally.rejected
        if self.tally.rejected * 2 <= decoded:
            return []
        from bridge.logs.advice import next_step

        kinds: dict[str, tuple[int, str]] = {}
        for reason, count in self.reasons.items():
            kind = _QUOTED.sub("", reason)
            kinds[kind] = (kinds.get(kind, (0, ""))[0] + count, kinds.get(kind, (0, reason))[1])
        count, reason = max(kinds.values(), key=lambda item: item[0])
        kept = zip(self.rejects.file, self.rejects.reason, self.rejects.raw, strict=True)
        alike = [raw for file, why, raw in kept if file == self.name and _QUOTED.sub("", why) == _QUOTED.sub("", reason)][:_ALIKE]
        step = next_step(reason, alike) if not (self.tally.parsed and reason in _AROUND) else ""
        told = f"{self.name}: {self.tally.rejected} of {decoded} lines rejected (read as {self.form.name}), {count} of them: {reason}"
        return [f"{told}; {step}" if step else told]

    def notes(self) -> list[str]:
        """Return a text when times have no year and got one by the file's modification time."""
        years = sorted(self.mapper.clockwork.inferred)
        if not years:
            return []
        return [f"{self.name}: times have no year, taken as {', '.join(map(str, years))} by the file's own time; declare `year`"]

    def _decoded(self, raw: bytes) -> str:
        if raw.endswith(b"\r"):
            raw = raw[:-1]
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = raw.decode("utf-8", "replace")
            self.tally.repaired += 1
        if "\0" in text:
            text = text.replace("\0", "")
            self.tally.repaired += 1
        return text

    def _continue_open(self, text: str, place: tuple[int, int, str]) -> bool:
        """Add the line to the open record; False: the line is a record of its own and the open one is given up."""
        held = self.open
        if held is None or self.form.restarts(text):
            self._give_up()
            return False
        held.lines.append(place)
        held.extra.append(text)
        held.extra_size += len(text)
        outcome = self.form.decode("\n".join(held.extra))
        if isinstance(outcome, Open):
            if outcome.otherwise is not None:
                held.outcome = outcome
            if len(held.lines) >= self.form.open_lines or held.extra_size >= _OPEN_CHARACTERS:
                self._give_up()
            return True
        self.open = None
        if type(outcome) is dict or isinstance(outcome, Parsed):
            self.held, self.skipping = _Held(outcome=outcome, offset=held.offset, lines=held.lines), False
        elif outcome is HEADER:
            self.tally.parsed += 1
            self.tally.joined += len(held.lines) - 1
        else:
            self._reject(held.lines, outcome.reason if isinstance(outcome, Rejected) else "no record")
        return True

    def _give_up(self) -> None:
        held, self.open = self.open, None
        if held is None or not isinstance(held.outcome, Open):
            return
        if held.outcome.otherwise is None:
            self._reject(held.lines, held.outcome.reason)
            return
        self.held, self.skipping = _Held(outcome=held.outcome.otherwise, offset=held.offset, lines=held.lines), False
        self._flush()

    def _join(self, text: str, place: tuple[int, int, str], *, blank: bool = False) -> None:
        if self.held is not None:
            self.held.lines.append(place)
            if self.held.extra_size <= MESSAGE_LIMIT:
                self.held.extra.append(text)
                self.held.extra_size += len(text) + 1
        elif self.skipping:
            self.tally.skipped += 1
        elif blank:
            self.tally.joined += 1
        else:
            rejecting = self.rejecting
            self._reject([place], _AROUND[rejecting])
            self.rejecting = rejecting

    def _flush(self) -> None:
        held, self.held = self.held, None
        if held is None:
            return
        made = self._events(held)
        if isinstance(made, Rejected):
            blank = sum(not place[2].strip() for place in held.lines[1:])
            self.tally.joined += blank
            self._reject([held.lines[0], *(place for place in held.lines[1:] if place[2].strip())], made.reason)
            return
        self.skipping = self.rejecting = False
        self._count(len(held.lines), len(made))
        self.tally.repaired += isinstance(held.outcome, Parsed) and held.outcome.repaired
        for event in made:
            self._take(event)

    def _count(self, lines: int, events: int) -> None:
        self.tally.parsed += 1
        self.tally.joined += lines - 1
        self.tally.events += events

    def _take(self, event: Event) -> None:
        at = event.at
        if self.first is None or at < self.first:
            self.first = at
        if self.last is None or at > self.last:
            self.last = at
        if self.keep(event):
            self.rows.add(event, self.index)

    def _events(self, held: _Held) -> list[Event] | Rejected:
        """Return the events of a line; one record of it that is no event rejects the line, which is kept whole."""
        extra = "\n".join(held.extra).rstrip() if held.extra else ""
        outcome = held.outcome
        parsed = outcome if isinstance(outcome, Parsed) else Parsed((cast("Record", outcome),))
        *before, last = parsed.records
        events: list[Event] = []
        for record in before:
            made = self.mapper.event(record, held.offset)
            if isinstance(made, Rejected):
                return made
            events.append(made)
        made = self.mapper.event(last, held.offset, extra, parsed.unread)
        return made if isinstance(made, Rejected) else [*events, made]

    def _reject(self, lines: list[tuple[int, int, str]], reason: str) -> None:
        self.skipping, self.rejecting = False, True
        self.tally.rejected += len(lines)
        self.reasons[reason] = self.reasons.get(reason, 0) + len(lines)
        for number, (offset, length, raw) in enumerate(lines):
            self.rejects.file.append(self.name)
            self.rejects.offset.append(offset)
            self.rejects.length.append(length)
            self.rejects.reason.append(reason if number == 0 else f"{reason} (line {number + 1} of the same record)")
            self.rejects.raw.append(raw)
