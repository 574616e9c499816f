"""Collect evidence: run each query and log selection of an investigation, keep rows with provenance.

What is in the case already (same source, same text, same values, intact rows) is not asked again: a run that
was stopped continues where it stopped, and production is not queried twice.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from bridge.catalog.queries import bound
from bridge.catalog.standard_views import missing_columns
from bridge.errors import InputError, NotFoundError, Problem, TimedOutError
from bridge.logs.store import events_schema
from bridge.model.case import Case
from bridge.model.evidence import Outcome, Provenance, Scalar
from bridge.model.investigation import Evidence, Investigation, LogEvidence, SqlEvidence
from bridge.model.window import Window
from bridge.ports import Limits, LogRequest, LogResult, Span
from bridge.sql.parameters import Value
from bridge.workflow import audit, joined, log_templates, personal
from bridge.workflow.codec import iso
from bridge.workflow.context import Context
from bridge.workflow.events import StepDone, StepStarted, Warned
from bridge.workflow.evidence_store import EvidenceStore, inputs_digest, parquet_bytes
from bridge.workflow.side_by_side import Answer, Question, asked

if TYPE_CHECKING:
    from concurrent.futures import Future

    import pyarrow as pa

_MOST_SPANS = 5_000
"""Failing events whose surroundings are read from the logs; the latest win. Enough for every exemplar, and bounded."""
_MOST_LINES = 1_000_000
"""Log events that one piece of evidence holds: each has its whole message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """All tables of an investigation, by their names in it."""

    tables: Mapping[str, pa.Table]
    """As findings may see them: personal values masked, personal attributes left out. The files hold the rows as they came."""
    provenances: tuple[Provenance, ...]
    problems: tuple[str, ...]
    templates: Mapping[str, str] = field(default_factory=dict)
    """The text of each template id of the log events."""


def collect(context: Context, case: Case, investigation: Investigation, values: Mapping[str, Value], *, refresh: bool) -> Collected:
    """Collect every piece of evidence: databases side by side, then what joins their rows, then logs, which look around failing rows."""
    store = EvidenceStore(context.cases.folder(case.id))
    run = _Run(context=context, store=store, case=case, investigation=investigation, values=values, refresh=refresh)
    found = _Found(tables={}, provenances={}, problems=[])
    numbered = sorted(enumerate(investigation.evidence, start=1), key=lambda each: _turn(each[1]))
    asks = {spec.name: _ask(run, spec) for _, spec in numbered if isinstance(spec, SqlEvidence) and not spec.joins}
    questions = {name: ask.question for name, ask in asks.items() if ask.kept is None}
    settings = context.workspace.limits
    limits = Limits(rows=settings.rows, seconds=settings.seconds, bytes=settings.bytes, cost=settings.cost)
    answers: Mapping[str, Future[Answer]] = {}
    try:
        with asked(questions, limits, concurrent=settings.concurrent, clock=context.clock) as answers:
            for number, spec in numbered:
                if isinstance(spec, SqlEvidence) and not spec.joins:
                    _sql(run, number, spec, asks[spec.name], answers.get(spec.name), found)
    except BaseException:
        # Ctrl-C, or the error of another query: what ran on a server all the same is in the audit too.
        for number, spec in numbered:
            if isinstance(spec, SqlEvidence) and spec.name in answers:
                _stopped(run, number, spec, asks[spec.name], answers[spec.name])
        raise
    fresh: list[str] = []
    try:
        for number, spec in numbered:
            if isinstance(spec, LogEvidence):
                _from_logs(run, number, spec, found, fresh)
            elif spec.joins:
                _joined(run, number, spec, found)
    finally:
        # Where a later source is away, too: what was read is kept.
        _name_templates(run, found, fresh)
    _cut(run, found)
    ordered = tuple(found.provenances[spec.name] for spec in investigation.evidence)
    shown = personal.for_findings(found.tables, investigation, ordered, context.views)
    return Collected(tables=shown, provenances=ordered, problems=tuple(found.problems), templates=found.templates)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What every step of one collection needs."""

    context: Context
    store: EvidenceStore
    case: Case
    investigation: Investigation
    values: Mapping[str, Value]
    refresh: bool
    audited: set[str] = field(default_factory=set)
    """What has its line in the audit."""

    def started(self, source: str, number: int, name: str) -> None:
        self.context.emit(StepStarted(source=source, what=f"E{number} {name}"))

    def done(self, source: str, provenance: Provenance, *, reused: bool, seconds: float) -> None:
        what = f"{provenance.id} {provenance.name}"
        detail = _detail(provenance, reused=reused)
        self.context.emit(StepDone(source=source, what=what, detail=detail, seconds=None if reused else seconds))

    def audit(self, provenance: Provenance, *, outcome: str = "", message: str = "") -> None:
        """Write one line of the audit."""
        self.audited.add(f"{provenance.id} {provenance.name}")
        audit.write(
            self.context.workspace.root,
            audit.Run(
                at=provenance.started_at,
                case=self.case.id,
                investigation=f"{self.investigation.id} v{self.investigation.version}",
                evidence=f"{provenance.id} {provenance.name}",
                source=provenance.source,
                product=provenance.product,
                query=provenance.query,
                parameters=provenance.parameters,
                took_seconds=provenance.took_seconds,
                outcome=outcome or provenance.outcome,
                rows=None if outcome or provenance.outcome == "timed-out" else provenance.rows,
                digest="" if outcome else provenance.digest,
                message=message,
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What is there so far, by names in the investigation."""

    tables: dict[str, pa.Table]
    """Without those that timed out: an empty table would say that there is nothing."""
    provenances: dict[str, Provenance]
    problems: list[str]
    templates: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ask:
    """A query that is ready, or what is kept of it from a run before."""

    question: Question
    parameters: dict[str, Scalar | list[Scalar]]
    kept: Provenance | None


