"""Candidates for an issue: exact signals first, then BM25, TF-IDF and pieces of titles, each as a z-score, with the reasons.

The z-scores are taken over the candidates of this query, so that no method's scale counts. Reports of one
defect come close in time, so that age takes a little. Text alone never decides: it shows what to look at.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from heapq import nlargest
from typing import Any, Final

import numpy as np

from bridge.text.similarity.index import Index
from bridge.text.similarity.issue import DAY, Issue
from bridge.text.similarity.signals import KINDS, signals
from bridge.text.similarity.terms import BODY, grams, terms, tokens, written

RECENT = 5.0
"""What an issue of the same hour gains in z-scores: less than two words in common. Two trackers, each tuned alone, agree on
3 to 7 and on half a year (`make eval-similar` prints what the choice of the one gives on the other)."""
FADES = 180 * DAY
_EXACT: Final = 1_000.0
_RARE: Final = 10
"""Issues that may share a signal before it says nothing: everybody's stack passes through some frames."""
_LEAST_TEXT: Final = 0.02
"""Cosine below which nothing is in common but noise."""
LOOK: Final = 0.4
"""Cosine from which a text is worth a look: of 3,160 first candidates in real trackers 7 in 100 from here on were marked as the same, and 1 below."""
_WORDS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An issue that may be about the same thing."""

    id: str
    given: str | int
    """The id as the corpus gave it."""
    title: str
    score: float
    """Sum of z-scores; from 1,000 on with an exact signal. For ordering within one query."""
    verdict: str
    """very likely the same (same fingerprint), likely the same (another exact signal), worth a look, loosely alike."""
    why: str


def candidates(index: Index, issue: Issue, limit: int, *, older_only: bool = False) -> list[Candidate]:
    """Return at most `limit` issues, the best first; the issue itself is none of them."""
    end = len(index.rows)
    if older_only and issue.created is not None:
        end = int(np.searchsorted(index.created, issue.created, side="left"))
    if not end or limit < 1:
        return []
    query = _query(index, issue)
    both = _summed(index.weights.matrix, query.columns, query.factors)[:end]
    titles = _titles(index, issue.title)[:end]
    score = _z(both.real) + _z(both.imag) + _z(titles)
    if issue.created is not None:
        score += RECENT * np.exp(-np.abs(issue.created - index.created[:end]) / FADES)
    own = index.place.get(issue.id)
    shared = _exact(index, signals(f"{issue.title}\n{issue.body}"), end, own)
    for at, found in shared.items():
        score[at] += _EXACT * (1 + sum(len(KINDS) - list(KINDS).index(kind) for kind, _ in found) / 10)
    cosine = both.imag / query.norm
    possible = np.flatnonzero((cosine >= _LEAST_TEXT) | (score >= _EXACT / 2))
    possible = possible[possible != own] if own is not None else possible
    if len(possible) > limit:
        possible = possible[np.argpartition(-score[possible], limit - 1)[:limit]]
    ordered = possible[np.argsort(-score[possible], kind="stable")]
    return [_candidate(index, issue, query, int(at), float(score[at]), float(cosine[at]), shared.get(int(at), [])) for at in ordered]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    """The query's terms that the index knows."""

    columns: np.ndarray[Any, Any]
    factors: np.ndarray[Any, Any]
    gains: dict[int, float]
    """What a term gives at most, by column."""
    names: dict[int, str]
    """How the query writes a term."""
    norm: float
    """Length of its TF-IDF vector."""


