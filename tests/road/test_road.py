"""The main job end to end: every figure of the demo's truth, in the findings, the report, the tracker and the help desk."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import requests

from bridge.cli.main import main
from bridge.demo.truth import DEFAULT_TRUTH
from bridge.demo.workspace import DemoWorkspace
from tests.road.kit import Result, Workspace, placed

AUTH = ("agent@example.test", "sandbox")


@dataclass(frozen=True, kw_only=True)
class Walked:
    """The company's workspace after the whole road. Tests only look at it."""

    workspace: Workspace
    found: dict[str, Any]
    """findings.json."""
    before: dict[str, Any]
    """The comments of each ticket before."""


@pytest.fixture(scope="module")
def walked(company: tuple[Path, DemoWorkspace], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    source, made = company
    folder = tmp_path_factory.mktemp("walked") / "workspace"

    def run(*words: str) -> Result:
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            code = main([*words, "--workspace", str(folder)])
        return Result(code=code, out=out.getvalue(), err=err.getvalue())

    with placed(source, made, folder) as sandbox:
        workspace = Workspace(folder=folder, made=made, sandbox=sandbox, run=run)
        before = {t["id"]: desk(workspace, f"tickets/{t['id'][3:]}/comments.json")["comments"] for t in workspace.planted["tickets"]}
        yield Walked(workspace=workspace, found=walk(workspace), before=before)


def walk(workspace: Workspace) -> dict[str, Any]:
    """Run the whole road once; return findings.json."""
    made = workspace.made
    done = workspace.run("run", *made.tickets, "--with", made.investigation, "--include-found", "--yes")
    assert done.code == 0, done.err
    return dict(json.loads(workspace.case_file("findings.json").read_text()))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def desk(workspace: Workspace, path: str) -> Any:
    answer = requests.get(f"{workspace.sandbox.zendesk_url}/api/v2/{path}", auth=(f"{AUTH[0]}/token", AUTH[1]), timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def tracker(workspace: Workspace, path: str) -> Any:
    answer = requests.get(f"{workspace.sandbox.jira_url}/rest/api/2/{path}", auth=AUTH, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_every_figure_of_the_truth_is_found(walked: Walked) -> None:
    workspace, found = walked.workspace, walked.found
    truth, planted = DEFAULT_TRUTH, workspace.planted
    affected = found["cohort"]["affected"]

    assert {a["account_id"] for a in affected} == set(planted["affected"])
    assert len(affected) == 38
    assert {a["account_id"] for a in affected if a["tickets"]} == set(planted["wrote"])
    assert {a["account_id"] for a in affected if not a["tickets"]} == set(planted["silent"])
    assert sum(1 for a in affected if not a["tickets"]) == 19
    assert found["cohort"]["population"] == 412

    about_it = {t["id"] for t in planted["tickets"] if t["about"] == "defect"}
    assert len(about_it) == 23
    assert {t for a in affected for t in a["tickets"]} == about_it

    impact = found["impact"]
    assert (impact["accounts"], impact["population"], impact["silent"]) == (38, 412, 19)
    assert Decimal(impact["arr"]) == Decimal(planted["arr"])
    assert impact["failures"] == len(planted["failing_exports"])

    onset = found["onset"]
    assert at(onset["first_failure"]) == at(planted["first_failure"])
    assert at(onset["last_failure"]) == at(planted["last_failure"])
    assert (onset["change"]["kind"], onset["change"]["name"], onset["change"]["version"]) == ("release", "reporting", "4.18.0")
    assert at(onset["change"]["at"]) == datetime(2026, 3, 10, 10, 5, tzinfo=UTC)
    assert onset["failures_before"] == 0
    events = pq.read_table(workspace.case_file("evidence/01-events.parquet"), columns=["at"])["at"].to_pylist()
    assert len(events) == planted["exports"]
    assert onset["events_before"] == sum(moment < at(planted["first_failure"]) for moment in events)
    assert onset["events_before"] > planted["exports_before_release"] > 31_000
    assert 0 < onset["exposure_before"] < onset["events_before"]

    by_axis = {c["axis"]: c for c in found["concentrations"]}
    assert (by_axis["time of day"]["start_minute"], by_axis["time of day"]["end_minute"]) == (120, 135)
    assert by_axis["after event"]["event"] == "job cache-refresh"
    assert by_axis["after event"]["start_minute"] >= 0
    assert by_axis["after event"]["end_minute"] <= 15

    first = found["contrasts"][0]
    assert first["conditions"] == [{"attribute": "snapshot_cache_v2", "value": "true"}]
    assert truth.cause[0].attribute == "snapshot_cache_v2"


def test_no_decoy_is_taken_for_affected(walked: Walked) -> None:
    workspace, found = walked.workspace, walked.found
    planted = workspace.planted
    affected = {a["account_id"] for a in found["cohort"]["affected"]}
    assert (len(planted["once"]), len(planted["empty_filter"]), len(planted["expired"])) == (9, 6, 1)
    for decoys in ("once", "empty_filter", "expired", "in_window_without_cause", "cause_outside_window"):
        assert affected.isdisjoint(planted[decoys]), decoys
    assert {left["account_id"] for left in found["cohort"]["left_out"]} >= set(planted["once"])
    others = {t["id"] for t in planted["tickets"] if t["about"] != "defect"}
    assert len(others) == 8
    case = json.loads(workspace.case_file("case.json").read_text())
    assert others.isdisjoint(t["id"] for t in case["tickets"])


def test_one_issue_linked_with_every_ticket_and_nothing_public(walked: Walked) -> None:
    workspace, before = walked.workspace, walked.before
    about_it = {t["id"] for t in workspace.planted["tickets"] if t["about"] == "defect"}

    created = [e for e in workspace.sandbox.journal() if e.method == "POST" and e.path.rstrip("/").endswith("/issue") and e.status == 201]
    assert len(created) == 1
    issue = tracker(workspace, "issue/REP-1")
    links = tracker(workspace, "issue/REP-1/remotelink")
    assert {link["globalId"].rpartition(":")[2] for link in links} == {t[3:] for t in about_it}
    assert issue["fields"]["customfield_10101"] == 38
    assert issue["fields"]["customfield_10102"] == 19
    assert Decimal(str(issue["fields"]["customfield_10103"])) == Decimal(workspace.planted["arr"])
    assert len(issue["fields"]["summary"]) <= 100
    assert {a["filename"].split("-", 2)[2] for a in issue["fields"]["attachment"]} >= {"affected.csv", "method.json", "report.html"}

    for ticket in workspace.planted["tickets"]:
        number = ticket["id"][3:]
        comments = desk(workspace, f"tickets/{number}/comments.json")["comments"]
        new = comments[len(before[ticket["id"]]) :]
        if ticket["id"] not in about_it:
            assert not new, ticket
            continue
        assert [c["public"] for c in new] == [False], ticket
        assert "REP-1" in new[0]["body"]
        now = desk(workspace, f"tickets/{number}.json")["ticket"]
        assert {"id": 360001, "value": "REP-1"} in [{"id": f["id"], "value": f["value"]} for f in now["custom_fields"]]


def test_a_second_filing_writes_nothing_and_says_so(workspace: Workspace) -> None:
    walk(workspace)
    writes = len(workspace.sandbox.journal())
    again = workspace.run("file", "BR-0001", "--yes")
    assert again.code == 0, again.err
    assert "Nothing to do: filed as REP-1" in again.out
    assert "23 of 23 tickets linked" in again.out
    road = workspace.run("run", *workspace.made.tickets, "--with", "empty-exports", "--include-found", "--yes")
    assert road.code == 0, road.err
    assert len(workspace.sandbox.journal()) == writes
    assert workspace.run("cases", "--output", "json").json["cases"][0]["issue"] == "REP-1"


def test_running_a_stage_again_changes_no_byte(workspace: Workspace) -> None:
    words = ("investigate", *workspace.made.tickets, "--with", "empty-exports", "--include-found")
    assert workspace.run(*words).code == 0
    assert workspace.run("report", "BR-0001").code == 0
    folder = workspace.folder / "cases"
    before = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert workspace.run(*words).code == 0
    assert workspace.run("report", "BR-0001").code == 0
    assert {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
    assert workspace.run(*words, "--refresh").code == 0
    assert workspace.run("report", "BR-0001").code == 0
    assert {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


def test_the_report_says_it_in_every_format(walked: Walked) -> None:
    workspace = walked.workspace
    planted = workspace.planted
    for name in ("report.md", "report.wiki", "report.html"):
        text = workspace.case_file(f"report/{name}").read_text()
        for wanted in ("4.18.0", "02:00", "cache-refresh", "38", "412", "19"):
            assert wanted in text, (name, wanted)
        assert "snapshot" in text, name
        assert not re.search(r"\bNone\b(?! in the)", text), name
    assert len(workspace.case_file("report/report.html").read_bytes()) < 100_000
    rows = list(csv.DictReader(io.StringIO(workspace.case_file("attachments/affected.csv").read_text())))
    assert {r["account_id"] for r in rows} == set(planted["affected"])


def test_private_notes_and_addresses_stay_in_the_help_desk(walked: Walked) -> None:
    workspace = walked.workspace
    seed = workspace.made.seed
    sent = json.dumps(tracker(workspace, "issue/REP-1")) + json.dumps(tracker(workspace, "issue/REP-1/remotelink"))
    for path in [*workspace.case_file("report").rglob("*"), *workspace.case_file("attachments").rglob("*")]:
        sent += path.read_text(errors="replace") if path.is_file() else ""
    private = [c["body"] for t in seed["tickets"] for c in t["comments"] if not c["public"]]
    assert private, "the demo holds private notes"
    for note in private:
        assert note[:40] not in sent
    customers = [u["email"] for u in seed["users"] if u["role"] == "end-user"]
    assert customers
    assert not [address for address in customers if address in sent]


def test_dry_run_writes_nothing(workspace: Workspace) -> None:
    assert workspace.run("investigate", *workspace.made.tickets, "--with", "empty-exports", "--include-found").code == 0
    assert workspace.run("report", "BR-0001").code == 0
    dry = workspace.run("file", "BR-0001", "--dry-run")
    assert dry.code == 0, dry.err
    assert "23 ticket(s) linked" in dry.out
    assert not workspace.sandbox.journal()
    asked = workspace.run("file", "BR-0001")
    assert asked.code == 2
    assert "--dry-run" in asked.err
    assert not workspace.sandbox.journal()
