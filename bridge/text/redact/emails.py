"""E-mail addresses: from each `@` (in an address of a page `%40`) outwards, so that no text costs more than its length."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from bridge.text.redact.kinds import EMAIL, Span

_LOCAL: Final = re.compile(r"[\w.%+'\u2019\-]{1,64}\Z|\"[^\"\n\0]{1,62}\"\Z")
_HOST: Final = re.compile(
    r"(?:[^\W_](?:[\w\-]{0,61}[^\W_])?\.){1,8}(?:[^\W\d_]{2,63}|xn--[a-z0-9\-]{2,59})|\[(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|IPv6:[0-9A-Fa-f:.]{2,45})\]"
)
_AT: Final = re.compile(r"@|%40")
_SCP: Final = frozenset({"git", "hg"})


def emails(text: str) -> Iterator[Span]:
    """Yield the addresses; `git@host:path` names a repository, not a person."""
    for mark in _AT.finditer(text):
        at = mark.start()
        local = _LOCAL.search(text, max(0, at - 64), at)
        host = _HOST.match(text, mark.end()) if local else None
        if local and host:
            start = local.start() + len(local[0]) - len(local[0].lstrip(".-'\u2019"))
            scp = text[start:at] in _SCP and text[host.end() : host.end() + 1] == ":"
            if start < at and not scp:
                yield Span(start=start, end=host.end(), kind=EMAIL)
