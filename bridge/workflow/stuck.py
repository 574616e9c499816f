"""`bridge stuck`: nothing falls into a hole. From case folders and the ledger alone: nothing is asked, nothing is sent."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bridge.errors import NotFoundError
from bridge.filing import memory
from bridge.filing.ledger import Ledger
from bridge.filing.words import OVER
from bridge.workflow.follow import filing_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bridge.filing.ledger import Filing
    from bridge.model.case import Case
    from bridge.workflow.context import Context

_DANGER = timedelta(days=2)
_UNFOLLOWED = timedelta(days=1)
_STATES = {"refused": "refused", "intent": "not done"}
_NO_ANSWER = {"intent": "it broke off before it was sent"}
_NEXT = {"open": "bridge show {}", "investigated": "bridge report {}", "reported": "bridge file {} --dry-run"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """One thing that waits for somebody."""

    case_id: str
    what: str
    since: datetime
    next: str
    """The command that moves it."""


def stuck(context: Context) -> tuple[Stuck, ...]:
    """Return everything that waits longer than the policy allows, oldest first."""
    now = context.clock.now()
    days = filing_settings(context).stuck_days
    found = [item for case in context.cases.all() for item in _unfiled(context, case, days, now)]
    if context.ledger_path.exists():
        with closing(Ledger(context.ledger_path, context.clock)) as ledger:
            for filing in ledger.filings():
                found += _filed(ledger, filing, days.get(_severity(context, filing.case_id), days["S3"]), now)
    return tuple(sorted(found, key=lambda item: item.since))


def _unfiled(context: Context, case: Case, days: Mapping[str, float], now: datetime) -> Iterator[Stuck]:
    if case.state == "filed":
        return
    allowed = days.get(_severity(context, case.id), days["S3"])
    changed = _changed(context, case)
    if now - changed > timedelta(days=allowed):
        yield Stuck(
            case_id=case.id,
            what=f"{case.state}, and nothing has happened for {_age(now - changed)} ({allowed:g} days are allowed)",
            since=changed,
            next=_NEXT.get(case.state, "bridge show {}").format(case.id),
        )


def _filed(ledger: Ledger, filing: Filing, allowed: float, now: datetime) -> Iterator[Stuck]:
    case_id = filing.case_id
    for write in ledger.writes(filing.fingerprint):
        if write.state != "done":
            word = _STATES.get(write.state, "maybe done")
            what = (
                f"{word}: {write.kind} {write.target or write.name}: {write.answer or _NO_ANSWER.get(write.state, 'its answer was lost')}"
            )
            yield Stuck(case_id=case_id, what=what, since=write.at, next=f"bridge file {case_id}")
    known = ledger.issue(filing.fingerprint)
    if known is None:
        return
    issue, filed_at = known
    seen = memory.seen(ledger, filing.fingerprint)
    since = seen.seen_at if seen else filed_at
    if now - since > _UNFOLLOWED:
        yield Stuck(case_id=case_id, what=f"{issue.key} was not followed for {_age(now - since)}", since=since, next="bridge follow")
    if seen is None:
        return
    for trouble in seen.trouble:
        yield Stuck(case_id=case_id, what=f"{issue.key}: {trouble}", since=seen.seen_at, next=f"bridge reconcile {case_id}")
    if seen.word not in OVER and now - seen.changed_at > timedelta(days=allowed):
        what = f"{issue.key} is '{seen.word}' ({seen.status}) for {_age(now - seen.changed_at)} ({allowed:g} days are allowed)"
        yield Stuck(case_id=case_id, what=what, since=seen.changed_at, next=f"ask its owner: {issue.url}")
    if seen.due is not None and seen.word not in OVER:
        left = seen.due - now.astimezone(UTC).date()
        if left <= _DANGER:
            what = f"{issue.key} is promised for {seen.due}, and it is '{seen.word}'"
            yield Stuck(case_id=case_id, what=what, since=seen.changed_at, next=f"ask its owner: {issue.url}")
    for draft in memory.drafts(ledger):
        if draft.fingerprint == filing.fingerprint and seen.word in OVER:
            what = f"{issue.key} is {seen.word}, and the customer of {draft.ticket_id} was not told"
            yield Stuck(case_id=case_id, what=what, since=draft.at, next=f"bridge follow --send D{draft.id}")


def _severity(context: Context, case_id: str) -> str:
    try:
        severity = context.cases.load_analysis(case_id).severity
    except NotFoundError:
        return "S3"
    return severity.level if severity is not None else "S3"


def _changed(context: Context, case: Case) -> datetime:
    """Return when the case's files were written last: its only movement before it is filed."""
    folder = context.cases.folder(case.id)
    times = [
        path.stat().st_mtime for path in (folder / "case.json", folder / "findings.json", folder / "report" / "report.md") if path.exists()
    ]
    return datetime.fromtimestamp(max(times), UTC) if times else case.created_at


def _age(span: timedelta) -> str:
    hours = int(span.total_seconds() // 3600)
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"  # noqa: PLR2004 - two days
