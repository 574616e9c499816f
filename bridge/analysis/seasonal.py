"""A bound for this week's count from some years of weeks: the flexible Farrington method.

Quasi-Poisson regression of the past on time and a season of ten levels; the last 26 weeks are left out, so that a beginning
outbreak does not hide itself; past outbreaks weigh less; the bound is a quantile of the negative binomial. Own
port after Noufaily et al. 2013 (Statistics in Medicine 32:1206) and Farrington et al. 1996 (JRSS A 159:547).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

YEAR = 52
FEWEST_YEARS = 3
_YEARS = 5
_HALF = 3
"""Weeks on each side of the same week of earlier years that are its season."""
_SEASONS = 9
"""Further stretches of the year."""
_RECENT = 26
_RESIDUAL = 2.58
"""Standardised residual from which a past week weighs less."""
_ROUNDS = 30
_FEWEST_RECENT, _RECENT_WEEKS = 5, 4
"""Fewer in the last weeks, this one included: no alarm."""

Array = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What this week's count is judged by."""

    expected: float
    highest: float
    """A count above it is an alarm."""
    ratio: float
    """Variance over mean, at least 1."""
    p_value: float
    """Chance of this count or more, for a negative binomial of this mean and ratio."""
    enough: bool
    """Five or more in the last four weeks."""
    alarm: bool


def bound(counts: Array, *, alpha: float = 0.01) -> Bound | None:
    """Judge the last of weekly counts (oldest first) by the weeks before; None with less than three years of them."""
    values = np.asarray(counts, dtype=float)
    now = len(values) - 1
    weeks = np.arange(max(0, now - _YEARS * YEAR - _HALF), now - _RECENT)
    if now < FEWEST_YEARS * YEAR + _HALF:
        return None
    season = _season(weeks, now)
    # A season that the past does not hold has no level of its own.
    levels = [level for level in np.unique(season) if level > 0]
    time = (weeks - now) / YEAR
    design = np.column_stack([np.ones(len(weeks)), time, *((season == level).astype(float) for level in levels)])
    ratio, coefficients = _fit(design, values[weeks])
    expected = float(np.exp(coefficients[0]))  # this week: time 0, its own season
    if expected > values[weeks].max(initial=0.0):  # a trend must not carry it beyond everything seen
        design = np.delete(design, 1, axis=1)
        ratio, coefficients = _fit(design, values[weeks])
        expected = float(np.exp(coefficients[0]))
    law = stats.poisson(expected) if ratio <= 1.0 + 1e-9 else stats.nbinom(expected / (ratio - 1), 1 / ratio)
    highest = float(law.ppf(1 - alpha))
    enough = values[max(0, now + 1 - _RECENT_WEEKS) :].sum() >= _FEWEST_RECENT
    return Bound(
        expected=expected,
        highest=highest,
        ratio=ratio,
        p_value=float(law.sf(values[now] - 1)),
        enough=bool(enough),
        alarm=bool(values[now] > highest and enough),
    )


def _season(weeks: Array, now: int) -> Array:
    """Return 0 for weeks around this one in earlier years, and 1 to 9 for equal stretches of the rest of the year."""
    offset = (weeks - now + _HALF) % YEAR
    rest = YEAR - (2 * _HALF + 1)
    return np.where(offset <= 2 * _HALF, 0, 1 + (offset - 2 * _HALF - 1) * _SEASONS // rest)


def _fit(design: Array, counts: Array) -> tuple[float, Array]:
    """Return variance over mean, and coefficients, with weeks that stand out weighing less."""
    weights = np.ones(len(counts))
    mean, ratio, coefficients, hat = _regress(design, counts, weights)
    residual = _anscombe(counts, mean, ratio, hat)
    out = residual > _RESIDUAL
    if out.any():
        weights = np.where(out, 1 / np.maximum(residual, _RESIDUAL) ** 2, 1.0)
        weights *= len(counts) / weights.sum()
        mean, ratio, coefficients, _ = _regress(design, counts, weights)
    return ratio, coefficients


def _regress(design: Array, counts: Array, weights: Array) -> tuple[Array, float, Array, Array]:
    """Fit log mean by iterated weighted least squares; a ridge of 1e-6 keeps seasons without any count finite."""
    coefficients = np.zeros(design.shape[1])
    coefficients[0] = np.log(max(float(np.average(counts, weights=weights)), 0.05))
    penalty = 1e-6 * np.eye(design.shape[1])
    for _ in range(_ROUNDS):
        line = np.clip(design @ coefficients, -6, 20)
        mean = np.exp(line)
        inner = design.T * (weights * mean)
        step = np.linalg.solve(inner @ design + penalty, inner @ (line + (counts - mean) / mean))
        done = np.abs(step - coefficients).max() < 1e-8  # noqa: PLR2004  far below any rounding of the result
        coefficients = step
        if done:
            break
    mean = np.exp(np.clip(design @ coefficients, -6, 20))
    inner = design.T * (weights * mean)
    hat = np.einsum("ij,jk,ik->i", design, np.linalg.inv(inner @ design + penalty), design) * weights * mean
    free = max(len(counts) - design.shape[1], 1)
    ratio = max(1.0, float((weights * (counts - mean) ** 2 / mean).sum() / free))
    return mean, ratio, coefficients, hat


def _anscombe(counts: Array, mean: Array, ratio: float, hat: Array) -> Array:
    """Return Anscombe residuals by their standard deviation."""
    return 1.5 * (counts ** (2 / 3) - mean ** (2 / 3)) / (mean ** (1 / 6) * np.sqrt(ratio * np.maximum(1 - hat, 1e-6)))
