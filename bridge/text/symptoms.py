"""Find the words that customers use for a symptom in what they wrote.

A phrase matches where each of its words begins a word of the text, all of them close together. The order
is free, because German and English put the verb in different places (`Export ist leer`, `leerer Export`).
What is denied is no match: `no longer empty`, `isn't failing`, `nicht mehr leer`; unless the phrase itself denies (`no rows`).
It finds candidates with their reason; a person, or an exact signal, decides.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.text.normalise import spellings, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

GAP = 3
"""Further words that may stand between the words of a phrase."""
_DENIES = frozenset(
    ["no", "not", "never", "nor", "neither", "cannot", "nicht", "nie", "niemals", "kein", "keine", "keinen", "keiner", "keines", "keinem"]
)
_BETWEEN = frozenset(
    ["longer", "more", "any", "be", "been", "being", "even", "ever", "mehr", "laenger", "langer", "noch", "so", "the", "a", "an"]
)
"""Words that may stand between a denial and what it denies."""
_CLAUSE = re.compile(r"[.,;:!?()\n\r]+")
_PREFIX = 4
"""Shorter words must match whole: `no` is not the beginning of `notes`."""


def matching_phrases(text: str, phrases: Iterable[str], *, gap: int = GAP) -> tuple[str, ...]:
    """Return the phrases that occur in the text, as they were given and in their order, each once."""
    tokens: list[tuple[str, ...]] = []
    clauses: list[int] = []
    for number, clause in enumerate(_CLAUSE.split(text)):
        found_here = [spellings(word) for word in words(clause)]
        tokens += found_here
        clauses += [number] * len(found_here)
    found: dict[str, None] = {}
    for phrase in phrases:
        if phrase not in found and _occurs([spellings(word) for word in words(phrase)], tokens, clauses, gap):
            found[phrase] = None
    return tuple(found)


def _occurs(phrase: Sequence[tuple[str, ...]], tokens: Sequence[tuple[str, ...]], clauses: Sequence[int], gap: int) -> bool:
    """Tell whether every word of the phrase finds its own token within len(phrase) + gap neighbouring tokens."""
    if not phrase or len(phrase) > len(tokens):
        return False
    own = {way for word in phrase for way in word}
    places = [[at for at, token in enumerate(tokens) if _begins(word, token) and not _denied(tokens, clauses, at, own)] for word in phrase]
    if not all(places):
        return False
    reach = len(phrase) + gap
    starts = sorted({at for some in places for at in some})
    return any(_assign([[at for at in some if start <= at < start + reach] for some in places], frozenset()) for start in starts)


def _denied(tokens: Sequence[tuple[str, ...]], clauses: Sequence[int], at: int, own: AbstractSet[str]) -> bool:
    """Tell whether the token is denied by a word before it, in its clause, that is not the phrase's own."""
    before = at - 1
    while before >= 0 and before > at - 3 and not _BETWEEN.isdisjoint(tokens[before]):
        before -= 1
    if before < 0 or clauses[before] != clauses[at] or not own.isdisjoint(tokens[before]):
        return False
    cut_off = tokens[before] == ("t",) and before > 0 and tokens[before - 1][0].endswith("n")  # isn't, doesn't
    return cut_off or not _DENIES.isdisjoint(tokens[before])


def _begins(word: tuple[str, ...], token: tuple[str, ...]) -> bool:
    if len(word[0]) < _PREFIX:
        return any(way in token for way in word)
    return any(written.startswith(way) for written in token for way in word)


def _assign(places: Sequence[Sequence[int]], taken: frozenset[int]) -> bool:
    """Tell whether each list can give a different place (the lists are a few entries long)."""
    if not places:
        return True
    return any(_assign(places[1:], taken | {at}) for at in places[0] if at not in taken)
