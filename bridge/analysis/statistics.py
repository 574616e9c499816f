"""Exact tests and intervals that the findings share. Counts are of accounts or traces, never of log lines.

Sources: Wilson 1927 (one share), Newcombe 1998 (difference), Katz 1978 (ratio), Garwood 1934 (Poisson),
Benjamini and Hochberg 1995 (many tests), Mann and Whitney 1947 (two samples), Przyborowski and Wilenski 1940 (two Poisson counts),
Abrams, Kulldorff and Kleinman 2010 (Gumbel tail of a scan's replicates).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from bridge.model.finding import Effect, Interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

ALPHA = 0.05
RATIO_FLOOR = 1.5
"""An effect counts when the lower bound of its ratio reaches this ..."""
DIFFERENCE_FLOOR = 0.05
"""... or the lower bound of its difference reaches this (5 points)."""
_Z = 1.959963984540054
_EULER = 0.5772156649015329

Floats = Any
"""A numpy array of float64: numpy's generics say less than they cost here."""


def wilson(successes: int, total: int) -> Interval:
    """Return the 95 % interval of a share; [0, 1] when nothing was counted."""
    if total == 0:
        return Interval(low=0.0, high=1.0)
    share = successes / total
    spread = _Z * math.sqrt(share * (1 - share) / total + _Z * _Z / (4 * total * total))
    centre = share + _Z * _Z / (2 * total)
    scale = 1 + _Z * _Z / total
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == total else (centre + spread) / scale
    return Interval(low=max(0.0, low), high=min(1.0, high))


def poisson(count: int, exposure: float) -> Interval:
    """Return the exact 95 % interval of a rate; unbounded above when there is no exposure."""
    if exposure <= 0:
        return Interval(low=0.0, high=None)
    low = 0.0 if count == 0 else float(stats.chi2.ppf(0.025, 2 * count)) / 2
    return Interval(low=low / exposure, high=float(stats.chi2.ppf(0.975, 2 * count + 2)) / 2 / exposure)


def difference_low(k1: ArrayLike, n1: ArrayLike, k0: ArrayLike, n0: ArrayLike) -> Floats:
    """Return the lower 95 % bound of k1/n1 - k0/n0 (Newcombe's hybrid score); totals must be positive."""
    one, two = _wilson_bounds(k1, n1), _wilson_bounds(k0, n0)
    share1, share0 = np.divide(k1, n1), np.divide(k0, n0)
    return share1 - share0 - np.sqrt((share1 - one[0]) ** 2 + (two[1] - share0) ** 2)


def ratio_bounds(k1: ArrayLike, n1: ArrayLike, k0: ArrayLike, n0: ArrayLike) -> tuple[Floats, Floats]:
    """Return the 95 % bounds of (k1/n1)/(k0/n0) on the log scale, with half a count added where one of them is zero."""
    a, b, c, d = (np.asarray(value, dtype=float) for value in (k1, n1, k0, n0))
    zero = (a == 0) | (c == 0)
    half = np.where(zero, 0.5, 0.0)
    a, b, c, d = a + half, b + half, c + half, d + half
    centre = np.log(a / b) - np.log(c / d)
    spread = _Z * np.sqrt(np.maximum(1 / a - 1 / b + 1 / c - 1 / d, 0.0))
    return np.exp(centre - spread), np.exp(centre + spread)


def ratio_effect(name: str, k1: int, n1: int, k0: int, n0: int) -> Effect:
    """Return a ratio of shares as an effect; its value and upper bound are None when the other side has none."""
    if not n1 or not n0:
        return Effect(name=name, value=None, interval=None)
    low, high = ratio_bounds(k1, n1, k0, n0)
    if k0 == 0:
        return Effect(name=name, value=None, interval=Interval(low=float(low), high=None))
    return Effect(name=name, value=(k1 / n1) / (k0 / n0), interval=Interval(low=float(low), high=float(high)))


def matters(k1: ArrayLike, n1: ArrayLike, k0: ArrayLike, n0: ArrayLike) -> NDArray[np.bool_]:
    """Tell where the effect is big enough to report: floor on the ratio's or the difference's lower bound."""
    big = (ratio_bounds(k1, n1, k0, n0)[0] >= RATIO_FLOOR) | (difference_low(k1, n1, k0, n0) >= DIFFERENCE_FLOOR)
    return np.asarray(big, dtype=bool)


def enrichment(hits: ArrayLike, marked: ArrayLike, units: ArrayLike, drawn: ArrayLike) -> Floats:
    """Return P(X >= hits) when `marked` of `units` are drawn and `drawn` of them carry the value: Fisher, one-sided.

    Broadcasts; equal rows are computed once, which makes tens of thousands of hypotheses cheap.
    """
    k, big_k, n, small_n = np.broadcast_arrays(*(np.asarray(v, dtype=np.int64) for v in (hits, marked, units, drawn)))
    rows = np.stack([k.ravel(), big_k.ravel(), n.ravel(), small_n.ravel()], axis=1)
    if not len(rows):
        return np.zeros(k.shape)
    unique, where = np.unique(rows, axis=0, return_inverse=True)
    p = stats.hypergeom.sf(unique[:, 0] - 1, unique[:, 2], unique[:, 1], unique[:, 3])
    return np.clip(p, 0.0, 1.0)[where.ravel()].reshape(k.shape)


