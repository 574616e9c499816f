"""Logs that live on another machine: what they are asked, and how their answers become ours.

An adapter pushes the question down as far as its product allows; what comes back is foreign data, so every event is judged
again here, levels get their usual names, and what a cap cut is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Protocol

from bridge.logs.ask import Answer
from bridge.logs.names import level_of
from bridge.logs.question import EVER, Question
from bridge.logs.records import MESSAGE_LIMIT, Event
from bridge.logs.scan import FileReport, Tally

if TYPE_CHECKING:
    from bridge.logs.counting import Counting
    from bridge.logs.steps import Steps
    from bridge.ports import LogRequest, LogResult

MOST_EVENTS: Final = 1_000_000
MOST_GROUPS: Final = 200_000
_MOST_INTERVALS: Final = 50
_MOST_NAMES: Final = 500
_NOTHING: Final = frozenset({"", "-", "null", "None", "none", "nil"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Whose events are wanted: of these accounts or traces, or of no account at all."""

    accounts: frozenset[str] = frozenset()
    traces: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class Texts:
    """The different messages of a source and how many events have each."""

    whole: dict[str, int] = field(default_factory=dict)
    collapsed: dict[str, int] = field(default_factory=dict)
    """As `bridge.logs.collapse` leaves them: the source has done that."""
    problems: list[str] = field(default_factory=list)

    @property
    def events(self) -> int:
        """Return how many events there are."""
        return sum(self.whole.values()) + sum(self.collapsed.values())


@dataclass(slots=True, kw_only=True)
class Found:
    """Events that a source gave, in time order."""

    events: list[Event] = field(default_factory=list)
    cut: bool = False
    """True: there are more than were asked for."""
    problems: list[str] = field(default_factory=list)


class RemoteLogs(Protocol):
    """A source of logs on another machine. Calls have timeouts and bounded retries, and raise bridge.errors only."""

    @property
    def name(self) -> str:
        """Name in bridge.yaml."""
        ...

    @property
    def product(self) -> str:
        """Product, as in bridge.yaml."""
        ...

    def events(self, question: Question, limit: int, around: Around | None = None) -> Found:
        """Return the first `limit` events in time order that fit."""
        ...

    def count(self, question: Question, counting: Counting) -> list[str]:
        """Count what fits, where it lies as far as that is possible; return what a cap left out, in words."""
        ...

    def texts(self, question: Question) -> Texts:
        """Return the different messages of what fits, to mine templates of."""
        ...

    def steps(self, question: Question, by: str, windows: Sequence[tuple[int, int]] = ()) -> Steps:
        """Return one side of a comparison: `by` is the field that makes the groups, `windows` [start, end) in microseconds narrow the question."""
        ...


def event_of(at: int, values: dict[str, Any], attributes: str = "{}") -> Event:
    """Return an event of foreign values: canonical level, ids without blanks, a message of bounded length."""
    message = _text(values.get("message"))
    return Event(
        at,
        level_of(values.get("level")),
        _name(values.get("service")) or "",
        _name(values.get("account_id")),
        _name(values.get("trace_id")),
        message if len(message) <= MESSAGE_LIMIT else message[:MESSAGE_LIMIT],
        attributes,
        0,
    )


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return (value or "").encode("utf-8", "replace").decode()
    import msgspec

    return msgspec.json.encode(value).decode()


def _name(value: Any) -> str | None:
    text = _text(value).strip()
    return None if text in _NOTHING else text


def answer_from(remote: RemoteLogs, question: Question, *, limit: int | None = None, counting: Counting | None = None) -> Answer:
    """Answer a question as `bridge.logs.ask.ask` does."""
    answer = Answer()
    answer.rows.files.append(remote.name)
    if counting is not None:
        before = counting.total
        problems = remote.count(question, counting)
        number = counting.total - before
        how = "counted"
    else:
        found = remote.events(question, limit if limit is not None else MOST_EVENTS)
        for event in found.events:
            answer.rows.add(event, 0)
        answer.cut, problems, number, how = found.cut, found.problems, len(found.events), "returned"
    tally = Tally(lines=number, parsed=number, events=number)
    answer.reports.append(FileReport(name=remote.name, format=remote.product, tally=tally, problems=tuple(problems)))
    answer.notes.extend([f"{number:,} events {how} by {remote.product} {remote.name}", *told(remote)])
    return answer


