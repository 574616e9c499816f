"""Files that name their columns in a line `#Fields:`: W3C extended logs (IIS, CloudFront, Exchange) and Zeek's.

Times of the columns `date` and `time` are UTC, as the format has it (W3C, Extended Log File Format, 1996); Zeek's `ts` counts seconds.
"""

from __future__ import annotations

import re
from typing import Final

from bridge.logs.formats.access import named_fields
from bridge.logs.names import usual_names
from bridge.logs.records import HEADER, JOINED, Format, Instant, Outcome, Record, Rejected
from bridge.logs.times import Clockwork, TimeError, parse_text, zone_of

_FIELDS: Final = re.compile(r"#fields:?[ \t]+", re.IGNORECASE)
_SEPARATOR: Final = re.compile(r"#separator \\x([0-9a-f]{2})$")
_QUOTED: Final = re.compile(r'"((?:[^"]++|"")*+)"|(\S+)')
_NOTHING: Final = frozenset({"-", "", "(empty)"})
_UTC: Final = Clockwork(zone=zone_of("UTC"))
_ACCESS: Final = {
    "cs-method": "request_method",
    "cs-uri-stem": "uri",
    "cs-uri-query": "args",
    "sc-status": "status",
    "sc-bytes": "bytes_sent",
    "c-ip": "remote_addr",
    "cs-username": "remote_user",
    "cs(User-Agent)": "http_user_agent",
    "cs(Referer)": "http_referer",
    "time-taken": "request_time",
}


def w3c() -> Format:
    """Return the format for one file: its columns are those of the last header."""
    columns: list[str] = []
    separator = [""]

    def decode(text: str) -> Outcome:
        if text.startswith("#"):
            if found := _SEPARATOR.match(text):
                separator[0] = chr(int(found[1], 16))
            elif found := _FIELDS.match(text):
                separator[0] = separator[0] or ("\t" if "\t" in text else "")
                columns[:] = _split(text[found.end() :], separator[0])
            return HEADER
        if not columns:
            return Rejected("no line `#Fields:` is before it")
        values = (
            text.split(separator[0]) if separator[0] else text.split("\t") if text.count("\t") == len(columns) - 1 else _split(text, "")
        )
        if len(values) != len(columns):
            return JOINED if text[:1].isspace() else Rejected(f"{len(values)} columns instead of {len(columns)}")
        return _record({name: value for name, value in zip(columns, values, strict=True) if value not in _NOTHING})

    return Format(name="w3c", decode=decode, restarts=lambda _: True, spans=True, composed=True)


def is_w3c(lines: list[str]) -> bool:
    """Tell whether a file begins so: a header among the lines with `#` at its beginning."""
    for line in lines:
        if not line.startswith("#"):
            return False
        if _FIELDS.match(line):
            return True
    return False


def _split(text: str, separator: str) -> list[str]:
    if separator:
        return text.split(separator)
    return [found[2] if found[2] is not None else found[1].replace('""', '"') for found in _QUOTED.finditer(text)]


def _record(values: Record) -> Outcome:
    day, clock = values.pop("date", None), values.pop("time", None)
    if clock is not None:
        try:
            values["at"] = Instant(parse_text(f"{day} {clock}" if day is not None else clock, _UTC))
        except TimeError as error:
            return Rejected(str(error))
    elif not any(name in values for name in usual_names("at")):
        return Rejected("no time: neither date and time nor ts is among the columns")
    if "sc-status" not in values and "cs-method" not in values:
        return values
    return named_fields({_ACCESS.get(name, name): value for name, value in values.items()})
