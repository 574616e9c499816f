"""From the report to one filed issue, linked with every ticket; and how far that is, from the ledger alone."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import GateError, NotFoundError, Problem
from bridge.filing.file import FilingResult, file_case
from bridge.filing.ledger import Ledger
from bridge.filing.plan import FilingPlan, describe
from bridge.filing.plan import plan as make_plan
from bridge.filing.run import FilingEvent
from bridge.filing.settings import read_settings
from bridge.filing.status import status
from bridge.model.filing import Check
from bridge.reporting.facts import masked, personal_values
from bridge.workflow.events import Event, StepDone, StepStarted, Warned

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.model.case import Case
    from bridge.workflow.context import Context

_SHOWN_UNDONE = 5


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledState:
    """How far the filing of a case is."""

    word: str
    """filed, maybe filed, or empty."""
    issue: str | None
    url: str | None
    lines: tuple[str, ...]


def plan_filing(context: Context, case_id: str) -> Planned:
    """Decide what would be written, and ask the tracker whether it would take it. Writes nothing."""
    case = context.cases.load(case_id)
    ledger = Ledger(context.ledger_path, context.clock)
    with closing(ledger):
        plan = _plan(context, case, ledger)
        state = status(case_id, ledger)
    context.emit(StepStarted(source="tracker", what="preflight"))
    issues = () if state.issue else context.connections.tracker().preflight(plan.draft, plan.attachments)
    return Planned(
        plan=plan,
        lines=tuple(describe(plan)),
        preflight=tuple(check for check in issues if not check.ok),
        already=state.sentence if state.issue or state.maybe_filed_at else "",
        complete=bool(state.issue) and {t.ticket_id for t in plan.tickets} <= set(state.linked) and not (state.refused or state.unknown),
    )


def file(context: Context, case_id: str, *, recreate: bool = False) -> FilingResult:
    """File the case; a second call writes nothing. Raises what `bridge.filing.file.file_case` raises."""
    case = context.cases.load(case_id)
    ledger = Ledger(context.ledger_path, context.clock)
    with closing(ledger):
        result = file_case(
            _plan(context, case, ledger),
            ledger=ledger,
            tracker=context.connections.tracker(),
            tickets=context.connections.tickets(),
            clock=context.clock,
            events=_events(context.emit),
            recreate=recreate,
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


def _plan(context: Context, case: Case, ledger: Ledger) -> FilingPlan:
    folder = context.cases.folder(case.id)
    tracker = context.workspace.tracker_config()
    known = ledger.filing_of(case.id)
    return make_plan(
        case=case,
        analysis=context.cases.load_analysis(case.id),
        summary=_title(folder),
        description=_read(folder, "report.wiki", case.id),
        attachments=_attachments(folder),
        settings=read_settings(tracker.values, context.workspace.filing, where=tracker.where),
        site=context.connections.tickets().site,
        fingerprint=known.fingerprint if known else None,
        redact=_redact(case),
    )


def _redact(case: Case) -> Callable[[str], str]:
    known = personal_values(case.tickets)
    return lambda text: masked(text, known)


def _read(folder: Path, name: str, case_id: str) -> str:
    path = folder / "report" / name
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFoundError(f"{case_id} has no report yet", where=str(path), hint=f"make it: bridge report {case_id}") from error


def _title(folder: Path) -> str:
    """Return the report's title; a report that failed a gate is not filed."""
    facts = json.loads(_read(folder, "filing.json", folder.name))
    gates = tuple(Problem(**gate) for gate in facts["gates"])
    if gates:
        raise GateError(
            f"the report of {folder.name} fails {len(gates)} gates",
            where=str(folder / "report"),
            hint="see docs/reports.md",
            problems=gates,
        )
    return str(facts["title"])


def _attachments(folder: Path) -> list[Path]:
    """Everything in attachments/: what is there goes to the tracker, nothing else does."""
    there = folder / "attachments"
    return sorted(p for p in there.iterdir() if p.is_file() and not p.name.startswith(".")) if there.is_dir() else []


def _events(emit: Callable[[Event], None]) -> Callable[[FilingEvent], None]:
    def pass_on(event: FilingEvent) -> None:
        number = f" {event.number} of {event.of}" if event.of else ""
        if event.state in {"started", "waiting"}:
            emit(StepStarted(source=event.step, what=f"{event.target}{number} {event.detail}".strip()))
        elif event.state in {"failed", "unknown"}:
            emit(Warned(message=f"{event.step} {event.target}: {event.detail or event.state}"))
        elif event.state == "done" and event.step in {"issue", "attachment"}:
            emit(StepDone(source=event.step, what=event.target, detail=event.detail))

    return pass_on
