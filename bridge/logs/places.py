r"""Which lines of a chunk certainly have an unwanted level, read at the place where all lines of one shape have it.

Services write the same keys in the same order, so behind `{"ts":"2026-03-10T02:00:01.250Z","level":"` the level stands at
the same place of every line. A sample of lines gives the shape: each byte in front of the level as it is, digits as a class
(0x30 to 0x3F). A line is passed over only when all these bytes fit and the level is one of the known unwanted words with
its closing quote. All others are decoded: another order of keys, `"error"`, `"\u0045RROR"`, a stack trace. Where a second
object on the line, or a second field of that name, may have the level, the wanted words are looked for too, as the sample
spells them: only such a one in another spelling is left out; `--whole` decodes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

_WORD: Final = 8
_MOST_SHAPES: Final = 3
_LONGEST: Final = 160
_MOST: Final = 0.02
"""A shape that fewer of the sampled lines have is not worth its test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The bytes of a line up to its level, as words of eight bytes."""

    place: int
    """Where the word of the level begins."""
    begins: tuple[tuple[int, int, int], ...]
    """(offset, mask, what the masked eight bytes are)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The shapes of a file's lines, and the levels nobody asked for."""

    shapes: tuple[Shape, ...]
    unwanted: tuple[tuple[int, int], ...]
    """(mask, masked eight bytes): a word and the quote behind it."""

    def passed(self, buffer: bytearray, length: int, starts: Any) -> Any:
        """Return for each line start whether its line certainly has an unwanted level."""
        words = np.ndarray((max(0, len(buffer) - _WORD + 1),), "<u8", buffer, 0, (1,))
        result = np.zeros(len(starts), np.bool_)
        left = starts
        for number, shape in enumerate(self.shapes):
            where = None if not number else np.flatnonzero(~result)
            left = starts if where is None else starts[where]
            if not len(left):
                break
            # The last lines of the buffer may be too short to be looked at; they are decoded.
            inside = int(np.searchsorted(left, min(length, len(buffer)) - shape.place - _WORD, side="right"))
            begins = left[:inside]
            found = words[begins + shape.place]
            fits = np.zeros(inside, np.bool_)
            for mask, value in self.unwanted:
                fits |= (found & np.uint64(mask)) == np.uint64(value)
            for offset, mask, value in shape.begins:
                fits &= (words[begins + offset] & np.uint64(mask)) == np.uint64(value)
            if where is None:
                result[:inside] = fits
            else:
                result[where[:inside]] = fits
        return result


def learned(lines: Sequence[tuple[bytes, bytes]], unwanted: Iterable[str]) -> Places | None:
    """Return the places that a sample shows; None: the level stands at no such place. `lines`: a raw line and what stands before its level."""
    heads: dict[int, list[bytes]] = {}
    for raw, glue in lines:
        place = raw.find(glue) + len(glue)
        if place < len(glue) or place > _LONGEST or not raw.startswith(b'{"') or raw[:place].count(b"{") != 1 or b"[" in raw[:place]:
            continue
        heads.setdefault(place, []).append(raw[:place])
    counts = Counter({place: len(found) for place, found in heads.items()})
    shapes = [
        shape
        for place, count in counts.most_common(_MOST_SHAPES)
        if count >= _MOST * len(lines) and place >= _WORD and (shape := _shape(heads[place])) is not None
    ]
    words = [_eight(word.encode() + b'"', b"\xff" * (len(word) + 1)) for word in unwanted if word.isascii() and 0 < len(word) < _WORD]
    return Places(shapes=tuple(shapes), unwanted=tuple(words)) if shapes and words else None


def _shape(heads: Sequence[bytes]) -> Shape | None:
    """Return the shape that all these beginnings of lines have."""
    masks, values = bytearray(), bytearray()
    for column in zip(*heads, strict=True):
        seen = set(column)
        if all(0x30 <= byte <= 0x3F for byte in seen):  # noqa: PLR2004 - digits and :;<=>? of ASCII, none of which ends a text
            masks.append(0xF0)
            values.append(0x30)
        elif len(seen) == 1:
            masks.append(0xFF)
            values.append(column[0])
        else:
            return None
    place = len(masks)
    offsets = [*range(0, place - _WORD + 1, _WORD)]
    if offsets[-1] != place - _WORD:
        offsets.append(place - _WORD)
    begins = tuple((offset, *_eight(bytes(values[offset : offset + _WORD]), bytes(masks[offset : offset + _WORD]))) for offset in offsets)
    return Shape(place=place, begins=begins)


def _eight(value: bytes, mask: bytes) -> tuple[int, int]:
    """Return (mask, value) of up to eight bytes as little-endian numbers."""
    return int.from_bytes(mask, "little"), int.from_bytes(value, "little")
