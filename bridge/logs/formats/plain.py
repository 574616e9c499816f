"""Plain text whose events begin with a time, or have it behind the same few words: loggers of many languages, error logs of servers.

A line without a time belongs to the event before it (stack traces, wrapped text).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date
from typing import Final

import msgspec

from bridge.logs.formats.described import UPPER, described
from bridge.logs.formats.leads import Lead, learned, level_before, mark_level
from bridge.logs.records import JOINED, Format, Instant, Joined, Outcome, Record, Rejected
from bridge.logs.times import Clockwork, TimeError, on_day, parse_head, parse_text

_DAYS_AND_MONTHS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_MAYBE_HEAD: Final = re.compile(
    rf"(?:\[?(?P<level>{UPPER})\]?[:\s-]{{1,10}})?\[?(?=\d\d|\d[/.-]|(?:{_DAYS_AND_MONTHS}))",
    re.IGNORECASE,
)
_GLOG: Final = re.compile(
    r"(?P<level>[IWEF])(?P<day>(?:\d\d)?\d{4}) (?P<clock>\d\d:\d\d:\d\d\.\d+)\s+(?P<pid>\d+) (?P<source>[^\s\]]+:\d+)(?:\]| ) ?"
)
_RUBY: Final = re.compile(r"[DIWEFA], \[(?P<time>\d{4}-\d\d-\d\dT[\d:.]+) #(?P<pid>\d+)\]\s+(?P<level>[A-Z]+) -- (?P<logger>[^:\n]*): ?")
_RAILS: Final = re.compile(r'(?P<tags>(?:\[[^\]\n]*\] )*)Started [A-Z]+ "[^"]*" for \S+ at (?P<time>\d{4}-\d\d-\d\d [\d:.]+ [+-]\d{4})$')
_REQUEST: Final = re.compile(r"\[([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\] ?")
_CLOCK: Final = re.compile(r"\[?((\d\d):\d\d:\d\d(?:[.,]\d{1,9})?)(?=[\s\]])")
_HALF_A_DAY: Final = 12
_BEHIND: Final = "],:|; \t"
_COLOURS: Final = re.compile(r"(?<![\w.-])(?:\x1b\[[\d;]*[mK])+|(?:\x1b\[[\d;]*[mK])+(?![\w.-])")
"""Colours for a terminal; not inside a word, which would be another one without them."""
_SAMPLED: Final = 200
_CLOSING: Final = {"(": ")", "<": ">", '"': '"'}


def plain(clockwork: Clockwork, lines: Sequence[str] = ()) -> Format:
    """Return the format for a file with these first lines."""
    if clockwork.date is not None:
        return _clocked(clockwork, clockwork.date)
    lead = _lead(lines)

    def decode(text: str) -> Outcome:
        if "\x1b" in text:
            text = uncoloured(text)
        head = _MAYBE_HEAD.match(text)
        try:
            found = parse_head(text, head.end(), clockwork) if head is not None else None
            if found is None or head is None:
                return _led(text, lead, clockwork) if lead is not None else _headless(text, clockwork)
        except TimeError as error:
            return Rejected(str(error))
        at, end = found
        rest = text[end:].lstrip(_BEHIND)
        record = _object(rest) if rest.startswith("{") and rest.endswith("}") else None
        return {**(record or described(rest, head["level"])), "at": Instant(at)}

    name = "text" if lead is None else f"text, its time behind {lead.told}"
    return Format(name=name, decode=decode, restarts=lambda _: True, pairs=True, located=lead is None)


def uncoloured(text: str) -> str:
    """Return a text without the colours of a terminal."""
    return _COLOURS.sub("", text)


def _lead(lines: Sequence[str]) -> Lead | None:
    """Return what stands before the times of most lines, where these are more than those that begin with one."""
    judged = Clockwork(zone=UTC, year=2000)
    sample = [uncoloured(line) for line in lines[:_SAMPLED]]
    form = plain(judged) if sample else None
    usual = sum(not isinstance(form.decode(line), Joined) for line in sample) if form is not None else 0
    return learned(sample, judged, usual) if usual * 2 < len(sample) else None


def _led(text: str, lead: Lead, clockwork: Clockwork) -> Outcome:
    found = lead.time(text, clockwork)
    if found is None:
        return _headless(text, clockwork)
    at, begin, end = found
    before = text[:begin]
    rest = text[end:].removeprefix(_CLOSING.get(before[-1:], " ")).lstrip(_BEHIND)
    level, rest = mark_level(before, rest)
    if not rest.strip("= "):
        rest = ""
    record = (_object(rest) if rest.startswith("{") and rest.endswith("}") else None) or described(rest, level or level_before(before))
    shown = before.strip(" \t[](<|:=-#")
    return {**({"before": shown} if shown else {}), **record, "at": Instant(at)}


def _clocked(clockwork: Clockwork, first: date) -> Format:
    """Return the format of lines that begin with the time of day only, logback's default: the day goes on at midnight."""
    state = [first.toordinal(), 0]

    def decode(text: str) -> Outcome:
        if "\x1b" in text:
            text = uncoloured(text)
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
        return {**described(text[match.end() :].lstrip(_BEHIND)), "at": Instant(at)}

    return Format(name="text by day", decode=decode, restarts=lambda _: True, pairs=True, spans=True)


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
    if "Started " in text and (match := _RAILS.match(text)):
        tags = _REQUEST.search(match["tags"])
        request = {"request_id": tags[1]} if tags else {}
        return {"at": Instant(parse_text(match["time"], clockwork)), **request, "message": text[len(match["tags"]) :]}
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
    day = match["day"]
    found = parse_head(f"{day[:2]}-{day[2:]} {match['clock']}" if len(day) == 4 else f"{day} {match['clock']}", 0, clockwork)  # noqa: PLR2004
    if found is None:
        return JOINED
    return {
        "at": Instant(found[0]),
        "level": match["level"],
        "pid": match["pid"],
        "source": match["source"],
        "message": text[match.end() :],
    }
