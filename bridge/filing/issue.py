"""One issue, exactly once.

Nothing in Jira makes a create safe to repeat, and its search shows a new issue only after seconds to
minutes. So (`settle-2026-11`):

1. The ledger says whether this fingerprint has an issue, or a create that was never settled.
2. Preflight: everything that would make the tracker refuse, before anything is written.
3. Search for the marker: another ledger may have filed it. A hit is adopted.
4. Commit the intent with the project's newest key as high-water mark; connect, commit that it leaves, create, once.
5. A lost answer is settled: keys above the mark are read directly (gaps are tolerated: numbers are burnt by
   refused creates, keys are hidden or moved), and the marker is searched for, with growing waits.
6. Not found when the window ends: `unknown`. Every later run looks again. Only a person's word
   (`recreate`) creates again, and the mark stays the oldest one, so that both would be found.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from bridge.errors import AccessError, BridgeError, NotFoundError, Problem, RefusedError, UnknownOutcomeError
from bridge.filing.figures import add_labels, figures_in
from bridge.filing.plan import digest
from bridge.filing.run import PENDING, FilingEvent
from bridge.filing.words import occasion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.filing.plan import FilingPlan
    from bridge.filing.run import Run
    from bridge.model.filing import IssueRef, Write, WriteKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a person decided about issues that are there already."""

    join: str = ""
    """Key of the issue that the tickets belong to; empty: only one with our marker is joined."""


def ensure_issue(run: Run, plan: FilingPlan, choice: Choice) -> tuple[IssueRef, bool]:
    """Return the case's issue and whether this run created it.

    RefusedError lists all preflight problems; UnknownOutcomeError says that it may have been filed.
    """
    known = run.ledger.issue(run.filing.fingerprint)
    if known is not None:
        finish_joining(run, plan, known[0])
        return known[0], False
    earlier = run.recorded("issue", "")
    if earlier is not None and earlier.state in PENDING:
        found = settle(run, plan, earlier)
        if found is not None:
            return found, False
        if not run.recreate:
            raise _maybe_filed(run, earlier)
    if choice.join:
        return join(run, plan, choice.join), False
    preflight(run, plan)
    found = run.tracker.find(run.filing.project, run.filing.marker, None)
    if found is not None:
        _adopt(run, found, "found by its marker", figures_in(run, plan, found), _opening(run, plan, found))
        finish_joining(run, plan, found)
        return found, False
    return create(run, plan, earlier.guard if earlier is not None and earlier.state in PENDING else "")


def join(run: Run, plan: FilingPlan, key: str) -> IssueRef:
    """Take an issue that a person named as this case's; NotFoundError when it is not there, RefusedError when it would not take it."""
    state = run.tracker.states([key]).get(key)
    if state is None:
        raise NotFoundError(f"no issue {key}, or it is not shown to this user", hint=f"file anew: bridge file {run.filing.case_id} --anew")
    preflight(run, plan, state.ref)
    labels: tuple[WriteKind, str, str] = ("labels", state.ref.id, state.ref.key)
    _adopt(run, state.ref, f"joined on the word of {run.ledger.holder.who}", todo=(labels, *_opening(run, plan, state.ref)))
    finish_joining(run, plan, state.ref)
    return state.ref


def _opening(run: Run, plan: FilingPlan, issue: IssueRef) -> tuple[tuple[WriteKind, str, str], ...]:
    """Return the write that opens an issue again which was fixed a short while ago; its comment says which tickets are the reason."""
    state = run.tracker.states([issue.id]).get(issue.id)
    if state is None or state.category != "done" or plan.reopen_days <= 0:
        return ()
    age = run.clock.now() - (state.resolved_at or run.clock.now())
    if occasion(state, cycle=0).word not in {"fixed", "released"} or age > timedelta(days=plan.reopen_days):
        return ()
    return (("transition", f"open:{issue.id}", issue.key),)


def finish_joining(run: Run, plan: FilingPlan, issue: IssueRef) -> None:
    """Label and open an issue that was taken over, as far as the ledger says that it is not done."""
    labels, opening = run.recorded("labels", issue.id), run.recorded("transition", f"open:{issue.id}")
    if labels is not None and labels.state != "done":
        add_labels(run, plan, issue)
    if opening is None or opening.state == "done":
        return
    try:
        run.send("transition", f"open:{issue.id}", lambda: run.tracker.move_to(issue, "new"), target=issue.key, answer=lambda _: "")
    except BridgeError as error:
        run.leave("transition", issue.key, error, name=f"open:{issue.id}")


