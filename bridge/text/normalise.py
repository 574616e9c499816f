"""Words of customers made comparable: NFKC, case, umlauts in both spellings, punctuation."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa", "œ": "oe"})
_LIMIT = 100_000
"""Characters of one text that are looked at: a ticket with a pasted log file must not cost seconds."""


def plain(text: str) -> str:
    """Return the text in NFKC, casefolded, without format and control characters (zero-width joiners, soft hyphens)."""
    folded = unicodedata.normalize("NFKC", text[:_LIMIT]).casefold()
    folded = unicodedata.normalize("NFKC", folded)
    return "".join(" " if c in "\n\r\t" else c for c in folded if c in "\n\r\t" or unicodedata.category(c) not in {"Cf", "Cc"})


@lru_cache(maxsize=8192)
def spellings(word: str) -> tuple[str, ...]:
    """Return the ways one plain word is written: `größe` gives `groesse`, `grosse`; an ASCII word gives itself."""
    if word.isascii():
        return (word,)
    spelled = _without_marks(word.translate(_SPELLED_OUT))
    bare = _without_marks(word.replace("ß", "ss").replace("ø", "o").replace("æ", "ae").replace("œ", "oe"))
    return (spelled,) if spelled == bare else (spelled, bare)


def words(text: str) -> list[str]:
    """Return the plain words (letters and digits) of a text in order; apostrophes and hyphens separate."""
    return _WORD.findall(unicodedata.normalize("NFC", plain(text)))


def _without_marks(word: str) -> str:
    decomposed = unicodedata.normalize("NFD", word)
    return "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
