"""Counts of events by time and fields, gathered while files are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bridge.logs.question import CORE, Question, as_text, field_of
from bridge.logs.records import Event

if TYPE_CHECKING:
    from bridge.logs.columns import Columns

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
    waiting: list[Group] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    """Those of the waiting groups."""
    templates: dict[str, str] = field(default_factory=dict)
    """template_id to template of what was counted by template."""
    known: dict[str, str] = field(default_factory=dict)
    """template to template_id."""
    total: int = 0

    def add(self, event: Event, file: str) -> None:
        """Count one event of a file."""
        self.total += 1
        bucket = event.at - event.at % self.every if self.every else 0
        values = tuple(self._value(event, name, file) for name in self.fields)
        if "template" not in self.fields:
            self.counts[bucket, values] += 1
            return
        self.waiting.append((bucket, values))
        self.messages.append(event.message)
        if len(self.waiting) >= _BATCH:
            self._settle()

    def takes_columns(self, question: Question) -> bool:
        """Tell whether nothing but the core of events is asked for, so that columns can be counted."""
        return not question.where and all(name in {*CORE, "template", "file"} for name in self.fields)

    def add_columns(self, columns: Columns, *, question: Question, file: str) -> None:
        """Count those of the events that fit the question, which has no `where`."""
        chosen = fitting(columns, question)
        at, messages = columns["at"], columns["message"]
        if chosen is not None:
            columns = {name: [values[number] for number in chosen] for name, values in columns.items()}
            at, messages = columns["at"], columns["message"]
        self.total += len(at)
        every = self.every
        buckets = [time - time % every for time in at] if every else [0] * len(at)
        constant = {"template": None, "file": file}
        values = zip(*(columns[name] if name in CORE else [constant[name]] * len(at) for name in self.fields), strict=True)
        groups = list(zip(buckets, values if self.fields else [()] * len(at), strict=True))
        if "template" not in self.fields:
            self.counts.update(groups)
            return
        self.waiting.extend(groups)
        self.messages.extend(messages)
        if len(self.waiting) >= _BATCH:
            self._settle()

    def add_groups(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take groups that were counted elsewhere: bucket, the fields but template, (message or None, template), events."""
        from bridge.logs.templates import template_of
        from bridge.text.mask import template_id

        place = self.fields.index("template") if "template" in self.fields else None
        for row in rows:
            bucket, *values, events = row
            if place is not None:
                *values, whole, template = values
                template = template.strip(" ") if whole is None else template_of(whole)
                identity = self.known.get(template) or self.known.setdefault(template, template_id(template))
                self.templates[identity] = template
                values.insert(place, identity)
            self.counts[bucket, tuple(values)] += events
            self.total += events

    def groups(self) -> list[tuple[Group, int]]:
        """Return the groups with their counts: by time, then the largest first."""
        self._settle()
        return sorted(self.counts.items(), key=lambda item: (item[0][0], -item[1], tuple(value or "" for value in item[0][1])))

    def _settle(self) -> None:
        """Give the waiting messages their templates."""
        if not self.waiting:
            return
        from bridge.logs.templates import Templates, alike_first

        made = Templates(texts=self.templates)
        place = self.fields.index("template")
        pairs = Counter(zip(self.waiting, alike_first(self.messages), strict=True))
        identities = made.assign([text for _, text in pairs])
        for (((bucket, values), _), count), identity in zip(pairs.items(), identities, strict=True):
            self.counts[bucket, (*values[:place], identity, *values[place + 1 :])] += count
        self.waiting.clear()
        self.messages.clear()

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


def fitting(columns: Columns, question: Question) -> list[int] | None:
    """Return the numbers of the events that fit a question without `where`; None: all of them."""
    tests: list[list[bool]] = []
    if question.start is not None or question.end is not None:
        start, end = question.start or 0, question.end if question.end is not None else 1 << 62
        tests.append([start <= at < end for at in columns["at"]])
    for name, wanted in (
        ("level", question.levels),
        ("service", question.services),
        ("account_id", question.accounts),
        ("trace_id", question.traces),
    ):
        if wanted:
            tests.append([value in wanted for value in columns[name]])
    tests.extend([text in message for message in columns["message"]] for text in question.grep)
    if not tests or all(map(all, tests)):
        return None
    return [number for number, fits in enumerate(zip(*tests, strict=True)) if all(fits)]
