"""Issues that may be about a case's defect: from the tracker's search and the workspace's known issues."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bridge.errors import InputError, NotFoundError, RetryLaterError
from bridge.filing.plan import fingerprint_of, signals_of
from bridge.reporting.facts import Alike
from bridge.text.similarity.index import build
from bridge.text.similarity.issue import Issue, issue, read
from bridge.text.similarity.rank import Candidate, candidates
from bridge.text.similarity.signals import signals
from bridge.workflow import said
from bridge.workflow.events import StepDone, StepStarted, Warned
from bridge.workflow.filing import filed_state

if TYPE_CHECKING:
    from bridge.model.filing import IssueText
    from bridge.workflow.context import Context

KNOWN: Final = "known-issues.jsonl"
"""In the workspace: JSON lines {"id", "created", "title", "body"} of issues that the tracker's search does not give."""
_ASKED = 200
_NOT_SEARCHED: Final = "not the tracker"
_KEPT = 5
"""Candidates that the report tells of."""
_SECTION: Final = re.compile(r"(?ms)^## Similar issues\n.*?(?=^## |\Z)")
"""What an earlier look wrote into the report: it must not find itself."""
_WORDS = 12
_ROUTE = 4
"""Words of endpoints that are asked for."""
_LONGEST = 200_000
CASE: Final = re.compile(r"[A-Z][A-Z0-9]*-\d{4,}")
_WORD: Final = re.compile(r"[^\W\d_][^\W_]{3,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Similar:
    """What was looked for, where, and what came out."""

    query: Issue
    candidates: tuple[Candidate, ...]
    searched: tuple[str, ...]
    """Where it was looked, with numbers; what could not be asked says so."""


def similar(context: Context, what: str, limit: int, *, known: str | None = None) -> Similar:
    """Rank tracker issues and known issues for a case or a text file, without the case's own issue; an unreachable tracker is told, not hidden."""
    query, labels = _of_case(context, what) if CASE.fullmatch(what) else (_of_file(Path(what)), ())
    found: dict[str, Issue] = {}
    searched: list[str] = []
    path = Path(known) if known else context.workspace.root / KNOWN
    if known or path.is_file():
        try:
            with path.open("rb") as lines:
                found |= {item.id: item for item in read(lines, where=str(path))}
        except OSError as error:
            raise InputError(f"{path} can't be read: {error.strerror}", hint="JSON lines of known issues") from error
        searched.append(f"{len(found):,} known issue(s) in {path.name}")
    if context.workspace.tracker is not None:
        searched.append(_from_tracker(context, query, labels, found))
    own = filed_state(context, context.cases.load(what)).issue if labels else None
    if own and found.pop(own, None):
        searched.append(f"{own} is the case's own issue")
    if not searched:
        raise InputError("there is nothing to search: no tracker and no known issues", hint=f"add a tracker to bridge.yaml, or {KNOWN}")
    ranked = candidates(build(list(found.values())), query, limit)
    if labels and not any(place.startswith(_NOT_SEARCHED) for place in searched):
        kept = tuple(Alike(id=item.id, title=item.title, verdict=item.verdict, why=item.why, score=item.score) for item in ranked[:_KEPT])
        said.keep_alike(context.cases.folder(what), said.Looked(candidates=kept, searched="; ".join(searched)))
    return Similar(query=query, candidates=tuple(ranked), searched=tuple(searched))


def _of_case(context: Context, case_id: str) -> tuple[Issue, tuple[str, ...]]:
    """Return the case's report as a query; before there is one, the subjects of its tickets and what is new in the logs."""
    case = context.cases.load(case_id)
    try:
        analysis = context.cases.load_analysis(case_id)
    except NotFoundError:
        analysis = None
    project = str(context.workspace.tracker.values.get("project", "")) if context.workspace.tracker else ""
    labels = (f"bridge-{fingerprint_of(case, analysis, project)[:20]}", *signals_of(case, analysis))
    folder = context.cases.folder(case_id) / "report"
    try:
        title = str(json.loads((folder / "filing.json").read_text(encoding="utf-8"))["title"])
        body = _SECTION.sub("", (folder / "report.md").read_text(encoding="utf-8"))
    except FileNotFoundError:
        title = case.tickets[0].subject if case.tickets else case.investigation
        body = "\n".join([ticket.subject for ticket in case.tickets] + ([item.template for item in analysis.novelties] if analysis else []))
    created = case.created_at.timestamp()
    # First, so that a long report does not push it out of what is compared.
    return Issue(id=case_id, given=case_id, created=created, title=title, body="\n".join((" ".join(labels), body))), labels


def _of_file(path: Path) -> Issue:
    """Read a report: one JSON object as in a corpus, or a text whose first line is the title."""
    try:
        raw = path.read_bytes()[:_LONGEST]
    except OSError as error:
        raise NotFoundError(f"{path} is no case and no file: {error.strerror}", hint="all cases: bridge cases") from error
    if raw.lstrip()[:1] == b"{":
        found = issue(raw)
        if isinstance(found, str):
            raise InputError(f"{path} is no issue: {found}", where=str(path), hint='{"id", "created", "title", "body"}')
        return found
    title, _, body = raw.decode("utf-8", "replace").strip().partition("\n")
    return Issue(id=path.name, given=path.name, created=None, title=title.lstrip("# ").strip(), body=body)


def _from_tracker(context: Context, query: Issue, labels: Sequence[str], found: dict[str, Issue]) -> str:
    project = str(context.workspace.tracker_config().values.get("project", ""))
    try:
        issues = _asked(context, query, labels)
    except RetryLaterError as error:
        context.emit(Warned(message=f"the tracker was not searched: {error.message}"))
        return f"{_NOT_SEARCHED}: {error.message}"
    found |= {item.ref.key: _issue(item) for item in issues}
    context.emit(StepDone(source="tracker", what="searched", detail=f"{len(issues)} issues", seconds=0.0))
    more = f", the newest {_ASKED} only" if len(issues) >= _ASKED else ""
    return f"{len(issues):,} issue(s) of {project} that share a label or a word{more}"


def issues_like(context: Context, case_id: str, labels: Sequence[str], limit: int) -> tuple[dict[str, IssueText], list[Candidate]]:
    """Return tracker issues by key, and the ranking of those that are like a case; raises what the tracker raises."""
    query, _ = _of_case(context, case_id)
    issues = {item.ref.key: item for item in _asked(context, query, labels)}
    return issues, candidates(build([_issue(item) for item in issues.values()]), query, limit)


def _asked(context: Context, query: Issue, labels: Sequence[str]) -> Sequence[IssueText]:
    context.emit(StepStarted(source="tracker", what="searching"))
    project = str(context.workspace.tracker_config().values.get("project", ""))
    tracker = context.connections.tracker()
    # Labels by themselves: among the newest issues with a common word, an old one with the same label would be missing.
    exact = tracker.texts(project, labels, (), limit=_ASKED) if labels else ()
    return tuple({item.ref.key: item for item in (*exact, *tracker.texts(project, (), _words(query), limit=_ASKED))}.values())


def _issue(item: IssueText) -> Issue:
    created = item.created_at.timestamp() if item.created_at else None
    return Issue(id=item.ref.key, given=item.ref.key, created=created, title=item.title, body="\n".join((" ".join(item.labels), item.body)))


def _words(query: Issue) -> list[str]:
    """Return the words to ask for: those of failing endpoints, the title's, then the body's most frequent."""
    often = Counter(_WORD.findall(query.body))
    routes = [word for kind, shown in signals(query.body).items() if kind.startswith("endpoint:") for word in _WORD.findall(shown)]
    return list(dict.fromkeys([*routes[:_ROUTE], *_WORD.findall(query.title), *(word for word, _ in often.most_common(_WORDS))]))[:_WORDS]
