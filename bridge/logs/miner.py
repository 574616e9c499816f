"""From messages to templates: collapse, mask, mine the distinct texts, and join the ids back to every message.

The whole is a function of the set of messages (and of the templates that are known already): their order, their number
and the machine change nothing. Nearly all time goes into one pass of RE2 over the messages, in pyarrow; everything
after it works on the texts that are left distinct, some thousand of millions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bridge.logs.mining import mine
from bridge.logs.template_store import KnownTemplate, KnownTemplates
from bridge.logs.templates import exceptions_below
from bridge.logs.tokens import COLLAPSE, DATES, TYPED
from bridge.text.mask import PASSES, template_id

ALGORITHM: Final = "template-2026-11"
"""Ids of different algorithms are not compared."""
_LONGEST: Final = 2_000
_MEMBERS: Final = 32
"""Texts of a template that are kept for the next run."""
_RUN: Final = re.compile(r"<\*>(?:(?:, ?|::?|[./_=+-])?<\*>)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """Templates, and for each message (in the order of adding) the number of its template."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    lines: tuple[int, ...]
    """Messages of each template."""
    known: tuple[bool, ...]
    """Whether the template, or one that it grew out of, was known before."""
    numbers: Any
    """int32 numpy array, one entry a message."""
    templates: KnownTemplates
    """What is to be known next time."""

    def assigned(self) -> list[str]:
        """Return the template id of each message."""
        return [self.ids[number] for number in self.numbers.tolist()]


@dataclass(slots=True, kw_only=True)
class Miner:
    """Gathers messages batch by batch; holds one distinct collapsed text each and 4 bytes a message."""

    known: KnownTemplates = field(default_factory=lambda: KnownTemplates(algorithm=ALGORITHM))
    _numbers: dict[str, int] = field(default_factory=dict)
    _rows: list[Any] = field(default_factory=list)

    def add(self, messages: Sequence[str] | pa.Array) -> None:
        """Add messages; an array holds strings without nulls."""
        array = messages if isinstance(messages, pa.Array) else pa.array(messages, pa.string())
        if not len(array):
            return
        encoded = pc.replace_substring_regex(_first_lines(array), *COLLAPSE).dictionary_encode()
        numbers = self._numbers
        own = np.fromiter((numbers.setdefault(text, len(numbers)) for text in encoded.dictionary.to_pylist()), dtype=np.int32)
        self._rows.append(own[encoded.indices.to_numpy(zero_copy_only=False)])

    def finish(self) -> Mined:
        """Mine what was added; templates in the order of their frequency, then of their text."""
        rows = np.concatenate(self._rows) if self._rows else np.zeros(0, dtype=np.int32)
        masked = masks(self._numbers)
        counts = np.bincount(rows, minlength=len(masked))
        mined = mine(
            [*masked, *(text for entry in self.known.entries for text in entry.members)], [entry.members for entry in self.known.entries]
        )
        members: dict[str, set[str]] = {}
        lines: dict[str, int] = {}
        for text, template, count in zip(masked, mined, counts.tolist(), strict=False):
            members.setdefault(template, set()).add(text)
            lines[template] = lines.get(template, 0) + count
        remembered = self._remember(mined[len(masked) :], members)
        order = sorted(lines, key=lambda template: (-lines[template], template))
        # Two groups may read the same once neighbouring wildcards are merged: they are one template.
        texts = list(dict.fromkeys(_normal(template) for template in order))
        place = {text: number for number, text in enumerate(texts)}
        number_of = np.array([place[_normal(template)] for template in mined[: len(masked)]], dtype=np.int32)
        numbers = number_of[rows] if len(rows) else rows
        ids = tuple(template_id(text) for text in texts)
        old = self.known.current()
        return Mined(
            ids=ids,
            texts=tuple(texts),
            lines=tuple(np.bincount(numbers, minlength=len(texts)).tolist()) if texts else (),
            known=tuple(identity in old or any(alias in old for alias in remembered.aliases_of(identity)) for identity in ids),
            numbers=numbers,
            templates=remembered,
        )

    def _remember(self, templates: Sequence[str], members: dict[str, set[str]]) -> KnownTemplates:
        """Return all templates, known and new, each with its earlier ids as aliases."""
        aliases: dict[str, set[str]] = {}
        place = 0
        for entry in self.known.entries:
            for template in dict.fromkeys(templates[place : place + len(entry.members)]):
                aliases.setdefault(template, set()).update((entry.id, *entry.aliases))
                members.setdefault(template, set()).update(entry.members)
            place += len(entry.members)
        entries: dict[str, KnownTemplate] = {}
        for template, texts in sorted(members.items()):
            text = _normal(template)
            identity = template_id(text)
            same = entries.get(identity)
            earlier = aliases.get(template, set()) | set(same.aliases if same else ()) - {identity}
            kept = sorted(texts | set(same.members if same else ()))[:_MEMBERS]
            entries[identity] = KnownTemplate(id=identity, template=text, members=tuple(kept), aliases=tuple(sorted(earlier - {identity})))
        return KnownTemplates(algorithm=ALGORITHM, entries=tuple(entries[identity] for identity in sorted(entries)))


def mined(messages: Sequence[str] | pa.Array, known: KnownTemplates | None = None) -> Mined:
    """Mine the templates of messages that are in memory."""
    miner = Miner(known=known) if known else Miner()
    miner.add(messages)
    return miner.finish()


def masks(collapsed: Iterable[str]) -> list[str]:
    """Return collapsed texts with their variable parts as wildcards."""
    column = pa.array(list(collapsed), pa.string())
    for pattern, replacement in (*DATES, *PASSES, *TYPED):
        column = pc.replace_substring_regex(column, pattern, replacement)
    texts: list[str] = pc.utf8_trim(column, " ").to_pylist()
    return texts


def _first_lines(array: pa.Array) -> pa.Array:
    """Return the first line of each message, cut to a sane length, with the exceptions named below it."""
    if pc.any(pc.match_substring(array, "\n")).as_py():
        parts = [message.partition("\n") for message in array.to_pylist()]
        array = pa.array([f"{first}{exceptions_below(below)}" for first, _, below in parts], pa.string())
    if (pc.max(pc.binary_length(array)).as_py() or 0) > _LONGEST:
        array = pc.utf8_slice_codeunits(array, 0, _LONGEST)
    return array


def _normal(template: str) -> str:
    """Return a template with neighbouring wildcards as one and blanks unified: the text that ids are made of."""
    return " ".join(_RUN.sub("<*>", template).split())