def _turn(spec: Evidence) -> int:
    """Queries first, then what joins their rows, then logs, which look around failing rows."""
    return 2 if isinstance(spec, LogEvidence) else 1 if spec.joins else 0


def _detail(provenance: Provenance, *, reused: bool) -> str:
    noun = "events" if provenance.dialect == "logs" else "rows"
    if provenance.outcome == "timed-out":
        return "timed out: nothing is known"
    text = f"{provenance.rows:,} {noun}"
    if provenance.truncated:
        text += ", cut at the cap of bytes" if provenance.outcome == "cut-bytes" else ", cut at the cap"
    rejected = provenance.counts.get("rejected", 0)
    if rejected:
        text += f", {rejected:,} lines kept as unreadable"
    return text + (", kept" if reused else "")


def plain(value: object) -> Scalar | list[Scalar]:
    """Return a bound value as JSON holds it: times as ISO 8601 in UTC, decimals as text."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list | tuple):
        return [v for item in value if not isinstance(v := plain(item), list)]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


def _ask(run: _Run, spec: SqlEvidence) -> _Ask:
    context = run.context
    source = context.workspace.database(spec.database).name
    database = context.connections.database(source)
    query = bound(
        spec,
        dialect=database.dialect,
        views=context.views,
        values=run.values,
        declared=[p.name for p in run.investigation.parameters],
        comment=f"bridge {run.investigation.id} v{run.investigation.version} {run.case.id}",
    )
    parameters = {name: plain(value) for name, value in sorted(query.values.items())}
    old = None if run.refresh else run.store.existing(spec.name)
    same = old is not None and inputs_digest(old.source, old.query, old.parameters) == inputs_digest(source, query.text, parameters)
    return _Ask(question=Question(source=source, database=database, query=query), parameters=parameters, kept=old if same else None)


def _sql(run: _Run, number: int, spec: SqlEvidence, ask: _Ask, future: Future[Answer] | None, found: _Found) -> None:
    source = ask.question.source
    run.started(source, number, spec.name)
    if ask.kept is not None or future is None:
        provenance = ask.kept or run.store.table(spec.name)[0]
        found.tables[spec.name] = run.store.read(provenance)
        found.provenances[spec.name] = provenance
        run.done(source, provenance, reused=True, seconds=0)
        return
    answer = future.result()
    if answer.result is None:
        _no_answer(run, number, spec, ask, answer, found)
        return
    _require_columns(spec, answer.result.table)
    table = answer.result.table
    cut = answer.result.cut or ("rows" if answer.result.truncated else "")
    outcome: Outcome = ("cut-bytes" if cut == "bytes" else "cut-rows") if cut else "complete" if table.num_rows else "empty"
    data = parquet_bytes(table)
    provenance = _provenance(number, spec, ask, answer, table.num_rows, data, outcome)
    run.audit(provenance)
    found.provenances[spec.name] = run.store.write(provenance, data)
    found.tables[spec.name] = table
    run.done(source, found.provenances[spec.name], reused=False, seconds=answer.took_seconds)


def _cut(run: _Run, found: _Found) -> None:
    """Say of what was cut that it is not all: an account whose events were left out looks well."""
    rule = run.investigation.cohort
    for name, provenance in found.provenances.items():
        if not provenance.truncated or provenance.dialect == "logs":
            continue
        what = "bytes" if provenance.outcome == "cut-bytes" else "rows"
        means = "who is affected and every count are" if rule is not None and rule.source == name else "what is said of it is"
        problem = (
            f"evidence '{name}' was cut at the cap of {what}: {means} of {provenance.rows:,} rows only, and there are more;"
            f" take a shorter window, or raise limits.{what}"
        )
        found.problems.append(problem)
        run.context.emit(Warned(message=problem))


def _no_answer(run: _Run, number: int, spec: SqlEvidence, ask: _Ask, answer: Answer, found: _Found) -> None:
    """Note how it ended; what the findings can do without stays open, everything else stops the run."""
    timed_out = isinstance(answer.error, TimedOutError)
    data = parquet_bytes(_nothing())
    provenance = _provenance(number, spec, ask, answer, 0, data, "timed-out")
    run.audit(provenance, outcome=audit.ending(answer.error), message=str(answer.error))
    if answer.error is None:
        raise RuntimeError("a query was not asked")
    if not timed_out or spec.name in _needed(run.investigation):
        raise answer.error
    found.provenances[spec.name] = run.store.write(provenance, data)
    problem = (
        f"evidence '{spec.name}' timed out after {answer.took_seconds:.0f} s: nothing is known from it, and the findings do without it"
    )
    found.problems.append(problem)
    run.context.emit(Warned(message=problem))
    run.done(ask.question.source, provenance, reused=False, seconds=answer.took_seconds)


def _stopped(run: _Run, number: int, spec: SqlEvidence, ask: _Ask, future: Future[Answer]) -> None:
    """Note a query that ran and whose rows nobody kept, unless it was noted as what ended the run."""
    if future.cancelled() or not future.done() or f"E{number} {spec.name}" in run.audited:
        return
    answer = future.result()
    if answer.result is None and answer.error is None:
        return  # its turn never came
    provenance = _provenance(number, spec, ask, answer, 0, b"", "timed-out")
    message = str(answer.error) if answer.error else "the run was stopped; its rows were not kept"
    run.audit(provenance, outcome="stopped", message=message)


def _needed(investigation: Investigation) -> set[str]:
    """Return the evidence without which the rest can't be collected or read."""
    needed = {item.around for item in investigation.evidence if isinstance(item, LogEvidence) and item.around}
    needed |= {name for item in investigation.evidence if isinstance(item, SqlEvidence) for name in item.joins}
    if investigation.cohort is not None:
        needed.add(investigation.cohort.source)
    # Without accounts every account would look unaffected or unknown.
    return needed | {item.name for item in investigation.evidence if isinstance(item, SqlEvidence) and item.view == "accounts"}


