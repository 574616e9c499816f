"""Every difference between ledger, tracker and help desk is found, and mended once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from bridge.workflow.reconcile import compare, mend
from tests.filing.world import World, small_plan


def differences(world: World, *, repair: bool = False) -> list[str]:
    plan = small_plan(world.folder, tickets=2)
    ledger = world._ledger()
    run = world._held(ledger, plan)
    with ledger.hold(run.filing):
        found = list(compare(run, [plan]))
        if repair:
            mend(run, [plan], found)
    ledger.close()
    return [f"{item.where}: {item.what}" for item in found]


def test_what_is_missing_is_found_and_mended(tmp_path: Path) -> None:
    world = World(folder=tmp_path)
    plan = small_plan(tmp_path, tickets=2)
    world.run(plan)
    assert differences(world) == []
    issue = world.issues[0]
    name = issue.attachments.pop()
    issue.links.pop("bridge:fake:desk:1")
    issue.links["bridge:fake:desk:2"] = dataclasses.replace(issue.links["bridge:fake:desk:2"], resolved=True)
    world.tickets["ZD-1"].issue_key = "OTHER-1"
    world.tickets["ZD-2"].registered.clear()
    wanted = [
        f"REP-1: the file {name} is gone",
        "REP-1: the link to ZD-1 is gone",
        "REP-1: the link to ZD-2 is not as it was written",
        "ZD-1: it carries OTHER-1, not REP-1",
        "ZD-2: the help desk's own link to the issue is gone",
    ]
    sent = world.sent
    assert differences(world) == wanted
    assert world.sent == sent
    assert differences(world, repair=True) == wanted
    assert differences(world) == []
    assert [len(ticket.comments) for ticket in world.tickets.values()] == [1, 1]
    world.end()


def test_moved_gone_and_twin_issues_are_told(tmp_path: Path) -> None:
    world = World(folder=tmp_path)
    world.run(small_plan(tmp_path, tickets=2))
    issue = world.issues[0]
    issue.ref = dataclasses.replace(issue.ref, key="OPS-1")
    assert differences(world, repair=True)[0] == "OPS-1: it was REP-1 when it was filed"
    assert {ticket.issue_key for ticket in world.tickets.values()} == {"OPS-1"}
    twin = world.another_issue("REP-2")
    twin.labels = issue.labels
    world.clock.sleep(600)
    assert differences(world) == ["OPS-1: REP-2 is open too and carries the same marker"]
    issue.hidden = True
    assert differences(world, repair=True) == ["OPS-1: the issue is deleted, or not shown to this user"]
    world.end()
