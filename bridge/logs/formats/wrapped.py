"""Lines around lines: Docker's json-file, and the CRI of Kubernetes (containerd, CRI-O). Inside is another format.

The time inside counts where it can be read without guessing, else the wrapper's, which always has a zone. A long line
that the runtime cut into parts is one again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any, Final

import msgspec

from bridge.logs.formats.described import described
from bridge.logs.formats.json_lines import CONTINUATION
from bridge.logs.names import usual_names
from bridge.logs.records import Format, Instant, Joined, Open, Outcome, Parsed, Record
from bridge.logs.times import Clockwork, TimeError, parse_text

_CRI: Final = re.compile(r"(\d{4}-\d\d-\d\dT\S+) (stdout|stderr) ([FP])(?::\S*)?(?: (.*))?$", re.DOTALL)
_DOCKER: Final = frozenset({"log", "stream", "time"})
_CLOCK: Final = re.compile(r"\[?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\]?\s+")
_PART: Final = 16 * 1024
"""Bytes at which Docker cuts a line; a shorter one without a newline was written so."""
_PARTIAL: Final = "a part of a line, and its end is missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """One wrapped line."""

    at: int
    stream: str
    text: str
    partial: bool
    """The line goes on in the next one of its stream."""


Unwrap = Callable[[str], Wrapped | None]


def docker(text: str) -> Wrapped | None:
    """Return what a line of Docker's json-file holds; None: it is no such line."""
    if not text.startswith("{"):
        return None
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if type(value) is not dict or not value.keys() >= _DOCKER or not isinstance(value["log"], str):
        return None
    inside = value["log"]
    partial = not inside.endswith("\n") and len(inside.encode("utf-8", "replace")) >= _PART
    return _made(value["time"], str(value["stream"]), inside.rstrip("\r\n"), partial=partial)


def cri(text: str) -> Wrapped | None:
    """Return what a line of a Kubernetes container log holds; None: it is no such line."""
    match = _CRI.match(text)
    return _made(match[1], match[2], match[4] or "", partial=match[3] == "P") if match else None


def goes_on(text: str) -> bool:
    """Tell whether a text goes on the event before it: blank, indented, or of a stack trace."""
    return not text.strip() or text[0] in " \t" or CONTINUATION.match(text) is not None


def _made(time: Any, stream: str, text: str, *, partial: bool) -> Wrapped | None:
    try:
        at = parse_text(str(time), Clockwork())
    except TimeError:
        return None
    return Wrapped(at=at, stream=stream, text=text, partial=partial)


def wrapped(name: str, unwrap: Unwrap, make: Callable[[Clockwork], Format], clockwork: Clockwork, *, timed: bool) -> Format:
    """Return the format; `make` gives the format inside, `timed`: its events begin with a time, and other lines go on them."""
    own = make(clockwork)
    shape = make(replace(clockwork, zone=UTC, year=clockwork.year or 2000))  # for the fields only: the time is the wrapper's
    streams = [""]  # of the last event: what goes on it comes from the same one

    def inside(line: Wrapped) -> Outcome:
        outcome = _event(line, own, shape, timed=timed)
        if isinstance(outcome, Joined) and streams[0] not in {"", line.stream}:
            outcome = {"stream": line.stream, **described(line.text), "at": Instant(line.at)}
        if isinstance(outcome, dict):
            streams[0] = line.stream
        return outcome

    def decode(text: str) -> Outcome:
        lines = [unwrap(line) for line in text.split("\n")]
        if lines == [None]:
            return own.decode(text)
        return _together([line for line in lines if line is not None], inside)

    return Format(name=name, decode=decode, restarts=lambda line: unwrap(line) is None, pairs=True, spans=True)


def _event(line: Wrapped, own: Format, shape: Format, *, timed: bool) -> Outcome:
    """Return what one line holds: with its own time where that can be read, else with the wrapper's."""
    outer: Record = {"stream": line.stream}
    record = _object(line.text) if line.text.startswith("{") else None
    if record is not None:
        known = any(key in record for key in usual_names("at"))
        return {**outer, **record} if known else {**outer, **record, "at": Instant(line.at)}
    outcome = own.decode(line.text)
    if isinstance(outcome, dict):
        return {**outer, **outcome}
    if isinstance(outcome, Joined) and timed:
        return Joined(line.text)
    outcome = shape.decode(line.text)
    if isinstance(outcome, dict):
        return {**outer, **outcome, "at": Instant(line.at)}
    if goes_on(line.text):
        return Joined(line.text)
    return {**outer, **described(_CLOCK.sub("", line.text, count=1)), "at": Instant(line.at)}


def _together(lines: Sequence[Wrapped], inside: Callable[[Wrapped], Outcome]) -> Outcome:
    """Return the event of one line, or of its parts; whole lines of the other stream may stand between them."""
    first = lines[0]
    parts = [line for line in lines if line.stream == first.stream]
    text = "".join(part.text for part in parts)
    outcome = inside(replace(first, text=text, partial=False))
    if len(lines) == 1 and not first.partial:
        return outcome
    others = [inside(line) for line in lines if line.stream != first.stream]
    # The event before has been given out: what would go on it is an event of its own, with the wrapper's time.
    whole = outcome if isinstance(outcome, dict) else {"stream": first.stream, "at": Instant(first.at), "message": text}
    records = (whole, *(record for record in others if isinstance(record, dict)))
    made = whole if len(records) == 1 else Parsed(records, repaired=False)
    return Open(_PARTIAL, made) if parts[-1].partial else made


def _object(text: str) -> Record | None:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None  # a text that only begins like an object
    return value if isinstance(value, dict) and value else None
