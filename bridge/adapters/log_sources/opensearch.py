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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote

from bridge.adapters.log_sources.http_client import KEYS, Client, opened
from bridge.adapters.option_keys import OptionReader
from bridge.errors import BridgeError, InputError, RetryLaterError
from bridge.logs.counting import Counting
from bridge.logs.names import level_of, words_of
from bridge.logs.question import CORE, Question, as_text, field_of
from bridge.logs.records import Event
from bridge.logs.remote import (
    MOST_EVENTS,
    MOST_GROUPS,
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
from bridge.logs.times import EPOCH, Clockwork, TimeError, parse_value
from bridge.model.filing import Check
from bridge.plugins import AdapterOptions
from bridge.ports import LogRequest, LogResult

if TYPE_CHECKING:
    from bridge.logs.steps import Steps

_INDEX: Final = re.compile(r"(?![-_+.])[a-z0-9_.*,:-]+")
_FIELD: Final = re.compile(r"[A-Za-z0-9_@.-]+")
_PAGE: Final = 1_000
_MILLISECOND: Final = 1_000
_KEEP: Final = "2m"
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

    def select(self, request: LogRequest) -> LogResult:
        """Return the wanted events of an investigation."""
        return select_from(self, request)

    def check(self) -> Sequence[Check]:
        """Tell whether it answers, and whether the fields can be asked exactly."""
        connection = f"logs {self.name}"
        try:
            self._checked(tuple(self.columns))
            found = self._search({"size": 0, "track_total_hits": True}, index=True)
        except BridgeError as error:
            return (Check(connection=connection, what="reachable", ok=False, detail=error.message, hint=error.hint),)
        total = found.get("hits", {}).get("total", {}).get("value", 0)
        return (Check(connection=connection, what=f"index {self.index}", ok=bool(total), detail=f"{total:,} documents"),)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def events(self, question: Question, limit: int, around: Around | None = None) -> Found:
        """Return the first events in time order; what the index can't judge is judged here, page by page."""
        return first_fitting(self._pages(question, around), question, limit, cap=self.caps[0], name=self.name)

    def count(self, question: Question, counting: Counting) -> list[str]:
        """Count there what can be counted there exactly, and read the rest."""
        template = "template" in counting.fields
        counted = self._counted(question, counting.fields, every=counting.every, shrink=template and "message" not in counting.fields)
        names = [name for name in counting.fields if name != "template"]
        for bucket, event, whole, events in counted.groups:
            values = [self.name if name == "file" else value_of(event, name) for name in names]
            text = ((event.message, "") if whole else (None, event.message)) if template else ()
            counting.add_groups([(bucket, *values, *text, events)])
        counted_from(counted.read, counting, self.name)
        return self._problems(counted)

    def texts(self, question: Question) -> Texts:
        """Return the different messages, their values shrunk where that was done there."""
        counted = self._counted(question, ("message",), every=None, shrink=True)
        texts = Texts(problems=self._problems(counted))
        for _, event, whole, events in counted.groups:
            place = texts.whole if whole else texts.collapsed
            place[event.message] = place.get(event.message, 0) + events
        for event in counted.read:
            texts.whole[event.message] = texts.whole.get(event.message, 0) + 1
        return texts

    def steps(self, question: Question, by: str) -> Steps:  # noqa: ARG002 - whole events have every group
        """Return the events: texts can't be numbered there."""
        return steps_by_events(self, question)

    def _pages(self, question: Question, around: Around | None) -> Iterator[Event | None]:
        """Yield the documents in time order, None for one without a time that can be read."""
        names = [*self.columns] if question.needs_attributes() else [name for name in ("at", *CORE) if name in self.columns]
        with self._point() as point:
            tie = "_shard_doc" if self.product == "elasticsearch" else "_id"
            body: dict[str, Any] = {
                "size": _PAGE,
                "query": self._query(question, around),
                "_source": sorted({_path(self.columns[name]) for name in names}),
                "sort": [{self.columns["at"]: "asc"}, {tie: "asc"}],
                "track_total_hits": False,
            }
            while True:
                body["pit"] = {"id": point["id"], "keep_alive": _KEEP}
                found = self._search(body, index=False)
                point["id"] = found.get("pit_id", point["id"])
                hits = found["hits"]["hits"]
                for hit in hits:
                    yield self._event(hit.get("_source") or {}, names)
                if len(hits) < _PAGE:
                    return
                body["search_after"] = hits[-1]["sort"]

    def _event(self, source: Any, names: Sequence[str]) -> Event | None:
        values = {name: field_of(source, _path(self.columns[name])) for name in names}
        try:
            at = parse_value(values["at"], _CLOCKWORK)
        except TimeError:
            return None
        extra = {name: values[name] for name in names if name not in {"at", *CORE} and values[name] is not None}
        return event_of(at, values, json.dumps(extra, ensure_ascii=False))

    @contextmanager
    def _point(self) -> Iterator[dict[str, str]]:
        """Hold a point in time, so that pages don't shift while documents arrive."""
        index = quote(self.index, safe="*,")
        if self.product == "elasticsearch":
            path, key = f"/{index}/_pit", "id"
        else:
            path, key = f"/{index}/_search/point_in_time", "pit_id"
        point = {"id": str(self.client.json("POST", path, params={"keep_alive": _KEEP})[key])}
        try:
            yield point
        finally:
            path, body = ("/_pit", {"id": point["id"]}) if key == "id" else ("/_search/point_in_time", {"pit_id": [point["id"]]})
            with suppress(BridgeError):  # it ends by itself after two minutes
                self.client.json("DELETE", path, body=body)

    def _search(self, body: dict[str, Any], *, index: bool) -> dict[str, Any]:
        path = f"/{quote(self.index, safe='*,')}/_search" if index else "/_search"
        found = self.client.json("POST", path, params={"allow_partial_search_results": "false"}, body=body)
        shards = found.get("_shards") or {}
        if found.get("timed_out") or shards.get("failed"):
            failed = f"{shards.get('failed', 0)} of {shards.get('total', '?')} shards failed" if shards.get("failed") else "it timed out"
            raise RetryLaterError(
                f"{self.product} answered in part only: {failed}",
                where=f"POST {path}",
                hint="run the same command again, or narrow the window",
            )
        if not isinstance(found.get("hits"), dict):
            raise RetryLaterError(
                f"{self.product} answered without hits", where=f"POST {path}", hint="is url the address of the store itself?"
            )
        return found

    def _query(self, question: Question, around: Around | None) -> dict[str, Any]:
        """Return the question as a bool query; at least what fits, never less."""
        filters: list[dict[str, Any]] = []
        limits: dict[str, str] = {}
        if question.start is not None:
            limits["gte"] = _iso(question.start - question.start % _MILLISECOND)
        if question.end is not None:
            limits["lt"] = _iso(question.end + -question.end % _MILLISECOND)
        filters += [{"range": {self.columns["at"]: {**limits, "format": "strict_date_optional_time"}}}] if limits else []
        asked = [("service", question.services), ("account_id", question.accounts), ("trace_id", question.traces)]
        asked += [(key, frozenset({value})) for key, value in question.where if key != "level"]
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
        return {"bool": {"filter": filters}} if filters else {"match_all": {}}

    def _known(self, name: str) -> None:
        if name not in self.columns:
            raise InputError(
                f"logs {self.name} has no field for '{name}'",
                where=f"logs.{self.name}.columns",
                hint=f"known: {', '.join(self.columns)}; add {name}: its field",
            )

    def _checked(self, names: tuple[str, ...]) -> None:
        """Refuse to filter by a field of analysed words: an exact value would not be found, and nobody would be told."""
        for name in names:
            self._known(name)
        types = self._types(names)
        for name in names:
            kind = types.get(self.columns[name], "")
            if name != "message" and kind not in _EXACT:
                raise InputError(
                    f"logs {self.name}: the field {self.columns[name]} ({kind or 'not in the index'}) can't be asked for exact values",
                    where=f"logs.{self.name}.columns.{name}",
                    hint=f"{name}: {self.columns[name].removesuffix('.keyword')}.keyword",
                )

    def _types(self, names: tuple[str, ...]) -> dict[str, str]:
        """Return the type of each field; one that differs between indices is `mixed`."""
        if not names:
            return {}
        wanted = sorted({self.columns[name] for name in names})
        found = self.client.json("GET", f"/{quote(self.index, safe='*,')}/_field_caps", params={"fields": ",".join(wanted)})
        fields = found.get("fields") or {}
        return {name: next(iter(kinds)) if len(kinds) == 1 else "mixed" for name, kinds in fields.items() if kinds}


def _path(name: str) -> str:
    return name.removesuffix(".keyword")


def _iso(at: int) -> str:
    return (EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
