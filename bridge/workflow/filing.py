"""From the report to one filed issue, linked with every ticket; and how far that is, from the ledger alone."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import GateError, NotFoundError, Problem
from bridge.filing.file import FilingResult, file_case
from bridge.filing.issue import Choice
from bridge.filing.ledger import Ledger
from bridge.filing.plan import ENDPOINT_SIGNAL, TEMPLATE_SIGNAL, FilingPlan, describe, digest, fingerprint_of
from bridge.filing.plan import plan as make_plan
from bridge.filing.run import FilingEvent
from bridge.filing.settings import read_settings
from bridge.filing.status import status
from bridge.model.filing import Check, IssueRef, IssueState
from bridge.reporting.facts import Mask, case_mask
from bridge.workflow.events import Event, StepDone, StepStarted, Warned
from bridge.workflow.rehearsal import rehearsal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.filing.rehearsal import Noted
    from bridge.model.case import Case
    from bridge.model.finding import Analysis
    from bridge.ports import IssueTracker
    from bridge.workflow.context import Context

_REVENUE = frozenset({"affected_revenue", "silent_revenue"})
"""Values of ours that a policy without revenue keeps from the tracker."""
_SHOWN_UNDONE = 5
_LOOKED_AT = 20
"""Candidates whose state is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An issue that may be about the same defect."""

    issue: IssueState
    why: str
    exact: bool
    """True: open, with the same new log template or stack. A person decides; nothing is filed beside it without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What filing would write, and what the tracker would refuse."""

    plan: FilingPlan
    lines: tuple[str, ...]
    preflight: tuple[Check, ...]
    """Only what is not well."""
    already: str
    """What the ledger says was filed before; empty: nothing."""
    complete: bool
    """True when the ledger knows of nothing that is left to do."""
    candidates: tuple[Candidate, ...] = ()
    """Issues that may be about the same thing, the surest first; only looked for while the case has none."""
    writes: tuple[Noted, ...] = ()
    """Every write that would be sent, in order; only in a dry run, and where nothing has to be mended or decided first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledState:
    """How far the filing of a case is."""

    word: str
    """filed, maybe filed, or empty."""
    issue: str | None
    url: str | None
    lines: tuple[str, ...]


def plan_filing(context: Context, case_id: str, *, join: str = "", anew: bool = False) -> Planned:
    """Decide what would be written, ask the tracker whether it would take it, and look for issues like it. Writes nothing."""
    case = context.cases.load(case_id)
    with closing(Ledger(context.ledger_path, context.clock)) as ledger:
        plan = make(context, case, ledger, anew=anew)
        state = status(case_id, ledger)
    tracker = context.connections.tracker()
    issues: Sequence[Check] = ()
    candidates: tuple[Candidate, ...] = ()
    if state.issue is None:
        context.emit(StepStarted(source="tracker", what="preflight"))
        issues = tracker.preflight(plan.draft, plan.attachments, _named(tracker, case_id, join) if join else None)
        if not any(not check.ok for check in issues) and not join and not anew:
            candidates = _candidates(context, tracker, plan)
    return Planned(
        plan=plan,
        lines=(*describe(plan), _masked(context.cases.folder(case_id))),
        preflight=tuple(check for check in issues if not check.ok),
        already=state.sentence if state.issue or state.maybe_filed_at else "",
        complete=bool(state.issue) and {t.ticket_id for t in plan.tickets} <= set(state.linked) and not (state.refused or state.unknown),
        candidates=candidates,
    )


def rehearse(context: Context, planned: Planned, *, recreate: bool = False, join: str = "", anew: bool = False) -> Planned:
    """Add every write that filing would send."""
    if planned.preflight or (not join and any(candidate.exact for candidate in planned.candidates)):
        return planned
    with rehearsal(context) as (dry, notes):
        file(dry, planned.plan.case_id, recreate=recreate, join=join, anew=anew)
    return replace(planned, writes=tuple(notes))


def _named(tracker: IssueTracker, case_id: str, key: str) -> IssueRef:
    found = tracker.get(key)
    if found is None:
        raise NotFoundError(f"no issue {key}, or it is not shown to this user", hint=f"file anew: bridge file {case_id} --anew")
    return found


def _candidates(context: Context, tracker: IssueTracker, plan: FilingPlan) -> tuple[Candidate, ...]:
    """Exact signals first (fingerprint, log template, stack, endpoint), then the investigation, then texts as `bridge similar` ranks them."""
    from bridge.workflow.similar import issues_like  # numpy and scipy: only where an issue is looked for

    texts, ranked = issues_like(context, plan.case_id, (*plan.signals, plan.marker), _LOOKED_AT)
    states = tracker.states([texts[item.id].ref.id for item in ranked])
    found: list[tuple[int, Candidate]] = []
    for item in ranked:
        text = texts[item.id]
        state = states.get(text.ref.id)
        if state is None:
            continue  # deleted since, or hidden
        why, rank = _reason(plan, set(text.labels), item.why)
        exact = state.category != "done" and (rank == _TEMPLATE or "the same stack frames" in why)
        found.append((rank, Candidate(issue=state, why=why, exact=exact)))
    return tuple(candidate for _, candidate in sorted(found, key=lambda item: item[0]))


_TEMPLATE = 1