def _nothing() -> pa.Table:
    import pyarrow as pa

    return pa.table({})


def _provenance(number: int, spec: SqlEvidence, ask: _Ask, answer: Answer, rows: int, data: bytes, outcome: Outcome) -> Provenance:
    return Provenance(
        id=f"E{number}",
        name=spec.name,
        kind=spec.kind,
        source=ask.question.source,
        product=ask.question.database.product,
        dialect=ask.question.database.dialect,
        query=ask.question.query.text,
        parameters=ask.parameters,
        started_at=answer.started_at,
        took_seconds=round(answer.took_seconds, 3),
        rows=rows,
        truncated=outcome in {"cut-rows", "cut-bytes"},
        digest=hashlib.sha256(data).hexdigest(),
        file=f"evidence/{number:02d}-{spec.name}.parquet",
        outcome=outcome,
    )


def _joined(run: _Run, number: int, spec: SqlEvidence, found: _Found) -> None:
    begun = time.monotonic()
    run.started(joined.SOURCE, number, spec.name)
    provenance, table = joined.collect(run.context, run.store, run.case, run.investigation, number, spec, run.values, found.tables)
    found.provenances[spec.name], found.tables[spec.name] = provenance, table
    run.done(joined.SOURCE, provenance, reused=False, seconds=time.monotonic() - begun)


