"""Telephone numbers: a cheap look at shape and words around decides most, the numbering plans the rest.

On log lines only what is written internationally (+49 …) and what its field calls a telephone counts:
everywhere else a number there is an id, a size or a time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from bridge.text.redact.lines import in_log_line

REGIONS: Final = (
    *("US", "GB", "DE", "FR", "ES", "IT", "NL", "BE", "CH", "AT", "SE", "NO", "DK", "FI", "PL", "CZ", "SK", "HU", "SI", "HR", "RO"),
    *("PT", "IE", "GR", "CY", "IS", "EE", "LV", "LT", "LU", "AU", "NZ", "ZA", "BR", "MX", "AR", "IN", "JP", "SG", "TR", "IL"),
)
"""Numbering plans that a number without a country code is tried in, unless the workspace says which."""

_CHAIN = r"(?:\W{1,3}(?:me|us|him|sie|er|her|them|you|back|is|was|no|nr|num|number|nummer|the|my|our|your|this|at|on|to|under|via|with|for|or|and|unter|auf|an|ist|mich|uns|al|au|il|para|op)\b){0,6}\W{0,8}\Z"
_SURE: Final = re.compile(
    r"(?i)(?:(?:\b|_)(?:(?:tele)?phones?|tel|t[ée]l[ée]phone|telefon\w*|tél|teléfono|mobile|mobil\w*|cell|cellphone|handy\w*|fax|hotline|"
    r"call|calls|calling|called|ring|rang|dial|dialled|dialed|whatsapp|sms|reach|anruf\w*|rufen?|ruft|rückruf\w*|erreich\w*|ll[áa]m[aeáé]\w*|appele[rz]|rappele[rz]\w*|chiama\w*|ligar|ligue|bellen|durchwahl|msisdn|pager|answering|answer)"
    rf"(?:\b|_){_CHAIN}|\b(?:office|desk|home|work|direct|büro|privat)\s?:\s?\Z)"
)
_MAYBE: Final = re.compile(rf"(?i)\b(?:number|contact|messages?|text|registered|nummer|kontakt){_CHAIN}")
_AFTER: Final = re.compile(r"(?i)[ \-\u2013(,]{0,3}(?:office|fax|mobile|cell|home|work|desk|phone|tel|direct|mobil|büro|privat)\b")
_NOT: Final = re.compile(
    r"(?i)(?:\b(?:order|invoice|ticket|case|issue|build|version|ver|id|ids|ref|reference|zip|postcode|plz|port|pid|account|acct|konto\w*|"
    r"bestell\w*|rechnung\w*|kunden\w*|serial|sku|isbn|size|bytes|rows|epoch|timestamp|line|page|range|ranges|license|licence|passport|policy|tax|vat)\b"
    r"(?:[ \-]?(?:no|nr|num|number|nummer|id|is|of|ist))*\W{0,4}|[#$€£%]\s?|\bEUR |\bUSD )\Z"
)
_EXTENSION: Final = re.compile(r"(?i) ?(?:x|ext\.? ?|extension |durchwahl )\d{1,6}\b")
_AROUND: Final = 40
_LEAST, _MOST, _PAIR = 7, 15, 2
_AMOUNT: Final = re.compile(r"\d{1,3}(?:[. ]\d{3})+(?:[.,]\d{1,2})?")
_DATE: Final = re.compile(
    r"(?:19|20)\d\d[-./ ](?:0?[1-9]|1[0-2])[-./ ](?:0?[1-9]|[12]\d|3[01])(?!\d)|(?:0?[1-9]|[12]\d|3[01])([-./ ])(?:0?[1-9]|[12]\d|3[01])\1(?:19|20)\d\d(?!\d)"
)
_FIGURES: Final = re.compile(r"\d\.\d{1,2}(?!\d)|[02-9]\.\d|\d{1,3}\.\d{1,3}\.\d\b|\d{1,3}\.\d\.\d")
"""Decimals and versions: no telephone number has a group of one digit before a point, but the 1 of North America."""
_YEARS: Final = re.compile(r"(?:19|20)\d\d(?:[-/\u2013](?:19|20)\d\d)+")
_OPENS: Final = frozenset(" \t\n\r\"'([{<>,;|\\*“„«\u00a0")
_CLOSES: Final = frozenset(" \t\n\r\"')]}<>,;.!?|\\*”“»\u00a0-/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Groups of digits with separators that may be a telephone number."""

    text: str
    """The whole text."""
    start: int
    """With + and an opening parenthesis."""
    end: int
    groups: tuple[str, ...]

    @property
    def digits(self) -> str:
        """The digits alone."""
        return "".join(self.groups)


