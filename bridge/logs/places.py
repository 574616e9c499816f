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
from functools import lru_cache
from typing import Any, Final

import numpy as np

_WORD: Final = 8
_ROOM: Final = 64
"""Bytes of a line that are looked at together: a multiple of it, so that eight answers make one word."""
_MOST_SHAPES: Final = 3
_LONGEST: Final = 160
_MOST: Final = 0.02
"""A shape that fewer of the sampled lines have is not worth its test."""
_ALL: Final = np.uint64(0x0101010101010101)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The bytes of a line up to its level."""

    place: int
    """Where the word of the level begins."""
    mask: bytes
    """As many bytes as are looked at; zeros from the level on."""
    value: bytes
    """What the masked bytes are."""

    def fits(self, buffer: bytearray, starts: Any) -> Any:
        """Return for each line start, all of whose bytes lie in the buffer, whether the line has this shape."""
        size = len(self.mask)
        lines = np.ndarray((len(buffer) - size + 1,), f"V{size}", buffer, 0, (1,))[starts].view("<u8")
        # One long row instead of a row a line: three times as fast.
        about = 1 << (len(starts) - 1).bit_length()
        lines &= _repeated(self.mask, about)[: len(lines)]
        same = (lines == _repeated(self.value, about)[: len(lines)]).view("<u8").reshape(len(starts), -1)
        result = same[:, 0] == _ALL
        for column in range(1, same.shape[1]):
            result &= same[:, column] == _ALL
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The shapes of a file's lines, and the levels nobody asked for."""

    shapes: tuple[Shape, ...]
    unwanted: tuple[tuple[int, int], ...]
    """(mask, masked eight bytes): a word and the quote behind it."""

    def passed(self, buffer: bytearray, length: int, starts: Any) -> Any:
        """Return for each line start whether its line certainly has an unwanted level."""
        result = np.zeros(len(starts), np.bool_)
        where: Any = None
        for shape in self.shapes:
            where = slice(None) if where is None else np.flatnonzero(~result)
            left = starts[where]
            # The last lines of the buffer may be too short to be looked at; they are decoded.
            last = min(length - shape.place - _WORD, len(buffer) - len(shape.mask))
            begins = left[: int(np.searchsorted(left, last, side="right"))]
            if not len(begins):
                break
            found = np.ndarray((len(buffer) - _WORD + 1,), "<u8", buffer, 0, (1,))[begins + shape.place]
            fits = np.zeros(len(begins), np.bool_)
            for mask, value in self.unwanted:
                fits |= (found & np.uint64(mask)) == np.uint64(value)
            fits &= shape.fits(buffer, begins)
            if isinstance(where, slice):
                result[: len(begins)] = fits
            else:
                result[where[: len(begins)]] = fits
        return result


@dataclass(slots=True)
class Marks:
    """Finds a byte in chunks, in steps of eight: most words hold none. The room is used again: new memory costs more than the looking."""

    hits: Any = None
    words: Any = None
    blocks: Any = None

    def of(self, data: Any, byte: int) -> Any:
        """Return the places of a byte, in order."""
        size = -(-len(data) // _ROOM) * _ROOM
        if self.hits is None or len(self.hits) < size:
            self.hits, self.words, self.blocks = (np.empty(size // step, np.bool_) for step in (1, _WORD, _ROOM))
        hits, words, blocks = self.hits[:size], self.words[: size // _WORD], self.blocks[: size // _ROOM]
        np.equal(data, byte, out=hits[: len(data)])
        hits[len(data) :] = False
        np.not_equal(hits.view(np.uint64), 0, out=words)
        np.not_equal(words.view(np.uint64), 0, out=blocks)
        return _inside(_inside(blocks.nonzero()[0], words), hits)


def _inside(where: Any, marks: Any) -> Any:
    """Return the places of the marks in these words of eight."""
    found = marks.view(np.uint64)[where].view(np.bool_).nonzero()[0]
    return (where[found >> 3] << 3) + (found & 7)


@lru_cache(maxsize=32)
def _repeated(pattern: bytes, count: int) -> Any:
    return np.tile(np.frombuffer(pattern, "<u8"), count)


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
    rest = bytes(-place % _ROOM)
    return Shape(place=place, mask=bytes(masks) + rest, value=bytes(values) + rest)


def _eight(value: bytes, mask: bytes) -> tuple[int, int]:
    """Return (mask, value) of up to eight bytes as little-endian numbers."""
    return int.from_bytes(mask, "little"), int.from_bytes(value, "little")
