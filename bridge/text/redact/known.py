"""Exact values that are known to be personal: names, addresses and domains of the accounts and tickets involved.

A value is compared word by word, so that case, Unicode forms, umlauts in both spellings, invisible characters and
what stands between the words (blanks, line ends, a point, a hyphen) make no difference: `anna.mueller` is Anna Müller.
Cost: one look-up a word of the text, whatever the number of values.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from bridge.errors import InputError
from bridge.text.redact.kinds import ADDRESS, DOMAIN, EMAIL, KNOWN, LABELS, Span

_MARKS = "\u0300-\u036f\u00ad\u200b-\u200d\u2060\ufeff"
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
# Scripts without blanks between words: there each character is a word.
_WORD: Final = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}](?:[^\W_{_UNSPACED}]|[{_MARKS}])*")
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")
_SPELLED: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa", "œ": "oe"})
_GAP = 4
"""Characters between two words of a value, at most (or as many as in the value)."""
_OWNED = 4
"""Letters of a name that may have the s of possession without an apostrophe: `Annas`."""
LEAST = 2
"""Shorter values are letters, not names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One known value, ready to be found."""

    words: tuple[str, ...]
    head: str
    """What stands before the first word: `+`."""
    tail: str
    """What stands after the last one: the point of `Inc.`"""
    gap: int
    kind: str


Index = Mapping[str, tuple[Value, ...]]
"""Values by their first word, the longest first."""


@lru_cache(maxsize=65536)
def folded(word: str) -> str:
    """Return the form in which words are compared: `Müller`, `MUELLER` and a decomposed `Müller` are one."""
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", word)).casefold().translate(_SPELLED)
    return "".join(char for char in unicodedata.normalize("NFD", plain) if not unicodedata.combining(char))


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text in the form in which they are compared."""
    return tuple(folded(word) for word in _WORD.findall(text))


def index(values: Iterable[tuple[str, str]]) -> Index:
    """Return the index of (value, kind) pairs; values without a letter or digit, or with a single one, are left out."""
    found: dict[str, dict[tuple[str, ...], Value]] = {}
    for value, kind in values:
        parts = words(value)
        if sum(map(len, parts)) < LEAST:
            continue
        head, *gaps, tail = _WORD.split(value.strip())
        item = Value(words=parts, head=head, tail=tail, gap=max([_GAP, *map(len, gaps)]), kind=kind)
        found.setdefault(parts[0], {}).setdefault(parts, item)
    return {first: tuple(sorted(items.values(), key=lambda item: -len(item.words))) for first, items in found.items()}


def known(text: str, values: Index) -> Iterator[Span]:
    """Yield where the values stand, at each place the longest."""
    if not values:
        return
    tokens = [(found.start(), found.end(), folded(found[0])) for found in _WORD.finditer(text)]
    for at, (start, _, word) in enumerate(tokens):
        owned = word[:-1] if word.endswith("s") and len(word) > _OWNED else ""
        for value in (*values.get(word, ()), *(item for item in values.get(owned, ()) if len(item.words) == 1)):
            here = tokens[at : at + len(value.words)]
            if _same(here, value.words) and _together(text, here, value.gap):
                first, last = start - len(value.head), here[-1][1]
                first = first if first >= 0 and text[first:start] == value.head else start
                last += len(value.tail) if text.startswith(value.tail, last) else 0
                yield Span(start=first, end=last, kind=value.kind)
                break


def _same(found: list[tuple[int, int, str]], wanted: tuple[str, ...]) -> bool:
    """Tell whether these are the words; the last may have the s of possession."""
    return (
        len(found) == len(wanted)
        and all(item[2] == word for item, word in zip(found[:-1], wanted[:-1], strict=True))
        and (found[-1][2] in {wanted[-1], wanted[-1] + "s"} if len(wanted[-1]) >= _OWNED else found[-1][2] == wanted[-1])
    )


def _together(text: str, found: list[tuple[int, int, str]], gap: int) -> bool:
    """Tell whether little stands between the words, and no label."""
    between = [text[left[1] : right[0]] for left, right in pairwise(found)]
    return all(len(part) <= gap and "\0" not in part for part in between)


def read(text: str, *, where: str) -> list[tuple[str, str]]:
    """Read a file of known values: a value a line, or JSON lines `{"value", "type"}` (types as in spans), or a JSON list of either.

    InputError names the line. Lines that begin with # are comments.
    """
    if text.lstrip()[:1] == "[":
        try:
            return [_entry(item, where) for item in json.loads(text)]
        except json.JSONDecodeError as error:
            raise InputError("not a JSON list of known values", where=f"{where}:{error.lineno}", hint='["Anna Example", ...]') from error
    found: list[tuple[str, str]] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        item: object = line
        if line.startswith("{"):
            try:
                item = json.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(
                    "not a JSON object", where=f"{where}:{number}", hint='{"value": "Anna Example", "type": "PERSON"}'
                ) from error
        found.append(_entry(item, f"{where}:{number}"))
    return found


def _entry(item: object, where: str) -> tuple[str, str]:
    if isinstance(item, str):
        return item, kind_of(item)
    if isinstance(item, Mapping) and isinstance(item.get("value"), str):
        kind = item.get("type") or kind_of(item["value"])
        if kind not in LABELS:
            raise InputError(f"no type {kind!r}", where=where, hint=f"known: {', '.join(LABELS)}")
        return item["value"], str(kind)
    raise InputError(f"not a known value: {item!r}", where=where, hint='a text, or {"value": "Anna Example", "type": "PERSON"}')


def kind_of(value: str) -> str:
    """Return the kind of a value that nobody named: an e-mail address, a domain, a street with a number, or simply known."""
    text = value.strip()
    if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text):
        return EMAIL
    if re.fullmatch(r"(?:[\w-]+\.)+[A-Za-z]{2,}", text):
        return DOMAIN
    if re.search(r"\d", text) and re.search(r"[^\W\d_]{3}", text) and " " in text:
        return ADDRESS
    return KNOWN
