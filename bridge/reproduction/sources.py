"""Recordings from files: HAR, request logs with bodies (JSON lines), access logs. Text in, a `Recording` out."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from bridge.errors import InputError, Problem
from bridge.model.exchange import Exchange, Pairs, Recording, Request, Response

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


def read(text: str, *, name: str) -> Recording:
    """Read a recording; the format is seen from the text. InputError lists what is wrong with it, with file and line."""
    start = text.lstrip("\ufeff \t\r\n")
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
    optional account, user, trace. Bodies may be text or JSON.
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
    entry = json.loads(line)
    parts = urlsplit(str(entry.get("url") or entry["path"]))
    query = parts.query or str(entry.get("query") or "")
    asked = entry.get("request_headers") or {}
    request = Request(
        method=str(entry["method"]).upper(),
        path=parts.path or "/",
        query=tuple(parse_qsl(query.lstrip("?"), keep_blank_values=True)),
        headers=_kept(_pairs(asked)),
        body=_body(entry.get("request_body")),
    )
    response = Response(
        status=int(entry["status"]), headers=_kept(_pairs(entry.get("response_headers") or {})), body=_body(entry.get("response_body"))
    )
    host = parts.hostname or next((value for key, value in _pairs(asked) if key.lower() == "host"), "") or str(entry.get("host") or "")
    who = {
        "account": str(entry.get("account") or entry.get("account_id") or ""),
        "user": str(entry.get("user") or ""),
        "trace": str(entry.get("trace") or entry.get("trace_id") or ""),
    }
    return Exchange(index=0, request=request, response=response, at=_moment(entry.get("at") or entry.get("time")), **who), host.split(":")[
        0
    ]


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
    if not value:
        return None
    at = datetime.fromisoformat(str(value))
    if at.tzinfo is None:
        raise ValueError(f"the time {value} has no zone")
    return at.astimezone(UTC)
