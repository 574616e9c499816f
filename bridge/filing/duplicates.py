"""Two people with two ledgers filed the same defect before search could show it: one open issue remains.

The oldest open issue with the marker stays, whoever runs again. Who holds a younger one goes on with the oldest.
Who holds the oldest takes over the tickets of the younger ones: they are known from the links that a filing puts
on its issue, so a clone that an engineer made, which has our labels and none of our links, is left alone. Each
younger issue is then linked and closed as the duplicate. What follows is committed first, so that a crash in
between continues. Nothing is deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.errors import BridgeError
from bridge.filing.link import link_digest
from bridge.filing.plan import digest
from bridge.filing.run import FilingEvent
from bridge.model.filing import IssueRef

if TYPE_CHECKING:
    from bridge.filing.run import Run
    from bridge.model.filing import RemoteLink, WriteKind

_OURS = "bridge:"
"""What the global ids of our links begin with."""


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
    if oldest.id != issue.id:
        run.ledger.retarget(run.filing, oldest, _closing(issue))
        run.emit(FilingEvent(step="issue", target=issue.key, state="already", detail=f"the same as {oldest.key}, which is older"))
        return oldest
    todo = [item for other in opened if other.id != issue.id and _our_links(run, other) for item in _closing(other)]
    if todo:
        run.ledger.retarget(run.filing, issue, todo)
    return issue


def close_duplicates(run: Run) -> tuple[str, ...]:
    """Take over, link and close what was found twice, as far as it is not done; return the keys of issues that were closed."""
    closed: list[str] = []
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
                _take_over(run, loser, winner)
                run.send("issue-link", write.name, lambda loser=loser, winner=winner: run.tracker.link_duplicate(loser, winner),  # type: ignore[misc]  # bound per round
                         target=write.target, guard=write.guard, answer=lambda _: "")  # fmt: skip
            elif write.name.startswith("close:") and run.is_done("issue-link", loser.id):
                run.send("transition", write.name, lambda loser=loser: run.tracker.move_to(loser, "done", resolution="Duplicate"),  # type: ignore[misc]  # bound per round
                         target=write.target, guard=write.guard, answer=lambda _: "")  # fmt: skip
                closed.append(loser.key)
        except BridgeError as error:
            run.leave(write.kind, write.target, error, name=write.name)
    return tuple(closed)


def _closing(issue: IssueRef) -> tuple[tuple[WriteKind, str, str], ...]:
    return (("issue-link", issue.id, issue.key), ("transition", f"close:{issue.id}", issue.key))


def _our_links(run: Run, issue: IssueRef) -> list[RemoteLink]:
    return [link for link in run.tracker.remote_links(issue) if link.global_id.startswith(_OURS)]


def _take_over(run: Run, loser: IssueRef, winner: IssueRef) -> None:
    """Put the tickets of one issue on the other: each step compares first. Raises what a step raises: nothing is closed then."""
    there = {link.global_id for link in run.tracker.remote_links(winner)}
    for link in _our_links(run, loser):
        if link.global_id not in there:
            run.send("remote-link", link.global_id, lambda link=link: run.tracker.put_remote_link(winner, link),  # type: ignore[misc]  # bound per round
                     target=winner.key, digest=link_digest(link, winner), answer=lambda _: "")  # fmt: skip
        ticket = link.title.partition(":")[0].strip()  # a link's title begins with the ticket's id
        key = digest(winner.key)
        if not run.is_done("ticket-issue", ticket, key):
            run.send("ticket-issue", ticket, lambda ticket=ticket: run.tickets.set_issue(ticket, winner),  # type: ignore[misc]  # bound per round
                     target=ticket, digest=key, answer=lambda _: "")  # fmt: skip
        if not run.is_done("ticket-link", ticket, key):
            run.send("ticket-link", ticket, lambda ticket=ticket: run.tickets.register_link(ticket, winner),  # type: ignore[misc]  # bound per round
                     target=ticket, digest=key, answer=lambda _: "")  # fmt: skip
