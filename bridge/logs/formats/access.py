"""Access logs of nginx and Apache in the combined (and common) form, with further key=value pairs or texts at the end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from http import HTTPStatus
from typing import Final

from bridge.logs.formats.json_lines import CONTINUATION
from bridge.logs.formats.logfmt import pairs
from bridge.logs.records import JOINED, Format, Instant, Outcome, Record, Rejected
from bridge.logs.times import Clockwork, TimeError, parse_text

_QUOTED = r'"((?:[^"\\]++|\\.)*+)"'  # possessive: a long text costs no memory for ways back
_LINE: Final = re.compile(
    rf"(?:[\w.-]+:\d+ )?(\S+) (\S+) (.{{0,500}}?) ?\[([^\[\]]{{1,60}})\] {_QUOTED} (\d{{3}}) (\d+|-)(?: {_QUOTED} {_QUOTED})?(?: (.*))?$"
)
_REQUEST: Final = re.compile(r"([A-Z]{2,20}) (\S+)(?: (HTTP/\S+))?$")
_TIMES: Final = ("time_iso8601", "time_local", "msec")
_COMBINED: Final = {
    "body_bytes_sent": "bytes",
    "bytes_sent": "bytes",
    "http_referer": "referer",
    "http_user_agent": "user_agent",
    "request_method": "method",
    "request_uri": "path",
    "uri": "path",
    "http_x_request_id": "request_id",
}
_APACHE: Final = {
    "h": "remote_addr",
    "a": "remote_addr",
    "l": "remote_logname",
    "u": "remote_user",
    "t": "time_local",
    "r": "request",
    "m": "request_method",
    "U": "uri",
    "q": "args",
    "H": "server_protocol",
    "s": "status",
    "b": "body_bytes_sent",
    "B": "body_bytes_sent",
    "O": "bytes_sent",
    "I": "request_length",
    "D": "request_time_us",
    "T": "request_time",
    "v": "server_name",
    "V": "server_name",
    "p": "server_port",
    "P": "pid",
    "L": "log_id",
    "A": "server_addr",
    "X": "connection",
    "k": "connection_requests",
}
_SERVER_ERROR: Final = 500
_CLIENT_ERROR: Final = 400


def access(clockwork: Clockwork) -> Format:
    """Return the format. Level: ERROR for status 5xx, WARN for 4xx, else INFO; the message is method, path and status.

    The status stands there with its name, so that templates, which mask numbers, tell one status from another.
    """

    def decode(text: str) -> Outcome:
        match = _LINE.match(text)
        if match is None:
            return JOINED if CONTINUATION.match(text) else Rejected("no access log line: cut, or another log_format")
        try:
            at = Instant(parse_text(match[4], clockwork))
        except TimeError as error:
            return Rejected(str(error))
        return _record(match, at)

    return Format(name="nginx", decode=decode, restarts=lambda _: True, composed=True)


def custom(name: str, pattern: re.Pattern[str], clockwork: Clockwork) -> Format:
    """Return the format of a `log_format`, compiled by `pattern_of`: level and message as in the combined form."""

    def decode(text: str) -> Outcome:
        match = pattern.match(text)
        if match is None:
            return JOINED if CONTINUATION.match(text) else Rejected(f"does not match the log_format of {name}")
        fields = {key: value for key, value in match.groupdict().items() if value not in {None, "-", ""}}
        time = next((fields.pop(key) for key in _TIMES if key in fields), None)
        try:
            at = Instant(parse_text(time or "", clockwork))
        except TimeError as error:
            return Rejected(str(error))
        return {"at": at, **named_fields(fields)}

    return Format(name=name, decode=decode, restarts=lambda _: True, composed=True)


def pattern_of(log_format: str) -> re.Pattern[str]:
    """Compile nginx's `log_format` (with `$names`) or Apache's `LogFormat` (with `%h`); ValueError says what is wrong.

    A value ends at the character that follows it; in double quotes it may hold escaped ones.
    """
    parts = _nginx_parts(log_format) if "$" in log_format else _apache_parts(log_format)
    names = [part for part, is_name in parts if is_name]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"{', '.join(doubled)} stands twice")
    if not set(_TIMES) & set(names):
        raise ValueError("it holds no time: $time_local, $time_iso8601 or $msec; %t")
    pattern = ""
    for place, (part, is_name) in enumerate(parts):
        if not is_name:
            pattern += re.escape(part)
            continue
        before = parts[place - 1][0][-1:] if place else ""
        after = parts[place + 1][0][:1] if place + 1 < len(parts) else ""
        if place + 1 < len(parts) and parts[place + 1][1]:
            raise ValueError(f"nothing stands between {part} and {parts[place + 1][0]}")
        if before == after == '"':
            value = r'(?:[^"\\]++|\\.)*+'
        elif part.startswith("upstream_") and after in {" ", ""}:  # several servers: `10.0.0.1:80, 10.0.0.2:80`
            value = r"[^\s,:]+(?::\d+)?(?:(?:,| :) [^\s,:]+(?::\d+)?)*"
        else:
            value = f"[^{re.escape(after)}]*" if after else ".*"
        pattern += f"(?P<{part}>{value})"
    return re.compile(pattern + "$")


def _nginx_parts(text: str) -> list[tuple[str, bool]]:
    """Split at `$name` and `${name}`: (text, is it a name)."""
    pieces = re.split(r"\$(?:\{(\w+)\}|(\w+))", text)
    return _parts(pieces[0::3], [one or two for one, two in zip(pieces[1::3], pieces[2::3], strict=True)])


def _apache_parts(text: str) -> list[tuple[str, bool]]:
    """Split at Apache's directives, under nginx's names; `%t` has its brackets with it."""
    pieces = re.split(r"%[<>!0-9,]*(?:\{([^}]+)\}([a-zA-Z]+)|(\^?[a-zA-Z]+?(?![a-z])|[a-zA-Z]))", text)
    if len(pieces) == 1:
        raise ValueError("it holds no $name and no %directive")
    literals, names = pieces[0::4], []
    for number, (argument, kind, plain) in enumerate(zip(pieces[1::4], pieces[2::4], pieces[3::4], strict=True)):
        if plain == "t":
            literals[number] += "["
            literals[number + 1] = "]" + literals[number + 1]
        header = re.sub(r"\W", "_", (argument or "").lower())
        names.append(f"http_{header}" if kind == "i" else f"{header}_{kind}" if argument else _APACHE.get(plain, f"field_{plain}"))
    return _parts(literals, names)


def _parts(literals: Sequence[str], names: Sequence[str]) -> list[tuple[str, bool]]:
    found = [(literals[0], False)]
    for name, literal in zip(names, literals[1:], strict=True):
        found += [(name, True), (literal, False)]
    return [(part, is_name) for part, is_name in found if part]


def named_fields(fields: Record) -> Record:
    """Return the fields of a log_format under the names of the combined form, with level and message."""
    record = {_COMBINED.get(key, key): value for key, value in fields.items()}
    status = record.get("status", "")
    code = int(status) if str(status).isdigit() else 0
    if code:
        record["status"] = code
        record["level"] = "ERROR" if code >= _SERVER_ERROR else "WARN" if code >= _CLIENT_ERROR else "INFO"
    if str(record.get("bytes", "")).isdigit():
        record["bytes"] = int(record["bytes"])
    request = record.pop("request", None) or " ".join(str(record[key]) for key in ("method", "path") if key in record)
    parts = _REQUEST.match(request)
    if parts:
        record["method"], record["path"] = parts[1], parts[2]
        request = f"{parts[1]} {parts[2]}"
    record["message"] = f"{request} {_named(code)}" if code else request
    return record


def _record(match: re.Match[str], at: Instant) -> Record:
    address, _, user, _, request, status, size, referer, agent, rest = match.groups()
    code = int(status)
    record: Record = {"at": at, "level": "ERROR" if code >= _SERVER_ERROR else "WARN" if code >= _CLIENT_ERROR else "INFO"}
    parts = _REQUEST.match(request)
    if parts:
        record["message"] = f"{parts[1]} {parts[2]} {_named(code)}"
        record["method"], record["path"] = parts[1], parts[2]
    else:
        record["message"] = f"{request} {_named(code)}"
    record["status"] = code
    if size != "-":
        record["bytes"] = int(size)
    for key, value in (("remote_addr", address), ("remote_user", user), ("referer", referer), ("user_agent", agent)):
        if value and value != "-":
            record[key] = value
    if rest:
        more, words = pairs(rest)
        record.update((key, value) for key, value in more.items() if key not in record)
        if words:
            record["extra"] = words
    return record


@cache
def _named(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)
