"""Recordings from files: HAR, request and gateway logs with bodies (JSON lines), access logs. Text in, a `Recording` out.

Traces are in `bridge.reproduction.traces`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from bridge.errors import InputError, Problem
from bridge.model.exchange import Exchange, Pairs, Recording, Request, Response
from bridge.reproduction import traces

NO_BODIES: Final = (
    "An access log has no bodies: which answer gave an id that a later request uses can't be known for random ids, "
    "and no value of a request body can be sent again. Needed: a log with bodies, or at least Location and Set-Cookie."
)
_DROPPED = re.compile(
    r":.*|host|connection|content-length|accept-encoding|user-agent|referer|origin|sec-.*|dnt|priority|pragma|cache-control|te|"
    r"x-forwarded-.*|forwarded|via|traceparent|tracestate|x-request-id|x-amzn-.*|cf-.*|transfer-encoding|keep-alive|upgrade.*"
)
_ASSETS: Final = frozenset({"image", "stylesheet", "font", "script", "media", "manifest", "websocket", "preflight"})
_COMBINED: Final = re.compile(
    r'(?P<host>\S+) \S+ (?P<user>\S+) \[(?P<at>[^\]]+)\] "(?P<method>[A-Z]+) (?P<url>\S+)[^"]*" (?P<status>\d{3}) (?P<size>\S+)(?P<rest>.*)'
)
_FIELD = re.compile(r"\b(account|account_id|user|user_id|trace|trace_id)=(\S+)")
_PROBLEMS_SHOWN = 20
_YEAR_2001: Final = 1e9
"""Seconds; a number above it in a unit is a time in that unit."""


def read(text: str, *, name: str) -> Recording:
    """Read a recording; the format is seen from the text. InputError lists what is wrong with it, with file and line."""
    start = text.lstrip("\ufeff \t\r\n")
    spans = traces.read(start)
    if spans is not None:
        recording = _collected(enumerate(spans, start=1), _of_entry, name=name, unit="span")
        bodies = any(exchange.response.body for exchange in recording.exchanges)
        return recording if bodies else replace(recording, notes=(*recording.notes, traces.NO_BODIES))
    if start.startswith("{") and '"entries"' in start[:20_000] and '"log"' in start[:200]:
        return har(start, name=name)
    if start.startswith("{"):
        return request_log(text, name=name)
    return access_log(text, name=name)


def har(text: str, *, name: str) -> Recording:
    """Read an HTTP Archive (1.2). Assets and preflights are left out; base64 bodies that are no text are kept as base64."""
    try:
        entries = list(json.loads(text)["log"]["entries"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"not a HAR file: {error}", where=name, hint="save one in the browser: Network, Export HAR with content"
        ) from error
    return _collected(enumerate(entries, start=1), _of_har, name=name, unit="entry")


def request_log(text: str, *, name: str) -> Recording:
    """Read JSON lines: at, method, url (or path and query), request_headers, request_body, status, response_headers, response_body;
    optional account, user, trace. Gateways that keep `request` and `response` apart are read, too. Bodies may be text or JSON.
    """  # noqa: D205 - the keys are one list
    lines = ((number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip())
    return _collected(lines, _of_line, name=name, unit="line")


def access_log(text: str, *, name: str) -> Recording:
    """Read a common or combined access log; `notes` says what it can't tell."""
    lines = ((number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip())
    recording = _collected(lines, _of_access, name=name, unit="line")
    return Recording(exchanges=recording.exchanges, hosts=recording.hosts, source=recording.source, notes=(*recording.notes, NO_BODIES))


_Read = tuple[Exchange, str]
"""The exchange and the host it went to (empty: not recorded)."""


def _collected(items: Iterable[tuple[int, Any]], one: Callable[[Any], _Read | None], *, name: str, unit: str) -> Recording:
    found: list[_Read] = []
    problems: list[Problem] = []
    left_out = 0
    for number, item in items:
        try:
            read_one = one(item)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problems.append(Problem(message=f"{type(error).__name__}: {error}", where=f"{name}:{number}"))
            continue
        left_out += read_one is None
        found += [read_one] if read_one else []
    if problems and (not found or len(problems) > len(found)):
        raise InputError(
            f"{len(problems)} entries can't be read",
            where=name,
            hint="its formats: docs/reproduction.md",
            problems=tuple(problems[:_PROBLEMS_SHOWN]),
        )
    if not found:
        raise InputError("no request in it", where=name, hint="its formats: docs/reproduction.md")
    notes = [f"{len(problems)} {unit}s could not be read, the first at {problems[0].where}"] if problems else []
    notes += [f"{left_out} requests for pictures, styles, scripts and the like are left out"] if left_out else []
    # Sorted by time where there is one: logs of several workers are not in order. The sort is stable.
    found.sort(key=lambda pair: pair[0].at or datetime.min.replace(tzinfo=UTC))
    exchanges = tuple(_numbered(exchange, index) for index, (exchange, _) in enumerate(found))
    hosts = tuple(sorted({host for _, host in found if host}))
    return Recording(exchanges=exchanges, hosts=hosts, source=name, notes=tuple(notes))


def _numbered(exchange: Exchange, index: int) -> Exchange:
    return Exchange(
        index=index,
        request=exchange.request,
        response=exchange.response,
        at=exchange.at,
        account=exchange.account,
        user=exchange.user,
        trace=exchange.trace,
    )


def _of_har(entry: Mapping[str, Any]) -> _Read | None:
    asked, given = entry["request"], entry["response"]
    if entry.get("_resourceType") in _ASSETS or asked["method"] == "OPTIONS":
        return None
    parts = urlsplit(asked["url"])
    content = given.get("content") or {}
    request = Request(
        method=asked["method"].upper(),
        path=parts.path or "/",
        query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        headers=_kept((h["name"], h["value"]) for h in asked.get("headers", ())),
        body=str((asked.get("postData") or {}).get("text") or ""),
    )
    body = _decoded(content.get("text") or "", content.get("encoding") or "")
    response = Response(status=int(given["status"]), headers=_kept((h["name"], h["value"]) for h in given.get("headers", ())), body=body)
    more = {key: str(entry.get(f"_{key}") or "") for key in ("account", "user", "trace")}
    return Exchange(index=0, request=request, response=response, at=_moment(entry.get("startedDateTime")), **more), parts.hostname or ""


def _of_line(line: str) -> _Read | None:
    return _of_entry(json.loads(line))


def _of_entry(entry: Mapping[str, Any]) -> _Read | None:
    """Read a flat entry, or one of a gateway that keeps request and response apart."""
    asked, given = _nested(entry, "request"), _nested(entry, "response")
    url = _first(entry, asked, "url", "uri", "path", "request_uri", "target")
    parts = urlsplit(str(url))
    query: Any = parts.query or _maybe(entry, asked, "query", "querystring", "query_string") or ""
    pairs = tuple(_pairs(query)) if isinstance(query, Mapping) else tuple(parse_qsl(str(query).lstrip("?"), keep_blank_values=True))
    headers = tuple(_pairs(_maybe(entry, {}, "request_headers") or asked.get("headers") or {}))
    request = Request(
        method=str(_first(entry, asked, "method", "request_method", "http_method")).upper(),
        path=parts.path or "/",
        query=pairs,
        headers=_kept(headers),
        body=_body(_maybe(entry, {}, "request_body") if "request_body" in entry else asked.get("body")),
    )
    response = Response(
        status=int(_first(entry, given, "status", "status_code", "statusCode")),
        headers=_kept(_pairs(_maybe(entry, {}, "response_headers", "resp_headers") or given.get("headers") or {})),
        body=_body(_maybe(entry, {}, "response_body", "resp_body") if {"response_body", "resp_body"} & set(entry) else given.get("body")),
    )
    host = parts.hostname or next((value for key, value in headers if key.lower() == "host"), "") or str(entry.get("host") or "")
    who = {
        "account": str(_maybe(entry, {}, "account", "account_id", "tenant") or ""),
        "user": str(_maybe(entry, {}, "user", "user_id") or ""),
        "trace": str(_maybe(entry, {}, "trace", "trace_id") or ""),
    }
    at = _moment(_maybe(entry, {}, "at", "time", "timestamp", "started_at", "time_iso8601", "ts"))
    return Exchange(index=0, request=request, response=response, at=at, **who), host.split(":")[0]


def _nested(entry: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = entry.get(name)
    return found if isinstance(found, Mapping) else {}


def _maybe(entry: Mapping[str, Any], inner: Mapping[str, Any], *names: str) -> Any:
    return next((place[name] for place in (entry, inner) for name in names if place.get(name) not in (None, "")), None)


def _first(entry: Mapping[str, Any], inner: Mapping[str, Any], *names: str) -> Any:
    found = _maybe(entry, inner, *names)
    if found is None:
        raise KeyError(names[0])
    return found


def _of_access(line: str) -> _Read | None:
    match = _COMBINED.match(line)
    if match is None:
        raise ValueError("no line of an access log")
    parts = urlsplit(match["url"])
    fields = {key.removesuffix("_id"): value for key, value in _FIELD.findall(match["rest"])}
    remote = str(match["user"])
    user = str(fields.get("user") or (remote if remote != "-" else ""))
    exchange = Exchange(
        index=0,
        request=Request(method=match["method"], path=parts.path or "/", query=tuple(parse_qsl(parts.query, keep_blank_values=True))),
        response=Response(status=int(match["status"])),
        at=datetime.strptime(match["at"], "%d/%b/%Y:%H:%M:%S %z").astimezone(UTC),
        account=fields.get("account", ""),
        user=user,
        trace=fields.get("trace", ""),
    )
    return exchange, parts.hostname or ""


def _pairs(headers: Any) -> Iterator[tuple[str, str]]:
    if isinstance(headers, Mapping):
        for key, value in headers.items():
            for one in value if isinstance(value, list) else [value]:
                yield str(key), str(one)
    else:
        for key, value in headers:
            yield str(key), str(value)


def _kept(headers: Iterable[tuple[str, str]]) -> Pairs:
    """Return the headers that belong to the request, without those of its way through the network."""
    return tuple((str(name), str(value)) for name, value in headers if not _DROPPED.fullmatch(name.lower()))


def _body(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _decoded(text: str, encoding: str) -> str:
    if encoding != "base64":
        return text
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return text


def _moment(value: Any) -> datetime | None:
    """Read a time with a zone, or a number of seconds, milliseconds, microseconds or nanoseconds since 1970 (told by its size)."""
    if not value:
        return None
    if isinstance(value, int | float) or str(value).isdigit():
        number = float(value)
        for scale in (1e9, 1e6, 1e3, 1.0):
            if number / scale > _YEAR_2001:
                return datetime.fromtimestamp(number / scale, tz=UTC)
        raise ValueError(f"{value} is no time")
    at = datetime.fromisoformat(str(value))
    if at.tzinfo is None:
        raise ValueError(f"the time {value} has no zone")
    return at.astimezone(UTC)
