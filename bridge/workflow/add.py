"""More tickets for a case: of one that is filed linked, told and counted, of another kept for its filing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bridge.errors import BridgeError, NotFoundError, Problem
from bridge.workflow.events import StepStarted, Warned
from bridge.workflow.filing import file, filed_state, title

if TYPE_CHECKING:
    from decimal import Decimal

    from bridge.filing.file import FilingResult
    from bridge.model.finding import Analysis
    from bridge.model.ticket import Ticket
    from bridge.workflow.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What came of it."""

    result: FilingResult | None
    """None: the case is not filed, so nothing was linked or told; `bridge file` links what the case keeps."""
    new: tuple[str, ...]
    known: tuple[str, ...]
    """Tickets that belonged to the case before."""
    doubtful: tuple[str, ...]
    """Tickets whose account shows no failure in the case's evidence: linked on the analyst's word."""


def add(context: Context, case_id: str, ticket_ids: tuple[str, ...]) -> Added:
    """Link tickets to the case's issue and bring its figures up to date; NotFoundError lists all that do not exist.

    The case remembers them before anything is sent, so that a second call, or `bridge file`, continues after any
    failure. A report that fails a gate (GateError) keeps nothing. A case that was never filed only remembers them:
    whether its issue is made, and beside which other, is asked by `bridge file`, not here.
    """
    case = context.cases.load(case_id)
    filed = bool(filed_state(context, case).word)
    analysis = context.cases.load_analysis(case_id)
    there = {ticket.id for ticket in case.tickets}
    # An affected account may have tickets in the window that the case does not hold: those are new.
    of_affected = {ticket for account in (analysis.cohort.affected if analysis.cohort else ()) for ticket in account.tickets}
    linked = set(case.added) | (of_affected & there if analysis.cohort else there)
    new = [ticket_id for ticket_id in dict.fromkeys(ticket_ids) if ticket_id not in linked]
    read = _read(context, new)
    if filed:
        _gates(context, case_id)
    context.cases.save_analysis(case_id, counted(analysis, read))
    case = replace(
        case,
        tickets=(*case.tickets, *(ticket for ticket in read if ticket.id not in there)),
        added=(*case.added, *(ticket.id for ticket in read)),
    )
    context.cases.save(case)
    affected = {account.account_id for account in analysis.cohort.affected} if analysis.cohort else set()
    doubtful = tuple(ticket.id for ticket in read if analysis.cohort and ticket.account_id not in affected)
    for ticket_id in doubtful:
        context.emit(Warned(message=f"{ticket_id}: its account shows no failure in the evidence of {case_id}; linked on your word"))
    return Added(
        result=_link(context, case_id, [ticket.id for ticket in read]) if filed else None,
        new=tuple(new),
        known=tuple(ticket_id for ticket_id in dict.fromkeys(ticket_ids) if ticket_id in linked),
        doubtful=doubtful,
    )


def _gates(context: Context, case_id: str) -> None:
    """Let what holds the report back hold the tickets back, before the case keeps them."""
    try:
        title(context.cases.folder(case_id))
    except BridgeError:
        context.emit(Warned(message=f"nothing was linked, and {case_id} keeps none of these tickets"))
        raise


def _link(context: Context, case_id: str, kept: list[str]) -> FilingResult:
    try:
        return file(context, case_id)
    except BridgeError:
        if kept:
            context.emit(Warned(message=f"{', '.join(kept)}: kept in {case_id}, not linked yet; the same command goes on"))
        raise


def _read(context: Context, ids: list[str]) -> list[Ticket]:
    found: list[Ticket] = []
    problems: list[Problem] = []
    for ticket_id in ids:
        context.emit(StepStarted(source=ticket_id, what="reading"))
        try:
            found.append(context.connections.tickets().get(ticket_id))
        except NotFoundError as error:
            problems.append(Problem(message=error.message, where=ticket_id, hint=error.hint))
    if problems:
        raise NotFoundError(
            f"{len(problems)} of {len(ids)} tickets can't be read; nothing was linked", hint="leave them out", problems=tuple(problems)
        )
    return found


def counted(analysis: Analysis, tickets: list[Ticket]) -> Analysis:
    """Return the analysis with these tickets on their accounts: an account that wrote is not silent any more."""
    if analysis.cohort is None or not tickets:
        return analysis
    wrote: dict[str | None, tuple[str, ...]] = {}
    for ticket in tickets:
        wrote[ticket.account_id] = (*wrote.get(ticket.account_id, ()), ticket.id)
    affected = tuple(
        replace(account, tickets=tuple(dict.fromkeys((*account.tickets, *wrote.get(account.account_id, ())))))
        for account in analysis.cohort.affected
    )
    impact = analysis.impact
    if impact is not None:
        zero: Decimal = impact.arr_silent * 0
        silent = [account for account in affected if account.silent]
        impact = replace(impact, silent=len(silent), arr_silent=sum((account.arr for account in silent), zero))
    return replace(analysis, cohort=replace(analysis.cohort, affected=affected), impact=impact)