def _reason(plan: FilingPlan, labels: set[str], why: str) -> tuple[str, int]:
    """Return why an issue may be the same, and its place: labels that both have are as exact as what its text shares."""
    shared = labels & set(plan.signals)
    if plan.marker in labels:
        return "the same fingerprint: it will be joined", 0
    if any(label.startswith(TEMPLATE_SIGNAL) for label in shared) or "the same log template" in why:
        return f"the same new log template; {why}", _TEMPLATE
    if any(label.startswith(ENDPOINT_SIGNAL) for label in shared):
        return f"failures of the same endpoint; {why}", 2
    if why.startswith("the same "):
        return why, 2
    return (f"the same investigation; {why}", 3) if shared else (why, 4)


def file(context: Context, case_id: str, *, recreate: bool = False, join: str = "", anew: bool = False) -> FilingResult:
    """File the case, or join its tickets to the issue `join`; a second call writes nothing.

    Raises what `bridge.filing.file.file_case` raises.
    """
    case = context.cases.load(case_id)
    with closing(Ledger(context.ledger_path, context.clock)) as ledger:
        result = file_case(
            make(context, case, ledger, anew=anew),
            ledger=ledger,
            tracker=context.connections.tracker(),
            tickets=context.connections.tickets(),
            clock=context.clock,
            events=events(context.emit),
            recreate=recreate,
            choice=Choice(join=join),
        )
    context.cases.save(replace(case, state="filed"))
    return result


def filed_state(context: Context, case: Case) -> FiledState:
    """Read the ledger; nothing is sent."""
    if not context.ledger_path.exists():
        return FiledState(word="", issue=None, url=None, lines=())
    with closing(Ledger(context.ledger_path, context.clock)) as ledger:
        known = status(case.id, ledger)
    if known.issue is None and known.maybe_filed_at is None:
        return FiledState(word="", issue=None, url=None, lines=())
    lines = [known.sentence] + ([known.issue.url] if known.issue else [])
    lines += [f"not done: {w.kind} {w.target}: {w.answer}" for w in (*known.refused, *known.unknown)[:_SHOWN_UNDONE]]
    word = "filed" if known.issue else "maybe filed"
    return FiledState(
        word=word, issue=known.issue.key if known.issue else None, url=known.issue.url if known.issue else None, lines=tuple(lines)
    )


def make(context: Context, case: Case, ledger: Ledger, *, anew: bool = False) -> FilingPlan:
    """Return what filing this case writes; with `anew` beside an issue that has the same fingerprint."""
    folder = context.cases.folder(case.id)
    tracker = context.workspace.tracker_config()
    known = ledger.filing_of(case.id)
    analysis = context.cases.load_analysis(case.id)
    settings = read_settings(tracker.values, context.workspace.filing, where=tracker.where)
    adf = str(tracker.values.get("api", 2)) == "3"
    fingerprint = known.fingerprint if known else None
    if fingerprint is None and anew:
        fingerprint = digest([fingerprint_of(case, analysis, settings.project), "anew", case.id])
    return make_plan(
        case=case,
        analysis=analysis,
        summary=title(folder),
        description=_read(folder, "report.adf.json" if adf else "report.wiki", case.id),
        attachments=_attachments(folder),
        settings=settings,
        site=context.connections.tickets().site,
        fingerprint=fingerprint,
        redact=(mask := _mask(context, case, analysis)).subject,
        words=mask.words,
        withheld=_REVENUE if "revenue" in mask.policy.leave_out else frozenset(),
        markup="adf" if adf else "wiki",
    )


def _mask(context: Context, case: Case, analysis: Analysis | None) -> Mask:
    """Return what goes over customers' words, notes and comments on their way out: the same policy as the report's."""
    privacy = context.workspace.privacy
    return case_mask(case.tickets, privacy.policy(privacy.tracker, case_id=case.id), analysis)


def _masked(folder: Path) -> str:
    """Say what was masked in the report, for a dry run."""
    facts = json.loads(_read(folder, "filing.json", folder.name))
    if "masked" not in facts:
        return "masked: not known (the report is of an older version)"
    counts = ", ".join(f"{number} {kind}" for kind, number in facts["masked"].items()) or "nothing to mask"
    return f"masked for {facts['destination']}: {counts}"


def _read(folder: Path, name: str, case_id: str) -> str:
    path = folder / "report" / name
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFoundError(f"{case_id} has no report yet", where=str(path), hint=f"make it: bridge report {case_id}") from error


def title(folder: Path) -> str:
    """Return the report's title; a report that failed a gate is not filed (GateError)."""
    facts = json.loads(_read(folder, "filing.json", folder.name))
    gates = tuple(Problem(**gate) for gate in facts["gates"])
    if gates:
        raise GateError(
            f"the report of {folder.name} fails {len(gates)} gate{'s' if len(gates) > 1 else ''}",
            where=str(folder / "report"),
            hint="see docs/reports.md",
            problems=gates,
        )
    return str(facts["title"])


def _attachments(folder: Path) -> list[Path]:
    """Everything in attachments/: what is there goes to the tracker, nothing else does."""
    there = folder / "attachments"
    return sorted(p for p in there.iterdir() if p.is_file() and not p.name.startswith(".")) if there.is_dir() else []


def events(emit: Callable[[Event], None]) -> Callable[[FilingEvent], None]:
    """Turn the filing room's progress into the workflow's."""

    def pass_on(event: FilingEvent) -> None:
        number = f" {event.number} of {event.of}" if event.of else ""
        if event.state in {"started", "waiting"}:
            emit(StepStarted(source=event.step, what=f"{event.target}{number} {event.detail}".strip()))
        elif event.state in {"failed", "unknown"}:
            emit(Warned(message=f"{event.step} {event.target}: {event.detail or event.state}"))
        elif event.state == "done" and event.step in {"issue", "attachment"}:
            emit(StepDone(source=event.step, what=event.target, detail=event.detail))

    return pass_on
