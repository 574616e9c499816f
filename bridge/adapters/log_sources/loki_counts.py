"""Counts of lines made by Loki: what it is asked, and how its limits are kept.

Loki counts in (t - range, t]; ours are [start, end). Instant queries at one nanosecond before the end, over a range in whole
milliseconds, are exactly that. (Range queries are not used: the frontend rounds their start and end to multiples of the step.)
Buckets are a label made of each line's time. A query that exceeds a limit of the server (500 groups, bytes, length) is halved in
time; what can't be halved any more is read and counted here.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, Protocol

from bridge.adapters.log_sources import logql
from bridge.adapters.log_sources.counted import Counted
from bridge.errors import RefusedError, RetryLaterError
from bridge.logs.names import rare_names, usual_names
from bridge.logs.options import PARTS, SourceOptions
from bridge.logs.question import CORE, Question
from bridge.logs.records import Event, Format, Mapper

Entry = tuple[int, str, str]
"""Nanoseconds, labels as JSON, line."""
Stretch = tuple[int, int]
"""[start, end) in microseconds."""
_PROBE: Final = 200
"""Lines that tell which keys have the parts; if there are no more, they are counted here."""
_LIMIT: Final = re.compile(r"maximum (?:number )?of series|time range exceeds the limit|would read too many bytes")
LONGEST: Final = 30 * 86_400_000_000
"""Microseconds of a query; the usual limit is an hour more."""
_SHORTEST: Final = 1_000_000
"""Microseconds of a piece of the window that is not halved any more."""
_MOST_HALVED: Final = 64
_SETTLED: Final = 3_600_000_000
"""Microseconds after which no more lines are expected to arrive."""


class Server(Protocol):
    """What of `loki.LokiLogs` is needed here."""

    @property
    def source(self) -> SourceOptions:
        """How lines are read."""
        ...

    @property
    def labels(self) -> Mapping[str, str]:
        """Our name to the label of streams that has it."""
        ...

    def window(self, question: Question) -> tuple[int, int]:
        """Return the question's window in microseconds."""
        ...

    def query(self, question: Question) -> str:
        """Return streams and texts."""
        ...

    def entries(self, text: str, window: Stretch, page: int) -> Iterator[Entry]:
        """Yield the lines of a window in time order."""
        ...

    def vector(self, text: str, at: int) -> list[tuple[Mapping[str, str], int]]:
        """Return the groups of an instant query."""
        ...

    def reader(self, question: Question) -> tuple[Format, Mapper]:
        """Return what makes events of lines."""
        ...

    def event(self, nanoseconds: int, labels: Mapping[str, Any], line: str, reader: tuple[Format, Mapper]) -> Event:
        """Return the event of a line."""
        ...

    def lines(self, question: Question, stages: str = "") -> Iterator[Event]:
        """Return the events of a window, in time order; `stages` follow the query."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    server: Server
    question: Question
    fields: tuple[logql.Field, ...]
    plan: logql.Pipeline
    reader: tuple[Format, Mapper]
    every: int | None
    cap: int

    def count(self, stages: str, by: Sequence[str], piece: Stretch) -> list[tuple[Mapping[str, str], int]] | None:
        """Return the groups of a piece, whole milliseconds long; None: that is more than the server's limits allow."""
        start, end = piece
        try:
            return self.server.vector(logql.count(self.server.query(self.question), stages, by, (end - start) // 1_000), end * 1_000 - 1)
        except (RefusedError, RetryLaterError) as error:
            if not _LIMIT.search(error.message):
                raise
            return None


def counted_there(
    server: Server, question: Question, wanted: Iterable[str], *, every: int | None = None, shrink: bool, cap: int, now: int
) -> Counted | str:
    """Count the lines that fit by their parts and attributes; or return why all of them have to be read. Microseconds.

    `shrink`: numbers in messages may become `0`; that is left undone where the question is about what they say.
    """
    names = _needed(question, wanted)
    labels = tuple(server.labels[name] for name in names if name in server.labels)
    inside = [name for name in names if name not in server.labels]
    difficult = _difficult(server.source, inside)
    if difficult:
        return difficult
    start, end = server.window(question)
    reader = server.reader(question)
    keys: dict[str, str | None] = {}
    if inside:
        page = list(islice(server.entries(server.query(question), (start, end), _PROBE), _PROBE))
        if len(page) < _PROBE:
            events = [server.event(at, json.loads(found), line, reader) for at, found, line in page]
            return Counted(read=[event for event in events if question.fits(event)])
        keys = _keys(page, reader[0], {name: _names(server.source, name) for name in inside})
        if "message" in keys and keys["message"] is None:
            return "the first lines have no message"
    fields = tuple(logql.Field(name=name, names=_names(server.source, name), key=keys[name]) for name in inside)
    told = bool(question.grep) or any(key == "message" for key, _ in question.where)
    plan = logql.pipeline(fields, labels, every=every, shrink=shrink and not told)
    asked = _Asked(server=server, question=question, fields=fields, plan=plan, reader=reader, every=every, cap=cap)
    try:
        return _counted(asked, start, end, now)
    except RefusedError as error:
        return error.message


def _needed(question: Question, wanted: Iterable[str]) -> list[str]:
    """Return the parts and attributes of events that the groups are made of, or that tell whether they fit."""
    judged = {
        "level": question.levels,
        "service": question.services,
        "account_id": question.accounts,
        "trace_id": question.traces,
        "message": question.grep,
    }
    names = ["message" if name == "template" else name for name in wanted if name != "file"]
    names += [name for name, asked in judged.items() if asked] + [key for key, _ in question.where]
    return list(dict.fromkeys(names))


def _names(source: SourceOptions, name: str) -> tuple[str, ...]:
    if name not in PARTS:
        return (name,)
    ref = source.fields.get(name)
    return ref.names if ref is not None else (*usual_names(name), *rare_names(name))


def _difficult(source: SourceOptions, inside: Sequence[str]) -> str:
    """Tell why Loki can't take these from the lines as we do; empty: they are values of keys of one JSON object a line."""
    if inside and source.format not in {None, "json"}:
        return f"in lines of {source.format}, {inside[0]} is found here only"
    parts = {key for part in PARTS for key in _names(source, part)}
    for name in inside:
        ref = source.fields.get(name)
        if ref is not None and ref.pattern is not None:
            return f"{name} is a part of a value"
        if name not in CORE and ("." in name or name in parts or not name.isprintable() or {'"', "\\"} & set(name)):
            return f"the field {name} may stand inside another, or is a part of events"
    return ""


def _keys(page: Sequence[Entry], form: Format, names: Mapping[str, tuple[str, ...]]) -> dict[str, str | None]:
    """Return for each name the key that has it in most of these lines; not one that counts only where another is missing."""
    seen: dict[str, Counter[str]] = {name: Counter() for name in names}
    for _, _, line in page:
        record = form.decode(line)
        if type(record) is dict:
            for name, keys in names.items():
                seen[name].update([key for key in keys if record.get(key) is not None and key not in rare_names(name)][:1])
    return {name: found.most_common(1)[0][0] if found else None for name, found in seen.items()}


def _counted(asked: _Asked, start: int, end: int, now: int) -> Counted | str:
    result = Counted()
    whole = (end - start) // 1_000 * 1_000
    there, here = _grouped(asked, _cut([(start, start + whole)]), result)
    here += [(start + whole, end)] if start + whole < end else []
    counted = sum(events for *_, events in result.groups)
    odd = 0
    if asked.plan.odd:  # else the groups are the sum of all lines
        odd = _sum(asked, asked.plan.odd, there)
        total = _sum(asked, "", there)
        if counted + odd < total or (counted + odd > total and end < now - _SETTLED):
            return f"its groups hold {counted + odd:,} lines, and there are {total:,}"
        if odd > counted:
            return f"{odd:,} of {total:,} lines can't be taken apart there"
    lines = _read(asked, [("", here), (asked.plan.odd, there if odd else [])], result)
    everywhen = replace(asked.question, start=None, end=None)
    result.groups = [group for group in result.groups if everywhen.fits(group[1])]
    result.note = f"{counted:,} lines counted by Loki, {lines:,} read here" if lines else ""
    return result


def _grouped(asked: _Asked, pieces: list[Stretch], result: Counted) -> tuple[list[Stretch], list[Stretch]]:
    """Count piece by piece; return the stretches that were counted, and those that have too many groups."""
    there: list[Stretch] = []
    here: list[Stretch] = []
    waiting = pieces[::-1]
    halved = 0
    while waiting:
        piece = waiting.pop()
        found = asked.count(asked.plan.counted, asked.plan.by, piece)
        if found is not None:
            there.append(piece)
            result.groups += [_group(asked, piece[0], labels, events) for labels, events in found]
        elif piece[1] - piece[0] <= _SHORTEST or halved >= _MOST_HALVED:
            here.append(piece)
        else:
            halved += 1
            waiting += _halves(piece)[::-1]
    return _merged(there), _merged(here)


def _group(asked: _Asked, start: int, labels: Mapping[str, str], events: int) -> tuple[int, Event, bool, int]:
    line, whole = logql.line_of(asked.fields, labels)
    event = asked.server.event(start * 1_000, labels, line, asked.reader)
    try:
        return int(labels[logql.BUCKET]) * asked.every if asked.every else 0, event, whole, events
    except (KeyError, ValueError) as error:
        raise RetryLaterError(
            "loki's groups have no time", where="/loki/api/v1/query", hint="is url the address of Loki itself?"
        ) from error


def _sum(asked: _Asked, stages: str, stretches: Sequence[Stretch]) -> int:
    """Return how many lines there are."""
    waiting = _cut(stretches)
    number = 0
    while waiting:
        piece = waiting.pop()
        found = asked.count(stages, (), piece)
        if found is not None:
            number += sum(events for _, events in found)
        elif piece[1] - piece[0] <= _SHORTEST:
            raise RefusedError("Loki's limits don't let a second of lines be counted", where="POST /loki/api/v1/query")
        else:
            waiting += _halves(piece)
    return number


def _read(asked: _Asked, parts: Iterable[tuple[str, Sequence[Stretch]]], result: Counted) -> int:
    """Read the lines of these stretches, each behind its stages; return how many there are."""
    lines = 0
    for stages, start, end in [(stages, *stretch) for stages, stretches in parts for stretch in stretches]:
        question = replace(asked.question, start=start, end=end)
        for event in asked.server.lines(question, stages):
            if lines >= asked.cap:
                result.cut = f"of the lines that are read here, only the first {asked.cap:,} are counted"
                return lines
            lines += 1
            if question.fits(event):
                result.read.append(event)
    return lines


def _cut(stretches: Iterable[Stretch]) -> list[Stretch]:
    return [(first, min(first + LONGEST, end)) for start, end in stretches for first in range(start, end, LONGEST)]


def _halves(piece: Stretch) -> list[Stretch]:
    start, end = piece
    middle = start + (end - start) // 2_000 * 1_000
    return [(start, middle), (middle, end)]


def _merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Return stretches in order of time as few as possible."""
    merged: list[Stretch] = []
    for start, end in sorted(stretches):
        if merged and merged[-1][1] == start:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged
