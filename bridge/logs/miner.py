"""From messages to templates: collapse, mask, mine the distinct texts, and join the ids back to every message.

The whole is a function of the set of messages (and of the templates that are known already): their order, their number
and the machine change nothing. Nearly all time goes into the first pass over the messages (`bridge.logs.collapse`); everything
after it works on the texts that are left distinct, some thousand of millions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from bridge.logs.collapse import LONGEST, codes, collapse, string_array
from bridge.logs.mining import mine
from bridge.logs.template_store import KnownTemplate, KnownTemplates
from bridge.logs.tokens import DATES, TYPED, Tokens, skeleton, tokens
from bridge.text.mask import PASSES, template_id

ALGORITHM: Final = "template-2026-11-22"
"""Ids of different algorithms are not compared."""
_CHUNK: Final = 16_384
"""Messages that are collapsed at a time: few enough to stay in the processor's cache."""
_KEPT: Final = 30 << 20
_MEMBERS: Final = 32
"""Texts of a template that are kept for the next run, and those without which it would read otherwise."""
_FEW: Final = 1_500
"""Different texts up to which `re` masks them faster than RE2 does, whose import is spared."""
_FEW_BEFORE: Final = 8_000
"""The same before dates and UUIDs are masked: then most of the texts are equal."""
_ALL: Final = (*DATES, *PASSES, *TYPED, (r"^ +| +$", ""))
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
    """int32 numpy array, one entry a message; messages that were added with their counts have none."""
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
    _counted: list[tuple[Any, Any]] = field(default_factory=list)
    """(numbers of texts, how many messages each stands for)."""

    def add(self, messages: Sequence[str]) -> None:
        """Add messages."""
        numbers = self._numbers
        if not self._rows:
            # glibc learns from a big block that is freed to keep memory for the next one: without it each batch pays
            # for its pages anew, a fifth of all time. The block itself is never touched.
            np.empty(_KEPT, dtype=np.uint8)
        for start in range(0, len(messages), _CHUNK):
            texts, rows = collapse(messages[start : start + _CHUNK])
            own = np.fromiter((numbers.setdefault(text, len(numbers)) for text in texts), dtype=np.int32)
            self._rows.append(own[rows])

    def add_counted(self, messages: Mapping[str, int], *, collapsed: bool = False) -> None:
        """Add different messages and how often each was seen; `collapsed`: a store has done the first pass already."""
        if not messages:
            return
        texts, rows = ([text[:LONGEST] for text in messages], np.arange(len(messages))) if collapsed else collapse(list(messages))
        numbers = self._numbers
        own = np.fromiter((numbers.setdefault(text, len(numbers)) for text in texts), dtype=np.int32)
        self._counted.append((own[rows], np.fromiter(messages.values(), dtype=np.int64)))

    def add_collapsed(self, texts: Sequence[str]) -> None:
        """Add messages that `collapse` or `shrunk` has been over, one by one."""
        numbers = self._numbers
        self._rows.append(np.fromiter((numbers.setdefault(text[:LONGEST], len(numbers)) for text in texts), dtype=np.int32))

    def finish(self) -> Mined:
        """Mine what was added; templates in the order of their frequency, then of their text."""
        masked, text_of = masks(self._numbers)
        rows = text_of[np.concatenate(self._rows)] if self._rows else np.zeros(0, dtype=np.int32)
        total = np.bincount(rows, minlength=len(masked)).astype(np.int64)
        for own, times in self._counted:
            np.add.at(total, text_of[own], times)
        counts = total.tolist()
        old = [entry.members for entry in self.known.entries]
        found = mine([*masked, *(text for members in old for text in members)], old)
        members: dict[str, set[str]] = {}
        lines: dict[str, int] = {}
        for text, template, count in zip(masked, found, counts, strict=False):
            members.setdefault(template, set()).add(text)
            # Two groups may read the same once neighbouring wildcards are merged: they are one template.
            lines[_normal(template)] = lines.get(_normal(template), 0) + count
        remembered = self._remember(found[len(masked) :], members)
        texts = sorted(lines, key=lambda template: (-lines[template], template))
        place = {text: number for number, text in enumerate(texts)}
        number_of = np.array([place[_normal(template)] for template in found[: len(masked)]], dtype=np.int32)
        ids = tuple(template_id(text) for text in texts)
        before = self.known.current()
        aliases = remembered.aliases()
        return Mined(
            ids=ids,
            texts=tuple(texts),
            lines=tuple(lines[text] for text in texts),
            known=tuple(identity in before or any(alias in before for alias in aliases[identity]) for identity in ids),
            numbers=number_of[rows] if len(rows) else rows,
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
            kept = _kept(texts | set(same.members if same else ()))
            entries[identity] = KnownTemplate(id=identity, template=text, members=kept, aliases=tuple(sorted(earlier - {identity})))
        return KnownTemplates(algorithm=ALGORITHM, entries=tuple(entries[identity] for identity in sorted(entries)))


def mined(messages: Sequence[str], known: KnownTemplates | None = None) -> Mined:
    """Mine the templates of messages that are in memory."""
    miner = Miner(known=known) if known else Miner()
    miner.add(messages)
    return miner.finish()


def masks(collapsed: Iterable[str]) -> tuple[list[str], Any]:
    """Return the distinct masked texts of distinct collapsed ones, and for each of those the number of its text (numpy array).

    Each pass leaves fewer distinct texts for the next one: while they are few, `re` makes them faster than RE2, whose import is spared.
    """
    texts = [text.encode("utf-8", "replace").decode() for text in collapsed]
    rows: Any = np.arange(len(texts), dtype=np.int32)
    for place, (pattern, replacement) in enumerate(_ALL):
        if len(texts) > (_FEW_BEFORE if place < len(DATES) else _FEW):
            return _masks_of_many(texts, rows, _ALL[place:])
        # In RE2 a blank is no vertical tab, and the end is the text's own.
        compiled = re.compile(pattern.replace(r"\s", r" \t\n\f\r").replace("$", r"\Z"), re.ASCII)
        found = [compiled.sub(replacement, text) for text in texts]
        numbers = {text: number for number, text in enumerate(dict.fromkeys(found))}
        rows = np.fromiter((numbers[text] for text in found), dtype=np.int32, count=len(found))[rows]
        texts = list(numbers)
    return texts, rows


def _masks_of_many(texts: Sequence[str], rows: Any, passes: Sequence[tuple[str, str]]) -> tuple[list[str], Any]:
    import pyarrow.compute as pc

    column = string_array(texts)
    for pattern, replacement in passes:
        encoded = pc.replace_substring_regex(column, pattern, replacement).dictionary_encode()
        column, rows = encoded.dictionary, codes(encoded)[rows]
    return column.to_pylist(), rows


def _kept(texts: Iterable[str]) -> tuple[str, ...]:
    """Return texts that make the same template again: of each length those in which another place differs, then the first ones."""
    ordered = sorted(texts)
    if len(ordered) <= _MEMBERS:
        return tuple(ordered)
    first: dict[int, tuple[Tokens, Tokens]] = {}
    seen: set[tuple[int, int, int]] = set()
    needed: list[str] = []
    for text in ordered:
        parts = tokens(text)
        forms = (parts, skeleton(parts))
        other = first.setdefault(len(parts), forms)
        differs = {
            (len(parts), number, place)
            for number, (one, two) in enumerate(zip(forms, other, strict=True))
            for place, (mine_, theirs) in enumerate(zip(one, two, strict=True))
            if mine_ != theirs
        }
        if other is forms or not differs <= seen:
            seen |= differs
            needed.append(text)
    return tuple(sorted(dict.fromkeys([*needed, *ordered[: max(0, _MEMBERS - len(needed))]])))


def _normal(template: str) -> str:
    """Return a template with neighbouring wildcards as one and blanks unified: the text that ids are made of."""
    return " ".join(_RUN.sub("<*>", template).split())
