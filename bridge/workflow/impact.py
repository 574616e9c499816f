"""`bridge impact`: what the cases of a workspace are worth, for leads. From case folders and the ledger alone: nothing is asked."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING

from bridge.errors import NotFoundError
from bridge.filing import memory
from bridge.filing.ledger import Ledger
from bridge.filing.status import status
from bridge.model.impact import NOT_KNOWN, AccountImpact, CaseImpact, GroupImpact, ImpactSummary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from bridge.model.case import Case
    from bridge.model.finding import AffectedAccount, Analysis
    from bridge.workflow.context import Context

_ZERO = Decimal(0)


def impact(context: Context, case_ids: Sequence[str] = ()) -> ImpactSummary:
    """Return the named cases, or all, with an account that is in several of them counted once.

    Figures of an account that differ between cases (its revenue changed) are taken from the younger case.
    NotFoundError for a case that is not there.
    """
    cases = [context.cases.load(case_id) for case_id in dict.fromkeys(case_ids)] if case_ids else list(context.cases.all())
    rows: list[CaseImpact] = []
    missing: list[str] = []
    tickets: set[str] = set()
    members: dict[str, list[tuple[Case, AffectedAccount]]] = defaultdict(list)
    for case in sorted(cases, key=lambda each: (each.as_of, each.id)):
        try:
            analysis = context.cases.load_analysis(case.id)
        except NotFoundError:
            missing.append(case.id)
            continue
        rows.append(_row(context, case, analysis))
        tickets.update(ticket.id for ticket in case.tickets)
        for account in analysis.cohort.affected if analysis.cohort else ():
            members[account.account_id].append((case, account))
    accounts = tuple(sorted(map(_account, members.values()), key=lambda each: (-each.revenue, each.account_id)))
    return ImpactSummary(
        as_of=context.now,
        currency=context.workspace.currency,
        cases=tuple(sorted(rows, key=lambda row: (-row.revenue, row.case_id))),
        accounts=accounts,
        tiers=_groups(accounts, lambda account: account.plan),
        regions=_groups(accounts, lambda account: account.region),
        revenue=sum((account.revenue for account in accounts), _ZERO),
        silent=sum(not account.tickets for account in accounts),
        tickets=len(tickets),
        not_analysed=tuple(missing),
    )


def _row(context: Context, case: Case, analysis: Analysis) -> CaseImpact:
    found, severity = analysis.impact, analysis.severity
    state, issue, url, not_told = _filed(context, case)
    return CaseImpact(
        case_id=case.id,
        title=_title(context, case),
        investigation=case.investigation,
        state=state,
        issue=issue,
        issue_url=url,
        severity=severity.level if severity else "",
        opened_at=case.created_at,
        age_days=_days(case.created_at, context.clock.now()),
        first_failure=analysis.onset.first_failure if analysis.onset else None,
        accounts=found.accounts if found else 0,
        population=found.population if found else 0,
        silent=found.silent if found else 0,
        revenue=found.arr if found else _ZERO,
        revenue_silent=found.arr_silent if found else _ZERO,
        seats=found.seats if found else 0,
        tickets=len(case.tickets),
        not_told=not_told,
        failures=found.failures if found else 0,
        trend=found.trend if found else "",
    )


def _filed(context: Context, case: Case) -> tuple[str, str, str, int]:
    """Return state, key and address of the issue, and the tickets whose customer was not told."""
    if not context.ledger_path.exists():
        return case.state, "", "", 0
    with closing(Ledger(context.ledger_path, context.clock)) as ledger:
        known = status(case.id, ledger)
        if known.issue is None:
            return "maybe filed" if known.maybe_filed_at else case.state, "", "", 0
        filing = ledger.filing_of(case.id)
        seen = memory.seen(ledger, filing.fingerprint) if filing else None
        waiting = {draft.ticket_id for draft in memory.drafts(ledger) if filing and draft.fingerprint == filing.fingerprint}
    return seen.word if seen else "filed", known.issue.key, known.issue.url, len(waiting)


def _title(context: Context, case: Case) -> str:
    """Return the report's title, the investigation's name before there is a report."""
    facts = context.cases.folder(case.id) / "report" / "filing.json"
    return str(json.loads(facts.read_text("utf-8"))["title"]) if facts.exists() else case.investigation


def _account(members: Sequence[tuple[Case, AffectedAccount]]) -> AccountImpact:
    """Join one account's rows, oldest case first."""
    last = members[-1][1]
    return AccountImpact(
        account_id=last.account_id,
        name=last.name,
        plan=last.plan or NOT_KNOWN,
        region=last.region or NOT_KNOWN,
        revenue=last.arr,
        seats=last.seats,
        cases=tuple(case.id for case, _ in members),
        tickets=tuple(dict.fromkeys(ticket for _, account in members for ticket in account.tickets)),
    )


def _groups(accounts: Iterable[AccountImpact], of: Callable[[AccountImpact], str]) -> tuple[GroupImpact, ...]:
    mine: dict[str, list[AccountImpact]] = defaultdict(list)
    for account in accounts:
        mine[of(account)].append(account)
    made = (
        GroupImpact(
            value=value,
            accounts=len(group),
            silent=sum(not account.tickets for account in group),
            revenue=sum((account.revenue for account in group), _ZERO),
        )
        for value, group in mine.items()
    )
    return tuple(sorted(made, key=lambda group: (-group.revenue, group.value)))


def _days(start: datetime, end: datetime) -> int:
    return max(0, (end - start).days)