def _from_logs(run: _Run, number: int, spec: LogEvidence, found: _Found, fresh: list[str]) -> None:
    """Read log events; they are written once all of a case are there, see `_name_templates`."""
    begun = time.monotonic()
    run.started(f"{spec.logs} logs", number, spec.name)
    provenance, table, reused, problems = _logs(run.context, run.store, number, spec, run.values, found.tables, refresh=run.refresh)
    found.provenances[spec.name], found.tables[spec.name] = provenance, table
    found.problems.extend(problems)
    for problem in problems:
        run.context.emit(Warned(message=problem))
    if not reused:
        fresh.append(spec.name)
    run.done(f"{spec.logs} logs", provenance, reused=reused, seconds=time.monotonic() - begun)


def _name_templates(run: _Run, found: _Found, fresh: Sequence[str]) -> None:
    """Give the events of all logs their template ids, together, and write them."""
    logs = [(each, found.tables[each.name]) for each in sorted(found.provenances.values(), key=_number) if each.kind == "log-events"]
    if not logs:
        return
    if fresh:
        run.context.emit(StepStarted(source="logs", what="templates"))
    root = run.context.workspace.root
    named = log_templates.name(run.store, root, logs, frozenset(fresh))
    found.tables.update(named.tables)
    found.provenances.update(named.provenances)
    found.templates.update(named.texts)
    for name in fresh:
        run.audit(found.provenances[name])
    for name in named.renamed:
        made = found.provenances[name]
        line = {"at": iso(run.context.clock.now()), "who": audit.who(), "what": "template ids", "case": run.case.id}
        audit.append(root, {**line, "evidence": f"{made.id} {made.name}", "algorithm": made.templates, "digest": made.digest})


def _number(provenance: Provenance) -> int:
    return int(provenance.id.removeprefix("E"))


def _require_columns(spec: SqlEvidence, table: pa.Table) -> None:
    """A view or query that lacks a column the analysis reads is named now, not as a crash later."""
    kind = spec.view if spec.kind == "view" and spec.view else spec.kind
    problems: tuple[Problem, ...] = tuple(missing_columns(kind, table.column_names))
    if problems:
        raise InputError(f"evidence '{spec.name}' lacks columns", where=spec.file, hint="see docs/standard-views.md", problems=problems)


def _window(values: Mapping[str, Value], name: str) -> Window:
    value = values.get(name)
    if not isinstance(value, Window):
        raise InputError(
            f"log evidence needs a parameter '{name}' of type window", hint=f"declare it, or give it: -p {name}='last 14 days'"
        )
    return value


