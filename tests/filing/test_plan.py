from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import InputError, NotFoundError
from bridge.filing.plan import CUT, FilingPlan, cut, describe, fingerprint_of, note_marker, note_text, one_line, plan, signals_of
from bridge.filing.settings import VALUES, FieldSource, FilingSettings, read_settings
from bridge.model.case import Case
from bridge.model.change import Change
from bridge.model.filing import IssueRef
from bridge.model.finding import AffectedAccount, Analysis, Cohort, Condition, Contrast, Effect, Impact, LeftOut, Onset, Severity
from bridge.model.window import Window
from tests.filing.world import START, ticket

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases" / "filing" / "settings.yaml").read_text(encoding="utf-8"))
WINDOW = Window(start=START - timedelta(days=14), end=START)
ISSUE = IssueRef(id="1", key="REP-1", url="http://jira/browse/REP-1")
CHANGE = Change(at=datetime(2026, 3, 10, 10, 5, tzinfo=UTC), kind="release", name="reporting", version="4.18.0")


def case(**changes: Any) -> Case:
    made = Case(
        id="BR-0007",
        format=1,
        created_at=START,
        as_of=START,
        state="reported",
        tickets=tuple(ticket(f"ZD-{number}") for number in (1, 2, 3)),
        requested=("ZD-1",),
        investigation="empty-exports",
        investigation_version=3,
        investigation_digest="d",
        given={},
        parameters={},
        window=WINDOW,
        bridge_version="0",
    )
    return dataclasses.replace(made, **changes)


def account(number: int, *tickets: str) -> AffectedAccount:
    return AffectedAccount(
        account_id=f"A-{number}",
        name=f"Account {number}",
        plan="team",
        region="eu",
        arr=Decimal("1000.50"),
        seats=5,
        failures=3,
        events=14,
        first_failure=START,
        last_failure=START,
        tickets=tickets,
    )


def analysis(**changes: Any) -> Analysis:
    onset = Onset(
        first_failure=datetime(2026, 3, 11, 2, 3, 4, 500_000, tzinfo=UTC),
        last_failure=START,
        began=WINDOW,
        change=CHANGE,
        gap_seconds=1.0,
        rivals=(),
        exposure_before=1,
        failures_before=0,
        rate_bound_before=None,
    )
    impact = Impact(
        accounts=38,
        population=412,
        share=Effect(name="share", value=38 / 412),
        silent=19,
        arr=Decimal("1934000.00"),
        arr_silent=Decimal("1000.50"),
        population_arr=Decimal(9_000_000),
        seats=700,
        plans=(),
        regions=(),
        failures=120,
        events=500,
        frequency=Effect(name="frequency", value=1.0),
        days=(),
        trend="steady",
    )
    made = Analysis(
        cohort=Cohort(
            rule="r",
            affected=(account(1, "ZD-1"), account(2, "ZD-2")),
            left_out=(LeftOut(account_id="A-3", name="Account 3", why="its own filter matches nothing", tickets=("ZD-3",)),),
            population=412,
            exposed=400,
            control=300,
        ),
        impact=impact,
        onset=onset,
        concentrations=(),
        contrasts=(),
        novelties=(),
        excerpts=(),
        severity=Severity(level="S2", rule="r", policy="p"),
        workaround=None,
        findings=(),
    )
    return dataclasses.replace(made, **changes)


def settings(**changes: Any) -> FilingSettings:
    return dataclasses.replace(FilingSettings(project="REP", issue_type="Bug", labels=("from-support",)), **changes)


def made(tmp_path: Path, **changes: Any) -> FilingPlan:
    file = tmp_path / "affected accounts.csv"
    file.write_text("account_id\n", encoding="utf-8")
    values: dict[str, Any] = {
        "case": case(),
        "analysis": analysis(),
        "summary": "Scheduled exports\ncome out empty",
        "description": "h2. Summary",
        "attachments": [file],
        "settings": settings(),
        "site": "desk.example.test",
        **changes,
    }
    return plan(**values)


def test_a_plan(tmp_path: Path) -> None:
    found = made(tmp_path)
    assert found.draft.summary == "Scheduled exports come out empty"
    assert found.draft.labels == ("from-support", *found.signals, found.marker)
    assert found.signals[0] == "bridge-inv-empty-exports"
    assert found.marker == f"bridge-{found.fingerprint[:20]}"
    (file,) = found.attachments
    assert file.name == f"bridge-{file.sha256[:12]}-affected-accounts.csv"
    assert file.media_type == "text/csv"
    assert [item.ticket_id for item in found.tickets] == ["ZD-1", "ZD-2"]
    assert found.left_out == (("ZD-3", "its own filter matches nothing"),)
    link = found.tickets[0].link
    assert (link.global_id, link.title, link.summary) == ("bridge:fake:desk.example.test:1", "ZD-1: Exports are empty", "Account 1")
    assert found == made(tmp_path)


def test_a_dry_run_says_everything(tmp_path: Path) -> None:
    lines = describe(made(tmp_path, settings=settings(fields={"customfield_1": FieldSource(value="severity")})))
    text = "\n".join(lines)
    assert lines[0] == "1 issue in REP, type Bug: Scheduled exports come out empty"
    assert 'customfield_1 = "S2"' in text
    assert "2 ticket(s) linked, one internal note on 2 of them, the issue's key on each; nothing public" in text
    assert "not linked: ZD-3 (its own filter matches nothing)" in text


