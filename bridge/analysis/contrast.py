"""Contrast: which attribute value, or pair of values, affected accounts share and comparable accounts don't.

One-sided hypergeometric test (Fisher) for every value and pair, Benjamini-Hochberg over everything that was tried, an
effect floor, and the shorter rule first: a pair stands only if each of its parts still separates inside the other
(corrected for the refinements tried). What is left is ordered by p; a rule that separates nobody once a better one is
known is explained by it, and one that marks the same units is named together with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bridge.analysis.attributes import FEWEST_UNITS, Items
from bridge.analysis.statistics import ALPHA, corrected, enrichment, matters, ratio_effect
from bridge.model.finding import Condition, Contrast

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

REFINEMENT_ALPHA = 0.05
"""For the second condition of a pair, after the correction for how many were tried."""
SAME = 0.95
"""Two rules whose marks correlate so much (phi) separate the same units."""
_LISTED = 5
_LOOKED_AT = 400
"""Candidates that are compared with one another, best first."""
FEWEST_AFFECTED = 3

Array = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrasts:
    """What was found, what is explained by it, and what was tried."""

    found: tuple[Contrast, ...] = ()
    explained: tuple[tuple[Contrast, int], ...] = ()
    """Further separating rules, each with the index in `found` of the rule that explains it."""
    tried: int = 0
    affected: int = 0
    control: int = 0
    best_q: float = 1.0
    seen: int | None = None
    """How many affected units with a value that 10 % of the controls carry would have been seen."""
    masks: tuple[Array, ...] = ()
    """bool by unit, for each of `found`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    parts: tuple[int, ...]
    mask: Array
    log_p: float
    p: float
    q: float


def contrasts(items: Items, affected: NDArray[np.bool_], *, event_attributes: Collection[str] = (), methods: int = 1) -> Contrasts:
    """Compare affected units with the others (bool by unit); `methods` shares the 5 % with other methods."""
    count, others = int(affected.sum()), int((~affected).sum())
    if count < FEWEST_AFFECTED or others < FEWEST_UNITS or not len(items.matrix):
        return Contrasts(affected=count, control=others)
    first, second, hits, drawn, tried = _pairs(items, affected)
    p = enrichment(hits, count, len(affected), drawn)
    q = corrected(p, tried)
    level = ALPHA / methods
    safe = np.maximum(drawn - hits, 0)
    good = (q <= level) & (hits >= FEWEST_UNITS) & matters(hits, count, safe, others)
    good &= _needed(items, affected, first, second, hits, drawn, good)
    order = np.flatnonzero(good)
    order = order[np.lexsort((first[order] != second[order], p[order]))][:_LOOKED_AT]
    rules = [_rule(items, int(first[i]), int(second[i]), float(p[i]), float(q[i])) for i in order]
    found, same, explained = _sift(rules, affected, tried)

    def contrast(rule: _Rule, confounded: tuple[Condition, ...] = ()) -> Contrast:
        return _contrast(rule, items, affected, frozenset(event_attributes), confounded)

    return Contrasts(
        found=tuple(contrast(rule, _confounded(items, rule, same[i])) for i, rule in enumerate(found)),
        explained=tuple((contrast(rule), index) for rule, index in explained),
        tried=tried,
        affected=count,
        control=others,
        best_q=float(q.min()) if len(q) else 1.0,
        seen=_smallest_seen(count, others, level / max(1, tried)),
        masks=tuple(rule.mask for rule in found),
    )


def _pairs(items: Items, affected: Array) -> tuple[Array, Array, Array, Array, int]:
    """Return item indices, affected and all units of every single (first == second) and pair, and how many were tried.

    Pairs of one attribute's values, and pairs that too few units carry, are not tried; those listed have enough affected.
    """
    matrix = items.matrix.astype(np.float32)
    together = np.rint(matrix @ matrix.T).astype(np.int64)
    marked = matrix[:, affected]
    hit = np.rint(marked @ marked.T).astype(np.int64)
    names = np.array([condition.attribute for condition in items.conditions])
    allowed = np.triu(names[:, None] != names[None, :])
    np.fill_diagonal(allowed, val=True)
    allowed &= together >= FEWEST_UNITS
    # A pair that marks just what one of its parts marks is that part.
    alone = np.diag(together)
    same = (together == alone[:, None]) | (together == alone[None, :])
    np.fill_diagonal(same, val=False)
    allowed &= ~same
    tried = int(np.count_nonzero(allowed))
    first, second = np.nonzero(allowed & (hit >= FEWEST_UNITS))
    return first, second, hit[first, second], together[first, second], tried


