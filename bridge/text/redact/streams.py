"""Long texts in pieces of about a megabyte, cut where no detector looks across."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, Final

from bridge.text.redact.redactor import Redactor

_PIECE: Final = 1 << 20
_MOST: Final = 1 << 24
"""A piece without a line end is cut here."""


def redacted(source: BinaryIO, redactor: Redactor, counts: Counter[str]) -> Iterator[bytes]:
    """Yield the redacted bytes of `source`; bytes that are no UTF-8 come out as they went in."""
    rest = b""
    while block := source.read(_PIECE):
        rest += block
        at = _cut(rest)
        if at:
            yield _done(rest[:at], redactor, counts)
            rest = rest[at:]
    if rest:
        yield _done(rest, redactor, counts)


def _cut(data: bytes) -> int:
    """Return where to cut: after the last blank line, else the last line; a private key that has begun is not cut."""
    key = data.rfind(b"-----BEGIN ")
    limit = key if key > data.rfind(b"-----END ") and len(data) < _MOST else len(data)
    at = data.rfind(b"\n\n", 0, limit)
    if at >= 0:
        return at + 2
    at = data.rfind(b"\n", 0, limit)
    return at + 1 if at >= 0 and len(data) > _PIECE // 2 else (len(data) if len(data) >= _MOST else 0)


def _done(data: bytes, redactor: Redactor, counts: Counter[str]) -> bytes:
    return redactor.redact(data.decode("utf-8", "surrogateescape"), counts).encode("utf-8", "surrogateescape")
