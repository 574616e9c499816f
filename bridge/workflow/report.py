"""From findings to the report: Markdown, Jira wiki markup, HTML, pictures and attachments in the case folder."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bridge import __version__
from bridge.errors import NotFoundError, Problem
from bridge.model.change import Change
from bridge.model.investigation import Investigation
from bridge.reporting.build import Report, build, find_template
from bridge.reporting.facts import ReportFacts
from bridge.reporting.gates import problems
from bridge.workflow.codec import to_json, write_bytes, write_text
from bridge.workflow.events import StepDone, StepStarted, Warned
from bridge.workflow.evidence_store import EvidenceStore
from bridge.workflow.reproduction_store import ATTACHED, load_verdict
from bridge.workflow.reproduction_store import FOLDER as REPRODUCTION

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.model.case import Case
    from bridge.model.finding import Analysis
    from bridge.workflow.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A rendered report and where it lies."""

    case: Case
    title: str
    files: tuple[Path, ...]
    """report.md, report.html, report.wiki, report.adf.json, filing.json (title and failed gates), then pictures and attachments."""


def make_report(context: Context, case_id: str, *, template: str | None = None) -> Reported:
    """Render the case's report. The same case gives the same bytes."""
    case = context.cases.load(case_id)
    analysis = context.cases.load_analysis(case_id)
    investigation = _investigation(context, case)
    folder = context.cases.folder(case_id)
    started = time.monotonic()
    context.emit(StepStarted(source="report", what="rendering"))
    built = build(
        facts(context, case, analysis, investigation), find_template(template or investigation.report, context.workspace.root / "templates")
    )
    gates = problems(built)
    files = _write(folder, built, gates, reproduction_files(context, case_id))
    for problem in gates:
        context.emit(Warned(message=f"the report can't be filed like this ({problem.where}): {problem.message}"))
    case = replace(case, state="reported" if case.state in {"open", "investigated"} else case.state)
    context.cases.save(case)
    context.emit(StepDone(source="report", what="rendered", detail=f"{len(files)} files", seconds=time.monotonic() - started))
    return Reported(case=case, title=built.title, files=files)


def _investigation(context: Context, case: Case) -> Investigation:
    """Return the investigation as it is now; a changed text is told, because the case's numbers came from the old one."""
    investigation = context.catalog.get(case.investigation)
    if investigation.digest != case.investigation_digest:
        raise NotFoundError(
            f"investigation '{case.investigation}' has changed since {case.id} was investigated",
            where=investigation.folder,
            hint=f"investigate again: bridge investigate {' '.join(case.requested)} --with {case.investigation}",
        )
    return investigation


def facts(context: Context, case: Case, analysis: Analysis, investigation: Investigation) -> ReportFacts:
    """Gather everything that a report is made of."""
    store = EvidenceStore(context.cases.folder(case.id))
    evidence = tuple(store.provenances())
    return ReportFacts(
        case=case,
        investigation=investigation,
        analysis=analysis,
        evidence=evidence,
        currency=context.workspace.currency,
        # When the figures were taken, not when they were rendered: rendering again gives the same bytes.
        created_at=max((p.started_at for p in evidence), default=case.created_at),
        bridge_version=__version__,
        policy=context.workspace.privacy.policy(context.workspace.privacy.tracker, case_id=case.id),
        failures=_failures(store, analysis, investigation),
        changes=_changes(store, investigation, case),
        attachments=tuple(reproduction_files(context, case.id)),
        reproduction=load_verdict(context, case.id),
    )


def reproduction_files(context: Context, case_id: str) -> dict[str, bytes]:
    """Return the reproduction's files that go to the tracker, by name; none when the last try did not reproduce it."""
    verdict = load_verdict(context, case_id)
    if verdict is None or not verdict.files:
        return {}
    paths = (context.cases.folder(case_id) / REPRODUCTION / name for name in ATTACHED)
    return {path.name: path.read_bytes() for path in paths if path.is_file()}


def _failures(store: EvidenceStore, analysis: Analysis, investigation: Investigation) -> tuple[datetime, ...]:
    """Return the times of the affected accounts' failing events."""
    if analysis.cohort is None or investigation.cohort is None:
        return ()
    _, table = store.table(investigation.cohort.source)
    affected = {account.account_id for account in analysis.cohort.affected}
    columns = zip(table["at"].to_pylist(), table["account_id"].to_pylist(), table["failed"].to_pylist(), strict=True)
    return tuple(sorted(at for at, account, failed in columns if failed and account in affected))


def _changes(store: EvidenceStore, investigation: Investigation, case: Case) -> tuple[Change, ...]:
    """Return the changes of the case's window from the standard view, if the investigation reads it."""
    name = next((e.name for e in investigation.evidence if getattr(e, "view", None) == "changes"), None)
    if name is None:
        return ()
    _, table = store.table(name)
    rows = [Change(at=row["at"], kind=row["kind"], name=row["name"], version=row["version"]) for row in table.to_pylist()]
    return tuple(sorted((c for c in rows if case.window.contains(c.at)), key=lambda c: (c.at, c.kind, c.name)))


def _write(folder: Path, built: Report, gates: Sequence[Problem], more: Mapping[str, bytes]) -> tuple[Path, ...]:
    texts = {
        "report.md": built.markdown,
        "report.html": built.html,
        "report.wiki": built.wiki,
        "report.adf.json": built.adf,
        "filing.json": to_json(
            {"title": built.title, "gates": [p._asdict() for p in gates], "destination": built.destination, "masked": built.masked}
        ),
    }
    files: list[Path] = []
    for name, text in texts.items():
        write_text(folder / "report" / name, text)
        files.append(folder / "report" / name)
    for part, contents in (("report/pictures", built.pictures), ("attachments", {**built.attachments, **more})):
        for name, data in sorted(contents.items()):
            write_bytes(folder / part / name, data)
            files.append(folder / part / name)
    return tuple(files)