def _needed(items: Items, affected: Array, first: Array, second: Array, hits: Array, drawn: Array, good: Array) -> Array:
    """Tell which rules need all of their parts: inside each part alone, the other one still separates."""
    needed = np.ones(len(first), dtype=bool)
    pairs = np.flatnonzero((first != second) & good)
    if not len(pairs):
        return needed
    size, marked = items.matrix.sum(axis=1), items.matrix[:, affected].sum(axis=1)
    tests = len(items.matrix)
    for part in (first[pairs], second[pairs]):
        p = enrichment(hits[pairs], marked[part], size[part], drawn[pairs])
        inside = matters(hits[pairs], np.maximum(marked[part], 1), drawn[pairs] - hits[pairs], np.maximum(size[part] - marked[part], 1))
        needed[pairs] &= (p * tests <= REFINEMENT_ALPHA) & inside
    return needed


def _rule(items: Items, first: int, second: int, p: float, q: float) -> _Rule:
    parts = (first,) if first == second else (first, second)
    return _Rule(parts=parts, mask=np.logical_and.reduce(items.matrix[list(parts)]), log_p=math.log(max(p, 1e-300)), p=p, q=q)


def _sift(rules: list[_Rule], affected: Array, tried: int) -> tuple[list[_Rule], list[list[_Rule]], list[tuple[_Rule, int]]]:
    """Keep rules that say something the better ones don't; sort the rest under the rule that explains them."""
    found: list[_Rule] = []
    same: list[list[_Rule]] = []
    explained: list[tuple[_Rule, int]] = []
    for rule in rules:
        twin = next((i for i, kept in enumerate(found) if _phi(kept.mask, rule.mask) >= SAME), None)
        if twin is not None:
            same[twin].append(rule)
            continue
        by = next((i for i, kept in enumerate(found) if not _adds(rule.mask, kept.mask, affected, tried)), None)
        if by is not None:
            explained.append((rule, by))
        elif len(found) < _LISTED:
            found.append(rule)
            same.append([])
    return found, same, explained[: 2 * _LISTED]


def _phi(one: Array, two: Array) -> float:
    if one.all() or two.all() or not one.any() or not two.any():
        return float(np.array_equal(one, two))
    return float(np.corrcoef(one, two)[0, 1])


def _adds(mask: Array, known: Array, affected: Array, tried: int) -> bool:
    """Tell whether `mask` separates affected units among those that `known` marks, or among those that it doesn't."""
    for stratum in (known, ~known):
        units, hits = int(stratum.sum()), int((mask & affected & stratum).sum())
        if hits < FEWEST_UNITS:
            continue
        p = float(enrichment(hits, int((affected & stratum).sum()), units, int((mask & stratum).sum())))
        if p * tried <= ALPHA:
            return True
    return False


def _confounded(items: Items, rule: _Rule, same: list[_Rule]) -> tuple[Condition, ...]:
    own = {items.conditions[i] for i in rule.parts}
    singles = [twin for twin in same if len(twin.parts) == 1]
    named = [items.conditions[i] for twin in singles for i in twin.parts]
    return tuple(dict.fromkeys(condition for condition in named if condition not in own))


def _contrast(rule: _Rule, items: Items, affected: Array, event_attributes: frozenset[str], confounded: tuple[Condition, ...]) -> Contrast:
    conditions = tuple(items.conditions[i] for i in rule.parts)
    inside, total = int((rule.mask & affected).sum()), int(affected.sum())
    others, control = int((rule.mask & ~affected).sum()), int((~affected).sum())
    return Contrast(
        conditions=conditions,
        unit="events" if any(condition.attribute in event_attributes for condition in conditions) else "accounts",
        affected=inside,
        affected_total=total,
        control=others,
        control_total=control,
        ratio=ratio_effect("ratio of shares", inside, total, others, control),
        p_value=rule.p,
        q_value=rule.q,
        confounded=confounded,
    )


def _smallest_seen(affected: int, control: int, level: float) -> int | None:
    base = round(control * 0.1)
    hits = np.arange(1, affected + 1)
    seen = np.flatnonzero(enrichment(hits, affected, affected + control, hits + base) <= level)
    return int(hits[seen[0]]) if len(seen) else None
