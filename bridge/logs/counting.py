"""Counts of events by time and fields, gathered while files are read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import msgspec

from bridge.logs.question import CORE, as_text, field_of
from bridge.logs.records import Event

_BATCH: Final = 50_000
"""Messages kept until their templates are made: masks run over columns."""

Group = tuple[int, tuple[str | None, ...]]
"""Start of the bucket in microseconds (0 without buckets), and the values of the fields."""


@dataclass(slots=True, kw_only=True)
class Counting:
    """Groups and how many events each has."""

    fields: tuple[str, ...]
    every: int | None = None
    """Length of a bucket in microseconds; buckets begin at multiples of it since 1970, UTC."""
    counts: Counter[Group] = field(default_factory=Counter)
    waiting: list[tuple[Group, str]] = field(default_factory=list)
    templates: dict[str, str] = field(default_factory=dict)
    """template_id to template of what was counted by template."""
    total: int = 0

    def add(self, event: Event, file: str) -> None:
        """Count one event of a file."""
        self.total += 1
        bucket = event.at - event.at % self.every if self.every else 0
        if self.fields == ("template",):
            self.waiting.append(((bucket, ()), event.message))
        else:
            values = tuple(self._value(event, name, file) for name in self.fields)
            if "template" not in self.fields:
                self.counts[bucket, values] += 1
                return
            self.waiting.append(((bucket, values), event.message))
        if len(self.waiting) >= _BATCH:
            self._settle()

    def groups(self) -> list[tuple[Group, int]]:
        """Return the groups with their counts: by time, then the largest first."""
        self._settle()
        return sorted(self.counts.items(), key=lambda item: (item[0][0], -item[1], tuple(value or "" for value in item[0][1])))

    def _settle(self) -> None:
        """Give the waiting messages their templates."""
        if not self.waiting:
            return
        from bridge.logs.templates import Templates

        made = Templates(texts=self.templates)
        identities = made.assign([message for _, message in self.waiting])
        place = self.fields.index("template")
        for ((bucket, values), _), identity in zip(self.waiting, identities, strict=True):
            full = (identity,) if not values else (*values[:place], identity, *values[place + 1 :])
            self.counts[bucket, full] += 1
        self.waiting.clear()

    @staticmethod
    def _value(event: Event, name: str, file: str) -> str | None:
        if name == "template":
            return None
        if name == "file":
            return file
        if name in CORE:
            value: str | None = getattr(event, name)
            return value
        return as_text(field_of(msgspec.json.decode(event.attributes), name))
