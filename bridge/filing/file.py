"""File a case: one issue, its files, its links, and a word on every ticket; a second run writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.errors import PartlyDoneError, Problem
from bridge.filing.figures import refresh_figures
from bridge.filing.issue import Choice, ensure_issue
from bridge.filing.ledger import Filing
from bridge.filing.link import attach_files, link_and_tell, ticket_is_told
from bridge.filing.run import FilingEvent, Run, Undone

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bridge.filing.ledger import Ledger
    from bridge.filing.plan import FilingPlan, TicketPlan
    from bridge.model.filing import IssueRef
    from bridge.ports import Clock, IssueTracker, TicketSource


@dataclass(frozen=True, slots=True, kw_only=True)
class FilingResult:
    """What stands after a run."""

    case_id: str
    issue: IssueRef
    filed_at: datetime
    """When the issue became known to this ledger, UTC."""
    created: bool
    """True when this run created it."""
    writes: int
    """Outside writes of this run; 0: there was nothing to do, or nothing could be done."""
    linked: int
    """Tickets that carry everything."""
    tickets: int
    undone: tuple[Undone, ...]

    @property
    def sentence(self) -> str:
        """Say it in one line."""
        tickets = f"{self.linked} of {self.tickets} tickets linked"
        if self.writes or self.undone:
            return f"{self.issue.key}  {self.issue.url}  {tickets}"
        return f"Nothing to do: filed as {self.issue.key} at {self.filed_at:%Y-%m-%d %H:%M} UTC, {tickets}"

    @property
    def error(self) -> PartlyDoneError | None:
        """Return what to raise once the result was shown; None when everything is done."""
        if not self.undone:
            return None
        unknown = sum(item.state == "unknown" for item in self.undone)
        maybe = f" ({unknown} of them may have happened)" if unknown else ""
        return PartlyDoneError(
            f"filed as {self.issue.key}, but {len(self.undone)} of its parts are not done{maybe}",
            where=self.issue.url,
            hint=f"run `bridge file {self.case_id}` again: it does only what is missing",
            problems=tuple(Problem(message=f"{_words(item)}: {item.why}", where=item.target, hint=item.hint) for item in self.undone),
        )


def file_case(
    plan: FilingPlan,
    *,
    ledger: Ledger,
    tracker: IssueTracker,
    tickets: TicketSource,
    clock: Clock,
    events: Callable[[FilingEvent], None] = lambda _: None,
    recreate: bool = False,
    choice: Choice = Choice(),  # noqa: B008 - frozen: nothing can change it
) -> FilingResult:
    """File the plan and return what stands; may be interrupted anywhere and run again.

    Raises RefusedError (preflight, with all problems), AccessError or RetryLaterError when the issue was
    certainly not created; UnknownOutcomeError when it may have been; RetryLaterError when another process is
    filing the same case. Failures after the issue exists are in `FilingResult.undone`.
    """
    filing = Filing(fingerprint=plan.fingerprint, marker=plan.marker, project=plan.draft.project, case_id=plan.case_id)
    with ledger.hold(filing):
        run = Run(
            ledger=ledger,
            filing=filing,
            tracker=tracker,
            tickets=tickets,
            clock=clock,
            emit=events,
            recreate=recreate,
            settle_seconds=plan.settle_seconds,
        )
        issue, created = ensure_issue(run, plan, choice)
        attach_files(run, plan, issue)
        link_and_tell(run, plan, issue)
        refresh_figures(run, plan, issue)
        known = ledger.issue(plan.fingerprint)
        return FilingResult(
            case_id=plan.case_id,
            issue=issue,
            filed_at=known[1] if known else clock.now(),
            created=created,
            writes=run.writes,
            linked=sum(_is_linked(run, ticket, issue) for ticket in plan.tickets),
            tickets=len(plan.tickets),
            undone=tuple(run.undone),
        )


def _is_linked(run: Run, ticket: TicketPlan, issue: IssueRef) -> bool:
    return run.is_done("remote-link", ticket.link.global_id) and ticket_is_told(run, ticket, issue)


def _words(item: Undone) -> str:
    what = {
        "issue": "the issue",
        "attachment": "the file",
        "remote-link": "the link to",
        "note": "the note on",
        "ticket-issue": "the issue's key on",
        "ticket-link": "the help desk's link on",
        "fields": "the figures of",
        "labels": "the labels of",
        "summary": "the comment with the figures on",
        "status-note": "the note about the issue on",
        "reply": "the answer to the customer on",
        "issue-link": "the link as a duplicate of",
        "transition": "the new status of",
        "verdict": "the verdict of the reproduction on",
    }[item.kind]
    return f"{what} {item.target}"