def corrected(p: ArrayLike, tried: int | None = None) -> Floats:
    """Return Benjamini-Hochberg q-values; `tried` counts hypotheses that are not listed, too (their p is taken as 1)."""
    values = np.asarray(p, dtype=float)
    count = max(len(values), tried or 0)
    if not len(values):
        return values
    order = np.argsort(values, kind="stable")
    scaled = values[order] * count / np.arange(1, len(values) + 1)
    q = np.empty_like(values)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q


def corrected_discrete(p: ArrayLike, least: ArrayLike, alpha: float = ALPHA) -> Floats:
    """Return Benjamini-Hochberg q-values over those hypotheses that could be shown at all; 1 for the others.

    `least` is the smallest p-value that each test's margins allow. Of K hypotheses, those whose least p is above alpha / K
    can't be shown: the smallest K that is no less than the number of the others is corrected for (Tarone 1990; for the
    false discovery rate Gilbert 2005). The margins say nothing about the hypothesis.
    """
    values, bounds = np.asarray(p, dtype=float), np.sort(np.asarray(least, dtype=float))
    q = np.ones(len(values))
    if not len(values):
        return q
    counts = np.arange(1, len(values) + 1)
    able = np.searchsorted(bounds, alpha / counts, side="right")
    tried = int(counts[able <= counts][0]) if (able <= counts).any() else len(values)
    shown = np.asarray(least, dtype=float) <= alpha / tried
    q[shown] = corrected(values[shown], tried)
    return q


def replicate_p(observed: float, maxima: Floats) -> float:
    """Return P(a replicate reaches `observed`): their share, or the tail of a fitted Gumbel law where none does.

    The tail never claims less than 1e-12, nor more than the share allows.
    """
    reached = int(np.count_nonzero(maxima >= observed - 1e-9))
    share = (reached + 1) / (len(maxima) + 1)
    spread = float(np.std(maxima))
    if reached or spread <= 0:
        return share
    scale = spread * math.sqrt(6) / math.pi
    place = float(np.mean(maxima)) - _EULER * scale
    tail = -math.expm1(-math.exp(-min(700.0, (observed - place) / scale)))
    return max(1e-12, min(share, tail))


def larger(ours: Mapping[float, float], theirs: Mapping[float, float]) -> float:
    """Return the one-sided p that our values are larger, each with how often it was seen: Mann-Whitney, normal, corrected for ties."""
    values = np.array(sorted(ours.keys() | theirs.keys()))
    a, b = (np.array([side.get(value, 0.0) for value in values.tolist()]) for side in (ours, theirs))
    both, n1, n2 = a + b, float(a.sum()), float(b.sum())
    total = n1 + n2
    ranks = np.cumsum(both) - both + (both + 1) / 2
    u = float((a * ranks).sum()) - n1 * (n1 + 1) / 2
    ties = float(np.maximum(both**3 - both, 0.0).sum()) / (total * (total - 1))
    variance = n1 * n2 / 12 * (total + 1 - ties)
    return float(stats.norm.sf((u - n1 * n2 / 2 - 0.5) / math.sqrt(variance))) if variance > 0 else 1.0


def weighted_median(values: Mapping[float, float]) -> float:
    """Return the median of values that were seen so often."""
    known = sorted(values.items())
    reached = np.cumsum([times for _, times in known])
    low, high = (int(np.searchsorted(reached, reached[-1] / 2, side=side)) for side in ("left", "right"))
    return (known[low][0] + known[min(high, len(known) - 1)][0]) / 2


def dispersion(counts: ArrayLike, exposure: ArrayLike, *, cautious: bool = True, least: float = 1.0) -> float:
    """Return variance over mean of counts by block against their exposure, at least `least` (Pearson's chi-square by its degrees).

    `cautious` takes the upper quartile that few blocks allow (chi-square's .25 quantile): a ratio estimated from 12
    blocks is too small half of the time.
    """
    k, n = np.asarray(counts, dtype=float), np.asarray(exposure, dtype=float)
    used = n > 0
    k, n = k[used], n[used]
    degrees = len(k) - 1
    if degrees < 1 or k.sum() == 0:
        return 1.0
    expected = k.sum() * n / n.sum()
    pearson = float((((k - expected) ** 2) / expected).sum())
    below = float(stats.chi2.ppf(0.25, degrees)) if cautious else float(degrees)
    return max(least, pearson / max(below, 1e-9))


def more_than_before(before: int, exposure_before: float, after: int, exposure_after: float, *, ratio: float = 1.0) -> float:
    """Return the one-sided p that the rate rose between two counts (C-test); `ratio` is variance over mean.

    Above 1 the later count is beta-binomial with the parameters that a negative binomial of this ratio implies.
    """
    total, exposure = before + after, exposure_before + exposure_after
    if total == 0 or exposure_before <= 0 or exposure_after <= 0:
        return 1.0
    if ratio <= 1.0 + 1e-9:
        return float(stats.binom.sf(after - 1, total, exposure_after / exposure))
    rate = total / exposure
    scale = rate / (ratio - 1)
    return float(stats.betabinom.sf(after - 1, total, exposure_after * scale, exposure_before * scale))


def _wilson_bounds(successes: ArrayLike, total: ArrayLike) -> tuple[Floats, Floats]:
    k, n = np.asarray(successes, dtype=float), np.asarray(total, dtype=float)
    share = k / n
    spread = _Z * np.sqrt(share * (1 - share) / n + _Z * _Z / (4 * n * n))
    centre, scale = share + _Z * _Z / (2 * n), 1 + _Z * _Z / n
    return (centre - spread) / scale, (centre + spread) / scale
