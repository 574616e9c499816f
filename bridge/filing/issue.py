"""One issue, exactly once.

Nothing in Jira makes a create safe to repeat, and its search shows a new issue only after seconds to
minutes. So (`settle-2026-11`):

1. The ledger says whether this fingerprint has an issue, or a create that was never settled.
2. Preflight: everything that would make the tracker refuse, before anything is written.
3. Search for the marker: another ledger may have filed it. A hit is adopted.
4. Commit the intent with the project's newest key as high-water mark, then create, once.
5. A lost answer is settled: keys above the mark are read directly (gaps are tolerated: numbers are burnt by
   refused creates, keys are hidden or moved), and the marker is searched for, with growing waits.
6. Not found when the window ends: `unknown`. Every later run looks again. Only a person's word
   (`recreate`) creates again, and the mark stays the oldest one, so that both would be found.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from bridge.errors import AccessError, BridgeError, Problem, RefusedError, UnknownOutcomeError
from bridge.filing.plan import digest
from bridge.filing.run import PENDING, FilingEvent

if TYPE_CHECKING:
    from bridge.filing.run import Run
    from bridge.model.filing import IssueRef, Write


def ensure_issue(run: Run) -> tuple[IssueRef, bool]:
    """Return the case's issue and whether this run created it.

    RefusedError lists all preflight problems; UnknownOutcomeError says that it may have been filed.
    """
    known = run.ledger.issue(run.filing.fingerprint)
    if known is not None:
        return known[0], False
    earlier = run.recorded("issue", "")
    if earlier is not None and earlier.state in PENDING:
        found = settle(run, earlier)
        if found is not None:
            return found, False
        if not run.recreate:
            raise _maybe_filed(run, earlier)
    preflight(run)
    found = run.tracker.find(run.filing.project, run.filing.marker, None)
    if found is not None:
        _adopt(run, found, "found by its marker")
        return found, False
    return create(run, earlier.guard if earlier is not None and earlier.state in PENDING else "")


def preflight(run: Run) -> None:
    """Ask the tracker for everything it would refuse; RefusedError lists it all."""
    run.emit(FilingEvent(step="preflight", target=run.filing.project, state="started"))
    failed = [check for check in run.tracker.preflight(run.plan.draft, run.plan.attachments) if not check.ok]
    if failed:
        raise RefusedError(
            f"{run.filing.project} would refuse this issue: {len(failed)} problem(s); nothing was written",
            hint="mend bridge.yaml as shown, then run the same command again",
            problems=tuple(Problem(message=f"{check.what}: {check.detail}", where=check.connection, hint=check.hint) for check in failed),
        )
    run.emit(FilingEvent(step="preflight", target=run.filing.project, state="done"))


def create(run: Run, oldest_mark: str) -> tuple[IssueRef, bool]:
    """Create once and settle a lost answer."""
    draft = run.plan.draft
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
        created = run.tracker.create(draft)
    except UnknownOutcomeError as error:
        write = run.ledger.outcome(run.filing, write, "unknown", error.message)
        run.emit(FilingEvent(step="issue", target=draft.project, state="unknown", detail=error.message))
        found = settle(run, write, just_sent=True)
        if found is None:
            raise _maybe_filed(run, write) from error
        run.writes += 1
        return found, True
    except BridgeError as error:
        run.ledger.outcome(run.filing, write, "refused", error.message)
        raise
    run.writes += 1
    run.ledger.outcome(run.filing, write, "done", f"created as {created.key}", issue=created)
    run.emit(FilingEvent(step="issue", target=created.key, state="done", detail=created.url))
    return created, True


def settle(run: Run, write: Write, *, just_sent: bool = False) -> IssueRef | None:
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
            run.ledger.outcome(run.filing, write, "done", f"found as {found.key} by its marker", issue=found)
            run.emit(FilingEvent(step="issue", target=found.key, state="done", detail=f"found after a lost answer: {found.url}"))
            return found
    at = run.clock.now().astimezone(UTC)
    seen = f"the last look failed: {trouble.message}" if trouble else "not there"
    run.ledger.outcome(run.filing, write, "unknown", f"looked for {run.filing.marker} until {at:%Y-%m-%d %H:%M:%S} UTC: {seen}")
    return None


def _adopt(run: Run, issue: IssueRef, answer: str) -> None:
    write = run.ledger.intend(run.filing, "issue", "", target=issue.key)
    run.ledger.outcome(run.filing, write, "done", f"{answer}: {issue.key}", issue=issue)
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
