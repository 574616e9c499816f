"""How the lines of a level are found without decoding the others: what a sample shows, and the proof that a chunk is like it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.logs import raw
from bridge.logs.names import level_of, spellings, usual_names
from bridge.logs.options import SourceOptions
from bridge.logs.question import Needles
from bridge.logs.scan import Scanner

if TYPE_CHECKING:
    from bridge.logs.places import Places

_SPELLINGS: Final = (str.upper, str.lower, str.capitalize)
_UNCLEAR: Final = b"?"
_STATUS: Final = {"ERROR": b'" 5', "WARN": b'" 4'}
_USUAL: Final = ("DEBUG", "INFO", "WARN", "WARNING", "ERROR")
_ENDS: Final = {"json": b'"', "logfmt": b" "}


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelSearch:
    """How lines of the wanted levels are found in a file."""

    needles: Needles
    """Bytes that lines of these levels hold, as the sample spells them."""
    known: tuple[bytes, ...] = ()
    """Key, level and what ends it, for each level seen; empty: an access log, whose status stands in every line."""
    earlier: tuple[bytes, ...] = ()
    """Quoted names that would win over the level's."""
    places: Places | None = None
    """Where the level stands in lines of one shape: then each line is looked at, and the needles are not needed."""

    def proved(self, buffer: bytearray, length: int) -> bool:
        """Tell whether a chunk spells its levels as the sample does: as many known levels as lines, no name that would win."""
        if not self.known:
            return True
        if any(buffer.find(name, 0, length) >= 0 for name in self.earlier):
            return False
        lines = buffer.count(b"\n", 0, length) + (buffer[length - 1] != ord("\n"))
        return sum(buffer.count(word, 0, length) for word in self.known) == lines


def level_search(  # noqa: PLR0911 - each return is a reason to decode all
    probes: Sequence[raw.Probe], levels: frozenset[str], options: SourceOptions, scanner: Scanner
) -> LevelSearch | None:
    """Return how lines of these levels are found, as the sampled lines spell levels; None: decode all.

    The sample says which field holds the level, what stands before it, and in which case its words are; the words of a
    wanted level that the sample lacks are looked for in the same way.
    """
    form = scanner.form.name
    if options.message_patterns or "" in levels:
        return None
    if form == "nginx" and "level" not in options.fields:
        return LevelSearch(needles=tuple(_STATUS[level] for level in sorted(levels))) if levels <= set(_STATUS) else None
    if form not in _ENDS:
        return None  # no key stands before the level: what a sample spells proves nothing about the other lines
    spelled: set[str] = set()
    glues: set[bytes] = set()
    keys: set[str] = set()
    for probe in probes:
        key = _level_key(probe, scanner)
        if key is None:
            return None
        value = probe.record[key]
        if not isinstance(value, str) or not value.isalpha() or len(value) <= 1:
            return None
        spelled.add(value)
        keys.add(key)
        glues.add(_glue(probe.raw, key, value))
    if not spelled or len(glues) != 1 or _UNCLEAR in glues:
        return None
    glue, key = glues.pop(), keys.pop()
    wanted = {value for value in spelled if level_of(value) in levels}
    for level in levels - {level_of(value) for value in wanted}:
        words = spellings(level)
        wanted |= {change(word) for word in words for change in _SPELLINGS if all(value == change(value) for value in spelled)}
    if not wanted:
        return None
    usual = {change(word) for word in _USUAL for change in _SPELLINGS if all(value == change(value) for value in spelled)}
    names = options.fields["level"].names if "level" in options.fields else usual_names("level")
    earlier = [name for name in names[: names.index(key)] if "." not in name] if key in names else []
    return LevelSearch(
        # "ERR" is found where "ERROR" stands: one search less.
        needles=tuple(
            sorted(glue + value.encode() for value in wanted if not any(value != one and value.startswith(one) for one in wanted))
        ),
        known=tuple(sorted(glue + value.encode() + _ENDS[form] for value in spelled | wanted)),
        earlier=tuple(b'"%b"' % name.encode() if form == "json" else b" %b=" % name.encode() for name in earlier),
        places=_places(probes, glue, sorted({word for word in spelled | usual if level_of(word) not in levels}))
        if form == "json" and not earlier
        else None,
    )


def _places(probes: Sequence[raw.Probe], glue: bytes, unwanted: Sequence[str]) -> Places | None:
    from bridge.logs.places import learned

    return learned([(probe.raw, glue) for probe in probes], unwanted)


def _level_key(probe: raw.Probe, scanner: Scanner) -> str | None:
    plan = scanner.mapper.plans.get(tuple(probe.record), ())
    return next((key for part, key, _, _ in plan if part == "level" and key is not None), None)


def _glue(line: bytes, key: str, value: str) -> bytes:
    """Return what stands before the level's value in this line, from its key on."""
    found = re.search(re.escape(key.encode()) + rb'["=: ]{1,5}(?=' + re.escape(value.encode()) + rb"\b)", line)
    return found[0] if found else _UNCLEAR
