"""Counts of events by time and fields, gathered while files are read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bridge.logs.question import CORE, Question, as_text, field_of
from bridge.logs.records import Event

if TYPE_CHECKING:
    from bridge.logs.columns import Columns
    from bridge.logs.template_store import KnownTemplates

_BATCH: Final = 50_000
"""Messages kept until their values are shrunk: that runs over all of them at once."""

Group = tuple[int, tuple[str | None, ...]]
"""Start of the bucket in microseconds (0 without buckets), and the values of the fields."""


@dataclass(slots=True, kw_only=True)
class Counting:
    """Groups and how many events each has."""

    fields: tuple[str, ...]
    every: int | None = None
    """Length of a bucket in microseconds; buckets begin at multiples of it since 1970, UTC."""
    known: KnownTemplates | None = None
    """Templates of earlier runs."""
    counts: Counter[Group] = field(default_factory=Counter)
    texts: Counter[tuple[Group, str]] = field(default_factory=Counter)
    """Groups by template, which has no value yet, and the texts that are left of their messages."""
    waiting: list[Group] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    """Those of the waiting groups."""
    templates: dict[str, str] = field(default_factory=dict)
    """template_id to template of what was counted by template; there once the groups are asked for."""
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """template_id to the ids that the template had before."""
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
            self.settle()

    def takes_columns(self, question: Question) -> bool:
        """Tell whether nothing but the core of events is asked for, so that columns can be counted."""
        return not question.where and all(name in {*CORE, "template", "file"} for name in self.fields)

    def add_columns(self, columns: Columns, *, question: Question, file: str) -> None:
        """Count those of the events that fit the question, which has no `where`."""
        chosen = fitting(columns, question)
        if chosen is not None:
            columns = {name: [values[number] for number in chosen] for name, values in columns.items()}
        at = columns["at"]
        self.total += len(at)
        every = self.every
        buckets = [time - time % every for time in at] if every else [0] * len(at)
        constant = {"template": None, "file": file}
        if constant.keys() >= set(self.fields):  # few different groups: each is made once
            made = {bucket: (bucket, tuple(constant[name] for name in self.fields)) for bucket in set(buckets)}
            groups: list[Group] = [made[bucket] for bucket in buckets]
        else:
            values = zip(*(columns[name] if name in CORE else [constant[name]] * len(at) for name in self.fields), strict=True)
            groups = list(zip(buckets, values, strict=True))
        if "template" not in self.fields:
            self.counts.update(groups)
            return
        self.waiting.extend(groups)
        self.messages.extend(columns["message"])
        if len(self.waiting) >= _BATCH:
            self.settle()

    def add_groups(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take groups that were counted elsewhere: bucket, the fields but template, (message or None, its shrunk text), events."""
        from bridge.logs.collapse import LONGEST, shrunk

        place = self.fields.index("template") if "template" in self.fields else None
        for row in rows:
            bucket, *values, events = row
            self.total += events
            if place is None:
                self.counts[bucket, tuple(values)] += events
                continue
            *values, whole, text = values
            values.insert(place, None)
            self.texts[(bucket, tuple(values)), (text or "")[:LONGEST] if whole is None else shrunk([whole])[0]] += events

    def fresh(self) -> Counting:
        """Return one for the same question that has counted nothing yet."""
        return Counting(fields=self.fields, every=self.every)

    def absorb(self, other: Counting) -> None:
        """Add what another one has counted for the same question."""
        other.settle()
        self.counts.update(other.counts)
        self.texts.update(other.texts)
        self.total += other.total

    def groups(self) -> list[tuple[Group, int]]:
        """Return the groups with their counts: by time, then the largest first. Templates are those of all that was counted."""
        self.settle()
        counts = self._by_template() if self.texts else self.counts
        return sorted(counts.items(), key=lambda item: (item[0][0], -item[1], tuple(value or "" for value in item[0][1])))

    def settle(self) -> None:
        """Shrink the waiting messages to the few texts that are different."""
        if not self.waiting:
            return
        from bridge.logs.collapse import shrunk

        texts = shrunk(self.messages)
        short = {text: without_ids(text) for text in set(texts)}
        self.texts.update(zip(self.waiting, map(short.__getitem__, texts), strict=True))
        self.waiting.clear()
        self.messages.clear()

    def _by_template(self) -> Counter[Group]:
        from bridge.logs.miner import Miner

        miner = Miner() if self.known is None else Miner(known=self.known)
        miner.add_collapsed([text for _, text in self.texts])
        found = miner.finish()
        self.templates = dict(zip(found.ids, found.texts, strict=True))
        earlier = found.templates.aliases()
        self.aliases = {identity: earlier[identity] for identity in found.ids if earlier[identity]}
        place = self.fields.index("template")
        counts: Counter[Group] = Counter()
        for (((bucket, values), _), events), identity in zip(self.texts.items(), found.assigned(), strict=True):
            counts[bucket, (*values[:place], identity, *values[place + 1 :])] += events
        return counts

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


def without_ids(text: str) -> str:
    """Return a shrunk text with its UUIDs masked: their letters leave many texts different, and each would be kept for every group.

    Its template stays: it is the mask that comes next anyway, where no date stands that could take a part of a UUID first.
    """
    if "-" not in text or "0:0" in text:
        return text
    from bridge.logs.tokens import UUID

    return _compiled(UUID[0]).sub(UUID[1], text)


@lru_cache(maxsize=1)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


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
