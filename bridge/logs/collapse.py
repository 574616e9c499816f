"""The first pass over every message: numbers and hexadecimal words shrink to `0`, so that few texts are left distinct.

A digit and what follows it of digits and small hex letters (at most 16 letters in a row) becomes `0`:
`job 17 took 0x1fcms` is `job 0 took 0x0ms`, `acc_46cd618b83` is `acc_0`. Done with numpy over the bytes of some ten
thousand messages at a time, which stay in the processor's cache: twice as fast as RE2's replacement row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bridge.logs.templates import exceptions_below

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST: Final = 2_000
"""Characters of a collapsed text that count."""
_MOST: Final = 1 << 30
_CUT: Final = 64 * 1024
"""Characters of a message that are looked at where messages are so long that a batch would not fit 32-bit offsets."""
_LETTERS: Final = 16
_NEWLINE: Final = 10
_CLASSES: Final = bytes(2 if chr(byte) in "0123456789" else 1 if chr(byte) in "abcdef" else 0 for byte in range(256))
_DIGIT: Final = 2
_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")


def collapse(messages: Sequence[str]) -> tuple[list[str], Any]:
    """Return collapsed texts, few of them equal, and for each message the number of its text (int32 numpy array).

    Of a message with several lines the first one counts, and the classes of exceptions named below it.
    """
    import pyarrow as pa

    left = _shrunk(messages)
    offsets = np.zeros(len(messages) + 1, dtype=np.int32)
    offsets[1:] = np.flatnonzero(np.frombuffer(left, np.uint8) == _NEWLINE) + 1
    array = pa.Array.from_buffers(pa.binary(), len(messages), [None, pa.py_buffer(offsets), pa.py_buffer(left)])
    encoded = array.dictionary_encode()
    return [text[:-1].decode("utf-8", "replace")[:LONGEST] for text in encoded.dictionary.to_pylist()], codes(encoded)


def shrunk(messages: Sequence[str]) -> list[str]:
    """Return the collapsed text of each message, as `collapse` does, without Arrow: its import costs more than some ten thousand messages."""
    return [text[:LONGEST] for text in _shrunk(messages).decode("utf-8", "replace").split("\n")[:-1]]


def string_array(texts: Sequence[str]) -> pa.Array:
    """Return texts as an Arrow array; `pa.array` would import pandas first, where it is installed."""
    import pyarrow as pa

    encoded = [text.encode("utf-8", "replace") for text in texts]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int32)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return pa.Array.from_buffers(pa.string(), len(encoded), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))])


def codes(encoded: pa.DictionaryArray) -> Any:
    """Return the indices of a freshly encoded array (no nulls, no offset); its `to_numpy` would import pandas."""
    return np.frombuffer(encoded.indices.buffers()[1], np.int32, count=len(encoded))


def _shrunk(messages: Sequence[str]) -> bytes:
    """Return the collapsed messages, a line each."""
    texts = _joined(messages)
    marked = _values(texts)
    keep = ~marked
    keep[1:] |= ~marked[:-1]  # the first byte of each value stays
    keep[:1] = True
    left: bytes = np.frombuffer(texts, np.uint8)[keep].tobytes()
    return left.translate(_ZEROS)


def _joined(messages: Sequence[str]) -> bytes:
    """Return the messages as one text, a line each; several lines of one message are cut to the first."""
    texts = ("\n".join(messages) + "\n" if messages else "").encode("utf-8", "replace")
    if texts.count(b"\n") == len(messages) and len(texts) < _MOST:
        return texts
    parts = [message.partition("\n") for message in messages]
    return "".join([f"{first[:_CUT]}{exceptions_below(below)}\n" for first, _, below in parts]).encode("utf-8", "replace")


def _values(texts: bytes) -> Any:
    """Return for each byte whether it belongs to a value."""
    classes = np.frombuffer(texts.translate(_CLASSES), np.uint8)
    marked = classes == _DIGIT
    letters = classes == 1
    following = np.flatnonzero(marked[:-1] & letters[1:]) + 1
    for _ in range(_LETTERS):
        marked[following] = True
        following = following + 1  # the last byte is a newline: never a letter
        following = following[letters[following]]
        if not len(following):
            break
    return marked
