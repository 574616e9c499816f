"""Masked messages as tokens, and what each token looks like: a word, a value, or a value that stands where a word could.

Nothing here knows a product or a data set. A token is *soft* when its shape alone says that it is a value (a path, a
dotted name, an address, a word around a wildcard): two messages that differ in soft tokens only are of one kind.
Names of exceptions and dotted names of constants (`intent.action.SCREEN_ON`) are not soft: they are what happened.
"""

from __future__ import annotations

import re
from typing import Final

from bridge.text.mask import WILDCARD

_DELIMITERS = r"\s=,;:()\[\]{}\"'|<>"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"

DATES: Final = (
    (rf"\b(?:{_DAY},? )?(?:{_MONTH} +0|0[ /-]{_MONTH})\b(?:[ /-]0)?[ :]0:0:0(?:[.,]0)?(?: [A-Z]{{3,4}}\b)?(?: [+-]?0\b)?", WILDCARD),
    (r"\b0[/-]0[/-]0[ T]0:0(?::0(?:[.,]0)?)?(?: ?(?:Z\b|UTC\b|[+-]0(?::0)?))?", WILDCARD),
    (r"\b(?:[a-f]{0,8}0|[a-f]{8})(?:-(?:[a-f]{0,4}0|[a-f]{4})){3}-(?:[a-f]{0,12}0|[a-f]{12})\b", WILDCARD),
)
"""Dates and UUIDs as they look after `bridge.logs.collapse`: they hold parts that are no numbers."""
TYPED: Final = (
    (r"\b[a-z][a-z0-9+.-]*://(?:<\*>|[^\s\"',;)\]}<>])+", WILDCARD),
    (r"[A-Za-z0-9._~%<*>-]*/[A-Za-z0-9._~%<*>/-]*\?[^\s\"']*=[^\s\"']*", WILDCARD),  # a path and its query
    (r"\b[A-Za-z]:\\[^\s\"',;)\]}]*", WILDCARD),
    (r"(?:\b[A-Za-z0-9-]+\.)+[A-Za-z]{2,}:<\*>([\s,;)\]}]|$)", WILDCARD + r"\1"),  # a host and its port
    (r"::ffff:<\*>|<\*>(?::<\*>)+", WILDCARD),
    (r"<\*> ?(?:[KMGTP]i?)?B\b", WILDCARD),
    (r"<<\*> ?(?:sec|secs|ms|us|ns|s|min)\b", WILDCARD),
    (r"=[\w.]*[(\[{]<\*>[)\]}]([\s,;)\]}\"]|$)", "=" + WILDCARD + r"\1"),  # an object behind a key: ws=WorkSource{<*>}
)
"""What only makes sense as one value, though it holds delimiters."""

TOKEN: Final = re.compile(rf"\.{{3,}}|(?:<\*>|[^{_DELIMITERS}.]|\.(?!\.\.))+|.", re.DOTALL)
_DOTTED: Final = re.compile(r"\.?[\w$-]+(?:\.[\w$<*>-]+){2,}")
_CONSTANT: Final = re.compile(r"(?:Exception|Error|Throwable)\b|\.[A-Z][A-Z0-9_]+$")
_NUMBERED: Final = re.compile(r"[A-Za-z]+[_/]?<\*>")
"""A kind and its number: `blk_<*>`, `alt<*>`, `HTTP/<*>`; the kind is a word."""
_HEX: Final = re.compile(r"[a-f]{6,}")
_LONGEST_REPEAT: Final = 12
_LONGEST_QUOTE: Final = 5

Tokens = tuple[str, ...]


def tokens(masked: str) -> Tokens:
    """Split a masked text at its delimiters; joined they give the text again. Repeated parts that hold values are one."""
    return collapsed(_quoted(TOKEN.findall(masked)))


def _quoted(parts: list[str]) -> list[str]:
    """Put a few plain words between two double quotes together: they are one value."""
    if parts.count('"') < 2:  # noqa: PLR2004 - a pair
        return parts
    found: list[str] = []
    start = -1
    for part in parts:
        found.append(part)
        if part != '"':
            continue
        inside = found[start + 1 : -1] if start >= 0 else []
        if 1 < len(inside) <= _LONGEST_QUOTE and all(word == " " or word.isalpha() for word in inside):
            found[start + 1 : -1] = ["".join(inside)]
            start = -1
        else:
            start = len(found) - 1
    return found


def is_word(token: str) -> bool:
    """Tell whether a token is more than a delimiter or a wildcard."""
    return token != WILDCARD and (len(token) > 1 or token.isalnum())


def is_soft(token: str) -> bool:
    """Tell whether the shape of a token says that it is a value."""
    if WILDCARD in token:
        return _NUMBERED.fullmatch(token) is None
    if "/" in token:
        return len(token) > 1 and (token[0] in "./~" or token.count("/") > 1 or "." in token)
    if "\\" in token or "@" in token:
        return len(token) > 2  # noqa: PLR2004 - more than the sign alone
    if "." in token:
        return _DOTTED.fullmatch(token) is not None and _CONSTANT.search(token) is None
    return _HEX.fullmatch(token) is not None


def is_name(token: str) -> bool:
    """Tell whether a token has a dot or an at sign inside, as names of hosts, files and people do."""
    return any(sign in token[1:-1] for sign in ".@")


def skeleton(parts: Tokens) -> Tokens:
    """Return the tokens with soft ones as wildcards; a key (`name=`) stays."""
    last = len(parts) - 1
    return tuple(
        WILDCARD if len(part) > 1 and is_soft(part) and not (place < last and parts[place + 1] == "=") else part
        for place, part in enumerate(parts)
    )


def collapsed(parts: list[str]) -> Tokens:
    """Return the tokens with neighbouring repeats of a group that holds a value as one: lists of any length are one kind."""
    shapes = list(skeleton(tuple(parts)))
    found: list[str] = []
    place = 0
    while place < len(parts):
        size = _repeat(shapes, place)
        if not size:
            found.append(parts[place])
            place += 1
            continue
        group, values = shapes[place : place + size], parts[place : place + size]
        while shapes[place : place + size] == group:
            values = [one if one == two else WILDCARD for one, two in zip(values, parts[place : place + size], strict=True)]
            place += size
        found += values
    return tuple(found)


def _repeat(parts: list[str], place: int) -> int:
    """Return the length of the shortest group of tokens that stands here twice and holds a value; 0 where none does."""
    window = parts[place : place + _LONGEST_REPEAT]
    first_value = next((number for number, part in enumerate(window) if WILDCARD in part), None)
    if first_value is None:
        return 0
    for size in range(max(2, first_value + 1), _LONGEST_REPEAT + 1):
        if (
            place + size < len(parts)
            and parts[place + size] == parts[place]
            and parts[place : place + size] == parts[place + size : place + 2 * size]
        ):
            return size
    return 0
