"""From text to the terms that are compared: words by their stem, identifiers whole and in their parts."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from bridge.text.similarity.stem import stem

BODY: Final = 3_000
"""Characters of a body that count. On real reports more gave nothing (`make eval-similar`), and pasted logs are long."""
GRAM: Final = 4
"""Characters of the pieces that titles are compared by."""
_LONGEST: Final = 64
_TOKEN: Final = re.compile(r"[^\W_]+(?:[_.\-/:$#]+[^\W_]+)*")
_PART: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+")
_LETTERS: Final = re.compile(r"\w+")
_STOP: Final = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "for",
        "if",
        "in",
        "into",
        "is",
        "it",
        "no",
        "not",
        "of",
        "on",
        "or",
        "such",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "will",
        "with",
        "i",
        "we",
        "you",
        "he",
        "she",
        "my",
        "our",
        "your",
        "have",
        "has",
        "had",
        "do",
        "does",
        "did",
        "can",
        "could",
        "would",
        "should",
        "when",
        "which",
        "from",
        "so",
        "what",
        "how",
        "were",
        "been",
        "am",
        "me",
        "its",
        "than",
        "also",
        "just",
        "about",
        "after",
        "before",
        "some",
        "any",
        "all",
        "more",
        "other",
        "out",
        "up",
        "over",
        "only",
        "very",
        "der",
        "die",
        "das",
        "und",
        "ist",
        "nicht",
        "ein",
        "eine",
        "zu",
        "mit",
        "den",
        "von",
        "im",
        "auf",
        "es",
        "sich",
        "bei",
        "ich",
        "wir",
        "sie",
        "wird",
    ]
)


def tokens(text: str) -> list[str]:
    """Return what stands between blanks and brackets: words, versions, paths, names of classes."""
    return _TOKEN.findall(text)


@lru_cache(maxsize=1 << 17)
def _part(part: str) -> str:
    return "" if part in _STOP else stem(part)


def terms(token: str) -> list[str]:
    """Return a token's terms: a word gives its stem; `TestArnResource#parse` gives `=testarnresource#parse` and its parts' stems."""
    parts = _PART.findall(token)
    if len(parts) == 1:
        found = _part(token.lower())
        return [found] if found else []
    stems = [_part(part.lower()) for part in parts if len(part) > 1]
    return [f"={token.lower()[:_LONGEST]}", *(found for found in stems if found)]


def written(token: str) -> list[str]:
    """Return how a token writes each of its `terms`, for people."""
    parts = _PART.findall(token)
    if len(parts) == 1:
        return [token] if _part(token.lower()) else []
    return [token, *(part for part in parts if len(part) > 1 and _part(part.lower()))]


def grams(title: str) -> list[str]:
    """Return the overlapping pieces of a title: they meet where words are inflected, joined or mistyped."""
    text = f" {' '.join(_LETTERS.findall(title.lower()))} "
    return [text[at : at + GRAM] for at in range(len(text) - GRAM + 1)]
