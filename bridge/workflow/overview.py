"""What stands where: the list of cases, and one case with what is done and what is next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.errors import NotFoundError
from bridge.model.case import Case
from bridge.model.evidence import Provenance
from bridge.model.finding import Analysis
from bridge.workflow.evidence_store import EvidenceStore
from bridge.workflow.filing import FiledState, filed_state

if TYPE_CHECKING:
    from bridge.workflow.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One case as `bridge show` tells it."""

    case: Case
    folder: str
    analysis: Analysis | None
    evidence: tuple[Provenance, ...]
    reports: tuple[str, ...]
    filed: FiledState
    next: str
    """The command that continues it."""


def rows(context: Context) -> list[dict[str, Any]]:
    """Return one row a case, newest first."""
    found = []
    for case in reversed(context.cases.all()):
        analysis = _analysis(context, case.id)
        cohort = analysis.cohort if analysis else None
        state = filed_state(context, case)
        found.append(
            {
                "id": case.id,
                "state": state.word or case.state,
                "created": f"{case.created_at:%Y-%m-%d %H:%M} UTC",
                "investigation": case.investigation,
                "tickets": len(case.tickets),
                "accounts": len(cohort.affected) if cohort else None,
                "issue": state.issue,
            }
        )
    return found


def overview(context: Context, case_id: str) -> Overview:
    """Return everything that `bridge show` prints."""
    case = context.cases.load(case_id)
    folder = context.cases.folder(case_id)
    analysis = _analysis(context, case_id)
    report = folder / "report"
    return Overview(
        case=case,
        folder=str(folder),
        analysis=analysis,
        evidence=tuple(EvidenceStore(folder).provenances()),
        reports=tuple(sorted(str(p.relative_to(folder)) for p in report.rglob("*") if p.is_file())) if report.is_dir() else (),
        filed=filed_state(context, case),
        next=_next(case, analysis),
    )


def _analysis(context: Context, case_id: str) -> Analysis | None:
    try:
        return context.cases.load_analysis(case_id)
    except NotFoundError:
        return None


def _next(case: Case, analysis: Analysis | None) -> str:
    if analysis is None:
        return f"bridge investigate {' '.join(case.requested)} --with {case.investigation}"
    return {"investigated": f"bridge report {case.id}", "reported": f"bridge file {case.id} --dry-run", "filed": "bridge cases"}.get(
        case.state, f"bridge report {case.id}"
    )
