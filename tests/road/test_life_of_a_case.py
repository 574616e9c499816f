"""The life of one case from filing to released and beyond, as a terminal shows it; the page in docs is this very recording.

After a wanted change: BRIDGE_UPDATE=1 pytest tests/road/test_life_of_a_case.py, and read the difference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from tests.road.kit import Result, Workspace
from tests.road.test_golden import ROOT, made_equal

if TYPE_CHECKING:
    import pytest

PAGE = ROOT / "docs" / "life-of-a-case.md"
MAIL = "agent@example.test"
INTRODUCTION = """\
# The life of a case, recorded

A real run on the demo company's tickets, from filing to "released" and what comes after. Lines with `#` say what
happens outside: in engineering's tracker, and at the customer's. The tests play it again and compare every line
(`tests/road/test_life_of_a_case.py`).

"""


class Recording:
    """Runs commands and plays the other people."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.lines: list[str] = []

    def bridge(self, *words: str, code: int = 0, most: int = 100) -> Result:
        done = self.workspace.run(*words)
        assert done.code == code, (words, done.code, done.out, done.err)
        same = re.sub(r"20\d\d-\d\d-\d\d \d\d:\d\d(:\d\d)?", lambda at: "2026-11-22 10:00" + (":00" if at[1] else ""), done.out)
        shown = made_equal(self.workspace, same).rstrip().splitlines()
        if len(shown) > most:
            last = re.sub(r"\d+ lines", "<n> lines", shown[-1])  # how many there are hangs on the report's files
            shown = [*shown[: most - 1], "  ...", last]
        self.lines += [f"$ bridge {' '.join(words)}", *(line for line in shown if line.strip()), ""]
        return done

    def meanwhile(self, what: str) -> None:
        self.lines += [f"# {what}", ""]

    def tracker(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        url = f"{self.workspace.sandbox.jira_url}/rest/api/2/{path}"
        answer = requests.request(method, url, json=body, auth=(MAIL, "sandbox"), timeout=10)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def desk(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        url = f"{self.workspace.sandbox.zendesk_url}/api/v2/{path}"
        answer = requests.request(method, url, json=body, auth=(f"{MAIL}/token", "sandbox"), timeout=10)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def project(self, **changes: Any) -> None:
        assert requests.post(f"{self.workspace.sandbox.url}/_control/project", json=changes, timeout=10).ok


def transition(play: Recording, step: str, resolution: str = "") -> None:
    body: dict[str, Any] = {"transition": {"id": step}}
    if resolution:
        body["fields"] = {"resolution": {"name": resolution}}
    play.tracker("POST", "issue/REP-1/transitions", body)


def test_the_life_of_a_case(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "sam")
    play = Recording(workspace)
    assert workspace.run("investigate", "ZD-1003", "ZD-1004", "--with", "empty-exports").code == 0
    assert workspace.run("report", "BR-0001").code == 0
    play.bridge("file", "BR-0001", "--yes")
    play.bridge("follow")
    transition(play, "11")
    play.meanwhile("engineering starts to work on REP-1")
    play.bridge("follow")
    play.bridge("follow")

    asker = play.desk("GET", "tickets/1006.json")["ticket"]["requester_id"]
    words = {"subject": "Exports are empty again", "requester_id": asker, "comment": {"body": "Our scheduled export has no rows."}}
    play.desk("POST", "tickets.json", {"ticket": words})
    play.meanwhile("another customer writes")
    play.bridge("follow")
    play.bridge("add", "BR-0001", "ZD-1032")
    play.bridge("add", "BR-0001", "ZD-1032")

    play.project(versions=["4.17.x", "4.18.0", "4.18.1"], unreleased=["4.18.1"])
    play.tracker("PUT", "issue/REP-1", {"fields": {"fixVersions": [{"name": "4.18.1"}]}})
    transition(play, "31", "Done")
    play.meanwhile("engineering finishes: fixed in 4.18.1, which is not released yet")
    play.bridge("follow")
    play.project(unreleased=[])
    play.meanwhile("4.18.1 is released")
    play.bridge("follow")
    drafts = play.bridge("follow", "--drafts")
    before = len([c for c in play.desk("GET", "tickets/1003/comments.json")["comments"] if c["public"]])
    number = next(line.split()[0] for line in drafts.out.splitlines() if "ZD-1003" in line)
    play.bridge("follow", "--send", number)
    public = [c for c in play.desk("GET", "tickets/1003/comments.json")["comments"] if c["public"]]
    assert len(public) == before + 1
    play.bridge("stuck", code=1)

    link = play.tracker("GET", "issue/REP-1/remotelink")[0]
    play.tracker("DELETE", f"issue/REP-1/remotelink/{link['id']}")
    play.meanwhile("somebody deletes a link in the tracker")
    play.bridge("reconcile", code=1)
    play.bridge("reconcile", "--repair")
    play.bridge("reconcile")
    writes = len(workspace.sandbox.journal())
    play.bridge("follow")
    assert len(workspace.sandbox.journal()) == writes
    transition(play, "51")
    play.meanwhile("the fix did not hold: engineering opens REP-1 again")
    play.bridge("follow")
    play.bridge("audit", "BR-0001", most=12)

    page = INTRODUCTION + "```\n" + "\n".join(play.lines).rstrip() + "\n```\n"
    if os.environ.get("BRIDGE_UPDATE"):
        PAGE.write_text(page, encoding="utf-8")
    assert page == PAGE.read_text(encoding="utf-8"), "wanted? BRIDGE_UPDATE=1 pytest tests/road/test_life_of_a_case.py"


def test_two_cases_of_one_defect_and_the_choice(workspace: Workspace) -> None:
    for ticket in ("ZD-1003", "ZD-1004"):
        assert workspace.run("investigate", ticket, "--with", "empty-exports", "--new").code == 0
    for case in ("BR-0001", "BR-0002"):
        assert workspace.run("report", case).code == 0
    assert workspace.run("file", "BR-0001", "--yes").code == 0
    shown = workspace.run("file", "BR-0002", "--dry-run")
    assert "REP-1" in shown.out
    assert "the same fingerprint: it will be joined" in shown.out
    done = workspace.run("file", "BR-0002", "--yes")
    assert done.code == 0, done.err
    assert "REP-1" in done.out
    assert workspace.run("audit", "--output", "jsonl").code == 0
    mapped = workspace.run("tracker", "map")
    assert "customfield_10101: affected_accounts" in mapped.out
    assert workspace.run("file", "BR-0001", "--join", "REP-1", "--anew").code == 2


def test_a_new_issue_on_a_persons_word(workspace: Workspace) -> None:
    for ticket in ("ZD-1003", "ZD-1004"):
        assert workspace.run("investigate", ticket, "--with", "empty-exports", "--new").code == 0
    for case in ("BR-0001", "BR-0002"):
        assert workspace.run("report", case).code == 0
    assert workspace.run("file", "BR-0001", "--yes").code == 0
    anew = workspace.run("file", "BR-0002", "--anew", "--yes")
    assert anew.code == 0, anew.err
    assert "REP-2" in anew.out
    before = len(workspace.sandbox.journal())
    assert "Nothing to do" in workspace.run("file", "BR-0002", "--yes").out
    assert len(workspace.sandbox.journal()) == before


def test_api_3_files_a_document(workspace: Workspace) -> None:
    settings = workspace.folder / "bridge.yaml"
    settings.write_text(settings.read_text().replace("  product: jira\n", "  product: jira\n  api: 3\n"))
    assert "api: 3" in settings.read_text()
    assert workspace.run("investigate", "ZD-1003", "--with", "empty-exports").code == 0
    assert workspace.run("report", "BR-0001").code == 0
    done = workspace.run("file", "BR-0001", "--yes")
    assert done.code == 0, done.err
    url = f"{workspace.sandbox.jira_url}/rest/api/3/issue/REP-1"
    shown = requests.get(url, auth=(MAIL, "sandbox"), timeout=10).json()["fields"]["description"]
    assert shown["type"] == "doc"
    assert len(shown["content"]) > 10
    assert Path(workspace.case_file("report/report.adf.json")).exists()
