"""Trends: what rises is told with its figures, what does not is not, and too few is said with what would be enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from bridge.analysis.seasonal import bound
from bridge.analysis.trend import WEEK, Series, power, trends, weekly
from bridge.model.change import Change
from bridge.model.finding import Trend

NOW = datetime(2026, 3, 17, tzinfo=UTC)
RELEASE = Change(at=NOW - timedelta(days=6.5), kind="release", name="reporting", version="4.18.0")


def series(name: str, counts: list[int]) -> Series:
    """Return a series with these distinct accounts by week, oldest first."""
    told = tuple(
        (NOW - WEEK * (len(counts) - 1 - at) - timedelta(hours=5 + n % 150), f"ac-{n}") for at, c in enumerate(counts) for n in range(c)
    )
    return Series(subject=name, kind="symptom", told=told, members=tuple(f"T-{n}" for n in range(len(told))))


def judged(*counts: list[int], changes: tuple[Change, ...] = (RELEASE,)) -> list[Trend]:
    """Return the trends of several series in the order they were given."""
    made = [series(str(number), own) for number, own in enumerate(counts)]
    found = {trend.subject: trend for trend in trends(made, now=NOW, since=NOW - WEEK * len(counts[0]), changes=changes)}
    return [found[str(number)] for number in range(len(counts))]


def test_new_since_a_release_names_it() -> None:
    trend = judged([0] * 12 + [15])[0]
    assert (trend.answer, trend.change, trend.recent, trend.before) == ("new", RELEASE, 15, 0)
    assert trend.statement == "15 accounts since release reporting 4.18.0 of Tuesday, 2026-03-10 12:00 UTC, none in the 84 days before."
    assert trend.members == tuple(f"T-{n}" for n in range(15))


def test_forty_per_cent_for_three_weeks() -> None:
    trend = judged([60] * 10 + [84, 84, 84])[0]
    assert (trend.answer, trend.recent_days) == ("rising", 21)
    assert trend.statement.startswith("40 % above baseline for three weeks: 252 accounts against 60 a week before (95 %: 1.2 to")


def test_a_change_that_recurs_is_no_change() -> None:
    job = [Change(at=NOW - timedelta(days=day), kind="job", name="nightly", version=None) for day in range(1, 60)]
    trend = judged([0] * 12 + [15], changes=tuple(job))[0]
    assert (trend.answer, trend.change) == ("new", None)


def test_flat_excludes_the_growth_that_matters() -> None:
    trend = judged([70] * 13)[0]
    assert trend.answer == "flat"
    assert trend.statement == "Flat: 1.00 times the baseline for three weeks (90 %: 0.88 to 1.14)."


@pytest.mark.parametrize(
    "counts", [[1, 0, 2, 1, 0, 1, 1, 2, 0, 1, 1, 0, 3], [0] * 13, [5, 6, 4, 5, 7, 3, 5, 6, 5, 4, 5, 6, 7], [2], [3, 5]]
)
def test_too_few_says_what_would_be_enough_and_it_would(counts: list[int]) -> None:
    trend = judged(counts, changes=())[0]
    assert trend.answer == "too few to tell"
    assert "would be enough" in trend.statement or "are needed" in trend.statement
    if trend.needed is not None:
        assert judged([*counts[:-1], trend.needed], changes=())[0].answer in {"new", "rising"}
        assert str(trend.needed) in trend.statement


def test_a_loud_account_counts_once_a_week() -> None:
    loud = Series(subject="loud", kind="symptom", told=tuple((NOW - timedelta(hours=n), "ac-1") for n in range(1, 100)))
    found = trends([loud], now=NOW, since=NOW - WEEK * 13)[0]
    assert found.counts[-1] == 1
    assert found.answer == "too few to tell"


def test_weeks_that_were_not_observed_are_no_weeks_of_none() -> None:
    assert weekly([(NOW - timedelta(days=1), "a"), (NOW - timedelta(days=9), "a"), (NOW - timedelta(days=30), "b")], NOW, 2.9) == (1, 1)


@pytest.mark.parametrize("ratio", [1, 2, 4])
def test_counts_that_vary_raise_no_false_alarm(ratio: int) -> None:
    generator = np.random.default_rng(7)
    alarms, runs = 0, 25
    for _ in range(runs):
        rates = generator.choice([0.3, 1, 2, 5, 10, 20], 6)
        drawn = [generator.poisson(r, 13) if ratio == 1 else generator.negative_binomial(r / (ratio - 1), 1 / ratio, 13) for r in rates]
        alarms += any(t.answer in {"new", "rising"} for t in judged(*[own.tolist() for own in drawn]))
    assert alarms / runs <= 0.01 + 2 * np.sqrt(0.01 * 0.99 / runs)


def test_power_is_that_of_the_reference() -> None:
    """+40 % for three weeks against twelve, at 30 a week: .77 at .01 in simulations with random counts before; here before is as expected."""
    assert power(30, 1.4, level=0.01) == pytest.approx(0.77, abs=0.06)
    assert power(10, 1.4, level=0.05) == pytest.approx(0.53, abs=0.06)


def test_the_season_is_no_rise_and_an_outbreak_is() -> None:
    generator = np.random.default_rng(3)
    weeks = np.arange(52 * 6)
    counts = generator.poisson(np.exp(1.2 + 1.2 * np.sin(weeks * 2 * np.pi / 52)))
    alarms = [bound(counts[: end + 1], alpha=0.01) for end in range(52 * 5, 52 * 6)]
    assert sum(one.alarm for one in alarms if one is not None) <= 3
    peak = bound(np.append(counts, 60), alpha=0.001)
    assert peak is not None
    assert peak.alarm
    assert peak.expected < 20
    assert bound(counts[:100]) is None


def test_many_years_are_judged_by_the_season() -> None:
    counts = np.random.default_rng(4).poisson(5, 52 * 4).tolist()
    trend = judged([*counts, 40], changes=())[0]
    assert trend.answer == "rising"
    assert "expected for the season" in trend.statement
