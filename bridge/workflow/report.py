"""From findings to the report: Markdown, Jira wiki markup, HTML, pictures and attachments in the case folder."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bridge import __version__
from bridge.disk import write_bytes, write_text
from bridge.errors import NotFoundError, Problem
from bridge.model.change import Change
from bridge.model.investigation import Investigation
from bridge.model.privacy import Destination, Policy
from bridge.reporting import pixels
from bridge.reporting.build import Report, build
from bridge.reporting.facts import ReportFacts
from bridge.reporting.gates import problems
from bridge.reporting.score import MINIMUM, Score, score
from bridge.reporting.template import template_info
from bridge.workflow import figures, said
from bridge.workflow.codec import to_json
from bridge.workflow.events import StepDone, StepStarted, Warned
from bridge.workflow.evidence_store import EvidenceStore
from bridge.workflow.reproduction_store import ATTACHED, load_verdict
from bridge.workflow.reproduction_store import FOLDER as REPRODUCTION
from bridge.workflow.templates import policy as template_policy

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.model.case import Case
    from bridge.model.finding import Analysis
    from bridge.workflow.context import Context


_ATTACHED: Final = ("affected.csv", "method.json", "report.html", "timeline.svg", "hours.svg", "timeline.png", "hours.png", *ATTACHED)
"""What earlier versions attached, which kept no list of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A rendered report and where it lies."""

    case: Case
    title: str
    files: tuple[Path, ...]
    """report.md, report.html, report.wiki, report.adf.json, filing.json (title and failed gates), then pictures and attachments."""
    score: Score
    gates: tuple[Problem, ...]
    """What forbids filing it."""
    overridden: tuple[Problem, ...]
    """What a person has let pass, with a reason in the audit."""
    destination: Destination


def make_report(context: Context, case_id: str, *, template: str | None = None, destination: Destination | None = None) -> Reported:
    """Render the case's report. The same case gives the same bytes.

    What is written for the tracker's readers lies in report/, where filing finds it; a report for others, by
    `destination` or by its template, lies in report/for-<destination>/ and is never filed.
    """
    case = context.cases.load(case_id)
    investigation = _investigation(context, case)
    folder = context.cases.folder(case_id)
    started = time.monotonic()
    context.emit(StepStarted(source="report", what="rendering"))
    made = render(context, case, investigation, template=template, destination=destination)
    filed = made.facts.policy.destination == context.workspace.privacy.tracker
    open_gates, passed = said.let_pass(folder, made.gates) if filed else (made.gates, ())
    files = _write(folder, made, open_gates, passed, filed=filed)
    for problem in open_gates if filed else ():
        context.emit(Warned(message=f"the report can't be filed like this ({problem.where}): {problem.message}"))
    if filed:
        case = replace(case, state="reported" if case.state in {"open", "investigated"} else case.state)
        context.cases.save(case)
    context.emit(StepDone(source="report", what="rendered", detail=f"{len(files)} files", seconds=time.monotonic() - started))
    return Reported(
        case=case,
        title=made.report.title,
        files=files,
        score=made.score,
        gates=open_gates,
        overridden=passed,
        destination=made.facts.policy.destination,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A report before it is written."""

    facts: ReportFacts
    report: Report
    score: Score
    gates: tuple[Problem, ...]
    more: Mapping[str, bytes]
    """Further attachments: the reproduction's files."""


def render(
    context: Context,
    case: Case,
    investigation: Investigation | None = None,
    *,
    template: str | None = None,
    destination: Destination | None = None,
    policy: Policy | None = None,
) -> Rendered:
    """Render and judge a report; nothing is written. `policy` stands in for the destination's own."""
    investigation = investigation or _investigation(context, case)
    analysis = context.cases.load_analysis(case.id)
    found = template_info(template or investigation.report, context.workspace.root / "templates")
    privacy = context.workspace.privacy
    chosen = template_policy(found, policy or privacy.policy(destination or found.destination or privacy.tracker, case_id=case.id))
    given = facts(context, case, analysis, investigation, policy=chosen)
    report = build(given, found.path)
    points = score(given, report)
    least = float(context.workspace.filing.get("minimum_score", MINIMUM))
    more = _further(context, case.id, chosen)
    gates = [*problems(report, more)]
    if chosen.destination == privacy.tracker:
        store = EvidenceStore(context.cases.folder(case.id))
        gates += [*figures.problems(store, case, investigation, analysis), *_too_little(points, least, case.id)]
    return Rendered(facts=given, report=report, score=points, gates=tuple(gates), more=more)


