"""JSON lines: one object a line, mostly. What else happens is read too, or rejected with a reason."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

from bridge.logs.formats.exports import exported
from bridge.logs.records import JOINED, Format, Open, Outcome, Parsed, Record, Rejected

_DECODER: Final = msgspec.json.Decoder()
# NaN and infinities are no JSON: they become texts. strict=False: control characters inside strings.
_LENIENT: Final = json.JSONDecoder(strict=False, parse_constant=str)
CONTINUATION: Final = re.compile(
    r"\s+\S|Caused by:|Traceback |at \S+\(|\.\.\. \d+ |Suppressed:|Wrapped by:|During handling |The above exception |goroutine \d|panic:"
    r"|(?:[\w$]+\.)+[\w$]*(?:Exception|Error|Throwable)\b|[A-Z]\w*(?:Exception|Error)(?::|$)"
)
"""Lines of a stack trace between structured lines."""


_EXPORTS: Final = ("resourceLogs", "logEvents", "stream")


def json_lines() -> Format:
    """Return the format."""
    return Format(name="json", decode=_decode, restarts=lambda line: line.startswith("{"))


def _decode(text: str) -> Outcome:
    try:
        value = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _repair(text)
    if type(value) is dict:
        return value if value.keys().isdisjoint(_EXPORTS) else exported(value)
    return Rejected("JSON, but no object")


def _repair(text: str) -> Outcome:
    """Read what a strict decoder refuses: two objects on a line, NaN, control characters, lone surrogates."""
    body = text.strip()
    if not body.startswith("{"):
        return JOINED if CONTINUATION.match(text) else Rejected("no JSON object")
    if text.rstrip() == "{" or "\n" in text:
        return _wrapped(text)
    records: list[Record] = []
    position = 0
    try:
        while position < len(body) and body[position] == "{":
            value, position = _LENIENT.raw_decode(body, position)
            records.append(_clean(value))
            while position < len(body) and body[position] in " \t,":
                position += 1
    except ValueError as error:
        if not records:
            return Rejected(f"cut or broken JSON: {_where(error)}")
    except RecursionError:
        return Rejected("JSON nested too deeply")
    if len(records) == 1 and position >= len(body):
        return records[0]
    return Parsed(tuple(records), body[position:])


def _wrapped(text: str) -> Outcome:
    """Read an object that was printed over several lines."""
    try:
        value = _LENIENT.decode(text.strip())
    except ValueError as error:
        return Open(f"cut or broken JSON: {_where(error)}")
    except RecursionError:
        return Rejected("JSON nested too deeply")
    return _clean(value) if isinstance(value, dict) else Rejected("JSON, but no object")


def _where(error: ValueError) -> str:
    return f"{error.msg.removesuffix(' at')} in column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)


def _clean(value: Any) -> Any:
    """Replace lone surrogates, which no UTF-8 can hold, and floats out of range."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value
