"""The daily look: what is told of more often now, in tickets by symptom and in logs by error."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from bridge.analysis.events import changes_of
from bridge.analysis.log_tables import ERRORS, log_lines
from bridge.analysis.trend import WEEK, WEEKS, Series, trends
from bridge.catalog.queries import bound
from bridge.errors import BridgeError, InputError
from bridge.logs.store import with_templates
from bridge.model.investigation import SqlEvidence
from bridge.model.window import Window
from bridge.ports import Limits, LogRequest
from bridge.text.similarity.groups import groups
from bridge.text.similarity.signals import signals
from bridge.text.symptoms import matching_phrases
from bridge.workflow.events import StepDone, StepStarted, Warned
from bridge.workflow.log_templates import of_workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from bridge.logs.template_store import KnownTemplates
    from bridge.model.change import Change
    from bridge.model.finding import Trend
    from bridge.model.investigation import Investigation
    from bridge.model.ticket import Ticket
    from bridge.workflow.context import Context

_FEWEST: Final = 2
"""Tickets that make a group."""
_PHRASES: Final = 4
_TEMPLATE: Final = 160
_ERRORS: Final = 100
"""Errors of the logs that are judged, those of most units first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found, and where it was looked."""

    now: datetime
    tickets: int
    since: datetime | None
    """The first ticket of the stretch that was read; nothing is known before."""
    trends: tuple[Trend, ...]
    """What rises first."""
    searched: tuple[str, ...]
    alone: int
    """Tickets that match no symptom and are like no other."""


def look(context: Context, *, weeks: int = WEEKS, logs: Sequence[str] | None = None) -> Look:
    """Judge tickets and logs of the last weeks; `logs` names log sources (None: all). What can't be asked is told, not hidden."""
    if weeks < 1:
        raise InputError(f"--weeks must be at least 1, not {weeks}", where="--weeks")
    for name in logs or ():
        context.workspace.log_source(name)  # a name that is not there is a slip of the pen, not an empty source
    now = context.now
    window = Window(start=now - WEEK * (weeks + 1), end=now)
    searched: list[str] = []
    changes = _changes(context, searched)
    tickets = _tickets(context, window, searched)
    found: list[Trend] = []
    alone = 0
    since = min((ticket.created_at for ticket in tickets), default=None)
    if since is not None:
        made, alone = ticket_series(tickets, _investigations(context))
        found += trends(made, now=now, since=max(since, window.start), changes=changes, weeks=weeks)
    for name in context.workspace.logs if logs is None else logs:
        found += _of_logs(context, name, window, changes, weeks, searched)
    order = {"new": 0, "rising": 0, "too few to tell": 1, "flat": 2}
    return Look(
        now=now,
        tickets=len(tickets),
        since=since,
        trends=tuple(sorted(found, key=lambda one: order[one.answer])),
        searched=tuple(searched),
        alone=alone,
    )


def ticket_series(tickets: Sequence[Ticket], investigations: Sequence[Investigation]) -> tuple[list[Series], int]:
    """Return a series for each symptom of the catalogue, each error that tickets name, and each group of alike texts; and how many are left.

    A ticket counts for every investigation whose symptom it tells of, else for the error it names, else for its group.
    """
    told: dict[tuple[str, str], list[Ticket]] = defaultdict(list)
    words: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    rest: list[Ticket] = []
    for ticket in tickets:
        text = f"{ticket.subject}\n{ticket.body}"
        hit = False
        for investigation in investigations:
            phrases = matching_phrases(text, investigation.symptoms)
            if phrases:
                hit = True
                told["symptom", investigation.id].append(ticket)
                for phrase in phrases:
                    words["symptom", investigation.id][phrase] += 1
        errors = {} if hit else signals(text)
        for what in errors.values():
            told["signal", what].append(ticket)
        if not hit and not errors:
            rest.append(ticket)
    made = [
        _series(kind, subject, own, tuple(sorted(words[kind, subject], key=lambda word: (-words[kind, subject][word], word)))[:_PHRASES])
        for (kind, subject), own in sorted(told.items())
    ]
    alike = groups([(ticket.subject, ticket.body) for ticket in rest], fewest=_FEWEST)
    made += [_series("words", ", ".join(group.words), [rest[at] for at in group.members], group.words) for group in alike]
    return made, len(rest) - sum(len(group.members) for group in alike)


def _series(kind: str, subject: str, tickets: Sequence[Ticket], words: tuple[str, ...]) -> Series:
    return Series(
        subject=subject,
        kind=kind,
        told=tuple((ticket.created_at, ticket.account_id or ticket.id) for ticket in tickets),
        words=words,
        members=tuple(ticket.id for ticket in tickets),
    )


