"""A report below its gates is not filed, a reason in the audit lets it pass, and a figure that its rows don't give holds it back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.road.kit import Workspace


def test_too_few_points_hold_a_report_back_until_somebody_gives_a_reason(case: Workspace) -> None:
    settings = case.folder / "bridge.yaml"
    settings.write_text(settings.read_text() + "\nfiling: {minimum_score: 95}\n")
    scored = case.run("report", "score", "BR-0001", "--output", "json")
    assert (scored.code, scored.json["points"], scored.json["ceiling"]) == (1, 77, 100)
    assert {part["id"] for part in scored.json["missing"]} == {"R2", "R4", "T1", "T3"}
    refused = case.run("file", "BR-0001", "--yes")
    assert refused.code == 1
    assert "77 of the 100 points" in refused.err
    passed = case.run("report", "score", "BR-0001", "--override", "the customer waits")
    assert passed.code == 0, passed.err
    assert case.run("file", "BR-0001", "--yes").code == 0
    audit = case.run("audit", "BR-0001", "--output", "json").json
    assert [line["reason"] for line in audit["overrides"]] == ["the customer waits"]


def test_a_figure_that_its_rows_do_not_give_holds_a_report_back(case: Workspace) -> None:
    path = case.case_file("findings.json")
    known = json.loads(path.read_text())
    (known.get("analysis") or known)["cohort"]["affected"][0]["failures"] += 1
    path.write_text(json.dumps(known))
    scored = case.run("report", "score", "BR-0001", "--output", "json")
    assert scored.code == 1
    assert {gate["where"] for gate in scored.json["gates"]} == {"G3"}
    assert case.run("file", "BR-0001", "--yes").code == 1


def test_rows_that_were_changed_hold_a_report_back(case: Workspace) -> None:
    path = case.case_file("evidence/02-population.parquet")
    path.write_bytes(path.read_bytes() + b"\0")
    scored = case.run("report", "score", "BR-0001", "--output", "json")
    assert {gate["where"] for gate in scored.json["gates"]} == {"G3"}


def test_a_promise_and_a_look_at_the_tracker_are_in_the_next_report(case: Workspace) -> None:
    assert case.run("similar", "BR-0001").code == 0
    assert case.run("report", "BR-0001", "--promise", "an answer by Friday").code == 0
    text = case.case_file("report/report.md").read_text()
    assert "Promised to customers: an answer by Friday." in text
    assert "## Similar issues" in text
    assert case.run("report", "score", "BR-0001", "--output", "json").json["points"] == 79


def test_a_case_is_not_like_its_own_issue(case: Workspace) -> None:
    assert case.run("file", "BR-0001", "--yes").code == 0
    found = case.run("similar", "BR-0001", "--output", "json").json
    assert found["candidates"] == []
    assert "REP-1 is the case's own issue" in found["searched"]


def test_others_than_the_trackers_readers_get_a_report_of_their_own_that_is_never_filed(case: Workspace) -> None:
    filed = {path: path.read_bytes() for path in case.case_file("attachments").iterdir()}
    before = case.case_file("report/filing.json").read_bytes()
    shown = case.run("report", "BR-0001", "--for", "public", "--dry-run", "--output", "json").json
    assert "affected.csv" in shown["left_out"]
    assert shown["masked"]["ORGANIZATION"] > 0
    assert not case.case_file("report/for-public").exists()
    assert case.run("report", "BR-0001", "--template", "known_issue").code == 0
    written = case.case_file("report/for-public/report.md").read_text()
    names = [row["name"] for row in json.loads(case.case_file("findings.json").read_text())["cohort"]["affected"]]
    assert not [name for name in names if name in written]
    assert not [name for name in ("EUR", "snapshot_cache_v2", "ac-") if name in written]
    assert {path: path.read_bytes() for path in case.case_file("attachments").iterdir()} == filed
    assert case.case_file("report/filing.json").read_bytes() == before


def test_what_a_stricter_report_leaves_out_is_not_attached_any_more(case: Workspace) -> None:
    own = case.case_file("attachments/note-of-ours.txt")
    own.write_text("ours")
    assert case.case_file("attachments/affected.csv").exists()
    assert case.run("report", "BR-0001", "--template", "security").code == 0
    left = {path.name for path in case.case_file("attachments").iterdir()}
    assert {"report.html", "note-of-ours.txt"} <= left
    assert not left & {"affected.csv", "method.json", "test_reproduction.py", "reproduce.sh"}


def test_a_public_tracker_gets_no_revenue_no_account_and_no_customers_words(case: Workspace) -> None:
    settings = case.folder / "bridge.yaml"
    settings.write_text(settings.read_text() + "\nprivacy: {tracker: public}\n")
    assert case.run("report", "BR-0001").code == 0
    planned = case.run("file", "BR-0001", "--dry-run", "--output", "json")
    known = json.loads(case.case_file("findings.json").read_text())["cohort"]["affected"]
    tickets = json.loads(case.case_file("case.json").read_text())["tickets"]
    for text in (planned.out, case.case_file("report/report.html").read_text()):
        assert not [row["name"] for row in known if row["name"] in text]
        assert not [row["account_id"] for row in known if row["account_id"] in text]
        assert not [ticket["subject"] for ticket in tickets if ticket["subject"] in text]
    fields = planned.json["draft"]["fields"]
    assert "customfield_10101" in fields
    assert "customfield_10103" not in fields  # revenue