def _query(index: Index, issue: Issue) -> _Query:
    often: Counter[str] = Counter()
    names: dict[str, str] = {}
    for text, weight in ((issue.title, 3), (issue.body[:BODY], 1)):
        for token, times in Counter(tokens(text)).items():
            for term, name in zip(terms(token), written(token), strict=True):
                often[term] += weight * times
                names.setdefault(term, name)
    known = index.expansion.terms
    found = sorted((known[term], times, names[term]) for term, times in often.items() if term in known)
    columns = np.array([column for column, _, _ in found], dtype=np.int64)
    factors = 1 + np.log(np.array([times for _, times, _ in found], dtype=np.float32))
    idf = index.weights.idf[columns] if len(columns) else np.zeros(0, dtype=np.float32)
    unknown = sum((1 + np.log(times)) ** 2 for term, times in often.items() if term not in known) * (np.log(1 + len(index.rows)) + 1) ** 2
    norm = float(np.sqrt(((factors * idf) ** 2).sum() + unknown)) or 1.0
    gains = dict(zip(columns.tolist(), (factors * idf * idf).tolist(), strict=True))
    return _Query(columns=columns, factors=factors, gains=gains, names={column: name for column, _, name in found}, norm=norm)


def _summed(matrix: Any, columns: np.ndarray[Any, Any], factors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the factors' sum over the terms' lists, by issue."""
    if not len(columns):
        return np.zeros(matrix.shape[1], dtype=matrix.dtype)
    return np.asarray(matrix[columns].T @ factors.astype(matrix.dtype))


def _titles(index: Index, title: str) -> np.ndarray[Any, Any]:
    found = Counter(grams(title))
    weights = index.title_weights
    known = sorted((weights.pieces[piece], times) for piece, times in found.items() if piece in weights.pieces)
    columns = np.array([column for column, _ in known], dtype=np.int64)
    factors = (1 + np.log(np.array([times for _, times in known], dtype=np.float32))) * (weights.idf[columns] if known else 0)
    return _summed(weights.matrix, columns, np.asarray(factors))


def _z(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    spread = float(scores.std())
    return np.asarray((scores - scores.mean()) / spread if spread > 0 else np.zeros_like(scores), dtype=np.float64)


def _exact(index: Index, own: dict[str, str], end: int, row: int | None) -> dict[int, list[tuple[str, str]]]:
    """Return the issues that share a rare signal: (kind, what)."""
    found: dict[int, list[tuple[str, str]]] = {}
    for signal, shown in own.items():
        holders = [at for at in index.holders.get(signal, ()) if at < end and at != row]
        if len(holders) <= _RARE:
            for at in holders:
                found.setdefault(at, []).append((signal.partition(":")[0], shown))
    return found


def _candidate(index: Index, issue: Issue, query: _Query, at: int, score: float, cosine: float, shared: list[tuple[str, str]]) -> Candidate:
    row = index.rows[at]
    reasons = [f"{KINDS[kind]} ({shown})" for kind, shown in shared]
    words = _words(index, query, at)
    if words:
        reasons.append(f"words in common: {', '.join(words)}")
    if issue.created is not None and row.created is not None:
        days = abs(issue.created - row.created) / DAY
        if days < FADES / DAY:
            reasons.append(f"filed {_days(days)} apart")
    return Candidate(
        id=row.id,
        given=row.given,
        title=row.title,
        score=round(score, 4),
        verdict=_verdict(shared, cosine),
        why="; ".join(reasons) or "pieces of words in the title",
    )


def _verdict(shared: list[tuple[str, str]], cosine: float) -> str:
    if shared:
        return "very likely the same" if any(kind == "fingerprint" for kind, _ in shared) else "likely the same"
    return "worth a look" if cosine >= LOOK else "loosely alike"


def _days(days: float) -> str:
    whole = round(days)
    return "less than a day" if whole < 1 else "1 day" if whole == 1 else f"{whole} days"


def _words(index: Index, query: _Query, at: int) -> list[str]:
    """Return the words that gave most, as the query writes them."""
    weights = index.weights
    there = weights.columns[weights.starts[at] : weights.starts[at + 1]]
    given = query.gains
    best = nlargest(2 * _WORDS, (column for column in there.tolist() if column in given), key=given.__getitem__)
    return list(dict.fromkeys(query.names[column] for column in best))[:_WORDS]
