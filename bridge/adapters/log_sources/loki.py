"""Logs in Grafana Loki, through its HTTP interface.

Loki finds lines by their stream and by texts in them; it keeps no fields. The window, the streams' labels and texts that a
fitting line must hold go to the server. Counts are made there where its answer is certainly ours (`.logql`, `.loki_counts`);
other lines are read, judged and counted here. The time of an event is Loki's; a stream's label wins over what the line says.

    logs: {app: {product: loki, url: https://..., selector: '{app="shop"}', format: json, labels: {service: app}}}

No real server was there for the tests: they run against an emulation of the documented interface (docs/log-clusters.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from bridge.adapters.log_sources import logql
from bridge.adapters.log_sources.counted import Counted
from bridge.adapters.log_sources.http_client import KEYS, TOO_LONG, Client, opened
from bridge.adapters.log_sources.loki_counts import LONGEST, Entry, Stretch, counted_there
from bridge.adapters.option_keys import OptionReader
from bridge.errors import BridgeError, InputError, RefusedError, RetryLaterError
from bridge.logs import sniff
from bridge.logs.counting import Counting
from bridge.logs.names import words_of
from bridge.logs.options import FORMATS, SourceOptions, parse_sources
from bridge.logs.question import CORE, Question
from bridge.logs.records import Event, Format, Instant, Mapper, mapper
from bridge.logs.remote import (
    MOST_EVENTS,
    Around,
    Found,
    Texts,
    event_of,
    first_fitting,
    select_from,
    steps_by_events,
)
from bridge.logs.times import Clockwork, micros
from bridge.model.filing import Check
from bridge.plugins import AdapterOptions
from bridge.ports import LogRequest, LogResult

if TYPE_CHECKING:
    from bridge.logs.steps import Steps

_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TEXT: Final = r'"(?:[^"\\]|\\.)*"'
_MATCHER: Final = rf"\s*[A-Za-z_][A-Za-z0-9_]*\s*(?:=~|!~|!=|=)\s*{_TEXT}\s*"
_SELECTOR: Final = re.compile(rf"\{{{_MATCHER}(?:,{_MATCHER})*\}}")
_PAGE: Final = 5_000
_ALLOWED: Final = re.compile(r"max entries limit per query exceeded.*> ([0-9]+)\)")
_PATH: Final = "/loki/api/v1"
_SHORT: Final = 1_500
"""Characters of a query that fits into an address."""
_ADDRESS: Final = "is url the address of Loki itself?"


def open_source(options: AdapterOptions) -> LokiLogs:
    """Return the source; nothing is sent yet. InputError lists everything that is wrong with its part of bridge.yaml."""
    reader = OptionReader(options, (*KEYS, "selector", "format", "fields", "labels", "earliest"))
    client = opened(options, reader, "loki")
    selector = reader.text("selector", example="'{app=\"shop\"}'")
    if selector and not _SELECTOR.fullmatch(selector):
        reader.wrong(f"{options.name}.selector is no stream selector: {selector!r}", "selector: '{app=\"shop\"}'")
    kind = reader.choice("format", tuple(name for name in FORMATS if name != "csv"))
    labels = options.values.get("labels", {})
    if not isinstance(labels, Mapping) or not all(
        key in CORE and isinstance(name, str) and _LABEL.fullmatch(name) for key, name in labels.items()
    ):
        reader.wrong(f"{options.name}.labels must map {', '.join(CORE)} to labels, not {labels!r}", "labels: {service: app}")
        labels = {}
    earliest = _time(options.values.get("earliest"))
    if earliest is None and options.values.get("earliest") is not None:
        reader.wrong(f"{options.name}.earliest must be a time, not {options.values['earliest']!r}", "earliest: 2026-03-01T00:00:00Z")
    reader.finish()
    source = {"paths": ["-"], "format": kind, **({"fields": options.values["fields"]} if "fields" in options.values else {})}
    (parsed,) = parse_sources({"sources": [source]}, f"{options.where} logs.{options.name}")
    start = None if earliest is None else micros(earliest)
    return LokiLogs(
        name=options.name, client=client, selector=selector, source=parsed, labels=dict(labels), earliest=start, now=options.now
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LokiLogs:
    """Streams of one Loki behind `LogSource` and `RemoteLogs`."""

    name: str
    client: Client = field(repr=False)
    selector: str
    source: SourceOptions
    labels: Mapping[str, str]
    """Our name to the stream label that has it."""
    earliest: int | None
    now: Any
    product: str = "loki"
    caps: tuple[int, int] = (MOST_EVENTS, MOST_EVENTS)
    notes: list[str] = field(default_factory=list, compare=False)
    """How questions were answered, where that is worth a word."""

    def select(self, request: LogRequest) -> LogResult:
        """Return the wanted events of an investigation."""
        return select_from(self, request)

    def check(self) -> Sequence[Check]:
        """Tell whether it answers."""
        connection = f"logs {self.name}"
        try:
            found = self.client.json("GET", f"{_PATH}/labels")
        except BridgeError as error:
            return (Check(connection=connection, what="reachable", ok=False, detail=error.message, hint=error.hint),)
        number = len(found["data"]) if isinstance(found.get("data"), list) else 0
        return (Check(connection=connection, what="reachable", ok=bool(number), detail=f"{number} labels"),)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def events(self, question: Question, limit: int, around: Around | None = None) -> Found:  # noqa: ARG002 - lines have no accounts to ask for
        """Return the first events in time order."""
        return first_fitting(self.lines(question, page=limit + 1), question, limit, cap=self.caps[0], name=self.name)

    def count(self, question: Question, counting: Counting) -> list[str]:
        """Count there what can be counted there, and read the rest."""
        shrink = "template" in counting.fields and "message" not in counting.fields
        return self._counted(question, counting.fields, every=counting.every, shrink=shrink).into_counts(counting, self.name)

    def texts(self, question: Question) -> Texts:
        """Return the different messages, their values shrunk where that was done there."""
        return self._counted(question, ("message",), every=None, shrink=True).into_texts(self.name)

    def steps(self, question: Question, by: str, windows: Sequence[tuple[int, int]] = ()) -> Steps:
        """Return what happened when, counted here over the events: it can't be counted there."""
        return steps_by_events(self, question, by, windows)

    def query(self, question: Question) -> str:
        """Return the question as LogQL: streams and texts; at least what fits, never less."""
        # A label may be of the stream or of the entry (structured metadata), which a selector does not see; where it is
        # missing, the line may say it.
        asked = [("service", "", question.services), ("account_id", "", question.accounts), ("trace_id", "", question.traces)]
        asked.append(("level", "(?i)", frozenset(words_of(question.levels)) if question.levels else frozenset()))
        matchers = [
            f"{self.labels[name]}=~{logql.quoted(flag + '|'.join([*map(logql.literal, sorted(wanted)), '']))}"
            for name, flag, wanted in asked
            if wanted and name in self.labels
        ]
        unlabelled = Question(
            accounts=question.accounts if "account_id" not in self.labels else frozenset(),
            traces=question.traces if "trace_id" not in self.labels else frozenset(),
            grep=question.grep if "message" not in self.labels else (),
            where=question.where,
        )
        text = self.selector[:-1] + "".join(f", {matcher}" for matcher in matchers) + "}"
        for needles in unlabelled.needles(composed=self.source.format == "nginx"):
            words = [needle.decode() for needle in needles]
            text += f" |= {logql.quoted(words[0])}" if len(words) == 1 else f" |~ {logql.quoted('|'.join(map(logql.literal, words)))}"
        return text + "".join(f" | {matcher}" for matcher in matchers)

    def window(self, question: Question) -> tuple[int, int]:
        """Return the question's window in microseconds; InputError where nothing says when it begins."""
        start = question.start if question.start is not None else self.earliest
        if start is None:
            raise InputError(
                "Loki is asked for a stretch of time only", where=f"logs {self.name}", hint="--since TIME, or `earliest` in bridge.yaml"
            )
        end = question.end if question.end is not None else micros(self.now())
        return start, max(start, end)

    def lines(self, question: Question, stages: str = "", *, page: int = _PAGE) -> Iterator[Event]:
        """Yield the events of the window in time order; `stages` follow the query, `page` is the size of the first one."""
        reader = self.reader(question)
        for nanoseconds, labels, line in self.entries(self.query(question) + stages, self.window(question), page):
            yield self.event(nanoseconds, json.loads(labels), line, reader)

    def entries(self, text: str, window: Stretch, page: int) -> Iterator[Entry]:
        """Yield the lines of a window of microseconds in time order; the first request asks for so many, the next ones for more."""
        for first in range(*window, LONGEST):
            yield from self._stretch(text, first * 1_000, min(first + LONGEST, window[1]) * 1_000, page)

    def _stretch(self, text: str, begin: int, last: int, limit: int) -> Iterator[Entry]:
        """Yield the lines of a stretch of nanoseconds that is not longer than a query may be."""
        seen: set[tuple[str, str]] = set()
        most = _PAGE
        while begin < last:
            limit = min(limit, most)
            try:
                page = self._page(text, begin, last, limit)
            except (RefusedError, RetryLaterError) as error:
                allowed = _ALLOWED.search(error.message)
                most = int(allowed[1]) if allowed else limit // 4 if TOO_LONG.search(error.message) else 0
                if not 0 < most < limit:
                    raise
                continue
            fresh = [entry for entry in page if entry[0] != begin or (entry[1], entry[2]) not in seen]
            yield from fresh
            if len(page) < limit:
                return
            if not fresh and limit == most:
                raise RefusedError(f"more than {limit:,} lines in one nanosecond: Loki can't give the rest", where=f"logs {self.name}")
            latest = page[-1][0]
            if latest != begin:
                seen = set()
            seen |= {(labels, line) for nanoseconds, labels, line in page if nanoseconds == latest}
            begin = latest
            limit *= 4

    def _page(self, text: str, begin: int, last: int, limit: int) -> list[Entry]:
        """Return the first lines of [begin, last), in nanoseconds, in time order."""
        form = {"query": text, "start": str(begin), "end": str(last), "limit": str(limit), "direction": "forward"}
        entries = []
        try:
            for stream in self._asked("query_range", form, "streams"):
                labels = json.dumps(dict(stream["stream"]), sort_keys=True)
                entries += [(int(entry[0]), labels, str(entry[1])) for entry in stream["values"]]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise self._unreadable("query_range") from error
        return sorted(entries)

    def vector(self, text: str, at: int) -> list[tuple[Mapping[str, str], int]]:
        """Return the groups of an instant query, and their numbers."""
        try:
            return [
                ({str(name): str(value) for name, value in found["metric"].items()}, int(float(found["value"][1])))
                for found in self._asked("query", {"query": text, "time": str(at)}, "vector")
            ]
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
            raise self._unreadable("query") from error

    def reader(self, question: Question) -> tuple[Format, Mapper]:
        """Return what makes events of lines; the time that a line tells is not looked at."""
        clockwork = Clockwork(zone=UTC)
        form = sniff.make(self.source.format or "json", self.source, clockwork)
        fields = {part: ref for part, ref in self.source.fields.items() if part != "at"}
        return form, mapper(replace(self.source, fields=fields), form, clockwork, attributes=question.needs_attributes())

    def event(self, nanoseconds: int, labels: Mapping[str, Any], line: str, reader: tuple[Format, Mapper]) -> Event:
        """Return the event of a line."""
        form, make = reader
        at = nanoseconds // 1_000
        shared = {name: labels[label] for name, label in self.labels.items() if labels.get(label)}
        outcome = form.decode(line)
        made = make.event({**outcome, "at": Instant(at)}, 0) if type(outcome) is dict else None
        if not isinstance(made, Event):
            return event_of(at, {"message": line, **shared})
        return event_of(at, {**{name: getattr(made, name) for name in CORE}, **shared}, made.attributes)

    def _counted(self, question: Question, wanted: Sequence[str], *, every: int | None, shrink: bool) -> Counted:
        """Return what is counted there and what had to be read."""
        cap = self.caps[0]
        counted = counted_there(self, question, wanted, every=every, shrink=shrink, cap=cap, now=micros(self.now()))
        if isinstance(counted, str):
            self.notes.append(f"{self.name}: all lines are read and counted here: {counted}")
            found = self.events(question, cap)
            return Counted(read=found.events, cut=f"counted from the first {cap:,} lines only" if found.cut else "")
        self.notes.extend([f"{self.name}: {counted.note}"] if counted.note else [])
        return counted

    def _asked(self, verb: str, query: dict[str, str], kind: str) -> list[Any]:
        """Return what a query gives; a long one goes in a form, as an address it would be refused on the way."""
        path = f"{_PATH}/{verb}"
        short = len(query["query"]) < _SHORT
        found = self.client.json("GET", path, params=query) if short else self.client.json("POST", path, form=query)
        data = found.get("data")
        if found.get("status") != "success" or not isinstance(data, dict) or data.get("resultType") != kind:
            raise RetryLaterError(f"loki answered without {'a vector' if kind == 'vector' else kind}", where=path, hint=_ADDRESS)
        if any("partial" in str(warning) for warning in found.get("warnings") or ()):
            raise RetryLaterError("loki answered in part only", where=path, hint="narrow the window")
        result = data.get("result")
        if not isinstance(result, list):
            raise self._unreadable(verb)
        return result

    @staticmethod
    def _unreadable(verb: str) -> RetryLaterError:
        return RetryLaterError("loki's answer can't be read", where=f"{_PATH}/{verb}", hint=_ADDRESS)


def _time(value: Any) -> datetime | None:
    """Return a time of bridge.yaml, in UTC where it names no zone; None where it is none."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
