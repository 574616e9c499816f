"""Small servers that speak the documented interfaces of OpenSearch and Elasticsearch (Loki: `emulated_loki`): enough of each for our requests.

Written to the vendors' reference, not to our adapters: what a request may not hold is refused with 400.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from typing import Any
from urllib.parse import parse_qs, urlsplit

IGNORE_ABOVE = 256


class BadRequestError(Exception):
    """What the real server would answer with 400."""


@dataclass
class Emulation:
    """One server: its answers, and what it was asked."""

    url: str = ""
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    faults: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    """Answers that are given first, once each: status, headers, body."""
    refused: list[str] = field(default_factory=list)
    """What was answered with 400."""
    sent: int = 0
    """Bytes of answers."""

    def answer(self, method: str, path: str, params: dict[str, str], body: Any) -> Any:
        raise NotImplementedError


@contextmanager
def served(emulation: Emulation) -> Iterator[Emulation]:
    """Serve on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            parts = urlsplit(self.path)
            size = int(self.headers.get("Content-Length") or 0)
            data = self.rfile.read(size)
            form = self.headers.get("Content-Type") == "application/x-www-form-urlencoded"
            body = json.loads(data) if size and not form else None
            query = data.decode() if form else parts.query
            params = {key: values[0] for key, values in parse_qs(query, keep_blank_values=True).items()}
            emulation.requests.append((self.command, parts.path, body if body is not None else params))
            headers: dict[str, str] = {}
            if emulation.faults:
                status, headers, found = emulation.faults.pop(0)
            else:
                try:
                    status, found = 200, emulation.answer(self.command, parts.path, params, body)
                except BadRequestError as error:
                    emulation.refused.append(str(error))
                    status, found = 400, {"error": {"reason": str(error), "type": "bad"}, "message": str(error)}
            data = json.dumps(found).encode()
            emulation.sent += len(data)
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - the base class calls them so

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        emulation.url = f"http://127.0.0.1:{server.server_port}"
        yield emulation
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _milliseconds(text: str) -> int:
    at = datetime.fromisoformat(text)
    return int(at.timestamp()) * 1000 + at.microsecond // 1000


