"""What a store that keeps no columns could count itself, and what had to be read: on the way to counts and texts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from bridge.logs.counting import Counting
from bridge.logs.question import CORE, as_text, field_of
from bridge.logs.records import Event
from bridge.logs.remote import Texts, counted_from


@dataclass(slots=True, kw_only=True)
class Counted:
    """Groups, and events that have to be counted here; all of it fits the question."""

    groups: list[tuple[int, Event, bool, int]] = field(default_factory=list)
    """Start of the bucket in microseconds (0: none), an event like those of the group, whether its message is whole, events."""
    read: list[Event] = field(default_factory=list)
    cut: str = ""
    """What of it is missing; empty: nothing."""
    note: str = ""
    """How much was read, and why."""

    def into_counts(self, counting: Counting, name: str) -> list[str]:
        """Add it to the counts of a source; return what is missing, in words."""
        names = [field for field in counting.fields if field != "template"]
        for bucket, event, whole, events in self.groups:
            values = [name if field == "file" else _value(event, field) for field in names]
            text = ((event.message, "") if whole else (None, event.message)) if "template" in counting.fields else ()
            counting.add_groups([(bucket, *values, *text, events)])
        counted_from(self.read, counting, name)
        return self._problems(name)

    def into_texts(self, name: str) -> Texts:
        """Return the different messages and how many events have each."""
        texts = Texts(problems=self._problems(name))
        for _, event, whole, events in self.groups:
            place = texts.whole if whole else texts.collapsed
            place[event.message] = place.get(event.message, 0) + events
        for event in self.read:
            texts.whole[event.message] = texts.whole.get(event.message, 0) + 1
        return texts

    def _problems(self, name: str) -> list[str]:
        return [f"{name}: {self.cut}: the counts are too low; narrow the question"] if self.cut else []


def _value(event: Event, name: str) -> str | None:
    return as_text(getattr(event, name) if name in CORE else field_of(json.loads(event.attributes), name))
