"""Find the words that customers use for a symptom in what they wrote.

A phrase matches where each of its words begins a word of the text, all of them close together. The order
is free, because German and English put the verb in different places (`Export ist leer`, `leerer Export`).
It finds candidates with their reason; a person, or an exact signal, decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.text.normalise import spellings, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GAP = 3
"""Further words that may stand between the words of a phrase."""
_PREFIX = 4
"""Shorter words must match whole: `no` is not the beginning of `notes`."""


def matching_phrases(text: str, phrases: Iterable[str], *, gap: int = GAP) -> tuple[str, ...]:
    """Return the phrases that occur in the text, as they were given and in their order, each once."""
    tokens = [spellings(word) for word in words(text)]
    found: dict[str, None] = {}
    for phrase in phrases:
        if phrase not in found and _occurs([spellings(word) for word in words(phrase)], tokens, gap):
            found[phrase] = None
    return tuple(found)


def _occurs(phrase: Sequence[tuple[str, ...]], tokens: Sequence[tuple[str, ...]], gap: int) -> bool:
    """Tell whether every word of the phrase finds its own token within len(phrase) + gap neighbouring tokens."""
    if not phrase or len(phrase) > len(tokens):
        return False
    places = [[at for at, token in enumerate(tokens) if _begins(word, token)] for word in phrase]
    if not all(places):
        return False
    reach = len(phrase) + gap
    starts = sorted({at for some in places for at in some})
    return any(_assign([[at for at in some if start <= at < start + reach] for some in places], frozenset()) for start in starts)


def _begins(word: tuple[str, ...], token: tuple[str, ...]) -> bool:
    if len(word[0]) < _PREFIX:
        return any(way in token for way in word)
    return any(written.startswith(way) for written in token for way in word)


def _assign(places: Sequence[Sequence[int]], taken: frozenset[int]) -> bool:
    """Tell whether each list can give a different place (the lists are a few entries long)."""
    if not places:
        return True
    return any(_assign(places[1:], taken | {at}) for at in places[0] if at not in taken)
