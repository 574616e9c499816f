from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bridge.analysis.statistics import (
    corrected,
    corrected_discrete,
    difference_low,
    dispersion,
    enrichment,
    larger,
    matters,
    more_than_before,
    poisson,
    ratio_effect,
    replicate_p,
    weighted_median,
    wilson,
)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"), [(38, 412, 0.0680, 0.1242), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (0, 0, 0.0, 1.0)]
)
def test_wilson(k: int, n: int, low: float, high: float) -> None:
    interval = wilson(k, n)
    assert interval.low == pytest.approx(low, abs=2e-4)
    assert interval.high == pytest.approx(high, abs=2e-4)


def test_poisson_is_exact_and_zero_gives_the_rule_of_three_and_more() -> None:
    assert poisson(0, 1).high == pytest.approx(3.689, abs=1e-3)
    assert poisson(10, 2).low == pytest.approx(2.398, abs=1e-3)
    assert poisson(10, 2).high == pytest.approx(9.195, abs=1e-3)
    assert poisson(3, 0).high is None


@given(st.integers(0, 12), st.integers(1, 12), st.integers(0, 12), st.integers(1, 12))
def test_enrichment_is_fisher_one_sided(a: int, b: int, c: int, d: int) -> None:
    expected = stats.fisher_exact([[a, b], [c, d]], alternative="greater").pvalue
    assert float(enrichment(a, a + b, a + b + c + d, a + c)) == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_correction_is_benjamini_hochberg(p: list[float]) -> None:
    assert corrected(p) == pytest.approx(stats.false_discovery_control(p))
    assert (corrected(p, 100) >= corrected(p) - 1e-12).all()


def test_effect_floor() -> None:
    # certain and small: 20 against 25 % of many; big and uncertain: 3 of 5 against 2 of 5; both: 38 of 38 against 20 %
    assert matters([1250, 3, 38], [5000, 5, 38], [10_000, 2, 23], [50_000, 5, 115]).tolist() == [False, False, True]
    assert float(difference_low(38, 38, 0, 115)) > 0.85


def test_a_ratio_against_none_is_unbounded() -> None:
    effect = ratio_effect("ratio", 38, 38, 0, 115)
    assert effect.value is None
    assert effect.interval is not None
    assert effect.interval.high is None
    assert effect.interval.low > 10


def test_two_counts_against_the_reference_table() -> None:
    # power for +40 % in 3 weeks against 12, 20 tickets a week, alpha .01: .57 in the reference
    generator = np.random.default_rng(3)
    before, after = generator.poisson(20 * 12, 1500), generator.poisson(28 * 3, 1500)
    power = np.mean([more_than_before(int(b), 12, int(a), 3) <= 0.01 for b, a in zip(before, after, strict=True)])
    assert power == pytest.approx(0.57, abs=0.05)


def test_overdispersion_makes_the_two_count_test_careful() -> None:
    assert more_than_before(120, 12, 50, 3, ratio=4) > more_than_before(120, 12, 50, 3, ratio=1)
    assert more_than_before(0, 0, 5, 1) == 1.0


def test_dispersion_of_poisson_counts_is_about_one_and_of_a_burst_large() -> None:
    generator = np.random.default_rng(5)
    assert np.mean([dispersion(generator.poisson(20, 200), np.ones(200), cautious=False) for _ in range(20)]) == pytest.approx(
        1.05, abs=0.06
    )
    assert dispersion([30] + [0] * 11, np.ones(12)) > 20
    assert dispersion([], []) == 1.0


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000))
def test_gumbel_tail_continues_the_replicates(seed: int) -> None:
    maxima = np.random.default_rng(seed).gumbel(5, 1, 499)
    assert replicate_p(float(np.sort(maxima)[250]), maxima) == pytest.approx(0.5, abs=0.01)
    far = replicate_p(5 + 12.0, maxima)
    assert 1e-8 < far < 1e-3
    assert replicate_p(1e6, maxima) == 1e-12


@given(st.lists(st.tuples(st.floats(1e-9, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_the_discrete_correction_lies_between_none_and_bonferroni_and_keeps_the_order(pairs: list[tuple[float, float]]) -> None:
    p = np.array([value for value, _ in pairs])
    least = p * np.array([share for _, share in pairs])
    q = corrected_discrete(p, least)
    assert (q >= p - 1e-12).all()
    able = q < 1
    assert (q[able] <= p[able] * len(p) + 1e-12).all()
    order = np.argsort(p[able])
    assert (np.diff(q[able][order]) >= -1e-12).all()


def test_tests_that_can_show_nothing_are_not_corrected_for() -> None:
    assert corrected_discrete([0.01, 1.0, 1.0, 1.0], [0.001, 0.5, 0.5, 1.0])[0] == pytest.approx(0.01)
    assert corrected_discrete([0.01] * 4, [0.001] * 4)[0] == pytest.approx(0.01)
    assert corrected_discrete([0.01, 1.0, 1.0, 1.0], [0.001] * 4)[0] == pytest.approx(0.04)
    assert corrected_discrete([], []).tolist() == []


def test_the_discrete_correction_keeps_its_level() -> None:
    """Forty null tables at a time with few hits: one is called different in at most 5 % of the runs."""
    generator = np.random.default_rng(5)
    alarms, runs = 0, 400
    for _ in range(runs):
        rate = generator.choice([0.0, 0.02, 0.1], 40)
        hits, before = generator.binomial(30, rate), generator.binomial(20, rate)
        p, least = (enrichment(k, hits + before, 50, 30) for k in (hits, np.minimum(hits + before, 30)))
        alarms += bool((corrected_discrete(p, least) <= 0.05).any())
    assert alarms / runs <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / runs)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=9, max_size=80), st.lists(st.integers(0, 30), min_size=9, max_size=80))
def test_larger_is_mann_whitney_over_counts(ours: list[int], theirs: list[int]) -> None:
    expected = stats.mannwhitneyu(ours, theirs, alternative="greater", method="asymptotic").pvalue
    found = larger(*({float(key): float(count) for key, count in Counter(side).items()} for side in (ours, theirs)))
    assert found == pytest.approx(1.0 if len({*ours, *theirs}) == 1 else float(expected))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-5, 30), min_size=1, max_size=60))
def test_a_weighted_median_is_the_median(values: list[int]) -> None:
    assert weighted_median({float(key): float(count) for key, count in Counter(values).items()}) == float(np.median(values))
