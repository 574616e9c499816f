"""What a format makes of a line, and how a record's fields become an event."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec

from bridge.logs.names import LEVEL_WORD, TIMES, level_of, rare_names, usual_names
from bridge.logs.options import PARTS, FieldRef, SourceOptions
from bridge.logs.times import Clockwork, TimeError, checked, parse_value

Record = dict[str, Any]
"""Fields of one log event as the format gave them; `at` may be an Instant."""

MESSAGE_LIMIT: Final = 65_536
"""Characters of a message, and of the attributes, that are kept; file and offset lead to the rest."""
_SHAPES_KEPT: Final = 1_000


class Instant(int):
    """Microseconds since 1970 in UTC: a time that the format has read already."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A line that gave several records, or text beside its record."""

    records: tuple[Record, ...]
    unread: str = ""
    """What follows the records on the line: kept with the last event."""
    repaired: bool = True
    """False: the line is as its format has it, an export of several events."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The line belongs to the event before it."""

    text: str | None = None
    """What is added to the event, where that is not the line as it stands."""


@dataclass(frozen=True, slots=True)
class Header:
    """The line names columns: understood, and no event."""


@dataclass(frozen=True, slots=True)
class Open:
    """The record goes on in the next line."""

    reason: str
    """Why the line is rejected when no next line completes it."""
    otherwise: Record | Parsed | None = None
    """What the lines so far are when no next line completes them: then none is rejected."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The line is no event, and why."""

    reason: str


