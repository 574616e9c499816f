"""Numbers that name a person: cards, account numbers, social security numbers, telephones.

One pass finds runs of digits with separators; each run is cut into what its groups are.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from bridge.text.redact.checksums import iban_shape, issued, luhn, mod97
from bridge.text.redact.kinds import CARD, IBAN, PHONE, SSN, Span
from bridge.text.redact.lines import in_log_line
from bridge.text.redact.phones import Candidate, phone_end

_BLANKS = r" \u00a0\u2009\u202f"
"""Typesetters part the groups of a number with narrow blanks too."""
_SEPARATORS = rf"{_BLANKS}().\-/\u2010-\u2013"
_RUN: Final = re.compile(rf"[0-9][0-9{_SEPARATORS}]{{4,80}}[0-9]")
_GROUP: Final = re.compile(r"[0-9]+")
_JOINTS: Final = re.compile(r"[ .\-/\u00a0\u2009\u202f\u2010-\u2013]|[ \-.]?\([ ]?|[ ]?\)[ \-./]{0,1}|[ ][-/\u2013][ ]|[ ]?\(0\)[ ]?")
_IBAN: Final = re.compile(rf"(?<![0-9A-Za-z_\-])[A-Za-z]{{2}}[0-9]{{2}}(?:[{_BLANKS}.\-]?[0-9A-Za-z]){{11,30}}(?![0-9A-Za-z_])")
_IBAN_JOINTS: Final = frozenset(" .-\u00a0\u2009\u202f")
_GROUPED: Final = re.compile(rf"[0-9A-Za-z]+|[0-9A-Za-z]{{4}}(?P<joint>[{_BLANKS}.\-])(?:[0-9A-Za-z]{{4}}(?P=joint))*[0-9A-Za-z]{{1,4}}")
_PLAIN_BBAN: Final = re.compile(r"(?:[A-Z]{4})?[0-9]+")
"""With wrong check digits only what can hardly be anything else: digits, or a bank in four letters and digits."""
_LEAST, _CARD_LEAST, _CARD_MOST = 6, 12, 19
_CARD_GROUPS: Final = frozenset(
    {(4, 4, 4), (4, 4, 4, 4), (4, 4, 4, 4, 2), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4), (4, 5, 6), (6, 13), (4, 4, 5)}
)
_CARD_JOINTS: Final = frozenset({" ", "-", "\u00a0", "\u2009", "\u202f", ".", "  ", " - "})
_KEYED: Final = re.compile(
    r"(?i)(?<!\w)(?!\w*(?:card|pan|acc))\w*(?:id|trace|span|offset|seq|sequence|thread|row|tx|txn|hash|count|bytes|size|timestamp|ts|nonce|order)"
    r"[\"']?[ \t]?[=:][ \t]?[\"']?\Z"
)
"""A field whose name says that it holds an id, a count or a time: one number in ten passes Luhn."""
_NINE: Final = re.compile(r"(?i)\b(?:ssn|social(?: security)?|soc\.? ?sec\.?)(?:\W{1,3}(?:number|no|nr|card|is|was)\b){0,3}\W{0,4}\Z")
_AROUND: Final = 44

Group = tuple[int, int]


def ibans(text: str) -> Iterator[Span]:
    """Yield account numbers: country, length and check digits; a wrong check digit is a typing error, but not on log lines."""
    for found in _IBAN.finditer(text):
        size, value = _cut(found[0])
        if not size:
            continue
        good = mod97(value) or (_PLAIN_BBAN.fullmatch(value, 4) and not in_log_line(text, found.start()))
        if good and _GROUPED.fullmatch(found[0], 0, size):
            yield Span(start=found.start(), end=found.start() + size, kind=IBAN)


def _cut(written: str) -> tuple[int, str]:
    """Return how much of `written` is the account number (words may follow it), and its letters and digits."""
    plain = ""
    for at, char in enumerate(written, 1):
        if char in _IBAN_JOINTS:
            continue
        plain += char.upper()
        ends = at == len(written) or written[at] in _IBAN_JOINTS
        if ends and iban_shape(plain):
            return at, plain
    return 0, ""


def numbers(text: str, regions: tuple[str, ...], taken: list[Span]) -> Iterator[Span]:
    """Yield cards, social security numbers and telephones; `taken` are spans (addresses, accounts) that are none of these."""
    edges = _edges(taken)
    for run in _RUN.finditer(text):
        groups = [(g.start(), g.end()) for g in _GROUP.finditer(text, run.start(), run.end())]
        if len(groups) == 1 and _id(text, groups[0]):
            continue
        if edges:
            groups = [group for group in groups if not _inside(group, edges)]
        yield from _run(text, groups, regions)


def _id(text: str, group: Group) -> bool:
    """Tell at a glance that digits in one piece are none of these: most numbers of a log are not."""
    start, end = group
    before = text[start - 1 : start]
    return before.isalnum() or before == "_" or not _LEAST <= end - start <= _CARD_MOST


def _edges(taken: list[Span]) -> list[int]:
    """Return start and end of the stretches that are taken, in turn, apart and in order."""
    edges: list[int] = []
    for start, end in sorted((span.start, span.end) for span in taken):
        if edges and start <= edges[-1]:
            edges[-1] = max(edges[-1], end)
        else:
            edges += [start, end]
    return edges


def _inside(group: Group, edges: list[int]) -> bool:
    """Tell whether any of it is taken: an odd number of edges lies before it, or one lies in it."""
    at = bisect_right(edges, group[0])
    return at % 2 == 1 or (at < len(edges) and edges[at] < group[1])


def _run(text: str, groups: list[Group], regions: tuple[str, ...]) -> Iterator[Span]:
    rest: list[Group] = []
    at = 0
    while at < len(groups):
        used, kind = _card(text, groups, at)
        if not used:
            used, kind = _ssn(text, groups, at)
        if used:
            yield from _phones(text, rest, regions)
            rest = []
            yield Span(start=groups[at][0], end=groups[at + used - 1][1], kind=kind)
            at += used
        else:
            rest.append(groups[at])
            at += 1
    yield from _phones(text, rest, regions)


def _card(text: str, groups: list[Group], at: int) -> tuple[int, str]:
    """Return how many groups from `at` on are a card's number."""
    start = groups[at][0]
    if at and text[groups[at - 1][1] : start] in {"-", "."}:
        return 0, CARD  # the rest of a longer id
    if _KEYED.search(text, max(0, start - _AROUND), start):
        return 0, CARD
    if start and (
        text[start - 1].isalnum() or text[start - 1] in "_." or (text[start - 1] == "-" and text[start - 2 : start - 1] in {"_", ""})
    ):
        return 0, CARD
    digits = ""
    cut = at > 0 and groups[at - 1][1] - groups[at - 1][0] == 4 and text[groups[at - 1][1] : start] == " "  # noqa: PLR2004  # four and four
    for used in range(1, min(5, len(groups) - at) + 1):
        first, last = groups[at + used - 1]
        if used > 1 and text[groups[at + used - 2][1] : first] not in _CARD_JOINTS:
            break
        digits += text[first:last]
        if len(digits) > _CARD_MOST:
            break
        closed = last == len(text) or not (text[last].isalnum() or text[last] == "_")
        sizes = tuple(end - begin for begin, end in groups[at : at + used])
        if cut and sizes == (4, 4, 4):
            continue  # the rest of four groups
        if closed and len(digits) >= _CARD_LEAST and (used == 1 or sizes in _CARD_GROUPS) and issued(digits) and luhn(digits):
            return used, CARD
    return 0, CARD


