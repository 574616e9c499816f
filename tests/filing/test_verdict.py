"""A fix verdict on the issue: one comment for each change, under every fault at every point, and never two."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.errors import BridgeError
from bridge.filing.verdict import VerdictNote, is_told, tell_verdict
from tests.filing.world import COMMIT_FAULTS, READ_FAULTS, WRITE_FAULTS, FakeTicket, KilledError, World, small_plan

FIXED = VerdictNote(target="staging", told=("fixed", "version 4.18.1"), text="fixed on staging")
STILL = VerdictNote(target="staging", told=("still failing", "version 4.18.1"), text="still failing on staging")


def filed(folder: Path) -> World:
    world = World(folder=folder)
    world.tickets["ZD-1"] = FakeTicket(id="ZD-1")
    world.run(small_plan(folder))
    return world


def tell(world: World, note: VerdictNote, *, recreate: bool = False) -> bool:
    plan = small_plan(world.folder)
    ledger = world._ledger()
    try:
        run = replace(world._held(ledger, plan), recreate=recreate)
        with ledger.hold(run.filing):
            return tell_verdict(run, note)
    finally:
        ledger.close()


def told(world: World) -> list[str]:
    return [comment.body.splitlines()[0] for issue in world.issues for comment in issue.comments if " verdict " in comment.body]


def test_one_comment_for_each_change_of_the_verdict_and_none_for_the_same(tmp_path: Path) -> None:
    world = filed(tmp_path)
    before = world.sent
    assert [tell(world, note) for note in (FIXED, FIXED, STILL, STILL, FIXED, FIXED)] == [True, False, True, False, True, False]
    assert told(world) == ["fixed on staging", "still failing on staging", "fixed on staging"]
    assert world.sent - before == 3
    assert tell(world, replace(FIXED, target="other"))
    assert not tell(world, replace(FIXED, text="fixed on staging, in other words"))
    assert tell(world, replace(FIXED, told=("fixed", "version 4.18.2")))
    with closing(world._ledger()) as ledger:
        fingerprint = small_plan(tmp_path).fingerprint
        assert is_told(ledger, fingerprint, replace(FIXED, told=("fixed", "version 4.18.2")))
        assert not is_told(ledger, fingerprint, STILL)
        assert {write.state for write in ledger.writes(fingerprint) if write.kind == "verdict"} == {"done"}
    world.end()


def test_nothing_is_told_of_a_case_that_is_not_filed(tmp_path: Path) -> None:
    world = World(folder=tmp_path)
    with pytest.raises(BridgeError, match="not filed"):
        tell(world, FIXED)
    world.end()


@pytest.mark.parametrize("fault", sorted({*READ_FAULTS, *WRITE_FAULTS, *COMMIT_FAULTS}))
def test_no_fault_at_any_point_makes_two_comments_or_loses_one_without_a_word(tmp_path: Path, fault: str) -> None:
    sound = filed(tmp_path)
    first = len(sound.points)
    tell(sound, FIXED)
    count = len(sound.points) - first
    sound.end()
    for point in range(count):
        world = filed(tmp_path)
        world.schedule = {len(world.points) + point: fault}
        outcome: str = ""
        for _ in range(6):
            try:
                tell(world, FIXED)
                outcome = "done"
            except (BridgeError, KilledError) as error:
                outcome = type(error).__name__
            world.clock.sleep(90)
            world.land()
        assert len(told(world)) <= 1, (fault, point)
        # Lost for good: it is said each time, and a person may have it written anew.
        assert told(world) or outcome == "UnknownOutcomeError", (fault, point)
        if not told(world):
            assert tell(world, FIXED, recreate=True)
            assert len(told(world)) == 1
        world.end()
