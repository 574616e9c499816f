"""The pages a person opens, and who may open them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from bridge.sandbox.server import RunningSandbox

API = "/rest/api/2/issue"


@pytest.fixture
def filed(cloud: RunningSandbox, http: requests.Session, desk: requests.Session, bug: dict[str, Any]) -> RunningSandbox:
    fields = {**bug, "summary": "Empty <b>exports</b>", "description": "h2. Observed\n!timeline.svg!\n<script>alert(1)</script>"}
    api = f"{cloud.jira_url}{API}"
    assert http.post(api, json={"fields": fields}, timeout=10).status_code == 201
    header = {"X-Atlassian-Token": "no-check"}
    files = [
        ("file", ("timeline.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")),
        ("file", ('re"port.html', b"<script>alert(1)</script>")),
    ]
    assert http.post(f"{api}/REP-1/attachments", files=files, headers=header, timeout=10).status_code == 200
    link = {
        "globalId": "g",
        "relationship": "reported by",
        "object": {"url": f"{cloud.url}/zendesk/agent/tickets/1001", "title": "ZD-1001 <i>"},
    }
    assert http.post(f"{api}/REP-1/remotelink", json=link, timeout=10).status_code == 201
    assert http.post(f"{api}/REP-1/comment", json={"body": "*seen* <u>"}, timeout=10).status_code == 201
    tracker = {"issue_id": "10001", "issue_key": "REP-1", "ticket_id": "1001"}
    assert desk.post(f"{cloud.zendesk_url}/api/v2/jira/links", json=tracker, timeout=10).status_code == 200
    return cloud


def _get(running: RunningSandbox, path: str, **options: Any) -> requests.Response:
    return requests.get(f"{running.url}{path}", timeout=10, **options)


def test_an_issue_is_readable_and_nothing_in_it_runs(filed: RunningSandbox) -> None:
    page = _get(filed, "/jira/browse/REP-1")
    assert page.status_code == 200
    assert "<h1>Empty &lt;b&gt;exports&lt;/b&gt;</h1>" in page.text
    assert '<img src="/jira/secure/attachment/1/timeline.svg" alt="timeline.svg">' in page.text
    assert "ZD-1001 &lt;i&gt;" in page.text
    assert "<strong>seen</strong> &lt;u&gt;" in page.text
    assert "Affected accounts</dt><dd>38</dd>" in page.text
    assert "First seen</dt><dd>2026-03-11 02:04 UTC</dd>" in page.text
    assert "<script" not in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    outside = [address for address in re.findall(r'(?:src|href)="(https?://[^"]+)"', page.text) if not address.startswith(filed.url)]
    assert outside == [], "no address leads out of the sandbox but those a text holds"


def test_an_attachment_cannot_run_either(filed: RunningSandbox) -> None:
    picture = _get(filed, "/jira/secure/attachment/1/timeline.svg")
    assert picture.headers["Content-Type"] == "image/svg+xml"
    assert "sandbox" in picture.headers["Content-Security-Policy"]
    page = _get(filed, "/jira/secure/attachment/2/report.html")
    assert page.headers["Content-Type"] == "application/octet-stream"
    assert page.headers["Content-Disposition"].startswith("attachment")
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert _get(filed, "/jira/secure/attachment/9/x").status_code == 404


def test_a_ticket_shows_notes_apart_from_the_conversation(filed: RunningSandbox) -> None:
    page = _get(filed, "/zendesk/agent/tickets/1001").text
    assert page.count('class="comment public"') == 1
    assert page.count('class="comment internal"') == 1
    assert "Internal note" in page
    assert '<a href="/jira/browse/REP-1">REP-1</a>' in page
    assert "Leerer Export &lt;script&gt;" in _get(filed, "/zendesk/agent/tickets/1002").text


def test_every_link_of_every_page_leads_somewhere(filed: RunningSandbox) -> None:
    seen: set[str] = set()
    todo = ["/"]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        page = _get(filed, path)
        assert page.status_code == 200, path
        if page.headers["Content-Type"].startswith("text/html"):
            todo += [found.replace("&amp;", "&") for found in re.findall(r'(?:href|src)="(/[^"]*)"', page.text)]
    assert {"/jira/projects/REP", "/jira/browse/REP-1", "/zendesk/agent/tickets", "/zendesk/agent/tickets/1001", "/style.css"} <= seen


@pytest.mark.parametrize("path", ["/jira/browse/REP-99", "/zendesk/agent/tickets/9", "/jira/projects/NOPE", "/../etc/passwd", "/base.html"])
def test_what_is_not_there_is_404(path: str, shared: RunningSandbox) -> None:
    assert _get(shared, path).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost@evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:8765"}, 200),
    ],
)
@pytest.mark.parametrize("path", ["/", "/jira/rest/api/2/serverInfo", "/_control/lag"])
def test_only_this_machine_is_answered(path: str, headers: dict[str, str], status: int, shared: RunningSandbox) -> None:
    assert _get(shared, path, headers=headers).status_code == status