def test_the_note(tmp_path: Path) -> None:
    found = made(tmp_path)
    assert note_text(found, found.tickets[0], ISSUE).splitlines() == [
        "Filed as REP-1: http://jira/browse/REP-1",
        "Scheduled exports come out empty",
        "38 of 412 accounts are affected.",
        "First failure 2026-03-11 02:03 UTC, after release reporting 4.18.0.",
        note_marker(found),
    ]
    assert made(tmp_path, settings=settings(notes=False)).tickets[0].note == ()


def test_no_other_account_is_named_in_a_note(tmp_path: Path) -> None:
    found = made(tmp_path, summary="Exports of Account 2 are empty")
    assert "Account 2" not in note_text(found, found.tickets[0], ISSUE)
    assert "Account 2" in note_text(found, found.tickets[1], ISSUE)


def test_subjects_can_be_redacted_or_left_out(tmp_path: Path) -> None:
    assert made(tmp_path, redact=lambda _: "***").tickets[0].link.title == "ZD-1: ***"
    assert made(tmp_path, settings=settings(link_titles="id")).tickets[0].link.title == "ZD-1"


def test_missing_files_are_named_together(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as raised:
        made(tmp_path, attachments=[tmp_path / "a", tmp_path / "b"])
    assert [problem.message for problem in raised.value.problems] == ["no file a", "no file b"]


def test_without_a_cohort_all_tickets_are_linked(tmp_path: Path) -> None:
    assert len(made(tmp_path, analysis=None).tickets) == 3


def test_the_fingerprint_names_the_defect() -> None:
    one = fingerprint_of(case(), analysis(), "REP")
    assert one == fingerprint_of(case(id="BR-0008", created_at=START + timedelta(days=1)), analysis(severity=None), "REP")
    assert one != fingerprint_of(case(), analysis(), "OPS")
    assert one != fingerprint_of(case(investigation="other"), analysis(), "REP")
    onset = analysis().onset
    assert onset is not None
    unknown = analysis(onset=dataclasses.replace(onset, change=None))
    assert fingerprint_of(case(), unknown, "REP") != fingerprint_of(case(id="BR-0008"), unknown, "REP")
    assert made_with_given() == "a" * 64


def made_with_given() -> str:
    values = plan(
        case=case(), analysis=None, summary="s", description="d", attachments=[], settings=settings(), site="x", fingerprint="a" * 64
    )
    return values.fingerprint


def test_every_value_can_be_mapped(tmp_path: Path) -> None:
    fields = {name: FieldSource(value=name) for name in VALUES}
    found = made(tmp_path, settings=settings(fields=fields)).draft.fields
    assert found == {
        "affected_accounts": 38,
        "silent_accounts": 19,
        "population": 412,
        "affected_share": 9.22,
        "affected_revenue": 1_934_000,
        "silent_revenue": 1000.5,
        "affected_seats": 700,
        "failures": 120,
        "first_seen": "2026-03-11T02:03:04.500+00:00",
        "last_seen": "2026-03-17T09:00:00.000+00:00",
        "severity": "S2",
        "ticket_count": 2,
        "change_version": "4.18.0",
        "change_name": "reporting",
        "case_id": "BR-0007",
        "investigation": "empty-exports",
    }


def test_constants_and_translations(tmp_path: Path) -> None:
    fields = {
        "priority": FieldSource(value="severity", mapping={"S2": "High"}),
        "components": FieldSource(constant=["exports"]),
        "other": FieldSource(value="severity", mapping={"S1": "Highest"}),
    }
    assert made(tmp_path, settings=settings(fields=fields)).draft.fields == {"priority": "High", "components": ["exports"], "other": "S2"}
    assert made(tmp_path, analysis=None, settings=settings(fields={"a": FieldSource(value="severity")})).draft.fields == {}


@given(st.text(max_size=400), st.integers(2, 300))
def test_one_line_is_one_line(text: str, limit: int) -> None:
    found = one_line(text, limit)
    assert len(found) <= limit
    assert found.isprintable()
    assert one_line(found, limit) == found


@given(st.text(max_size=300).map(lambda text: text * 3), st.integers(120, 400))
def test_a_cut_text_fits_and_says_so(text: str, limit: int) -> None:
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    found = cut(text, limit)
    if units <= limit:
        assert found == text
    else:
        assert found.endswith(CUT)
        assert len(found.encode("utf-16-le", "surrogatepass")) // 2 <= limit
        assert text.startswith(found.removesuffix(CUT))


@pytest.mark.parametrize("entry", CASES, ids=lambda entry: entry["name"])
def test_settings(entry: Mapping[str, Any]) -> None:
    tracker, filing = entry.get("tracker", {}), entry.get("filing", {})
    if "says" not in entry:
        read_settings(tracker, filing, where="bridge.yaml:3")
        return
    with pytest.raises(InputError) as raised:
        read_settings(tracker, filing, where="bridge.yaml:3")
    assert [f"{problem.message} -> {problem.hint}" for problem in raised.value.problems] == entry["says"]


def test_shared_endpoints_are_signals() -> None:
    effect = Effect(name="risk ratio", value=None)
    conditions = (Condition(attribute="requests.endpoint", value="/reports/{id}"), Condition(attribute="plan", value="pro"))
    shared = Contrast(
        conditions=conditions,
        unit="events",
        affected=9,
        affected_total=9,
        control=0,
        control_total=9,
        ratio=effect,
        p_value=0.01,
        q_value=0.01,
    )
    labels = signals_of(case(), dataclasses.replace(analysis(), contrasts=(shared, shared)))
    assert [label.startswith("bridge-ep-") for label in labels].count(True) == 1
