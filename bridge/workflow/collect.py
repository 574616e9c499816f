"""Collect evidence: run each query and log selection of an investigation, keep rows with provenance.

What is in the case already (same source, same text, same values, intact rows) is not asked again: a run that
was stopped continues where it stopped, and production is not queried twice.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from bridge.catalog.queries import bound
from bridge.catalog.standard_views import missing_columns
from bridge.errors import InputError, NotFoundError, Problem
from bridge.logs.store import events_schema
from bridge.model.case import Case
from bridge.model.evidence import Provenance, Scalar
from bridge.model.investigation import Evidence, Investigation, LogEvidence, SqlEvidence
from bridge.model.window import Window
from bridge.ports import Limits, LogRequest, LogResult, Span
from bridge.sql.parameters import Value
from bridge.workflow import joined, personal
from bridge.workflow.codec import iso
from bridge.workflow.context import Context
from bridge.workflow.events import StepDone, StepStarted, Warned
from bridge.workflow.evidence_store import EvidenceStore, inputs_digest, parquet_bytes, sorted_rows

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_SPANS = 5_000
"""Failing events whose surroundings are read from the logs; the latest win. Enough for every exemplar, and bounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """All tables of an investigation, by their names in it."""

    tables: Mapping[str, pa.Table]
    """As findings may see them: personal values masked, personal attributes left out. The files hold the rows as they came."""
    provenances: tuple[Provenance, ...]
    problems: tuple[str, ...]


def collect(context: Context, case: Case, investigation: Investigation, values: Mapping[str, Value], *, refresh: bool) -> Collected:
    """Collect every piece of evidence, SQL first, because log selections look around its failing events."""
    store = EvidenceStore(context.cases.folder(case.id))
    tables: dict[str, pa.Table] = {}
    provenances: dict[str, Provenance] = {}
    problems: list[str] = []
    numbered = list(enumerate(investigation.evidence, start=1))
    for number, spec in sorted(numbered, key=lambda each: _turn(each[1])):
        started = time.monotonic()
        reused = False
        if isinstance(spec, SqlEvidence) and spec.joins:
            source = joined.SOURCE
            context.emit(StepStarted(source=source, what=f"E{number} {spec.name}"))
            provenance, table = joined.collect(context, store, case, investigation, number, spec, values, tables)
        elif isinstance(spec, SqlEvidence):
            source = context.workspace.database(spec.database).name
            context.emit(StepStarted(source=source, what=f"E{number} {spec.name}"))
            provenance, table, reused = _sql(context, store, case, investigation, number, spec, values, refresh=refresh)
        else:
            source = spec.logs
            context.emit(StepStarted(source=f"{source} logs", what=f"E{number} {spec.name}"))
            provenance, table, reused, found = _logs(context, store, number, spec, values, tables, refresh=refresh)
            source = f"{source} logs"
            problems += found
            for problem in found:
                context.emit(Warned(message=problem))
        tables[spec.name] = table
        provenances[spec.name] = provenance
        context.emit(
            StepDone(
                source=source,
                what=f"E{number} {spec.name}",
                detail=_detail(provenance, reused=reused),
                seconds=None if reused else time.monotonic() - started,
            )
        )
    ordered = tuple(provenances[spec.name] for spec in investigation.evidence)
    return Collected(
        tables=personal.for_findings(tables, investigation, ordered, context.views), provenances=ordered, problems=tuple(problems)
    )


def _turn(spec: Evidence) -> int:
    """Queries first, then what joins their rows, then logs, which look around failing rows."""
    return 2 if isinstance(spec, LogEvidence) else 1 if spec.joins else 0


def _detail(provenance: Provenance, *, reused: bool) -> str:
    noun = "events" if provenance.dialect == "logs" else "rows"
    text = f"{provenance.rows:,} {noun}"
    if provenance.truncated:
        text += ", cut at the cap"
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


def _sql(
    context: Context,
    store: EvidenceStore,
    case: Case,
    investigation: Investigation,
    number: int,
    spec: SqlEvidence,
    values: Mapping[str, Value],
    *,
    refresh: bool,
) -> tuple[Provenance, pa.Table, bool]:
    source = context.workspace.database(spec.database).name
    database = context.connections.database(source)
    query = bound(
        spec,
        dialect=database.dialect,
        views=context.views,
        values=values,
        declared=[p.name for p in investigation.parameters],
        comment=f"bridge {investigation.id} v{investigation.version} {case.id}",
    )
    parameters = {name: plain(value) for name, value in sorted(query.values.items())}
    old = None if refresh else store.existing(spec.name)
    if old is not None and inputs_digest(old.source, old.query, old.parameters) == inputs_digest(source, query.text, parameters):
        return old, store.read(old), True
    started_at = context.clock.now()
    begun = time.monotonic()
    result = database.run(query, Limits(rows=context.workspace.limits.rows, seconds=context.workspace.limits.seconds))
    took = time.monotonic() - begun
    _require_columns(spec, result.table)
    table = sorted_rows(result.table)
    data = parquet_bytes(table)
    provenance = Provenance(
        id=f"E{number}",
        name=spec.name,
        kind=spec.kind,
        source=source,
        product=database.product,
        dialect=database.dialect,
        query=query.text,
        parameters=parameters,
        started_at=started_at,
        took_seconds=round(took, 3),
        rows=table.num_rows,
        truncated=result.truncated,
        digest=hashlib.sha256(data).hexdigest(),
        file=f"evidence/{number:02d}-{spec.name}.parquet",
    )
    return store.write(provenance, data), table, False


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
        limit=context.workspace.limits.rows,
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
    data = parquet_bytes(result.table)
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
        digest=hashlib.sha256(data).hexdigest(),
        file=f"evidence/{number:02d}-{spec.name}.parquet",
        counts=dict(result.counts),
    )
    return store.write(provenance, data), result.table, False, problems + list(result.problems)


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
