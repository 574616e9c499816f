"""Syslog: RFC 5424, and RFC 3164 as daemons write it to files, with and without the priority."""

from __future__ import annotations

import re
from typing import Final

from bridge.logs.records import JOINED, Format, Instant, Outcome, Record, Rejected
from bridge.logs.times import Clockwork, TimeError, parse_head, parse_text

_NEW: Final = re.compile(
    r"(?:\d{1,6} )?<(\d{1,3})>1 (\S+) (\S+) (\S+) (\S+) (\S+) (-|(?:\[(?:[^\]\\\"]++|\\.|\"(?:[^\"\\]++|\\.)*+\")*+\])+)(?: (.*))?$",
    re.DOTALL,
)
_PRIORITY: Final = re.compile(r"(?:\d{1,6} )?<(\d{1,3})>(?=\S)")
_EPOCH: Final = re.compile(r"1\d{9}\.\d{6}(?= )")
_OLD: Final = re.compile(
    r"\s(?P<host>[\w.:-]*[\w.-]) (?P<app>[^\s:\[]{1,64}(?:\([^)]*\))?)(?:\[(?P<pid>\d+)\])?(?: \([^)\n]*\))?:(?: |$|(?=\d+\|))(?P<message>.*)",
    re.DOTALL,
)
_PARAMETER: Final = re.compile(r'([^\s=\]"]+)="((?:[^"\\]++|\\.)*+)"')
_SEVERITIES: Final = 8


def syslog(clockwork: Clockwork) -> Format:
    """Return the format. Severity gives the level; app, host, pid and structured data become fields."""

    def decode(text: str) -> Outcome:
        try:
            return _new(text, clockwork) or _old(text, clockwork)
        except TimeError as error:
            return Rejected(str(error))

    return Format(name="syslog", decode=decode, restarts=lambda _: True, pairs=True)


def _new(text: str, clockwork: Clockwork) -> Record | None:
    match = _NEW.match(text)
    if match is None:
        return None
    record: Record = {"at": Instant(parse_text(match[2], clockwork)), "level": int(match[1]) % _SEVERITIES}
    record.update((name, value) for name, value in zip(("host", "app", "pid", "msgid"), match.groups()[2:6], strict=True) if value != "-")
    record.update((name, re.sub(r"\\(.)", r"\1", value)) for name, value in _PARAMETER.findall(match[7]) if name not in record)
    record["message"] = (match[8] or "").removeprefix("\ufeff")
    return record


def _old(text: str, clockwork: Clockwork) -> Outcome:
    priority = _PRIORITY.match(text)
    start = priority.end() if priority else 0
    number = _EPOCH.match(text, start)
    found = (parse_text(number[0], clockwork), number.end()) if number else parse_head(text, start, clockwork)
    if found is None:
        return Rejected("no syslog line") if priority else JOINED
    record: Record = {"at": Instant(found[0])}
    if priority:
        record["level"] = int(priority[1]) % _SEVERITIES
    match = _OLD.match(text, found[1])
    if match is None:
        return {**record, "message": text[found[1] :].strip()}
    record.update((name, value) for name, value in match.groupdict().items() if value is not None)
    return record
