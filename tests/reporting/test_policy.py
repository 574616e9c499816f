"""What leaves to whom: the same case for four destinations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from bridge.config.privacy import PrivacyConfig
from bridge.filing.verdict import VerdictNote
from bridge.model.privacy import DESTINATIONS, POLICIES, Policy
from bridge.reporting import example
from bridge.reporting.build import Report, build, find_template
from bridge.reporting.facts import LEFT_OUT, ReportFacts, masked, masked_analysis, masked_counts, ticket_views
from bridge.reporting.gates import problems
from bridge.workflow import verify

if TYPE_CHECKING:
    from bridge.workflow.context import Context


@pytest.fixture
def empty_exports(load: Callable[[str], ReportFacts]) -> ReportFacts:
    return load("empty-exports")


def given(facts: ReportFacts, policy: Policy) -> ReportFacts:
    return dataclasses.replace(facts, policy=policy)


def everything(report: Report) -> str:
    parts = [report.title, report.markdown, report.wiki, report.adf, report.html]
    return "\n".join([*parts, *(data.decode("utf-8", "replace") for data in report.attachments.values())])


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_every_destination_gets_a_report_that_passes_its_gates(empty_exports: ReportFacts, destination: str) -> None:
    facts = given(empty_exports, POLICIES[destination])
    report = build(facts, find_template("bug_report"))
    assert report.destination == destination
    assert problems(report) == []
    names = {name for name in report.attachments if name in {"affected.csv", "method.json"}}
    assert names == {"affected.csv", "method.json"} - {part.replace("_", ".") for part in facts.policy.leave_out}


def test_the_public_sees_no_account_and_no_words_of_customers(empty_exports: ReportFacts) -> None:
    facts = given(empty_exports, POLICIES["public"])
    text = everything(build(facts, find_template("bug_report")))
    cohort = empty_exports.analysis.cohort
    assert cohort is not None
    for name in {account.name for account in cohort.affected} | {left.name for left in cohort.left_out}:
        assert name not in text
    for ticket in empty_exports.case.tickets:
        assert ticket.subject not in text
        assert ticket.requester_email not in text
    assert {view.subject for view in ticket_views(facts)} == {LEFT_OUT}


def test_pseudonyms_are_the_same_wherever_an_account_is_named(empty_exports: ReportFacts) -> None:
    facts = given(empty_exports, dataclasses.replace(POLICIES["public"], key=b"case"))
    cohort = masked_analysis(facts).cohort
    assert cohort is not None
    labels = {account.name for account in cohort.affected}
    before = empty_exports.analysis.cohort
    assert before is not None
    assert len(labels) == len({account.name for account in before.affected})
    assert labels & {view.account for view in ticket_views(facts)}


def test_what_is_kept_and_what_is_counted() -> None:
    text = "from 203.0.113.7 by Anna Example <anna@example.test>, phone: +49 30 901820"
    assert masked(text, ("Anna Example",)) == "from 203.0.113.7 by [person] <[e-mail]>, phone: [phone]"
    assert masked(text, ("Anna Example",), POLICIES["public"]) == "from [ip] by [person] <[e-mail]>, phone: [phone]"
    assert masked("Falcon fails", (), Policy(known=("Falcon",))) == "[value] fails"


def test_counts_by_kind(empty_exports: ReportFacts) -> None:
    public = masked_counts(given(empty_exports, POLICIES["public"]))
    assert public["ORGANIZATION"] >= len(empty_exports.case.tickets)
    assert masked_counts(empty_exports).get("ORGANIZATION", 0) == 0


def test_a_verdict_is_masked_as_the_report_is() -> None:
    facts = example.full()
    cases = SimpleNamespace(load=lambda _: facts.case, load_analysis=lambda _: facts.analysis)
    context = cast("Context", SimpleNamespace(cases=cases, workspace=SimpleNamespace(privacy=PrivacyConfig(values={}, root=Path()))))
    person = facts.case.tickets[0].requester_email
    assert person
    note = VerdictNote(target="staging", told=("fixed",), text=f"1. GET /users/{person}: 500 then, 200 now")
    said = verify._masked(context, facts.case.id, note).text
    assert person not in said
    assert said.endswith(": 500 then, 200 now")