def _spans(spec: LogEvidence, events: pa.Table) -> tuple[tuple[Span, ...], int]:
    """One span a failing event; the second value counts those left out."""
    import pyarrow.compute as pc

    failing = events.filter(pc.fill_null(events["failed"], False)).sort_by([("at", "descending")])
    left_out = max(0, failing.num_rows - _MOST_SPANS)
    failing = failing.slice(0, _MOST_SPANS)
    traces = failing["trace_id"].to_pylist() if "trace_id" in failing.column_names else [None] * failing.num_rows
    spans = [
        Span(
            window=Window(start=at - timedelta(seconds=spec.before_seconds), end=at + timedelta(seconds=max(spec.after_seconds, 1))),
            account_id=account,
            trace_id=trace,
        )
        for at, account, trace in zip(failing["at"].to_pylist(), failing["account_id"].to_pylist(), traces, strict=True)
    ]
    return tuple(spans), left_out


def _logs(
    context: Context,
    store: EvidenceStore,
    number: int,
    spec: LogEvidence,
    values: Mapping[str, Value],
    tables: Mapping[str, pa.Table],
    *,
    refresh: bool,
) -> tuple[Provenance, pa.Table, bool, list[str]]:
    window = _window(values, spec.during)
    spans: tuple[Span, ...] = ()
    problems: list[str] = []
    if spec.around is not None:
        if spec.around not in tables:
            raise NotFoundError(f"log evidence '{spec.name}' looks around '{spec.around}', which was not collected")
        spans, left_out = _spans(spec, tables[spec.around])
        if left_out:
            problems.append(
                f"log evidence '{spec.name}': surroundings of the latest {_MOST_SPANS:,} failing events only, {left_out:,} left out"
            )
    request = LogRequest(
        window=window,
        services=tuple(spec.where.get("service", ())),
        levels=tuple(spec.where.get("level", ())),
        spans=spans,
        limit=min(context.workspace.limits.rows, _MOST_LINES),
    )
    parameters = _describe(request, spec)
    query = _words(spec)
    old = None if refresh else store.existing(spec.name)
    if old is not None and inputs_digest(old.source, old.query, old.parameters) == inputs_digest(spec.logs, query, parameters):
        return old, store.read(old), True, problems
    source = context.connections.logs(spec.logs)
    started_at = context.clock.now()
    begun = time.monotonic()
    if spec.around is not None and not spans:
        # No failing event, nothing to look around: an empty list of spans would mean the whole window.
        result = LogResult(table=events_schema().empty_table(), counts={}, truncated=False)
    else:
        result = source.select(request)
    provenance = Provenance(
        id=f"E{number}",
        name=spec.name,
        kind="log-events",
        source=spec.logs,
        product=source.product,
        dialect="logs",
        query=query,
        parameters=parameters,
        started_at=started_at,
        took_seconds=round(time.monotonic() - begun, 3),
        rows=result.table.num_rows,
        truncated=result.truncated,
        digest="",
        file=f"evidence/{number:02d}-{spec.name}.parquet",
        counts=dict(result.counts),
        outcome="cut-rows" if result.truncated else "complete" if result.table.num_rows else "empty",
    )
    return provenance, result.table, False, problems + list(result.problems)


def _words(spec: LogEvidence) -> str:
    where = " and ".join(f"{column} in ({', '.join(allowed)})" for column, allowed in sorted(spec.where.items()))
    text = f"events of logs '{spec.logs}' in {spec.during}" + (f" where {where}" if where else "")
    if spec.around:
        text += f", from {spec.before_seconds} s before to {spec.after_seconds} s after each failing row of '{spec.around}', same account or trace, or no account"
    return text


def _describe(request: LogRequest, spec: LogEvidence) -> dict[str, Scalar | list[Scalar]]:
    """The values of a log selection; many spans are named by their number and digest."""
    described: dict[str, Scalar | list[Scalar]] = {
        f"{spec.during}_start": iso(request.window.start),
        f"{spec.during}_end": iso(request.window.end),
    }
    if spec.around:
        rows = [[iso(s.window.start), iso(s.window.end), s.account_id, s.trace_id] for s in request.spans]
        described["spans"] = len(rows)
        described["spans_sha256"] = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    return described
