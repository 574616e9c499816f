"""Title, summary and steps hold for whatever findings there are."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bridge.model.finding import Effect, Interval
from bridge.reporting import example, formats, views
from bridge.reporting.build import build, find_template
from bridge.reporting.facts import ReportFacts
from bridge.reporting.gates import problems

Load = Callable[[str], ReportFacts]
PARTS = ("cohort", "impact", "onset", "concentrations", "contrasts", "excerpts", "severity", "workaround", "findings", "related")


def without(facts: ReportFacts, names: tuple[str, ...]) -> ReportFacts:
    empty: dict[str, Any] = {name: () if isinstance(getattr(facts.analysis, name), tuple) else None for name in names}
    return dataclasses.replace(facts, analysis=dataclasses.replace(facts.analysis, **empty))


def test_every_combination_of_missing_findings_gives_a_report(load: Load) -> None:
    facts, path = load("empty-exports"), find_template("bug_report")
    for size in (1, len(PARTS) - 1, len(PARTS)):
        for names in itertools.combinations(PARTS, size):
            report = build(without(facts, names), path)
            assert 10 <= len(report.title) <= 100
            assert problems(report) == [], names
            assert 1 <= len(views.summary(without(facts, names))) <= 5


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "Scheduled exports come out empty after cache-refresh with snapshot_cache_v2, since reporting 4.18.0"),
        ({"contrasts": ()}, "Scheduled exports come out empty in the 15 minutes after job cache-refresh, since reporting 4.18.0"),
        ({"concentrations": ()}, "Scheduled exports come out empty for accounts with snapshot_cache_v2, since reporting 4.18.0"),
        ({"onset": None}, "Scheduled exports come out empty after cache-refresh for accounts with snapshot_cache_v2"),
        ({"contrasts": (), "concentrations": (), "onset": None}, "Scheduled exports come out empty"),
    ],
)
def test_titles_degrade(load: Load, changed: dict[str, Any], expected: str) -> None:
    facts = load("empty-exports")
    assert views.title(dataclasses.replace(facts, analysis=dataclasses.replace(facts.analysis, **changed))) == expected


def test_a_title_without_a_verb_uses_what_is_observed(load: Load) -> None:
    facts = load("empty-exports")
    quiet = dataclasses.replace(facts, investigation=dataclasses.replace(facts.investigation, fails=""))
    assert views.title(quiet) == "Scheduled exports: the file has no rows after cache-refresh with snapshot_cache_v2"


def test_a_title_of_new_errors_names_service_and_counts(load: Load) -> None:
    assert views.title(load("new-errors")) == (
        "ts-order-service: new ERROR 'Connection to {station-db} refus…' in 41 of 300 traces, 0 of 290 before"
    )


def test_a_long_condition_never_makes_a_long_title(load: Load) -> None:
    facts = load("empty-exports")
    contrast = facts.analysis.contrasts[0]
    for length in (1, 30, 60, 90, 200):
        condition = dataclasses.replace(contrast.conditions[0], attribute="x" * length)
        long = dataclasses.replace(facts.analysis, contrasts=(dataclasses.replace(contrast, conditions=(condition,)),))
        assert len(views.title(dataclasses.replace(facts, analysis=long))) <= 100


def test_what_is_observed_reads_on_after_a_colon(load: Load) -> None:
    facts = load("empty-exports")
    spoken = dataclasses.replace(facts, investigation=dataclasses.replace(facts.investigation, observed="The file has no rows."))
    assert views.summary(spoken)[0] == "Scheduled exports come out empty: the file has no rows."


def test_steps_name_start_state_trigger_and_observation(load: Load) -> None:
    found = views.steps(load("empty-exports"))
    assert found is not None
    assert found.start[0].startswith("an account with snapshot_cache_v2 (for example acct_")
    assert len(found.actions) == 3
    assert "has not run them" in found.note
    logged = views.steps(load("new-errors"))
    assert logged is not None
    assert "trace" in logged.actions[0]
    assert views.steps(example.nothing()) is None


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (formats.number(1234567), "1,234,567"),
        (formats.number(Decimal("1234.50")), "1,234.5"),
        (formats.significant(0.123456), "0.123"),
        (formats.significant(1234.5), "1,235"),
        (formats.significant(0.0000123), "1.2e-05"),
        (formats.significant(0), "0"),
        (formats.money(Decimal(1900000), "EUR"), "1.9 M EUR"),
        (formats.money(Decimal("432100.40"), "EUR"), "432,100 EUR"),
        (formats.percent(0.0922), "9.2%"),
        (formats.percent(0.1), "10.0%"),
        (formats.percent(1), "100%"),
        (formats.percent(0), "0%"),
        (formats.percent(0.00096), "0.096%"),
        (formats.of(38, 412), "38 of 412 (9.2%)"),
        (formats.of(0, 0, "events"), "0 of 0 events"),
        (formats.instant(datetime(2026, 3, 10, 10, 5, tzinfo=UTC)), "2026-03-10 10:05 UTC"),
        (formats.instant(datetime(2026, 3, 10, 10, 5, 9, tzinfo=UTC)), "2026-03-10 10:05:09 UTC"),
        (formats.duration(57480), "15 h 58 min"),
        (formats.duration(59), "59 s"),
        (formats.duration(60), "1 min"),
        (formats.duration(93600), "1 d 2 h"),
        (formats.clock(135), "02:15"),
        (formats.clock(1440), "24:00"),
        (formats.effect(Effect(name="risk ratio", value=8.81, interval=Interval(low=7.72, high=10.1))), "8.81 (7.72 to 10.1)"),
        (formats.effect(Effect(name="rate ratio", value=None, interval=Interval(low=210.4, high=None))), "unbounded (at least 210)"),
        (formats.effect(Effect(name="share of accounts", value=0.0922)), "9.2%"),
        (formats.probability(0.031), "0.031"),
        (formats.probability(4e-19), "<1e-18"),
        (formats.probability(0.0), "<1e-300"),
    ],
)
def test_numbers_read_well(shown: str, expected: str) -> None:
    assert shown == expected


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_no_number_is_no_number(broken: float) -> None:
    for show in (formats.number, formats.significant, formats.percent, formats.probability):
        with pytest.raises(ValueError, match="not a"):
            show(broken)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        formats.instant(datetime(2026, 3, 10))  # noqa: DTZ001  # that is the point
