"""Two people with two ledgers filed the same defect before search could show it: one open issue remains.

The oldest open issue with the marker stays; whoever holds another one links its tickets there, and closes its own
as the duplicate. The retargeting is committed first, together with what follows from it, so that a crash in
between continues. Nothing is deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.errors import BridgeError
from bridge.filing.run import FilingEvent
from bridge.model.filing import IssueRef

if TYPE_CHECKING:
    from bridge.filing.run import Run
    from bridge.model.filing import WriteKind


def settle_on_the_oldest(run: Run, issue: IssueRef) -> IssueRef:
    """Return the issue to go on with: the oldest open one that carries our marker."""
    others = [other for other in run.tracker.marked(run.filing.project, run.filing.marker) if other.id != issue.id]
    if not others:
        return issue
    states = run.tracker.states([item.id for item in (issue, *others)])
    opened = [state.ref for state in states.values() if state.category != "done"]
    if issue.id not in {ref.id for ref in opened} or len(opened) < 2:  # noqa: PLR2004 - nothing to choose from
        return issue
    oldest = min(opened, key=lambda ref: int(ref.id))
    if oldest.id == issue.id:
        return issue
    todo: list[tuple[WriteKind, str, str]] = [("issue-link", issue.id, issue.key), ("transition", f"close:{issue.id}", issue.key)]
    run.ledger.retarget(run.filing, oldest, todo)
    run.emit(FilingEvent(step="issue", target=issue.key, state="already", detail=f"the same as {oldest.key}, which is older"))
    return oldest


def close_duplicates(run: Run) -> None:
    """Link and close what was retargeted, as far as it is not done."""
    for write in run.ledger.writes(run.filing.fingerprint):
        if write.state == "done" or write.kind not in {"issue-link", "transition"} or not write.guard:
            continue
        loser = IssueRef(id=write.name.removeprefix("close:"), key=write.target, url="")
        try:
            if write.kind == "issue-link":
                state = run.tracker.states([write.guard]).get(write.guard)
                if state is None:
                    continue
                winner = state.ref
                run.send("issue-link", write.name, lambda loser=loser, winner=winner: run.tracker.link_duplicate(loser, winner),  # type: ignore[misc]  # bound per round
                         target=write.target, guard=write.guard, answer=lambda _: "")  # fmt: skip
            elif write.name.startswith("close:"):
                run.send("transition", write.name, lambda loser=loser: run.tracker.move_to(loser, "done", resolution="Duplicate"),  # type: ignore[misc]  # bound per round
                         target=write.target, guard=write.guard, answer=lambda _: "")  # fmt: skip
        except BridgeError as error:
            run.leave(write.kind, write.target, error, name=write.name)
