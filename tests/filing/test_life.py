"""The life of a filed case in a small honest world: followed, told once, moved, merged, duplicated; and any order of it."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bridge.errors import BridgeError
from bridge.filing import memory
from bridge.filing.plan import FilingPlan
from bridge.model.filing import FixVersion
from tests.filing.world import FakeTicket, KilledError, World, small_plan

pytestmark = pytest.mark.timeout(1800)  # for the long targets; a default run takes seconds
RUNS = int(os.environ.get("BRIDGE_LIFE_RUNS", "12"))
"""How many lives are played; `make faults-long` plays 1,000 and more."""
STEPS = 50


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(folder=tmp_path)


def told(world: World, ticket: str) -> list[str]:
    """Return the first lines of what stands on a ticket, without its filing note."""
    return [comment.body.splitlines()[0] for comment in world.tickets[ticket].comments if not comment.body.startswith("Filed as")]


def test_each_news_reaches_each_ticket_once(world: World) -> None:
    plan = small_plan(world.folder, tickets=2)
    world.run(plan)
    assert world.follow(plan).word == "waiting"
    issue = world.issues[0]
    issue.category, issue.status = "indeterminate", "In Progress"
    first = world.follow(plan)
    assert (first.word, first.told, len(first.drafts)) == ("in progress", ("ZD-1", "ZD-2"), 2)
    sent = world.sent
    assert world.follow(plan).told == ()
    assert world.sent == sent
    issue.status = "Waiting for customer"
    issue.comments.append(world.said("Which browser is it?"))
    asked = world.follow(plan)
    assert any("Which browser is it?" in notice for notice in asked.notices)
    issue.category, issue.resolution = "done", "Done"
    issue.versions = (FixVersion(name="4.18.1", released=False),)
    assert (world.follow(plan).word, world.follow(plan).detail) == ("fixed", "4.18.1")
    issue.versions = (FixVersion(name="4.18.1", released=True),)
    assert world.follow(plan).word == "released"
    issue.category, issue.resolution, issue.status = "new", None, "To Do"
    assert world.follow(plan).word == "reopened"
    issue.category, issue.status = "indeterminate", "In Progress"
    assert world.follow(plan).word == "in progress"
    assert told(world, "ZD-1") == told(world, "ZD-2")
    assert told(world, "ZD-1") == [
        "REP-1 is being worked on (In Progress).",
        "Engineering needs information for REP-1 (Waiting for customer).",
        "REP-1 is fixed in 4.18.1, which is not released yet.",
        "REP-1 is fixed, and 4.18.1 is released: the customer can be told.",
        "REP-1 was opened again (To Do).",
        "REP-1 is being worked on (In Progress).",
    ]
    world.end()


def test_an_echo_of_ours_is_no_question(world: World) -> None:
    plan = small_plan(world.folder)
    world.run(plan)
    issue = world.issues[0]
    issue.category, issue.status = "indeterminate", "Waiting for customer"
    issue.comments.append(world.said("Which browser is it?"))
    world.run(small_plan(world.folder, tickets=2))  # and then comes our own comment with the tickets
    assert plan.marker in issue.comments[-1].body
    asked = world.follow(plan)
    assert asked.notices == ("REP-1 needs information: Which browser is it?",)
    assert told(world, "ZD-1")[0] == "Engineering needs information for REP-1 (Waiting for customer)."
    assert "The question: Which browser is it?" in world.tickets["ZD-1"].comments[-1].body
    assert world.follow(plan).notices == ()
    world.end()


@pytest.mark.parametrize(
    ("resolution", "word", "line"),
    [
        ("Won't Do", "won't fix", "REP-1 will not be fixed (To Do). The customer does not know that yet."),
        ("Cannot Reproduce", "cannot reproduce", "Engineering could not reproduce REP-1."),
        ("Duplicate", "duplicate", "REP-1 was closed as a duplicate, but of which issue is not said there."),
        ("Handed over", "closed", "REP-1 was closed as 'Handed over'."),
        ("Fixed", "fixed", "REP-1 is fixed (To Do)."),
    ],
)
def test_each_end_has_words_of_its_own(world: World, resolution: str, word: str, line: str) -> None:
    plan = small_plan(world.folder)
    world.run(plan)
    world.issues[0].category, world.issues[0].resolution = "done", resolution
    assert world.follow(plan).word == word
    assert told(world, "ZD-1")[0].startswith(line)
    world.end()


def test_moved_deleted_and_duplicate_issues(world: World) -> None:
    plan = small_plan(world.folder)
    world.run(plan)
    issue = world.issues[0]
    issue.ref = dataclasses.replace(issue.ref, key="OPS-7")
    assert any("REP-1 was moved: it is OPS-7 now" in notice for notice in world.follow(plan).notices)
    assert world.tickets["ZD-1"].issue_key == "OPS-7"
    assert len(world.tickets["ZD-1"].comments) == 1
    issue.hidden = True
    sent = world.sent
    gone = world.follow(plan)
    assert gone.detail == "deleted or hidden"
    assert (len(world.issues), world.sent) == (1, sent)
    issue.hidden = False
    other = world.another_issue("REP-9")
    issue.category, issue.resolution, issue.duplicate_of = "done", "Duplicate", other.ref.id
    followed = world.follow(plan)
    assert followed.issue == other.ref
    assert set(other.links) == {"bridge:fake:desk:1"}
    assert world.tickets["ZD-1"].issue_key == "REP-9"
    assert told(world, "ZD-1")[0] == "OPS-7 was closed as a duplicate of REP-9: that issue is followed from now on."
    other.category = "indeterminate"
    assert world.follow(plan).word == "in progress"
    world.end()


@pytest.mark.parametrize(
    ("resolution", "days", "policy", "opened", "word"),
    [
        ("Done", 1, 30, True, "waiting"),
        ("Done", 40, 30, False, "fixed"),
        ("Done", 1, 0, False, "fixed"),
        ("Won't Do", 1, 30, False, "won't fix"),
        ("Cannot Reproduce", 1, 30, False, "cannot reproduce"),
        ("Duplicate", 1, 30, False, "duplicate"),
    ],
)
@pytest.mark.parametrize("join", ["", "REP-7"])
def test_an_issue_that_exists_is_opened_again_by_policy_only(
    world: World,
    *,
    resolution: str,
    days: int,
    policy: int,
    opened: bool,
    word: str,
    join: str,
) -> None:
    plan = dataclasses.replace(small_plan(world.folder), reopen_days=policy)
    theirs, target = world.another_issue("REP-7"), world.another_issue("REP-3")
    theirs.labels = (plan.marker,)  # found by it, or joined on a person's word
    theirs.category, theirs.resolution, theirs.resolved_at = "done", resolution, world.clock.at - timedelta(days=days)
    if resolution == "Duplicate":
        theirs.duplicate_of = target.ref.id
    result = world.run(plan, join=join)
    assert (result.issue.key, result.created, result.undone) == ("REP-7", False, ())
    assert theirs.category == ("new" if opened else "done")
    followed = world.follow(plan)
    assert followed.word == word
    assert followed.issue.key == ("REP-3" if resolution == "Duplicate" else "REP-7")
    assert world.tickets["ZD-1"].issue_key == followed.issue.key
    assert len(world.issues) == 2
    world.end()


def test_a_merged_ticket_is_followed_to_its_target(world: World) -> None:
    plan = small_plan(world.folder, tickets=2)
    world.run(plan)
    world.tickets["ZD-2"].status, world.tickets["ZD-2"].merged_into = "closed", "ZD-3"
    world.tickets["ZD-3"] = FakeTicket("ZD-3")
    world.issues[0].category = "indeterminate"
    followed = world.follow(plan)
    assert "ZD-2 was merged into ZD-3; to link that: bridge add BR-0001 ZD-3" in followed.notices
    assert len(told(world, "ZD-3")) == 1
    assert world.follow(plan).notices == ()  # each fact is told once
    world.run(small_plan(world.folder, tickets=3))
    assert world.follow(small_plan(world.folder, tickets=3)).notices == ("ZD-2 was merged into ZD-3",)
    world.end()


def test_what_no_longer_holds_is_noticed_once_without_any_news(world: World) -> None:
    plan = small_plan(world.folder, tickets=4)
    world.run(plan)
    assert world.follow(plan).notices == ()
    world.issues[0].links.pop("bridge:fake:desk:1")
    world.tickets["ZD-2"].issue_key = "OTHER-1"
    world.tickets["ZD-3"].deleted = True
    world.tickets["ZD-4"].status, world.tickets["ZD-4"].merged_into = "closed", "ZD-1"
    sent = world.sent
    assert world.follow(plan).notices == (
        "the link to ZD-1 is gone from REP-1",
        "ZD-2 carries OTHER-1, not REP-1",
        "ZD-3 does not exist any more, or is not shown to this user",
        "ZD-4 was merged into ZD-1",
    )
    assert (world.follow(plan).notices, world.sent) == ((), sent)
    ledger = world._ledger()
    seen = memory.seen(ledger, plan.fingerprint)
    ledger.close()
    assert seen is not None
    assert seen.trouble == ("the link to ZD-1 is gone from REP-1", "ZD-2 carries OTHER-1, not REP-1")  # what can be mended
    world.tickets["ZD-2"].issue_key = "REP-1"
    world.follow(plan)
    world.tickets["ZD-2"].issue_key = "OTHER-1"
    assert world.follow(plan).notices == ("ZD-2 carries OTHER-1, not REP-1",)  # again, because it is so again
    world.end()


def test_an_answer_goes_out_on_approval_only_and_once(world: World) -> None:
    plan = small_plan(world.folder)
    world.run(plan)
    world.issues[0].category, world.issues[0].resolution = "done", "Done"
    draft = world.follow(plan).drafts[0]
    assert not any(comment.public for comment in world.tickets["ZD-1"].comments)
    for fault in ("lost", "lost, written", "crash, written", "crash"):
        world.schedule = {len(world.points) + 3: fault}
        world.send(draft.id)
    world.schedule = {}
    world.send(draft.id)
    world.send(draft.id)
    assert [comment.body for comment in world.tickets["ZD-1"].comments if comment.public] == [draft.body]
    world.end()


@pytest.mark.parametrize("runs", [["older"], ["younger"], ["older", "younger"], ["younger", "older"]])
@pytest.mark.parametrize("fault", ["", "lost", "lost, written", "crash", "crash before", "busy"])
def test_two_ledgers_settle_on_one_issue(tmp_path: Path, runs: list[str], fault: str) -> None:
    """Two people file the same within the search lag; it is settled whoever runs again, and by one of them alone."""
    one, two = World(folder=tmp_path), World(folder=tmp_path)
    first, second = small_plan(tmp_path), small_plan(tmp_path, tickets=2)
    second = dataclasses.replace(second, tickets=second.tickets[1:])
    two.share(one)
    one.run(first)
    two.run(second)
    assert len(one.issues) == 2
    one.clock.sleep(300)
    sides = {"older": (one, first), "younger": (two, second)}
    for number, name in enumerate([*runs, *runs, *runs]):
        world, plan = sides[name]
        if fault and number == 0:
            world.schedule = dict.fromkeys(range(len(world.points) + 11, len(world.points) + 40, 12), fault)
        try:
            world.follow(plan)
        except (BridgeError, KilledError):
            one.clock.sleep(60)
        world.schedule = {}
    older, younger = one.issues
    assert (older.category, younger.category, younger.resolution, younger.duplicate_of) == ("new", "done", "Duplicate", older.ref.id)
    assert set(older.links) == {"bridge:fake:desk:1", "bridge:fake:desk:2"}
    assert {ticket.issue_key for ticket in one.tickets.values()} == {older.ref.key}
    assert all(older.ref.id in ticket.registered for ticket in one.tickets.values())
    older.category, older.status = "indeterminate", "In Progress"
    for name in ("older", "younger", *runs):  # whoever it is, each ticket hears it once
        world, plan = sides[name]
        world.follow(plan)
    heard = [line for ticket in ("ZD-1", "ZD-2") for line in told(one, ticket)]
    closed = "REP-2 was closed as a duplicate of REP-1: that issue is followed from now on."
    assert heard.count(closed) <= 1
    assert [line for line in heard if line != closed] == ["REP-1 is being worked on (In Progress)."] * 2
    sent = one.sent + two.sent
    one.follow(first)
    two.follow(second)
    assert one.sent + two.sent == sent
    one.end()
    two.end()


def test_a_clone_that_engineering_made_is_left_alone(world: World) -> None:
    plan = small_plan(world.folder)
    world.run(plan)
    clone = world.another_issue("REP-2")
    clone.labels = world.issues[0].labels
    world.clock.sleep(600)
    sent = world.sent
    world.follow(plan)
    assert (clone.category, world.sent) == ("new", sent)
    world.end()


class Life(RuleBasedStateMachine):
    """File, fail, follow, move, close, reopen, merge, approve, in any order; the promises hold after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(folder=Path(os.environ.get("TMPDIR", "/tmp")))  # noqa: S108 - a file name only; nothing is written there
        self.plan: FilingPlan = dataclasses.replace(small_plan(self.world.folder, tickets=2), attachments=())
        self.sent_drafts: set[int] = set()

    def teardown(self) -> None:
        self.world.end()

    def attempt(self, what: str) -> None:
        try:
            if what == "file":
                self.world.run(self.plan)
            else:
                self.world.follow(self.plan)
        except (BridgeError, KilledError):
            pass  # what was recorded is what the invariants look at

    @rule(what=st.sampled_from(["file", "follow"]))
    def command(self, what: str) -> None:
        self.attempt(what)

    @rule(
        what=st.sampled_from(["file", "follow"]),
        after=st.integers(0, 25),
        fault=st.sampled_from(["busy", "lost", "lost, written", "lost, late", "crash", "crash, written", "crash before", "crash after"]),
    )
    def command_with_a_fault(self, what: str, after: int, fault: str) -> None:
        self.world.schedule = {len(self.world.points) + after: fault}
        self.attempt(what)
        self.world.schedule = {}

    @rule(
        state=st.sampled_from(
            [("new", None), ("indeterminate", None), ("done", "Done"), ("done", "Won't Do"), ("done", "Cannot Reproduce")]
        ),
        version=st.sampled_from([(), (FixVersion(name="1.1", released=False),), (FixVersion(name="1.1", released=True),)]),
    )
    def engineering_moves_it(self, state: tuple[str, str | None], version: tuple[FixVersion, ...]) -> None:
        for issue in self.world.issues:
            issue.category, issue.resolution, issue.versions = state[0], state[1], version  # type: ignore[assignment]  # sampled from its values

    @rule(key=st.integers(1, 3))
    def it_is_moved(self, key: int) -> None:
        for issue in self.world.issues:
            issue.ref = dataclasses.replace(issue.ref, key=f"OPS-{key}{issue.ref.id}")

    @rule(hidden=st.booleans())
    def it_is_hidden(self, hidden: bool) -> None:  # noqa: FBT001 - a rule's argument
        for issue in self.world.issues:
            issue.hidden = hidden

    @rule()
    def a_customer_writes(self) -> None:
        for ticket in self.world.tickets.values():
            ticket.updated = self.world.clock.at

    @rule(seconds=st.sampled_from([1, 60, 600]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.sleep(seconds)
        self.world.land()

    @rule()
    def somebody_approves(self) -> None:
        for draft in self.world.drafts():
            try:
                self.world.send(draft.id)
                self.sent_drafts.add(draft.id)
            except (BridgeError, KilledError):
                pass  # the next approval goes on

    @invariant()
    def nothing_twice(self) -> None:
        assert len(self.world.issues) <= 1
        for ticket in self.world.tickets.values():
            lines = Counter(comment.body for comment in ticket.comments if not comment.public)
            markers = Counter(body.splitlines()[-1] for body in lines.elements())
            assert max(markers.values(), default=0) <= 1, ticket
            assert len(ticket.registered) <= 1

    @invariant()
    def nothing_public_without_a_word(self) -> None:
        public = sum(comment.public for ticket in self.world.tickets.values() for comment in ticket.comments)
        assert public <= len(self.sent_drafts)


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=RUNS, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck), derandomize=RUNS < 100
)
