"""Logs in Grafana Loki, through its HTTP interface.

Loki finds lines by their stream and by texts in them; it keeps no fields. So the window, the streams' labels and texts that
a fitting line must hold go to the server, and lines are read, judged and counted here. The time of an event is Loki's.

    logs: {app: {product: loki, url: https://..., selector: '{app="shop"}', format: json, labels: {service: app}}}

No real server was there for the tests: they run against an emulation of the documented interface (docs/log-clusters.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from bridge.adapters.log_sources.http_client import KEYS, Client, opened
from bridge.adapters.option_keys import OptionReader
from bridge.errors import BridgeError, InputError, RefusedError, RetryLaterError
from bridge.logs import sniff
from bridge.logs.counting import Counting
from bridge.logs.options import FORMATS, SourceOptions, parse_sources
from bridge.logs.names import words_of
from bridge.logs.question import CORE, Question
from bridge.logs.records import Event, Format, Instant, Mapper, mapper
from bridge.logs.remote import (
    MOST_EVENTS,
    Around,
    Found,
    Texts,
    counted_from,
    event_of,
    first_fitting,
    select_from,
    steps_by_events,
    texts_by_count,
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
_PATH: Final = "/loki/api/v1/query_range"


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
    earliest = options.values.get("earliest")
    if earliest is not None and not isinstance(earliest, datetime):
        reader.wrong(f"{options.name}.earliest must be a time, not {earliest!r}", "earliest: 2026-03-01T00:00:00Z")
    reader.finish()
    source = {"paths": ["-"], "format": kind, **({"fields": options.values["fields"]} if "fields" in options.values else {})}
    (parsed,) = parse_sources({"sources": [source]}, f"{options.where} logs.{options.name}")
    start = None if earliest is None else micros(earliest if earliest.tzinfo else earliest.replace(tzinfo=UTC))
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

    def select(self, request: LogRequest) -> LogResult:
        """Return the wanted events of an investigation."""
        return select_from(self, request)

    def check(self) -> Sequence[Check]:
        """Tell whether it answers."""
        connection = f"logs {self.name}"
        try:
            found = self.client.json("GET", "/loki/api/v1/labels")
        except BridgeError as error:
            return (Check(connection=connection, what="reachable", ok=False, detail=error.message, hint=error.hint),)
        names = found.get("data") or []
        return (Check(connection=connection, what="reachable", ok=bool(names), detail=f"{len(names)} labels"),)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def events(self, question: Question, limit: int, around: Around | None = None) -> Found:  # noqa: ARG002 - lines have no accounts to ask for
        """Return the first events in time order."""
        return first_fitting(self._lines(question), question, limit, cap=self.caps[0], name=self.name)

    def count(self, question: Question, counting: Counting) -> list[str]:
        """Count the lines here."""
        found = self.events(question, self.caps[0])
        counted_from(found.events, counting, self.name)
        return [f"{self.name}: counted from the first {self.caps[0]:,} lines only: the counts are too low"] if found.cut else []

    def texts(self, question: Question) -> Texts:
        """Count the messages here."""
        return texts_by_count(self, question)

    def steps(self, question: Question, by: str) -> Steps:  # noqa: ARG002 - whole events have every group
        """Return the events: texts can't be numbered there."""
        return steps_by_events(self, question)

    def query(self, question: Question) -> str:
        """Return the question as LogQL: streams and texts; at least what fits, never less."""
        matchers = []
        for name, wanted in (("service", question.services), ("account_id", question.accounts), ("trace_id", question.traces)):
            if wanted and name in self.labels:
                matchers.append(f"{self.labels[name]}=~{_quoted('|'.join(_literal(value) for value in sorted(wanted)))}")
        if question.levels and "level" in self.labels:
            matchers.append(f"{self.labels['level']}=~{_quoted('(?i)' + '|'.join(_literal(word) for word in words_of(question.levels)))}")
        unlabelled = Question(
            accounts=question.accounts if "account_id" not in self.labels else frozenset(),
            traces=question.traces if "trace_id" not in self.labels else frozenset(),
            grep=question.grep if "message" not in self.labels else (),
            where=question.where,
        )
        text = self.selector[:-1] + "".join(f", {matcher}" for matcher in matchers) + "}"
        for needles in unlabelled.needles(composed=self.source.format == "nginx"):
            words = [needle.decode() for needle in needles]
            text += f" |= {_quoted(words[0])}" if len(words) == 1 else f" |~ {_quoted('|'.join(map(_literal, words)))}"
        return text

    def _lines(self, question: Question) -> Iterator[Event]:
        start = question.start if question.start is not None else self.earliest
        if start is None:
            raise InputError(
                "Loki is asked for a stretch of time only", where=f"logs {self.name}", hint="--since TIME, or `earliest` in bridge.yaml"
            )
        end = question.end if question.end is not None else micros(self.now())
        clockwork = Clockwork(zone=UTC)
        form = sniff.make(self.source.format or "json", self.source, clockwork)
        make = mapper(self.source, form, clockwork, attributes=question.needs_attributes())
        text = self.query(question)
        begin, last = start * 1_000, end * 1_000
        seen: set[tuple[str, str]] = set()
        while begin < last:
            page = self._page(text, begin, last)
            fresh = [entry for entry in page if entry[0] != begin or (entry[1], entry[2]) not in seen]
            for nanoseconds, labels, line in fresh:
                yield self._event(nanoseconds, json.loads(labels), line, form, make)
            if len(page) < _PAGE:
                return
            if not fresh:
                raise RefusedError(f"more than {_PAGE:,} lines in one nanosecond: Loki can't give the rest", where=f"logs {self.name}")
            latest = page[-1][0]
            if latest != begin:
                seen = set()
            seen |= {(labels, line) for nanoseconds, labels, line in page if nanoseconds == latest}
            begin = latest

    def _page(self, text: str, begin: int, last: int) -> list[tuple[int, str, str]]:
        """Return (nanoseconds, labels as JSON, line) of one page in time order."""
        params = {"query": text, "start": str(begin), "end": str(last), "limit": str(_PAGE), "direction": "forward"}
        found = self.client.json("GET", _PATH, params=params)
        data = found.get("data")
        if found.get("status") != "success" or not isinstance(data, dict) or data.get("resultType") != "streams":
            raise RetryLaterError("loki answered without streams", where=f"GET {_PATH}", hint="is url the address of Loki itself?")
        entries = []
        try:
            for stream in data["result"]:
                labels = json.dumps(stream["stream"], sort_keys=True)
                entries += [(int(entry[0]), labels, str(entry[1])) for entry in stream["values"]]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise RetryLaterError(
                "loki's streams can't be read", where=f"GET {_PATH}", hint="is url the address of Loki itself?"
            ) from error
        return sorted(entries)

    def _event(self, nanoseconds: int, labels: Mapping[str, Any], line: str, form: Format, make: Mapper) -> Event:
        at = nanoseconds // 1_000
        shared = {name: labels[label] for name, label in self.labels.items() if label in labels}
        outcome = form.decode(line)
        made = make.event({**outcome, "at": Instant(at)}, 0) if type(outcome) is dict else None
        if not isinstance(made, Event):
            return event_of(at, {"message": line, **shared})
        values = {name: getattr(made, name) for name in CORE}
        return event_of(at, {**values, **{name: value for name, value in shared.items() if not values.get(name)}}, made.attributes)


def _quoted(text: str) -> str:
    """Return a text as a string of LogQL, whose escapes are Go's; JSON's are among them."""
    return json.dumps(text, ensure_ascii=False)


def _literal(text: str) -> str:
    r"""Return a text as a regular expression of RE2 that matches it alone; everything but letters and digits is escaped."""
    return "".join(char if char.isalnum() or char in "_-" or ord(char) > 127 else f"\\x{{{ord(char):x}}}" for char in text)  # noqa: PLR2004 - ASCII
