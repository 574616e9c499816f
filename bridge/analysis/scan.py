"""A scan over a circle or a line of time bins: where do failures pile up beyond the load, again and again?

Statistic of a window with c of C failures and e expected from the load: c ln(c/e) + (C-c) ln((C-c)/(C-e))
for c > e (Kulldorff 1997, with the load as the population). Two things keep one bad day from looking like a
schedule: in each window the day with most failures counts no more than the second, and the maximum over all
windows is compared with replicates in which every day's failures are moved, together, to a random place of
the load profile. What happened in one burst stays one burst; only places that repeat from day to day stand out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import xlogy

from bridge.analysis.statistics import replicate_p

REPLICATES = 499
_MARGIN = 1e-12
_CELLS = 3_000_000
"""Replicates are made in chunks of about this many counters."""

Array = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The best window, and how seldom chance gives one as good anywhere."""

    start: int
    """Bin; on a circle the window may run over its end."""
    width: int
    """Bins."""
    statistic: float
    p_value: float
    critical: float
    """Statistic that 5 % of the replicates reach: what would have been seen."""


def scan(
    bins: Array,
    groups: Array,
    load: Array,
    *,
    widths: tuple[int, ...],
    generator: np.random.Generator,
    circular: bool = True,
    replicates: int = REPLICATES,
) -> Scan | None:
    """Return the strongest window of failures at `bins` (int, 0 <= b < len(load)) against `load` (non-negative weights).

    `groups` says which failures moved together (the day they happened on). None without failures or load.
    """
    bins, load = np.asarray(bins, dtype=np.int64), np.asarray(load, dtype=float)
    if not len(bins) or load.sum() <= 0:
        return None
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    group = group.ravel()
    floor = load.sum() * 1e-3 / len(load)  # a failure where there was no load is unlikely, not impossible
    share = (load + floor) / (load + floor).sum()
    spans = tuple(width for width in widths if width < len(share)) or (max(1, len(share) // 2),)
    found = _statistics(bins[None, :], group, share, spans, circular=circular)
    which = int(np.argmax([values.max() for values in found]))
    observed = float(found[which].max())
    maxima = _replicates(bins, group, share, spans, generator, replicates, circular=circular)
    return Scan(
        start=int(np.argmax(found[which][0])),
        width=spans[which],
        statistic=observed,
        p_value=replicate_p(observed, maxima),
        critical=float(np.quantile(maxima, 0.95)),
    )


def smallest_seen(total: int, share: float, critical: float) -> int | None:
    """Return how many of `total` failures in a window with this share of the load would have been seen; None: not even all."""
    inside = np.arange(1, total + 1, dtype=float)
    seen = np.flatnonzero(_ratios(inside, share, np.full(total, float(total))) > critical)
    return int(inside[seen[0]]) if len(seen) else None


def _replicates(
    bins: Array, group: Array, share: Array, spans: tuple[int, ...], generator: np.random.Generator, replicates: int, *, circular: bool
) -> Array:
    upper = np.cumsum(share)
    upper /= upper[-1]
    lower = np.concatenate([[0.0], upper[:-1]])
    groups = int(group.max()) + 1
    chunk = max(1, min(replicates, _CELLS // max(len(share) * groups, len(bins))))
    maxima = []
    for begin in range(0, replicates, chunk):
        size = min(chunk, replicates - begin)
        # A failure's place in the load is spread over its bin, then its whole day is turned by one random angle.
        place = lower[bins] + (upper[bins] - lower[bins]) * generator.random((size, len(bins)))
        turned = (place + generator.random((size, groups))[:, group]) % 1.0
        moved = np.minimum(np.searchsorted(upper, turned.ravel(), side="right"), len(share) - 1).reshape(size, -1)
        maxima.append(np.max([values.max(axis=1) for values in _statistics(moved, group, share, spans, circular=circular)], axis=0))
    return np.concatenate(maxima)


def _statistics(bins: Array, group: Array, share: Array, spans: tuple[int, ...], *, circular: bool) -> list[Array]:
    """Return, a width each, the statistic of every window: shape (rows of `bins`, windows)."""
    rows, total, groups, size = len(bins), bins.shape[1], int(group.max()) + 1, len(share)
    flat = (np.arange(rows)[:, None] * groups + group[None, :]) * size + bins
    counts = np.bincount(flat.ravel(), minlength=rows * groups * size).reshape(rows * groups, size)
    found = []
    for width in spans:
        inside = _windows(counts, width, circular=circular).reshape(rows, groups, -1)
        all_days = inside.sum(axis=1)
        excess = _excess(inside)
        expected = _windows(share[None, :], width, circular=circular)[0]
        found.append(_ratios((all_days - excess).astype(float), expected, (total - excess).astype(float)))
    return found


def _excess(inside: Array) -> Array:
    """Return by how much the first day exceeds the second in each window; a single day has nothing to repeat."""
    if inside.shape[1] == 1:
        return inside[:, 0]
    top = np.partition(inside, inside.shape[1] - 2, axis=1)[:, -2:]
    return top[:, 1] - top[:, 0]


def _windows(values: Array, width: int, *, circular: bool) -> Array:
    """Return sums over windows of `width` columns at every start (circular), or at every start that fits."""
    if circular:
        values = np.concatenate([values, values[:, : width - 1]], axis=1)
    sums = np.cumsum(values, axis=1)
    return np.concatenate([sums[:, width - 1 : width], sums[:, width:] - sums[:, :-width]], axis=1)


def _ratios(inside: Array, share: Array | float, total: Array) -> Array:
    expected = np.maximum(share * total, _MARGIN)
    outside = total - inside
    values = xlogy(inside, np.maximum(inside, _MARGIN) / expected) + xlogy(outside, outside / np.maximum(total - expected, _MARGIN))
    return np.where(inside > expected, values, 0.0)
