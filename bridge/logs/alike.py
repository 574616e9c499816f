"""Texts that get the same mask are made equal before they are masked: few are left, and the mask is not changed.

Only what provably makes no difference to `bridge.text.mask.mask` is touched. A run of letters, digits, `_` and `.` is free
when blanks, quotes or brackets (none of `-`, `/`, `@`; `:` and `,` only before a blank) stand on both sides: it is part of no date, clock, address
or host, so a pattern matches from the beginning of one of its words, and knows digits as a class. In a free run
- every digit becomes `0`,
- a last word, or last part behind `_`, of digits and small hexadecimal letters, a digit among them and more than five
  characters long, becomes `00000`.
A UUID that stands free, or between `/` and `.`, becomes one UUID. A text in which a word begins with `_` is left as it is:
the patterns leave such a word's digits. The law `mask(alike(text)) == mask(text)` is tested on made-up texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

_DIGIT: Final = 1
_HEX: Final = 2
_OTHER: Final = 4
_UNDERSCORE: Final = 8
_DOT: Final = 16
_FREE: Final = 32
_TIED: Final = 64
_MARK: Final = 128
"""`:` and `,`: free before something free, else tied."""
_WORD: Final = _UNDERSCORE
"""Classes below are letters and digits."""
_LEFT: Final = 5
_UUID: Final = (8, 4, 4, 4, 12)
_ONE: Final = b"00000000-0000-0000-0000-000000000000"
_MOST: Final = 1 << 30


def _class_of(byte: int) -> int:
    letter = chr(byte)
    if letter in "0123456789":
        return _DIGIT
    if letter in "abcdef":
        return _HEX
    if letter in "_.":
        return _UNDERSCORE if letter == "_" else _DOT
    if letter in " \"'();<>{}\n":
        return _FREE
    if letter in ":,":
        return _MARK
    return _OTHER if byte < 128 and letter.isalpha() else _TIED  # noqa: PLR2004 - ASCII


_CLASSES: Final = bytes(map(_class_of, range(256)))


def alike(texts: Sequence[str]) -> list[str]:
    """Return a text for each text, in order: its mask is that of the given one. Where one has several lines, all are returned as they are."""
    joined = "\n".join(texts)
    if not texts or joined.count("\n") != len(texts) - 1 or len(joined) >= _MOST:
        return list(texts)
    try:
        data = joined.encode() + b"\n"
    except UnicodeEncodeError:
        return list(texts)
    classes = np.frombuffer(data.translate(_CLASSES), np.uint8).copy()
    marks = np.flatnonzero(classes == _MARK)
    classes[marks] = np.where(classes[np.minimum(marks + 1, len(data) - 1)] == _FREE, _FREE, _TIED)
    result = _shortened(np.frombuffer(data, np.uint8).copy(), classes).decode().split("\n")[:-1]
    for number in _leading(data, classes):
        result[number] = texts[number]
    return result


def _leading(data: bytes, classes: Any) -> list[int]:
    """Return the numbers of the lines in which a word begins with `_`."""
    under = np.flatnonzero(classes == _UNDERSCORE)
    before = np.where(under > 0, classes[under - 1], _FREE)
    tainted = under[before >= _DOT]
    if not len(tainted):
        return []
    breaks = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    return sorted(set(np.searchsorted(breaks, tainted).tolist()))


def _runs(inside: Any) -> tuple[Any, Any]:
    """Return where the runs of True begin and end; the last one is False."""
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    if inside[0]:
        edges = np.concatenate((np.zeros(1, edges.dtype), edges))
    return edges[::2], edges[1::2]


def _shortened(text: Any, classes: Any) -> bytes:
    keep = np.ones(len(text), np.int8)
    heads = _uuids(text, classes)
    begins, ends = _runs(classes <= _DOT)
    if len(begins):
        free = ((begins == 0) | (classes[begins - 1] == _FREE)) & (classes[ends] == _FREE)
        begins, ends = begins[free], ends[free]
        inside = _filled(len(text), begins, ends)
        text[inside & (classes == _DIGIT)] = ord("0")
        _shorten_tails(text, classes, inside, keep)
    if len(heads):
        text[heads[:, None] + np.arange(len(_ONE))] = np.frombuffer(_ONE, np.uint8)
    return bytes(text[keep.view(np.bool_)].tobytes())


def _filled(length: int, begins: Any, ends: Any) -> Any:
    """Return for each byte whether it lies in one of the stretches [begin, end), which don't touch."""
    steps = np.zeros(length, np.int8)
    steps[begins] = 1
    steps[ends] = -1
    return np.cumsum(steps, dtype=np.int8).view(np.bool_)


def _shorten_tails(text: Any, classes: Any, inside: Any, keep: Any) -> None:
    """Cut the hexadecimal words that end free runs."""
    words, word_ends = _runs(inside & (classes < _WORD))
    if not len(words):
        return
    kinds = np.bitwise_or.reduceat(classes, np.column_stack((words, word_ends)).ravel())[::2]
    final = classes[word_ends] == _FREE
    chosen = final & ((kinds & _OTHER) == 0) & ((kinds & _DIGIT) > 0) & (word_ends - words > _LEFT)
    first, last = words[chosen], word_ends[chosen]
    for place in range(_LEFT):
        text[first + place] = ord("0")
    keep[_filled(len(text), first + _LEFT, last)] = 0


def _uuids(text: Any, classes: Any) -> Any:
    """Return where UUIDs begin that stand free, or behind `/` or before `.`."""
    dashes = np.flatnonzero(text == ord("-"))
    count = len(dashes) - len(_UUID) + 2
    if count <= 0:
        return dashes[:0]
    fits = np.ones(count, np.bool_)
    for number, length in enumerate(_UUID[1:-1]):
        fits &= dashes[number + 1 : number + 1 + count] - dashes[number : number + count] == length + 1
    heads = dashes[:count][fits] - _UUID[0]
    heads = heads[(heads >= 0) & (heads + len(_ONE) < len(text))]
    if not len(heads):
        return heads
    body = classes[heads[:, None] + np.arange(len(_ONE))]
    pure = ((body <= (_DIGIT | _HEX)) | (np.frombuffer(_ONE, np.uint8) == ord("-"))).all(axis=1)
    before = (heads == 0) | (classes[heads - 1] == _FREE) | (text[heads - 1] == ord("/"))
    after = classes[heads + len(_ONE)]
    return heads[pure & before & ((after == _FREE) | (after == _DOT))]
