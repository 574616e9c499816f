"""What on the issue follows its tickets: impact fields (sortable in the tracker's search), and one living comment.

Both are written with what the case knows now, compared with what was written last: nothing changes, nothing is
sent. At filing the description says it all, so the comment begins with the first change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.errors import BridgeError, UnknownOutcomeError
from bridge.filing.plan import digest
from bridge.filing.run import PENDING

if TYPE_CHECKING:
    from bridge.filing.plan import FilingPlan
    from bridge.filing.run import Run
    from bridge.model.filing import IssueRef, JsonValue, WriteKind
    from bridge.model.ticket import Comment

_SHOWN = 60
"""Tickets that the comment names."""


def figures_in(run: Run, plan: FilingPlan, issue: IssueRef) -> tuple[tuple[WriteKind, str], ...]:
    """Return what an issue carries that was made from this plan: its figures, and what the comment would say."""
    return (("fields", _fields_digest(plan, issue)), ("summary", digest(summary(run, plan))))


def refresh_figures(run: Run, plan: FilingPlan, issue: IssueRef) -> None:
    """Bring fields and comment up to date; what fails is left for the next run."""
    figures = _figures(plan)
    if figures and not run.is_done("fields", "", _fields_digest(plan, issue)):
        try:
            run.send(
                "fields",
                "",
                lambda: run.tracker.update_fields(issue, figures),
                target=issue.key,
                digest=_fields_digest(plan, issue),
                answer=lambda _: "",
            )
        except BridgeError as error:
            run.leave("fields", issue.key, error, name="")
    if not run.is_done("summary", "", digest(summary(run, plan))):
        try:
            _comment(run, plan, issue)
        except BridgeError as error:
            run.leave("summary", issue.key, error, name="")


def add_labels(run: Run, plan: FilingPlan, issue: IssueRef) -> None:
    """Give an issue that was joined our labels, so that the next case finds it."""
    labels = (*plan.signals, plan.marker)
    if run.is_done("labels", issue.id, digest(list(labels))):
        return
    try:
        run.send(
            "labels",
            issue.id,
            lambda: run.tracker.add_labels(issue, labels),
            target=issue.key,
            digest=digest(list(labels)),
            answer=lambda _: "",
        )
    except BridgeError as error:
        run.leave("labels", issue.key, error, name=issue.id)


def summary(run: Run, plan: FilingPlan) -> str:
    """Return the living comment: facts only, no time, so that the same facts are the same text."""
    ids = list(dict.fromkeys((*run.ledger.linked(run.filing.fingerprint), *(ticket.ticket_id for ticket in plan.tickets))))
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    lines = [f"{len(ids)} ticket(s) report this: {', '.join(sorted(ids)[:_SHOWN])}{more}"]
    lines += plan.facts
    return "\n".join((*lines, summary_marker(plan.marker)))


def summary_marker(marker: str) -> str:
    """Return the line that lets our comment be recognised."""
    return f"{marker} summary"


def _comment(run: Run, plan: FilingPlan, issue: IssueRef) -> None:
    text = summary(run, plan)

    def there() -> str | None:
        found = _own(run, plan, issue)
        return f" as comment {found.id}" if found is not None else None

    earlier = run.recorded("summary", "")
    found = _own(run, plan, issue)
    if found is None and earlier is not None and earlier.state in PENDING:
        if not run.settle("summary", "", there) and not run.recreate:
            raise UnknownOutcomeError(
                f"the comment with the figures may have been added to {issue.key}; it is not among its comments",
                hint=f"run `bridge file {run.filing.case_id}` again: it looks for it",
            )
        found = _own(run, plan, issue)
    if found is None:
        try:
            run.send_once(
                "summary",
                "",
                lambda leaving: run.tracker.add_comment(issue, text, leaving=leaving),
                target=issue.key,
                digest=digest(text),
            )
        except UnknownOutcomeError:
            if not run.settle("summary", "", there, just_sent=True):
                raise
            run.writes += 1
    elif found.body.strip() == text:
        run.adopt("summary", "", target=issue.key, digest=digest(text), answer=f"already there as comment {found.id}")
    else:
        comment_id = found.id
        run.send(
            "summary",
            "",
            lambda: run.tracker.update_comment(issue, comment_id, text),
            target=issue.key,
            digest=digest(text),
            answer=lambda _: comment_id,
        )


def _own(run: Run, plan: FilingPlan, issue: IssueRef) -> Comment | None:
    marker = summary_marker(plan.marker)
    for comment in run.tracker.comments(issue):
        if marker in (line.strip() for line in comment.body.splitlines()):
            return comment
    return None


def _figures(plan: FilingPlan) -> dict[str, JsonValue]:
    """Return what is kept up to date: never what engineering may have changed, such as a priority or a component."""
    return {name: value for name, value in plan.draft.fields.items() if name in plan.draft.figures}


def _fields_digest(plan: FilingPlan, issue: IssueRef) -> str:
    return digest([issue.id, _figures(plan)])
