"""Texts that are alike, in groups, with the words that group them.

TF-IDF by cosine (Salton and Buckley 1988); a text joins the group whose centre is nearest, or begins one (leader clustering,
in the order that is given; then every text is given to the nearest centre once more). Named by the words that most of a group
shares and the others seldom use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bridge.text.similarity.terms import BODY, terms, tokens, written

ALIKE = 0.2
"""Cosine from which a text belongs to a group's centre."""
_TITLE = 3
_WORDS = 4
_SHARED = 0.5
"""Share of a group's texts that use a word which names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Places of the texts that are alike, ascending, and the words that group them, as they are written."""

    members: tuple[int, ...]
    words: tuple[str, ...]


def groups(texts: Sequence[tuple[str, str]], *, fewest: int = 2) -> tuple[Group, ...]:
    """Group (subject, body) pairs, the biggest group first; groups of fewer than `fewest` texts are left out."""
    counts, spelled = zip(*(_counted(subject, body) for subject, body in texts), strict=True) if texts else ((), ())
    vocabulary = {term: number for number, term in enumerate(sorted({term for found in counts for term in found}))}
    if not vocabulary:
        return ()
    weights = _weights(counts, vocabulary)
    nearest = _assigned(weights)
    spellings: dict[str, Counter[str]] = {}
    for found in spelled:
        for term, words in found.items():
            spellings.setdefault(term, Counter()).update(words)
    made = []
    for label in np.unique(nearest):
        members = np.flatnonzero(nearest == label)
        if len(members) >= fewest:
            made.append(Group(members=tuple(members.tolist()), words=_names(members, weights, vocabulary, spellings)))
    return tuple(sorted(made, key=lambda group: (-len(group.members), group.members)))


def _counted(subject: str, body: str) -> tuple[Counter[str], dict[str, Counter[str]]]:
    """Return the terms of a text, those of its subject threefold, and how each is written."""
    counts: Counter[str] = Counter()
    spelled: dict[str, Counter[str]] = {}
    for text, weight in ((subject, _TITLE), (body[:BODY], 1)):
        for token in tokens(text):
            for term, word in zip(terms(token), written(token), strict=False):
                counts[term] += weight
                spelled.setdefault(term, Counter())[word.lower()] += 1
    return counts, spelled


def _weights(counts: Sequence[Counter[str]], vocabulary: dict[str, int]) -> Any:
    """Return texts x terms, rows of length one (scipy CSR)."""
    from scipy import sparse

    rows, columns, values = [], [], []
    held = Counter(term for found in counts for term in found)
    for row, found in enumerate(counts):
        for term, count in sorted(found.items()):
            rows.append(row)
            columns.append(vocabulary[term])
            values.append((1 + np.log(count)) * np.log(1 + len(counts) / held[term]))
    made = sparse.csr_matrix((values, (rows, columns)), shape=(len(counts), len(vocabulary)))
    length = np.sqrt(np.asarray(made.multiply(made).sum(axis=1)).ravel())
    return sparse.diags(1 / np.maximum(length, 1e-12)) @ made


def _assigned(weights: Any) -> Any:
    """Return a group number for each text."""
    centres: list[Any] = []
    labels = np.zeros(weights.shape[0], dtype=np.int64)
    for row in range(weights.shape[0]):
        own = weights[row].toarray().ravel()
        near = [float(own @ centre) / max(float(np.linalg.norm(centre)), 1e-12) for centre in centres]
        if near and max(near) >= ALIKE:
            labels[row] = int(np.argmax(near))
            centres[labels[row]] = centres[labels[row]] + own
        else:
            labels[row] = len(centres)
            centres.append(own)
    matrix = np.array([centre / max(float(np.linalg.norm(centre)), 1e-12) for centre in centres])
    scores = np.asarray(weights @ matrix.T)
    best = scores.argmax(axis=1)
    return np.where(scores.max(axis=1) >= ALIKE, best, labels)


def _names(members: Any, weights: Any, vocabulary: dict[str, int], spellings: dict[str, Counter[str]]) -> tuple[str, ...]:
    inside = weights[members]
    share = np.asarray((inside > 0).mean(axis=0)).ravel()
    strength = np.asarray(inside.mean(axis=0)).ravel() * (share >= min(_SHARED, 2 / len(members)))
    names = list(vocabulary)
    best = [names[at] for at in np.argsort(-strength, kind="stable")[: 2 * _WORDS] if strength[at] > 0]
    shown = [spellings[term].most_common(1)[0][0] for term in best if not term.startswith("=")]
    return tuple(dict.fromkeys(shown))[:_WORDS]
