"""What to declare in bridge.yaml, where most lines of a file are rejected: from the reason, and from what the lines look like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from bridge.logs.times import Clockwork, TimeError, parse_value, zone_of

_CLOCK: Final = re.compile(r"[\[(]?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?[\s\])]")
_SINCE: Final = re.compile(r"\[ *\d{1,9}\.\d{3,9}\] |[A-Z]{4}\[\d{4,}\] ")
_OWN: Final = (
    "formats: {NAME: {pattern: '(?P<at>...) (?P<level>\\w+) (?P<message>.*)', samples: ['a line']}}, and format: NAME for the source"
)
_STEPS: Final = (
    ("time without a zone", "declare zone: UTC (or Europe/Berlin, +02:00) for the source in bridge.yaml; here: --zone UTC"),
    ("ambiguous in ", "lines whose times carry an offset can be read; these could be either of two hours"),
    ("zone '", "declare zone: Europe/Berlin (the zone whose abbreviation it is) for the source in bridge.yaml; here: --zone Europe/Berlin"),
    ("day, month or year first", "declare dates: ymd, dmy or mdy for the source in bridge.yaml; here: --dates ymd"),
    ("time without a year", "declare year: 2026 for the source in bridge.yaml"),
    (
        "no access log line",
        "declare the server's own: formats: {NAME: {log_format: '...', samples: ['a line']}}, and format: NAME for the source",
    ),
    ("does not match", "bridge logs formats check tells which lines the format misses"),
    ("no line `#Fields:`", "the header with the names of the columns is missing: " + _OWN),
    ("no key=value pairs", "declare another format (bridge logs formats list), or one of your own: " + _OWN),
    ("no JSON object", "declare another format (bridge logs formats list), or one of your own: " + _OWN),
)


def next_step(reason: str, lines: Sequence[str]) -> str:
    """Return what helps against a reason of rejection, seen such lines; empty where nothing is to be declared."""
    for words, step in _STEPS:
        if reason.startswith(words):
            return step
    if reason.startswith("no time: looked for"):
        names = _times_in(lines)
        return f"declare where the time is: fields: {{at: {names[0] if names else 'NAME'}}}, with the format, for the source in bridge.yaml"
    if "columns instead of" in reason:
        return "declare columns: [...] and delimiter: for the source in bridge.yaml, with format: csv"
    if reason.startswith("no event begins here"):
        return _without_times(lines)
    return ""


def _without_times(lines: Sequence[str]) -> str:
    most = len(lines) / 2
    if sum(_CLOCK.match(line) is not None for line in lines) >= most:
        return "lines begin with a time of day only: declare format: text, date: YYYY-MM-DD (the day of the first line) and zone: UTC for the source"
    if sum(_SINCE.match(line) is not None for line in lines) >= most:
        return "lines tell seconds since a start, which no declaration places: take them with their times (dmesg --time-format iso, journalctl -o short-iso)"
    return (
        "no line begins with a known time: if there is one, declare "
        + _OWN
        + "; if there is none, let the program write it, or what keeps its lines (docker logs -t, kubectl logs --timestamps, journalctl -o short-iso)"
    )


def _times_in(lines: Sequence[str]) -> list[str]:
    """Return names of fields that hold times, in the first lines that are objects or key=value pairs."""
    from bridge.logs.formats.logfmt import pairs

    clockwork = Clockwork(zone=zone_of("UTC"), year=2000, order="ymd")
    for line in lines:
        try:
            record: Any = msgspec.json.decode(line) if line.startswith("{") else pairs(line)[0]
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            continue
        found = [name for name, value in _leaves(record, "", 0) if _is_time(value, clockwork)]
        if found:
            return found
    return []


def _leaves(value: Any, name: str, depth: int) -> list[tuple[str, Any]]:
    if not isinstance(value, dict) or depth > 3:  # noqa: PLR2004 - deeper, nobody keeps the time
        return [(name, value)]
    return [leaf for key, item in value.items() for leaf in _leaves(item, f"{name}.{key}" if name else str(key), depth + 1)]


def _is_time(value: Any, clockwork: Clockwork) -> bool:
    try:
        parse_value(value, clockwork)
    except TimeError:
        return False
    return True
