"""Plain text whose events begin with a time: log4j and logback, Python logging, Go, glog, bracketed forms.

A line without a time at its start belongs to the event before it (stack traces, wrapped text).
"""

from __future__ import annotations

import re
from typing import Final

from bridge.logs.records import JOINED, Format, Instant, Outcome, Record, Rejected
from bridge.logs.times import Clockwork, TimeError, parse_head

_WORDS = "TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|SEVERE|CRIT(?:ICAL)?|FATAL|PANIC|ALERT|EMERG|FINE(?:R|ST)?"
_MAYBE_HEAD: Final = re.compile(
    rf"(?:\[?(?P<level>{_WORDS})\]?[:\s-]{{1,4}})?\[?(?=\d\d|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b)",
    re.IGNORECASE,
)
_GLOG: Final = re.compile(
    r"(?P<level>[IWEF])(?P<month>\d\d)(?P<day>\d\d) (?P<clock>\d\d:\d\d:\d\d\.\d+)\s+(?P<pid>\d+) (?P<source>[^\s\]]+:\d+)\] "
)
_LEVEL: Final = re.compile(
    rf"(?P<before>(?:\[[^\]\n]{{0,80}}\]\s*|[\w.$/-]{{1,80}}\s+-\s+|\(?\d{{1,10}}(?:#\d+:)?\)?\s+){{0,3}}?)"
    rf"[\[<|]?(?P<level>{_WORDS}|[a-z]*(?:debug|info|notice|warn(?:ing)?|error|crit(?:ical)?|fatal|alert|emerg)|[VDIWEF](?= [\w.]+\s*:))"
    r"[\]>|]?(?=[\s:,|-]|$)[\s:,|]*(?:-\s+)?(?P<rest>.*)",
    re.DOTALL,
)
_SOURCE: Final = re.compile(
    r"(?:(?P<pid>\d+)\s+---\s+)?(?:\[(?P<thread>[^\]\n]*)\]\s+)?"
    r"(?:(?P<logger>(?:[\w$-]+\.)+[\w$\[\]./#-]*|[\w$.-]+(?=\s+[:-]\s))(?:\s*:\s+|\s+-\s+))?(?:[:-]\s+)?",
)
_BRACKET: Final = re.compile(r"\[([^\]]*)\]")


def plain(clockwork: Clockwork) -> Format:
    """Return the format."""

    def decode(text: str) -> Outcome:
        head = _MAYBE_HEAD.match(text)
        try:
            if head is None:
                return _glog(text, clockwork)
            found = parse_head(text, head.end(), clockwork)
        except TimeError as error:
            return Rejected(str(error))
        if found is None:
            return JOINED
        at, end = found
        return _record(at, head["level"], text[end:].lstrip("],:|; \t"))

    return Format(name="text", decode=decode, restarts=lambda _: True, pairs=True)


def _record(at: int, level: str | None, rest: str) -> Record:
    """Split what follows the time: level, thread, logger, message."""
    record: Record = {"at": Instant(at)}
    if level:
        record["level"] = level
    else:
        rest = rest.removeprefix("- ")
        match = _LEVEL.match(rest)
        if match is None:
            record["message"] = rest
            return record
        record["level"] = match["level"]
        before, rest = match["before"].strip(), match["rest"]
        if before:
            bracket = _BRACKET.fullmatch(before)
            record["thread" if bracket else "source"] = bracket[1] if bracket else before.removesuffix("-").strip()
    source = _SOURCE.match(rest)
    if source:
        record.update((key, value) for key, value in source.groupdict().items() if value)
        rest = rest[source.end() :]
    record["message"] = rest
    return record


def _glog(text: str, clockwork: Clockwork) -> Outcome:
    match = _GLOG.match(text)
    if match is None:
        return JOINED
    found = parse_head(f"{match['month']}-{match['day']} {match['clock']}", 0, clockwork)
    if found is None:
        return JOINED
    return {
        "at": Instant(found[0]),
        "level": match["level"],
        "pid": match["pid"],
        "source": match["source"],
        "message": text[match.end() :],
    }