def _tickets(context: Context, window: Window, searched: list[str]) -> Sequence[Ticket]:
    started = time.monotonic()
    context.emit(StepStarted(source="tickets", what=f"of {(window.end - window.start).days} days"))
    tickets = context.connections.tickets().created(window)
    context.emit(StepDone(source="tickets", what="read", detail=f"{len(tickets)} tickets", seconds=time.monotonic() - started))
    searched.append(f"{len(tickets)} tickets of {(window.end - window.start).days} days")
    return tickets


def _investigations(context: Context) -> list[Investigation]:
    found = [context.catalog.get(entry.id) for entry in context.catalog.list() if not entry.problem]
    return [investigation for investigation in found if investigation.symptoms]


def _changes(context: Context, searched: list[str]) -> tuple[Change, ...]:
    """Return what the changes view holds; without one, or with a database that is away, rises are told without their change."""
    if "changes" not in context.views:
        searched.append("no changes: the workspace has no changes view")
        return ()
    settings = context.workspace.limits
    limits = Limits(rows=settings.rows, seconds=settings.seconds, bytes=settings.bytes, cost=settings.cost)
    try:
        source = context.workspace.database("").name
        database = context.connections.database(source)
        item = SqlEvidence(
            name="changes", kind="view", database=source, sql="SELECT * FROM changes", file="views/changes.sql", view="changes"
        )
        query = bound(item, dialect=database.dialect, views=context.views, values={}, declared=[], comment="bridge trends")
        found = changes_of(database.run(query, limits).table)
    except BridgeError as error:
        context.emit(Warned(message=f"changes could not be read: {error.message}"))
        searched.append(f"not the changes: {error.message}")
        return ()
    searched.append(f"{len(found)} changes")
    return found


def _of_logs(context: Context, name: str, window: Window, changes: Sequence[Change], weeks: int, searched: list[str]) -> list[Trend]:
    started = time.monotonic()
    context.emit(StepStarted(source=f"{name} logs", what="errors"))
    try:
        result = context.connections.logs(name).select(LogRequest(window=window, levels=tuple(sorted(ERRORS))))
    except BridgeError as error:
        context.emit(Warned(message=f"logs of {name} could not be read: {error.message}"))
        searched.append(f"not the logs of {name}: {error.message}")
        return []
    lines = log_lines([(name, result.table)])
    detail = f"{lines.num_rows:,} errors"
    context.emit(StepDone(source=f"{name} logs", what="read", detail=detail, seconds=time.monotonic() - started))
    searched.append(f"{detail} in the logs of {name}{', cut at the limit' if result.truncated else ''}")
    first = _first_line(context, name, window)
    if not lines.num_rows or first is None:
        return []
    return list(
        trends(error_series(lines, of_workspace(context.workspace.root)), now=context.now, since=first, changes=changes, weeks=weeks)
    )


def _first_line(context: Context, name: str, window: Window) -> datetime | None:
    """Return when the logs begin inside the window, to the day: before, nothing was observed."""
    source, low, high = context.connections.logs(name), window.start, window.end
    if not source.select(LogRequest(window=window, limit=1)).table.num_rows:
        return None
    while high - low > timedelta(days=1):
        middle = low + (high - low) / 2
        if source.select(LogRequest(window=Window(start=low, end=middle), limit=1)).table.num_rows:
            high = middle
        else:
            low = middle
    return low


def error_series(lines: pa.Table, known: KnownTemplates | None = None) -> list[Series]:
    """Return a series for each error by service and template; accounts are counted, traces where lines carry none, else minutes."""
    (lines,), mined = with_templates([lines], known)
    texts = dict(zip(mined.ids, mined.texts, strict=True))
    told: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
    columns = ("at", "service", "template_id", "account_id", "trace_id")
    rows = zip(*(lines[column].to_pylist() for column in columns), strict=True)
    accounts = 2 * lines["account_id"].null_count <= lines.num_rows
    traces = 2 * lines["trace_id"].null_count <= lines.num_rows
    unit = "accounts" if accounts else "traces" if traces else "minutes"
    for at, service, template, account, trace in rows:
        key = service, template
        who = account if accounts else trace if traces else f"{at:%Y-%m-%d %H:%M}"
        told[key].append((at, who or f"{at:%Y-%m-%d %H:%M}"))
    most = sorted(told, key=lambda key: (-len({who for _, who in told[key]}), key))[:_ERRORS]
    return [Series(subject=f"{key[0]}: {texts[key[1]][:_TEMPLATE]}", kind="error", told=tuple(told[key]), unit=unit) for key in most]