def phone_end(found: Candidate, regions: tuple[str, ...]) -> int:
    """Return where the number ends, its extension included; 0 when it is none."""
    size, written = len(found.digits), found.text[found.start : found.end]
    if not _LEAST - 1 <= size <= _MOST + 1 or found.digits.count(found.digits[0]) == size:
        return 0
    extension = _EXTENSION.match(found.text, found.end)
    end = extension.end() if extension else found.end
    if found.text[end : end + 1] and (found.text[end].isalnum() or found.text[end] in "_:@=%"):
        return 0
    if _DATE.fullmatch(written) or _FIGURES.match(written) or _YEARS.fullmatch(written):
        return 0
    if found.text[end : end + 1] in {"-", "."} and found.text[end + 1 : end + 2].isdigit():
        return 0  # the beginning of a longer id
    return end if _is_phone(found, written, end, regions, extended=extension is not None) else 0


def _is_phone(found: Candidate, written: str, end: int, regions: tuple[str, ...], *, extended: bool) -> bool:
    international = "+" in written[:2]
    before = _before(found.text, found.start)
    logged = in_log_line(found.text, found.start)
    if logged:
        return _in_log(found, before, regions, international=international)
    if international or (found.groups[0].startswith("00") and len(found.digits) >= _LEAST + 3):
        return True
    if _NOT.search(before):
        return False
    return (
        _SURE.search(before) is not None
        or _AFTER.match(found.text, end) is not None
        or _alone(found, written, end, before, regions, extended)
    )


def _alone(found: Candidate, written: str, end: int, before: str, regions: tuple[str, ...], extended: bool) -> bool:  # noqa: FBT001  # called above only
    """Tell whether it is a telephone number although nothing near says so."""
    opening, closing = found.text[found.start - 1 : found.start], found.text[end : end + 1]
    if (opening and opening not in _OPENS) or (closing and closing not in _CLOSES) or len(found.digits) < _LEAST:
        return False
    hinted, groups = _MAYBE.search(before) is not None, len(found.groups)
    if groups == 1:
        return extended or _plain(found.digits, regions, hinted=hinted)
    # Two numbers before a word are a house in a street more often than a telephone.
    street = groups == _PAIR and " " in written and not hinted and found.text[end : end + 2].lstrip(" ")[:1].isalpha()
    if extended or street:
        return extended
    if _shaped(found.groups, written) or (hinted and groups == _PAIR):
        return True
    return groups > _PAIR and not _AMOUNT.fullmatch(written) and _in_words(found.text, found.start, end) and valid(found.digits, regions)


def _in_words(text: str, start: int, end: int) -> bool:
    """Tell whether a sentence is around, not a list of numbers."""
    left, right = text[max(0, start - 4) : start].rstrip(" ")[-1:], text[end : end + 4].lstrip(" ")[:1]
    return (not left or left.isalpha() or left in "\n\"',:;") and (not right or right.isalpha() or right in "\n\"'.,;!?")


def _before(text: str, start: int) -> str:
    """Return the words before: on the line, and on the line above where nothing else is between; never over a blank line or a label."""
    window = text[max(0, start - _AROUND) : start]
    cut = max(window.rfind("\0"), window.rfind("\n\n"), window.rfind(". "))
    window = window[cut + 1 :]
    above, newline, here = window.rpartition("\n")
    if not newline:
        return window
    return here if here.strip(" \t>*-") else above.rpartition("\n")[2] + here


def _in_log(found: Candidate, before: str, regions: tuple[str, ...], *, international: bool) -> bool:
    if international:
        return found.text[found.start - 1 : found.start] in _OPENS | {"=", ":", ""} and valid("+" + found.digits, ())
    named = re.search(r"(?i)(?:phone|mobile|telefon|\btel|msisdn|fax)\w{0,12}[\"']?\s?[:=]\s?[\"']?\(?\Z", before)
    return named is not None and (len(found.digits) >= _LEAST) and (len(found.groups) > 1 or valid(found.digits, regions))


def _shaped(groups: tuple[str, ...], written: str) -> bool:
    """Tell whether the groups are those of a telephone number and of hardly anything else."""
    sizes = [len(group) for group in groups]
    total = sum(sizes)
    if sizes[-3:] == [3, 3, 4] and len(sizes) <= 4 and written[-5] in "-. " and total <= 11:  # noqa: PLR2004  # the North American plan
        return True
    if "(" in written and ")" in written and len(groups) >= 2 and 7 <= total <= 12:  # noqa: PLR2004  # (area) number
        return True
    return groups[0][0] == "0" and 2 <= len(groups) <= 6 and 8 <= total <= 12 and 2 <= sizes[0] <= 5  # noqa: PLR2004  # 0 area number


def _plain(digits: str, regions: tuple[str, ...], *, hinted: bool) -> bool:
    """Tell whether digits in one piece are a number: with the trunk 0, or a North American one with words that hint at it."""
    if digits[0] == "0":
        return 9 <= len(digits) <= 12 and valid(digits, regions)  # noqa: PLR2004  # shorter ones are ids
    return hinted and len(digits) >= 9 and valid(digits, regions)  # noqa: PLR2004  # the same


@lru_cache(maxsize=4096)
def valid(digits: str, regions: tuple[str, ...]) -> bool:
    """Tell whether the numbering plan of one of the regions (or of the country code) has such a number."""
    import phonenumbers

    for region in regions or (None,):
        try:
            number = phonenumbers.parse(digits, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return True
    return False
