"""Logs in OpenSearch or Elasticsearch, through their HTTP interface.

Events: a point in time, `search_after` in time order. Counts: composite aggregations, page by page; where the question has
a part that they can't answer exactly (a text inside the message, bounds finer than milliseconds, a message longer than the
keyword field keeps), events are paged and counted here. An answer of some shards only is refused, not passed on.

    logs: {app: {product: opensearch, url: https://..., index: "logs-*", user: ..., token: env:NAME,
                 columns: {at: "@timestamp", level: level.keyword, message: message, ...}}}

No real server was there for the tests: they run against an emulation of the documented interface (docs/log-clusters.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote

from bridge.adapters.log_sources.counted import Counted
from bridge.adapters.log_sources.http_client import KEYS, TOO_LONG, Client, opened
from bridge.adapters.log_sources.opensearch_counts import MILLISECOND, counted_there
from bridge.adapters.option_keys import OptionReader
from bridge.errors import AccessError, BridgeError, InputError, NotFoundError, RefusedError, RetryLaterError
from bridge.logs.counting import Counting
from bridge.logs.names import level_of, words_of
from bridge.logs.question import CORE, Question, field_of
from bridge.logs.records import Event
from bridge.logs.remote import (
    MOST_EVENTS,
    MOST_GROUPS,
    Around,
    Found,
    Texts,
    event_of,
    first_fitting,
    select_from,
    steps_by_events,
)
from bridge.logs.times import EPOCH, Clockwork, TimeError, parse_value
from bridge.model.filing import Check
from bridge.plugins import AdapterOptions
from bridge.ports import LogRequest, LogResult

if TYPE_CHECKING:
    from bridge.logs.steps import Steps

_INDEX: Final = re.compile(r"(?![-_+.])[a-z0-9_.*,:-]+")
_FIELD: Final = re.compile(r"[A-Za-z0-9_@.-]+")
_PAGE: Final = 1_000
_ADDRESS: Final = "is url the address of the store itself?"
_KEEP: Final = "2m"
_WANTED: Final = "pit_id,timed_out,_shards,hits.total,hits.hits._source,hits.hits.sort,aggregations"
"""Of an answer: what else stands beside each document is longer than many a document."""
_CLOCKWORK: Final = Clockwork(zone=UTC)
_EXACT: Final = frozenset({"keyword", "constant_keyword", "wildcard", "date", "date_nanos", "boolean", "ip", "long", "integer", "short", "byte", "double", "float", "half_float", "scaled_float", "unsigned_long", "version"})  # fmt: skip


def open_source(options: AdapterOptions, *, product: Literal["opensearch", "elasticsearch"]) -> OpenSearchLogs:
    """Return the source; nothing is sent yet. InputError lists everything that is wrong with its part of bridge.yaml."""
    reader = OptionReader(options, (*KEYS, "index", "columns"))
    client = opened(options, reader, product)
    index = reader.text("index", example="logs-*")
    if index and not _INDEX.fullmatch(index):
        reader.wrong(f"{options.name}.index is no name of indices: {index!r}", "index: logs-*")
    columns = options.values.get("columns")
    if not isinstance(columns, Mapping) or not all(isinstance(value, str) and _FIELD.fullmatch(value) for value in columns.values()):
        reader.wrong(
            f"{options.name}.columns must map our names to fields, not {columns!r}", 'columns: {at: "@timestamp", message: message}'
        )
    elif not {"at", "message"} <= set(columns):
        reader.wrong(f"{options.name}.columns needs at and message", 'columns: {at: "@timestamp", message: message}')
    reader.finish()
    return OpenSearchLogs(name=options.name, product=product, client=client, index=index, columns=dict(columns or {}))


open_opensearch = partial(open_source, product="opensearch")
open_elasticsearch = partial(open_source, product="elasticsearch")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSearchLogs:
    """Indices of logs behind `LogSource` and `RemoteLogs`."""

    name: str
    product: Literal["opensearch", "elasticsearch"]
    client: Client = field(repr=False)
    index: str
    columns: Mapping[str, str]
    """Our name to the field; `.keyword` at its end is left out where the document is read."""
    caps: tuple[int, int] = (MOST_EVENTS, MOST_GROUPS)
    notes: list[str] = field(default_factory=list, compare=False)
    """How questions were answered, where that is worth a word."""

    def select(self, request: LogRequest) -> LogResult:
        """Return the wanted events of an investigation."""
        return select_from(self, request)

    def check(self) -> Sequence[Check]:
        """Tell whether it answers, and whether the fields can be asked exactly."""
        connection = f"logs {self.name}"
        try:
            self._checked(tuple(name for name in self.columns if name != "message"))
            found = self.search({"size": 0, "track_total_hits": True})
        except BridgeError as error:
            return (Check(connection=connection, what="reachable", ok=False, detail=error.message, hint=error.hint),)
        total = _object(found["hits"].get("total")).get("value")
        number = total if isinstance(total, int) else 0
        return (Check(connection=connection, what=f"index {self.index}", ok=bool(number), detail=f"{number:,} documents"),)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def events(self, question: Question, limit: int, around: Around | None = None) -> Found:
        """Return the first events in time order; what the index can't judge is judged here, page by page."""
        with closing(self.documents(question, around, page=limit + 1)) as found:  # the point in time ends with it, whatever happens
            return first_fitting(found, question, limit, cap=self.caps[0], name=self.name)

    def count(self, question: Question, counting: Counting) -> list[str]:
        """Count there what can be counted there exactly, and read the rest."""
        shrink = "template" in counting.fields and "message" not in counting.fields
        return self._counted(question, counting.fields, every=counting.every, shrink=shrink).into_counts(counting, self.name)

    def texts(self, question: Question) -> Texts:
        """Return the different messages, their values shrunk where that was done there."""
        return self._counted(question, ("message",), every=None, shrink=True).into_texts(self.name)

    def steps(self, question: Question, by: str, windows: Sequence[tuple[int, int]] = ()) -> Steps:
        """Return what happened when, counted here over the events: it can't be counted there."""
        return steps_by_events(self, question, by, windows)

    def _counted(self, question: Question, wanted: Sequence[str], *, every: int | None, shrink: bool) -> Counted:
        """Return what is counted there and what had to be read."""
        counted = counted_there(self, question, wanted, every=every, shrink=shrink)
        if isinstance(counted, str):
            self.notes.append(f"{self.name}: all events are read and counted here: {counted}")
            found = self.events(question, self.caps[0])
            return Counted(read=found.events, cut=f"counted from the first {self.caps[0]:,} events only" if found.cut else "")
        self.notes.extend([f"{self.name}: {counted.note}"] if counted.note else [])
        return counted

    def documents(
        self, question: Question, around: Around | None = None, *, without: str = "", page: int = _PAGE
    ) -> Generator[Event | None]:
        """Yield the documents in time order, None for one without a time.

        `without`: whose field of that name has no value; `page`: how many the first request asks for, the next ones ask for more.
        """
        most = _PAGE
        body = {**self._body(question, around, without), "size": min(page, most)}
        with self.point() as point:
            while True:
                try:
                    hits = self._hits(self.search(body, point))
                except RetryLaterError as error:
                    if not TOO_LONG.search(error.message) or body["size"] == 1:
                        raise
                    most = body["size"] = max(1, body["size"] // 4)
                    continue
                for hit in hits:
                    yield self._event(hit)
                if len(hits) < body["size"]:
                    return
                body |= {"search_after": hits[-1]["sort"], "size": min(body["size"] * 4, most)}

    def first(self, question: Question, number: int, point: dict[str, str]) -> list[Event]:
        """Return the first documents in time order."""
        found = self.search({**self._body(question, None, ""), "size": number}, point)
        return [event for hit in self._hits(found) if (event := self._event(hit)) is not None]

    def _body(self, question: Question, around: Around | None, without: str) -> dict[str, Any]:
        names = [*self.columns] if question.needs_attributes() else [name for name in ("at", *CORE) if name in self.columns]
        # An id is unique in its index only; a point in time of Elasticsearch has a number for each document.
        ties = [{"_shard_doc": "asc"}] if self.product == "elasticsearch" else [{"_index": "asc"}, {"_id": "asc"}]
        return {
            "size": _PAGE,
            "query": self.query(question, around, without=without),
            "_source": sorted({self.path(name) for name in names}),
            "sort": [{self.columns["at"]: "asc"}, *ties],
            "track_total_hits": False,
        }

    def _hits(self, found: dict[str, Any]) -> list[dict[str, Any]]:
        hits = found["hits"].get("hits", [])  # left out where there are none
        if not isinstance(hits, list) or not all(
            isinstance(hit, dict) and isinstance(hit.get("sort"), list) and hit["sort"] for hit in hits
        ):
            raise RetryLaterError(f"{self.product}'s hits can't be read", where="POST /_search", hint=_ADDRESS)
        return hits

    def _event(self, hit: Mapping[str, Any]) -> Event | None:
        values = {name: field_of(hit.get("_source") or {}, self.path(name)) for name in self.columns}
        at = None
        for value in (values["at"], hit["sort"][0]):  # a time written in a way of its own: the index has read it, to the millisecond
            try:
                at = parse_value(value, _CLOCKWORK)
            except TimeError:
                continue
            break
        if at is None:
            return None
        extra = {name: value for name, value in values.items() if name not in {"at", *CORE} and value is not None}
        return event_of(at, values, json.dumps(extra, ensure_ascii=False))

    @contextmanager
    def point(self) -> Iterator[dict[str, str]]:
        """Hold a point in time, so that pages don't shift while documents arrive; it is given back whatever happens."""
        index = quote(self.index, safe="*,")
        if self.product == "elasticsearch":
            path, key = f"/{index}/_pit", "id"
        else:
            path, key = f"/{index}/_search/point_in_time", "pit_id"
        opened = self.client.json("POST", path, params={"keep_alive": _KEEP}).get(key)
        if not isinstance(opened, str):
            raise RetryLaterError(f"{self.product} opened no point in time", where=f"POST {path}", hint=_ADDRESS)
        point = {"id": opened}
        try:
            yield point
        finally:
            path, body = ("/_pit", {"id": point["id"]}) if key == "id" else ("/_search/point_in_time", {"pit_id": [point["id"]]})
            with suppress(BridgeError):  # it ends by itself after two minutes
                self.client.json("DELETE", path, body=body)

    def search(self, body: dict[str, Any], point: dict[str, str] | None = None) -> dict[str, Any]:
        """Return the whole answer to a search, in a point in time or in the index as it is now."""
        path = f"/{quote(self.index, safe='*,')}/_search" if point is None else "/_search"
        if point is not None:
            body = {**body, "pit": {"id": point["id"], "keep_alive": _KEEP}}
        found = self.client.json("POST", path, params={"allow_partial_search_results": "false", "filter_path": _WANTED}, body=body)
        shards = found.get("_shards")
        if not isinstance(shards, dict) or "failed" not in shards or not isinstance(found.setdefault("hits", {}), dict):
            raise RetryLaterError(f"{self.product} answered without hits", where=f"POST {path}", hint=_ADDRESS)
        if found.get("timed_out") or shards.get("failed"):
            failed = f"{shards.get('failed', 0)} of {shards.get('total', '?')} shards failed" if shards.get("failed") else "it timed out"
            raise RetryLaterError(
                f"{self.product} answered in part only: {failed}",
                where=f"POST {path}",
                hint="run the same command again, or narrow the window",
            )
        if point is not None and isinstance(found.get("pit_id"), str):
            point["id"] = found["pit_id"]
        return found

    def query(self, question: Question, around: Around | None = None, *, without: str = "") -> dict[str, Any]:
        """Return the question as a bool query; at least what fits, never less."""
        filters: list[dict[str, Any]] = []
        limits: dict[str, str] = {}
        if question.start is not None:
            limits["gte"] = _iso(question.start - question.start % MILLISECOND)
        if question.end is not None:
            limits["lt"] = _iso(question.end + -question.end % MILLISECOND)
        filters += [{"range": {self.columns["at"]: {**limits, "format": "strict_date_optional_time"}}}] if limits else []
        asked = [("service", question.services), ("account_id", question.accounts), ("trace_id", question.traces)]
        # A message is judged here: words are not it, and a keyword field forgets long ones.
        asked += [(key, frozenset({value})) for key, value in question.where if key not in {"level", "message"}]
        self._checked(tuple({name for name, wanted in asked if wanted}))
        filters += [{"terms": {self.columns[name]: sorted(wanted)}} for name, wanted in asked if wanted]
        levels = [question.levels] if question.levels else []
        levels += [frozenset({level_of(value)}) for key, value in question.where if key == "level"]
        for wanted in levels:
            self._checked(("level",))
            words = [{"term": {self.columns["level"]: {"value": word, "case_insensitive": True}}} for word in words_of(wanted)]
            filters.append({"bool": {"should": words, "minimum_should_match": 1}})
        if around is not None and "account_id" in self.columns:
            self._checked(tuple(name for name in ("account_id", "trace_id") if name in self.columns))
            account = self.columns["account_id"]
            who: list[dict[str, Any]] = [{"bool": {"must_not": [{"exists": {"field": account}}]}}, {"terms": {account: ["", "-"]}}]
            who += [{"terms": {account: sorted(around.accounts)}}] if around.accounts else []
            who += [{"terms": {self.columns["trace_id"]: sorted(around.traces)}}] if around.traces and "trace_id" in self.columns else []
            filters.append({"bool": {"should": who, "minimum_should_match": 1}})
        if without:
            filters.append({"bool": {"must_not": [{"exists": {"field": self.columns[without]}}]}})
        return {"bool": {"filter": filters}} if filters else {"match_all": {}}

    def known(self, name: str) -> None:
        """Raise InputError for a field that the source does not map."""
        if name not in self.columns:
            raise InputError(
                f"logs {self.name} has no field for '{name}'",
                where=f"logs.{self.name}.columns",
                hint=f"known: {', '.join(self.columns)}; add {name}: its field",
            )

    def _checked(self, names: tuple[str, ...]) -> None:
        """Refuse to filter by a field of analysed words: an exact value would not be found, and nobody would be told."""
        for name in names:
            self.known(name)
        types = self.types(names)
        for name in names:
            kind = types.get(self.columns[name], "")
            if kind not in _EXACT:
                raise InputError(
                    f"logs {self.name}: the field {self.columns[name]} ({kind or 'not in the index'}) can't be asked for exact values",
                    where=f"logs.{self.name}.columns.{name}",
                    hint=f"{name}: {self.columns[name].removesuffix('.keyword')}.keyword",
                )

    def types(self, names: tuple[str, ...]) -> dict[str, str]:
        """Return the type of each field; one that differs between indices is `mixed`."""
        if not names:
            return {}
        wanted = sorted({self.columns[name] for name in names})
        found = self.client.json("GET", f"/{quote(self.index, safe='*,')}/_field_caps", params={"fields": ",".join(wanted)})
        kinds = {name: list(_object(found)) for name, found in _object(found.get("fields")).items()}
        return {name: known[0] if len(known) == 1 else "mixed" for name, known in kinds.items() if known}

    def rewritten(self, names: Sequence[str]) -> list[str]:
        """Return those whose values the index keeps otherwise than they stand in the document, as far as it tells."""
        wanted = ",".join(sorted({self.columns[name] for name in names}))
        try:
            found = self.client.json("GET", f"/{quote(self.index, safe='*,')}/_mapping/field/{wanted}")
        except (AccessError, NotFoundError, RefusedError):  # mappings may be read by fewer people than documents
            return []
        kinds = [
            (field, kind)
            for index in found.values()
            for field, mapped in _object(_object(index).get("mappings")).items()
            for kind in map(_object, _object(_object(mapped).get("mapping")).values())
        ]
        changed = {field for field, kind in kinds if kind.get("normalizer") or kind.get("null_value") is not None}
        return [name for name in names if self.columns[name] in changed]

    def path(self, name: str) -> str:
        """Return where a document has what we call that."""
        return self.columns[name].removesuffix(".keyword") if name in self.columns else name


def _object(value: Any) -> dict[str, Any]:
    """Return a part of an answer that should be an object; an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def _iso(at: int) -> str:
    return (EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
