"""The first half of the road: tickets -> case -> evidence -> findings."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bridge import __version__
from bridge.analysis.analyse import affected_accounts, analyse, read_evidence
from bridge.analysis.inputs import AnalysisInputs
from bridge.catalog import permitted, verified
from bridge.catalog.views import needed, require
from bridge.errors import InputError, NotFoundError, Problem
from bridge.model.case import Case
from bridge.model.evidence import Scalar
from bridge.model.finding import Analysis
from bridge.model.investigation import Investigation, SqlEvidence
from bridge.model.ticket import Ticket
from bridge.model.window import Window
from bridge.sql.parameters import Value, resolve
from bridge.workflow.collect import Collected, collect, plain
from bridge.workflow.events import StepDone, StepStarted, Warned
from bridge.workflow.permitted_values import values_of
from bridge.workflow.severity_policy import policy

if TYPE_CHECKING:
    from bridge.workflow.context import Context

_FORMAT = 1
_SEED = 20260310
"""Seed of the replicates: fixed, so that the same evidence gives the same findings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Investigated:
    """What one run of `investigate` gave."""

    case: Case
    analysis: Analysis
    collected: Collected
    continued: bool
    """True when an open case was continued instead of a new one made."""


def investigate(
    context: Context,
    *,
    tickets: Sequence[str],
    investigation_id: str,
    given: Mapping[str, str],
    include_found: bool = False,
    refresh: bool = False,
    new: bool = False,
    unverified: bool = False,
) -> Investigated:
    """Open (or continue) a case and fill it with evidence and findings.

    Stopped at any point, it leaves a case that the same call continues; `new` opens another one anyway. A query that
    was never tested in its database's dialect is refused unless `unverified` (docs/dialects.md).
    """
    investigation = context.catalog.get(investigation_id)
    require(needed(investigation), context.views, context.workspace.views.folder)
    doubts = verified.doubts(investigation, _dialects(context, investigation))
    if doubts and not unverified:
        raise verified.refusal(investigation, doubts)
    requested = tuple(dict.fromkeys(tickets))
    open_case = None if new else _open_case(context, requested, investigation, given)
    case = open_case or _new_case(context, requested, investigation, given)
    context.emit(StepDone(source=case.id, what=f"{investigation.id} v{investigation.version}", detail=window_text(case.window)))
    values = resolve(investigation.parameters, case.given, now=case.as_of)
    collected = collect(context, case, investigation, values, refresh=refresh)
    case, analysis = _findings(context, case, investigation, collected, include_found=include_found)
    case = replace(
        case,
        state="investigated" if case.state == "open" else case.state,
        problems=(*collected.problems, *(f"{doubt.message}: its figures are of a translated text" for doubt in doubts)),
    )
    context.cases.save_analysis(case.id, analysis)
    context.cases.save(case)
    return Investigated(case=case, analysis=analysis, collected=collected, continued=open_case is not None)


def recorded(values: Mapping[str, Value]) -> dict[str, Scalar | list[Scalar] | Window]:
    """Return resolved values as case.json holds them: windows as they are, everything else plain."""
    return {name: value if isinstance(value, Window) else plain(value) for name, value in values.items()}


def window_text(window: Window) -> str:
    """Return a window for people, with its zone."""
    return f"{window.start:%-d %b %Y %H:%M} to {window.end:%-d %b %Y %H:%M} UTC"


def _dialects(context: Context, investigation: Investigation) -> dict[str, str]:
    """Return the dialect of each query's database, by the evidence's name."""
    return {
        item.name: context.connections.database(item.database).dialect
        for item in (*investigation.evidence, *permitted.queries(investigation))
        if isinstance(item, SqlEvidence) and not item.joins and item.view is None
    }


def _open_case(context: Context, requested: tuple[str, ...], investigation: Investigation, given: Mapping[str, str]) -> Case | None:
    """Return the newest case that asks the same of the same tickets; a filed one too, so that nothing is filed twice."""
    for case in reversed(context.cases.all()):
        same = set(case.requested) == set(requested) and case.investigation == investigation.id and case.given == dict(given)
        if same and case.investigation_digest == investigation.digest:
            return case
    return None


