"""The help desk's API, as a client of the real one would use it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from bridge.sandbox.seed import SandboxSeed, SeedTicket, SeedUser
from bridge.sandbox.server import RunningSandbox

Start = Callable[..., RunningSandbox]
if TYPE_CHECKING:
    Body = dict[str, Any]


@pytest.fixture
def api(cloud: RunningSandbox) -> str:
    return f"{cloud.zendesk_url}/api/v2"


@pytest.fixture
def read(shared: RunningSandbox) -> str:
    return f"{shared.zendesk_url}/api/v2"


def test_tickets_are_listed_and_shown_with_and_without_the_suffix(read: str, desk: requests.Session) -> None:
    listed = desk.get(f"{read}/tickets.json", timeout=10).json()
    assert [ticket["id"] for ticket in listed["tickets"]] == [1001, 1002]
    assert (listed["count"], listed["next_page"], listed["previous_page"]) == (2, None, None)
    ticket = desk.get(f"{read}/tickets/1001", params={"include": "users,organizations"}, timeout=10).json()
    assert ticket["ticket"]["subject"] == "Export is empty"
    assert ticket["ticket"]["created_at"] == "2026-03-11T08:30:00Z"
    assert ticket["ticket"]["custom_fields"] == [{"id": 360001, "value": None}]
    assert ticket["organizations"][0]["external_id"] == "acc-1"
    assert ticket["users"][0]["email"] == "ada@acme.example"
    many = desk.get(f"{read}/tickets/show_many.json?ids=1002,9999", timeout=10).json()["tickets"]
    assert [ticket["id"] for ticket in many] == [1002]


def test_pages_by_number_and_by_cursor(read: str, desk: requests.Session) -> None:
    first = desk.get(f"{read}/tickets.json", params={"per_page": 1}, timeout=10).json()
    second = desk.get(first["next_page"], timeout=10).json()
    assert [second["tickets"][0]["id"], second["next_page"]] == [1002, None]
    first = desk.get(f"{read}/tickets/1001/comments.json", params={"page[size]": 1}, timeout=10).json()
    assert first["meta"]["has_more"] is True
    second = desk.get(first["links"]["next"], timeout=10).json()
    assert [comment["public"] for comment in (*first["comments"], *second["comments"])] == [True, False]
    assert second["meta"]["has_more"] is False
    assert second["links"]["next"] is None


def test_people_and_organizations(read: str, desk: requests.Session) -> None:
    assert desk.get(f"{read}/users/me.json", timeout=10).json()["user"]["role"] == "admin"
    assert desk.get(f"{read}/users/600.json", timeout=10).json()["user"]["organization_id"] == 500
    assert len(desk.get(f"{read}/users/show_many.json?ids=600,601", timeout=10).json()["users"]) == 2
    assert desk.get(f"{read}/organizations/501.json", timeout=10).json()["organization"]["name"] == "Borealis GmbH"
    found = desk.get(f"{read}/organizations/show_many.json?external_ids=acc-2", timeout=10).json()["organizations"]
    assert [organization["id"] for organization in found] == [501]
    assert desk.get(f"{read}/organizations/search.json?external_id=acc-1", timeout=10).json()["count"] == 1
    assert [t["id"] for t in desk.get(f"{read}/organizations/501/tickets.json", timeout=10).json()["tickets"]] == [1002]
    fields = desk.get(f"{read}/ticket_fields.json", timeout=10).json()["ticket_fields"]
    assert "Engineering issue" in {field["title"] for field in fields}


def test_a_comment_is_public_unless_it_says_otherwise(api: str, desk: requests.Session) -> None:
    for comment in ({"body": "to the customer"}, {"body": "among us", "public": False}):
        assert desk.put(f"{api}/tickets/1001.json", json={"ticket": {"comment": comment}}, timeout=10).status_code == 200
    found = desk.get(f"{api}/tickets/1001/comments.json", timeout=10).json()["comments"]
    assert [(comment["body"], comment["public"]) for comment in found[-2:]] == [("to the customer", True), ("among us", False)]


def test_an_update_keeps_what_it_does_not_name(api: str, desk: requests.Session) -> None:
    body = {"ticket": {"custom_fields": [{"id": 360001, "value": "REP-1"}, {"id": 1, "value": "lost"}], "status": "hold"}}
    ticket = desk.put(f"{api}/tickets/1001.json", json=body, timeout=10).json()["ticket"]
    assert (ticket["status"], ticket["tags"], ticket["priority"]) == ("hold", ["exports", "escalated"], "high")
    assert ticket["custom_fields"] == [{"id": 360001, "value": "REP-1"}]
    assert ticket["updated_at"] > "2026-03-11T08:30:00Z"


def test_tags_are_added_set_and_removed(api: str, desk: requests.Session) -> None:
    address = f"{api}/tickets/1001/tags.json"
    assert desk.put(address, json={"tags": ["filed"]}, timeout=10).json() == {"tags": ["escalated", "exports", "filed"]}
    assert desk.delete(address, json={"tags": ["exports"]}, timeout=10).json() == {"tags": ["escalated", "filed"]}
    assert desk.post(address, json={"tags": ["one"]}, timeout=10).status_code == 201
    assert desk.get(address, timeout=10).json() == {"tags": ["one"]}
    stale = {"tags": ["x"], "safe_update": "true", "updated_stamp": "2026-03-11T08:30:00Z"}
    assert desk.put(address, json=stale, timeout=10).status_code == 409


def test_a_safe_update_is_refused_when_the_ticket_changed(api: str, desk: requests.Session) -> None:
    ticket = desk.get(f"{api}/tickets/1001.json", timeout=10).json()["ticket"]
    body = {"ticket": {"tags": ["mine"], "safe_update": True, "updated_stamp": ticket["updated_at"]}}
    assert desk.put(f"{api}/tickets/1001.json", json=body, timeout=10).status_code == 200
    again = desk.put(f"{api}/tickets/1001.json", json=body, timeout=10)
    assert (again.status_code, again.json()["error"]) == (409, "UpdateConflict")


def test_a_ticket_is_made_and_deleted(api: str, desk: requests.Session) -> None:
    made = desk.post(f"{api}/tickets.json", json={"ticket": {"requester_id": 601, "comment": {"body": "New\nline"}}}, timeout=10)
    assert made.status_code == 201
    ticket = made.json()["ticket"]
    assert (ticket["id"], ticket["organization_id"], ticket["subject"], ticket["status"]) == (1003, 501, "New", "new")
    assert desk.delete(f"{api}/tickets/1003.json", timeout=10).status_code == 204
    gone = desk.get(f"{api}/tickets/1003.json", timeout=10)
    assert (gone.status_code, gone.json()) == (404, {"error": "RecordNotFound", "description": "Not found"})
    assert desk.get(f"{api}/search.json?query=new", timeout=10).json()["count"] == 0
    assert len(desk.get(f"{api}/tickets.json", timeout=10).json()["tickets"]) == 2


REFUSED: list[tuple[str, str, Body | None, int]] = [
    ("PUT", "tickets/1001", {"ticket": {"comment": {"body": "x", "public": "no"}}}, 422),
    ("PUT", "tickets/1001", {"ticket": {"comment": {"body": " ", "public": False}}}, 422),
    ("PUT", "tickets/1001", {"ticket": {"status": "frozen"}}, 422),
    ("PUT", "tickets/1001", {"ticket": {"priority": "extreme"}}, 422),
    ("PUT", "tickets/1001", {"ticket": {"custom_fields": {"360001": "REP-1"}}}, 422),
    ("PUT", "tickets/1001", {"ticket": {"tags": [1]}}, 422),
    ("PUT", "tickets/1001", {"comment": {"body": "x"}}, 400),
    ("PUT", "tickets/9999", {"ticket": {}}, 404),
    ("POST", "tickets", {"ticket": {"subject": "no comment"}}, 422),
    ("POST", "tickets", {"ticket": {"comment": {"body": "x"}, "requester_id": 9999}}, 422),
    ("GET", "tickets/abc", None, 404),
    ("GET", "organizations/9999", None, 404),
    ("GET", "organizations/9999/tickets", None, 404),
    ("GET", "users/9999", None, 404),
    ("GET", "nothing", None, 404),
    ("GET", "search", None, 422),
    ("GET", "search?query=flavour:x", None, 422),
    ("GET", "search?query=type:ticket&page=11&per_page=100", None, 422),
    ("GET", "incremental/tickets/cursor", None, 400),
    ("POST", "jira/links", {"ticket_id": 1001}, 422),
    ("POST", "jira/links", {"ticket_id": 9999, "issue_id": "1", "issue_key": "REP-1"}, 422),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), REFUSED, ids=lambda value: str(value)[:50])
def test_a_call_is_refused(method: str, path: str, body: Body | None, status: int, read: str, desk: requests.Session) -> None:
    before = desk.get(f"{read}/tickets/1001.json", timeout=10).json()
    answer = desk.request(method, f"{read}/{path}", json=body, timeout=10)
    assert answer.status_code == status, answer.text
    assert "error" in answer.json()
    assert desk.get(f"{read}/tickets/1001.json", timeout=10).json() == before


@pytest.mark.parametrize(
    "auth", [None, ("agent@example.test", "sandbox"), ("agent@example.test/token", "no"), ("ada@acme.example/token", "sandbox")]
)
def test_wrong_credentials_are_401(auth: tuple[str, str] | None, read: str) -> None:
    answer = requests.get(f"{read}/tickets.json", auth=auth, timeout=10)
    assert (answer.status_code, answer.json()) == (401, {"error": "Couldn't authenticate you"})


QUERIES = [
    ("type:ticket", [1001, 1002]),
    ("type:ticket status<solved", [1001]),
    ("status:open status:solved", [1001, 1002]),
    ("status>=hold", [1002]),
    ("priority>normal", [1001]),
    ("priority:none", [1002]),
    ("tags:exports", [1001]),
    ("-tags:exports", [1002]),
    ("organization:500", [1001]),
    ('organization:"Borealis GmbH"', [1002]),
    ("organization:500 organization:501", [1001, 1002]),
    ("requester:bert@borealis.example", [1002]),
    ("created>=2026-03-11", [1001, 1002]),
    ("created<2026-03-11T08:30:00Z", []),
    ("created:2026-03-11", [1001, 1002]),
    ("export empty", [1001]),
    ('"no rows"', [1001]),
    ("looking", [1001]),
    ("enthält", [1002]),
    ("type:ticket status<solved rows", [1001]),
    ("type:user", []),
]


@pytest.mark.parametrize(("query", "expected"), QUERIES, ids=[query for query, _ in QUERIES])
def test_search_finds(query: str, expected: list[int], read: str, desk: requests.Session) -> None:
    answer = desk.get(f"{read}/search.json", params={"query": query, "sort_by": "created_at", "sort_order": "asc"}, timeout=10)
    assert answer.status_code == 200, answer.text
    assert [found["id"] for found in answer.json()["results"]] == expected
    assert desk.get(f"{read}/search/count.json", params={"query": query}, timeout=10).json() == {"count": len(expected)}


def test_links_with_the_tracker_are_unique(api: str, desk: requests.Session) -> None:
    link = {"issue_id": "10001", "issue_key": "REP-1", "ticket_id": "1001"}
    made = desk.post(f"{api}/jira/links", json=link, timeout=10)
    assert made.status_code == 200
    assert desk.post(f"{api}/jira/links", json={"link": link}, timeout=10).status_code == 422
    assert desk.post(f"{api}/jira/links", json={**link, "ticket_id": "1002"}, timeout=10).status_code == 200
    for query in ("filter[ticket_id]=1001", "ticket_id=1001", "filter[issue_id]=10001&filter[ticket_id]=1001"):
        found = desk.get(f"{api}/jira/links?{query}", timeout=10).json()["links"]
        assert [item["issue_key"] for item in found] == ["REP-1"]
    assert desk.delete(f"{api}/jira/links/{found[0]['id']}", timeout=10).status_code == 204
    assert len(desk.get(f"{api}/jira/links", timeout=10).json()["links"]) == 1


class _Clock:
    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def test_the_export_withholds_the_last_minute_and_tells_of_deletions(start_sandbox: Start, desk: requests.Session) -> None:
    clock = _Clock()
    running = start_sandbox("cloud", now=clock)
    address = f"{running.zendesk_url}/api/v2/incremental/tickets/cursor.json"
    first = desk.get(address, params={"start_time": "0", "per_page": "1"}, timeout=10).json()
    assert ([t["id"] for t in first["tickets"]], first["end_of_stream"]) == ([1001], False)
    second = desk.get(first["after_url"], timeout=10).json()
    assert ([t["id"] for t in second["tickets"]], second["end_of_stream"]) == ([1002], True)
    desk.put(f"{running.zendesk_url}/api/v2/tickets/1001.json", json={"ticket": {"status": "pending"}}, timeout=10)
    desk.delete(f"{running.zendesk_url}/api/v2/tickets/1002.json", timeout=10)
    assert desk.get(address, params={"cursor": second["after_cursor"]}, timeout=10).json()["tickets"] == []
    clock.ahead = timedelta(seconds=61)
    later = desk.get(address, params={"cursor": second["after_cursor"]}, timeout=10).json()
    assert [(t["id"], t["status"]) for t in later["tickets"]] == [(1001, "pending"), (1002, "deleted")]
    assert desk.get(address, params={"start_time": int(time.time()) + 60}, timeout=10).status_code == 422
    assert desk.get(address, params={"cursor": "nonsense"}, timeout=10).status_code == 400


def test_search_stops_at_a_thousand(start_sandbox: Start, desk: requests.Session) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    tickets = tuple(
        SeedTicket(id=1001 + number, subject="Same", description="words", requester_id=600, created_at=at, updated_at=at)
        for number in range(1005)
    )
    seed = SandboxSeed(users=(SeedUser(id=600, name="Ada", email="ada@acme.example"),), tickets=tickets)
    running = start_sandbox("cloud", seed=seed)
    address = f"{running.zendesk_url}/api/v2/search.json"
    tenth = desk.get(address, params={"query": "type:ticket", "page": "10"}, timeout=10).json()
    assert (len(tenth["results"]), tenth["count"], tenth["next_page"]) == (100, 1005, None)
    assert desk.get(address, params={"query": "type:ticket", "page": "11"}, timeout=10).status_code == 422
