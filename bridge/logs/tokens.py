"""Masked messages as tokens, and what each token looks like: a word, a value, or a value that stands where a word could.

Nothing here knows a product or a data set. A token is *soft* when its shape alone says that it is a value (a path, a
dotted name, an address, a word around a wildcard): two messages that differ in soft tokens only are of one kind.
Names of exceptions and dotted names of constants (`intent.action.SCREEN_ON`) are not soft: they are what happened.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from bridge.text.mask import WILDCARD

_DELIMITERS = r"\s=,;:()\[\]{}\"'|<>"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"

UUID: Final = (r"\b(?:[a-f]{0,8}0|[a-f]{8})(?:-(?:[a-f]{0,4}0|[a-f]{4})){3}-(?:[a-f]{0,12}0|[a-f]{12})\b", WILDCARD)
DATES: Final = (
    (rf"\b(?:{_DAY},? )?(?:{_MONTH} +0|0[ /-]{_MONTH})\b(?:[ /-]0)?[ :]0:0:0(?:[.,]0)?(?: [A-Z]{{3,4}}\b)?(?: [+-]?0\b)?", WILDCARD),
    (r"\b0[/-]0[/-]0[ T]0:0(?::0(?:[.,]0)?)?(?: ?(?:Z\b|UTC\b|[+-]0(?::0)?))?", WILDCARD),
    UUID,
)
"""Dates and UUIDs as they look after `bridge.logs.collapse`: they hold parts that are no numbers."""
TYPED: Final = (
    (r"\b[a-z][a-z0-9+.-]*://(?:<\*>|[^\s\"',;)\]}<>])+", WILDCARD),
    (r"[A-Za-z0-9._~%<*>-]*/[A-Za-z0-9._~%<*>/-]*\?[^\s\"']*=[^\s\"']*", WILDCARD),  # a path and its query
    (r"\b[A-Za-z]:\\[^\s\"',;)\]}]*", WILDCARD),
    (r"(?:\b[A-Za-z0-9-]+\.)+[A-Za-z]{2,}:<\*>([\s,;)\]}]|$)", WILDCARD + r"\1"),  # a host and its port
    (r"::ffff:<\*>|<\*>(?::<\*>)+", WILDCARD),
    (r"<(?:[A-Za-z_]|<\*>)(?:[^<>]|<\*>|<locals>|<lambda>)* at <\*>>", WILDCARD),  # an object as Python shows it
    (r"<(?:[A-Za-z_]|<\*>)(?:[^<>]|<\*>|<locals>|<lambda>)* of <\*>>", WILDCARD),
    # A record inside a text, up to three deep; a text that is a record itself says with it what happened.
    (r"(\w[:=,]? ?)\{['\"](?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}", r"\1" + WILDCARD),
    *((r"([\w>\])])\{[^{}]*\}", r"\1" + WILDCARD),) * 3,
    (r"<\*>(?:\[[^\[\]]*\])+", WILDCARD),
    (r"<\*>(?:<\*>)+", WILDCARD),
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
_IDENTIFIER: Final = re.compile(r"_|[a-z][A-Z]|[.-]\w")
_REMEMBERED: Final = 1 << 16
_LONGEST_REPEAT: Final = 12
_LONGEST_QUOTE: Final = 30
_RECORD: Final = 3
"""Keys from which a text is a record."""
_QUOTES: Final = frozenset("\"'")
_BYTES: Final = frozenset("bru")
"""Letters that Python puts before a quote."""
_ENDS: Final = frozenset(" ,;()[]{}=\"'<>")
"""What ends the value of a key."""
_FIELD: Final = frozenset({":", " ", WILDCARD})
TRUTH: Final = frozenset({"true", "false", "yes", "no", "on", "off"})

Tokens = tuple[str, ...]


def tokens(masked: str) -> Tokens:
    """Split a masked text at its delimiters; joined they give the text again. Repeated parts that hold values are one."""
    return collapsed(_whole_values(_quoted(TOKEN.findall(masked))))


def _quoted(parts: list[str]) -> list[str]:
    """Put what stands between two quotes together: it is one value, but for the request line of HTTP, whose method says what happened."""
    found: list[str] = []
    starts: dict[str, int] = {}
    for place, part in enumerate(parts):
        found.append(part)
        if part not in _QUOTES:
            continue
        start = starts.pop(part, None)
        if start is not None and not (place + 1 < len(parts) and _is_text(parts[place + 1])):
            inside = found[start + 1 : -1]
            if 1 < len(inside) <= _LONGEST_QUOTE and not any(word.startswith("HTTP/") for word in inside):
                found[start + 1 : -1] = ["".join(inside)]
                starts = {quote: at for quote, at in starts.items() if at < start}
        elif part == '"' or place == 0 or parts[place - 1] in _BYTES or not _is_text(parts[place - 1]):
            starts[part] = len(found) - 1
    return found if _speaks(found) else parts


def _speaks(parts: Sequence[str]) -> bool:
    """Tell whether a text says something outside of quotes, keys and their values: without that its quotes say what happened."""
    ends = ["", *parts, ""]
    return any(
        is_word(part) and before != "=" and after != "=" and not (before in _QUOTES and before == after)
        for before, part, after in zip(ends, parts, ends[2:], strict=False)
    )


def _is_text(token: str) -> bool:
    return token[-1].isalnum() or token[-1] in "_>"


def _whole_values(parts: list[str]) -> list[str]:
    """Put what stands behind `=` together up to the next blank, comma or bracket, where a text is a record."""
    if parts.count("=") < _RECORD:
        return parts
    found: list[str] = []
    for part in parts:
        if len(found) > 1 and found[-2] == "=" and part not in _ENDS and found[-1] not in _ENDS:
            found[-1] += part
        else:
            found.append(part)
    return found


@lru_cache(_REMEMBERED)
def is_word(token: str) -> bool:
    """Tell whether a token is more than a delimiter or a wildcard."""
    return token != WILDCARD and any(map(str.isalnum, token))


@lru_cache(_REMEMBERED)
def is_plain(token: str) -> bool:
    """Tell whether a token is a word as sentences have them: letters, none of them large but the first."""
    stem = token.rstrip(".,!?")
    return stem.isalpha() and (stem.islower() or (len(stem) > 1 and not any(map(str.isupper, stem[1:]))))


def is_identifier(token: str) -> bool:
    """Tell whether a token is a name as programs have them: `module_wait`, `TermUpdate`, `a.b`, `x-y`; exceptions are none."""
    return not is_plain(token) and _IDENTIFIER.search(token) is not None and not is_constant(token)


def is_constant(token: str) -> bool:
    """Tell whether a token names what happened: an exception or a dotted constant."""
    return _CONSTANT.search(token) is not None


@lru_cache(_REMEMBERED)
def is_soft(token: str) -> bool:
    """Tell whether the shape of a token says that it is a value."""
    if WILDCARD in token:
        return _NUMBERED.fullmatch(token) is None
    if "/" in token:
        return len(token) > 1 and (token[0] in "./~" or token.count("/") > 1 or "." in token)
    if "\\" in token or "@" in token:
        return len(token) > 2  # noqa: PLR2004 - more than the sign alone
    if "." in token:
        return _DOTTED.fullmatch(token) is not None and not is_constant(token)
    return _HEX.fullmatch(token) is not None


def skeleton(parts: Tokens) -> Tokens:
    """Return the tokens with soft ones, quoted ones and values of records as wildcards; a key (`name=`) stays.

    Where no word would be left, names stay: they are all that is said.
    """
    last = len(parts) - 1
    signs = [place for place, part in enumerate(parts) if part == "=" and 0 < place < last and is_word(parts[place - 1])]
    # The last value is decided like any word: `user=root` at the end of a text may be what it is about.
    values = {place + 1 for place in signs[:-1]} if len(signs) >= _RECORD else set()
    quoted = not _QUOTES.isdisjoint(parts) and _speaks(parts)
    key = tuple(
        WILDCARD
        if (len(part) > 1 and is_soft(part) and not (place < last and parts[place + 1] == "="))
        or (quoted and 0 < place < last and _is_quoted(parts, place))
        or (place in values and is_word(part) and part.lower() not in TRUTH)
        else part
        for place, part in enumerate(parts)
    )
    return key if any(map(is_word, key)) else tuple(WILDCARD if WILDCARD in part else part for part in parts)


def _is_quoted(parts: Tokens, place: int) -> bool:
    """Tell whether a token stands alone between quotes and is neither a key of a record nor a truth value."""
    quote = parts[place - 1]
    if quote not in _QUOTES or parts[place + 1] != quote or not is_word(parts[place]) or parts[place].lower() in TRUTH:
        return False
    after = parts[place + 2] if place + 2 < len(parts) else ""
    before = next((part for part in reversed(parts[: place - 1]) if part != " "), "")
    return not (after in (":", "=") and before in ("{", ","))


def collapsed(parts: list[str]) -> Tokens:
    """Return the tokens with neighbouring repeats of a group that holds a value as one: lists of any length are one kind."""
    shapes = list(skeleton(tuple(parts)))
    if sum(WILDCARD in shape for shape in shapes) <= 1:
        return tuple(parts)
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
            and not _FIELD.issuperset(parts[place : place + size])
        ):
            return size
    return 0