def _new_case(context: Context, requested: tuple[str, ...], investigation: Investigation, given: Mapping[str, str]) -> Case:
    now = context.now
    parameters = resolve(investigation.parameters, dict(given), now=now)
    permitted.check(investigation, parameters, lambda query: values_of(context, investigation, query, parameters))
    window = parameters.get("window")
    if not isinstance(window, Window):
        raise InputError(f"investigation '{investigation.id}' has no parameter 'window' of type window", where=investigation.folder)
    read = _read_tickets(context, requested)
    case = Case(
        id="",
        format=_FORMAT,
        created_at=context.clock.now(),
        as_of=now,
        state="open",
        tickets=tuple(read),
        requested=requested,
        investigation=investigation.id,
        investigation_version=investigation.version,
        investigation_digest=investigation.digest,
        given=dict(given),
        parameters=recorded(parameters),
        window=window,
        bridge_version=__version__,
    )
    return context.cases.create(case)


def _read_tickets(context: Context, requested: Sequence[str]) -> list[Ticket]:
    """Read every ticket; all missing ones are named together, with what the queue holds instead."""
    source = context.connections.tickets()
    context.emit(StepStarted(source="tickets", what=f"reading {len(requested)}"))
    started = time.monotonic()
    read: list[Ticket] = []
    problems: list[Problem] = []
    for ticket_id in requested:
        try:
            read.append(source.get(ticket_id))
        except NotFoundError as error:
            problems.append(Problem(message=error.message, where=error.where, hint=error.hint))
    if problems:
        raise NotFoundError(
            f"{len(problems)} of {len(requested)} tickets don't exist" if len(problems) > 1 else problems[0].message,
            hint="the queue: bridge tickets",
            problems=tuple(problems),
        )
    context.emit(StepDone(source="tickets", what="read", detail=f"{len(read)} tickets", seconds=time.monotonic() - started))
    return read


def _findings(
    context: Context, case: Case, investigation: Investigation, collected: Collected, *, include_found: bool
) -> tuple[Case, Analysis]:
    inputs = AnalysisInputs(
        investigation=investigation,
        window=case.window,
        parameters=case.parameters,
        tables=collected.tables,
        evidence_ids={p.name: p.id for p in collected.provenances},
        tickets=case.tickets,
        policy=policy(context.workspace.root),
        currency=context.workspace.currency,
        seed=_SEED,
        case_id=case.id,
        templates=collected.templates,
    )
    context.emit(StepStarted(source="findings", what="cohort"))
    read = read_evidence(inputs)
    affected = affected_accounts(inputs, read)
    candidates = _tickets_of(context, case, affected)
    started = time.monotonic()
    context.emit(StepStarted(source="findings", what=", ".join(investigation.findings)))
    inputs = replace(inputs, candidate_tickets=candidates)
    analysis = analyse(inputs, read)
    if include_found:
        wanted = {r.ticket_id for r in analysis.related if not r.included} - {t.id for t in case.tickets}
        found = _still_there(context, [t.id for t in candidates if t.id in wanted])
        if found:
            case = replace(case, tickets=case.tickets + found)
            analysis = analyse(replace(inputs, tickets=case.tickets), read)
    held = [f for f in analysis.findings if f.level == "finding"]
    context.emit(
        StepDone(
            source="findings",
            what=f"{len(investigation.findings)} looked for",
            detail=f"{len(held)} statements hold",
            seconds=time.monotonic() - started,
        )
    )
    return case, analysis


def _still_there(context: Context, ticket_ids: Sequence[str]) -> tuple[Ticket, ...]:
    """Read found tickets with their comments; one that was deleted meanwhile is named and left out."""
    read = []
    for ticket_id in ticket_ids:
        try:
            read.append(context.connections.tickets().get(ticket_id))
        except NotFoundError as error:
            context.emit(Warned(message=f"left out: {error.message}"))
    return tuple(read)


def _tickets_of(context: Context, case: Case, accounts: Sequence[str]) -> tuple[Ticket, ...]:
    """Return the affected accounts' tickets that nobody named, found ones of an earlier run too. A help desk that is away stops here: 'silent' would be a guess."""
    if not accounts:
        return ()
    started = time.monotonic()
    context.emit(StepStarted(source="tickets", what=f"of {len(accounts)} affected accounts"))
    window = Window(start=case.window.start, end=max(case.window.end, context.now))
    found = context.connections.tickets().of_accounts(accounts, window)
    others = tuple(t for t in found if t.id not in case.requested)
    context.emit(
        StepDone(
            source="tickets",
            what="of affected accounts",
            detail=f"{len(others)} more in the window",
            seconds=time.monotonic() - started,
        )
    )
    return others
