"""English words reduced to their stem: M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980.

Words of other languages lose a few endings at most, on both sides of a comparison alike.
"""

from __future__ import annotations

import re
from typing import Final

_MEASURE: Final = re.compile(r"v+c+")
_TWO: Final = {
    "ational": "ate",
    "tional": "tion",
    "enci": "ence",
    "anci": "ance",
    "izer": "ize",
    "abli": "able",
    "alli": "al",
    "entli": "ent",
    "eli": "e",
    "ousli": "ous",
    "ization": "ize",
    "ation": "ate",
    "ator": "ate",
    "alism": "al",
    "iveness": "ive",
    "fulness": "ful",
    "ousness": "ous",
    "aliti": "al",
    "iviti": "ive",
    "biliti": "ble",
}
_THREE: Final = {"icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": ""}
_FOUR: Final = re.compile(r"(.+?)(al|ance|ence|er|ic|able|ible|ant|ement|ment|ent|(?<=[st])ion|ou|ism|ate|iti|ous|ive|ize)\Z")
_SECOND: Final = re.compile(rf"(.*?)({'|'.join(sorted(_TWO, key=len, reverse=True))})\Z")
_THIRD: Final = re.compile(rf"(.*?)({'|'.join(sorted(_THREE, key=len, reverse=True))})\Z")
_SHORTEST = 3


def stem(word: str) -> str:
    """Return the stem of a word in small letters; words that are not of plain letters stay."""
    if len(word) < _SHORTEST or not word.isalpha() or not word.isascii():
        return word
    word = _first(word)
    if word.endswith("y") and _has_vowel(word[:-1]):
        word = word[:-1] + "i"
    word = _mapped(word, _SECOND, _TWO)
    word = _mapped(word, _THIRD, _THREE)
    found = _FOUR.match(word)
    if found and _measure(found[1]) > 1:
        word = found[1]
    if word.endswith("e") and (_measure(word[:-1]) > 1 or (_measure(word[:-1]) == 1 and not _short_end(word[:-1]))):
        word = word[:-1]
    return word[:-1] if word.endswith("ll") and _measure(word) > 1 else word


def _first(word: str) -> str:
    """Plurals and past forms: steps 1a and 1b."""
    if word.endswith(("sses", "ies")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for ending in ("ed", "ing"):
        rest = word.removesuffix(ending)
        if rest == word:
            continue
        if not _has_vowel(rest):
            return word
        if rest.endswith(("at", "bl", "iz")):
            return rest + "e"
        if len(rest) > 1 and rest[-1] == rest[-2] and rest[-1] not in "aeioulsz":
            return rest[:-1]
        return rest + "e" if _measure(rest) == 1 and _short_end(rest) else rest
    return word


def _mapped(word: str, pattern: re.Pattern[str], endings: dict[str, str]) -> str:
    found = pattern.match(word)
    return found[1] + endings[found[2]] if found and _measure(found[1]) > 0 else word


def _kinds(word: str) -> str:
    """Return v or c for each letter; y after a consonant is a vowel."""
    kinds = ""
    for at, letter in enumerate(word):
        vowel = letter in "aeiou" or (letter == "y" and at > 0 and kinds[-1] == "c")
        kinds += "v" if vowel else "c"
    return kinds


def _measure(word: str) -> int:
    """Return Porter's m: how often consonants follow vowels."""
    return len(_MEASURE.findall(_kinds(word)))


def _has_vowel(word: str) -> bool:
    return "v" in _kinds(word)


def _short_end(word: str) -> bool:
    """Tell whether it ends consonant, vowel, consonant, the last not w, x or y (Porter's *o)."""
    return _kinds(word)[-3:] == "cvc" and word[-1] not in "wxy"
