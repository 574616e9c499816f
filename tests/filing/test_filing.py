"""Filing against the sandbox: the whole way, what goes wrong on it, and the second run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bridge.errors import ExitCode, RefusedError, UnknownOutcomeError
from bridge.filing.file import FilingResult, file_case
from bridge.filing.ledger import Ledger
from bridge.filing.plan import FilingPlan
from bridge.filing.run import FilingEvent
from bridge.filing.status import status
from bridge.filing.store import connect
from bridge.model.filing import Attachment, IssueRef
from bridge.ports import Leaving, unwatched
from bridge.sandbox.faults import Fault
from bridge.sandbox.server import RunningSandbox
from tests.adapters import running
from tests.filing.process import TICKETS, plan_of
from tests.filing.test_contracts import live
from tests.filing.world import FakeClock, FakeDesk, FakeTracker, World, small_plan


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[RunningSandbox]:
    (tmp_path / "affected.csv").write_text("account_id\n", encoding="utf-8")
    with running.sandbox(tmp_path, start=running.seed(tickets=TICKETS)) as made:
        yield made


@contextmanager
def opened(folder: Path, name: str = "ledger") -> Iterator[Ledger]:
    with closing(Ledger(folder / f"{name}.sqlite", FakeClock())) as made:
        yield made


def run(
    sandbox: RunningSandbox, folder: Path, plan: FilingPlan, *, ledger: str = "ledger", events: list[FilingEvent] | None = None
) -> FilingResult:
    with (
        running.tracker(sandbox.jira_url, folder) as tracker,
        running.desk(sandbox.zendesk_url, folder) as desk,
        opened(folder, ledger) as book,
    ):
        seen = events if events is not None else []
        return file_case(plan, ledger=book, tracker=tracker, tickets=desk, clock=FakeClock(), events=seen.append)


def test_the_whole_way_and_a_second_run(sandbox: RunningSandbox, tmp_path: Path) -> None:
    plan = plan_of("BR-1", tmp_path, tickets=4)
    events: list[FilingEvent] = []
    first = run(sandbox, tmp_path, plan, events=events)
    assert first.error is None
    assert first.created
    assert first.sentence == f"REP-1  {sandbox.jira_url}/browse/REP-1  4 of 4 tickets linked"
    assert first.writes == len(sandbox.journal()) == 1 + 1 + 4 + 3 * 4
    assert {(event.step, event.state) for event in events} >= {("issue", "done"), ("ticket", "done"), ("preflight", "done")}
    before = len(sandbox.journal(everything=True))
    second = run(sandbox, tmp_path, plan)
    assert second.sentence == "Nothing to do: filed as REP-1 at 2026-03-17 09:00 UTC, 4 of 4 tickets linked"
    # Two requests connect; nothing else is asked.
    assert len(sandbox.journal(everything=True)) - before <= 2
    with opened(tmp_path) as book:
        assert status("BR-1", book).linked == ("ZD-1001", "ZD-1002", "ZD-1003", "ZD-1004")
        assert {line.who for line in book.audit("BR-1")} == {book.holder.who}


def test_another_ledger_adopts_what_is_there(sandbox: RunningSandbox, tmp_path: Path) -> None:
    plan = plan_of("BR-1", tmp_path)
    run(sandbox, tmp_path, plan)
    writes = len(sandbox.journal())
    again = run(sandbox, tmp_path, plan, ledger="other")
    assert (again.issue.key, again.created, again.error) == ("REP-1", False, None)
    assert len(sandbox.journal()) == writes


def test_a_deleted_ticket_does_not_stop_the_others(sandbox: RunningSandbox, tmp_path: Path) -> None:
    sandbox.fault(Fault(kind="status", path="/tickets/1001", status=404, count=0))
    plan = plan_of("BR-1", tmp_path, tickets=4)
    result = run(sandbox, tmp_path, plan)
    assert (result.linked, result.tickets) == (3, 4)
    error = result.error
    assert error is not None
    assert error.exit_code is ExitCode.PARTLY
    assert [problem.message for problem in error.problems] == [
        "the note on ZD-1001: ticket ZD-1001 does not exist (any more), or is not shown to this user"
    ]
    sandbox.clear_faults()
    assert run(sandbox, tmp_path, plan).linked == 4


def test_a_help_desk_that_is_down_is_not_asked_for_every_ticket(sandbox: RunningSandbox, tmp_path: Path) -> None:
    sandbox.fault(Fault(kind="status", path="/zendesk/", status=500, count=0))
    result = run(sandbox, tmp_path, plan_of("BR-1", tmp_path, tickets=4))
    assert [(item.target, item.state) for item in result.undone] == [
        ("ZD-1001", "refused"),
        ("ZD-1002", "refused"),
        ("ZD-1003", "intent"),
        ("ZD-1004", "intent"),
    ]
    sandbox.clear_faults()
    assert run(sandbox, tmp_path, plan_of("BR-1", tmp_path, tickets=4)).error is None


def test_preflight_stops_before_anything_is_written(sandbox: RunningSandbox, tmp_path: Path) -> None:
    plan = plan_of("BR-1", tmp_path)
    bad = type(plan)(**{**{name: getattr(plan, name) for name in plan.__slots__}, "draft": small_plan(tmp_path).draft})
    with pytest.raises(RefusedError) as raised:
        run(sandbox, tmp_path, bad)
    assert [problem.hint for problem in raised.value.problems] == ["tracker: {fields: {customfield_10105: {value: S1}}}"]
    assert not sandbox.journal()


def test_a_lost_create_is_found_in_the_same_run(sandbox: RunningSandbox, tmp_path: Path) -> None:
    sandbox.set_lag(600)
    sandbox.fault(Fault(kind="close", when="after", path=r"/rest/api/2/issue$"))
    result = run(sandbox, tmp_path, plan_of("BR-1", tmp_path))
    assert (result.created, result.error) == (True, None)
    assert len([entry for entry in sandbox.journal() if entry.path.endswith("/issue")]) == 1


def test_a_create_that_is_not_found_is_shown_and_sent_again_only_on_a_person_s_word(tmp_path: Path) -> None:
    world = World(folder=tmp_path, schedule={6: "lost"})
    plan = small_plan(tmp_path)
    with pytest.raises(UnknownOutcomeError) as raised:
        world.run(plan)
    assert "may have been filed at 2026-03-17 09:00:0" in raised.value.message
    assert "labels = bridge-0123456789abcdef0123" in raised.value.hint
    before = world.clock.at
    with pytest.raises(UnknownOutcomeError):
        world.run(plan)
    assert (world.clock.at - before).total_seconds() < 10  # the window is over: one look, no waiting
    assert world.issues == []
    assert world.run(plan, recreate=True).created
    assert len(world.issues) == 1
    world.end()


class InterruptedTracker(FakeTracker):
    def attach(self, issue: IssueRef, attachment: Attachment, *, leaving: Leaving = unwatched) -> None:  # noqa: ARG002 - the port's
        leaving(True)
        raise KeyboardInterrupt


def test_ctrl_c_leaves_a_case_that_the_next_run_continues(tmp_path: Path) -> None:
    world = World(folder=tmp_path)
    plan = small_plan(tmp_path)
    desk, tracker = FakeDesk(world), InterruptedTracker(world)
    with closing(Ledger(tmp_path / "ledger.sqlite", world.clock)) as book, pytest.raises(KeyboardInterrupt):
        file_case(plan, ledger=book, tracker=tracker, tickets=desk, clock=world.clock)
    world.database = connect(tmp_path / "ledger.sqlite")
    last = world.run_to_the_end(plan)
    assert isinstance(last, FilingResult)
    assert {item.state for item in last.undone} == {"unknown"}  # the file may have left
    assert world.run(plan, recreate=True).undone == ()
    assert (len(world.issues), len(world.issues[0].attachments)) == (1, 1)
    world.end()


def test_data_center_lives_the_same_life(tmp_path: Path) -> None:
    """File, twin, settle, follow, add, join, reopen, answer: what tests/filing/test_contracts.py plays on Cloud."""
    (tmp_path / "affected.csv").write_text("account_id\n", encoding="utf-8")
    with running.sandbox(tmp_path, personality="datacenter", start=running.seed(tickets=TICKETS)) as site:
        jira, zendesk = live(site, tmp_path, 2)
    assert {request.path.split("/")[3] for request in jira} == {"2"}
    public = [request.body["ticket"]["comment"]["public"] for request in zendesk if "comment" in ((request.body or {}).get("ticket") or {})]
    assert public.count(True) == 1