JOINED: Final = Joined()
HEADER: Final = Header()
Outcome = Record | Parsed | Joined | Header | Open | Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format, ready for one file (csv keeps the file's columns)."""

    name: str
    decode: Callable[[str], Outcome]
    restarts: Callable[[str], bool]
    """Tell whether a line that could go on an open record is a record of its own."""
    pairs: bool = False
    """Fields may stand as key=value inside the message."""
    spans: bool = False
    """Only the lines before tell what a line is: such a file is read from its beginning, not searched."""
    located: bool = True
    """False: where the time stands was learned from this file."""
    composed: bool = False
    """Message and level are made of the line's parts: their words need not stand in it."""
    open_lines: int = 1_000
    """Lines that one record may go over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locator:
    """Where the time stands in a line."""

    kind: str
    """start: first byte, after an opening bracket or quote; bracket: after the first `[`; key: after a key."""
    key: str = ""
    keys_before: tuple[str, ...] = ()
    """Keys that win over `key`: a line that holds one of them is UNKNOWN."""
    json: bool = False


class Event(NamedTuple):
    """One row of the events table; `template_id` is added to what is kept."""

    at: int
    level: str
    service: str
    account_id: str | None
    trace_id: str | None
    message: str
    attributes: str
    offset: int


_CANONICAL: Final = ("INFO", "DEBUG", "ERROR", "WARN", "TRACE", "FATAL")
_BELOW: Final = re.compile(r"(SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): ")
"""java.util.logging writes the level on the line below the time."""
_NOTHING: Final = frozenset({"", "-", "null", "None", "none", "nil"})


Plan = tuple[tuple[str, str | None, tuple[tuple[str, ...], ...], re.Pattern[str] | None], ...]
"""For each part: the key that has it, if it is that simple; else the paths worth a try and the pattern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapper:
    """Makes events of records, by the source's mapping."""

    refs: Mapping[str, FieldRef]
    service: str | None
    patterns: tuple[re.Pattern[str], ...]
    pairs: Mapping[str, re.Pattern[str]]
    clockwork: Clockwork
    plans: dict[tuple[str, ...], Plan]
    """For each set of keys seen: where its parts may be. A cache, bounded."""
    rare: Mapping[str, FieldRef]
    """For parts that the source doesn't map: names that are looked for where no usual one is there."""
    attributes: bool = True
    """False: nobody asks for them, so they are not made."""

    def event(self, record: Record, offset: int, extra: str = "", unread: str = "") -> Event | Rejected:
        """Return the event of a record; `extra` are the joined lines, `unread` what else stood on the line."""
        keys = tuple(record)
        plan = self.plans.get(keys)
        if plan is None:
            plan = self._plan(keys)
        used: set[str] = set()
        inner: list[tuple[str, ...]] = []
        found: dict[str, Any] = {}
        for part, key, paths, pattern in plan:
            if key is not None and (value := record[key]) is not None:
                used.add(key)
                found[part] = value
            elif (value := self._lookup(record, paths, pattern, used, inner)) is not None:
                found[part] = value
        if "at" not in found or type(found.get("message")) is dict:
            opened = self._opened(record, found)
            if opened is not None:
                return self.event(opened, offset, extra, unread)
        try:
            at = self._time(found.get("at"), record)
        except TimeError as error:
            return Rejected(str(error))
        attributes: dict[str, Any] = {}
        if self.attributes or ("message" in self.refs and "message" not in found):
            attributes = {key: value for key, value in record.items() if key not in used and key != "at"}
            for path in inner:
                attributes = _without(attributes, path)
        if unread:
            attributes["unread"] = unread
        message = _message(found, attributes, extra)
        if self.pairs or self.patterns:
            message = self._patterns(message, found, attributes)
        service = self.service if self.service is not None else _name(found.get("service")) or ""
        level = found.get("level")
        return Event(
            at,
            level if level in _CANONICAL else level_of(level),
            service,
            _name(found.get("account_id")),
            _name(found.get("trace_id")),
            message if len(message) <= MESSAGE_LIMIT else _cut(message),
            _encoded(attributes) if self.attributes else "{}",
            offset,
        )

    def _opened(self, record: Record, found: dict[str, Any]) -> Record | None:
        """Return the record on one level, where its time or its message is inside an object; None: it is not."""
        if "at" not in found:
            return _around(record) if "at" in self.rare else None
        return _above(record, found["message"])

    def _time(self, value: object, record: Record) -> int:
        if isinstance(value, Instant):
            return checked(int(value))
        if value is None or value == "":
            if isinstance(given := record.get("at"), Instant):  # the format has read it, whatever field is mapped
                return checked(int(given))
            names = self.refs["at"].names
            raise TimeError(f"no time: looked for {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}")  # noqa: PLR2004 - a short list
        return checked(parse_value(value, self.clockwork))

    def _plan(self, keys: tuple[str, ...]) -> Plan:
        present = set(keys)
        plan = []
        for part, ref in self.refs.items():
            paths: list[tuple[str, ...]] = []
            for name in ref.names:
                if name in present:
                    paths.append((name,))
                elif "." in name:
                    paths.extend(_splits(name, present))
            if not paths and part in self.rare:
                ref = self.rare[part]  # noqa: PLW2901 - its names are looked for instead
                for name in ref.names:
                    paths.extend([(name,)] if name in present else _splits(name, present) if "." in name else [])
            if paths:
                simple = paths[0][0] if len(paths[0]) == 1 and ref.pattern is None else None
                plan.append((part, simple, tuple(paths), ref.pattern))
        if len(self.plans) >= _SHAPES_KEPT:
            self.plans.clear()
        self.plans[keys] = tuple(plan)
        return tuple(plan)

    @staticmethod
    def _lookup(
        record: Record, paths: tuple[tuple[str, ...], ...], pattern: re.Pattern[str] | None, used: set[str], inner: list[tuple[str, ...]]
    ) -> Any:
        for path in paths:
            value: Any = record
            for name in path:
                value = value.get(name) if isinstance(value, dict) else None
            if value is None:
                continue
            if pattern is None:
                if len(path) == 1:
                    used.add(path[0])
                else:
                    inner.append(path)
                return value
            match = pattern.search(_text(value))
            if match:
                return match["value"] if "value" in pattern.groupindex else match[1 if pattern.groups else 0]
        return None

    def _patterns(self, message: str, found: dict[str, Any], attributes: dict[str, Any]) -> str:
        """Take parts out of the message, by key=value pairs and by the source's patterns; return the message.

        A pattern is searched in the first line, then in the whole: a stack trace below changes nothing.
        """
        for part, pattern in self.pairs.items():
            if part not in found:
                match = pattern.search(message)
                if match:
                    found[part] = match[1].strip("\"'")
        result = message
        first, newline, below = message.partition("\n")
        for pattern in self.patterns:
            match = pattern.search(first)
            tail = newline + below
            if match is None and newline:
                match, tail = pattern.search(message), ""
            for name, value in (match.groupdict() if match else {}).items():
                if value is None:
                    continue
                if name == "message":
                    result = value + tail
                elif name in PARTS:
                    found[name] = value
                else:
                    attributes[name] = value
        return result


def mapper(
    options: SourceOptions, form: Format, clockwork: Clockwork, *, attributes: bool = True, parts: frozenset[str] | None = None
) -> Mapper:
    """Return the mapper of a source for one of its files; with `parts`, of events only these and what tells them."""
    if parts is not None and (options.message_patterns or form.pairs):
        parts |= {"message"}  # others are looked for in it
    refs = {part: options.fields.get(part) or FieldRef(names=usual_names(part)) for part in PARTS if parts is None or part in parts}
    rare = {
        part: FieldRef(names=rare_names(part), pattern=LEVEL_WORD if part == "level" else None)
        for part in refs
        if part not in options.fields and rare_names(part)
    }
    pairs = {}
    if form.pairs:
        for part in ("account_id", "trace_id", *(name for name in ("level", "service") if name in options.fields)):
            if part in refs and refs[part].pattern is None:
                names = "|".join(re.escape(name) for name in refs[part].names)
                pairs[part] = re.compile(rf"(?<![\w.-])(?:{names})=(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;)\]}}]+)")
    return Mapper(
        refs=refs,
        service=options.service,
        patterns=options.message_patterns,
        pairs=pairs,
        clockwork=clockwork,
        plans={},
        rare=rare,
        attributes=attributes,
    )


def _splits(name: str, present: set[str]) -> list[tuple[str, ...]]:
    """Return the ways to read a dotted name as a path whose first key is there: `a.b.c` as a / b.c, a / b / c."""
    parts = name.split(".")
    paths = []
    for cut in range(len(parts) - 1, 0, -1):
        head = ".".join(parts[:cut])
        if head in present:
            paths.append((head, *parts[cut:]))
            if cut < len(parts) - 1:
                paths.append((head, ".".join(parts[cut:])))
    return paths


def _without(fields: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """Return a copy of nested fields without the one at the path; the record itself stays as it is."""
    head, *rest = path
    inner = fields.get(head)
    if not rest or not isinstance(inner, dict):
        return {key: value for key, value in fields.items() if key != head}
    left = _without(inner, tuple(rest))
    return {**fields, head: left} if left else {key: value for key, value in fields.items() if key != head}


def _around(record: Record) -> Record | None:
    """Return the event inside a record that has no time of its own, with the fields around it; None: nothing inside has one."""
    if "timestampSeconds" in record:  # Google's logging agent
        return {**record, "at": {"seconds": record["timestampSeconds"], "nanos": record.get("timestampNanos") or 0}}
    for key, value in record.items():
        if type(value) is dict and any(value.get(name) is not None for name in TIMES & value.keys()):
            return {**value, **{name: item for name, item in record.items() if name != key and name not in value}}
    return None


def _above(record: Record, inner: Record) -> Record | None:
    """Return a record whose message is an object that has a message: both on one level; the outer fields count before the inner ones."""
    if not any(isinstance(inner.get(name), str) for name in usual_names("message")):
        return None
    return {**inner, **{name: item for name, item in record.items() if item is not inner}}


def _message(found: dict[str, Any], attributes: dict[str, Any], extra: str) -> str:
    """Return the message with the lines below it; they may tell its level."""
    message = _text(found["message"]) if "message" in found else _text(attributes) if attributes else ""
    if not extra:
        return message
    if "level" not in found and (below := _BELOW.match(extra)):
        found["level"] = below[1]
    return f"{message}\n{extra}" if message else extra


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value).decode()


def _name(value: Any) -> str | None:
    """Return an id as text; None for what loggers write when there is none."""
    if type(value) is str and value.isalnum() and value not in _NOTHING:
        return value
    if value is None or isinstance(value, bool | dict | list):
        return None
    text = str(value).strip()
    return text if text not in _NOTHING else None


def _cut(text: str) -> str:
    if len(text) <= MESSAGE_LIMIT:
        return text
    return f"{text[:MESSAGE_LIMIT]} ... {len(text) - MESSAGE_LIMIT} more characters in the file"


def _encoded(attributes: dict[str, Any]) -> str:
    if not attributes:
        return "{}"
    encoded = _json(attributes)
    if len(encoded) > MESSAGE_LIMIT:
        small = {key: value for key, value in attributes.items() if len(_json(value)) <= MESSAGE_LIMIT // 64}
        left_out = [key[:100] for key in attributes if key not in small][:64]
        encoded = _json({**dict(list(small.items())[:60]), "left_out": left_out})
    return encoded.decode()


def _json(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except OverflowError:  # integers beyond 64 bits
        import json

        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
