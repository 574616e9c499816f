"""What the tracker refuses, with its status and the shape of its words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from bridge.sandbox.seed import SandboxSeed, SeedProject
from bridge.sandbox.server import RunningSandbox

CASES = json.loads((Path(__file__).parents[1] / "cases" / "sandbox" / "jira_refusals.json").read_text())
Start = Callable[..., RunningSandbox]


def _long(value: Any) -> Any:
    found = re.fullmatch(r"(\d+) \* x", value) if isinstance(value, str) else None
    return "x" * int(found.group(1)) if found else value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_create_is_refused(case: dict[str, Any], shared: RunningSandbox, http: requests.Session, bug: dict[str, Any]) -> None:
    version = case.get("version", "2")
    if version == "3":
        del bug["description"]
    fields = {**bug, **{key: _long(value) for key, value in case.get("fields", {}).items()}}
    for name in case.get("without", []):
        del fields[name]
    body = case.get("body", {"fields": fields})
    answer = http.post(f"{shared.jira_url}/rest/api/{version}/issue", json=body, timeout=10)
    assert answer.status_code == case["status"], answer.text
    found = answer.json()
    assert set(found) == {"errorMessages", "errors"}
    assert set(found["errors"]) == set(case["error"])
    for name, part in case["error"].items():
        assert part in found["errors"][name]
    assert found["errorMessages"] == ([case["message"]] if "message" in case else [])


ISSUE = "/rest/api/2/issue/REP-1"
REFUSED: list[tuple[str, str, Any, int]] = [
    ("POST", f"{ISSUE}/comment", {"body": {"version": 1, "type": "doc", "content": []}}, 400),
    ("POST", f"{ISSUE}/comment", {"body": "x" * 32_768}, 400),
    ("POST", f"{ISSUE}/comment", {"body": " "}, 400),
    ("POST", "/rest/api/3/issue/REP-1/comment", {"body": "text"}, 400),
    ("POST", f"{ISSUE}/transitions", {"transition": {"id": 11}}, 400),
    ("POST", f"{ISSUE}/transitions", {"transition": {"id": "31"}}, 400),
    ("POST", f"{ISSUE}/remotelink", {"object": {"url": "https://a.example"}}, 400),
    ("POST", f"{ISSUE}/remotelink", {"object": {"url": "javascript:alert(1)", "title": "x"}}, 400),
    ("POST", f"{ISSUE}/remotelink", {"globalId": "x" * 256, "object": {"url": "https://a.example", "title": "x"}}, 400),
    ("POST", "/rest/api/2/issueLink", {"type": {"name": "Nope"}, "inwardIssue": {"key": "REP-1"}, "outwardIssue": {"key": "REP-1"}}, 404),
    ("PUT", f"{ISSUE}/properties/{'k' * 256}", {"a": 1}, 400),
    ("PUT", f"{ISSUE}/properties/k", {"a": "x" * 32_768}, 400),
    ("PUT", ISSUE, {"fields": {"labels": ["a"]}, "update": {"labels": [{"add": "b"}]}}, 400),
    ("PUT", ISSUE, {"fields": {"customfield_10105": None}}, 400),
    ("GET", "/rest/api/2/issue/REP-99", None, 404),
    ("GET", "/rest/api/2/issue/createmeta/REP/issuetypes/10001?maxResults=201", None, 400),
    ("GET", "/rest/api/2/issue/createmeta", None, 404),
    ("GET", "/rest/api/2/mypermissions", None, 400),
    ("GET", "/rest/api/2/search/jql?jql=", None, 400),
    ("GET", "/rest/api/2/search?jql=project=REP", None, 410),
    ("GET", "/rest/api/latest/issue/REP-1", None, 404),
    ("PATCH", ISSUE, {}, 405),
    ("POST", "/rest/api/2/issue/bulkfetch", {"issueIdsOrKeys": []}, 400),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), REFUSED, ids=lambda value: str(value)[:60])
def test_other_calls_are_refused(method: str, path: str, body: Any, status: int, shared: RunningSandbox, http: requests.Session) -> None:
    before = http.get(f"{shared.jira_url}{ISSUE}", timeout=10).json()
    answer = http.request(method, f"{shared.jira_url}{path}", json=body, timeout=10)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) >= {"errorMessages", "errors"}
    assert http.get(f"{shared.jira_url}{ISSUE}", timeout=10).json() == before, "a refusal changes nothing"


@pytest.mark.parametrize("auth", [None, ("agent@example.test", "wrong"), ("ada@acme.example", "sandbox"), ("", "")])
def test_wrong_credentials_are_401(sandbox: RunningSandbox, auth: tuple[str, str] | None) -> None:
    answer = requests.get(f"{sandbox.jira_url}/rest/api/2/myself", auth=auth, timeout=10)
    assert answer.status_code == 401
    assert answer.json()["errorMessages"]
    info = requests.get(f"{sandbox.jira_url}/rest/api/2/serverInfo", auth=auth, timeout=10)
    assert info.status_code == (200 if auth is None else 401)


def test_a_bearer_token_is_for_data_center(start_sandbox: Start) -> None:
    header = {"Authorization": "Bearer sandbox"}
    for personality, status in (("cloud", 401), ("datacenter", 200)):
        running = start_sandbox(personality)
        assert requests.get(f"{running.jira_url}/rest/api/2/myself", headers=header, timeout=10).status_code == status
        running.stop()


def test_attachments_need_their_header_and_part(cloud: RunningSandbox, http: requests.Session, bug: dict[str, Any]) -> None:
    http.post(f"{cloud.jira_url}/rest/api/2/issue", json={"fields": bug}, timeout=10)
    address = f"{cloud.jira_url}{ISSUE}/attachments"
    header = {"X-Atlassian-Token": "no-check"}
    assert http.post(address, files={"file": ("a.txt", b"a")}, timeout=10).status_code == 403
    assert http.post(address, files={"upload": ("a.txt", b"a")}, headers=header, timeout=10).status_code == 400
    many = [("file", (f"{number}.txt", b"a")) for number in range(61)]
    assert http.post(address, files=many, headers=header, timeout=10).status_code == 413
    big = b"x" * 600_000
    assert http.post(address, files={"file": ("a/../b.bin", big)}, headers=header, timeout=10).json()[0]["filename"] == "b.bin"


def test_screens_and_permissions_come_from_the_project(start_sandbox: Start, http: requests.Session, bug: dict[str, Any]) -> None:
    seed = SandboxSeed(project=SeedProject(off_screen=("labels",), denied=("LINK_ISSUES",)))
    running = start_sandbox("cloud", seed=seed)
    api = f"{running.jira_url}/rest/api/2"
    refused = http.post(f"{api}/issue", json={"fields": bug}, timeout=10)
    assert "appropriate screen" in refused.json()["errors"]["labels"]
    shown = http.get(f"{api}/issue/createmeta/REP/issuetypes/10001", timeout=10).json()["fields"]
    assert "labels" not in {field["fieldId"] for field in shown}
    del bug["labels"]
    key = http.post(f"{api}/issue", json={"fields": bug}, timeout=10).json()["key"]
    link = {"object": {"url": "https://a.example", "title": "a"}}
    assert http.post(f"{api}/issue/{key}/remotelink", json=link, timeout=10).status_code == 403
    asked = http.get(f"{api}/mypermissions?permissions=LINK_ISSUES,CREATE_ISSUES", timeout=10).json()["permissions"]
    assert [entry["havePermission"] for entry in asked.values()] == [True, False]


def test_v3_takes_and_gives_adf_and_v2_reads_it_as_wiki(cloud: RunningSandbox, http: requests.Session, bug: dict[str, Any]) -> None:
    document = {
        "version": 1,
        "type": "doc",
        "content": [
            {"type": "heading", "attrs": {"level": 2}, "content": [{"type": "text", "text": "Observed"}]},
            {"type": "paragraph", "content": [{"type": "text", "text": "No rows", "marks": [{"type": "strong"}]}]},
        ],
    }
    made = http.post(f"{cloud.jira_url}/rest/api/3/issue", json={"fields": {**bug, "description": document}}, timeout=10)
    assert made.status_code == 201, made.text
    key = made.json()["key"]
    assert http.get(f"{cloud.jira_url}/rest/api/3/issue/{key}", timeout=10).json()["fields"]["description"] == document
    assert http.get(f"{cloud.jira_url}/rest/api/2/issue/{key}", timeout=10).json()["fields"]["description"] == "h2. Observed\n\n*No rows*"
    posted = http.post(f"{cloud.jira_url}/rest/api/3/issue/{key}/comment", json={"body": document}, timeout=10)
    assert posted.status_code == 201
    assert posted.json()["body"] == document
    http.post(f"{cloud.jira_url}/rest/api/2/issue/{key}/comment", json={"body": "plain\ntext"}, timeout=10)
    comments = http.get(f"{cloud.jira_url}/rest/api/3/issue/{key}/comment", timeout=10).json()["comments"]
    assert comments[1]["body"]["content"][0]["content"][1] == {"type": "hardBreak"}


def test_bulk_fetch_moves_and_hiding(cloud: RunningSandbox, http: requests.Session, bug: dict[str, Any]) -> None:
    api = f"{cloud.jira_url}/rest/api/3"
    del bug["description"]
    for _ in range(3):
        http.post(f"{api}/issue", json={"fields": bug}, timeout=10)
    control = f"{cloud.url}/_control/issues"
    assert requests.post(control, json={"key": "REP-2", "hidden": True}, timeout=10).status_code == 200
    assert requests.post(control, json={"key": "REP-3", "move_to": "OPS"}, timeout=10).json()["key"] == "OPS-1"
    body = {"issueIdsOrKeys": ["REP-1", "REP-2", "REP-3", "REP-4"], "fields": ["summary"]}
    found = http.post(f"{api}/issue/bulkfetch", json=body, timeout=10).json()
    assert [issue["key"] for issue in found["issues"]] == ["REP-1", "OPS-1"]
    assert [error["id"] for error in found["issueErrors"]] == ["REP-2", "REP-4"]
    assert http.get(f"{api}/issue/REP-3", timeout=10).json()["key"] == "OPS-1", "a former key leads to the new one"
    assert http.get(f"{api}/issue/10002", timeout=10).status_code == 404
    hits = http.get(f"{api}/search/jql", params={"jql": "project = REP", "fields": "key"}, timeout=10).json()["issues"]
    assert [issue["key"] for issue in hits] == ["REP-1"]
