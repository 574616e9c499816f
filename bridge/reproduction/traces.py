"""Requests out of traces: OpenTelemetry (OTLP as JSON) and Jaeger. The entry span of each request counts, its inner calls do not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

NO_BODIES: Final = (
    "These traces have no bodies: which answer gave an id that a later request uses can't be known for random ids, and no value of a "
    "request body can be sent again. Needed: http.request.body and http.response.body as attributes, or a log with bodies."
)
_SERVER: Final = frozenset({2, "2", "SPAN_KIND_SERVER", "server"})


def read(text: str) -> list[dict[str, Any]] | None:
    """Return entries as a request log has them, None when the text is no trace: one document, or OTLP one batch a line."""
    if not text.startswith("{") or not any(word in text[:5_000] for word in ('"resourceSpans"', '"traceID"')):
        return None
    found: list[dict[str, Any]] = []
    try:
        documents = [json.loads(text)]
    except ValueError:
        documents = [json.loads(line) for line in text.splitlines() if line.strip()]
    for document in documents:
        found += _otlp(document) if "resourceSpans" in document else _jaeger(document)
    return found


def _otlp(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in document["resourceSpans"]:
        for scope in resource.get("scopeSpans") or resource.get("instrumentationLibrarySpans") or ():
            for span in scope.get("spans", ()):
                attributes = {item["key"]: _value(item.get("value") or {}) for item in span.get("attributes", ())}
                for event in span.get("events", ()):
                    attributes |= {
                        item["key"]: _value(item.get("value") or {}) for item in event.get("attributes", ()) if "body" in item["key"]
                    }
                if span.get("kind") in _SERVER:
                    yield from _entry(attributes, span.get("startTimeUnixNano"), span.get("traceId"))


def _value(value: Mapping[str, Any]) -> Any:
    for kind, found in value.items():
        if kind == "arrayValue":
            return [_value(item) for item in found.get("values", ())]
        return int(found) if kind == "intValue" else found
    return None


def _jaeger(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for trace in document.get("data", [document]):
        for span in trace.get("spans", ()):
            attributes = {tag["key"]: tag.get("value") for tag in span.get("tags", ())}
            if attributes.get("span.kind") in _SERVER:
                yield from _entry(attributes, span.get("startTime"), span.get("traceID"))


def _entry(attributes: Mapping[str, Any], at: Any, trace: Any) -> Iterator[dict[str, Any]]:
    """Yield an entry for a span of an HTTP request; the names are those of OpenTelemetry, the present ones and those before 2023."""

    def first(*names: str) -> Any:
        return next((attributes[name] for name in names if attributes.get(name) not in (None, "")), None)

    def headers(kind: str) -> list[list[str]]:
        start = f"http.{kind}.header."
        return [
            [name.removeprefix(start).replace("_", "-"), str(one)]
            for name, value in attributes.items()
            if name.startswith(start)
            for one in (value if isinstance(value, list) else [value])
        ]

    method, url = first("http.request.method", "http.method"), first("url.full", "http.url", "url.path", "http.target")
    if method is None or url is None:
        return
    host = first("server.address", "http.host", "net.host.name")
    yield {
        "at": at,
        "method": method,
        "url": url,
        "query": first("url.query"),
        "host": host,
        "request_headers": headers("request"),
        "request_body": first("http.request.body", "http.request.body.content"),
        "status": first("http.response.status_code", "http.status_code") or 0,
        "response_headers": headers("response"),
        "response_body": first("http.response.body", "http.response.body.content"),
        "account": first("account.id", "account_id", "tenant.id", "enduser.scope"),
        "user": first("enduser.id", "user.id"),
        "trace": trace,
    }
