"""Rates, repeats and the sequential test; standard library only.

Wilson, Probable Inference (JASA 1927); Wald, Sequential Tests of Statistical Hypotheses (1945).
"""

from __future__ import annotations

import math
from typing import Final, Literal

Z: Final = 1.959963984540054
"""95 %, two-sided."""
MISS: Final = 0.05
"""How often a failure may be missed by the repeats."""


def wilson(seen: int, runs: int, z: float = Z) -> tuple[float, float]:
    """Return the 95 % interval of a rate; (0, 1) for no runs."""
    if runs <= 0:
        return 0.0, 1.0
    rate, square = seen / runs, z * z
    centre = (rate + square / (2 * runs)) / (1 + square / runs)
    half = z * math.sqrt(rate * (1 - rate) / runs + square / (4 * runs * runs)) / (1 + square / runs)
    low = 0.0 if seen == 0 else max(0.0, centre - half)
    return low, 1.0 if seen == runs else min(1.0, centre + half)


def repeats(rate: float, miss: float = MISS) -> int:
    """Return how many clean runs in a row leave less than `miss` doubt when the failure shows with this rate."""
    if not 0 < rate <= 1:
        raise ValueError(f"a rate lies in (0, 1], not {rate}")
    return 1 if rate >= 1 else math.ceil(math.log(miss) / math.log(1 - rate) - 1e-12)


def sequential(
    seen: int, runs: int, *, background: float, rate: float, alpha: float = 0.01, beta: float = 0.01
) -> Literal["yes", "no", "more"]:
    """Wald's test after `runs` runs: does this fail with `rate` (yes) or only with `background` (no)?"""
    score = seen * math.log(rate / background) + (runs - seen) * math.log((1 - rate) / (1 - background))
    if score >= math.log((1 - beta) / alpha):
        return "yes"
    return "no" if score <= math.log(beta / (1 - alpha)) else "more"
