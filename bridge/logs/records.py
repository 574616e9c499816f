"""What a format makes of a line, and how a record's fields become an event."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec

from bridge.logs.options import PARTS, FieldRef, SourceOptions
from bridge.logs.times import Clockwork, TimeError, parse_value

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


_USUAL: Final[Mapping[str, tuple[str, ...]]] = {
    "at": (
        "at",
        "ts",
        "time",
        "timestamp",
        "@timestamp",
        "Timestamp",
        "datetime",
        "date",
        "event_time",
        "eventTime",
        "asctime",
        "t",
        "__REALTIME_TIMESTAMP",
    ),
    "level": ("level", "severity", "lvl", "log.level", "levelname", "loglevel", "log_level", "Level", "priority", "PRIORITY"),
    "message": (
        "message",
        "msg",
        "event",
        "log",
        "text",
        "body",
        "short_message",
        "textPayload",
        "jsonPayload.message",
        "jsonPayload.msg",
        "error",
        "Message",
        "@message",
        "MESSAGE",
        "Log",
    ),
    "account_id": (
        "account_id",
        "accountId",
        "account",
        "account.id",
        "acct",
        "tenant_id",
        "tenant",
        "organization_id",
        "org_id",
        "customer_id",
        "jsonPayload.account_id",
        "jsonPayload.accountId",
    ),
    "trace_id": (
        "trace_id",
        "traceId",
        "traceID",
        "TraceID",
        "trace",
        "trace.id",
        "traceid",
        "dd.trace_id",
        "request_id",
        "requestId",
        "correlation_id",
    ),
    "service": (
        "service",
        "service.name",
        "svc",
        "serviceName",
        "app",
        "application",
        "SYSLOG_IDENTIFIER",
        "resource.labels.container_name",
        "resource.labels.service_name",
        "resource.labels.function_name",
        "resource.labels.module_id",
        "kubernetes.labels.app",
        "kubernetes.container_name",
        "kubernetes.pod_name",
        "pod_name",
        "PodName",
    ),
}
LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_LEVELS: Final = {
    "WARNING": "WARN",
    "ERR": "ERROR",
    "SEVERE": "ERROR",
    "CRITICAL": "FATAL",
    "CRIT": "FATAL",
    "EMERG": "FATAL",
    "EMERGENCY": "FATAL",
    "ALERT": "FATAL",
    "PANIC": "FATAL",
    "FINE": "DEBUG",
    "FINER": "TRACE",
    "FINEST": "TRACE",
    "INFORMATION": "INFO",
    "INFORMATIONAL": "INFO",
    "NOTICE": "INFO",
    "DBG": "DEBUG",
    "VERBOSE": "DEBUG",
    "D": "DEBUG",
    "I": "INFO",
    "W": "WARN",
    "E": "ERROR",
    "F": "FATAL",
    "V": "TRACE",
    "10": "TRACE",
    "20": "DEBUG",
    "30": "INFO",
    "40": "WARN",
    "50": "ERROR",
    "60": "FATAL",
    "0": "FATAL",
    "1": "FATAL",
    "2": "FATAL",
    "3": "ERROR",
    "4": "WARN",
    "5": "INFO",
    "6": "INFO",
    "7": "DEBUG",
}


_CANONICAL: Final = ("INFO", "DEBUG", "ERROR", "WARN", "TRACE", "FATAL")
_NOTHING: Final = frozenset({"", "-", "null", "None", "none", "nil"})


def usual_names(part: str) -> tuple[str, ...]:
    """Return the field names that a part of an event is looked for under when nothing is mapped."""
    return _USUAL[part]


def level_of(value: object) -> str:
    """Return TRACE, DEBUG, INFO, WARN, ERROR or FATAL; an unknown word in upper case; empty for none.

    Numbers: 10 to 60 as bunyan and pino write them, 0 to 7 as syslog does.
    """
    text = str(value).strip().upper() if value is not None else ""
    return _LEVELS.get(text, text)


def spellings(level: str) -> list[str]:
    """Return the words that `level_of` reads as this level, in upper case."""
    return [level, *(word for word, name in _LEVELS.items() if name == level and word.isalpha() and len(word) > 1)]


def words_of(levels: Iterable[str]) -> list[str]:
    """Return every text, in upper case, that `level_of` reads as one of these levels."""
    wanted = frozenset(levels)
    return sorted({word for word in (*_LEVELS, *wanted) if level_of(word) in wanted})


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
        try:
            at = self._time(found.get("at"), record)
        except TimeError as error:
            return Rejected(str(error))
        attributes: dict[str, Any] = {}
        if self.attributes or "message" not in found:
            attributes = {key: value for key, value in record.items() if key not in used and key != "at"}
            for path in inner:
                attributes = _without(attributes, path)
        if unread:
            attributes["unread"] = unread
        message = _text(found["message"]) if "message" in found else _text(attributes) if attributes else ""
        if extra:
            message = f"{message}\n{extra}"
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

    def _time(self, value: object, record: Record) -> int:
        if isinstance(value, Instant):
            return int(value)
        if value is None or value == "":
            if isinstance(given := record.get("at"), Instant):  # the format has read it, whatever field is mapped
                return int(given)
            names = self.refs["at"].names
            raise TimeError(f"no time: looked for {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}")  # noqa: PLR2004 - a short list
        return parse_value(value, self.clockwork)

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
    """Return the mapper of a source for one of its files."""
    refs = {part: options.fields.get(part) or FieldRef(names=_USUAL[part]) for part in PARTS if parts is None or part in parts}
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
