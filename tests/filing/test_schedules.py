"""Every schedule of faults over every outside call and commit point of a filing."""

from __future__ import annotations

import dataclasses
import itertools
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.errors import BridgeError, UnknownOutcomeError
from bridge.filing.file import FilingResult
from bridge.filing.follow import Followed
from bridge.filing.plan import FilingPlan
from bridge.model.filing import FixVersion
from tests.filing.world import COMMIT_FAULTS, NOTE_FAULTS, READ_FAULTS, WRITE_FAULTS, KilledError, World, shown, small_plan

pytestmark = pytest.mark.timeout(1800)  # for the long targets; a default run takes seconds
FAULTS = {"read": READ_FAULTS, "write": WRITE_FAULTS, "note": NOTE_FAULTS, "commit": COMMIT_FAULTS}
STRIDE = int(os.environ.get("BRIDGE_SCHEDULE_STRIDE", "13"))
"""One in this many pairs runs with every test run; BRIDGE_SCHEDULE_STRIDE=1 runs them all."""


TRIPLES = int(os.environ.get("BRIDGE_TRIPLES", "20"))
"""How many schedules of three faults are sampled; `make faults-long` takes 20,000."""


def play(folder: Path, plan: FilingPlan, schedule: dict[int, str], *, guarded: bool) -> World:
    """Run the command until it is done, then a person's word if it asks for one; check every promise."""
    world = World(folder=folder, schedule=schedule, guarded=guarded)
    last = world.run_to_the_end(plan)
    points = len(world.points)
    world.clock.sleep(1000)
    world.land()
    check_nothing_twice(world, schedule)
    if not is_complete(last):
        # Not done, with all faults long over: only an unknown outcome may be the reason, and it is shown.
        assert "unknown" in shown(last), (schedule, last)
        last = world.run(plan, recreate=True)
    assert is_complete(last), (schedule, last)
    check_everything_there(world, plan, schedule)
    sent = world.sent
    again = world.run(plan)
    assert world.sent == sent, schedule
    assert again.sentence.startswith("Nothing to do"), schedule
    world.points = world.points[:points]
    world.end()
    return world


def is_complete(last: FilingResult | BridgeError) -> bool:
    return isinstance(last, FilingResult) and not last.undone


def check_nothing_twice(world: World, schedule: dict[int, str]) -> None:
    assert len(world.issues) <= 1, schedule
    for issue in world.issues:
        assert max(Counter(issue.attachments).values(), default=0) <= 1, schedule
    for ticket in world.tickets.values():
        assert len(ticket.comments) <= 1, schedule
        assert not any(comment.public for comment in ticket.comments), schedule
        assert len(ticket.registered) <= 1, schedule


def check_everything_there(world: World, plan: FilingPlan, schedule: dict[int, str]) -> None:
    check_nothing_twice(world, schedule)
    assert len(world.issues) == 1, schedule
    issue = world.issues[0]
    assert sorted(issue.attachments) == sorted(item.name for item in plan.attachments), schedule
    assert set(issue.links) == {ticket.link.global_id for ticket in plan.tickets}, schedule
    for planned in plan.tickets:
        ticket = world.tickets[planned.ticket_id]
        assert [issue.ref.key in comment.body for comment in ticket.comments] == [True], schedule
        assert ticket.issue_key == issue.ref.key, schedule
        assert ticket.registered == [issue.ref.id], schedule


def singles(world: World) -> Iterator[tuple[int, str]]:
    for point, kind in enumerate(world.points):
        for fault in FAULTS[kind]:
            yield point, fault


@pytest.mark.parametrize("guarded", [True, False])
def test_every_single_fault(tmp_path: Path, guarded: bool) -> None:  # noqa: FBT001 - pytest's parameter
    plan = small_plan(tmp_path, tickets=3, files=2)
    clean = play(tmp_path, plan, {}, guarded=guarded)
    assert len(clean.points) > 50
    count = 0
    for point, fault in singles(clean):
        play(tmp_path, plan, {point: fault}, guarded=guarded)
        count += 1
    assert count > 200