def _ssn(text: str, groups: list[Group], at: int) -> tuple[int, str]:
    """Return how many groups from `at` on are a social security number: 3-2-4, or nine digits that are called one."""
    start, end = groups[at]
    outside = text[start - 1 : start]
    if outside and (outside.isalnum() or outside in "_-."):
        return 0, SSN
    if end - start == 9 and _NINE.search(text, max(0, start - _AROUND), start):  # noqa: PLR2004  # without hyphens
        return 1, SSN
    if end - start != 3 or at + 2 >= len(groups):  # noqa: PLR2004  # 3-2-4
        return 0, SSN
    sizes = [last - first for first, last in groups[at : at + 3]]
    joints = {text[groups[at][1] : groups[at + 1][0]], text[groups[at + 1][1] : groups[at + 2][0]]}
    last = groups[at + 2][1]
    follows = text[last : last + 1]
    open_end = bool(follows) and (follows.isalnum() or follows in "_-" or (follows == "." and text[last + 1 : last + 2].isdigit()))
    if sizes != [3, 2, 4] or open_end or text[start:end] == "000":
        return 0, SSN
    named = _NINE.search(text, max(0, start - _AROUND), start) is not None
    return (3, SSN) if joints == {"-"} or (named and joints <= {" ", ".", "\u2011", "\u2013"}) else (0, SSN)


def _phones(text: str, groups: list[Group], regions: tuple[str, ...]) -> Iterator[Span]:
    """Yield telephones among groups that follow each other with a joint; a number that is too long is tried without its ends."""
    piece: list[Group] = []
    for group in [*groups, (-1, -1)]:
        if piece and (group[0] < 0 or not _JOINTS.fullmatch(text, piece[-1][1], group[0])):
            yield from _phone(text, piece, regions)
            piece = []
        piece.append(group)


def _phone(text: str, piece: list[Group], regions: tuple[str, ...]) -> Iterator[Span]:
    start, end = piece[0][0], piece[-1][1]
    if text[start - 1 : start].isalnum() or text[start - 1 : start] == "_":
        return
    while start and text[start - 1] in "+(" and piece[0][0] - start < 2:  # noqa: PLR2004  # (+49)
        start -= 1
    candidate = Candidate(text=text, start=start, end=end, groups=tuple(text[first:last] for first, last in piece))
    stop = phone_end(candidate, regions)
    if stop:
        yield Span(start=start, end=stop, kind=PHONE)