def preflight(run: Run, plan: FilingPlan, issue: IssueRef | None = None) -> None:
    """Ask the tracker for everything it would refuse, of a new issue or of this one; RefusedError lists it all."""
    run.emit(FilingEvent(step="preflight", target=run.filing.project, state="started"))
    failed = [check for check in run.tracker.preflight(plan.draft, plan.attachments, issue) if not check.ok]
    if failed:
        raise RefusedError(
            f"{run.filing.project} would refuse this issue: {len(failed)} problem(s); nothing was written",
            hint="mend bridge.yaml as shown, then run the same command again",
            problems=tuple(Problem(message=f"{check.what}: {check.detail}", where=check.connection, hint=check.hint) for check in failed),
        )
    run.emit(FilingEvent(step="preflight", target=run.filing.project, state="done"))


def create(run: Run, plan: FilingPlan, oldest_mark: str) -> tuple[IssueRef, bool]:
    """Create once and settle a lost answer."""
    draft = plan.draft
    mark = oldest_mark or run.tracker.newest_key(draft.project) or f"{draft.project}-0"
    content = digest(
        {
            "project": draft.project,
            "type": draft.issue_type,
            "summary": draft.summary,
            "description": draft.description,
            "labels": list(draft.labels),
            "fields": draft.fields,
        }
    )
    run.emit(FilingEvent(step="issue", target=draft.project, state="started"))
    write = run.ledger.intend(run.filing, "issue", "", digest=content, guard=mark)
    try:
        created = run.tracker.create(draft, leaving=run.leaving(write))
    except UnknownOutcomeError as error:
        write = run.ledger.outcome(run.filing, write, "unknown", error.message)
        run.emit(FilingEvent(step="issue", target=draft.project, state="unknown", detail=error.message))
        found = settle(run, plan, write, just_sent=True)
        if found is None:
            raise _maybe_filed(run, write) from error
        run.writes += 1
        return found, True
    except BridgeError as error:
        run.ledger.outcome(run.filing, write, "refused", error.message)
        raise
    run.writes += 1
    run.ledger.outcome(run.filing, write, "done", f"created as {created.key}", issue=created, carries=figures_in(run, plan, created))
    run.emit(FilingEvent(step="issue", target=created.key, state="done", detail=created.url))
    return created, True


def settle(run: Run, plan: FilingPlan, write: Write, *, just_sent: bool = False) -> IssueRef | None:
    """Look for an issue whose create was sent and never answered; None when the window ends without it."""
    trouble: BridgeError | None = None
    for _ in run.looks(write, just_sent=just_sent):
        try:
            found = run.tracker.find(run.filing.project, run.filing.marker, write.guard or None)
        except AccessError:
            raise
        except BridgeError as error:
            trouble = error  # a look that fails says nothing; the next one may succeed
            continue
        trouble = None
        if found is not None:
            carried = figures_in(run, plan, found)
            run.ledger.outcome(run.filing, write, "done", f"found as {found.key} by its marker", issue=found, carries=carried)
            run.emit(FilingEvent(step="issue", target=found.key, state="done", detail=f"found after a lost answer: {found.url}"))
            return found
    at = run.clock.now().astimezone(UTC)
    seen = f"the last look failed: {trouble.message}" if trouble else "not there"
    run.ledger.outcome(run.filing, write, "unknown", f"looked for {run.filing.marker} until {at:%Y-%m-%d %H:%M:%S} UTC: {seen}")
    return None


def _adopt(
    run: Run,
    issue: IssueRef,
    answer: str,
    carries: Sequence[tuple[WriteKind, str]] = (),
    todo: Sequence[tuple[WriteKind, str, str]] = (),
) -> None:
    write = run.ledger.intend(run.filing, "issue", "", target=issue.key)
    run.ledger.outcome(run.filing, write, "done", f"{answer}: {issue.key}", issue=issue, carries=carries, todo=todo)
    run.emit(FilingEvent(step="issue", target=issue.key, state="already", detail=answer))


def _maybe_filed(run: Run, write: Write) -> UnknownOutcomeError:
    case = run.filing.case_id
    return UnknownOutcomeError(
        f"{case} may have been filed at {write.at:%Y-%m-%d %H:%M:%S} UTC: the tracker's answer was lost, and no issue in"
        f" {run.filing.project} with the label {run.filing.marker} was found until {run.clock.now().astimezone(UTC):%H:%M:%S} UTC",
        hint=f"run `bridge file {case}` later: it looks again and never creates a second issue by itself."
        f" If you are sure that there is none (project = {run.filing.project} AND labels = {run.filing.marker}),"
        f" `bridge file {case} --recreate` creates it",
    )