def test_pairs_of_faults(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    clean = play(tmp_path, plan, {}, guarded=True)
    count = 0
    for offset, (point, fault) in enumerate(singles(clean)):
        first = play(tmp_path, plan, {point: fault}, guarded=True)
        later = ((at, other) for at, other in singles(first) if at > point)
        for at, other in itertools.islice(later, offset % STRIDE, None, STRIDE):
            play(tmp_path, plan, {point: fault, at: other}, guarded=True)
            count += 1
    print(f"\n{count} pairs of faults")
    assert count > 7_000 // STRIDE


def play_on(folder: Path, schedule: dict[int, str]) -> World:
    """File, follow, link a further ticket, follow again; each command is given again until it has nothing left to do."""
    world = World(folder=folder, schedule=schedule)
    plan = small_plan(folder, files=0)
    more = dataclasses.replace(small_plan(folder, tickets=2, files=0), facts=("2 accounts are affected.",))
    more = dataclasses.replace(more, draft=dataclasses.replace(more.draft, fields={"customfield_10101": 2}, figures=("customfield_10101",)))

    def again(command: Callable[[], FilingResult | Followed]) -> None:
        for _ in range(9):
            try:
                if not command().undone and len(world.late) == 0:
                    return
            except UnknownOutcomeError as error:
                if "--recreate" in error.hint and not world.late:
                    world.run(plan, recreate=True)
            except (BridgeError, KilledError):
                pass  # the next time goes on
            world.clock.sleep(90)
            world.land()

    again(lambda: world.run(plan))
    issue = world.issues[0]
    issue.category, issue.status = "indeterminate", "In Progress"
    again(lambda: world.follow(plan))
    again(lambda: world.run(more))
    again(lambda: world.run(more, recreate=True))
    issue.category, issue.resolution, issue.versions = "done", "Done", (FixVersion(name="1.1", released=True),)
    again(lambda: world.follow(more))
    points = len(world.points)
    world.clock.sleep(1000)
    world.land()
    assert len(world.issues) == 1, schedule
    notes = [(ticket.id, [comment.body.splitlines()[0] for comment in ticket.comments]) for ticket in world.tickets.values()]
    released = "REP-1 is fixed, and 1.1 is released: the customer can be told."
    key = issue.ref.key
    lines = [f"Filed as {key}: {issue.ref.url}", f"{key} is being worked on (In Progress).", released.replace("REP-1", key)]
    assert sorted(notes) == [("ZD-1", lines), ("ZD-2", [lines[0], lines[2]])], schedule
    assert [comment.body.splitlines()[0] for comment in issue.comments] == ["2 ticket(s) report this: ZD-1, ZD-2"], schedule
    assert issue.fields == {"customfield_10101": 2}, schedule
    assert not any(comment.public for ticket in world.tickets.values() for comment in ticket.comments), schedule
    sent = world.sent
    world.run(more)
    world.follow(more)
    assert world.sent == sent, schedule
    world.points = world.points[:points]
    world.end()
    return world


def test_every_single_fault_of_the_whole_life(tmp_path: Path) -> None:
    clean = play_on(tmp_path, {})
    count = 0
    for point, fault in singles(clean):
        play_on(tmp_path, {point: fault})
        count += 1
    print(f"\n{count} single faults of filing, following and adding")
    assert count > 300


def join_on(folder: Path, schedule: dict[int, str]) -> World:
    """Join a case to an issue that was fixed yesterday, whatever goes wrong; then follow it."""
    world = World(folder=folder, schedule=schedule)
    plan = small_plan(folder, files=0)
    theirs = world.another_issue("REP-7")
    theirs.category, theirs.status, theirs.resolution = "done", "Done", "Done"
    theirs.resolved_at = world.clock.at
    for _ in range(9):
        try:
            if not world.run(plan, join="REP-7").undone and not world.late:
                break
        except UnknownOutcomeError as error:
            if "--recreate" in error.hint and not world.late:
                world.run(plan, join="REP-7", recreate=True)
        except (BridgeError, KilledError):
            pass  # the next time goes on
        world.clock.sleep(90)
        world.land()
    points = len(world.points)
    assert not world.run(plan, join="REP-7", recreate=True).undone, schedule
    theirs.category, theirs.status, theirs.resolution = "indeterminate", "In Progress", None
    for _ in range(9):
        try:
            if not world.follow(plan).undone and not world.late:
                break
        except (BridgeError, KilledError):
            pass  # the same
        world.clock.sleep(90)
        world.land()
    assert len(world.issues) == 1, schedule
    assert set(theirs.labels) == {plan.marker}, schedule
    assert set(theirs.links) == {"bridge:fake:desk:1"}, schedule
    assert len(theirs.comments) == 1, schedule
    ticket = world.tickets["ZD-1"]
    assert len(ticket.comments) == 2, schedule
    assert not any(comment.public for comment in ticket.comments), schedule
    assert [draft.occasion for draft in world.drafts()] == ["0|in progress|"], schedule
    ledger = world._ledger()
    assert [write.state for write in ledger.writes(plan.fingerprint) if write.name.startswith("open:")] == ["done"], schedule
    ledger.close()
    sent = world.sent
    world.run(plan, join="REP-7")
    world.follow(plan)
    assert world.sent == sent, schedule
    world.points = world.points[:points]
    world.end()
    return world


def test_every_single_fault_of_a_join(tmp_path: Path) -> None:
    clean = join_on(tmp_path, {})
    count = 0
    for point, fault in singles(clean):
        join_on(tmp_path, {point: fault})
        count += 1
    print(f"\n{count} single faults of joining an issue that was fixed")
    assert count > 100


def test_three_faults_sampled(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    clean = play(tmp_path, plan, {}, guarded=True)
    chance = random.Random(6)
    count = 0
    for _ in range(TRIPLES):
        schedule: dict[int, str] = {}
        world, point = clean, -1
        for _ in range(3):
            later = [(at, fault) for at, fault in singles(world) if at > point]
            if not later:
                break
            point, fault = chance.choice(later)
            schedule = {**schedule, point: fault}
            world = play(tmp_path, plan, schedule, guarded=True)
        count += 1
    print(f"\n{count} schedules of three faults")


def test_a_killed_process_is_not_caught() -> None:
    assert not issubclass(KilledError, Exception)
