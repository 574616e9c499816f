"""Mask the variable parts of a log message, so that messages of one kind get one text and one id.

One combined alternation, most specific first, then neighbouring wildcards are merged.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

ALGORITHM: Final = "mask-2026-11"
"""Templates of different ids are not compared."""
WILDCARD: Final = "<*>"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?"

_PARTS: Final = (
    rf"\d{{4}}[-/]\d{{2}}[-/]\d{{2}}(?:[T ]{_CLOCK}(?:\s?(?:Z\b|[+-]\d{{2}}:?\d{{2}}\b))?)?",  # times and dates
    rf"\d{{1,2}}/{_MONTH}/\d{{4}}(?::{_CLOCK})?(?: [+-]\d{{4}})?",
    rf"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:{_MONTH} +\d{{1,2}}|\d{{1,2}} {_MONTH})(?: \d{{4}})? {_CLOCK}(?: [A-Z]{{3,4}}\b)?(?: \d{{4}}\b)?",
    _CLOCK,
    r"(?<![\w-])[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}(?![\w-])",
    r"(?<![\w.])/?\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5}|/\d{1,2})?(?![\w.])",  # IP, with port or prefix length
    r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){2,7}(?::?[0-9a-fA-F]{1,4})+(?![\w:])",  # IPv6, MAC
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",  # addresses of people
    r"\b0[xX][0-9a-fA-F]+\b",
    r"(?<![A-Za-z0-9])(?=[a-fA-F]*\d)[0-9a-fA-F]{8,}(?![A-Za-z0-9])",  # hashes, keys
    r"(?<![A-Za-z0-9])(?=[A-Za-z]*\d)[A-Za-z0-9]{12,}(?![A-Za-z0-9])",  # other long ids
    r"(?<![A-Za-z0-9.])[-+]?\d+(?:[.,]\d+)*(?:%|(?:ns|us|ms|s|sec|m|min|h|[kKMGT]i?B?|bytes|B|x)\b)?(?![A-Za-z0-9])",  # numbers, units
    r"(?<=[A-Za-z_])\d+(?![A-Za-z0-9])",  # user17, step_3
    r"(?<![A-Za-z0-9])(?=[A-Za-z]{0,6}\d)(?=\d*[A-Za-z])[A-Za-z0-9]{5,}(?![A-Za-z0-9])",  # short ids: a81f3, 3f9ab
    r"\d+",
)
_VARIABLE: Final = re.compile("|".join(f"(?:{part})" for part in _PARTS))
_RUN: Final = re.compile(r"<\*>(?:[.,:/_=-]?<\*>)+")
_BLANKS: Final = re.compile(r"\s+")
_QUOTED_ID: Final = re.compile(r"(['\"])[^'\"\s]*<\*>[^'\"\s]*\1")


def mask(text: str) -> str:
    """Return the text with its variable parts as `<*>` and blanks unified."""
    masked = _VARIABLE.sub(WILDCARD, text) if _has_digit(text) else text
    if WILDCARD in masked:
        masked = _RUN.sub(WILDCARD, masked)
        masked = _QUOTED_ID.sub(r"\1<*>\1", masked)
    return _BLANKS.sub(" ", masked).strip()


def template_id(template: str) -> str:
    """Return the id of a template: 12 hex digits of the SHA-256 of its text, the same on every machine."""
    return hashlib.sha256(template.encode("utf-8", "replace")).hexdigest()[:12]


def _has_digit(text: str) -> bool:
    return any(digit in text for digit in "0123456789") or "@" in text
