"""The Zendesk adapter against the sandbox, over sockets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.adapters.tickets.zendesk import Zendesk, ZendeskSettings, open_source
from bridge.adapters.tickets.zendesk_values import comment, issue_key, issue_update, ticket
from bridge.errors import BridgeError, ChangedMeanwhileError, InputError, NotFoundError, RefusedError, RetryLaterError, UnknownOutcomeError
from bridge.model.filing import IssueRef
from bridge.model.window import Window
from bridge.sandbox.faults import Fault
from bridge.sandbox.seed import ISSUE_FIELD
from bridge.sandbox.server import RunningSandbox
from tests.adapters import running

ISSUE = IssueRef(id="10001", key="REP-7", url="http://jira.example.test/browse/REP-7")
DAY = Window(start=running.OPENED - timedelta(hours=1), end=running.OPENED + timedelta(hours=1))
UPDATE = r"/api/v2/tickets/\d+$"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[RunningSandbox]:
    with running.sandbox(tmp_path, start=running.seed(tickets=6, accounts=3)) as made:
        yield made


@pytest.fixture
def desk(sandbox: RunningSandbox, tmp_path: Path) -> Iterator[Zendesk]:
    with running.desk(sandbox.zendesk_url, tmp_path) as made:
        yield made


def notes(desk: Zendesk, ticket_id: str = "ZD-1001") -> list[str]:
    return [item.body for item in desk.comments(ticket_id) if not item.public]


def test_checks(desk: Zendesk) -> None:
    assert [(check.what, check.ok) for check in desk.check()] == [
        ("credentials", True),
        (f"ticket field {ISSUE_FIELD}", True),
        ("tickets", True),
        ("Jira links", True),
    ]


def test_a_ticket_as_it_is_read(desk: Zendesk, sandbox: RunningSandbox) -> None:
    found = desk.get("ZD-1002")
    assert (found.id, found.native_id, found.system) == ("ZD-1002", "1002", "zendesk")
    assert found.url == f"{sandbox.zendesk_url}/agent/tickets/1002"
    assert (found.subject, found.body) == ("Exports are empty 1", "Our export came out empty.")
    assert (found.requester_name, found.requester_email) == ("Robin 1", "robin1@example.test")
    assert (found.account_id, found.account_name) == ("A-1", "Account 1")
    assert (found.status, found.priority, found.tags, found.issue_key) == ("open", None, ("billing",), None)
    assert found.created_at == running.OPENED
    assert [(item.author, item.public, item.body) for item in found.comments] == [("Robin 1", True, "Our export came out empty.")]


def test_the_queue_is_newest_first_and_takes_words(desk: Zendesk) -> None:
    assert {item.id for item in desk.queue()} == {f"ZD-{number}" for number in range(1001, 1007)}
    assert [item.id for item in desk.queue(query='"3"')] == ["ZD-1004"]
    assert [item.id for item in desk.queue(query="status:solved -empty 3")] == []
    assert len(desk.queue(limit=2)) == 2


def test_tickets_of_accounts(desk: Zendesk) -> None:
    assert [item.id for item in desk.of_accounts(["A-1"], DAY)] == ["ZD-1002", "ZD-1005"]
    assert [item.id for item in desk.of_accounts(["A-2", "A-0", "A-0", "unknown"], DAY)] == ["ZD-1001", "ZD-1003", "ZD-1004", "ZD-1006"]
    assert desk.of_accounts(["A-1"], Window(start=DAY.start - timedelta(days=1), end=running.OPENED)) == []
    assert desk.of_accounts([], DAY) == []


def test_tickets_opened_in_a_window(desk: Zendesk) -> None:
    assert [item.id for item in desk.created(DAY)] == [f"ZD-{number}" for number in range(1001, 1007)]
    assert desk.created(Window(start=DAY.start - timedelta(days=1), end=running.OPENED)) == []


def test_many_tickets_take_few_requests(tmp_path: Path) -> None:
    with running.sandbox(tmp_path, start=running.seed(tickets=230, accounts=60)) as made, running.desk(made.zendesk_url, tmp_path) as desk:
        assert len(desk.queue(limit=230)) == 230
        assert len(made.journal(everything=True)) <= 6
        before = len(made.journal(everything=True))
        assert len(desk.of_accounts([f"A-{n}" for n in range(60)], DAY)) == 230
        assert len(made.journal(everything=True)) - before <= 12


def test_a_note_is_internal(desk: Zendesk, sandbox: RunningSandbox) -> None:
    assert desk.add_internal_note("ZD-1001", "Filed as REP-7")
    assert notes(desk) == ["Filed as REP-7"]
    sent = json.loads(sandbox.journal()[-1].body or "")
    assert sent == {"ticket": {"comment": {"body": "Filed as REP-7", "public": False}}}


def test_a_public_comment_can_not_leave(desk: Zendesk, sandbox: RunningSandbox) -> None:
    for update in ({"comment": {"body": "x"}}, {"comment": {"body": "x", "public": True}}):
        with pytest.raises(AssertionError):
            desk._update("ZD-1001", update, "once")
    assert not sandbox.journal()


def test_a_guarded_note_lands_at_most_once(desk: Zendesk) -> None:
    read = desk.get("ZD-1001").updated_at
    desk.add_internal_note("ZD-1001", "one", as_read=read)
    with pytest.raises(ChangedMeanwhileError):
        desk.add_internal_note("ZD-1001", "two", as_read=read)
    assert notes(desk) == ["one"]


def test_two_notes_within_one_second_of_the_stamp(desk: Zendesk) -> None:
    desk.add_internal_note("ZD-1001", "one")
    read = desk.get("ZD-1001").updated_at
    desk.add_internal_note("ZD-1001", "two", as_read=read)
    with pytest.raises(ChangedMeanwhileError):
        desk.add_internal_note("ZD-1001", "three", as_read=read)
    assert notes(desk) == ["one", "two"]


@pytest.mark.parametrize("kind", ["close", "reset", "empty", "cut", "status"])
def test_a_lost_answer_to_a_guarded_note(desk: Zendesk, sandbox: RunningSandbox, kind: str) -> None:
    read = desk.get("ZD-1001").updated_at
    sandbox.fault(Fault(kind=kind, when="after", method="PUT", path=UPDATE, status=503))  # type: ignore[arg-type]  # the words above are kinds
    with pytest.raises(ChangedMeanwhileError):  # sent again with the same stamp, refused because the first one landed
        desk.add_internal_note("ZD-1001", "one", as_read=read)
    assert notes(desk) == ["one"]


def test_a_note_that_lands_late(desk: Zendesk, sandbox: RunningSandbox) -> None:
    read = desk.get("ZD-1001").updated_at
    sandbox.fault(Fault(kind="late", when="after", method="PUT", path=UPDATE, seconds=1.0))
    desk.add_internal_note("ZD-1001", "one", as_read=read)  # the second sending lands, the late one is refused
    assert notes(desk) == ["one"]


@pytest.mark.parametrize("kind", ["close", "reset", "hang", "html", "cut"])
def test_an_unguarded_note_is_sent_once(desk: Zendesk, sandbox: RunningSandbox, kind: str) -> None:
    sandbox.fault(Fault(kind=kind, when="after", method="PUT", path=UPDATE, seconds=2))  # type: ignore[arg-type]  # the words above are kinds
    with pytest.raises(UnknownOutcomeError):
        desk.add_internal_note("ZD-1001", "one")
    assert notes(desk) == ["one"]


def test_the_key_is_written_once_and_nobody_s_tag_is_lost(desk: Zendesk, sandbox: RunningSandbox) -> None:
    sandbox.fault(Fault(kind="status", method="PUT", path=UPDATE, status=409))
    desk.set_issue("ZD-1001", ISSUE)
    found = desk.get("ZD-1001")
    assert found.issue_key == "REP-7"
    assert set(found.tags) == {"billing", "bridge-rep-7"}
    writes = len(sandbox.journal())
    desk.set_issue("ZD-1001", ISSUE)
    assert len(sandbox.journal()) == writes
    desk.set_issue("ZD-1001", IssueRef(id="10001", key="OPS-1", url=""))
    moved = desk.get("ZD-1001")
    assert (moved.issue_key, set(moved.tags)) == ("OPS-1", {"billing", "bridge-ops-1"})


def test_the_link_is_registered_once(desk: Zendesk, sandbox: RunningSandbox) -> None:
    desk.register_link("ZD-1001", ISSUE)
    writes = len(sandbox.journal())
    desk.register_link("ZD-1001", ISSUE)
    assert len(sandbox.journal()) == writes


@pytest.mark.parametrize("status", [403, 404])
def test_without_the_app_there_is_nothing_to_register(sandbox: RunningSandbox, tmp_path: Path, status: int) -> None:
    sandbox.fault(Fault(kind="status", path="/jira/links", status=status, count=0))
    with running.desk(sandbox.zendesk_url, tmp_path) as desk:
        desk.register_link("ZD-1001", ISSUE)
        assert desk.check()[-1].ok
    with running.desk(sandbox.zendesk_url, tmp_path, jira_links="always") as desk:
        with pytest.raises(BridgeError):
            desk.register_link("ZD-1001", ISSUE)
        assert not desk.check()[-1].ok
    with running.desk(sandbox.zendesk_url, tmp_path, jira_links="never") as desk:
        desk.register_link("ZD-1001", ISSUE)
    assert not sandbox.journal()


def test_a_ticket_that_is_gone(desk: Zendesk) -> None:
    for wrong in ("ZD-9999", "ZD-", "1042x", "../users/1"):
        with pytest.raises(NotFoundError):
            desk.get(wrong)


def test_a_closed_ticket_is_refused(desk: Zendesk) -> None:
    desk._call("PUT", "tickets/1001", "once", body={"ticket": {"status": "closed"}})
    with pytest.raises(RefusedError, match="closed"):
        desk.add_internal_note("ZD-1001", "one", as_read=desk.get("ZD-1001").updated_at)


def test_a_server_that_hangs(desk: Zendesk, sandbox: RunningSandbox) -> None:
    sandbox.fault(Fault(kind="hang", count=0, seconds=5))
    with pytest.raises(RetryLaterError, match="no answer within the time limit"):
        desk.get("ZD-1001")
    sandbox.clear_faults()


def test_wrong_credentials(sandbox: RunningSandbox, tmp_path: Path) -> None:
    with running.desk(sandbox.zendesk_url, tmp_path, user="nobody@example.test") as desk:
        (check,) = desk.check()
    assert not check.ok
    assert "API token" in check.hint


def test_options_are_strict(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        open_source(running.options("tickets", tmp_path, url="ftp://x", isue_field=1, issue_field="abc", jira_links="maybe"))
    assert len(raised.value.problems) == 4
    assert raised.value.problems[0].hint == "did you mean 'issue_field'?"


SETTINGS = ZendeskSettings(url="https://x.test", prefix="ZD-", account_field="account_id", issue_field=None, jira_links="auto", timeout=30)


def test_missing_and_unknown_fields_are_tolerated() -> None:
    made = ticket({"id": 7, "created_at": "2026-03-12T08:30:00+01:00", "brand_new": 1}, settings=SETTINGS, users={}, organizations={})
    assert (made.id, made.subject, made.account_id, made.account_name, made.requester_email) == ("ZD-7", "", None, None, "")
    assert made.created_at == made.updated_at == datetime(2026, 3, 12, 7, 30, tzinfo=UTC)
    home = {5: {"name": "Account", "organization_fields": {"account_id": 12}}}
    owned = ticket({"id": 7, "created_at": "2026-03-12T08:30:00Z", "organization_id": 5}, settings=SETTINGS, users={}, organizations=home)
    assert owned.account_id == "12"
    assert comment({"id": 1, "created_at": "2026-03-12T08:30:00Z"}, {}).public is False


def test_keys_on_tickets() -> None:
    assert issue_key({"tags": ["bridge-rep-7"]}, None) == "REP-7"
    assert issue_key({"tags": ["bridge-0123456789abcdef0123", "bridge-to-nowhere"]}, None) is None
    assert issue_key({"custom_fields": [{"id": 1, "value": "OPS-2"}], "tags": ["bridge-rep-7"]}, 1) == "OPS-2"
    assert issue_update({"tags": ["a", "bridge-rep-7"]}, "REP-7", None) == {}
    assert issue_update({"tags": []}, "REP-7", 1) == {"tags": ["bridge-rep-7"], "custom_fields": [{"id": 1, "value": "REP-7"}]}