def told(remote: RemoteLogs) -> list[str]:
    """Return how a source answered since the last time, where that is worth a word: what it could not count, and why."""
    notes: list[str] = getattr(remote, "notes", [])
    found = notes.copy()
    notes.clear()
    return found


def select_from(remote: RemoteLogs, request: LogRequest) -> LogResult:
    """Return the wanted events, as `bridge.logs.selection.select` does from files."""
    from bridge.logs.selection import wish
    from bridge.logs.store import Rejects, Rows, events_table
    from bridge.ports import LogResult

    wanted = wish(request)
    around = None
    if request.spans:
        around = Around(accounts=frozenset(wanted.accounts), traces=frozenset(wanted.traces))
        if len(around.accounts) + len(around.traces) > _MOST_NAMES:
            around = None
    rows = Rows(files=[remote.name])
    problems: list[str] = []
    cut = False
    for start, end in _few(wanted.everything):
        question = Question(start=start, end=end, services=wanted.services, levels=wanted.levels)
        found = remote.events(question, request.limit + 1, around)
        cut = cut or found.cut
        problems.extend(found.problems)
        for event in found.events:
            if wanted.wants(event.at, event.level, event.service, event.account_id, event.trace_id):
                rows.add(event, 0)
    order = rows.order()
    table = events_table(rows, order[: request.limit].tolist())
    number = len(rows.at)
    counts = {"files": 1, "lines": number, "parsed": number, "joined": 0, "rejected": 0, "skipped": 0, "events": number}
    return LogResult(
        table=table,
        counts=counts,
        truncated=cut or number > request.limit,
        problems=tuple(dict.fromkeys(problems)),
        rejects=Rejects().table(),
    )


def _few(intervals: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return at most some dozens of stretches that cover these: the smallest gaps are closed."""
    found = list(intervals)
    if len(found) <= _MOST_INTERVALS:
        return found
    gaps = sorted(range(1, len(found)), key=lambda number: found[number][0] - found[number - 1][1], reverse=True)
    breaks = sorted(gaps[: _MOST_INTERVALS - 1])
    edges = [0, *breaks, len(found)]
    return [(found[first][0], found[last - 1][1]) for first, last in pairwise(edges)]


def steps_by_events(remote: RemoteLogs, question: Question, by: str, windows: Sequence[tuple[int, int]] = ()) -> Steps:
    """Return the steps of events that are fetched: of a source that can't count them."""
    from bridge.logs.steps_here import steps_of, within
    from bridge.logs.store import events_table

    if windows:  # what lies outside is not fetched
        first, last = min(start for start, _ in windows), max(end for _, end in windows)
        start = first if question.start is None else max(first, question.start)
        end = last if question.end is None else min(last, question.end)
        question = replace(question, start=start if start > -EVER else None, end=end if end < EVER else None)
    answer = answer_from(remote, question)
    table = events_table(answer.rows, answer.rows.order().tolist())
    return steps_of(within(table, windows), by=by, name=remote.name, problems=answer.problems())


def first_fitting(events: Iterable[Event | None], question: Question, limit: int, *, cap: int, name: str) -> Found:
    """Return the first events that fit, in time order, of what a source hands on; at most `cap` are read. None: no event of ours."""
    most = min(limit, cap)
    found = Found()
    read = 0
    for event in events:
        read += 1
        if event is None:
            continue
        if question.fits(event):
            if len(found.events) == most:
                found.cut = True
                break
            found.events.append(event)
        if read >= cap and len(found.events) < most:
            found.cut = True
            break
    if found.cut and (most < limit or read >= cap):
        found.problems.append(f"{name}: cut at the cap of {cap:,} events")
    found.events.sort(key=lambda event: (event.at, event.message))
    return found


def counted_from(events: Iterable[Event], counting: Counting, name: str) -> None:
    """Count events here: for a source that can't count them."""
    for event in events:
        counting.add(event, name)
