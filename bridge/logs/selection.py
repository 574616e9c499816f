"""Answer a LogRequest from files: decode what may match, keep what does, count every line."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from bridge.logs.paths import LogFile
from bridge.logs.records import Event
from bridge.logs.scan import FileReport, Tally, scan_file
from bridge.logs.store import Rejects, Rows, events_table
from bridge.logs.times import micros
from bridge.model.window import Window
from bridge.ports import LogRequest, LogResult

TRACE_SLACK: Final = 300 * 1_000_000
"""`account_from_trace` also reads this long before and after what was asked, in microseconds: traces are short."""

Intervals = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A LogRequest made fast to ask: sorted, disjoint intervals in microseconds."""

    everything: Intervals
    nameless: Intervals
    """Spans that name no account and no trace."""
    accounts: Mapping[str, Intervals]
    traces: Mapping[str, Intervals]
    services: frozenset[str]
    levels: frozenset[str]

    def wants(self, at: int, level: str, service: str, account_id: str | None, trace_id: str | None) -> bool:
        """Tell whether an event is asked for."""
        if (self.services and service not in self.services) or (self.levels and level not in self.levels):
            return False
        if account_id is None:
            return _inside(self.everything, at)
        return (
            _inside(self.nameless, at)
            or _inside(self.accounts.get(account_id, ()), at)
            or (trace_id is not None and _inside(self.traces.get(trace_id, ()), at))
        )


def wish(request: LogRequest) -> Wish:
    """Prepare a request; spans are cut to its window."""
    whole = _cut([request.window], request.window)
    if not request.spans:
        return Wish(
            everything=whole, nameless=whole, accounts={}, traces={}, services=frozenset(request.services), levels=frozenset(request.levels)
        )
    accounts: dict[str, list[Window]] = {}
    traces: dict[str, list[Window]] = {}
    nameless = []
    for span in request.spans:
        if span.account_id is not None:
            accounts.setdefault(span.account_id, []).append(span.window)
        if span.trace_id is not None:
            traces.setdefault(span.trace_id, []).append(span.window)
        if span.account_id is None and span.trace_id is None:
            nameless.append(span.window)
    return Wish(
        everything=_cut([span.window for span in request.spans], request.window),
        nameless=_cut(nameless, request.window),
        accounts={key: _cut(windows, request.window) for key, windows in accounts.items()},
        traces={key: _cut(windows, request.window) for key, windows in traces.items()},
        services=frozenset(request.services),
        levels=frozenset(request.levels),
    )


def select(files: Sequence[LogFile], request: LogRequest) -> LogResult:
    """Return the wanted events of these files, in time order, equal times by file and offset.

    counts: files, skipped_files (not opened: of another service), lines, parsed, joined, rejected, skipped
    (not decoded: their time lies outside), repaired, events; lines = parsed + joined + rejected + skipped.
    """
    wanted = wish(request)
    by_trace = any(file.options.account_from_trace for file in files)
    reads = _widened(wanted.everything, TRACE_SLACK) if by_trace else wanted.everything

    def keep(event: Event) -> bool:
        if by_trace:
            return _inside(reads, event.at)
        return wanted.wants(event.at, event.level, event.service, event.account_id, event.trace_id)

    chosen = [file for file in files if by_trace or _may_serve(file, wanted)]
    rows, rejects = Rows(), Rejects()
    reports = [_scan(file, keep, rows, rejects, reads) for file in chosen]
    order = rows.order()
    if by_trace:
        accounts_from_traces(rows, [file.options.account_from_trace for file in chosen])
        columns = zip(rows.at, rows.level, rows.service, rows.account_id, rows.trace_id, strict=True)
        fits = np.fromiter((wanted.wants(*row) for row in columns), dtype=np.bool_, count=len(rows.at))
        order = order[fits[order]]
    return _result(rows, rejects, reports, order, request.limit, skipped_files=len(files) - len(chosen))


def read_all(files: Sequence[LogFile]) -> LogResult:
    """Return every event of these files; nothing is skipped, so lines = parsed + joined + rejected."""
    rows, rejects = Rows(), Rejects()
    reports = [_scan(file, lambda _: True, rows, rejects, None) for file in files]
    if any(file.options.account_from_trace for file in files):
        accounts_from_traces(rows, [file.options.account_from_trace for file in files])
    return _result(rows, rejects, reports, rows.order(), limit=None, skipped_files=0)


def _scan(file: LogFile, keep: Callable[[Event], bool], rows: Rows, rejects: Rejects, wanted: Intervals | None) -> FileReport:
    return scan_file(
        file.path,
        file.name,
        file.options,
        keep=keep,
        rows=rows,
        rejects=rejects,
        wanted=wanted,
        inode=file.inode,
        lead=file.lead,
        tail=(file.tail_name, file.tail),
    )


def _may_serve(file: LogFile, wanted: Wish) -> bool:
    return not wanted.services or file.options.service is None or file.options.service in wanted.services


def accounts_from_traces(rows: Rows, flags: Sequence[bool]) -> None:
    """Fill in accounts by trace, in files whose source asks for it; a trace that names two accounts gives none."""
    seen: dict[str, set[str]] = {}
    for account_id, trace_id in zip(rows.account_id, rows.trace_id, strict=True):
        if account_id is not None and trace_id is not None:
            seen.setdefault(trace_id, set()).add(account_id)
    only = {trace_id: next(iter(accounts)) for trace_id, accounts in seen.items() if len(accounts) == 1}
    for number, (account_id, trace_id, file) in enumerate(zip(rows.account_id, rows.trace_id, rows.file, strict=True)):
        if account_id is None and trace_id is not None and flags[file]:
            rows.account_id[number] = only.get(trace_id)


def _result(rows: Rows, rejects: Rejects, reports: Sequence[FileReport], order: Any, limit: int | None, *, skipped_files: int) -> LogResult:
    truncated = limit is not None and len(order) > limit
    numbers = (order[:limit] if truncated else order).tolist()
    table = events_table(rows, numbers)
    total = Tally()
    for report in reports:
        total.add(report.tally)
    counts = {"files": len(reports), "skipped_files": skipped_files, **{name: getattr(total, name) for name in Tally.__slots__}}
    problems = tuple(problem for report in reports for problem in (*report.problems, *report.notes))
    return LogResult(table=table, counts=counts, truncated=truncated, problems=problems, rejects=rejects.table())


def _inside(intervals: Intervals, at: int) -> bool:
    index = bisect_right(intervals, (at, _FOREVER)) - 1
    return index >= 0 and intervals[index][0] <= at < intervals[index][1]


_FOREVER: Final = 1 << 63


def _cut(windows: Iterable[Window], limits: Window) -> Intervals:
    start, end = micros(limits.start), micros(limits.end)
    pairs = [(max(start, micros(window.start)), min(end, micros(window.end))) for window in windows]
    return _merged(pair for pair in pairs if pair[0] < pair[1])


def _widened(intervals: Intervals, slack: int) -> Intervals:
    return _merged((start - slack, end + slack) for start, end in intervals)


def _merged(pairs: Iterable[tuple[int, int]]) -> Intervals:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(pairs):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