@dataclass
class OpenSearch(Emulation):
    """Documents with a date, keywords, and a text with a keyword beside it that forgets long values."""

    documents: list[dict[str, Any]] = field(default_factory=list)
    elastic: bool = False
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What the mapping says of a field beside its type."""
    scripts: bool = True
    """Whether they are allowed."""
    points: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)

    def answer(self, method: str, path: str, params: dict[str, str], body: Any) -> Any:
        if method == "GET" and path == "/logs-1/_field_caps":
            return {
                "indices": ["logs-1"],
                "fields": {name: {kind: {"type": kind}} for name in params["fields"].split(",") if (kind := self._kind(name))},
            }
        if method == "GET" and path.startswith("/logs-1/_mapping/field/"):
            fields = {name: self.settings.get(name, {}) for name in path.rsplit("/", 1)[1].split(",")}
            return {
                "logs-1": {
                    "mappings": {name: {"full_name": name, "mapping": {name.rsplit(".", 1)[-1]: given}} for name, given in fields.items()}
                }
            }
        opening = "/logs-1/_pit" if self.elastic else "/logs-1/_search/point_in_time"
        if method == "POST" and path == opening and params.get("keep_alive"):
            name = f"point-{len(self.points)}"
            self.points[name] = [(f"{number:08}", document) for number, document in enumerate(self.documents)]
            return {"id": name} if self.elastic else {"pit_id": name, "creation_time": 0}
        if method == "DELETE" and path == ("/_pit" if self.elastic else "/_search/point_in_time"):
            for name in [body["id"]] if self.elastic else body["pit_id"]:
                del self.points[name]
            return {"succeeded": True}
        if method == "POST" and path == "/_search":
            if "pit" not in body or body["pit"]["id"] not in self.points:
                raise BadRequestError("no such point in time")
            return self._filtered(self._search(body, self.points[body["pit"]["id"]]), params)
        if method == "POST" and path == "/logs-1/_search":
            return self._filtered(
                self._search(body, [(f"{number:08}", document) for number, document in enumerate(self.documents)]), params
            )
        raise BadRequestError(f"no handler for {method} {path}")

    @staticmethod
    def _filtered(found: dict[str, Any], params: dict[str, str]) -> dict[str, Any]:
        """Leave what `filter_path` names; what is empty then is left out, with what it stands in."""
        if not params.get("filter_path"):
            return found
        wanted = params["filter_path"].split(",")
        given = found.pop("hits")
        hits: dict[str, Any] = {key: value for key, value in given.items() if f"hits.{key}" in wanted}
        kept = [{key: value for key, value in hit.items() if f"hits.hits.{key}" in wanted} for hit in given["hits"]]
        hits |= {"hits": kept} if kept else {}
        found |= {"hits": hits} if hits else {}
        return {key: value for key, value in found.items() if key in wanted or key == "hits"}

    @staticmethod
    def _kind(name: str) -> str | None:
        if name == "@timestamp":
            return "date"
        if name in {"message", "svc"}:
            return "text"
        return "keyword" if name in {"message.keyword", "lvl", "svc.keyword", "account", "trace", "region"} else None

    def _value(self, document: dict[str, Any], name: str) -> Any:
        if self._kind(name) is None:
            return None
        value = document.get(name.removesuffix(".keyword"))
        if value is None or (name.endswith(".keyword") and len(value) > IGNORE_ABOVE):
            return None
        return _milliseconds(value) if name == "@timestamp" else value

    def _search(self, body: dict[str, Any], documents: list[tuple[str, dict[str, Any]]]) -> Any:
        unknown = set(body) - {"size", "query", "_source", "sort", "track_total_hits", "pit", "search_after", "aggs"}
        if unknown:
            raise BadRequestError(f"unknown key for [search]: {unknown}")
        found = [(key, document) for key, document in documents if self._fits(document, body.get("query", {"match_all": {}}))]
        shards = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
        answer: dict[str, Any] = {"took": 1, "timed_out": False, "_shards": shards, "hits": {"hits": []}}
        if body.get("track_total_hits"):
            answer["hits"]["total"] = {"value": len(found), "relation": "eq"}
        if "aggs" in body:
            ((name, aggregation),) = body["aggs"].items()
            answer["aggregations"] = {name: self._composite(aggregation["composite"], found)}
        if body["size"]:
            first, *ties = (next(iter(part)) for part in body["sort"])
            known: dict[str, str | None] = {"_index": "logs-1", **({"_shard_doc": None} if self.elastic else {"_id": None})}
            if not set(ties) <= set(known):
                raise BadRequestError(f"No mapping found for {ties} in order to sort on")
            keys: list[tuple[list[Any], dict[str, Any]]] = [
                ([self._value(document, first), *(known[tie] or key for tie in ties)], document) for key, document in found
            ]
            hits = sorted(keys, key=lambda pair: pair[0])
            after = body.get("search_after")
            hits = [hit for hit in hits if after is None or hit[0] > after][: body["size"]]
            answer["hits"]["hits"] = [
                {
                    "_index": "logs-1",
                    "_id": f"AZl{sort[-1]:>017}",
                    "_score": None,
                    "_source": {key: value for key, value in document.items() if key in body["_source"]},
                    "sort": sort,
                }
                for sort, document in hits
            ]
        if "pit" in body:
            answer["pit_id"] = body["pit"]["id"]
        return answer

    def _fits(self, document: dict[str, Any], query: dict[str, Any]) -> bool:
        ((kind, inner),) = query.items()
        if kind == "match_all":
            return True
        if kind == "bool":
            should = inner.get("should", [])
            return (
                all(self._fits(document, part) for part in inner.get("filter", []))
                and not any(self._fits(document, part) for part in inner.get("must_not", []))
                and (not should or sum(self._fits(document, part) for part in should) >= inner.get("minimum_should_match", 1))
            )
        if kind == "exists":
            return self._value(document, inner["field"]) is not None
        ((name, wanted),) = inner.items()
        value = self._value(document, name)
        if kind == "range":
            if wanted.pop("format", None) not in {None, "strict_date_optional_time"} or set(wanted) - {"gte", "lt"}:
                raise BadRequestError("[range] query does not support this")
            return bool(
                value is not None
                and _milliseconds(wanted.get("gte", "1970-01-01T00:00:00Z"))
                <= value
                < _milliseconds(wanted.get("lt", "2100-01-01T00:00:00Z"))
            )
        if kind == "terms":
            words = value.lower().split() if self._kind(name) == "text" else [value]
            return any(word in wanted for word in words)
        if kind == "term":
            return bool(value is not None and value.lower() == wanted["value"].lower())
        raise BadRequestError(f"unknown query [{kind}]")

    def _scripted(self, document: dict[str, Any], script: dict[str, Any]) -> str:
        """Do what our script says it does; the script itself runs in `test_opensearch_counts`."""
        if not self.scripts or script["lang"] != "painless" or 'params.get("_source")' not in script["source"]:
            raise BadRequestError("cannot execute [inline] scripts")
        params = script["params"]
        message = document.get(params["name"])
        if message is None:
            return "w"
        if not isinstance(message, str):
            return "?"
        if not all(part in message for part in params["grep"]):
            return "-"
        if params["shrink"] != "yes" or "\n" in message:
            return "w" + message
        return "s" + re.sub("[0-9]+([a-f]{1,16}[0-9]+)*[a-f]{0,16}", "0", message)

    def _composite(self, composite: dict[str, Any], found: list[tuple[str, dict[str, Any]]]) -> Any:
        names: list[str] = []
        counts: Counter[tuple[Any, ...]] = Counter()
        for source in composite["sources"]:
            names.extend(source)
        for _, document in found:
            key: list[list[Any]] = []
            for source in composite["sources"]:
                ((_, part),) = source.items()
                ((kind, inner),) = part.items()
                if "script" in inner:
                    key.append([self._scripted(document, inner["script"])])
                    continue
                value = self._value(document, inner["field"])
                if self._kind(inner["field"]) == "text":
                    raise BadRequestError("Text fields are not optimised for operations that require per-document field data")
                if isinstance(value, list):
                    key.append(sorted(set(value)) or [None])
                    continue
                if kind == "date_histogram":
                    step = int(inner["fixed_interval"].removesuffix("s")) * 1000
                    value = value - value % step
                key.append([value])
            counts.update(product(*key))  # a document with a list is in the group of each of its values
        ordered = sorted(counts.items(), key=lambda item: [(value is not None, value) for value in item[0]])
        after = composite.get("after")
        if after is not None:
            last = [(after[name] is not None, after[name]) for name in names]
            ordered = [item for item in ordered if [(value is not None, value) for value in item[0]] > last]
        page = [{"key": dict(zip(names, key, strict=True)), "doc_count": count} for key, count in ordered[: composite["size"]]]
        return {"buckets": page, **({"after_key": page[-1]["key"]} if page else {})}
