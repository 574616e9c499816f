"""The score: what a case's report holds by its facts, its ceiling, and the command for each missing part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bridge.model.finding import Analysis
from bridge.reporting import example
from bridge.reporting.build import build, find_template
from bridge.reporting.elements import ELEMENTS, elements
from bridge.reporting.facts import ReportFacts
from bridge.reporting.score import TOTAL, Score, score


def scored(facts: ReportFacts) -> Score:
    return score(facts, build(facts, find_template("bug_report")))


def analysed(**parts: Any) -> ReportFacts:
    facts = example.full()
    analysis: Analysis = replace(facts.analysis, **parts)
    return replace(facts, analysis=analysis)


def test_the_parts_add_up_to_a_hundred_with_the_weights_of_the_rubric() -> None:
    found: dict[str, float] = {}
    for part in scored(example.full()).parts:
        found[part.id] = found.get(part.id, 0) + part.points
    assert found == {
        "R1": 16, "R2": 10, "R3": 12, "R4": 11, "R5": 7, "R6": 7, "R7": 3, "R8": 5, "R9": 6,
        "I1": 5, "I2": 3, "I3": 3, "I4": 3, "T1": 2, "T2": 3, "T3": 2, "F1": 1, "F2": 1,
    }  # fmt: skip
    assert sum(found.values()) == TOTAL


def test_a_full_case_has_all_points() -> None:
    full = scored(example.full())
    assert (full.points, full.ceiling) == (100, 100)
    assert not full.missing


@pytest.mark.parametrize(
    ("facts", "lost"),
    [
        (replace(example.full(), reproduction=None), {"R2", "R4"}),
        (replace(example.full(), promise=""), {"T1"}),
        (replace(example.full(), alike=None), {"T3"}),
        (replace(example.full(), evidence=()), {"T2"}),
        (analysed(excerpts=()), {"R3"}),
        (analysed(onset=None), {"R9", "R8"}),
        (analysed(severity=None), {"I3"}),
        (analysed(impact=None), {"I1", "I2", "R5"}),
        (replace(example.full(), investigation=replace(example.full().investigation, observed="", cannot_tell="")), {"R5", "T3"}),
    ],
    ids=["not reproduced", "no promise", "not looked for", "no evidence", "no logs", "no onset", "no severity", "no impact", "bare entry"],
)
def test_what_is_not_there_loses_its_points_and_says_how_to_get_it(facts: ReportFacts, lost: set[str]) -> None:
    found = scored(facts)
    assert {part.id for part in found.missing} == lost
    assert found.ceiling == TOTAL
    assert found.points == pytest.approx(TOTAL - sum(part.points * (1 - part.share) for part in found.missing), abs=0.1)
    assert all(part.command.startswith("bridge ") for part in found.missing)


def test_without_a_target_the_ceiling_is_79_and_says_why() -> None:
    facts = replace(example.full(), reproduction=None, available=frozenset({"accounts", "changes"}))
    found = scored(facts)
    assert (found.points, found.ceiling, found.percent) == (79, 79, 100)
    assert {part.id for part in found.out_of_reach} == {"R2", "R4"}
    assert "reproduction.targets" in found.out_of_reach[0].unreachable
    assert found.sentence() == "79 of the 79 points that can be had here (100 %)"


def test_log_events_alone_lower_the_ceiling(load: Callable[[str], ReportFacts]) -> None:
    found = scored(replace(load("new-errors"), available=frozenset()))
    assert found.ceiling == 65
    assert found.points < found.ceiling


RAW = """Export is empty
Steps to reproduce:
1. open a report
2. run the export
Expected results: rows. Actual results: none, it fails with NullPointerException.
    at com.example.Export.run(Export.java:41)
2026-03-11 02:04:11 ERROR Export: no rows
Since upgrading to version 4.18.0 on Ubuntu it happens every time, for all customers.
Workaround: run it again.
"""


def test_a_raw_report_is_read_for_eleven_elements() -> None:
    assert len(ELEMENTS) == 11
    assert elements(RAW).missing == ()
    assert elements("It is slow. Please help.").present == ()
    assert elements("the export fails").present == ("observed",)
