"""Plain text whose events begin with a time: log4j and logback, Python logging, Go, glog, Ruby's logger, bracketed forms.

A line without a time at its start belongs to the event before it (stack traces, wrapped text).
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

import msgspec

from bridge.logs.records import JOINED, Format, Instant, Outcome, Record, Rejected
from bridge.logs.times import Clockwork, TimeError, on_day, parse_head, parse_text

_WORDS = "TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|SEVERE|CRIT(?:ICAL)?|FATAL|PANIC|ALERT|EMERG|FINE(?:R|ST)?"
_MAYBE_HEAD: Final = re.compile(
    rf"(?:\[?(?P<level>{_WORDS})\]?[:\s-]{{1,4}})?\[?(?=\d\d|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b)",
    re.IGNORECASE,
)
_GLOG: Final = re.compile(
    r"(?P<level>[IWEF])(?P<month>\d\d)(?P<day>\d\d) (?P<clock>\d\d:\d\d:\d\d\.\d+)\s+(?P<pid>\d+) (?P<source>[^\s\]]+:\d+)\] "
)
_RUBY: Final = re.compile(r"[DIWEFA], \[(?P<time>\d{4}-\d\d-\d\dT[\d:.]+) #(?P<pid>\d+)\]\s+(?P<level>[A-Z]+) -- (?P<logger>[^:\n]*): ?")
_RAILS: Final = re.compile(r'Started [A-Z]+ "[^"]*" for \S+ at (?P<time>\d{4}-\d\d-\d\d [\d:.]+ [+-]\d{4})$')
_REQUEST: Final = re.compile(r"\[([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\] ?")
_LEVEL: Final = re.compile(
    rf"(?P<before>(?:\[[^\]\n]{{0,80}}\]\s*|[\w.$/-]{{1,80}}\s+-\s+|[\w-]{{1,40}}\t|\(?\d{{1,10}}(?:#\d+:)?\)?\s+){{0,3}}?)"
    rf"(?:\[\w{{1,20}}:|[\[<|])?(?P<level>{_WORDS}|[a-z]*(?:debug|info|notice|warn(?:ing)?|error|crit(?:ical)?|fatal|alert|emerg)|[VDIWEF](?= [\w.]+\s*:))"
    r"[\]>|]?(?=[\s:,|-]|$)[\s:,|]*(?:-\s+)?(?P<rest>.*)",
    re.DOTALL,
)
_SOURCE: Final = re.compile(
    r"(?:(?P<pid>\d+)\s+---\s+)?(?:\[(?P<thread>[^\]\n]*)\]\s+)?"
    r"(?:(?P<logger>(?:[\w$-]+\.)+[\w$\[\]./#-]*|[\w$.-]+(?=\s+[:-]\s))(?:\s*:\s+|\s+-\s+))?(?:[:-]\s+)?",
)
_CLOCK: Final = re.compile(r"\[?((\d\d):\d\d:\d\d(?:[.,]\d{1,9})?)(?=[\s\]])")
_HALF_A_DAY: Final = 12
_BRACKET: Final = re.compile(r"\[([^\]]*)\]")


def plain(clockwork: Clockwork) -> Format:
    """Return the format."""
    if clockwork.date is not None:
        return _clocked(clockwork, clockwork.date)

    def decode(text: str) -> Outcome:
        head = _MAYBE_HEAD.match(text)
        try:
            if head is None:
                return _headless(text, clockwork)
            found = parse_head(text, head.end(), clockwork)
        except TimeError as error:
            return Rejected(str(error))
        if found is None:
            return JOINED
        at, end = found
        rest = text[end:].lstrip("],:|; \t")
        record = _object(rest) if rest.startswith("{") and rest.endswith("}") else None
        return {**(record or described(rest, head["level"])), "at": Instant(at)}

    return Format(name="text", decode=decode, restarts=lambda _: True, pairs=True)


def _clocked(clockwork: Clockwork, first: date) -> Format:
    """Return the format of lines that begin with the time of day only, logback's default: the day goes on at midnight."""
    state = [first.toordinal(), 0]

    def decode(text: str) -> Outcome:
        match = _CLOCK.match(text)
        if match is None:
            return JOINED
        hour = int(match[2])
        day = state[0] + (hour + _HALF_A_DAY < state[1])
        try:
            at = on_day(date.fromordinal(day), match[1], clockwork)
        except TimeError as error:
            return Rejected(str(error))
        state[:] = [day, hour]
        return {**described(text[match.end() :].lstrip("],:|; \t")), "at": Instant(at)}

    return Format(name="text by day", decode=decode, restarts=lambda _: True, pairs=True, spans=True)


def described(text: str, level: str | None = None) -> Record:
    """Split what follows the time: level, thread, logger, message."""
    record: Record = {}
    rest = text
    if level:
        record["level"] = level
    else:
        rest = rest.removeprefix("- ")
        match = _LEVEL.match(rest)
        if match is None:
            return {"message": rest}
        record["level"] = match["level"]
        before, rest = match["before"].strip(), match["rest"]
        if before:
            bracket = _BRACKET.fullmatch(before)
            record["thread" if bracket else "source"] = bracket[1].strip() if bracket else before.removesuffix("-").strip()
    source = _SOURCE.match(rest)
    if source:
        record.update((key, value.strip()) for key, value in source.groupdict().items() if value)
        rest = rest[source.end() :]
    record["message"] = rest
    return record


def _object(text: str) -> Record | None:
    """Return the object that stands behind a time, as exports to files write it."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None  # a text that only looks like an object
    return value if isinstance(value, dict) and value else None


def _headless(text: str, clockwork: Clockwork) -> Outcome:
    """Read forms that begin with a letter; anything else goes on the line before."""
    if text[1:3] == ", ":
        return _ruby(text, clockwork)
    if text.startswith("Started ") and (match := _RAILS.match(text)):
        return {"at": Instant(parse_text(match["time"], clockwork)), "message": text}
    return _glog(text, clockwork)


def _ruby(text: str, clockwork: Clockwork) -> Outcome:
    """Read Ruby's Logger, as Rails and Puma's applications use it; Rails puts the request's id before the message."""
    match = _RUBY.match(text)
    if match is None:
        return JOINED
    record: Record = {"at": Instant(parse_text(match["time"], clockwork)), "level": match["level"], "pid": match["pid"]}
    if match["logger"].strip():
        record["logger"] = match["logger"].strip()
    request = _REQUEST.match(text, match.end())
    if request:
        record["request_id"] = request[1]
    record["message"] = text[request.end() if request else match.end() :]
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
