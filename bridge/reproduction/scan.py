"""The last look at an artefact before it is written: anything that looks like a secret keeps it from being written."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from bridge.errors import GateError, Problem

_KNOWN: Final = (
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")),
    ("a cloud access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a token of a code host", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|glpat-[A-Za-z0-9_-]{20,})")),
    ("a chat or payment token", re.compile(r"\b(?:xox[abprs]-[A-Za-z0-9-]{10,}|[rs]k_(?:live|test)_[A-Za-z0-9]{16,})")),
    ("a JSON web token", re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.")),
    # Our own stand-ins are no tokens: see capture.
    ("a bearer token", re.compile(r"\b(?:Bearer|Basic|Token) (?!cred-[0-9a-f]{24}\b)[A-Za-z0-9+/_.=-]{16,}")),
    ("credentials in an address", re.compile(r"\bhttps?://[^/\s:@\"']+:[^/\s@\"']+@")),
    (
        "a password",
        re.compile(
            r"[\"']?(?:password|passwd|pwd|secret|client_secret|api_?key)[\"']?\s*[:=]\s*[\"'](?!\$\{|\{\{|\")[^\"'\s]{4,}[\"']",
            re.IGNORECASE,
        ),
    ),
)
_WORD = re.compile(r"[A-Za-z0-9+/_=-]{24,}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_BITS = 4.2
"""Of entropy a character: random base64 has more, words, hex digests and paths have less."""
_SHORT = 6


def problems(name: str, text: str, known: tuple[str, ...] = ()) -> tuple[Problem, ...]:
    """Return what looks like a secret, with line; values are never shown. `known` are values that must not occur at all."""
    return tuple(_found(name, text, known))


def _found(name: str, text: str, known: tuple[str, ...]) -> Iterator[Problem]:
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"{name}:{number}"
        for what, pattern in _KNOWN:
            if pattern.search(line):
                yield Problem(message=f"looks like {what}", where=where)
        if any(value in line for value in known if len(value) >= _SHORT):
            yield Problem(message="a value of the target's identity", where=where)
        for match in _WORD.finditer(line):
            word = match[0]
            if not _UUID.search(word) and any(c.isdigit() for c in word) and _entropy(word) > _BITS and "/" not in word:
                yield Problem(message=f"{len(word)} characters that look random", where=where)


def _entropy(word: str) -> float:
    return -sum(count / len(word) * math.log2(count / len(word)) for count in Counter(word).values())


def require_clean(files: dict[str, str], known: tuple[str, ...] = ()) -> None:
    """Raise GateError with every suspicious place; then nothing is written."""
    found = [problem for name, text in files.items() for problem in problems(name, text, known)]
    if found:
        raise GateError(
            f"{len(found)} places of the artefacts look like secrets; nothing was written",
            hint="look at the places in the recording; a credential that was recorded should be revoked",
            problems=tuple(found[:20]),
        )
