"""What is asked of logs: the events that fit, and the bytes that every such event must hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from bridge.logs.names import level_of
from bridge.logs.options import PARTS
from bridge.logs.records import Event

Needles = tuple[bytes, ...]
"""One of these stands in the lines of every event that fits."""

CORE: Final = ("level", "service", "account_id", "trace_id", "message")
EVER: Final = 1 << 62
"""A moment that no event reaches, in microseconds: where a stretch of time is open."""
_SIMPLE: Final = re.compile(r"[A-Za-z0-9_.-]{3,}")
_WORD: Final = re.compile(r"[A-Za-z0-9_.-]*[A-Za-z_][A-Za-z0-9_.-]*")
_SHORTEST: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which events are wanted; empty parts want all."""

    start: int | None = None
    """[start, end) in microseconds since 1970, UTC."""
    end: int | None = None
    accounts: frozenset[str] = frozenset()
    traces: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    levels: frozenset[str] = frozenset()
    where: tuple[tuple[str, str], ...] = ()
    """(field, value): the field of the event has that value, as text."""
    grep: tuple[str, ...] = ()
    """Each of these texts stands in the message."""
    attributes: bool = True
    """False: they are not needed in the answer."""
    parts: frozenset[str] | None = None
    """Parts of events that the answer needs; None: all."""
    whole: bool = False
    """True: read every line, trust no order and no sample."""

    def fits(self, event: Event) -> bool:
        """Tell whether an event is wanted."""
        at = event.at
        if (self.start is not None and at < self.start) or (self.end is not None and at >= self.end):
            return False
        if (self.levels and event.level not in self.levels) or (self.services and event.service not in self.services):
            return False
        if (self.accounts and event.account_id not in self.accounts) or (self.traces and event.trace_id not in self.traces):
            return False
        return all(text in event.message for text in self.grep) and (not self.where or self._where(event))

    def needs_attributes(self) -> bool:
        """Tell whether attributes must be made to answer."""
        return self.attributes or any(key not in CORE for key, _ in self.where)

    def needed(self) -> frozenset[str]:
        """Return the parts of events that are read: for the answer, and to judge by."""
        if self.parts is None or self.needs_attributes():
            return frozenset(PARTS)
        judged = (
            ("level", self.levels),
            ("service", self.services),
            ("account_id", self.accounts),
            ("trace_id", self.traces),
            ("message", self.grep),
        )
        return self.parts | {"at"} | {name for name, wanted in judged if wanted} | {key for key, _ in self.where if key in CORE}

    def needles(self, *, composed: bool) -> list[Needles]:
        """Return what the bytes of a fitting event must hold, one entry a condition; only what no format rewrites.

        `composed`: the format makes the message itself, so that its words are not in the line.

        A value with other characters than letters, digits, `_`, `.` and `-` may be escaped in the file: no needle.
        """
        ids = (values for values in (self.accounts, self.traces) if values and all(_SIMPLE.fullmatch(value) for value in values))
        found = [tuple(value.encode() for value in sorted(values)) for values in ids]
        found.extend(
            (value.encode(),) for key, value in self.where if key not in CORE and _WORD.fullmatch(value) and len(value) >= _SHORTEST
        )
        if not composed:
            for text in self.grep:
                words = [word for word in _WORD.findall(text) if len(word) >= _SHORTEST]
                if words:
                    found.append((max(words, key=len).encode(),))
        return found

    def _where(self, event: Event) -> bool:
        attributes: dict[str, Any] | None = None
        for key, value in self.where:
            if key in CORE:
                found: Any = getattr(event, key)
                value = level_of(value) if key == "level" else value  # noqa: PLW2901 - the canonical name is what is compared
            else:
                if attributes is None:
                    attributes = msgspec.json.decode(event.attributes)
                found = field_of(attributes, key)
            if as_text(found) != value:
                return False
        return True


def field_of(attributes: Any, name: str) -> Any:
    """Return an attribute by its name, or by a path with dots into nested ones; None when it is not there."""
    if isinstance(attributes, dict):
        if name in attributes:
            return attributes[name]
        head, dot, rest = name.partition(".")
        while dot:
            if head in attributes:
                return field_of(attributes[head], rest)
            more, dot, rest = rest.partition(".")
            head = f"{head}.{more}"
    return None


def as_text(value: Any) -> str | None:
    """Return a field's value as it is compared and grouped: texts as they are, the rest as JSON."""
    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()
