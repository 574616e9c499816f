"""`bridge reconcile`: ledger, tracker and help desk side by side; every difference, what mends it, and mending it on request."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.errors import BridgeError
from bridge.filing.duplicates import close_duplicates, settle_on_the_oldest
from bridge.filing.ledger import Ledger
from bridge.filing.link import attach_files, link_and_tell
from bridge.filing.run import PENDING
from bridge.workflow.events import StepStarted
from bridge.workflow.follow import filing_settings, plans_of, run_of, wanted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bridge.filing.plan import FilingPlan
    from bridge.filing.run import Run
    from bridge.model.filing import IssueRef, WriteKind
    from bridge.workflow.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as the ledger says."""

    case_id: str
    where: str
    """Issue key or ticket id."""
    what: str
    mend: str
    """What a repair does; empty: only a person can."""
    writes: tuple[tuple[WriteKind, str], ...] = ()
    """Recorded writes (kind, name) that are made again by a repair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What was found, and what became of it."""

    differences: tuple[Difference, ...]
    repaired: int
    failed: tuple[str, ...]


def reconcile(context: Context, case_ids: Sequence[str] = (), *, repair: bool = False) -> Reconciled:
    """Compare the filings of these cases, or all; with `repair` make again what is missing. Notes are never repeated."""
    settings = filing_settings(context)
    found: list[Difference] = []
    failed: list[str] = []
    repaired = 0
    with closing(Ledger(context.ledger_path, context.clock)) as ledger:
        for filing in wanted(ledger, context.cases, case_ids):
            context.emit(StepStarted(source=filing.case_id, what="comparing"))
            try:
                plans = plans_of(context, ledger, filing)
                with ledger.hold(filing):
                    run = run_of(context, ledger, filing, settings)
                    differences = list(compare(run, plans))
                    found += differences
                    if repair:
                        mend(run, plans, differences)
                        repaired += sum(bool(item.mend) for item in differences) - len(run.undone)
                        failed += [f"{item.target}: {item.why}" for item in run.undone]
            except BridgeError as error:
                failed.append(f"{filing.case_id}: {error.message}")
    return Reconciled(differences=tuple(found), repaired=max(0, repaired), failed=tuple(failed))


def compare(run: Run, plans: Sequence[FilingPlan]) -> Iterator[Difference]:
    """Yield what is not as the ledger says; reads only."""
    known = run.ledger.issue(run.filing.fingerprint)
    if known is None:
        return
    case_id = run.filing.case_id
    state = run.tracker.states([known[0].id]).get(known[0].id)
    if state is None:
        yield Difference(case_id=case_id, where=known[0].key, what="the issue is deleted, or not shown to this user", mend="")
        return
    issue = state.ref
    if issue.key != known[0].key:
        yield Difference(
            case_id=case_id, where=issue.key, what=f"it was {known[0].key} when it was filed", mend="write the new key everywhere"
        )
    for other in run.tracker.marked(run.filing.project, run.filing.marker):
        twin = run.tracker.states([other.id]).get(other.id)
        if other.id != issue.id and twin is not None and twin.category != "done" and state.category != "done":
            what = f"{other.key} is open too and carries the same marker"
            yield Difference(
                case_id=case_id,
                where=issue.key,
                what=what,
                mend="the oldest that we filed stays, with every ticket; the others are closed as its duplicates",
            )
    yield from _issue(run, plans, issue, case_id)
    yield from _tickets(run, plans, issue, case_id)
    for write in run.ledger.writes(run.filing.fingerprint):
        if write.state in PENDING:
            yield Difference(case_id=case_id, where=write.target, what=f"{write.kind} may have happened: {write.answer}", mend="look again")


def _issue(run: Run, plans: Sequence[FilingPlan], issue: IssueRef, case_id: str) -> Iterator[Difference]:
    files = set(run.tracker.attachments(issue))
    links = {link.global_id: link for link in run.tracker.remote_links(issue)}
    for plan in plans:
        for item in plan.attachments:
            if item.name not in files and run.is_done("attachment", item.name):
                yield Difference(case_id=case_id, where=issue.key, what=f"the file {item.name} is gone", mend="attach it again",
                                 writes=(("attachment", item.name),))  # fmt: skip
        for ticket in plan.tickets:
            there = links.get(ticket.link.global_id)
            if there != ticket.link and run.recorded("remote-link", ticket.link.global_id) is not None:
                what = "is gone" if there is None else "is not as it was written"
                yield Difference(case_id=case_id, where=issue.key, what=f"the link to {ticket.ticket_id} {what}", mend="write it again",
                                 writes=(("remote-link", ticket.link.global_id),))  # fmt: skip


def _tickets(run: Run, plans: Sequence[FilingPlan], issue: IssueRef, case_id: str) -> Iterator[Difference]:
    ids = list(dict.fromkeys(ticket.ticket_id for plan in plans for ticket in plan.tickets))
    found = run.tickets.many(ids)
    for name in ids:
        ticket = found.get(name)
        if ticket is None:
            yield Difference(case_id=case_id, where=name, what="the ticket is deleted, or not shown to this user", mend="")
            continue
        if ticket.status == "closed":
            continue  # nothing can be written there any more
        if ticket.issue_key != issue.key and run.is_done("ticket-issue", name):
            yield Difference(case_id=case_id, where=name, what=f"it carries {ticket.issue_key or 'no issue'}, not {issue.key}",
                             mend="write the key", writes=(("ticket-issue", name),))  # fmt: skip
        registered = run.tickets.links(name)
        if registered is not None and issue.id not in registered and run.is_done("ticket-link", name):
            yield Difference(case_id=case_id, where=name, what="the help desk's own link to the issue is gone", mend="register it again",
                             writes=(("ticket-link", name),))  # fmt: skip


def mend(run: Run, plans: Sequence[FilingPlan], differences: Sequence[Difference]) -> None:
    """Forget what is not there and make it again; failures are left in `run.undone`."""
    known = run.ledger.issue(run.filing.fingerprint)
    if known is None:
        return
    state = run.tracker.states([known[0].id]).get(known[0].id)
    if state is None:
        return
    if state.ref.key != known[0].key:
        run.ledger.retarget(run.filing, state.ref)
    for item in differences:
        for kind, name in item.writes:
            write = run.recorded(kind, name)
            if write is not None and write.state == "done":
                run.ledger.forget(run.filing, write, f"found missing: {item.what}")
    issue = settle_on_the_oldest(run, state.ref)
    for plan in plans:
        attach_files(run, plan, issue)
        link_and_tell(run, plan, issue)
    close_duplicates(run)
