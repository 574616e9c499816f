"""Mask the variable parts of a log message, so that messages of one kind get one text and one id.

Few passes of regular expressions in the dialect that Python's `re` (with ASCII) and RE2 share: no lookaround,
no backreference. So one definition runs here on one text, and in pyarrow over columns (`bridge.logs.miner`).

A word with a digit is variable: its leading parts of letters stay (`acct_0b1f9c` is `acct_<*>`, `worker17` is
`worker<*>`), the rest is the wildcard. UUIDs, addresses and dates, which also have parts without digits, come
first. Then neighbouring wildcards are merged (`2026-03-10T02:00:01.5Z`, `10.0.0.1:80` and `[1, 2, 3]` hold one).
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

ALGORITHM: Final = "mask-2026-11"
"""Templates of different ids are not compared."""
WILDCARD: Final = "<*>"

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?"
_ISO = rf"[0-9]{{4}}[/-][0-9]{{2}}[/-][0-9]{{2}}[ T]{_CLOCK}(?: ?(?:Z\b|UTC\b|[+-][0-9]{{2}}:?[0-9]{{2}}\b))?"
_HEX = r"[0-9a-fA-F]"
_VARIABLE: Final = "|".join(
    (
        rf"\b(?:{_DAY},? )?(?:{_MONTH} +[0-9]{{1,2}}|[0-9]{{1,2}}[ /-]{_MONTH})(?:[ /-][0-9]{{4}})?[ :]{_CLOCK}(?: [A-Z]{{3,4}}\b)?(?: [+-]?[0-9]{{4}}\b)?",
        rf"\b{_ISO}",
        rf"\b{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}\b",
        rf"\b(?:{_HEX}{{1,4}}:){{3,7}}(?::?{_HEX}{{1,4}})+\b",  # IPv6, MAC
        # A word: hex or mixed after parts of letters, or two letters and more before digits at its end.
        rf"\b((?:[A-Za-z]+_+)*)(?:{_HEX}*[0-9]{_HEX}*(?:_+[A-Za-z0-9_]*)?\b)",
        r"\b((?:[A-Za-z]+_+)*[A-Za-z]{2,})[0-9]+(?:_+[A-Za-z0-9_]*)?\b",
        r"\b((?:[A-Za-z]+_+)*)[A-Za-z]*[0-9][A-Za-z0-9_]*",
    )
)
PASSES: Final[tuple[tuple[str, str], ...]] = (
    (r"\b[A-Za-z0-9_.+-]+@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+", WILDCARD),
    (_VARIABLE, r"\1\2\3" + WILDCARD),
    (r"(^|[ =:(,\[_])[+/-]<\*>", r"\1" + WILDCARD),
    (r"<\*>(?:(?:, ?|::?|[./_=+-])<\*>)+", WILDCARD),
    # Names of hosts with a variable part: dsl-<*>.example.net
    (r"(?:\b[a-z][a-z.-]*)?<\*>(?:[a-z-]|<\*>)*(?:\.(?:[a-z-]|<\*>)+)+\.[a-z]{2,6}\b", WILDCARD),
    (r"[ \t\r\n\f\v]+", " "),
)
"""(pattern, replacement), applied in this order; then blanks at both ends are cut."""
_COMPILED: Final = tuple((re.compile(pattern, re.ASCII), replacement) for pattern, replacement in PASSES)
_MAYBE: Final = re.compile(r"[0-9:-]")


def mask(text: str) -> str:
    """Return the text with its variable parts as `<*>` and blanks unified."""
    people, variable, sign, run, hosts, blanks = _COMPILED
    if "@" in text:
        text = people[0].sub(people[1], text)
    if _MAYBE.search(text):
        text = variable[0].sub(variable[1], text)
    if WILDCARD in text:
        text = hosts[0].sub(hosts[1], run[0].sub(run[1], sign[0].sub(sign[1], text)))
    return blanks[0].sub(blanks[1], text).strip(" ")


def template_id(template: str) -> str:
    """Return the id of a template: 12 hex digits of the SHA-256 of its text, the same on every machine."""
    return hashlib.sha256(template.encode("utf-8", "replace")).hexdigest()[:12]
