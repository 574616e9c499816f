"""Ordered faults: the write happened or not, and the client sees exactly the failure that was ordered."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from bridge.errors import InputError
from bridge.sandbox.faults import Fault, FaultList, from_json
from bridge.sandbox.server import RunningSandbox


def _issues(running: RunningSandbox, http: requests.Session) -> int:
    body = {"jql": "project = REP"}
    return int(http.post(f"{running.jira_url}/rest/api/3/search/approximate-count", json=body, timeout=10).json()["count"])


def _create(running: RunningSandbox, http: requests.Session, bug: dict[str, Any], timeout: float = 10) -> requests.Response:
    return http.post(f"{running.jira_url}/rest/api/2/issue", json={"fields": bug}, timeout=timeout)


def _order(running: RunningSandbox, **fault: Any) -> None:
    answer = requests.post(f"{running.url}/_control/faults", json={"method": "POST", "path": "/issue$", **fault}, timeout=10)
    assert answer.status_code == 200, answer.text


LOST = [
    ({"kind": "lost-answer"}, 1),
    ({"kind": "reset-after"}, 1),
    ({"kind": "reset-before"}, 0),
    ({"kind": "close", "when": "before"}, 0),
    ({"kind": "timeout", "seconds": 5}, 0),
    ({"kind": "timeout-after", "seconds": 5}, 1),
    ({"kind": "delay", "seconds": 5}, 0),
    ({"kind": "delay", "when": "after", "seconds": 5}, 1),
    ({"kind": "cut"}, 1),
]


@pytest.mark.parametrize(("fault", "issues"), LOST, ids=str)
def test_an_answer_is_lost(fault: dict[str, Any], issues: int, cloud: RunningSandbox, http: requests.Session, bug: dict[str, Any]) -> None:
    _order(cloud, **fault)
    waits = fault["kind"] in {"timeout", "timeout-after", "delay"}
    with pytest.raises(requests.ReadTimeout if waits else (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        _create(cloud, http, bug, timeout=0.4 if waits else 10)
    assert _issues(cloud, http) == issues
    if fault["kind"] != "delay":
        assert _create(cloud, http, bug).status_code == 201, "the fault hits once"


ANSWERED = [
    ({"kind": "status", "status": 503, "retry_after": 2}, 503, "2", 0),
    (
        {"kind": "status", "status": 503, "retry_after": "Wed, 21 Oct 2026 07:28:00 GMT", "when": "after"},
        503,
        "Wed, 21 Oct 2026 07:28:00 GMT",
        1,
    ),
    ({"kind": "status", "status": 429, "retry_after": "1", "headers": {"RateLimit-Reason": "jira-burst-based"}}, 429, "1", 0),
    ({"kind": "status", "status": 500}, 500, None, 0),
    ({"kind": "status", "status": 502, "when": "after"}, 502, None, 1),
    ({"kind": "html"}, 200, None, 0),
    ({"kind": "html", "when": "after"}, 200, None, 1),
    ({"kind": "empty"}, 201, None, 1),
    ({"kind": "drip", "seconds": 0.1}, 201, None, 1),
]


@pytest.mark.parametrize(("fault", "status", "retry_after", "issues"), ANSWERED, ids=lambda value: str(value)[:60])
def test_an_answer_is_wrong(
    fault: dict[str, Any],
    status: int,
    retry_after: str | None,
    issues: int,
    cloud: RunningSandbox,
    http: requests.Session,
    bug: dict[str, Any],
) -> None:
    _order(cloud, **fault)
    answer = _create(cloud, http, bug)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, retry_after)
    assert _issues(cloud, http) == issues
    if fault["kind"] == "html":
        assert answer.headers["Content-Type"].startswith("text/html")
    if fault["kind"] == "empty":
        assert answer.content == b""
    if fault["kind"] == "drip":
        assert answer.json()["key"] == "REP-1"


def test_a_late_write_lands_after_its_connection_is_gone(cloud: RunningSandbox, http: requests.Session, bug: dict[str, Any]) -> None:
    _order(cloud, kind="late-write", seconds=0.3)
    with pytest.raises(requests.ConnectionError):
        _create(cloud, http, bug)
    assert _issues(cloud, http) == 0
    deadline = time.monotonic() + 5
    while _issues(cloud, http) == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _issues(cloud, http) == 1


def test_counts_skips_and_clearing(cloud: RunningSandbox, http: requests.Session, bug: dict[str, Any]) -> None:
    cloud.fault(Fault(kind="status", status=500, method="POST", path="/issue$", skip=1, count=2))
    assert [_create(cloud, http, bug).status_code for _ in range(4)] == [201, 500, 500, 201]
    assert cloud.pending_faults() == []
    _order(cloud, kind="status", count=0)
    assert [_create(cloud, http, bug).status_code for _ in range(2)] == [503, 503]
    assert requests.delete(f"{cloud.url}/_control/faults", timeout=10).json() == {"faults": []}
    assert _create(cloud, http, bug).status_code == 201


def test_the_journal_tells_what_was_written(cloud: RunningSandbox, http: requests.Session, bug: dict[str, Any]) -> None:
    _create(cloud, http, bug)
    _issues(cloud, http)
    http.get(f"{cloud.jira_url}/rest/api/2/myself", timeout=10)
    _order(cloud, kind="lost-answer")
    with pytest.raises(requests.ConnectionError):
        _create(cloud, http, bug)
    found = requests.get(f"{cloud.url}/_control/journal", timeout=10).json()
    assert found["count"] == 2
    first, second = found["entries"]
    assert (first["method"], first["path"], first["status"], first["fault"]) == ("POST", "/jira/rest/api/2/issue", 201, None)
    assert (second["status"], second["fault"]) == (None, "close-after")
    assert first["digest"] == second["digest"]
    assert "Scheduled exports" in first["body"]
    assert [entry.method for entry in cloud.journal(everything=True)] == ["POST", "POST", "GET", "POST"]
    assert [entry.seq for entry in cloud.journal(since=first["seq"])] == [second["seq"]]
    assert requests.delete(f"{cloud.url}/_control/journal", timeout=10).json()["count"] == 0


@pytest.mark.parametrize("fault", [{"kind": "boom"}, {"kind": "close", "flavour": 1}, {"kind": "close", "path": "("}, {}, "close"])
def test_a_broken_order_is_refused(fault: Any) -> None:
    with pytest.raises(InputError):
        FaultList().add(*from_json([fault]))


def test_orders_must_be_json(cloud: RunningSandbox) -> None:
    assert requests.post(f"{cloud.url}/_control/faults", data='{"kind": "close"}', timeout=10).status_code == 400
    assert requests.get(f"{cloud.url}/_control/nothing", timeout=10).status_code == 404


def test_a_help_desk_note_can_be_lost_too(cloud: RunningSandbox, desk: requests.Session) -> None:
    cloud.fault(Fault(kind="close", when="after", method="PUT", path=r"^/zendesk/api/v2/tickets/1001"))
    address = f"{cloud.zendesk_url}/api/v2/tickets/1001"
    with pytest.raises(requests.ConnectionError):
        desk.put(f"{address}.json", json={"ticket": {"comment": {"body": "note", "public": False}}}, timeout=10)
    assert len(desk.get(f"{address}/comments.json", timeout=10).json()["comments"]) == 3