def _too_little(points: Score, least: float, case_id: str) -> Iterator[Problem]:
    if points.percent < least:
        most = "; ".join(f"{part.what} ({part.points:g})" for part in points.missing[:3])
        yield Problem(
            message=f"{points.sentence()}, at least {least:g} % are asked for (filing.minimum_score)",
            where="score",
            hint=f"most is missing of: {most}; all: bridge report score {case_id}",
        )


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


def facts(context: Context, case: Case, analysis: Analysis, investigation: Investigation, *, policy: Policy | None = None) -> ReportFacts:
    """Gather everything that a report is made of; the policy is the tracker's unless one is given."""
    folder = context.cases.folder(case.id)
    store = EvidenceStore(folder)
    alike = said.alike(folder)
    chosen = policy or context.workspace.privacy.policy(context.workspace.privacy.tracker, case_id=case.id)
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
        policy=chosen,
        failures=_failures(store, analysis, investigation),
        changes=_changes(store, investigation, case),
        attachments=tuple(_further(context, case.id, chosen)),
        reproduction=load_verdict(context, case.id),
        available=_available(context, investigation),
        seen=None if analysis.onset else figures.seen(store, analysis),
        alike=alike.candidates if alike else None,
        searched=alike.searched if alike else "",
        promise=said.promise(folder),
    )


def _available(context: Context, investigation: Investigation) -> frozenset[str]:
    """Return the sources that are there at all: the ceiling of the score."""
    there = {
        "target": bool(context.workspace.reproduction.get("targets")),
        "accounts": investigation.cohort is not None,
        "changes": any(getattr(item, "view", None) == "changes" for item in investigation.evidence),
    }
    return frozenset(name for name, is_there in there.items() if is_there)


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
    import pyarrow as pa
    import pyarrow.compute as pc

    _, table = store.table(investigation.cohort.source)
    table = table.select(["at", "account_id"]).filter(pc.fill_null(pc.cast(table["failed"], pa.bool_()), False))
    affected = {account.account_id for account in analysis.cohort.affected}
    return tuple(
        sorted(at for at, account in zip(table["at"].to_pylist(), table["account_id"].to_pylist(), strict=True) if account in affected)
    )


def _changes(store: EvidenceStore, investigation: Investigation, case: Case) -> tuple[Change, ...]:
    """Return the changes of the case's window from the standard view, if the investigation reads it."""
    name = next((e.name for e in investigation.evidence if getattr(e, "view", None) == "changes"), None)
    if name is None:
        return ()
    _, table = store.table(name)
    rows = [Change(at=row["at"], kind=row["kind"], name=row["name"], version=row["version"]) for row in table.to_pylist()]
    return tuple(sorted((c for c in rows if case.window.contains(c.at)), key=lambda c: (c.at, c.kind, c.name)))


def _further(context: Context, case_id: str, policy: Policy) -> dict[str, bytes]:
    return {} if "reproduction_files" in policy.leave_out else reproduction_files(context, case_id)


def _write(folder: Path, made: Rendered, gates: Sequence[Problem], passed: Sequence[Problem], *, filed: bool) -> tuple[Path, ...]:
    """Write the files; a report that is not filed lies beside, and nothing of it goes among what is filed."""
    built = made.report
    part = "report" if filed else f"report/for-{built.destination}"
    texts = {"report.md": built.markdown, "report.html": built.html, "report.wiki": built.wiki, "report.adf.json": built.adf}
    pictures = {pixels.name(chart): pixels.png(chart) for chart in built.drawn}
    attached = {**built.attachments, **made.more, **pictures}
    if filed:
        _forget(folder, attached)
        texts["filing.json"] = to_json(
            {
                "title": built.title,
                "gates": [p._asdict() for p in gates],
                "overridden": [p._asdict() for p in passed],
                "score": {"points": made.score.points, "ceiling": made.score.ceiling, "percent": made.score.percent},
                "destination": built.destination,
                "masked": built.masked,
                "attachments": sorted(attached),
            }
        )
    files: list[Path] = []
    for name, text in texts.items():
        write_text(folder / part / name, text)
        files.append(folder / part / name)
    for place, contents in ((f"{part}/pictures", built.pictures), ("attachments" if filed else f"{part}/attachments", attached)):
        for name, data in sorted(contents.items()):
            write_bytes(folder / place / name, data)
            files.append(folder / place / name)
    return tuple(files)


def _forget(folder: Path, keep: Mapping[str, bytes]) -> None:
    """Take away what an earlier report attached and this one leaves out: everything in attachments/ goes to the tracker."""
    path = folder / "report" / "filing.json"
    try:
        names = json.loads(path.read_text(encoding="utf-8")).get("attachments", _ATTACHED)
    except (FileNotFoundError, ValueError, AttributeError):
        names = _ATTACHED
    for name in {str(name) for name in names} - set(keep):
        (folder / "attachments" / Path(name).name).unlink(missing_ok=True)
