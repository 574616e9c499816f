"""Access logs of nginx and Apache in the combined (and common) form, with further key=value pairs or texts at the end."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from bridge.logs.formats.json_lines import CONTINUATION
from bridge.logs.formats.logfmt import pairs
from bridge.logs.records import JOINED, Format, Instant, Outcome, Record, Rejected
from bridge.logs.times import Clockwork, TimeError, parse_text

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_LINE: Final = re.compile(rf"(\S+) (\S+) (.*?) ?\[([^\]]+)\] {_QUOTED} (\d{{3}}) (\d+|-)(?: {_QUOTED} {_QUOTED})?(?: (.*))?$")
_REQUEST: Final = re.compile(r"([A-Z]{2,20}) (\S+)(?: (HTTP/\S+))?$")
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

    return Format(name="nginx", decode=decode, restarts=lambda _: True)


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


def _named(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)
